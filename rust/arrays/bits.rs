//! Bits, and the bits that say which rows are not null.

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};

use crate::error::Error;

/// A growing row of bits.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, bit: bool) -> Result<(), Error> {
        if self.len.is_multiple_of(8) {
            self.bytes.try_reserve(1)?;
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.len % 8);
        }
        self.len += 1;
        Ok(())
    }

    /// Takes the last bit away.
    fn pop(&mut self) -> Option<bool> {
        self.len = self.len.checked_sub(1)?;
        let mask = 1 << (self.len % 8);
        let last = self.bytes.last_mut()?;
        let bit = *last & mask != 0;
        *last &= !mask;
        if self.len.is_multiple_of(8) {
            self.bytes.pop();
        }
        Some(bit)
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        while self.len > len {
            self.pop();
        }
    }

    pub(crate) fn finish(&mut self) -> BooleanBuffer {
        let Self { bytes, len } = std::mem::take(self);
        BooleanBuffer::new(Buffer::from_vec(bytes), 0, len)
    }
}

/// Which rows are not null.
#[derive(Debug, Default)]
pub(crate) struct Validity {
    bits: Bits,
    nulls: usize,
}

impl Validity {
    pub(crate) fn len(&self) -> usize {
        self.bits.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bits.bytes()
    }

    #[inline]
    pub(crate) fn push(&mut self, valid: bool) -> Result<(), Error> {
        self.bits.push(valid)?;
        self.nulls += usize::from(!valid);
        Ok(())
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        while self.len() > len {
            self.nulls -= usize::from(self.bits.pop() == Some(false));
        }
    }

    /// The bits; none if no row is null.
    pub(crate) fn finish(&mut self) -> Option<NullBuffer> {
        let nulls = std::mem::take(&mut self.nulls);
        let bits = self.bits.finish();
        (nulls > 0).then(|| NullBuffer::new(bits))
    }
}
