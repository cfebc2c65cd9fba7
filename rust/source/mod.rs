//! Where records come from: blocks of whole lines, from files and from pipes, and rows of batches.
//!
//! A regular file is cut into ranges of equal length. Whoever takes a range owns the lines that
//! *start* in it, and reads it alone with positioned reads; nothing serial reads on behalf of the
//! others. Anything else has one reader at a time, which carries the unfinished line over to the next
//! block. Whoever finds nothing read becomes the reader and stays it while the others keep up with
//! converting: so a decoder of compressed bytes is at work all the time, and its history stays in the
//! caches of one core. (To hand it on with every block took a fifth more time for zstd on two threads, and
//! a third more for large row groups of Parquet.)
//!
//! Where rows are framed, as in compressed files and in Arrow batches, a *portion* is taken at a time:
//! the lines that start in the next so many bytes of an input. Portions depend on nothing but the
//! input's bytes, so frames do not either.

pub mod array;
pub mod decode;
mod digest;
mod foreign;
pub mod frames;
mod input;
mod ipc;
mod parquet;
mod part;
mod region;
mod rows;
mod stream;
mod wait;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind};
use crate::scan::{Buffer, byte_order_mark};
use crate::value::Holds;
use decode::Broken;
pub use digest::digest;
pub use input::{Beginning, Bytes, Input, Reader};
use input::{Opened, Options};
pub use ipc::{Columns, Strings};
pub use parquet::{Groups, Parquet, end_of_parts};
pub use part::part;
use region::Watched;
use rows::Batches;
pub use rows::Rows;
use stream::{Ready, Stream};
use wait::{LOOK, Stopped};
pub(crate) use wait::{Readiness, wait_for};

/// The name of standard input in commands.
pub const STDIN: &str = "-";

/// Rows that may wait to be taken, of whatever size: they hold the whole batch that they are of.
const ROWS_AHEAD: usize = 2;

/// What of a record is used: of Arrow batches, nothing else is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The keys, in the order in which records are asked for them, and what they may hold.
    pub keys: &'a [(&'a str, Holds)],
    /// Whether records are used whole, too.
    pub whole: bool,
}

/// How inputs are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Bytes that are worked on at a time.
    pub block_bytes: usize,
    /// Bytes of input whose rows are framed together, if rows are framed.
    pub portion: Option<u64>,
}

impl Cut {
    /// Bytes of a file that a worker takes at a time.
    fn ticket_bytes(self) -> u64 {
        self.portion.unwrap_or(self.block_bytes as u64)
    }
}

/// What a worker has taken to convert.
#[derive(Debug)]
pub struct Ticket {
    /// Its place among all tickets of all inputs.
    pub sequence: u64,
    /// The index of its input.
    pub input: usize,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// Bytes of a file that have still to be read.
    Range(region::Range),
    /// Lines that are in the buffer, and where they start in the input.
    Lines(u64),
    /// Lines of a frame of a compressed file, read and decoded by whoever converts them.
    Frame(Box<Stream>, Arc<Watched>),
    /// Rows of a batch.
    Rows(Rows),
    /// Rows of columns of strings that have still to be read.
    Strings(ipc::Part),
    /// Rows of a row group that have still to be decoded.
    Group(Box<parquet::Part>),
    /// Nothing more.
    Done,
}

/// A part of a ticket that fits into a core's cache.
#[derive(Debug)]
pub enum Piece {
    /// Lines in the buffer.
    Lines(Lines),
    /// Rows of a batch.
    Rows(Rows),
}

/// Lines in a buffer.
#[derive(Debug)]
pub struct Lines {
    /// Where the content of the buffer starts in the input, or in the frame of a compressed one.
    pub offset: u64,
    /// Where in the buffer the first line starts.
    pub start: usize,
    /// With the last lines of a frame, its decoded length: where frames start in the input is the sum of
    /// those before.
    pub frame: Option<u64>,
    /// Bytes of the input that these lines stand for: each byte is counted once.
    pub bytes: u64,
    /// The file, if this was its last range and it should be checked for changes.
    pub ends: Option<Arc<Watched>>,
}

/// Whether an unfinished line of so many bytes is longer than the limit, even if it turns out to start
/// with a byte order mark, which is no part of it.
fn is_too_long(bytes: usize, max_record_bytes: usize) -> bool {
    bytes.saturating_sub(3) > max_record_bytes
}

