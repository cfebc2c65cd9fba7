//! The paths of this CPU agree on spans, on faults and their places, and on what texts become.

use std::fmt::Debug;

use raftfast::scan::{Buffer, Cpu, Keys, Line, Pairs, Scanner, Span, Spans};

const KEYS: [&str; 2] = ["instruction", "cot_answer"];
const PAIRS: [(u8, u8); 5] = [(b'<', b'/'), (b'[', b'I'), (b'm', b':'), (b'0', b'3'), (b'"', b',')];

/// Checks the bytes as lines, as escaped text and as characters.
pub fn cpu_paths(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert_one(data, |scanner| lines(scanner, data));
    assert_one(data, |scanner| places(scanner, data));
    assert_one(data, |scanner| unescaped(scanner, data));
    assert_one(data, |scanner| escaped(scanner, &text));
}

fn assert_one<T: Debug + PartialEq>(data: &[u8], found: impl Fn(Scanner) -> T) {
    let portable = Scanner::for_cpu(Cpu::Portable).map(&found);
    for scanner in Cpu::ALL.into_iter().filter_map(Scanner::for_cpu) {
        assert_eq!(Some(found(scanner)), portable, "{:?}: {}", scanner.cpu(), data.escape_ascii());
    }
}

/// Each line, and where the values of its record are.
fn lines(scanner: Scanner, data: &[u8]) -> Vec<(Line, Vec<Span>)> {
    let buffer = Buffer::from_bytes(data).unwrap();
    let (keys, mut spans) = (Keys::new(KEYS), Spans::default());
    let (mut lines, mut at) = (Vec::new(), 0);
    while at < data.len() {
        let line = scanner.line(&buffer, at, &keys, &mut spans);
        let (Line::Blank { next } | Line::Record { next, .. } | Line::Bad { next, .. }) = line;
        assert!(next > at);
        at = next;
        let found = if matches!(line, Line::Record { .. }) { KEYS.len() } else { 0 };
        lines.push((line, (0..found).map(|key| spans[key]).collect()));
    }
    lines
}

fn places(scanner: Scanner, data: &[u8]) -> Vec<usize> {
    let (pairs, mut places) = (Pairs::new(&PAIRS), Vec::new());
    scanner.find(data, &pairs, |place| {
        places.push(place);
        false
    });
    places
}

fn unescaped(scanner: Scanner, data: &[u8]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    scanner.unescape(data, &mut out).unwrap();
    // What is made columns of without another check.
    assert!(!data.is_ascii() || std::str::from_utf8(&out).is_ok());
    out
}

fn escaped(scanner: Scanner, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(6 * text.len() + 64);
    assert_eq!(scanner.escape(text, &mut out), text.len());
    out
}
