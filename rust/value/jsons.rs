//! Strings each of which is the JSON of a value, as columns of the canonical type `arrow.json` have them: those
//! that `datasets` makes where a key has values of several types, and JSON of `DuckDB`.
//!
//! They are read as the values that they are: as text, an answer would have quotes around it.

use std::collections::TryReserveError;

use arrow_schema::Field;
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use serde::de::IgnoredAny;

use super::strings::Strings;
use crate::scan::{Buffer, Keys, Line, Scanner, Span, Spans};
use crate::text::{Escape, write_json_compact};

/// The values, checked, each as it would stand in a line.
#[derive(Debug)]
pub(crate) struct Jsons {
    json: Vec<u8>,
    /// Where the value of a row stands; nowhere, if it is null.
    rows: Vec<Span>,
}

/// The name of the type (<https://arrow.apache.org/docs/format/CanonicalExtensions.html#json>).
const JSON: &str = "arrow.json";

/// Whether a field is of that type.
pub(crate) fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == JSON)
}

/// Why strings are no JSON.
pub(crate) enum NotJson {
    /// That of this row is none, or has what no line may have.
    Row(usize),
    Memory(TryReserveError),
}

impl From<TryReserveError> for NotJson {
    fn from(error: TryReserveError) -> Self {
        Self::Memory(error)
    }
}

impl Jsons {
    /// Checks so many strings.
    pub(crate) fn new(strings: &Strings, rows: usize) -> Result<Self, NotJson> {
        let mut values = Self { json: Vec::new(), rows: Vec::new() };
        let mut line = OneLine::default();
        values.rows.try_reserve_exact(rows)?;
        for row in 0..rows {
            let start = values.json.len();
            if let Some(text) = strings.get(row) {
                values.json.try_reserve(text.len())?;
                values.add(text).ok_or(NotJson::Row(row))?;
                if !line.can_hold(&values.json[start..])? {
                    return Err(NotJson::Row(row));
                }
            }
            values.rows.push(Span { start, end: values.json.len() });
        }
        Ok(values)
    }

    /// The value of a row, as JSON; empty, if it is null.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        let Span { start, end } = self.rows[row];
        &self.json[start..end]
    }

    /// Adds a value without the white space between its parts, which may be line ends.
    fn add(&mut self, text: &str) -> Option<()> {
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        write_json_compact(text.as_bytes(), Escape::Keep, &mut self.json);
        Some(())
    }
}

/// A line to hold one value after the other.
#[derive(Default)]
struct OneLine {
    buffer: Buffer,
    keys: Keys,
    spans: Spans,
}

impl OneLine {
    /// Whether JSON has nothing that a scanner would refuse in a line, such as half of a surrogate pair.
    fn can_hold(&mut self, json: &[u8]) -> Result<bool, TryReserveError> {
        self.buffer.reset(KEPT);
        for part in [b"{\"\":", json, b"}"] {
            self.buffer.append(part)?;
        }
        let line = Scanner::best().line(&self.buffer, 0, &self.keys, &mut self.spans);
        Ok(matches!(line, Line::Record { .. }))
    }
}

/// Bytes of memory that are kept from one value to the next.
const KEPT: usize = 1 << 20;