/// Gives out the work on all inputs in order.
pub struct Feed<'a> {
    inputs: &'a [Input],
    wanted: Wanted<'a>,
    cut: Cut,
    max_record_bytes: usize,
    options: Options,
    /// Blocks of lines that may wait to be taken.
    ahead: usize,
    state: Mutex<State>,
    /// That there is another block, or nobody who reads.
    turn: Condvar,
}

#[derive(Default)]
struct State {
    /// The index of the input to take from.
    input: usize,
    opened: Option<Opened>,
    sequence: u64,
    passed_over: u64,
    /// Whether somebody reads on from the input, without the lock.
    reading: bool,
    /// What was read and nobody has taken yet; lines in a buffer.
    ready: VecDeque<(Ticket, Option<Buffer>)>,
    /// What reading ended in after these.
    failure: Option<(u64, Error)>,
    /// Empty buffers for the next ones.
    spare: Vec<Buffer>,
}

/// What there is to do next with an input.
enum Taken {
    Work(Work),
    /// To read on from this.
    Ahead(Ahead),
    Nothing,
}

/// What one worker reads on from, ahead of the others.
enum Ahead {
    Lines(Box<Stream>),
    Rows(Batches),
    Groups(parquet::Parts),
}

impl State {
    fn ticket(&mut self, work: Work) -> Ticket {
        let sequence = self.sequence;
        self.sequence += 1;
        Ticket { sequence, input: self.input, work }
    }

    fn next_input(&mut self) {
        self.opened = None;
        self.input += 1;
    }

    /// The place and the name of an error. There is nothing after it, and nobody else is to run into it.
    fn failed(&mut self, error: ReadError, input: &Input) -> (u64, Error) {
        self.input = usize::MAX;
        (self.sequence, error.at(input.name()))
    }
}

impl From<parquet::Taken> for Work {
    fn from(taken: parquet::Taken) -> Self {
        match taken {
            parquet::Taken::Part(part) => Self::Group(Box::new(part)),
            parquet::Taken::Rows(rows) => Self::Rows(rows),
        }
    }
}

