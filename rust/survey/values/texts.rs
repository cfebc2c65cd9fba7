//! Columns of strings, and of the JSON text of other scalars.

use arrow_array::{ArrayRef, GenericStringArray, OffsetSizeTrait};
use arrow_buffer::Buffer;

use super::{Column, Duplicates, made, mismatch};
use crate::columns::bits::Validity;
use crate::columns::offsets::Offsets;
use crate::error::Error;
use crate::scan::unescape;
use crate::walk::{Token, Walk};

/// Strings, and the JSON text of other scalars.
#[derive(Debug, Default)]
pub(super) struct Texts<O> {
    values: Vec<u8>,
    offsets: Offsets<O>,
    validity: Validity,
    /// Bytes of the values when the column was last finished: the next batch is about as large, and
    /// what is asked for at once need not be moved as it grows.
    last: usize,
}

impl<O: OffsetSizeTrait> Texts<O> {
    /// Asks for what the last batch took and an eighth more.
    #[cold]
    fn begin(&mut self) -> Result<(), Error> {
        Ok(self.values.try_reserve(self.last + self.last / 8)?)
    }

    fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.offsets.push(self.values.len())?;
        self.validity.push(valid)
    }
}

impl<O: OffsetSizeTrait> Column for Texts<O> {
    fn push(&mut self, token: Token<'_>, _: &mut Walk<'_>, _: Duplicates) -> Result<(), Error> {
        if self.values.capacity() == 0 {
            self.begin()?;
        }
        match token {
            Token::Null => return self.close(false),
            Token::Text(raw) => unescape(raw, &mut self.values)?,
            Token::Number(text) | Token::Boolean(text) => {
                self.values.try_reserve(text.len())?;
                self.values.extend_from_slice(text);
            }
            other => return Err(mismatch(&other, "strings")),
        }
        self.close(true)
    }

    fn push_null(&mut self) -> Result<(), Error> {
        self.close(false)
    }

    fn len(&self) -> usize {
        self.validity.len()
    }

    fn bytes(&self) -> usize {
        self.values.len() + self.offsets.bytes() + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.validity.truncate(rows);
        self.values.truncate(self.offsets.truncate(rows));
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        self.last = self.values.len();
        let values = Buffer::from_vec(std::mem::take(&mut self.values));
        let (offsets, nulls) = (self.offsets.finish(), self.validity.finish());
        made(GenericStringArray::<O>::try_new(offsets, values, nulls))
    }
}
