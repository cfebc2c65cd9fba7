//! Columns of what only the data knows the type of: documents and whole records.

use arrow_array::ArrayRef;

use super::column::Column;
use crate::arrays::Growing;
use crate::error::Error;
use crate::record::Record;
use crate::shape::flatten;
use crate::shape::tree::Node;
use crate::survey::Values;
use crate::text::Escape;
use crate::value::Value;

/// A column of JSON values.
#[derive(Debug)]
pub(super) struct Raw {
    values: Values,
    /// The JSON of a value that does not stand in the input.
    json: Vec<u8>,
}

impl Raw {
    pub(super) fn new(values: Values) -> Self {
        Self { values, json: Vec::new() }
    }
}

impl Column for Raw {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        if let Some(raw) = in_input(node, record) {
            return self.values.push(raw);
        }
        self.json.clear();
        write_json(node, record, &mut self.json)?;
        self.values.push(&self.json)
    }
}

impl Growing for Raw {
    fn push_null(&mut self) -> Result<(), Error> {
        self.values.push(b"null")
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        self.values.finish()
    }

    fn refill(&mut self, spare: &mut Vec<Vec<u8>>) {
        self.values.refill(spare);
    }
}

/// The value as it stands in the input, if it does.
fn in_input<'a>(node: &Node, record: &Record<'a>) -> Option<&'a [u8]> {
    let value = match node {
        Node::Json(slot) => record.value(*slot),
        Node::Record => record.whole(),
        _ => return None,
    };
    if let Value::Json(raw) = value { Some(raw) } else { None }
}

/// Writes the value as it stands in a JSON row.
pub(super) fn write_json(node: &Node, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    Ok(flatten::value(node, Escape::Keep).write(record, Escape::Keep, out)?)
}
