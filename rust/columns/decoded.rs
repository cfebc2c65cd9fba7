//! Columns of JSON values of types that no survey gives but an Arrow schema may: what comes from Arrow
//! goes back to it. The JSON is collected row by row and decoded when the column is finished.

use std::sync::Arc;

use arrow_array::{ArrayRef, new_empty_array};
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field};

use super::column::Column;
use super::raw::write_json;
use crate::arrays::{Growing, refused};
use crate::error::Error;
use crate::record::Record;
use crate::shape::tree::Node;

/// A column of JSON values that are all of one type.
#[derive(Debug)]
pub(super) struct Decoded {
    field: Arc<Field>,
    /// The values, each on a line of its own.
    json: Vec<u8>,
    /// Where the lines end.
    ends: Vec<usize>,
}

impl Decoded {
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

    fn decode(&self) -> Result<ArrayRef, ArrowError> {
        let mut decoder = ReaderBuilder::new_with_field(self.field.clone())
            .with_batch_size(self.ends.len())
            .with_strict_mode(true)
            .build_decoder()?;
        decoder.decode(&self.json)?;
        let decoded = decoder.flush()?;
        let empty = || new_empty_array(self.field.data_type());
        Ok(decoded.map_or_else(empty, |batch| batch.column(0).clone()))
    }
}

impl Column for Decoded {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        write_json(node, record, &mut self.json)?;
        self.close()
    }
}

impl Growing for Decoded {
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
        let decoded = self.decode().map_err(refused);
        self.truncate(0);
        decoded
    }
}
