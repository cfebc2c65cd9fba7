//! Where bytes come from: blocks of whole lines, from files and from pipes.
//!
//! A regular file is cut into ranges of equal length. Whoever takes a range owns the lines that
//! *start* in it, and reads it alone with positioned reads; nothing serial reads on behalf of the
//! others. A pipe has one reader at a time, whoever takes the next block, and carries the unfinished
//! line over to the next one.

pub mod array;
pub mod decode;
pub mod frames;
mod pipe;
mod region;
mod wait;

use std::fs::{File, OpenOptions};
use std::io::{self, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;

use crate::error::{Error, ErrorKind};
use crate::scan::{Buffer, byte_order_mark};
use pipe::Pipe;
use region::Region;
pub(crate) use wait::{Readiness, wait_for};

/// The name of standard input in commands.
pub const STDIN: &str = "-";

/// An input as the caller names it.
#[derive(Clone, Debug)]
pub struct Input {
    path: PathBuf,
    name: String,
}

impl Input {
    /// A path, or `-` for standard input.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name =
            if path.as_os_str() == STDIN { "<stdin>".into() } else { path.to_string_lossy() };
        Self { name: name.into_owned(), path }
    }

    /// The name for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn is_stdin(&self) -> bool {
        self.path.as_os_str() == STDIN
    }

    /// Bytes in the input, if that is known before reading it.
    fn length(&self) -> Option<u64> {
        if self.is_stdin() {
            return None;
        }
        let metadata = std::fs::metadata(&self.path).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    fn open(&self) -> io::Result<Opened> {
        let file = if self.is_stdin() {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            // Without waiting for the writer of a FIFO: waiting is done where it can be cancelled.
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(rustix::io::Errno::ISDIR.into());
        }
        // Files of /proc say that they are empty, so those are read like pipes.
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok(Opened::Pipe(Pipe::new(file)));
        }
        let start = if self.is_stdin() { (&file).stream_position()? } else { 0 };
        Ok(Opened::Region(Region::new(file, start, &metadata)))
    }
}

/// An input being read.
enum Opened {
    Region(Region),
    Pipe(Pipe),
}

/// A block of lines, or the promise of one.
#[derive(Debug)]
pub struct Ticket {
    /// Its place among all blocks of all inputs.
    pub sequence: u64,
    /// The index of its input.
    pub input: usize,
    /// What is to be read, unless the buffer holds it already.
    range: Option<region::Range>,
    /// Where the content of the buffer starts in the input.
    offset: u64,
}

/// Lines in a buffer.
#[derive(Debug)]
pub struct Lines {
    /// Where the content of the buffer starts in the input.
    pub offset: u64,
    /// Where in the buffer the first line starts.
    pub start: usize,
    /// The file, if this was its last range and it should be checked for changes.
    pub ends: Option<Arc<region::Watched>>,
}

/// Whether an unfinished line of so many bytes is longer than the limit, even if it turns out to start
/// with a byte order mark, which is no part of it.
fn is_too_long(bytes: usize, max_record_bytes: usize) -> bool {
    bytes.saturating_sub(3) > max_record_bytes
}

/// Gives out the blocks of all inputs in order.
pub struct Feed<'a> {
    inputs: &'a [Input],
    block_bytes: usize,
    max_record_bytes: usize,
    stop: &'a AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The index of the input to take the next block from.
    input: usize,
    opened: Option<Opened>,
    sequence: u64,
    passed_over: u64,
}

impl<'a> Feed<'a> {
    /// The blocks of `inputs`, about `block_bytes` each. Waiting for a pipe ends when `stop` is set.
    #[must_use]
    pub fn new(
        inputs: &'a [Input],
        block_bytes: usize,
        max_record_bytes: usize,
        stop: &'a AtomicBool,
    ) -> Self {
        let state = Mutex::default();
        Self { inputs, block_bytes: block_bytes.max(1), max_record_bytes, stop, state }
    }

