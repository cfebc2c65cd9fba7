//! One RAFT record: the fields that raftfast knows, under their own names.

use crate::batch::{Batch, Nested};
use crate::error::{Fault, FaultKind};
use crate::scan::{KEYS_TOLD, Span, Spans, keys_of};
use crate::text::{Escape, Text, write_json_value};

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A string.
    Text,
    /// A string, an array or an object: documents in one of the shapes that generators write.
    Documents,
}

impl Holds {
    /// In words, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Documents => "a string, an array or an object",
        }
    }
}

/// The table of fields: each with its key, what it holds, and the reasons for which a record
/// without it is filtered.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident $name:literal $holds:ident;)*) => {
        /// A field of a RAFT record, as Gorilla's `raft.py` and `eval.py` write them
        /// (ShishirPatil/gorilla:raft/raft.py).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field { $($(#[$doc])* $field,)* }

        impl Field {
            /// All fields.
            pub const ALL: &[Self] = &[$(Self::$field,)*];

            /// The key in the record, which is also the placeholder in a target.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }

            /// What the field may hold besides null.
            #[must_use]
            pub fn holds(self) -> Holds {
                match self { $(Self::$field => Holds::$holds,)* }
            }

            /// Why a record whose field is `absence` was filtered, as the ledger counts it.
            #[must_use]
            pub fn reason(self, absence: Absence) -> &'static str {
                match (self, absence) {
                    $((Self::$field, Absence::Missing) => concat!($name, " missing"),)*
                    $((Self::$field, Absence::Null) => concat!($name, " null"),)*
                    $((Self::$field, Absence::Empty) => concat!($name, " empty"),)*
                }
            }
        }
    };
}

fields! {
    /// `seed_task_<n>` or a UUID.
    Id "id" Text;
    /// `general` or `api call`.
    Type "type" Text;
    /// The question, one line.
    Question "question" Text;
    /// The documents with their titles.
    Context "context" Documents;
    /// The document that holds the answer.
    OracleContext "oracle_context" Text;
    /// The documents between `<DOCUMENT>` tags, then the question.
    Instruction "instruction" Text;
    /// The chain of thought, ending in `<ANSWER>: ` and the final answer.
    CotAnswer "cot_answer" Text;
    /// The answer of a model under evaluation, or the short answer of the first RAFT sets.
    Answer "answer" Text;
}

impl Field {
    /// The field of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
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
    fn of(raw: &'a [u8]) -> Self {
        match raw {
            [] => Self::Missing,
            [b'n', ..] => Self::Null,
            [b'"', inside @ .., b'"'] => Self::Text(Text::Escaped(inside)),
            _ => Self::Json(raw),
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
            Self::Json(raw) => holds == Holds::Documents && matches!(raw[0], b'[' | b'{'),
            Self::Nested(nested) => holds == Holds::Documents && nested.has_items(),
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

/// One record: a view of the line or of the row of a batch that holds it.
///
/// ```
/// use raftfast::record::{Absence, Field, Record, Value};
/// use raftfast::scan::{Buffer, Keys, Scanner, Spans};
///
/// let buffer = Buffer::from_bytes(b"{\"cot_answer\":null}\n")?;
/// let fields = [Field::CotAnswer];
/// let keys = Keys::new(fields.map(Field::name));
/// let mut spans = Spans::default();
/// Scanner::best().line(&buffer, 0, &keys, &mut spans);
/// let record = Record::new(buffer.content(), 0, 19, &spans);
/// assert_eq!(record.value(0), Value::Null);
/// assert_eq!(record.value(0).absence(), Some(Absence::Null));
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Record<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Line { content: &'a [u8], whole: Span, spans: &'a Spans },
    Row { batch: &'a Batch, row: usize },
}

impl<'a> Record<'a> {
    /// The record from `start` to `end` of `content`, whose fields a scanner found at `spans`.
    #[inline]
    #[must_use]
    pub fn new(content: &'a [u8], start: usize, end: usize, spans: &'a Spans) -> Self {
        Self(Form::Line { content, whole: Span { start, end }, spans })
    }

    /// The record of a row.
    #[inline]
    pub(crate) fn of_row(batch: &'a Batch, row: usize) -> Self {
        Self(Form::Row { batch, row })
    }

    /// The whole record, braces included, if it is a line.
    #[inline]
    #[must_use]
    pub fn raw(&self) -> Option<&'a [u8]> {
        match self.0 {
            Form::Line { content, whole, .. } => Some(&content[whole.start..whole.end]),
            Form::Row { .. } => None,
        }
    }

    /// The whole record as one value.
    #[inline]
    #[must_use]
    pub fn whole(&self) -> Value<'a> {
        match self.0 {
            Form::Line { content, whole, .. } => Value::Json(&content[whole.start..whole.end]),
            Form::Row { batch, row } => batch.whole(row),
        }
    }

    /// The first keys of the record, for messages.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match self.0 {
            Form::Line { content, whole, .. } => keys_of(&content[whole.start..whole.end]),
            Form::Row { batch, .. } => batch.names().iter().take(KEYS_TOLD).cloned().collect(),
        }
    }

    /// The value of the field that was asked for at this place.
    #[inline]
    #[must_use]
    pub fn value(&self, slot: usize) -> Value<'a> {
        match self.0 {
            Form::Line { content, spans, .. } => {
                let Span { start, end } = spans[slot];
                Value::of(&content[start..end])
            }
            Form::Row { batch, row } => batch.value(slot, row),
        }
    }

    /// Whether the record has the key, whatever it holds. All rows of a batch have all its columns.
    #[inline]
    #[must_use]
    pub fn has(&self, slot: usize) -> bool {
        match self.0 {
            Form::Line { spans, .. } => spans[slot].end > spans[slot].start,
            Form::Row { batch, .. } => batch.has(slot),
        }
    }

    /// Bytes of the value as it stands; 0 if the field is missing.
    #[inline]
    #[must_use]
    pub fn raw_len(&self, slot: usize) -> usize {
        match self.0 {
            Form::Line { spans, .. } => spans[slot].end - spans[slot].start,
            Form::Row { batch, row } => batch.value(slot, row).json_len(),
        }
    }

    /// What a byte of the record becomes at most: text of Arrow may need escapes, `\u0000` among
    /// them; text of a line has them already, and is only written another way if that is asked for.
    #[inline]
    pub(crate) fn growth(&self, escape: Escape) -> usize {
        let kept = matches!(self.0, Form::Line { .. }) && escape == Escape::Keep;
        if kept { 1 } else { 6 }
    }

    /// The fault of a field that does not hold what it should.
    #[cold]
    pub(crate) fn wrong_type(&self, slot: usize, field: Field) -> Fault {
        let (expected, found) = (field.holds().name(), self.value(slot).type_name());
        let kind = FaultKind::WrongType { field: field.name(), expected, found };
        let offset = if let Form::Line { spans, .. } = self.0 { spans[slot].start } else { 0 };
        Fault { kind, offset }
    }
}
