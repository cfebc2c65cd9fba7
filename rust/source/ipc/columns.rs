//! The rows of columns of strings: shared out by what the headers say, read by whoever converts them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, OffsetSizeTrait, RecordBatch};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::SchemaRef;
use rustix::buffer::spare_capacity;

use super::layout::{Column, Extent, Kind};
use crate::batch::Batch;
use crate::scan::strings;
use crate::source::region::Watched;
use crate::source::rows::too_long;
use crate::source::{ReadError, Rows, Wanted};

/// The most rows whose offsets are read at once.
const ROWS: u64 = 16 << 10;

/// Columns of strings in files.
#[derive(Debug)]
pub struct Columns {
    pub(super) schema: SchemaRef,
    pub(super) shards: Vec<Shard>,
}

/// A file, and the columns of each of its batches.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) watched: Watched,
    pub(super) batches: Vec<Vec<Column>>,
}

impl Columns {
    /// Their names and types.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Bytes of all strings.
    pub(in crate::source) fn bytes(&self) -> u64 {
        self.shards.iter().flat_map(|shard| &shard.batches).map(|batch| bytes(batch)).sum()
    }
}

fn bytes(batch: &[Column]) -> u64 {
    batch.iter().map(|column| column.values.length).sum()
}

fn rows(batch: &[Column]) -> u64 {
    batch.first().map_or(0, |column| column.rows)
}

/// Gives out the rows in order.
#[derive(Debug)]
pub(in crate::source) struct Parts {
    columns: Arc<Columns>,
    shard: usize,
    batch: usize,
    /// The row of the batch to give out next.
    row: u64,
    /// Rows of all batches before it.
    before: u64,
}

impl Parts {
    pub(in crate::source) fn new(columns: Arc<Columns>) -> Self {
        Self { columns, shard: 0, batch: 0, row: 0, before: 0 }
    }

    /// The next rows: about as many as have so many bytes, as rows of their batch have on average.
    pub(in crate::source) fn next(&mut self, ticket_bytes: u64) -> Option<Part> {
        loop {
            let shard = self.columns.shards.get(self.shard)?;
            let Some(batch) = shard.batches.get(self.batch) else {
                (self.shard, self.batch) = (self.shard + 1, 0);
                continue;
            };
            let rows = rows(batch);
            if self.row == rows {
                (self.batch, self.row, self.before) = (self.batch + 1, 0, self.before + rows);
                continue;
            }
            let average = bytes(batch) / rows + 1;
            let end = rows.min(self.row + (ticket_bytes / average).max(1));
            let rows = self.row..end;
            self.row = end;
            let columns = Arc::clone(&self.columns);
            let (shard, batch, before) = (self.shard, self.batch, self.before);
            return Some(Part { columns, shard, batch, rows, before });
        }
    }
}

/// Some rows of a batch, to be read.
#[derive(Debug)]
pub(in crate::source) struct Part {
    columns: Arc<Columns>,
    shard: usize,
    batch: usize,
    rows: Range<u64>,
    before: u64,
}

impl Part {
    /// Reads the next of the rows: as many as have the bytes of a block, or one that has more, up to those that a
    /// record may have.
    pub(in crate::source) fn take(
        &mut self,
        name: &str,
        wanted: Wanted<'_>,
        (block_bytes, max_record_bytes): (usize, usize),
    ) -> Result<Option<Rows>, ReadError> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let shard = &self.columns.shards[self.shard];
        let (batch, row) = (&shard.batches[self.batch], self.rows.start);
        let most = row..self.rows.end.min(row + ROWS);
        let offsets = batch.iter().map(|column| column.offsets(shard.watched.file(), &most));
        let offsets = offsets.collect::<Result<Vec<_>, _>>()?;
        let fits = |at: &usize| bytes_of(&offsets, *at..at + 1) <= max_record_bytes as u64;
        let count = (0..fitting(&offsets, block_bytes as u64)).take_while(fits).count();
        if count == 0 {
            return Err(too_long(name, self.before + row + 1, max_record_bytes));
        }
        let columns = batch
            .iter()
            .zip(&offsets)
            .map(|(column, offsets)| column.strings(shard.watched.file(), row, &offsets[..=count]));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let batch = RecordBatch::try_new(self.columns.schema(), columns);
        let batch = batch.map_err(|error| ReadError::Broken(error.to_string()))?;
        let batch = Batch::of_strings(name, &batch, wanted.keys, wanted.whole);
        let batch = Arc::new(batch.map_err(ReadError::Error)?);
        self.rows.start += count as u64;
        if self.rows.is_empty() && !shard.watched.is_unchanged()? {
            return Err(ReadError::Changed);
        }
        Ok(Some(Rows { batch, rows: 0..count, before: self.before + row }))
    }
}

