//! Whole records as the rows of a batch.

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, SchemaRef};

use super::values::Values;
use crate::arrays::refused;
use crate::error::Error;

/// The columns of whole records, under construction.
///
/// The schema is that of a [`Survey`](super::Survey) of these records, or one of the same types.
#[derive(Debug)]
pub struct Whole {
    schema: SchemaRef,
    rows: Values,
}

impl Whole {
    /// Columns without rows.
    ///
    /// # Errors
    ///
    /// `Internal` if the schema has a type that no survey gives.
    pub fn new(schema: SchemaRef) -> Result<Self, Error> {
        let rows = Values::new(&DataType::Struct(schema.fields().clone()));
        let rows = rows.ok_or_else(|| refused("columns of types that no survey gives"))?;
        Ok(Self { schema, rows })
    }

    /// Adds a record: one JSON object that was validated. Of duplicate keys the last counts.
    ///
    /// # Errors
    ///
    /// As for [`Values::push`]; the rows are then as they were before.
    pub fn push(&mut self, raw: &[u8]) -> Result<(), Error> {
        self.rows.push(raw)
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the columns take. A record takes some in each column, be there a value or not.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// Hands over the rows as a batch and starts anew.
    ///
    /// # Errors
    ///
    /// `Internal` if what was pushed was not validated JSON.
    pub fn finish(&mut self) -> Result<RecordBatch, Error> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.len()));
        let rows = self.rows.finish()?;
        let columns = rows.as_struct().columns().to_vec();
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(refused)
    }
}
