//! Texts under construction that become a column of strings.
#![allow(unsafe_code)]

use std::collections::TryReserveError;

use arrow_array::{GenericStringArray, OffsetSizeTrait};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};

use super::rewrite::chosen;
use super::utf8::{check_nulls, check_rest, is_boundary};

/// Texts one after the other, in valid UTF-8 in the end.
///
/// What is UTF-8 by how it came is not checked again: Rust's own strings, and what was escaped in ASCII.
/// For ASCII-escaped records to check it all was a sixteenth of the time of writing columns.
///
/// ```
/// use arrow_buffer::OffsetBuffer;
/// use raftfast::scan::Texts;
///
/// let mut texts = Texts::default();
/// texts.unescape(br"\u00fcber")?;
/// texts.push(" alles")?;
/// let column = texts.finish::<i32>(OffsetBuffer::from_lengths([5, 6]), None).unwrap();
/// assert_eq!(column.value(0), "\u{fc}ber");
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
#[derive(Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    /// So many of them are known to be whole characters.
    known: usize,
}

impl Texts {
    /// Empty, in the memory of `bytes`.
    #[must_use]
    pub fn within(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, known: 0 }
    }

    /// Makes room for so many bytes.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    pub fn reserve(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.bytes.try_reserve(more)
    }

    /// Adds the characters of an escaped text, as [`unescape`](super::unescape()) does.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is added.
    #[inline]
    pub fn unescape(&mut self, raw: &[u8]) -> Result<(), TryReserveError> {
        let before = self.bytes.len();
        let ascii = chosen().unescape_told(raw, &mut self.bytes)?;
        self.learn(before, ascii);
        Ok(())
    }

    /// Adds text.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is added.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<(), TryReserveError> {
        let before = self.bytes.len();
        self.bytes.try_reserve(text.len())?;
        self.bytes.extend_from_slice(text.as_bytes());
        self.learn(before, true);
        Ok(())
    }

    /// Takes note of what was added behind `before`.
    #[inline]
    fn learn(&mut self, before: usize, is_utf8: bool) {
        if is_utf8 && self.known == before {
            self.known = self.bytes.len();
        }
    }

    /// Keeps so many bytes.
    pub fn truncate(&mut self, len: usize) {
        if len < self.known {
            self.known = if is_boundary(&self.bytes, len) { len } else { 0 };
        }
        self.bytes.truncate(len);
    }

    /// How many bytes there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes for which there is memory.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes the column whose rows are between these offsets, checking what is not known.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn finish<O: OffsetSizeTrait>(
        self,
        offsets: OffsetBuffer<O>,
        nulls: Option<NullBuffer>,
    ) -> Result<GenericStringArray<O>, String> {
        check_rest(&offsets, &self.bytes, self.known)?;
        check_nulls(offsets.len() - 1, nulls.as_ref())?;
        let values = Buffer::from_vec(self.bytes);
        // SAFETY: every string is whole characters within the bytes, and there are as many nulls as
        // strings: these are the checks of `try_new`. What is known to be UTF-8 came as such, or is what
        // ASCII was unescaped to, and nothing outside of this file changes the bytes.
        Ok(unsafe { GenericStringArray::new_unchecked(offsets, values, nulls) })
    }
}
