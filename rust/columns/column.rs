//! What all columns under construction can do, and which of them a place in the row needs.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, NullArray};
use arrow_schema::{ArrowError, DataType};
use serde_json::Value as Json;

use super::decoded::Decoded;
use super::nested::{List, Struct};
use super::raw::Raw;
use super::scalars::{Booleans, Numbers};
use super::segments;
use super::strings::Strings;
use crate::error::{Error, ErrorKind};
use crate::record::Record;
use crate::shape::tree::Node;
use crate::survey::Values;

/// A column under construction.
///
/// After an error a column may hold a part of a row, until it is truncated.
pub(super) trait Column: Debug + Send {
    /// Adds a row: what a value of the target's row is for a record. It is not the literal null.
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error>;

    /// Adds a null.
    fn push_null(&mut self) -> Result<(), Error>;

    /// Rows so far.
    fn len(&self) -> usize;

    /// Bytes that they take.
    fn bytes(&self) -> usize;

    /// Keeps so many rows.
    fn truncate(&mut self, rows: usize);

    /// Hands over the rows and starts anew.
    fn finish(&mut self) -> Result<ArrayRef, Error>;

    /// Takes back what [`finish`](Self::finish) gave, for the memory of its largest buffers: to have
    /// that of 8 MiB mapped anew for each batch cost a third of the time of a run. What somebody else
    /// holds as well is let go.
    fn reclaim(&mut self, finished: ArrayRef) {
        drop(finished);
    }

    /// Adds a row.
    #[inline]
    fn push(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        match node {
            Node::Literal(Json::Null) => self.push_null(),
            _ => self.push_value(node, record),
        }
    }
}

/// The column of a type for a place in the row where one of `nodes` stands.
pub(super) fn column(data_type: &DataType, nodes: &[&Node]) -> Box<dyn Column> {
    if nodes.iter().any(|node| matches!(node, Node::Json(_) | Node::Record)) {
        return json_column(data_type);
    }
    if nodes.iter().any(|node| matches!(node, Node::Segments(_)))
        && let Some(segments) = segments::column(data_type)
    {
        return segments;
    }
    match data_type {
        DataType::Utf8 => Box::new(Strings::<i32>::default()),
        DataType::LargeUtf8 => Box::new(Strings::<i64>::default()),
        DataType::Boolean => Box::new(Booleans::default()),
        DataType::Int64 => Box::new(Numbers::<Int64Type>::new(Json::as_i64)),
        DataType::Float64 => Box::new(Numbers::<Float64Type>::new(Json::as_f64)),
        DataType::Struct(fields) => Box::new(Struct::new(fields, nodes)),
        DataType::List(field) => Box::new(List::new(field, nodes)),
        DataType::Null => Box::new(Nulls::default()),
        other => json_column(other),
    }
}

/// The column of a type for JSON values.
fn json_column(data_type: &DataType) -> Box<dyn Column> {
    match Values::new(data_type) {
        Some(values) => Box::new(Raw::new(values)),
        None => Box::new(Decoded::new(data_type.clone())),
    }
}

/// A column that is null in every row.
#[derive(Debug, Default)]
struct Nulls(usize);

impl Column for Nulls {
    fn push_value(&mut self, node: &Node, _: &Record<'_>) -> Result<(), Error> {
        Err(misfit(node, "null"))
    }

    fn push_null(&mut self) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }

    fn len(&self) -> usize {
        self.0
    }

    fn bytes(&self) -> usize {
        0
    }

    fn truncate(&mut self, rows: usize) {
        self.0 = self.0.min(rows);
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        Ok(Arc::new(NullArray::new(std::mem::take(&mut self.0))))
    }
}

/// The error of a column that was made for another schema than the row's own.
#[cold]
pub(super) fn misfit(node: &Node, column: &str) -> Error {
    Error::from(ErrorKind::Internal(format!("a column of {column} cannot hold {node:?}")))
}

/// An error of the Arrow crates, which check what is handed to them.
#[cold]
pub(super) fn refused(error: &ArrowError) -> Error {
    Error::from(ErrorKind::Internal(format!("columns: {error}")))
}

/// A finished array, or the reason why the Arrow crates do not take it.
pub(super) fn made(array: Result<impl Array + 'static, ArrowError>) -> Result<ArrayRef, Error> {
    array.map(|array| Arc::new(array) as ArrayRef).map_err(|error| refused(&error))
}
