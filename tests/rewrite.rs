//! Escaped text becomes its characters and characters become escaped text, as another program has
//! them, on every CPU path alike.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::spelled;
use proptest::prelude::*;
use raftfast::scan::{Cpu, Scanner, escape, unescape};

/// What all CPU paths make of a text behind other text, which must be one thing.
fn unescaped(text: &str) -> Vec<u8> {
    let mut chosen = b"before".to_vec();
    unescape(text.as_bytes(), &mut chosen).unwrap();
    for scanner in Cpu::ALL.into_iter().filter_map(Scanner::for_cpu) {
        let mut out = b"before".to_vec();
        scanner.unescape(text.as_bytes(), &mut out).unwrap();
        assert_eq!(out, chosen, "{:?} {text}", scanner.cpu());
    }
    chosen.split_off("before".len())
}

/// What all CPU paths make of characters where there is room, which must be one thing.
fn escaped(text: &str) -> Vec<u8> {
    let mut chosen = Vec::with_capacity(6 * text.len() + 64);
    assert_eq!(escape(text, &mut chosen), text.len());
    for scanner in Cpu::ALL.into_iter().filter_map(Scanner::for_cpu) {
        let mut out = Vec::with_capacity(6 * text.len() + 64);
        assert_eq!(scanner.escape(text, &mut out), text.len());
        assert_eq!(out, chosen, "{:?} {text}", scanner.cpu());
    }
    chosen
}

proptest! {
    #[test]
    fn text_is_unescaped_as_serde_json_does_it(text in spelled()) {
        let expected: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        prop_assert_eq!(String::from_utf8(unescaped(&text)).unwrap(), expected);
    }

    #[test]
    fn text_that_is_not_valid_does_no_harm(
        text in "([ -~]|\\\\|\\\\u|\\\\ud8|[0-9a-f]{2,4}|[a-z]{50,70}){0,40}"
    ) {
        prop_assert!(String::from_utf8(unescaped(&text)).is_ok());
    }
}

proptest! {
    #[test]
    fn text_is_escaped_as_serde_json_does_it(
        text in "([ -~]{0,70}|\\PC|[\0-\u{20}\"\\\\/\u{7f}]){0,20}"
    ) {
        let expected = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(escaped(&text), &expected.as_bytes()[1..expected.len() - 1]);
    }

    #[test]
    fn what_finds_no_room_is_not_taken(text in "[a-z\"\n]{0,300}", room in 0usize..400) {
        let mut out = Vec::with_capacity(room);
        let taken = escape(&text, &mut out);
        prop_assert_eq!(&out, &escaped(&text[..taken]));
        prop_assert!(taken == text.len() || out.capacity() - out.len() < 70);
    }
}

#[test]
fn an_escape_is_found_at_every_place_of_a_block() {
    let escapes =
        [("\\n", "\n"), ("\\\\", "\\"), ("\\u20ac", "\u{20ac}"), ("\\ud83d\\ude00", "\u{1f600}")];
    for before in 0..200 {
        for after in [0, 1, 63, 64, 65] {
            for (escape, character) in escapes {
                let around = |middle: &str| "a".repeat(before) + middle + &"b".repeat(after);
                assert_eq!(unescaped(&around(escape)), around(character).as_bytes());
                let twice = around(&(escape.to_owned() + escape));
                assert_eq!(
                    unescaped(&twice),
                    around(&(character.to_owned() + character)).as_bytes()
                );
            }
        }
    }
}
