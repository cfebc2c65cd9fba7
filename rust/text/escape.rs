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
