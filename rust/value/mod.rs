//! The value of a field, as it stands in a line or in Arrow arrays.

mod jsons;
mod leaf;
mod node;
mod strings;

use std::borrow::Cow;

use crate::text::{Escape, Text, write_json_value};

pub(crate) use jsons::{Jsons, NotJson, is_json};
pub(crate) use leaf::{leaf, sign};
pub use node::Nested;
pub(crate) use node::{Fixed, List, Map, Node, Offsets, Runs, Struct, Views};
pub(crate) use strings::Strings;

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A string.
    Text,
    /// A string, an array or an object: documents in one of the shapes that generators write.
    Documents,
    /// Whatever some dialect puts there.
    Anything,
    /// Whatever JSON or Arrow has: only whether there is something is ever asked.
    Something,
}

impl Holds {
    /// In words, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Documents => "a string, an array or an object",
            Self::Anything | Self::Something => "anything",
        }
    }
}

/// The ways in which a field is not there, as Python's truthiness sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The record has no such key.
    Missing,
    /// It is null.
    Null,
    /// It is `""`, `[]` or `{}`.
    Empty,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The record has no such key.
    Missing,
    /// Null.
    Null,
    /// A string, without its quotes.
    Text(Text<'a>),
    /// Anything else, as it stands.
    Json(&'a [u8]),
    /// Anything else, in Arrow arrays.
    Nested(Nested<'a>),
}

impl<'a> Value<'a> {
    /// The value that stands there, or nothing if nothing does.
    pub(crate) fn of(raw: &'a [u8]) -> Self {
        match raw {
            [] => Self::Missing,
            [b'n', ..] => Self::Null,
            [b'"', inside @ .., b'"'] => Self::Text(Text::Escaped(inside)),
            _ => Self::Json(raw),
        }
    }

    /// The text that it is, if it is one.
    #[inline]
    pub(crate) fn text(self) -> Option<Text<'a>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The characters of a text, however they are spelled; nothing of what is no text.
    pub(crate) fn plain(self) -> Cow<'a, str> {
        match self {
            Self::Text(Text::Plain(text)) => Cow::Borrowed(text),
            Self::Text(text) => Cow::Owned(text.to_plain()),
            _ => Cow::Borrowed(""),
        }
    }

    /// The way in which the value is falsy, if it is.
    #[must_use]
    pub fn absence(self) -> Option<Absence> {
        match self {
            Self::Missing => Some(Absence::Missing),
            Self::Null => Some(Absence::Null),
            Self::Text(text) => text.is_empty().then_some(Absence::Empty),
            Self::Json(raw) => {
                let first = raw.iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
                matches!(first, Some(b']' | b'}')).then_some(Absence::Empty)
            }
            Self::Nested(nested) => nested.is_empty().then_some(Absence::Empty),
        }
    }

    /// Whether a field that holds such things may hold this: nothing is turned into text that is not.
    #[inline]
    pub(crate) fn fits(self, holds: Holds) -> bool {
        match self {
            Self::Missing | Self::Null | Self::Text(_) => true,
            Self::Json(raw) => match holds {
                Holds::Text => false,
                Holds::Documents => matches!(raw[0], b'[' | b'{'),
                Holds::Anything | Holds::Something => true,
            },
            Self::Nested(nested) => match holds {
                Holds::Text => false,
                Holds::Documents => nested.has_items(),
                Holds::Anything | Holds::Something => true,
            },
        }
    }

    /// Writes the value as JSON; null if it is missing.
    pub fn write_json(self, escape: Escape, out: &mut Vec<u8>) {
        match self {
            Self::Missing | Self::Null => out.extend_from_slice(b"null"),
            Self::Text(text) => {
                out.push(b'"');
                text.write_json(escape, out);
                out.push(b'"');
            }
            Self::Json(raw) => write_json_value(raw, escape, out),
            Self::Nested(nested) => nested.write_json(escape, out),
        }
    }

    /// Bytes of the value as JSON, without the quotes of a string, as long as nothing in it needs an
    /// escape; 0 if it is missing.
    #[must_use]
    pub fn json_len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Null => 4,
            Self::Text(Text::Escaped(raw)) | Self::Json(raw) => raw.len(),
            Self::Text(Text::Plain(text)) => text.len(),
            Self::Nested(nested) => nested.json_len(),
        }
    }

    /// The name of the type, for messages.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Missing => "nothing",
            Self::Null => "null",
            Self::Text(_) => "a string",
            Self::Json([b'{', ..]) => "an object",
            Self::Json([b'[', ..]) => "an array",
            Self::Json([b't' | b'f', ..]) => "a boolean",
            Self::Json(_) => "a number",
            Self::Nested(nested) => nested.type_name(),
        }
    }
}
