//! What a worker makes of a portion: rows gathered, then encoded as they will stand in the output.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::compress::{self, Compression};
use super::framing::Framing;
use super::unpoisoned;
use crate::columnar::{Encoded, Encoder, LARGE};
use crate::columns::Columns;
use crate::convert::{Reject, Rows};
use crate::error::{Error, ErrorKind};
use crate::pool::Pool;
use crate::record::Record;
use crate::shape::Shape;
use crate::survey::Survey;
use crate::text::Escape;
use crate::validate::{Findings, Validator};

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
    /// A file of Arrow columns, of which so many bytes of input are one batch or row group.
    File(Box<Encoder>, u64),
    /// Arrow batches as they are, for somebody in this process.
    Batches(SchemaRef, u64),
    /// What the records' own columns are.
    Survey,
    /// The answers of records, which are merged into these.
    Answers(Arc<Mutex<Pool>>),
    /// What is wrong with the records, which are rows of a target; of each rule, so many places.
    Check(Arc<Validator>, usize),
    /// Not at all: only the account is wanted.
    Nothing,
}

/// Rows being gathered.
#[derive(Debug)]
pub(super) enum Frame {
    Lines(Vec<u8>, Framing),
    Columns(Box<Columns>),
    /// With the lines before the ones that are read.
    Survey(Box<Survey>, u64),
    /// With those that they are merged into.
    Answers(Box<Pool>, Arc<Mutex<Pool>>),
    Check(Box<Checked>),
    Nothing,
}

/// Rows being checked.
#[derive(Debug)]
pub(super) struct Checked {
    validator: Arc<Validator>,
    /// Places that are kept of each rule.
    limit: usize,
    findings: Findings,
    /// The lines before the ones that are read.
    lines: u64,
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
    Findings(Box<Findings>),
    /// No rows: they leave no trace, not even an empty frame.
    Nothing,
}

impl Encoding {
    /// Bytes of input whose rows are framed together, if it matters.
    pub(super) fn portion(&self) -> Option<u64> {
        match self {
            Self::Lines(Compression::None, _)
            | Self::Survey
            | Self::Answers(_)
            | Self::Check(..)
            | Self::Nothing => None,
            Self::Lines(..) => Some(COMPRESSED),
            Self::File(_, bytes) | Self::Batches(_, bytes) => Some(*bytes),
        }
    }

    /// Whether rows to come find memory in what was written.
    pub(super) fn takes_written(&self) -> bool {
        match self {
            Self::File(encoder, _) => encoder.moves(),
            _ => true,
        }
    }

    /// Bytes that making and encoding the rows of a ticket may need at once, beyond what can be refused.
    pub(super) fn headroom(&self) -> usize {
        match self {
            Self::File(encoder, _) => encoder.headroom(),
            Self::Lines(Compression::None, _) | Self::Nothing => 1 << 20,
            // With 4 MiB, zlib-rs panicked now and then: what can be refused takes of it, too.
            Self::Lines(..) => 16 << 20,
            _ => 4 << 20,
        }
    }

