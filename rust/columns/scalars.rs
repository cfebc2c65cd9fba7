//! Columns of the booleans and numbers that a target writes down itself.

use std::fmt::Debug;

use arrow_array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow_buffer::ScalarBuffer;
use serde_json::Value as Json;

use super::bits::{Bits, Validity};
use super::column::{Column, made, misfit};
use crate::error::Error;
use crate::record::Record;
use crate::shape::tree::Node;

/// A column of booleans.
#[derive(Debug, Default)]
pub(super) struct Booleans {
    values: Bits,
    validity: Validity,
}

impl Booleans {
    fn add(&mut self, value: Option<bool>) -> Result<(), Error> {
        self.values.push(value.unwrap_or_default())?;
        self.validity.push(value.is_some())
    }
}

impl Column for Booleans {
    fn push_value(&mut self, node: &Node, _: &Record<'_>) -> Result<(), Error> {
        match node {
            Node::Literal(Json::Bool(value)) => self.add(Some(*value)),
            other => Err(misfit(other, "booleans")),
        }
    }

    fn push_null(&mut self) -> Result<(), Error> {
        self.add(None)
    }

    fn len(&self) -> usize {
        self.validity.len()
    }

    fn bytes(&self) -> usize {
        self.values.bytes() + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.validity.truncate(rows);
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        made(Ok(BooleanArray::new(self.values.finish(), self.validity.finish())))
    }
}

/// A column of numbers of one type.
#[derive(Debug)]
pub(super) struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    validity: Validity,
    read: fn(&Json) -> Option<T::Native>,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    /// A column of what `read` makes of the target's numbers.
    pub(super) fn new(read: fn(&Json) -> Option<T::Native>) -> Self {
        Self { values: Vec::new(), validity: Validity::default(), read }
    }

    fn add(&mut self, value: Option<T::Native>) -> Result<(), Error> {
        self.values.try_reserve(1)?;
        self.values.push(value.unwrap_or_default());
        self.validity.push(value.is_some())
    }
}

impl<T: ArrowPrimitiveType + Debug> Column for Numbers<T> {
    fn push_value(&mut self, node: &Node, _: &Record<'_>) -> Result<(), Error> {
        let Node::Literal(number) = node else { return Err(misfit(node, "numbers")) };
        let value = (self.read)(number).ok_or_else(|| misfit(node, "numbers"))?;
        self.add(Some(value))
    }

    fn push_null(&mut self) -> Result<(), Error> {
        self.add(None)
    }

    fn len(&self) -> usize {
        self.validity.len()
    }

    fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice()) + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.validity.truncate(rows);
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        made(PrimitiveArray::<T>::try_new(values, self.validity.finish()))
    }
}
