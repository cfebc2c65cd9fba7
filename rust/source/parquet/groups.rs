//! The rows of row groups: shared out by what the footer says. Small groups are decoded by whoever converts them.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::attempt::attempt;
use super::file::{Pages, Shared};
use crate::source::rows::Batches;
use crate::source::{Cut, ReadError, Rows, Wanted};

/// Bytes in a row group up to which it is one worker's: its rows are held until all before them
/// are written. Larger ones are decoded by one worker for the others, a batch at a time.
const OF_ONE: u64 = 16 << 20;

/// Bytes that are counted for a row beside its values: what rows have that is no record's.
const OF_A_ROW: u64 = 512;

/// Bytes in a batch, at most about: of rows that are framed a portion comes of one batch.
const BATCH_BYTES: u64 = 1 << 20;
const FRAMED_BATCH_BYTES: u64 = 8 << 20;

/// The most rows in a batch. The footer may not say how long strings become that are kept once, in a
/// dictionary, as documents are that come again and again.
const BATCH_ROWS: u64 = 1024;

/// The wanted columns of a file, row group by row group.
#[derive(Debug)]
pub struct Groups {
    pub(super) file: Shared,
    pub(super) metadata: ArrowReaderMetadata,
    pub(super) mask: ProjectionMask,
    pub(super) schema: SchemaRef,
    pub(super) sizes: Vec<Group>,
}

/// What the footer says of the wanted columns of a row group.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) struct Group {
    pub(super) rows: u64,
    /// Bytes before compression, in whatever encoding.
    pub(super) encoded: u64,
    /// Bytes of all strings, if it says that.
    pub(super) decoded: Option<u64>,
    /// The bytes that its codec can make of one.
    pub(super) ratio: i64,
}

impl Groups {
    /// The names and types of the columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Bytes of all strings, as far as they are known.
    pub(in crate::source) fn bytes(&self) -> u64 {
        let sizes = self.sizes.iter().map(|group| group.decoded.unwrap_or(group.encoded));
        sizes.fold(0, u64::saturating_add)
    }

    /// The batches of a row group, which stands behind so many rows.
    fn batches(&self, number: usize, before: u64, cut: Cut) -> Result<Batches, ReadError> {
        Ok(Batches::of_strings(Box::new(self.reader(number, cut)?), before))
    }

    /// Starts to decode a row group.
    fn reader(&self, number: usize, cut: Cut) -> Result<Decoder, ReadError> {
        let group = self.sizes[number];
        let bytes = if cut.portion.is_some() { FRAMED_BATCH_BYTES } else { BATCH_BYTES };
        let fitting =
            bytes.saturating_mul(group.rows) / group.decoded.unwrap_or(group.encoded).max(1);
        let rows = usize::try_from(fitting.clamp(1, BATCH_ROWS)).unwrap_or(1);
        let pages = self.file.pages(group.ratio);
        let build = || {
            let (pages, metadata) = (pages.clone(), self.metadata.clone());
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(pages, metadata);
            let builder = builder.with_row_groups(vec![number]).with_projection(self.mask.clone());
            builder.with_batch_size(rows).build().map_err(ArrowError::from)
        };
        let reader = sound(&pages, build).map_err(ReadError::from)?;
        let room = if self.is_of_one(number, cut) { 2 * OF_ONE } else { u64::MAX };
        Ok(Decoder { pages, schema: self.schema(), reader, left: group.rows, room })
    }

    /// Whether a row group is one worker's.
    fn is_of_one(&self, number: usize, cut: Cut) -> bool {
        let group = self.sizes[number];
        let bytes = group.rows.saturating_mul(OF_A_ROW);
        let fits = group.decoded.is_some_and(|told| told.saturating_add(bytes) <= OF_ONE);
        cut.portion.is_none() && fits
    }
}

