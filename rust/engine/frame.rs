//! What a worker makes of a portion: rows gathered, then encoded as they will stand in the output.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::compress::Compression;
use super::framing::Framing;
use crate::columnar::{Encoded, Encoder};
use crate::columns::Columns;
use crate::convert::Rows;
use crate::error::Error;
use crate::pool::Pool;
use crate::record::Record;
use crate::shape::Shape;
use crate::survey::Survey;
use crate::text::Escape;

/// Bytes of input whose rows are one compressed member or frame. Frames of 1 MiB made a corpus 4 % larger
/// than one frame for all of it, those of 4 MiB 1 %.
const COMPRESSED: u64 = 4 << 20;

/// Bytes of input whose rows are one Arrow batch, or one row group of a Parquet file: for chat rows it
/// comes to 8 MiB of columns.
pub const BATCH: u64 = 16 << 20;

/// How rows become the bytes of an output.
#[derive(Debug)]
pub(super) enum Encoding {
    /// JSON lines, compressed or not.
    Lines(Compression, Framing),
    /// A file of Arrow columns.
    File(Box<Encoder>),
    /// Arrow batches as they are, for somebody in this process.
    Batches(SchemaRef),
    /// What the records' own columns are.
    Survey,
    /// The answers of records, of which others take some by this seed.
    Answers(u64),
    /// Not at all: only the account is wanted.
    Nothing,
}

/// Rows being gathered.
#[derive(Debug)]
pub(super) enum Frame {
    Lines(Vec<u8>, Framing),
    /// With memory for what they are encoded to.
    Columns(Box<Columns>, Vec<u8>),
    /// With the lines before the ones that are read.
    Survey(Box<Survey>, u64),
    Answers(Box<Pool>),
    Nothing,
}

/// Rows as they are handed to the one who writes.
#[derive(Debug)]
pub(super) enum Payload {
    /// Bytes of a file that has no other structure.
    Bytes(Vec<u8>),
    /// A batch or row group of a file.
    Encoded(Encoded),
    Batch(RecordBatch),
    Survey(Box<Survey>),
    Answers(Box<Pool>),
    /// No rows: they leave no trace, not even an empty frame.
    Nothing,
}

impl Encoding {
    /// Bytes of input whose rows are framed together, if it matters.
    pub(super) fn portion(&self) -> Option<u64> {
        match self {
            Self::Lines(Compression::None, _) | Self::Survey | Self::Answers(_) | Self::Nothing => {
                None
            }
            Self::Lines(..) => Some(COMPRESSED),
            Self::File(_) | Self::Batches(_) => Some(BATCH),
        }
    }

    /// A place for the rows of the portions of a worker. Columns remember how much memory they took.
    pub(super) fn frame(&self, shape: &Shape) -> Frame {
        match self {
            Self::Lines(_, framing) => Frame::Lines(Vec::new(), *framing),
            Self::File(encoder) => columns(shape, encoder.schema()),
            Self::Batches(schema) => columns(shape, schema),
            Self::Survey => Frame::Survey(Box::default(), 0),
            Self::Answers(seed) => Frame::Answers(Box::new(Pool::new(*seed))),
            Self::Nothing => Frame::Nothing,
        }
    }

    /// Encodes the rows of a portion, and leaves none in their place.
    pub(super) fn encode(&self, frame: &mut Frame) -> Result<Payload, Error> {
        match (self, frame) {
            (_, Frame::Nothing) => Ok(Payload::Nothing),
            (_, Frame::Survey(survey, lines)) => {
                *lines = 0;
                Ok(Payload::Survey(std::mem::take(survey)))
            }
            (_, Frame::Answers(pool)) => {
                let next = Box::new(Pool::new(pool.seed()));
                Ok(Payload::Answers(std::mem::replace(pool, next)))
            }
            (_, Frame::Columns(columns, _)) if columns.is_empty() => Ok(Payload::Nothing),
            (Self::File(encoder), Frame::Columns(columns, spare)) => {
                let batch = columns.finish()?;
                let encoded = encoder.encode(&batch, std::mem::take(spare))?;
                columns.reclaim(batch);
                Ok(Payload::Encoded(encoded))
            }
            (_, Frame::Columns(columns, _)) => columns.finish().map(Payload::Batch),
            (Self::Lines(compression, _), Frame::Lines(rows, _))
                if *compression != Compression::None && !rows.is_empty() =>
            {
                let bytes = compressed(*compression, rows)?;
                rows.clear();
                Ok(Payload::Bytes(bytes))
            }
            (_, Frame::Lines(rows, _)) => Ok(Payload::Bytes(std::mem::take(rows))),
        }
    }
}

fn columns(shape: &Shape, schema: &SchemaRef) -> Frame {
    Frame::Columns(Box::new(Columns::new(shape, SchemaRef::clone(schema))), Vec::new())
}

/// Rows as a member or frame of their own.
pub(super) fn compressed(compression: Compression, rows: &[u8]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let done = compression.compress(rows, &mut bytes);
    done.map_err(|error| super::internal(&format!("compression failed: {error}")))?;
    Ok(bytes)
}

impl Frame {
    /// Gives the memory of rows that have been written to rows to come.
    pub(super) fn reuse(&mut self, spare: Vec<u8>) {
        if let Self::Lines(rows, _) | Self::Columns(_, rows) = self
            && rows.capacity() < spare.capacity()
        {
            *rows = spare;
        }
    }

    /// Tells how many lines have been read.
    pub(super) fn passed(&mut self, count: u64) {
        if let Self::Survey(_, lines) = self {
            *lines += count;
        }
    }
}

impl Rows for Frame {
    #[inline]
    fn put(&mut self, shape: &Shape, record: &Record<'_>, line: u64) -> Result<(), Error> {
        match self {
            Self::Lines(rows, framing) => {
                rows.put(shape, record, line)?;
                framing.end_row(rows);
                Ok(())
            }
            Self::Columns(columns, _) => columns.push(record),
            Self::Survey(survey, lines) => surveyed(survey, record, *lines + line + 1),
            Self::Answers(pool) => pool.put(shape, record, line),
            Self::Nothing => Ok(()),
        }
    }
}

fn surveyed(survey: &mut Survey, record: &Record<'_>, line: u64) -> Result<(), Error> {
    if let Some(raw) = record.raw() {
        return survey.record(raw, line);
    }
    let mut raw = Vec::new();
    record.whole().write_json(Escape::Keep, &mut raw);
    survey.record(&raw, line)
}

impl Payload {
    /// The number of bytes that it adds to an output.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Encoded(encoded) => encoded.bytes() as u64,
            Self::Batch(batch) => batch.get_array_memory_size() as u64,
            Self::Survey(_) | Self::Answers(_) | Self::Nothing => 0,
        }
    }
}
