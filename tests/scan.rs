//! The scanner accepts what `serde_json` accepts and nothing else, on every CPU path alike.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use raftfast::error::FaultKind;
use raftfast::scan::{Buffer, Cpu, Keys, Line, MAX_DEPTH, Scanner, Spans};

const KEYS: [&str; 2] = ["instruction", "cot_answer"];

fn scanners() -> Vec<Scanner> {
    Cpu::ALL.into_iter().filter_map(Scanner::for_cpu).collect()
}

/// Scans a line, which must be all there is, and gives the texts of the wanted values.
fn scan(scanner: Scanner, line: &[u8]) -> (Line, Vec<Vec<u8>>) {
    let buffer = Buffer::from_bytes(line).unwrap();
    let mut spans = Spans::default();
    let scanned = scanner.line(&buffer, 0, &Keys::new(KEYS), &mut spans);
    let texts = (0..KEYS.len()).map(|key| line[spans[key].start..spans[key].end].to_vec());
    let texts = if matches!(scanned, Line::Record { .. }) { texts.collect() } else { Vec::new() };
    (scanned, texts)
}

/// The verdict of all CPU paths, which must be one.
fn verdict(line: &[u8]) -> (Line, Vec<Vec<u8>>) {
    let verdicts: Vec<_> = scanners().into_iter().map(|scanner| scan(scanner, line)).collect();
    for verdict in &verdicts {
        assert_eq!(*verdict, verdicts[0], "{}", line.escape_ascii());
    }
    verdicts[0].clone()
}

fn is_accepted(line: &[u8]) -> bool {
    matches!(verdict(line).0, Line::Record { .. })
}

fn fault(line: &[u8]) -> (FaultKind, usize) {
    match verdict(line).0 {
        Line::Bad { fault, .. } => (fault.kind, fault.offset),
        other => panic!("{other:?}: {}", line.escape_ascii()),
    }
}

/// What an independent parser says; `None` where it stops at a number that no f64 holds, which is
/// JSON, and does not look any further.
fn oracle_accepts(line: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<serde_json::Value>(line) {
        Ok(value) => Some(value.is_object()),
        Err(error) => (!error.to_string().contains("out of range")).then_some(false),
    }
}

