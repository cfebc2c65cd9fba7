//! A line is a record if the standard library and `serde_json` say so, with the same texts, and else not.

use raftfast::error::FaultKind;
use raftfast::scan::{Buffer, Keys, Line, MAX_DEPTH, Scanner, Spans, unescape};
use raftfast::text::Text;
use serde::de::IgnoredAny;
use serde_json::Value;

const KEYS: [&str; 3] = ["instruction", "cot_answer", "context"];
const WHITE: [char; 3] = [' ', '\t', '\r'];

/// Checks each line.
pub fn line(data: &[u8]) {
    data.split(|&byte| byte == b'\n').for_each(one_line);
}

fn one_line(line: &[u8]) {
    let (scanned, spans) = scan(line);
    let whole = (!line.iter().all(|byte| b" \t\r".contains(byte))).then(|| is_record(line));
    match scanned {
        Line::Blank { .. } => assert_eq!(whole, None),
        Line::Record { .. } => {
            assert_eq!(whole, Some(true), "{}", line.escape_ascii());
            assert_values(line, &spans);
        }
        Line::Bad { fault, .. } => {
            assert_eq!(whole, Some(false), "{fault:?}: {}", line.escape_ascii());
            assert_first(&line[..fault.offset]);
        }
    }
}

fn scan(line: &[u8]) -> (Line, Spans) {
    let buffer = Buffer::from_bytes(line).unwrap();
    let mut spans = Spans::default();
    (Scanner::best().line(&buffer, 0, &Keys::new(KEYS), &mut spans), spans)
}

/// Says that nothing is wrong with what stands before a fault, but that it ends there.
fn assert_first(head: &[u8]) {
    if let (Line::Bad { fault, .. }, _) = scan(head) {
        assert_eq!(fault.kind, FaultKind::CutOff, "{}", head.escape_ascii());
    }
}

/// The values of no member are read here, only passed over: so numbers may be of any size.
fn is_record(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    text.trim_start_matches(WHITE).starts_with('{')
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
        && depth(text) <= MAX_DEPTH
        && char::decode_utf16(units(text)).all(|character| character.is_ok())
}

/// Arrays and objects inside one another, in valid JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string) = (0, 0, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => {
                bytes.next();
            }
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Valid JSON in UTF-16, its unicode escapes resolved.
fn units(text: &str) -> Vec<u16> {
    let (mut units, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        let length = if let Some(digits) = rest[at + 1..].strip_prefix('u') {
            units.push(u16::from_str_radix(&digits[..4], 16).unwrap());
            6
        } else {
            units.push(u16::from(b'\\'));
            2
        };
        rest = &rest[at + length..];
    }
    units.extend(rest.encode_utf16());
    units
}

/// Says that the values found are those of `serde_json`, if that can read the record: it gives up at
/// numbers that no f64 holds and at a depth of 128.
fn assert_values(line: &[u8], spans: &Spans) {
    let Ok(record) = serde_json::from_slice::<Value>(line) else { return };
    for (place, key) in KEYS.into_iter().enumerate() {
        let raw = &line[spans[place].start..spans[place].end];
        let found: Option<Value> = (!raw.is_empty()).then(|| serde_json::from_slice(raw).unwrap());
        assert_eq!(found.as_ref(), record.get(key), "{}", line.escape_ascii());
        if let Some(Value::String(text)) = found {
            assert_text(&raw[1..raw.len() - 1], &text);
        }
    }
}

fn assert_text(raw: &[u8], text: &str) {
    assert_eq!(Text::Escaped(raw).to_plain(), text);
    let mut unescaped = Vec::new();
    unescape(raw, &mut unescaped).unwrap();
    assert_eq!(unescaped, text.as_bytes());
}
