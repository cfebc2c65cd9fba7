//! Arrow batches, cut into ranges of rows.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::ArrowError;

use super::input::Reader;
use super::{Cut, ReadError, Wanted};
use crate::batch::{Batch, Dictionaries};
use crate::error::{Error, ErrorKind, FaultKind};
use crate::printable::cut;
use crate::value::Value;

/// Where the words of a library are cut, which may quote the file.
const MESSAGE: usize = 160;

/// Batches that are pulled one after the other.
pub(super) struct Batches {
    reader: Reader,
    current: Option<Arc<Batch>>,
    /// The row of the current batch to take next.
    next: usize,
    /// Rows of all batches before it.
    before: u64,
    /// Whether they are of strings that were checked when they were made.
    sound: bool,
    dictionaries: Dictionaries,
}

/// Some rows of a batch.
#[derive(Debug)]
pub struct Rows {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Which of its rows.
    pub rows: Range<usize>,
    /// Rows of the input before the batch.
    pub before: u64,
}

impl Batches {
    pub(super) fn new(name: &str, reader: Reader) -> Result<Self, ReadError> {
        Batch::check_depth(name, &reader.schema()).map_err(ReadError::Error)?;
        let dictionaries = Dictionaries::default();
        Ok(Self { reader, current: None, next: 0, before: 0, sound: false, dictionaries })
    }

    /// Batches after so many rows, of strings that were checked when they were made.
    pub(super) fn of_strings(reader: Reader, before: u64) -> Self {
        let dictionaries = Dictionaries::default();
        Self { reader, current: None, next: 0, before, sound: true, dictionaries }
    }

    /// The next rows: as many as make a block, or a portion where portions count.
    pub(super) fn next(
        &mut self,
        name: &str,
        wanted: Wanted<'_>,
        cut: Cut,
        max_record_bytes: usize,
    ) -> Result<Option<Rows>, ReadError> {
        loop {
            if let Some(batch) = &self.current
                && self.next < batch.rows()
            {
                let rows = self.next..end_of_rows(batch, self.next, wanted, cut, max_record_bytes);
                if rows.is_empty() {
                    let row = self.before + self.next as u64 + 1;
                    return Err(too_long(name, row, max_record_bytes));
                }
                self.next = rows.end;
                return Ok(Some(Rows { batch: Arc::clone(batch), rows, before: self.before }));
            }
            if !self.pull(name, wanted)? {
                return Ok(None);
            }
        }
    }

    fn pull(&mut self, name: &str, wanted: Wanted<'_>) -> Result<bool, ReadError> {
        self.before += self.current.take().map_or(0, |batch| batch.rows() as u64);
        self.next = 0;
        let Some(batch) = self.reader.next() else { return Ok(false) };
        let batch = batch.map_err(ReadError::from)?;
        let Wanted { keys, whole } = wanted;
        let batch = if self.sound {
            Batch::of_strings(name, &batch, keys, whole)
        } else {
            Batch::following(&self.dictionaries, name, &batch, keys, whole)
        };
        self.current = Some(Arc::new(batch.map_err(ReadError::Error)?));
        Ok(true)
    }
}

/// The end of the rows from `start` on that are taken at once; `start` if that row is too long.
fn end_of_rows(
    batch: &Batch,
    start: usize,
    wanted: Wanted<'_>,
    cut: Cut,
    max_record_bytes: usize,
) -> usize {
    let mut left = usize::try_from(cut.ticket_bytes()).unwrap_or(usize::MAX);
    let mut row = start;
    while row < batch.rows()
        && (left > 0 || row == start)
        && let Some(bytes) = length(batch, row, wanted, max_record_bytes)
    {
        left = left.saturating_sub(bytes);
        row += 1;
    }
    row
}

/// About how long a row is as JSON, if that is no longer than a record may be.
fn length(batch: &Batch, row: usize, wanted: Wanted<'_>, limit: usize) -> Option<usize> {
    let (mut room, mut texts) = (limit, 0);
    let mut fits = |value| match value {
        Value::Nested(nested) => nested.fits(&mut room),
        other => {
            texts += other.json_len();
            true
        }
    };
    let fits = if wanted.whole {
        fits(batch.whole(row))
    } else {
        (0..wanted.keys.len()).all(|slot| fits(batch.value(slot, row)))
    };
    (fits && texts <= room).then_some(limit - room + texts + 1)
}

pub(super) fn too_long(name: &str, row: u64, limit: usize) -> ReadError {
    let fault = FaultKind::RecordTooLong { limit };
    ReadError::Error(Error::from(ErrorKind::Row { path: name.to_owned(), row, fault }))
}

impl From<ArrowError> for ReadError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => error.into(),
            ArrowError::ParquetError(what) => {
                let what = cut(one_line(&what).as_bytes(), MESSAGE);
                Self::Broken(format!("cannot be read as Parquet: {what}"))
            }
            other => Self::Broken(one_line(&other.to_string())),
        }
    }
}

/// What a library says, without its line ends, and without what pyarrow puts around the words of an
/// exception of Python.
fn one_line(text: &str) -> String {
    let text = text.split(". Detail: Python exception").next().unwrap_or(text);
    let text = text.trim_start_matches("C Data interface error: ");
    let text = text.trim_start_matches("Unknown error: ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
