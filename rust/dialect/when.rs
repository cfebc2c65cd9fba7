//! What values must be if a record is of a dialect: the tests that are left of its `when` once keys are told.

use super::Kind;
use super::documents::are_flat;
use crate::batch::Form;
use crate::record::Record;
use crate::scan::KeySet;
use crate::text::{Escape, Tag};
use crate::value::Value;
use crate::walk::{Token, Walk};

/// Keys that must hold something else than null.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// Each of these.
    pub all: KeySet,
    /// One of these, if there are any.
    pub any: KeySet,
}

impl Needs {
    /// Whether the keys that are `told`, with something else than null, suffice.
    #[inline(always)]
    pub(super) fn are_met(self, told: KeySet) -> bool {
        told & self.all == self.all && (self.any == 0 || told & self.any != 0)
    }

    /// All of the keys.
    pub(super) fn keys(self) -> KeySet {
        self.all | self.any
    }
}

/// A test of a value.
#[derive(Debug)]
pub(super) enum Test {
    Starts(usize, String),
    Contains(usize, Box<Tag>),
    Is(usize, Kind),
    /// It would make no difference.
    Never,
}

impl Test {
    /// What it looks at whether rows use that or not.
    pub(super) fn always_seen(&self) -> Option<usize> {
        match self {
            Self::Is(slot, kind) if kind.is_always_seen() => Some(*slot),
            _ => None,
        }
    }

    /// What it looks at in a table because of the column's type, besides what rows use.
    pub(super) fn asked_by_type(&self) -> Option<usize> {
        match self {
            Self::Is(slot, Kind::Text | Kind::Flat) => Some(*slot),
            _ => None,
        }
    }

    /// Whether it may hold for some row, if those slots are `used` anyway and columns have these forms.
    pub(super) fn can_hold(&self, used: usize, forms: &[Form]) -> bool {
        match self {
            Self::Starts(slot, _) => matches!(forms[*slot], Form::Text | Form::Unknown),
            Self::Is(_, kind) if kind.is_always_seen() => true,
            Self::Is(slot, Kind::Text) if forms[*slot] != Form::Unknown => {
                forms[*slot] == Form::Text
            }
            Self::Is(slot, Kind::Flat) if forms[*slot] != Form::Unknown => {
                forms[*slot] == Form::Flat
            }
            Self::Contains(slot, _) | Self::Is(slot, _) => *slot < used,
            Self::Never => false,
        }
    }

    /// How the value that it looks at starts in a line, if it is to hold.
    pub(super) fn start(&self) -> Option<Start> {
        match self {
            Self::Starts(slot, start) => {
                Some(Start { slot: *slot, byte: b'"', next: start.bytes().next() })
            }
            Self::Is(slot, kind) => {
                let byte = kind.first_byte()?;
                Some(Start { slot: *slot, byte, next: None })
            }
            Self::Contains(..) | Self::Never => None,
        }
    }

    pub(super) fn holds(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Starts(slot, start) => match record.value(*slot) {
                Value::Text(text) => text.starts_with(start),
                _ => false,
            },
            Self::Contains(slot, tag) => match record.value(*slot) {
                Value::Text(text) => tag.is_in(text),
                _ => false,
            },
            Self::Is(slot, Kind::Text) => matches!(record.value(*slot), Value::Text(_)),
            Self::Is(slot, Kind::List) => is_list(record.value(*slot)),
            Self::Is(slot, Kind::Turns) => starts_with_an_object(record.value(*slot)),
            Self::Is(slot, Kind::Object) => is(record.value(*slot), b'{', "an object"),
            Self::Is(slot, Kind::NotList) => !is_list(record.value(*slot)),
            Self::Is(slot, Kind::Something) => !matches!(record.value(*slot), Value::Null),
            Self::Is(slot, Kind::Nothing) => {
                matches!(record.value(*slot), Value::Missing | Value::Null)
            }
            Self::Never => false,
            Self::Is(slot, Kind::Flat) => are_flat(record.value(*slot)),
        }
    }
}

/// How a value starts in a line: its first byte, and that of its text, unless an escape stands there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    slot: usize,
    byte: u8,
    next: Option<u8>,
}

impl Start {
    /// Whether the value of a record may start so. Of rows of a table that cannot be told.
    #[inline(always)]
    pub(super) fn may_be_of(&self, record: &Record<'_>) -> bool {
        let Some(json) = record.json(self.slot) else { return true };
        let [byte, next, ..] = json else { return true };
        *byte == self.byte && self.next.is_none_or(|wanted| *next == wanted || *next == b'\\')
    }
}

/// Whether a value is an array of which the first element is an object.
fn starts_with_an_object(value: Value<'_>) -> bool {
    let mut json = Vec::new();
    let raw = match value {
        Value::Json(raw) => raw,
        nested @ Value::Nested(_) if is_list(nested) => {
            nested.write_json(Escape::Keep, &mut json);
            &json
        }
        _ => return false,
    };
    let mut walk = Walk::new(raw);
    matches!(walk.value(), Some(Token::List))
        && walk.more(b']') == Some(true)
        && matches!(walk.value(), Some(Token::Object))
}

/// Whether a value is an array, in JSON or in a column.
fn is_list(value: Value<'_>) -> bool {
    is(value, b'[', "an array")
}

/// Whether a value is of a type, which starts like this in JSON, and is called so in a column.
fn is(value: Value<'_>, start: u8, name: &str) -> bool {
    match value {
        Value::Json(raw) => raw.first() == Some(&start),
        Value::Nested(nested) => nested.type_name() == name,
        _ => false,
    }
}
