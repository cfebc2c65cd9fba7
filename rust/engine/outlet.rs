//! Where encoded rows go, in order: to one output, to one after the other, or to a reader in this
//! process.

use std::collections::TryReserveError;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread;

use arrow_array::RecordBatch;

use super::compress::Compression;
use super::frame::{Encoding, Payload, compressed};
use super::framing::Framing;
use super::split::Split;
use super::{Sink, TICK, unpoisoned};
use crate::columnar::Assembler;
use crate::error::{Error, ErrorKind};
use crate::pool::Pool;
use crate::survey::Survey;
use crate::validate::Findings;

/// Gives the name of the next output, which exists already.
pub type Next = Box<dyn FnMut() -> Result<PathBuf, Error> + Send>;

/// How many rows each of several outputs has got.
pub type RowsOfEach = Arc<Mutex<Vec<u64>>>;

/// Where a conversion writes.
pub enum Destination {
    /// An existing name that is opened as it is, or `-` for standard output.
    Path(PathBuf),
    /// Something that somebody else opened, and a name for messages.
    Object(String, Box<dyn Write + Send>),
    /// Outputs of so many bytes at most, one after the other; a row that is longer has one of its own.
    Rolling {
        /// Bytes of an output.
        bytes: u64,
        /// Names the outputs.
        next: Next,
        /// How many rows each has got, once all are written.
        rows: RowsOfEach,
    },
    /// Several outputs of JSON lines, each of a share of the rows.
    Split {
        /// Existing names, and the share of each, relative to their sum.
        outputs: Vec<(PathBuf, f64)>,
        /// What decides which rows go where.
        seed: u64,
        /// How many rows each has got, once all are written.
        rows: RowsOfEach,
    },
    /// A reader on another thread of this process.
    Reader(SyncSender<RecordBatch>),
    /// What records are made of.
    Survey(Arc<Mutex<Survey>>),
    /// The answers of records.
    Answers(Arc<Mutex<Pool>>),
    /// What is wrong with rows.
    Findings(Arc<Mutex<Findings>>),
    /// Nowhere: only the account is wanted.
    Nowhere,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Object(name, _) => f.write_str(name),
            Self::Rolling { bytes, .. } => write!(f, "outputs of {bytes} bytes"),
            Self::Split { outputs, .. } => write!(f, "{} outputs", outputs.len()),
            Self::Reader(_) => f.write_str("a reader"),
            Self::Survey(_) => f.write_str("a survey"),
            Self::Answers(_) => f.write_str("answers"),
            Self::Findings(_) => f.write_str("findings"),
            Self::Nowhere => f.write_str("nowhere"),
        }
    }
}

/// An open output of encoded rows.
pub(super) struct Outlet {
    to: To,
    /// Bytes written to all outputs.
    written: u64,
}

enum To {
    One(File),
    Many(Rolling),
    Split { files: Vec<File>, split: Split, rows: RowsOfEach },
    Reader(SyncSender<RecordBatch>),
    Survey(Arc<Mutex<Survey>>),
    Answers(Arc<Mutex<Pool>>),
    Findings(Arc<Mutex<Findings>>),
    Nowhere,
}

/// Outputs of a size, one after the other.
struct Rolling {
    file: File,
    bytes: u64,
    next: Next,
    rows: RowsOfEach,
}

/// A sink, and what makes a file of what is written to it.
struct File {
    sink: Sink,
    assembler: Option<Assembler>,
    compression: Compression,
    framing: Framing,
    /// Bytes written to this file.
    length: u64,
}

/// Whether to go on waiting.
pub(super) type GoOn<'a> = &'a mut dyn FnMut() -> bool;

impl Outlet {
    pub(super) fn open(
        destination: Destination,
        encoding: &Encoding,
        go_on: GoOn<'_>,
    ) -> Result<Self, Error> {
        let to = match destination {
            Destination::Path(path) => To::One(File::open(&path, encoding, go_on)?),
            Destination::Object(name, object) => {
                To::One(File::new(Sink::object(name, object), encoding)?)
            }
            Destination::Rolling { bytes, mut next, rows } => {
                let file = File::open(&next()?, encoding, go_on)?;
                *unpoisoned(rows.lock()) = vec![0];
                To::Many(Rolling { file, bytes, next, rows })
            }
            Destination::Split { outputs, seed, rows } => {
                if !matches!(encoding, Encoding::Lines(Compression::None, _)) {
                    let what = "a split is of JSON lines that are not compressed";
                    return Err(Error::usage(what));
                }
                let shares: Vec<_> = outputs.iter().map(|(_, share)| *share).collect();
                let files = outputs.iter().map(|(path, _)| File::open(path, encoding, go_on));
                *unpoisoned(rows.lock()) = vec![0; shares.len()];
                let files = files.collect::<Result<_, _>>()?;
                To::Split { files, split: Split::new(&shares, seed), rows }
            }
            Destination::Reader(sender) => To::Reader(sender),
            Destination::Survey(survey) => To::Survey(survey),
            Destination::Answers(answers) => To::Answers(answers),
            Destination::Findings(findings) => To::Findings(findings),
            Destination::Nowhere => To::Nowhere,
        };
        Ok(Self { to, written: 0 })
    }