impl<'a> Feed<'a> {
    /// The records of `inputs`, of which some things are wanted. Waiting ends when `stop` is set;
    /// zstd windows over 128 MiB are taken if `long` says so.
    #[must_use]
    pub fn new(
        inputs: &'a [Input],
        wanted: Wanted<'a>,
        cut: Cut,
        max_record_bytes: usize,
        long: bool,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            inputs,
            wanted,
            cut: Cut { block_bytes: cut.block_bytes.max(1), ..cut },
            max_record_bytes,
            options: Options { long, portions: cut.portion.is_some(), stop },
            ahead: 0,
            state: Mutex::default(),
            turn: Condvar::new(),
        }
    }

    /// For so many workers: while others work, one may read two blocks ahead for each of them, or one
    /// portion, which is many times larger; of rows, which hold the whole batch that they are of, two for all.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        let each = if self.cut.portion.is_some() { 1 } else { 2 };
        self.ahead = each * workers.saturating_sub(1);
        self
    }

    /// Bytes of all inputs, if known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.inputs.iter().map(Input::length).sum()
    }

    /// The number of tickets at least, if known.
    #[must_use]
    pub fn tickets(&self) -> Option<u64> {
        let tickets = |length: u64| length.div_ceil(self.cut.ticket_bytes());
        self.inputs.iter().map(|input| input.plain_length().ok().flatten().map(tickets)).sum()
    }

    /// Takes the next work. What can only be read on comes in `buffer`; a range of a file is read by
    /// [`Feed::read`].
    ///
    /// # Errors
    ///
    /// When an input cannot be opened or read. The error belongs to the place in the order at
    /// which it is found: to the sequence number that comes with it.
    pub fn next(&self, buffer: &mut Buffer) -> Result<Option<Ticket>, (u64, Error)> {
        let mut state = self.lock();
        loop {
            if let Some((ticket, block)) = state.ready.pop_front() {
                if let Some(block) = block {
                    state.spare.push(std::mem::replace(buffer, block));
                }
                return Ok(Some(ticket));
            }
            if self.is_stopped() {
                return Ok(None);
            }
            if let Some(failure) = state.failure.take() {
                return Err(failure);
            }
            if state.reading {
                state = self.wait(state);
                continue;
            }
            let Some(input) = self.inputs.get(state.input) else { return Ok(None) };
            match self.take(&mut state, input) {
                Ok(Taken::Work(work)) => return Ok(Some(state.ticket(work))),
                Ok(Taken::Nothing) => state.next_input(),
                Ok(Taken::Ahead(ahead)) => {
                    state.reading = true;
                    drop(state);
                    let read = self.read_ahead(input, ahead, buffer);
                    state = self.lock();
                    state.reading = false;
                    self.turn.notify_all();
                    // Whoever read may be the only one there is to take the blocks before.
                    state.failure = read.err().map(|error| state.failed(error, input));
                }
                Err(error) => return Err(state.failed(error, input)),
            }
        }
    }

    /// Reads ahead until one block more than may wait is there, or one more of rows, or the input ends.
    fn read_ahead(
        &self,
        input: &Input,
        mut ahead: Ahead,
        buffer: &mut Buffer,
    ) -> Result<(), ReadError> {
        while !self.is_stopped() {
            let work = self.read_on(input, &mut ahead, buffer)?;
            let mut state = self.lock();
            let Some(work) = work else {
                if let Ahead::Lines(stream) = ahead {
                    state.passed_over += stream.passed_over;
                }
                state.next_input();
                return Ok(());
            };
            let is_lines = matches!(work, Work::Lines(_));
            let most = if is_lines { self.ahead } else { self.ahead.min(ROWS_AHEAD) };
            let empty = is_lines.then(|| state.spare.pop().unwrap_or_default());
            let block = empty.map(|empty| std::mem::replace(buffer, empty));
            let ticket = state.ticket(work);
            state.ready.push_back((ticket, block));
            if state.ready.len() > most {
                state.opened = Some(Opened::Ahead(ahead));
                return Ok(());
            }
            self.turn.notify_one();
        }
        Ok(())
    }

    /// The next block, with its lines in the buffer, or the next rows.
    fn read_on(
        &self,
        input: &Input,
        ahead: &mut Ahead,
        buffer: &mut Buffer,
    ) -> Result<Option<Work>, ReadError> {
        let (name, cut, limit) = (input.name(), self.cut, self.max_record_bytes);
        match ahead {
            Ahead::Lines(stream) => {
                let offset = stream.next(buffer, cut, limit, &self.options.stop)?;
                // The rest of a file of frames starts with the end of a line of the frame before.
                let (head, _) = stream.frame();
                Ok(offset.map(|offset| Work::Lines(head + offset)))
            }
            Ahead::Rows(batches) => {
                Ok(batches.next(name, self.wanted, cut, limit)?.map(Work::Rows))
            }
            Ahead::Groups(parts) => Ok(parts.next(name, self.wanted, cut, limit)?.map(Work::from)),
        }
    }

    fn is_stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    /// Waits for another to have read something; not for ever, because that one may have panicked.
    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.turn.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Bytes read that were in no block: the rest of lines that were too long.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.lock().passed_over
    }

    /// Takes the next work, or what has to be read on for it.
    fn take(&self, state: &mut State, input: &Input) -> Result<Taken, ReadError> {
        let opened = match state.opened.take() {
            Some(opened) => opened,
            None => input.open(&self.options)?,
        };
        let opened = match opened {
            Opened::Ahead(ahead) => return Ok(Taken::Ahead(ahead)),
            Opened::Frames { mut frames, watched, long } => {
                let Some(frame) = frames.next() else { return Ok(Taken::Nothing) };
                let is_rest = frame.is_rest();
                let lines = Stream::new(Ready::Frame(frame.lines(long)?));
                if is_rest {
                    // Its rows could not all be held: they are handed on as those of a pipe are.
                    let lines = Box::new(lines.watching(watched));
                    return Ok(Taken::Ahead(Ahead::Lines(lines)));
                }
                state.opened = Some(Opened::Frames { frames, watched: watched.clone(), long });
                return Ok(Taken::Work(Work::Frame(Box::new(lines), watched)));
            }
            other => state.opened.insert(other),
        };
        let work = match opened {
            Opened::Region(region) => region.next(self.cut.ticket_bytes()).map(Work::Range),
            Opened::Strings(parts) => parts.next(self.cut.ticket_bytes()).map(Work::Strings),
            Opened::Ahead(_) | Opened::Frames { .. } => None,
        };
        Ok(work.map_or(Taken::Nothing, Taken::Work))
    }

    /// The next piece of a ticket, its lines in `buffer`, which keeps `keep` bytes of memory at most.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or has become shorter than it was.
    pub fn read(
        &self,
        ticket: &mut Ticket,
        buffer: &mut Buffer,
        keep: usize,
    ) -> Result<Option<Piece>, Error> {
        let mut lines = match &mut ticket.work {
            Work::Range(range) => {
                let Some(range) = range.take(self.cut.block_bytes) else { return Ok(None) };
                buffer.reset(keep);
                let lines = range.read(buffer, self.max_record_bytes);
                let lines = lines.map_err(|error| error.at(self.name(ticket.input)))?;
                if !range.is_first() {
                    return Ok(Some(Piece::Lines(lines)));
                }
                lines
            }
            &mut Work::Lines(offset) => {
                ticket.work = Work::Done;
                let bytes = buffer.content().len() as u64;
                Lines { offset, start: 0, frame: None, bytes, ends: None }
            }
            Work::Frame(stream, watched) => {
                buffer.reset(keep);
                let lines = self.lines_of_frame(stream, watched, buffer);
                let lines = lines.map_err(|error| error.at(self.name(ticket.input)))?;
                if lines.frame.is_some() {
                    ticket.work = Work::Done;
                }
                lines
            }
            Work::Strings(part) => {
                let name = self.name(ticket.input);
                let limits = (self.cut.block_bytes, self.max_record_bytes);
                let rows = part.take(name, self.wanted, limits);
                return Ok(rows.map_err(|error| error.at(name))?.map(Piece::Rows));
            }
            Work::Group(part) => {
                let name = self.name(ticket.input);
                let rows = part.take(name, self.wanted, self.cut, self.max_record_bytes);
                return Ok(rows.map_err(|error| error.at(name))?.map(Piece::Rows));
            }
            Work::Rows(_) => {
                let work = std::mem::replace(&mut ticket.work, Work::Done);
                let Work::Rows(rows) = work else { return Ok(None) };
                return Ok(Some(Piece::Rows(rows)));
            }
            Work::Done => return Ok(None),
        };
        if lines.offset == 0 {
            lines.start = byte_order_mark(buffer.content());
        }
        Ok(Some(Piece::Lines(lines)))
    }

    /// The next lines of a frame, or its end.
    fn lines_of_frame(
        &self,
        stream: &mut Stream,
        watched: &Arc<Watched>,
        buffer: &mut Buffer,
    ) -> Result<Lines, ReadError> {
        let read = stream.next(buffer, self.cut, self.max_record_bytes, &self.options.stop)?;
        let (head, length) = stream.frame();
        let bytes = buffer.content().len() as u64;
        if let Some(offset) = read {
            return Ok(Lines { offset: head + offset, start: 0, frame: None, bytes, ends: None });
        }
        self.lock().passed_over += stream.passed_over;
        let ends = Some(Arc::clone(watched));
        Ok(Lines { offset: length, start: 0, frame: Some(length), bytes, ends })
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

    /// Lines of an input before those that are read: none, unless only a part of it is.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn lines_before(&self, input: usize) -> Result<u64, Error> {
        let lines = self.inputs.get(input).map_or(Ok(0), Input::lines_before);
        lines.map_err(|error| Error::io(self.name(input), error))
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

/// What reading can end in, before the name of the file is known.
#[derive(Debug)]
enum ReadError {
    Io(io::Error),
    Changed,
    Stopped,
    OutOfMemory,
    /// The bytes are not what they should be; in words.
    Broken(String),
    /// An error that needs no name of a file.
    Error(Error),
}

impl ReadError {
    fn at(self, name: &str) -> Error {
        match self {
            Self::Io(error) => Error::io(name, error),
            Self::Changed => ErrorKind::InputChanged { path: name.to_owned() }.into(),
            Self::Stopped => ErrorKind::Cancelled.into(),
            Self::OutOfMemory => ErrorKind::OutOfMemory.into(),
            Self::Broken(what) => ErrorKind::Broken { path: name.to_owned(), what }.into(),
            Self::Error(error) => error,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref();
        if inner.and_then(|inner| inner.downcast_ref::<Stopped>()).is_some() {
            return Self::Stopped;
        }
        match inner.and_then(|inner| inner.downcast_ref::<Broken>()) {
            Some(broken) => Self::Broken(broken.message().to_owned()),
            // A file ends before it did when it was opened.
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Changed,
            None if error.kind() == io::ErrorKind::OutOfMemory => Self::OutOfMemory,
            None => Self::Io(error),
        }
    }
}

impl From<std::collections::TryReserveError> for ReadError {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::OutOfMemory
    }
}
