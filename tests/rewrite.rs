//! Escaped text becomes its characters and characters become escaped text, as another program has
//! them, on every CPU path alike.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use arrow_array::{Array, StringArray};
use arrow_buffer::OffsetBuffer;
use common::spelled;
use proptest::prelude::*;
use raftfast::scan::{Ascii, Cpu, Scanner, Spelled, Texts, escape, respell, unescape};

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

/// The same in ASCII.
fn respelled(text: Spelled<'_>, length: usize, ascii: Ascii) -> Vec<u8> {
    let mut chosen = Vec::with_capacity(6 * length + 64);
    assert_eq!(respell(text, ascii, &mut chosen), length);
    for scanner in Cpu::ALL.into_iter().filter_map(Scanner::for_cpu) {
        let mut out = Vec::with_capacity(6 * length + 64);
        assert_eq!(scanner.respell(text, ascii, &mut out), length);
        assert_eq!(out, chosen, "{:?} {text:?}", scanner.cpu());
    }
    chosen
}

/// Text as Python's `json.dumps` and pandas' `to_json` have it, one character after the other.
fn in_ascii(text: &str, ascii: Ascii) -> String {
    let spelled = |character: char| match character {
        '"' | '\\' => format!("\\{character}"),
        '/' if ascii == Ascii::Pandas => "\\/".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\u{7f}' if ascii == Ascii::Pandas => character.to_string(),
        ' '..'\u{7f}' => character.to_string(),
        _ => {
            let units = character.encode_utf16(&mut [0; 2]).to_vec();
            units.iter().fold(String::new(), |before, unit| format!("{before}\\u{unit:04x}"))
        }
    };
    text.chars().map(spelled).collect()
}

const EACH: [Ascii; 2] = [Ascii::Python, Ascii::Pandas];

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

#[test]
fn escapes_inside_of_escapes_leave_text() {
    let broken = [
        "\\uaaA\\",
        "\\u\\u12345",
        "\\u12\\n4",
        "\\u123\\\\",
        "\\\\\\u12\\t\\t",
        "\\ud83d\\u",
        "\\ud83d\\ude0",
        "\\ud83d\\ude0\\n",
        "\\ud83d\\ude0\\",
        "\\ud83d\\ude\\u0041",
        "\\ud83d\\u1\\u0041",
        "\\ud83d\\n\\ude00",
        "\\ude00\\ud83d",
        "\\u12",
        "\\",
    ];
    for before in 0..130 {
        for escapes in broken {
            for after in ["", "a", &"b".repeat(64)] {
                let text = "a".repeat(before) + escapes + after;
                assert!(String::from_utf8(unescaped(&text)).is_ok(), "{text}");
                let end = i32::try_from(unescaped(&text).len()).unwrap();
                let (column, _) = column(&[raw(text.as_bytes())], &[0, end]);
                column.unwrap().to_data().validate_full().unwrap();
            }
        }
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
    fn text_is_ascii_as_python_and_pandas_write_it(
        text in "([ -~]{0,70}|\\PC|[\0-\u{20}\"\\\\/\u{7f}]){0,20}"
    ) {
        for ascii in EACH {
            let found = respelled(Spelled::Plain(&text), text.len(), ascii);
            prop_assert_eq!(String::from_utf8(found).unwrap(), in_ascii(&text, ascii));
        }
    }

    #[test]
    fn text_is_ascii_however_it_was_spelled(text in spelled()) {
        let plain: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        for ascii in EACH {
            let found = respelled(Spelled::Escaped(text.as_bytes()), text.len(), ascii);
            prop_assert_eq!(String::from_utf8(found).unwrap(), in_ascii(&plain, ascii));
        }
    }

    #[test]
    fn bytes_that_are_no_text_become_ascii_and_do_no_harm(
        raw in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'u')], 0..300)
    ) {
        for ascii in EACH {
            let found = respelled(Spelled::Escaped(&raw), raw.len(), ascii);
            prop_assert!(found.is_ascii());
        }
    }

    #[test]
    fn what_finds_no_room_in_ascii_is_not_taken(
        text in "[a-z\"\n\u{e9}\u{1f600}]{0,300}", room in 0usize..400
    ) {
        let mut out = Vec::with_capacity(room);
        let taken = respell(Spelled::Plain(&text), Ascii::Python, &mut out);
        prop_assert_eq!(String::from_utf8(out.clone()).unwrap(), in_ascii(&text[..taken], Ascii::Python));
        prop_assert!(taken == text.len() || out.capacity() - out.len() < 80);
    }

    #[test]
    fn what_finds_no_room_is_not_taken(text in "[a-z\"\n\u{e9}]{0,300}", room in 0usize..400) {
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
                for ascii in EACH {
                    let spelled = around(escape);
                    let found =
                        respelled(Spelled::Escaped(spelled.as_bytes()), spelled.len(), ascii);
                    assert_eq!(found, spelled.as_bytes());
                }
                let twice = around(&(escape.to_owned() + escape));
                assert_eq!(
                    unescaped(&twice),
                    around(&(character.to_owned() + character)).as_bytes()
                );
            }
        }
    }
}

