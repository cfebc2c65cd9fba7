//! Columns of booleans, of numbers, and of nothing.

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow_array::{ArrayRef, ArrowPrimitiveType, BooleanArray, NullArray, PrimitiveArray};
use arrow_buffer::ScalarBuffer;

use super::{Column, Duplicates, made, mismatch};
use crate::columns::bits::{Bits, Validity};
use crate::error::Error;
use crate::walk::{Token, Walk};

#[derive(Debug)]
pub(super) struct Nulls(pub(super) usize);

impl Column for Nulls {
    fn push(&mut self, token: Token<'_>, _: &mut Walk<'_>, _: Duplicates) -> Result<(), Error> {
        match token {
            Token::Null => self.push_null(),
            other => Err(mismatch(&other, "nothing but null")),
        }
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
    fn push(&mut self, token: Token<'_>, _: &mut Walk<'_>, _: Duplicates) -> Result<(), Error> {
        match token {
            Token::Null => self.add(None),
            Token::Boolean(text) => self.add(Some(text == b"true")),
            other => Err(mismatch(&other, "booleans")),
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
        Ok(Arc::new(BooleanArray::new(self.values.finish(), self.validity.finish())))
    }
}

pub(super) struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    validity: Validity,
    parse: fn(&str) -> Option<T::Native>,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    pub(super) fn new(parse: fn(&str) -> Option<T::Native>) -> Self {
        Self { values: Vec::new(), validity: Validity::default(), parse }
    }

    fn add(&mut self, value: Option<T::Native>) -> Result<(), Error> {
        self.values.try_reserve(1)?;
        self.values.push(value.unwrap_or_default());
        self.validity.push(value.is_some())
    }

    fn parsed(&self, text: &[u8]) -> Option<T::Native> {
        (self.parse)(std::str::from_utf8(text).ok()?)
    }
}

impl<T: ArrowPrimitiveType> Debug for Numbers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", T::DATA_TYPE, self.values)
    }
}

impl<T: ArrowPrimitiveType> Column for Numbers<T> {
    fn push(&mut self, token: Token<'_>, _: &mut Walk<'_>, _: Duplicates) -> Result<(), Error> {
        let value = match token {
            Token::Null => return self.add(None),
            Token::Number(text) => self.parsed(text),
            _ => None,
        };
        match value {
            Some(value) => self.add(Some(value)),
            None => Err(mismatch(&token, &T::DATA_TYPE.to_string())),
        }
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