/// How many of the rows to read, of which these are the offsets.
fn fitting(offsets: &[Vec<u64>], limit: u64) -> usize {
    let most = offsets.iter().map(Vec::len).min().unwrap_or_default().saturating_sub(1);
    let fits = |rows: &usize| *rows == 1 || bytes_of(offsets, 0..*rows) <= limit;
    (1..=most).take_while(fits).last().unwrap_or(most)
}

/// Bytes of the strings in some of the rows that have these offsets.
fn bytes_of(offsets: &[Vec<u64>], rows: Range<usize>) -> u64 {
    offsets.iter().map(|one| one[rows.end] - one[rows.start]).sum()
}

impl Column {
    /// The offsets of some rows and of the end of the last one: they rise and lie within the strings.
    fn offsets(&self, file: &File, rows: &Range<u64>) -> Result<Vec<u64>, ReadError> {
        let width = self.kind.width();
        let length = (rows.end - rows.start + 1) * width;
        let extent = Extent { start: self.offsets.start + rows.start * width, length };
        let bytes = read(file, extent)?;
        let offsets: Vec<u64> = match self.kind {
            Kind::LargeStrings => {
                bytes.as_chunks().0.iter().map(|&b| u64::from_le_bytes(b)).collect()
            }
            _ => bytes.as_chunks().0.iter().map(|&b| u32::from_le_bytes(b).into()).collect(),
        };
        // A negative offset is a very large one here.
        if !offsets.is_sorted() || offsets.last().is_some_and(|&end| end > self.values.length) {
            return Err(wrong("the offsets of its strings are out of range"));
        }
        Ok(offsets)
    }

    /// The strings from a row on that have these offsets.
    fn strings(&self, file: &File, row: u64, offsets: &[u64]) -> Result<ArrayRef, ReadError> {
        let (&first, &last) =
            offsets.first().zip(offsets.last()).ok_or_else(|| wrong("no offsets"))?;
        let extent = Extent { start: self.values.start + first, length: last - first };
        let values = Buffer::from_vec(read(file, extent)?);
        let nulls = self.nulls(file, row, offsets.len() - 1)?;
        match self.kind {
            Kind::LargeStrings => column::<i64>(offsets, first, values, nulls),
            _ => column::<i32>(offsets, first, values, nulls),
        }
    }

    fn nulls(&self, file: &File, row: u64, rows: usize) -> Result<Option<NullBuffer>, ReadError> {
        let Some(validity) = self.validity else { return Ok(None) };
        let (before, skip) = (row / 8, (row % 8) as usize);
        let length = (skip + rows).div_ceil(8) as u64;
        let bits = read(file, Extent { start: validity.start + before, length })?;
        Ok(Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), skip, rows))))
    }
}

fn column<O: OffsetSizeTrait>(
    offsets: &[u64],
    first: u64,
    values: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ReadError> {
    let offset = |offset: &u64| usize::try_from(offset - first).ok().and_then(O::from_usize);
    let offsets = offsets.iter().map(offset).collect::<Option<ScalarBuffer<O>>>();
    let offsets = offsets.ok_or_else(|| wrong("the offsets of its strings are out of range"))?;
    let column = strings(OffsetBuffer::new(offsets), values, nulls);
    column.map(|column| Arc::new(column) as ArrayRef).map_err(|what| wrong(&what))
}

/// Bytes of a file, whose end may have moved meanwhile.
fn read(file: &File, extent: Extent) -> Result<Vec<u8>, ReadError> {
    let length = usize::try_from(extent.length).map_err(|_| wrong("a buffer is too long"))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length.max(1))?;
    while bytes.len() < length {
        let at = extent.start + bytes.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut bytes), at) {
            Ok(0) => return Err(ReadError::Changed),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn wrong(what: &str) -> ReadError {
    ReadError::Broken(what.to_owned())
}