/// Does some work of decoding, in which a panic is a file that is broken.
fn sound<T>(pages: &Pages, work: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    let broken = || Err(ArrowError::ParquetError("it cannot be decoded".to_owned()));
    let done = attempt(work).unwrap_or_else(broken);
    done.map_err(|error| match pages.failure() {
        Some(failure) => ArrowError::from(failure),
        None => error,
    })
}

/// The batches of a row group, of which there must be as many rows as the footer says.
struct Decoder {
    pages: Pages,
    schema: SchemaRef,
    reader: ParquetRecordBatchReader,
    left: u64,
    /// Bytes that may still come of it.
    room: u64,
}

impl Decoder {
    fn batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let batch = sound(&self.pages, || self.reader.next().transpose())?;
        self.room = batch.as_ref().map_or(Ok(self.room), |batch| self.after(batch))?;
        let rows = batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        let wrong = || ArrowError::ParquetError("it has not the rows that it announces".to_owned());
        let left = self.left.checked_sub(rows).ok_or_else(wrong)?;
        if left > 0 && batch.is_none() {
            return Err(wrong());
        }
        if batch.is_none() {
            self.pages.check()?;
        }
        self.left = left;
        batch.map(|batch| batch.with_schema(Arc::clone(&self.schema))).transpose()
    }

    /// What room is left after a batch, of a row group that may say too little of itself.
    fn after(&self, batch: &RecordBatch) -> Result<u64, ArrowError> {
        let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
        let bytes = sizes.sum::<Result<usize, _>>()? as u64;
        self.room.checked_sub(bytes).ok_or_else(|| {
            ArrowError::ParquetError("its values are larger than it announces".to_owned())
        })
    }
}

impl Iterator for Decoder {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

impl RecordBatchReader for Decoder {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Gives out the rows in order.
pub(in crate::source) struct Parts {
    groups: Arc<Groups>,
    /// The row group to give out next, and the rows before it.
    next: usize,
    before: u64,
    /// A large one, of which rows are left.
    current: Option<Batches>,
}

/// What is given out.
pub(in crate::source) enum Taken {
    /// A row group, to be decoded.
    Part(Part),
    /// Some rows of a larger one.
    Rows(Rows),
}

impl Parts {
    pub(in crate::source) fn new(groups: Arc<Groups>) -> Self {
        Self { groups, next: 0, before: 0, current: None }
    }

    /// The next row group, or the next rows of a large one.
    pub(in crate::source) fn next(
        &mut self,
        name: &str,
        wanted: Wanted<'_>,
        cut: Cut,
        max_record_bytes: usize,
    ) -> Result<Option<Taken>, ReadError> {
        loop {
            if let Some(batches) = &mut self.current {
                if let Some(rows) = batches.next(name, wanted, cut, max_record_bytes)? {
                    return Ok(Some(Taken::Rows(rows)));
                }
                self.current = None;
            }
            let (number, before) = (self.next, self.before);
            let Some(group) = self.groups.sizes.get(number) else { return Ok(None) };
            self.next += 1;
            self.before += group.rows;
            if self.groups.is_of_one(number, cut) {
                let groups = Arc::clone(&self.groups);
                return Ok(Some(Taken::Part(Part { groups, number, before, batches: None })));
            }
            self.current = Some(self.groups.batches(number, before, cut)?);
        }
    }
}

/// A row group, to be decoded.
pub(in crate::source) struct Part {
    groups: Arc<Groups>,
    number: usize,
    before: u64,
    batches: Option<Batches>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row group {} of {:?}", self.number, self.groups)
    }
}

impl Part {
    /// Decodes the next of its rows.
    pub(in crate::source) fn take(
        &mut self,
        name: &str,
        wanted: Wanted<'_>,
        cut: Cut,
        max_record_bytes: usize,
    ) -> Result<Option<Rows>, ReadError> {
        let batches = match &mut self.batches {
            Some(batches) => batches,
            none => none.insert(self.groups.batches(self.number, self.before, cut)?),
        };
        batches.next(name, wanted, cut, max_record_bytes)
    }
}
