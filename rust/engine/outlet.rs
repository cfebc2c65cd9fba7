//! Where encoded rows go, in order: to one output, to one after the other, or to a reader in this
//! process.

use std::collections::TryReserveError;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread;

use arrow_array::RecordBatch;

use super::compress::Compression;
use super::file::File;
use super::frame::{Encoding, Payload};
use super::rolling::{Full, Next, Rolling, RowsOfEach};
use super::split::Split;
use super::{GoOn, Sink, TICK, unpoisoned};
use crate::error::{Error, ErrorKind};
use crate::pool::Pool;
use crate::survey::Survey;
use crate::validate::Findings;

/// Where a conversion writes.
pub enum Destination {
    /// An existing name that is opened as it is, or `-` for standard output.
    Path(PathBuf),
    /// Something that somebody else opened, and a name for messages.
    Object(String, Box<dyn Write + Send>),
    /// Outputs that are written one after the other.
    Rolling {
        /// When one of them is full.
        full: Full,
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
            Self::Rolling { full, .. } => write!(f, "outputs, each until {full:?}"),
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
            Destination::Rolling { full, next, rows } => {
                To::Many(Rolling::open(full, next, rows, encoding, go_on)?)
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
            To::One(file) | To::Many(Rolling { file, .. }) => file.leave(),
            To::Split { files, .. } => files.iter_mut().for_each(File::leave),
            To::Reader(_) | To::Survey(_) | To::Answers(_) | To::Findings(_) | To::Nowhere => {}
        }
    }

    /// Writes what was held back and what ends a file; gives the bytes that it took.
    pub(super) fn finish(&mut self, encoding: &Encoding, go_on: GoOn<'_>) -> Result<u64, Error> {
        match &mut self.to {
            To::One(file) => file.finish(go_on),
            To::Many(rolling) => rolling.finish(encoding, go_on),
            To::Split { files, .. } => files.iter_mut().map(|file| file.finish(go_on)).sum(),
            To::Reader(_) | To::Survey(_) | To::Answers(_) | To::Findings(_) | To::Nowhere => Ok(0),
        }
    }

    /// A buffer that has been written and can be used again.
    pub(super) fn spare(&mut self) -> Option<Vec<u8>> {
        match &mut self.to {
            To::One(file) | To::Many(Rolling { file, .. }) => file.spare(),
            To::Split { files, .. } => files.iter_mut().find_map(File::spare),
            To::Reader(_) | To::Survey(_) | To::Answers(_) | To::Findings(_) | To::Nowhere => None,
        }
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