    /// Bytes of all inputs, if known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.inputs.iter().map(Input::length).sum()
    }

    /// The number of blocks, if known.
    #[must_use]
    pub fn blocks(&self) -> Option<u64> {
        let blocks = |length: u64| length.div_ceil(self.block_bytes as u64);
        self.inputs.iter().map(|input| input.length().map(blocks)).sum()
    }

    /// Takes the next block. A pipe is read into `buffer` here; a range of a file is read by
    /// [`Feed::read`], outside the lock.
    ///
    /// # Errors
    ///
    /// When an input cannot be opened or read. The error belongs to the place in the order at
    /// which it is found: to the sequence number that comes with it.
    pub fn next(&self, buffer: &mut Buffer) -> Result<Option<Ticket>, (u64, Error)> {
        let mut state = self.lock();
        while let Some(input) = self.inputs.get(state.input) {
            let sequence = state.sequence;
            let taken = self.take(&mut state, input, buffer);
            let taken = taken.map_err(|error| {
                // There is nothing after an error, and nobody else is to run into it.
                state.input = self.inputs.len();
                (sequence, error.at(input.name()))
            })?;
            if let Some((range, offset)) = taken {
                state.sequence += 1;
                return Ok(Some(Ticket { sequence, input: state.input, range, offset }));
            }
            if let Some(Opened::Pipe(pipe)) = state.opened.take() {
                state.passed_over += pipe.passed_over;
            }
            state.input += 1;
        }
        Ok(None)
    }

    /// Bytes read that were in no block: the rest of lines that were too long.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.lock().passed_over
    }

    /// The next block of an input, as a range or as lines in `buffer` with their offset.
    fn take(
        &self,
        state: &mut State,
        input: &Input,
        buffer: &mut Buffer,
    ) -> Result<Option<(Option<region::Range>, u64)>, ReadError> {
        let opened = match &mut state.opened {
            Some(opened) => opened,
            closed => closed.insert(input.open()?),
        };
        match opened {
            Opened::Region(region) => {
                Ok(region.next(self.block_bytes).map(|range| (Some(range), 0)))
            }
            Opened::Pipe(pipe) => {
                let go_on = &mut || !self.stop.load(Ordering::Relaxed);
                let lines = pipe.next(buffer, self.block_bytes, self.max_record_bytes, go_on)?;
                Ok(lines.map(|offset| (None, offset)))
            }
        }
    }

    /// Brings the lines of a ticket into `buffer`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or has become shorter than it was.
    pub fn read(&self, ticket: &Ticket, buffer: &mut Buffer) -> Result<Lines, Error> {
        let mut lines = match &ticket.range {
            Some(range) => range
                .read(buffer, self.max_record_bytes)
                .map_err(|error| error.at(self.name(ticket.input)))?,
            None => Lines { offset: ticket.offset, start: 0, ends: None },
        };
        if lines.start == 0 && ticket.is_first(&lines) {
            lines.start = byte_order_mark(buffer.content());
        }
        Ok(lines)
    }

    /// Checks that a file that has been read whole is still what it was.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InputChanged`], if its length or its time of change is another.
    pub fn check(&self, input: usize, lines: &Lines) -> Result<(), Error> {
        let Some(watched) = &lines.ends else { return Ok(()) };
        match watched.is_unchanged() {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReadError::Changed.at(self.name(input))),
            Err(error) => Err(Error::io(self.name(input), error)),
        }
    }

    /// The name of an input, for messages.
    #[must_use]
    pub fn name(&self, input: usize) -> &str {
        self.inputs.get(input).map_or("", Input::name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Bytes of the range, if the lines are in a file: each byte is in one range.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.range.as_ref().map(region::Range::length)
    }

    /// Whether the lines are the first of their input.
    fn is_first(&self, lines: &Lines) -> bool {
        self.range.as_ref().map_or(lines.offset == 0, region::Range::is_first)
    }
}

/// What reading can end in, before the name of the file is known.
enum ReadError {
    Io(io::Error),
    Changed,
    Stopped,
    OutOfMemory,
}

impl ReadError {
    fn at(self, name: &str) -> Error {
        match self {
            Self::Io(error) => Error::io(name, error),
            Self::Changed => ErrorKind::InputChanged { path: name.to_owned() }.into(),
            Self::Stopped => ErrorKind::Cancelled.into(),
            Self::OutOfMemory => ErrorKind::OutOfMemory.into(),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<std::collections::TryReserveError> for ReadError {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::OutOfMemory
    }
}