    /// Writes what the next portion came to, which is so many rows; gives the bytes that it took. Long,
    /// because each kind of outlet has its own way.
    pub(super) fn write(
        &mut self,
        payload: Payload,
        count: u64,
        encoding: &Encoding,
        go_on: GoOn<'_>,
    ) -> Result<u64, Error> {
        let before = self.written;
        match &mut self.to {
            To::One(file) => self.written += file.write(payload, go_on)?,
            To::Many(rolling) => self.written += rolling.write(payload, count, encoding, go_on)?,
            To::Split { files, split, rows } => {
                let Payload::Bytes(lines) = payload else { return Ok(0) };
                let mut rows = unpoisoned(rows.lock());
                let parts = dealt(&lines, split, &mut rows)?;
                for (file, part) in files.iter_mut().zip(parts) {
                    self.written += file.write(Payload::Bytes(part), go_on)?;
                }
            }
            To::Reader(sender) => {
                let Payload::Batch(batch) = payload else { return Ok(0) };
                self.written += batch.get_array_memory_size() as u64;
                send(sender, batch, go_on)?;
            }
            To::Survey(survey) => {
                let Payload::Survey(later) = payload else { return Ok(0) };
                unpoisoned(survey.lock()).merge(*later)?;
            }
            To::Answers(answers) => {
                let Payload::Answers(later) = payload else { return Ok(0) };
                unpoisoned(answers.lock()).merge(*later);
            }
            To::Findings(findings) => {
                let (Payload::Findings(later), Encoding::Check(_, limit)) = (payload, encoding)
                else {
                    return Ok(0);
                };
                unpoisoned(findings.lock()).merge(*later, *limit);
            }
            To::Nowhere => {}
        }
        Ok(self.written - before)
    }

    /// Writes what a file was to get before an error ended the run.
    pub(super) fn leave(&mut self) {
        match &mut self.to {
            To::One(file) | To::Many(Rolling { file, .. }) => file.sink.leave(),
            To::Split { files, .. } => files.iter_mut().for_each(|file| file.sink.leave()),
            To::Reader(_) | To::Survey(_) | To::Answers(_) | To::Findings(_) | To::Nowhere => {}
        }
    }

    /// Writes what was held back and what ends a file; gives the bytes that it took.
    pub(super) fn finish(&mut self, go_on: GoOn<'_>) -> Result<u64, Error> {
        match &mut self.to {
            To::One(file) | To::Many(Rolling { file, .. }) => file.finish(go_on),
            To::Split { files, .. } => files.iter_mut().map(|file| file.finish(go_on)).sum(),
            To::Reader(_) | To::Survey(_) | To::Answers(_) | To::Findings(_) | To::Nowhere => Ok(0),
        }
    }

    /// A buffer that has been written and can be used again.
    pub(super) fn spare(&mut self) -> Option<Vec<u8>> {
        match &mut self.to {
            To::One(file) | To::Many(Rolling { file, .. }) => file.sink.spare(),
            To::Split { files, .. } => files.iter_mut().find_map(|file| file.sink.spare()),
            To::Reader(_) | To::Survey(_) | To::Answers(_) | To::Findings(_) | To::Nowhere => None,
        }
    }
}

impl Rolling {
    /// Writes what the next portion came to, into as many outputs as it takes.
    fn write(
        &mut self,
        payload: Payload,
        mut count: u64,
        encoding: &Encoding,
        go_on: GoOn<'_>,
    ) -> Result<u64, Error> {
        let lines = matches!(encoding, Encoding::Lines(Compression::None, _));
        let mut written = 0;
        let mut rest = Some(payload);
        while let Some(payload) = rest {
            let framing = self.file.framing;
            let all = self.bytes.saturating_sub(framing.around(true));
            let room = match self.file.length {
                0 => all,
                length => self.bytes.saturating_sub(framing.around(false) + length),
            };
            let (now, later) = fitting(payload, room, all, lines)?;
            let rows = if later.is_none() { count } else { lines_of(&now) };
            written += self.file.write(now, go_on)?;
            debug_assert!(rows <= count, "each row is a line");
            count -= rows;
            self.add_rows(rows);
            rest = later;
            if rest.is_some() {
                written += self.file.finish(go_on)?;
                self.file = File::open(&(self.next)()?, encoding, go_on)?;
                unpoisoned(self.rows.lock()).push(0);
            }
        }
        Ok(written)
    }

    fn add_rows(&self, rows: u64) {
        if let Some(of_this) = unpoisoned(self.rows.lock()).last_mut() {
            *of_this += rows;
        }
    }
}

/// The rows in bytes that are lines; there are none in what is kept whole for the next output.
fn lines_of(payload: &Payload) -> u64 {
    let Payload::Bytes(rows) = payload else { return 0 };
    memchr::memchr_iter(b'\n', rows).count() as u64
}

