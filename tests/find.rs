//! A search finds every place where a byte or the start of its escape stands, on every CPU path alike.

#![allow(missing_docs)]

use proptest::prelude::*;
use raftfast::scan::{Anchors, Cpu, Scanner, find};

const ANCHORS: Anchors = Anchors { bytes: *b"<[:", digits: *b"353" };

/// The places, found the slow way.
fn expected(text: &[u8]) -> Vec<usize> {
    let is_escape = |rest: &[u8]| rest.starts_with(br"\u003") || rest.starts_with(br"\u005");
    let stands = |&at: &usize| ANCHORS.bytes.contains(&text[at]) || is_escape(&text[at..]);
    (0..text.len()).filter(stands).collect()
}

/// The places up to the one that is taken, on all CPU paths.
fn found(text: &[u8], taken: usize) -> Vec<Vec<usize>> {
    let scanners = Cpu::ALL.into_iter().filter_map(Scanner::for_cpu).map(Some);
    let places = |scanner: Option<Scanner>| {
        let mut places = Vec::new();
        let judge = |place| {
            places.push(place);
            places.len() == taken
        };
        let ended = match scanner {
            Some(scanner) => scanner.find(text, &ANCHORS, judge),
            None => find(text, &ANCHORS, judge),
        };
        assert_eq!(ended, places.len() == taken);
        places
    };
    scanners.chain([None]).map(places).collect()
}

proptest! {
    #[test]
    fn every_place_is_found_in_order(
        text in "([a-z0<:\\[]|\\\\|\\\\u00[0-9a-f]|\\\\u003c|[a-z]{1,70}){0,60}", taken in 1usize..20
    ) {
        let mut expected = expected(text.as_bytes());
        expected.truncate(taken);
        for places in found(text.as_bytes(), taken) {
            prop_assert_eq!(&places, &expected, "{}", text);
        }
    }
}
