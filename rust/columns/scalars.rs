//! Columns of the booleans and numbers that a target writes down itself, and of nothing.

use std::fmt::Debug;

use arrow_array::ArrowPrimitiveType;
use serde_json::Value as Json;

use super::column::{Column, misfit};
use crate::arrays::{Booleans, Nulls, Numbers};
use crate::error::Error;
use crate::record::Record;
use crate::shape::tree::Node;

/// What makes a number of a type of the target's number.
pub(super) type Read<T> = fn(&Json) -> Option<T>;

impl Column for Nulls {
    fn push_value(&mut self, node: &Node, _: &Record<'_>) -> Result<(), Error> {
        Err(misfit(node, "null"))
    }
}

impl Column for Booleans {
    fn push_value(&mut self, node: &Node, _: &Record<'_>) -> Result<(), Error> {
        match node {
            Node::Literal(Json::Bool(value)) => self.add(Some(*value)),
            other => Err(misfit(other, "booleans")),
        }
    }
}

impl<T: ArrowPrimitiveType + Debug> Column for Numbers<T, Read<T::Native>> {
    fn push_value(&mut self, node: &Node, _: &Record<'_>) -> Result<(), Error> {
        let Node::Literal(number) = node else { return Err(misfit(node, "numbers")) };
        let value = (self.read)(number).ok_or_else(|| misfit(node, "numbers"))?;
        self.add(Some(value))
    }
}
