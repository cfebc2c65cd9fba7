//! The structure between the strings: a cursor, no index array, a bit stack instead of recursion.
//!
//! Every function takes the padded bytes of a buffer and a position, and gives the position after
//! what it read, or `None` if that is not JSON. A raw line end is legal nowhere inside a record, so
//! no function ever passes one, and the line ends that pad a buffer stop the last line.

use super::arch::StringScanner;
use super::keys::Quotes;
use super::{Buffer, Keys, MAX_DEPTH, Span, Spans};

/// The first position from `at` on that is not a space, a tab or a carriage return.
#[inline]
pub(super) fn skip_space(bytes: &[u8], at: usize) -> usize {
    if bytes[at] > b' ' { at } else { skip_run(bytes, at) }
}

/// Apart, because most tokens follow one another without space.
fn skip_run(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes[at], b' ' | b'\t' | b'\r') {
        at += 1;
    }
    at
}

/// A whole record from its opening brace; notes where the values of the wanted keys are.
pub(super) fn record<S: StringScanner>(
    scanner: S,
    bytes: &[u8],
    at: usize,
    keys: &Keys,
    spans: &mut Spans,
) -> Option<usize> {
    if bytes[at] != b'{' {
        return None;
    }
    let mut at = skip_space(bytes, at + 1);
    if bytes[at] == b'}' {
        return Some(at + 1);
    }
    loop {
        let key = key(scanner, bytes, at)?;
        let index = keys.find(&bytes[at + 1..key.end], key.escaped);
        let end = match index.filter(|&index| keys.notes(index)) {
            Some(index) => {
                spans.quotes.start(index);
                noted(scanner, bytes, key.value, &mut spans.quotes)?
            }
            None => value(scanner, bytes, key.value)?,
        };
        if let Some(index) = index {
            let value = Span { start: key.value - Buffer::LEAD, end: end - Buffer::LEAD };
            spans.set(index, value, bytes[key.value] == b'n');
        }
        at = skip_space(bytes, end);
        match bytes[at] {
            b',' => at = skip_space(bytes, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

struct Key {
    /// The closing quote.
    end: usize,
    /// The first byte of the value.
    value: usize,
    escaped: bool,
}

/// A key with its colon.
#[inline(always)]
fn key<S: StringScanner>(scanner: S, bytes: &[u8], at: usize) -> Option<Key> {
    if bytes[at] != b'"' {
        return None;
    }
    let text = scanner.string(bytes, at + 1).valid()?;
    let colon = skip_space(bytes, text.end + 1);
    if bytes[colon] != b':' {
        return None;
    }
    Some(Key { end: text.end, value: skip_space(bytes, colon + 1), escaped: text.escaped })
}

#[inline]
fn value<S: StringScanner>(scanner: S, bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        b'{' | b'[' => nested(scanner, bytes, at, |_| {}),
        _ => scalar(scanner, bytes, at),
    }
}

/// The same with the closing quotes in it.
fn noted<S: StringScanner>(
    scanner: S,
    bytes: &[u8],
    at: usize,
    quotes: &mut Quotes,
) -> Option<usize> {
    match bytes[at] {
        b'{' | b'[' => nested(scanner, bytes, at, |quote| quotes.note(quote - Buffer::LEAD)),
        _ => scalar(scanner, bytes, at),
    }
}

#[inline(always)]
fn scalar<S: StringScanner>(scanner: S, bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        b'"' => Some(scanner.string(bytes, at + 1).valid()?.end + 1),
        b'-' | b'0'..=b'9' => number(bytes, at),
        b't' => literal(bytes, at, b"true"),
        b'f' => literal(bytes, at, b"false"),
        b'n' => literal(bytes, at, b"null"),
        _ => None,
    }
}

#[inline]
fn literal(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let whole = at + usize::from(bytes[at] == b'-');
    let mut at = match bytes[whole] {
        b'0' => whole + 1,
        _ => digits(bytes, whole)?,
    };
    if !matches!(bytes[at], b'.' | b'e' | b'E') {
        return Some(at);
    }
    if bytes[at] == b'.' {
        at = digits(bytes, at + 1)?;
    }
    if bytes[at] | 0x20 == b'e' {
        let signed = matches!(bytes[at + 1], b'+' | b'-');
        at = digits(bytes, at + 1 + usize::from(signed))?;
    }
    Some(at)
}

/// One digit or more.
#[inline]
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while bytes[end].is_ascii_digit() {
        end += 1;
    }
    (end > at).then_some(end)
}

/// An array or object inside the record, from its opening bracket. The closing quotes are told to `note`.
fn nested<S: StringScanner>(
    scanner: S,
    bytes: &[u8],
    mut at: usize,
    mut note: impl FnMut(usize),
) -> Option<usize> {
    let mut open = Containers::default();
    loop {
        if matches!(bytes[at], b'[' | b'{') {
            open.push(bytes[at] == b'[')?;
            at = skip_space(bytes, at + 1);
            if bytes[at] != open.closing() {
                at = element(scanner, bytes, at, &open, &mut note)?;
                continue;
            }
        } else {
            let start = at;
            at = scalar(scanner, bytes, start)?;
            if bytes[start] == b'"' {
                note(at - 1);
            }
        }
        at = skip_space(bytes, at);
        while bytes[at] == open.closing() {
            if open.pop() {
                return Some(at + 1);
            }
            at = skip_space(bytes, at + 1);
        }
        if bytes[at] != b',' {
            return None;
        }
        at = element(scanner, bytes, skip_space(bytes, at + 1), &open, &mut note)?;
    }
}

/// Where the next value of the innermost container starts: past the key if it is an object.
#[inline(always)]
fn element<S: StringScanner>(
    scanner: S,
    bytes: &[u8],
    at: usize,
    open: &Containers,
    note: &mut impl FnMut(usize),
) -> Option<usize> {
    if open.closing() == b']' {
        return Some(at);
    }
    let key = key(scanner, bytes, at)?;
    note(key.end);
    Some(key.value)
}

/// The open containers inside the record: a bit each, set for arrays.
struct Containers {
    arrays: [u64; MAX_DEPTH / 64],
    depth: usize,
    closing: u8,
}

impl Default for Containers {
    fn default() -> Self {
        Self { arrays: [0; MAX_DEPTH / 64], depth: 0, closing: 0 }
    }
}

impl Containers {
    /// Opens a container; the record itself, which is not held here, counts as a level.
    #[inline]
    fn push(&mut self, array: bool) -> Option<()> {
        if self.depth + 1 == MAX_DEPTH {
            return None;
        }
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        self.arrays[word] = if array { self.arrays[word] | bit } else { self.arrays[word] & !bit };
        self.depth += 1;
        self.closing = if array { b']' } else { b'}' };
        Some(())
    }

    /// Closes the innermost container; true if it was the last one.
    #[inline]
    fn pop(&mut self) -> bool {
        self.depth -= 1;
        let Some(outer) = self.depth.checked_sub(1) else { return true };
        let array = self.arrays[outer / 64] >> (outer % 64) & 1 == 1;
        self.closing = if array { b']' } else { b'}' };
        false
    }

    /// The byte that closes the innermost container.
    #[inline]
    fn closing(&self) -> u8 {
        self.closing
    }
}
