//! A block of whole lines, padded so that the scanner can read 64 bytes at a time.

use std::collections::TryReserveError;

/// Owned bytes with margins: three bytes and more may be read before the content, and 128
/// line ends follow it, so that every line ends and every string has an end.
///
/// ```
/// use raftfast::scan::Buffer;
///
/// let mut buffer = Buffer::default();
/// buffer.spare(4)?[..4].copy_from_slice(b"{}\n ");
/// buffer.filled(3);
/// assert_eq!(buffer.content(), b"{}\n");
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
#[derive(Debug, Default)]
pub struct Buffer {
    /// Lead, content, padding and whatever space is spare; empty or longer than both margins.
    bytes: Vec<u8>,
    /// Length of the content.
    len: usize,
}

impl Buffer {
    /// Bytes before the content: a cache line, so that the content starts aligned if the block does.
    pub(super) const LEAD: usize = 64;

    /// Line ends after the content: a block starting at the last one must be readable whole.
    pub(super) const PAD: usize = 128;

    /// A buffer that holds a copy of `bytes`.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TryReserveError> {
        let mut buffer = Self::default();
        buffer.append(bytes)?;
        Ok(buffer)
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        self.bytes.get(Self::LEAD..Self::LEAD + self.len).unwrap_or_default()
    }

    /// Bytes that fit without growing.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len().saturating_sub(Self::LEAD + Self::PAD)
    }

    /// Forgets the content, and gives memory back if more than `keep` bytes of it are held.
    pub fn reset(&mut self, keep: usize) {
        self.len = 0;
        if self.capacity() > keep {
            self.bytes = Vec::new();
        }
    }

    /// At least `wanted` bytes of space after the content; say with [`Buffer::filled`] how many of
    /// them were written to.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    pub fn spare(&mut self, wanted: usize) -> Result<&mut [u8], TryReserveError> {
        let needed = Self::LEAD + self.len + wanted + Self::PAD;
        if needed > self.bytes.len() {
            self.bytes.try_reserve_exact(needed - self.bytes.len())?;
            self.bytes.resize(needed, b'\n');
        }
        let end = self.bytes.len() - Self::PAD;
        Ok(&mut self.bytes[Self::LEAD + self.len..end])
    }

    /// Takes the next `count` bytes of the spare space into the content.
    pub fn filled(&mut self, count: usize) {
        self.len += count;
        let end = Self::LEAD + self.len;
        self.bytes[end..end + Self::PAD].fill(b'\n');
    }

    /// Adds a copy of `bytes` to the content.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        self.spare(bytes.len())?[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
        Ok(())
    }

    /// Cuts the content to its first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.filled(0);
        }
    }

    /// The content between its margins.
    pub(super) fn padded(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the line starts (in the content) that follows a line end at `newline` (in the padded
    /// bytes): the end of the content if that line end is padding.
    pub(super) fn line_after(&self, newline: usize) -> usize {
        (newline + 1 - Self::LEAD).min(self.len)
    }
}
