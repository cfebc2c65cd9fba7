//! Arrays of booleans, of numbers, and of nothing.

use std::convert::Infallible;
use std::fmt::Debug;

use arrow_array::{ArrayRef, ArrowPrimitiveType, BooleanArray, NullArray, PrimitiveArray};
use arrow_buffer::ScalarBuffer;

use super::{Bits, Growing, Validity, made};
use crate::error::Error;

/// Nulls.
#[derive(Debug, Default)]
pub(crate) struct Nulls(usize);

impl Growing for Nulls {
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
        made(Ok::<_, Infallible>(NullArray::new(std::mem::take(&mut self.0))))
    }
}

/// Booleans.
#[derive(Debug, Default)]
pub(crate) struct Booleans {
    values: Bits,
    validity: Validity,
}

impl Booleans {
    pub(crate) fn add(&mut self, value: Option<bool>) -> Result<(), Error> {
        self.values.push(value.unwrap_or_default())?;
        self.validity.push(value.is_some())
    }
}

impl Growing for Booleans {
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
        let (values, nulls) = (self.values.finish(), self.validity.finish());
        made(Ok::<_, Infallible>(BooleanArray::new(values, nulls)))
    }
}

/// Numbers of one type, and what reads them.
#[derive(Debug)]
pub(crate) struct Numbers<T: ArrowPrimitiveType, R> {
    pub read: R,
    values: Vec<T::Native>,
    validity: Validity,
}

impl<T: ArrowPrimitiveType, R> Numbers<T, R> {
    pub(crate) fn new(read: R) -> Self {
        Self { read, values: Vec::new(), validity: Validity::default() }
    }

    pub(crate) fn add(&mut self, value: Option<T::Native>) -> Result<(), Error> {
        self.values.try_reserve(1)?;
        self.values.push(value.unwrap_or_default());
        self.validity.push(value.is_some())
    }
}

impl<T: ArrowPrimitiveType + Debug, R: Debug + Send> Growing for Numbers<T, R> {
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