/// A step on the way to a column.
#[derive(Clone, Debug)]
enum Step {
    Raw(Vec<u8>),
    Plain(String),
    Cut(usize),
}

fn raw(bytes: &[u8]) -> Step {
    Step::Raw(bytes.to_vec())
}

fn plain(text: &str) -> Step {
    Step::Plain(text.to_owned())
}

/// A column of what the steps come to, and its bytes as they must be.
fn column(steps: &[Step], offsets: &[i32]) -> (Result<StringArray, String>, Vec<u8>) {
    let mut texts = Texts::within(b"what was there before".to_vec());
    let mut expected = Vec::new();
    for step in steps {
        match step {
            Step::Raw(raw) => {
                texts.unescape(raw).unwrap();
                unescape(raw, &mut expected).unwrap();
            }
            Step::Plain(text) => {
                texts.push(text).unwrap();
                expected.extend(text.bytes());
            }
            Step::Cut(len) => {
                texts.truncate(*len);
                expected.truncate(*len);
            }
        }
        assert_eq!(texts.len(), expected.len());
    }
    (texts.finish(OffsetBuffer::new(offsets.to_vec().into()), None), expected)
}

#[test]
fn a_column_of_texts_is_utf_8_or_told_not_to_be() {
    let uber = "\u{fc}";
    let long = [&[b'a'; 70], &b"\xff"[..]].concat();
    let ok = "";
    let rows: [(&[Step], &[i32], &str); 17] = [
        (&[], &[0], ok),
        (&[raw(br"\u00fc\n"), plain("\u{20ac}")], &[0, 3, 6], ok),
        (&[raw(uber.as_bytes()), raw(b"a")], &[0, 2, 3], ok),
        (&[raw(&[b'a'; 100]), raw(uber.as_bytes())], &[100, 102], ok),
        (&[raw(b"\xff"), raw(b"a")], &[0, 2], "invalid utf-8"),
        (&[raw(b"a"), raw(b"\xff")], &[0, 2], "invalid utf-8"),
        (&[raw(b"a"), raw(&long)], &[0, 72], "invalid utf-8"),
        (&[raw(b"\xff\\n"), raw(b"a")], &[0, 3], "invalid utf-8"),
        (&[plain("a"), raw(b"\xc3"), plain("b")], &[0, 3], "invalid utf-8"),
        (&[plain(uber), Step::Cut(1)], &[0, 1], "incomplete utf-8"),
        (&[plain(uber), Step::Cut(1), plain("a")], &[0, 2], "invalid utf-8"),
        (&[plain("a\u{fc}"), Step::Cut(1), raw(b"b")], &[0, 2], ok),
        (&[raw(b"a\xc3"), Step::Cut(1), raw(b"b")], &[0, 2], ok),
        (&[plain(uber)], &[0, 1], "ends inside a character"),
        (&[plain(uber)], &[1, 2], "ends inside a character"),
        (&[plain(uber), raw(b"\xff")], &[0, 2], ok),
        (&[plain("a")], &[0, 2], "end after its bytes"),
    ];
    for (steps, offsets, expected) in rows {
        match column(steps, offsets) {
            (Ok(column), bytes) => {
                assert_eq!(expected, ok, "{steps:?}");
                column.to_data().validate_full().unwrap();
                assert_eq!(column.value_data(), bytes, "{steps:?}");
            }
            (Err(why), _) => {
                assert!(expected != ok && why.contains(expected), "{steps:?}: {why}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_column_of_texts_is_taken_where_all_of_it_is_utf_8(
        steps in prop::collection::vec(prop_oneof![
            spelled().prop_map(|text| Step::Raw(text.into_bytes())),
            "([ -~]|\\\\|\\\\u|\\\\ud8|[0-9a-f]{2,4}|[a-z]{50,70}){0,20}"
                .prop_map(|text| Step::Raw(text.into_bytes())),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(Step::Raw),
            "\\PC{0,5}".prop_map(Step::Plain),
            (0usize..30).prop_map(Step::Cut),
        ], 0..6)
    ) {
        let (_, bytes) = column(&steps, &[0]);
        let end = i32::try_from(bytes.len()).unwrap();
        let (found, _) = column(&steps, &[0, end]);
        prop_assert_eq!(found.is_ok(), std::str::from_utf8(&bytes).is_ok());
        if let Ok(column) = found {
            column.to_data().validate_full().unwrap();
        }
    }
}
