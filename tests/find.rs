//! A search finds every place where a pair may stand, on every CPU path alike.

#![allow(missing_docs)]

use proptest::prelude::*;
use raftfast::scan::{Cpu, Pairs, Scanner, find};

const PAIRS: [(u8, u8); 12] = [
    (b'<', b's'),
    (b'<', b'<'),
    (b'<', b'/'),
    (b'<', b'\\'),
    (b'[', b'I'),
    (b'm', b':'),
    (b't', b':'),
    (b'0', b'3'),
    (b'0', b'5'),
    (b'a', b'b'),
    (b'b', b'c'),
    (b'c', b'd'),
];

/// The places, found the slow way.
fn expected(text: &[u8]) -> Vec<usize> {
    let pairs = Pairs::new(&PAIRS);
    let places = (1..text.len()).filter(|&at| pairs.may_be(text[at - 1], text[at]));
    places.collect()
}

/// The places up to the one that is taken, on all CPU paths.
fn found(text: &[u8], taken: usize) -> Vec<Vec<usize>> {
    let pairs = Pairs::new(&PAIRS);
    let scanners = Cpu::ALL.into_iter().filter_map(Scanner::for_cpu).map(Some);
    let places = |scanner: Option<Scanner>| {
        let mut places = Vec::new();
        let judge = |place| {
            places.push(place);
            places.len() == taken
        };
        let ended = match scanner {
            Some(scanner) => scanner.find(text, &pairs, judge),
            None => find(text, &pairs, judge),
        };
        assert_eq!(ended, places.len() == taken);
        places
    };
    scanners.chain([None]).map(places).collect()
}

proptest! {
    #[test]
    fn every_place_is_found_in_order(
        text in "([a-z0-9<:/\\[I\u{e9}\u{20ac}]|\\\\|<s|m:|[a-z]{1,70}){0,60}", taken in 1usize..20
    ) {
        let mut expected = expected(text.as_bytes());
        expected.truncate(taken);
        for places in found(text.as_bytes(), taken) {
            prop_assert_eq!(&places, &expected, "{}", text);
        }
    }
}

#[test]
fn every_pair_may_be_one_and_nothing_else_than_ascii() {
    let pairs = Pairs::new(&PAIRS);
    assert!(PAIRS.iter().all(|&(first, second)| pairs.may_be(first, second)));
    let all = (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).map(move |second| (first, second)));
    let taken: Vec<_> = all.filter(|&(first, second)| pairs.may_be(first, second)).collect();
    assert!(taken.iter().all(|(first, second)| first.is_ascii() && second.is_ascii()));
    assert!(taken.len() < 200, "{} of 65,536 are too many to be of use", taken.len());
}

/// Those of the texts that Nova forbids, and `r:`: more than there are groups.
const NOVA: [&[u8; 2]; 19] = [
    b"M:", b"R:", b"T:", b"Us", b"m:", b"r:", b"t:", b"<i", b"<v", b"[E", b"[\\", b"3A", b"3C",
    b"3a", b"3c", b"5B", b"5b", b"69", b"76",
];

proptest! {
    #[test]
    fn no_pair_that_is_frequent_in_prose_is_taken_for_one(nova in Just(NOVA.to_vec()).prop_shuffle()) {
        let pairs: Vec<_> = nova.iter().map(|&&[first, second]| (first, second)).collect();
        let pairs = Pairs::new(&pairs);
        let frequent = br"\ntehasr. ,";
        let all = frequent.iter().flat_map(|first| frequent.map(|second| (*first, second)));
        let taken: Vec<_> = all.filter(|&(first, second)| pairs.may_be(first, second)).collect();
        prop_assert!(taken.is_empty(), "{:?}", taken);
    }
}
