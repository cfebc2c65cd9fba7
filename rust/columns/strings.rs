//! Columns of strings: each unescaped straight into the buffer that the batch will hold.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, OffsetSizeTrait};
use arrow_buffer::Buffer;
use arrow_schema::ArrowError;

use super::bits::Validity;
use super::column::{Column, made, misfit};
use super::offsets::Offsets;
use crate::error::Error;
use crate::record::Record;
use crate::scan::{strings, unescape};
use crate::shape::plan;
use crate::shape::tree::{Node, Part};
use crate::text::Text;

/// A column of strings, with offsets of 32 or of 64 bits.
#[derive(Debug, Default)]
pub(super) struct Strings<O> {
    values: Vec<u8>,
    offsets: Offsets<O>,
    validity: Validity,
    /// Bytes of the values when the column was last finished: the next batch is about as large, and
    /// what is asked for at once need not be moved as it grows.
    last: usize,
}

impl<O: OffsetSizeTrait> Strings<O> {
    #[inline]
    pub(super) fn append(&mut self, text: Text<'_>) -> Result<(), Error> {
        match text {
            Text::Escaped(raw) => unescape(raw, &mut self.values)?,
            Text::Plain(text) => self.append_plain(text)?,
        }
        Ok(())
    }

    #[inline]
    fn append_plain(&mut self, text: &str) -> Result<(), Error> {
        self.values.try_reserve(text.len())?;
        self.values.extend_from_slice(text.as_bytes());
        Ok(())
    }

    pub(super) fn append_part(&mut self, part: &Part, record: &Record<'_>) -> Result<(), Error> {
        match part {
            Part::Literal(text) => self.append_plain(text),
            // Labels and spans stand in segments, which have a column of their own.
            Part::Label(_) | Part::Spans(..) | Part::Cut => Ok(()),
            Part::Field(source) => source.text(record).map_or(Ok(()), |text| self.append(text)),
            Part::Json(source) => {
                let told = plan::tell(record.value(source.slot), |text| self.append(text));
                told.unwrap_or(Ok(()))
            }
            Part::Own(source, text) => match record.own(source.slot) {
                Some(_) => source.text(record).map_or(Ok(()), |text| self.append(text)),
                None => self.append_plain(text),
            },
            Part::Choice { condition, then, otherwise } => {
                self.append_parts(if condition.holds(record) { then } else { otherwise }, record)
            }
            Part::Each { list, single, many } => match record.list(*list) {
                None => self.append_parts(single, record),
                Some(mut entries) => entries.try_for_each(|entry| self.append_parts(many, &entry)),
            },
        }
    }

    fn append_parts(&mut self, parts: &[Part], record: &Record<'_>) -> Result<(), Error> {
        parts.iter().try_for_each(|part| self.append_part(part, record))
    }

    /// Whether there is text that no row holds yet.
    pub(super) fn has_begun(&self) -> bool {
        self.values.len() > self.offsets.last()
    }

    #[inline]
    pub(super) fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.offsets.push(self.values.len())?;
        self.validity.push(valid)
    }

    /// Asks for what the last batch took and an eighth more.
    #[cold]
    fn begin(&mut self) -> Result<(), Error> {
        Ok(self.values.try_reserve(self.last + self.last / 8)?)
    }
}

impl<O: OffsetSizeTrait> Column for Strings<O> {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        if self.values.capacity() == 0 {
            self.begin()?;
        }
        match node {
            Node::Text(parts) => {
                self.append_parts(parts, record)?;
                self.close(true)
            }
            Node::Field(source) => match source.text(record) {
                Some(text) => self.append(text).and_then(|()| self.close(true)),
                None => self.close(false),
            },
            other => Err(misfit(other, "strings")),
        }
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
        let values = std::mem::take(&mut self.values);
        self.last = values.len();
        let (offsets, nulls) = (self.offsets.finish(), self.validity.finish());
        made(
            strings(offsets, Buffer::from_vec(values), nulls)
                .map_err(ArrowError::InvalidArgumentError),
        )
    }

    fn reclaim(&mut self, finished: ArrayRef) {
        let Some(strings) = finished.as_string_opt::<O>().cloned() else { return };
        drop(finished);
        if let Ok(values) = strings.into_parts().1.into_vec() {
            self.values = values;
            self.values.clear();
        }
    }
}