impl File {
    fn open(path: &Path, encoding: &Encoding, go_on: GoOn<'_>) -> Result<Self, Error> {
        Self::new(Sink::open(path, go_on)?, encoding)
    }

    fn new(sink: Sink, encoding: &Encoding) -> Result<Self, Error> {
        let (compression, framing) = match encoding {
            Encoding::Lines(compression, framing) => (*compression, *framing),
            _ => (Compression::None, Framing::default()),
        };
        let assembler = match encoding {
            Encoding::File(encoder) => Some(encoder.assembler()?),
            _ => None,
        };
        Ok(Self { sink, assembler, compression, framing, length: 0 })
    }

    fn write(&mut self, payload: Payload, go_on: GoOn<'_>) -> Result<u64, Error> {
        let bytes = match (payload, &mut self.assembler) {
            (Payload::Bytes(mut bytes), _) => {
                let before = self.before(&mut bytes)?;
                if before.is_empty() {
                    bytes
                } else {
                    return Ok(self.put(before, go_on)? + self.put(bytes, go_on)?);
                }
            }
            (Payload::Encoded(encoded), Some(assembler)) => {
                let mut bytes = Vec::new();
                if self.length == 0 {
                    assembler.start(&mut bytes)?;
                }
                assembler.append(encoded, &mut bytes)?;
                bytes
            }
            _ => return Ok(0),
        };
        self.put(bytes, go_on)
    }

    fn finish(&mut self, go_on: GoOn<'_>) -> Result<u64, Error> {
        let mut bytes = Vec::new();
        if let Some(mut assembler) = self.assembler.take() {
            if self.length == 0 {
                assembler.start(&mut bytes)?;
            }
            assembler.finish(&mut bytes)?;
        } else {
            bytes = self.framing.after(self.length > 0);
            // Nothing at all is no compressed file.
            if self.length == 0 && self.compression != Compression::None {
                bytes = compressed(self.compression, &bytes)?;
            }
        }
        let length = self.put(bytes, go_on)?;
        self.sink.finish()?;
        Ok(length)
    }

    /// What comes before the next rows, compressed as they are.
    fn before(&self, rows: &mut Vec<u8>) -> Result<Vec<u8>, Error> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.framing.before(self.length == 0, rows);
        if before.is_empty() || self.compression == Compression::None {
            return Ok(before);
        }
        compressed(self.compression, &before)
    }

    fn put(&mut self, bytes: Vec<u8>, go_on: GoOn<'_>) -> Result<u64, Error> {
        let length = bytes.len() as u64;
        self.length += length;
        self.sink.write(bytes, go_on)?;
        Ok(length)
    }
}

/// Rows as they go to several outputs, of which `rows` counts them.
fn dealt(
    lines: &[u8],
    split: &mut Split,
    rows: &mut [u64],
) -> Result<Vec<Vec<u8>>, TryReserveError> {
    let mut parts = vec![Vec::new(); rows.len()];
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let output = split.next();
        parts[output].try_reserve(line.len())?;
        parts[output].extend_from_slice(line);
        rows[output] += 1;
    }
    Ok(parts)
}

/// What still fits into `room`, and what does not: lines are cut between rows, everything else is kept
/// whole. What does not even fit into an empty output, of `all` bytes, is not kept back.
fn fitting(
    payload: Payload,
    room: u64,
    all: u64,
    lines: bool,
) -> Result<(Payload, Option<Payload>), TryReserveError> {
    if payload.len() <= room {
        return Ok((payload, None));
    }
    Ok(match payload {
        Payload::Bytes(mut rows) if lines => {
            let room_now = usize::try_from(room).unwrap_or(usize::MAX).min(rows.len());
            let mut end = memchr::memrchr(b'\n', &rows[..room_now]).map_or(0, |end| end + 1);
            if end == 0 && room == all {
                end = memchr::memchr(b'\n', &rows).map_or(rows.len(), |end| end + 1);
            }
            let mut rest = Vec::new();
            rest.try_reserve(rows.len() - end)?;
            rest.extend_from_slice(&rows[end..]);
            rows.truncate(end);
            let rest = (!rest.is_empty()).then_some(Payload::Bytes(rest));
            (Payload::Bytes(rows), rest)
        }
        whole if room == all => (whole, None),
        whole => (Payload::Nothing, Some(whole)),
    })
}

/// Waits for the reader as long as `go_on` allows.
fn send(
    sender: &SyncSender<RecordBatch>,
    batch: RecordBatch,
    go_on: GoOn<'_>,
) -> Result<(), Error> {
    let mut waiting = batch;
    loop {
        waiting = match sender.try_send(waiting) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(_)) => return Err(ErrorKind::Cancelled.into()),
            Err(TrySendError::Full(batch)) => batch,
        };
        if !go_on() {
            return Err(ErrorKind::Cancelled.into());
        }
        thread::sleep(TICK / 50);
    }
}
