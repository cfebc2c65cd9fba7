//! Arrays of strings: each unescaped straight into the buffer that the batch will hold.

use arrow_array::{ArrayRef, OffsetSizeTrait};

use super::{Growing, Offsets, Validity, made};
use crate::error::Error;
use crate::scan::Texts;
use crate::text::Text;

/// Strings, with offsets of 32 or of 64 bits.
#[derive(Debug, Default)]
pub(crate) struct Strings<O> {
    values: Texts,
    offsets: Offsets<O>,
    validity: Validity,
    /// Bytes of the values when the array was last finished: the next batch is about as large, and
    /// what is asked for at once need not be moved as it grows.
    last: usize,
}

impl<O: OffsetSizeTrait> Strings<O> {
    /// Makes room before the first row.
    #[inline]
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        if self.values.capacity() == 0 {
            self.values.reserve(self.expected())?;
        }
        Ok(())
    }

    /// What the last batch took and an eighth more.
    fn expected(&self) -> usize {
        self.last + self.last / 8
    }

    /// Adds to the string under construction.
    #[inline]
    pub(crate) fn append(&mut self, text: Text<'_>) -> Result<(), Error> {
        match text {
            Text::Escaped(raw) => self.values.unescape(raw)?,
            Text::Plain(text) => self.values.push(text)?,
        }
        Ok(())
    }

    /// Whether there is text that no row holds yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.values.len() > self.offsets.last()
    }

    /// Ends a string.
    #[inline]
    pub(crate) fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.offsets.push(self.values.len())?;
        self.validity.push(valid)
    }
}

impl<O: OffsetSizeTrait> Growing for Strings<O> {
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
        let values = std::mem::take(&mut self.values);
        self.last = values.len();
        made(values.finish(self.offsets.finish(), self.validity.finish()))
    }

    fn refill(&mut self, spare: &mut Vec<Vec<u8>>) {
        if self.values.capacity() > 0 {
            return;
        }
        // Not a large one for short texts, of which there is no need to keep memory either.
        let fitting = self.expected()..=self.last.saturating_mul(4);
        let fitting = (0..spare.len()).filter(|&at| fitting.contains(&spare[at].capacity()));
        if let Some(best) = fitting.min_by_key(|&at| spare[at].capacity()) {
            self.values = Texts::within(spare.swap_remove(best));
        }
    }
}