fn json() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[ -~]{0,90}", "\\PC{0,90}", "([a-z]|\u{fc}|\u{4e2d}|\u{1f600}){0,90}",];
    let string = (text, any::<bool>()).prop_map(|(text, ascii)| {
        let quoted = serde_json::to_string(&text).unwrap();
        if ascii { quoted.replace('\u{fc}', "\\u00FC").replace('/', "\\/") } else { quoted }
    });
    let leaf = prop_oneof![
        4 => string,
        1 => any::<i32>().prop_map(|n| n.to_string()),
        1 => any::<f32>().prop_map(|n| serde_json::to_string(&n).unwrap()),
        1 => prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5)
                .prop_map(|v| format!("[{}]", v.join(", "))),
            proptest::collection::vec(("[a-z]{0,8}", inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(k, v)| format!("\"{k}\" :{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn record() -> impl Strategy<Value = String> {
    (json(), json(), json())
        .prop_map(|(a, b, c)| format!("{{\"instruction\":{a},\"extra\":{b}, \"cot_answer\":{c}}}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn valid_records_are_accepted_and_their_values_found(line in record()) {
        let (scanned, texts) = verdict(line.as_bytes());
        prop_assert_eq!(scanned, Line::Record { start: 0, end: line.len(), next: line.len() });
        let oracle: serde_json::Value = serde_json::from_str(&line).unwrap();
        for (key, text) in KEYS.iter().zip(texts) {
            let found: serde_json::Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(&found, &oracle[*key]);
        }
    }

    #[test]
    fn mutated_records_get_the_verdict_of_serde_json(
        line in record(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut line = line.into_bytes();
        for (place, byte, edit) in edits {
            if line.is_empty() {
                break;
            }
            let at = place.index(line.len());
            let structural = b"\"\\{}[]:,u0\x80\xed";
            match edit {
                0 => line[at] = byte,
                1 => line[at] = structural[usize::from(byte) % structural.len()],
                2 => drop(line.remove(at)),
                _ => line.truncate(at.max(1)),
            }
        }
        line.retain(|&byte| byte != b'\n');
        prop_assume!(!line.trim_ascii().is_empty());
        let accepted = is_accepted(&line);
        prop_assert_eq!(accepted, oracle_accepts(&line).unwrap_or(accepted), "{}", line.escape_ascii());
    }
}

#[test]
fn a_bad_byte_is_found_at_every_offset_of_every_string() {
    let bad: [(&[u8], FaultKind, usize); 14] = [
        (b"\x01", FaultKind::ControlCharacter, 0),
        (b"\x1f", FaultKind::ControlCharacter, 0),
        (b"\\x", FaultKind::InvalidEscape, 0),
        (b"\\0", FaultKind::InvalidEscape, 0),
        (b"\\u12G4", FaultKind::InvalidEscape, 0),
        (b"\\u123", FaultKind::InvalidEscape, 0),
        (b"\\ud800", FaultKind::LoneSurrogate, 0),
        (b"\\udfff\\ud800", FaultKind::LoneSurrogate, 0),
        (b"\\ud83d\\ud83d\\ude00", FaultKind::LoneSurrogate, 0),
        (b"\xc3", FaultKind::InvalidUtf8, 0),
        (b"\xc0\x80", FaultKind::InvalidUtf8, 0),
        (b"\xed\xa0\x80", FaultKind::InvalidUtf8, 0),
        (b"\xf4\x90\x80\x80", FaultKind::InvalidUtf8, 0),
        ("ü\u{80}".as_bytes().split_last().unwrap().1, FaultKind::InvalidUtf8, 2),
    ];
    for (bytes, kind, within) in bad {
        for offset in 0..=130 {
            for (head, tail) in
                [("{\"k\":[\"", "\"]}"), ("{\"", "\":1}"), ("{\"cot_answer\":\"", "\"}")]
            {
                let mut line = format!("{head}{}", "a".repeat(offset)).into_bytes();
                let at = line.len() + within;
                line.extend_from_slice(bytes);
                line.extend_from_slice(tail.as_bytes());
                assert_eq!(fault(&line), (kind.clone(), at), "{}", line.escape_ascii());
            }
        }
    }
}

#[test]
fn legal_neighbours_of_bad_bytes_are_accepted_at_every_offset() {
    let good = [
        "\\\\",
        "\\\"",
        "\\/",
        "\\u12a4",
        "\\uD83D\\uDE00",
        "\\ud7ff",
        "\\ue000",
        "ü",
        "中",
        "😀",
        "\u{7f}",
    ];
    for text in good {
        for offset in 0..=130 {
            let value = format!("\"{}{text}{text}\"", "a".repeat(offset));
            let line = format!("{{\"x\":{value},\"cot_answer\":{value}}}");
            assert_eq!(verdict(line.as_bytes()).1[1], value.as_bytes());
        }
    }
}

#[test]
fn runs_of_backslashes_end_where_they_should() {
    for length in 0..200 {
        for offset in [0, 1, 62, 63, 64] {
            let value = format!("\"{}{}\"", "a".repeat(offset), "\\".repeat(length));
            let line = format!("{{\"cot_answer\":{value}}}");
            assert_eq!(is_accepted(line.as_bytes()), length % 2 == 0, "{line}");
        }
    }
}

#[test]
fn nesting_is_counted_and_not_recursed() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(is_accepted(nested(MAX_DEPTH - 1).as_bytes()));
    let deep = nested(MAX_DEPTH);
    assert_eq!(
        fault(deep.as_bytes()),
        (FaultKind::TooDeep { limit: MAX_DEPTH }, 5 + MAX_DEPTH - 1)
    );
    assert_eq!(
        fault(&b"{\"a\":".iter().chain(vec![b'['; 500_000].iter()).copied().collect::<Vec<_>>()).0,
        FaultKind::TooDeep { limit: MAX_DEPTH }
    );
}

#[test]
fn keys_are_compared_decoded_and_the_last_one_counts() {
    let rows: [(&str, &str); 6] = [
        (r#"{"instr\u0075ction":"a"}"#, "\"a\""),
        (r#"{"instruction":"a","instruction":"b"}"#, "\"b\""),
        (r#"{"instruction":"a","\u0069nstruction":null}"#, "null"),
        (r#"{"x":{"instruction":"a"}}"#, ""),
        (r#"{"x":"\"instruction\":\"a\""}"#, ""),
        (r#"{"Instruction":"a","instruction ":"b","instructio":"c"}"#, ""),
    ];
    for (line, expected) in rows {
        assert_eq!(verdict(line.as_bytes()).1[0], expected.as_bytes(), "{line}");
    }
}

#[test]
fn lines_follow_one_another_and_one_bad_line_does_not_eat_the_next() {
    let text = b"{\"a\":1}\r\n\n \t\r\n{\"a\":\"\n{}\n{\"b\":2}";
    for scanner in scanners() {
        let buffer = Buffer::from_bytes(text).unwrap();
        let mut spans = Spans::default();
        let mut kinds = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let line = scanner.line(&buffer, at, &Keys::default(), &mut spans);
            let (Line::Blank { next } | Line::Record { next, .. } | Line::Bad { next, .. }) = line;
            kinds.push(match line {
                Line::Blank { .. } => "blank",
                Line::Record { .. } => "record",
                Line::Bad { .. } => "bad",
            });
            at = next;
        }
        assert_eq!(kinds, ["record", "blank", "blank", "bad", "record", "record"]);
    }
}
