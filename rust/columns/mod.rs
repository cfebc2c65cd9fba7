//! Records to Arrow columns: the same target that gives JSON text gives a schema and fills it.
//!
//! An object is a struct, an array a list, a string utf8; the row must be an object, whose members
//! are the columns. All of them are nullable: what a record leaves out of an object is null.
//!
//! ```
//! use std::sync::Arc;
//! use raftfast::columns::{Columns, Known};
//! use raftfast::record::Record;
//! use raftfast::scan::{Buffer, Scanner, Spans};
//! use raftfast::shape::{Options, Shape};
//! use raftfast::target::Target;
//!
//! let shape = Shape::compile(&Target::named("completion")?, &Options::default())?;
//! let schema = Arc::new(shape.schema(&Known::default())?);
//! let mut columns = Columns::new(&shape, schema);
//!
//! let line = br#"{"instruction":"Q\u00fc","cot_answer":"A"}"#;
//! let (buffer, mut spans) = (Buffer::from_bytes(line)?, Spans::default());
//! Scanner::best().line(&buffer, 0, shape.keys(), &mut spans);
//! columns.push(&Record::new(buffer.content(), 0, line.len(), &spans))?;
//!
//! let batch = columns.finish()?;
//! assert_eq!(batch.num_rows(), 1);
//! assert_eq!(batch.schema().field(1).name(), "completion");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
mod decoded;
mod features;
mod nested;
mod raw;
mod scalars;
mod schema;
mod segments;
mod strings;
mod types;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, SchemaRef};

use crate::arrays::refused;
use crate::error::Error;
use crate::record::Record;
use crate::shape::Shape;
use crate::shape::tree::Node;
use column::{Column, column};

pub use features::{FEATURES_KEY, features};
pub use schema::Known;

/// The columns of one batch under construction.
#[derive(Debug)]
pub struct Columns {
    schema: SchemaRef,
    tree: Arc<Node>,
    row: Box<dyn Column>,
}

impl Columns {
    /// Empty columns for the rows of a shape, whose schema this is.
    #[must_use]
    pub fn new(shape: &Shape, schema: SchemaRef) -> Self {
        let tree = Arc::clone(shape.tree());
        let row = column(&DataType::Struct(schema.fields().clone()), &[&tree]);
        Self { schema, tree, row }
    }

    /// Adds a record as a row.
    ///
    /// # Errors
    ///
    /// When memory runs out, when one column would hold more than its offsets can count, when the
    /// record has what the schema was told no record has, and when its documents are not of the type
    /// that the schema has for them. The rows are then as they were before.
    pub fn push(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let rows = self.row.len();
        let pushed = self.row.push(&self.tree, record);
        if pushed.is_err() {
            self.row.truncate(rows);
        }
        pushed
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the rows take so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.row.bytes()
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Hands over the rows as a batch, without copying them, and starts anew.
    ///
    /// # Errors
    ///
    /// When documents or whole records are of types that no survey gives, as a schema that comes from
    /// Arrow may have them, and do not fit; that is found out only now.
    pub fn finish(&mut self) -> Result<RecordBatch, Error> {
        let row = self.row.finish()?;
        let options = RecordBatchOptions::new().with_row_count(Some(row.len()));
        let columns = row.as_struct().columns().to_vec();
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(refused)
    }

    /// Takes those of some buffers in which the rows to come find as much memory as those of the last
    /// batch needed.
    pub fn refill(&mut self, spare: &mut Vec<Vec<u8>>) {
        self.row.refill(spare);
    }
}
