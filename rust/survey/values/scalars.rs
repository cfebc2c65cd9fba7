//! Columns of booleans, of numbers, and of nothing.

use std::fmt::Debug;

use arrow_array::ArrowPrimitiveType;

use super::{Column, Duplicates, mismatch};
use crate::arrays::{Booleans, Growing, Nulls, Numbers};
use crate::error::Error;
use crate::walk::{Token, Walk};

/// What makes a number of its JSON.
pub(super) type Parse<T> = fn(&str) -> Option<T>;

impl Column for Nulls {
    fn push(&mut self, token: Token<'_>, _: &mut Walk<'_>, _: Duplicates) -> Result<(), Error> {
        match token {
            Token::Null => self.push_null(),
            other => Err(mismatch(&other, "nothing but null")),
        }
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
}

impl<T: ArrowPrimitiveType + Debug> Column for Numbers<T, Parse<T::Native>> {
    fn push(&mut self, token: Token<'_>, _: &mut Walk<'_>, _: Duplicates) -> Result<(), Error> {
        let value = match token {
            Token::Null => return self.add(None),
            Token::Number(text) => std::str::from_utf8(text).ok().and_then(self.read),
            _ => None,
        };
        match value {
            Some(value) => self.add(Some(value)),
            None => Err(mismatch(&token, &T::DATA_TYPE.to_string())),
        }
    }
}
