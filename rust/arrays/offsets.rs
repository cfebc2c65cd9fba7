//! Where the rows of a column end among its values.

use arrow_array::OffsetSizeTrait;
use arrow_buffer::{OffsetBuffer, ScalarBuffer};

use crate::error::Error;

/// The offsets of the rows so far, with the zero before the first.
#[derive(Debug, Default)]
pub(crate) struct Offsets<O>(Vec<O>);

impl<O: OffsetSizeTrait> Offsets<O> {
    /// Ends a row after so many values.
    #[inline]
    pub(crate) fn push(&mut self, values: usize) -> Result<(), Error> {
        let end = O::from_usize(values).ok_or_else(|| {
            Error::usage("a batch holds 2 GiB or more of one column; take fewer rows at a time")
        })?;
        self.0.try_reserve(2)?;
        if self.0.is_empty() {
            self.0.push(O::zero());
        }
        self.0.push(end);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }

    /// Keeps so many rows; gives how many values they hold.
    pub(crate) fn truncate(&mut self, rows: usize) -> usize {
        self.0.truncate(rows + 1);
        self.last()
    }

    /// Where the last row ends.
    pub(crate) fn last(&self) -> usize {
        self.0.last().map_or(0, |end| end.as_usize())
    }

    pub(crate) fn finish(&mut self) -> OffsetBuffer<O> {
        let offsets = std::mem::take(&mut self.0);
        if offsets.is_empty() {
            return OffsetBuffer::new_empty();
        }
        OffsetBuffer::new(ScalarBuffer::from(offsets))
    }
}
