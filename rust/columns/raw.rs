//! Columns of what only the data knows the type of, documents and whole records: JSON is collected
//! row by row and decoded when the column is finished.

use std::sync::Arc;

use arrow_array::{ArrayRef, new_empty_array};
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field};

use super::column::{Column, refused};
use crate::error::Error;
use crate::record::Record;
use crate::shape::tree::Node;
use crate::shape::{flatten, plan};
use crate::survey::Values;
use crate::text::Escape;

/// A column of JSON values that are all of one type.
#[derive(Debug)]
pub(super) struct Raw {
    field: Arc<Field>,
    /// The values, each on a line of its own.
    json: Vec<u8>,
    /// Where the lines end.
    ends: Vec<usize>,
}

impl Raw {
    pub(super) fn new(data_type: DataType) -> Self {
        let field = Arc::new(Field::new("value", data_type, true));
        Self { field, json: Vec::new(), ends: Vec::new() }
    }

    fn close(&mut self) -> Result<(), Error> {
        self.json.try_reserve(1)?;
        self.ends.try_reserve(1)?;
        self.json.push(b'\n');
        self.ends.push(self.json.len());
        Ok(())
    }

    /// The values, by the same rules as the survey that found their type.
    fn decode(&self) -> Result<ArrayRef, Error> {
        let Some(mut values) = Values::new(self.field.data_type()) else {
            return self.decode_other().map_err(|error| refused(&error));
        };
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        for (start, end) in starts.zip(self.ends.iter().copied()) {
            values.push(&self.json[start..end - 1])?;
        }
        values.finish()
    }

    /// Values of a type that comes from Arrow columns, not from a survey.
    fn decode_other(&self) -> Result<ArrayRef, ArrowError> {
        let mut decoder = ReaderBuilder::new_with_field(self.field.clone())
            .with_batch_size(self.ends.len())
            .build_decoder()?;
        decoder.decode(&self.json)?;
        let decoded = decoder.flush()?;
        let empty = || new_empty_array(self.field.data_type());
        Ok(decoded.map_or_else(empty, |batch| batch.column(0).clone()))
    }
}

impl Column for Raw {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        let steps = flatten::value(node, Escape::Keep);
        self.json.try_reserve(plan::bound(&steps, record, Escape::Keep))?;
        plan::write(&steps, record, Escape::Keep, &mut self.json);
        self.close()
    }

    fn push_null(&mut self) -> Result<(), Error> {
        self.json.try_reserve(b"null".len())?;
        self.json.extend_from_slice(b"null");
        self.close()
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn bytes(&self) -> usize {
        self.json.len()
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.json.truncate(self.ends.last().copied().unwrap_or(0));
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let decoded = self.decode();
        self.truncate(0);
        decoded
    }
}
