//! What all columns under construction can do, and which of them a place in the row needs.

use arrow_array::types::{Float64Type, Int64Type};
use arrow_schema::DataType;
use serde_json::Value as Json;

use super::decoded::Decoded;
use super::raw::Raw;
use super::scalars::Read;
use super::{nested, segments};
use crate::arrays::{Booleans, Growing, Nulls, Numbers, Strings};
use crate::error::{Error, ErrorKind};
use crate::record::Record;
use crate::shape::tree::Node;
use crate::survey::Values;

/// A column under construction.
pub(super) trait Column: Growing {
    /// Adds a row: what a value of the target's row is for a record. It is not the literal null.
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error>;

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
        DataType::Int64 => Box::new(Numbers::<Int64Type, Read<i64>>::new(Json::as_i64)),
        DataType::Float64 => Box::new(Numbers::<Float64Type, Read<f64>>::new(Json::as_f64)),
        DataType::Struct(fields) => Box::new(nested::objects(fields, nodes)),
        DataType::List(field) => Box::new(nested::lists(field, nodes)),
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

/// The error of a column that was made for another schema than the row's own.
#[cold]
pub(super) fn misfit(node: &Node, column: &str) -> Error {
    Error::from(ErrorKind::Internal(format!("a column of {column} cannot hold {node:?}")))
}
