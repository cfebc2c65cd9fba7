//! How texts and values are written as JSON.

use std::collections::TryReserveError;

use super::Text;
use super::characters::closing_quote;
use crate::scan::Ascii;

/// How strings are written as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// Escapes as they stand in the input. The fastest, and the default.
    #[default]
    Keep,
    /// The bytes of Python's `json.dumps`: everything but printable ASCII is escaped.
    Ascii,
    /// The bytes of pandas' `to_json`, and so of Gorilla's `format.py`: `/` is escaped as well and
    /// U+007F is not.
    Pandas,
}

impl Escape {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("keep", Self::Keep), ("ascii", Self::Ascii), ("pandas", Self::Pandas)];

    /// What is escaped besides what must be, if texts are written in ASCII.
    pub(super) fn ascii(self) -> Option<Ascii> {
        match self {
            Self::Keep => None,
            Self::Ascii => Some(Ascii::Python),
            Self::Pandas => Some(Ascii::Pandas),
        }
    }

    /// Whether a byte inside a string cannot be copied: one that JSON or this way escapes, or that is
    /// part of such a character.
    #[inline(always)]
    fn is_special(self, byte: u8) -> bool {
        match byte {
            ..b' ' | b'"' | b'\\' => true,
            b'/' => self == Self::Pandas,
            0x7f => self == Self::Ascii,
            0x80.. => self != Self::Keep,
            _ => false,
        }
    }

    /// Bytes before the first one that cannot be copied.
    #[inline]
    fn run(self, bytes: &[u8]) -> usize {
        match self {
            Self::Keep => run_before(bytes, |byte| Self::Keep.is_special(byte)),
            Self::Ascii => run_before(bytes, |byte| Self::Ascii.is_special(byte)),
            Self::Pandas => run_before(bytes, |byte| Self::Pandas.is_special(byte)),
        }
    }
}

/// Writes a text whose characters `decode` reads: runs of bytes that need no escape are copied.
#[inline]
pub(super) fn write_runs(
    text: &[u8],
    decode: impl Fn(&[u8]) -> (char, usize),
    escape: Escape,
    out: &mut Vec<u8>,
) {
    let mut rest = text;
    while !rest.is_empty() {
        let (run, special) = rest.split_at(escape.run(rest));
        out.extend_from_slice(run);
        rest = special;
        while rest.first().is_some_and(|&byte| escape.is_special(byte)) {
            let (character, length) = decode(rest);
            write_character(character, escape, out);
            rest = &rest[length.min(rest.len())..];
        }
    }
}

/// Bytes that are looked at at once.
const CHUNK: usize = 32;

/// Bytes before the first special one.
#[inline(always)]
fn run_before(bytes: &[u8], special: impl Fn(u8) -> bool) -> usize {
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    for (index, chunk) in chunks.iter().enumerate() {
        let found = first_in_chunk(chunk, &special);
        if found < CHUNK {
            return index * CHUNK + found;
        }
    }
    let mut last = [b' '; CHUNK];
    last[..rest.len()].copy_from_slice(rest);
    bytes.len() - rest.len() + first_in_chunk(&last, special).min(rest.len())
}

/// Where the first special byte of a chunk is; `CHUNK` if there is none. Without branches by byte, so
/// that it becomes vector code.
#[inline(always)]
fn first_in_chunk(chunk: &[u8; CHUNK], special: impl Fn(u8) -> bool) -> usize {
    let mut flags = [0; CHUNK];
    for (flag, &byte) in flags.iter_mut().zip(chunk) {
        *flag = u8::from(special(byte));
    }
    let (words, _) = flags.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word)).enumerate();
    let found = words.find(|&(_, word)| word != 0);
    found.map_or(CHUNK, |(index, word)| 8 * index + word.trailing_zeros() as usize / 8)
}

fn write_character(character: char, escape: Escape, out: &mut Vec<u8>) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '/' if escape == Escape::Pandas => out.extend_from_slice(b"\\/"),
        '\u{7f}' if escape == Escape::Ascii => write_unit(0x7f, out),
        ' '..='\u{7f}' => out.push(character as u8),
        '\0'..' ' => write_unit(character as u16, out),
        _ if escape == Escape::Keep => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| write_unit(unit, out)),
    }
}

/// `\uXXXX`, in lower case as Python and pandas write it.
fn write_unit(unit: u16, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 0xf)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Writes a text as a JSON string.
pub(crate) fn write_json_string(text: &str, out: &mut Vec<u8>) -> Result<(), TryReserveError> {
    out.try_reserve(6 * text.len() + 2)?;
    out.push(b'"');
    Text::Plain(text).write_json(Escape::Keep, out);
    out.push(b'"');
    Ok(())
}

/// Writes a whole JSON value, its strings escaped another way; pandas writes no white space
/// between tokens either. Numbers are never touched.
pub fn write_json_value(raw: &[u8], escape: Escape, out: &mut Vec<u8>) {
    if escape == Escape::Keep {
        out.extend_from_slice(raw);
        return;
    }
    write_tokens_and_strings(raw, escape, escape == Escape::Pandas, out);
}

/// The same without white space between tokens.
pub(crate) fn write_json_compact(raw: &[u8], escape: Escape, out: &mut Vec<u8>) {
    write_tokens_and_strings(raw, escape, true, out);
}

fn write_tokens_and_strings(raw: &[u8], escape: Escape, compact: bool, out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        write_tokens(&rest[..quote], compact, out);
        let text = &rest[quote + 1..];
        let length = closing_quote(text).unwrap_or(text.len());
        out.push(b'"');
        Text::Escaped(&text[..length]).write_json(escape, out);
        out.push(b'"');
        rest = text.get(length + 1..).unwrap_or_default();
    }
    write_tokens(rest, compact, out);
}

fn write_tokens(tokens: &[u8], compact: bool, out: &mut Vec<u8>) {
    let kept = |byte: &u8| !compact || !byte.is_ascii_whitespace();
    out.extend(tokens.iter().copied().filter(kept));
}