    /// A place for the rows of the portions of a worker. Columns remember how much memory they took.
    pub(super) fn frame(&self, shape: &Shape) -> Frame {
        match self {
            Self::Lines(_, framing) => Frame::Lines(Vec::new(), *framing),
            Self::File(encoder, _) => columns(shape, encoder.schema()),
            Self::Batches(schema, _) => columns(shape, schema),
            Self::Survey => Frame::Survey(Box::default(), 0),
            Self::Answers(found) => Frame::Answers(Box::new(part_of(found)), Arc::clone(found)),
            Self::Check(validator, limit) => Frame::Check(Box::new(Checked {
                validator: Arc::clone(validator),
                limit: *limit,
                findings: Findings::default(),
                lines: 0,
            })),
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
            (_, Frame::Answers(part, found)) => {
                Ok(Payload::Answers(std::mem::replace(part, Box::new(part_of(found)))))
            }
            (_, Frame::Check(checked)) => {
                checked.lines = 0;
                Ok(Payload::Findings(Box::new(std::mem::take(&mut checked.findings))))
            }
            (_, Frame::Columns(columns)) if columns.is_empty() => Ok(Payload::Nothing),
            (Self::File(encoder, _), Frame::Columns(columns)) => {
                let (encoded, mut memory) = encoder.encode(columns.finish()?)?;
                columns.refill(&mut memory);
                Ok(Payload::Encoded(encoded))
            }
            (_, Frame::Columns(columns)) => columns.finish().map(Payload::Batch),
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

fn part_of(found: &Mutex<Pool>) -> Pool {
    unpoisoned(found.lock()).part()
}

fn columns(shape: &Shape, schema: &SchemaRef) -> Frame {
    Frame::Columns(Box::new(Columns::new(shape, SchemaRef::clone(schema))))
}

/// Rows as a member or frame of their own.
pub(super) fn compressed(compression: Compression, rows: &[u8]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let done = compression.compress(rows, &mut bytes);
    done.map_err(|error| cause(&error))?;
    Ok(bytes)
}

fn cause(error: &io::Error) -> Error {
    if compress::is_out_of_memory(error) {
        return ErrorKind::OutOfMemory.into();
    }
    super::internal(&format!("compression failed: {error}"))
}

impl Frame {
    /// Takes memory of rows that have been written for rows to come.
    pub(super) fn reuse(&mut self, spare: &mut Vec<Vec<u8>>) {
        match self {
            Self::Lines(rows, _) => {
                let taken = spare.pop().unwrap_or_default();
                if rows.capacity() < taken.capacity() {
                    *rows = taken;
                }
            }
            Self::Columns(columns) => {
                columns.refill(spare);
                // What is left of what stood between large texts fits nobody.
                spare.retain(|bytes| bytes.capacity() >= LARGE);
            }
            _ => {}
        }
    }

    /// Tells how many lines have been read.
    pub(super) fn passed(&mut self, count: u64) {
        match self {
            Self::Survey(_, lines) => *lines += count,
            Self::Check(checked) => checked.lines += count,
            _ => {}
        }
    }

    /// Whether lines that are no records are looked at.
    pub(super) fn takes_rejects(&self) -> bool {
        matches!(self, Self::Check(_))
    }

    /// Takes the lines that are no records, if they are looked at.
    pub(super) fn reject(&mut self, rejects: &mut Vec<Reject>) {
        let Self::Check(checked) = self else { return };
        let Checked { validator, limit, findings, lines } = &mut **checked;
        for Reject { lines_before, fault, .. } in rejects.drain(..) {
            let rule = validator.rules().name(fault.kind.name());
            findings.fault(rule, &fault.kind, *lines + lines_before + 1, *limit);
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
            Self::Columns(columns) => columns.push(record),
            Self::Survey(survey, lines) => {
                let surveyed = survey.record(&json(record)?, *lines + line + 1);
                // Of the block, and not of the portion: as of all that ends a block.
                surveyed.map_err(|error| error.in_line(line + 1))
            }
            Self::Answers(part, _) => part.put(shape, record, line),
            Self::Check(checked) => {
                let Checked { validator, limit, findings, lines } = &mut **checked;
                findings.row(validator, &json(record)?, *lines + line + 1, *limit);
                Ok(())
            }
            Self::Nothing => Ok(()),
        }
    }
}

/// A whole record as JSON.
fn json<'a>(record: &Record<'a>) -> Result<Cow<'a, [u8]>, Error> {
    if let Some(raw) = record.raw() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut raw = Vec::new();
    raw.try_reserve(record.whole().json_len())?;
    record.whole().write_json(Escape::Keep, &mut raw);
    Ok(Cow::Owned(raw))
}

impl Payload {
    /// The number of bytes that it adds to an output.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Encoded(encoded) => encoded.bytes() as u64,
            Self::Batch(batch) => batch.get_array_memory_size() as u64,
            Self::Survey(_) | Self::Answers(_) | Self::Findings(_) | Self::Nothing => 0,
        }
    }
}
