//! Anything that can only be read on: pipes, and bytes that are made while they are read.

use std::collections::TryReserveError;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::frames::FrameLines;
use super::region::Watched;
use super::wait::Waiting;
use super::{Cut, ReadError, is_too_long};
use crate::scan::Buffer;

/// How long a block is held back for more lines: nobody waits at the other end of a slow pipe, and
/// a fast one fills whole blocks.
const PATIENCE: Duration = Duration::from_millis(5);

/// Bytes asked for at once: what a pipe holds.
const READ: usize = 64 << 10;

/// Where the bytes come from.
pub(super) enum Ready {
    /// A pipe, whose lines are handed on when no more come for a while.
    Waits(Waiting),
    /// Bytes that are there or at work.
    Always(Box<dyn Read + Send>),
    /// The lines of a frame of a compressed file.
    Frame(FrameLines),
}

impl Ready {
    /// Whether a read gives something soon.
    fn is_ready(&self, patience: Option<Duration>) -> io::Result<bool> {
        match self {
            Self::Waits(waiting) => waiting.is_ready(patience),
            Self::Always(_) | Self::Frame(_) => Ok(true),
        }
    }

    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Waits(waiting) => waiting.read(space),
            Self::Always(bytes) => bytes.read(space),
            Self::Frame(lines) => lines.read(space),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// A reader that keeps the unfinished line, and what else it has read too far, between blocks.
pub(super) struct Stream {
    bytes: Ready,
    /// Bytes that have been read and belong to the next block.
    carry: Vec<u8>,
    /// Where `carry` starts in the input.
    offset: u64,
    /// Whether the line being read is too long, and to be passed over.
    discarding: bool,
    ended: bool,
    /// What a read failed with, once all lines before it have been handed over.
    failure: Option<ReadError>,
    /// Bytes of lines that were passed over.
    pub(super) passed_over: u64,
    /// The file that the bytes are made from.
    watched: Option<Arc<Watched>>,
}

impl Stream {
    pub(super) fn new(bytes: Ready) -> Self {
        Self {
            bytes,
            carry: Vec::new(),
            offset: 0,
            discarding: false,
            ended: false,
            failure: None,
            passed_over: 0,
            watched: None,
        }
    }

    /// Where the frame's lines start in it, and, once all are read, its length.
    pub(super) fn frame(&self) -> (u64, u64) {
        match &self.bytes {
            Ready::Frame(lines) => (lines.skipped_head(), lines.decoded_length()),
            _ => (0, self.offset),
        }
    }

    /// Looks at the end whether the file that the bytes are made from is still what it was.
    pub(super) fn watching(mut self, watched: Arc<Watched>) -> Self {
        self.watched = Some(watched);
        self
    }

    /// Reads the next lines into `buffer`; gives where they start in the input, or `None` at its
    /// end. A line that is longer than `max_record_bytes` comes cut, but longer still; what is passed over
    /// of it may never end, but for `stop`.
    pub(super) fn next(
        &mut self,
        buffer: &mut Buffer,
        cut: Cut,
        max_record_bytes: usize,
        stop: &AtomicBool,
    ) -> Result<Option<u64>, ReadError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        buffer.append(&self.carry)?;
        self.carry.clear();
        // Where the line being read starts; all before it are whole.
        let mut line = last_line_end(buffer.content(), 0);
        while !self.ended && !self.is_full(buffer, line, cut) {
            if is_too_long(buffer.content().len() - line, max_record_bytes) {
                return Ok(Some(self.cut(buffer)));
            }
            if self.discarding && stop.load(Ordering::Relaxed) {
                return Err(ReadError::Stopped);
            }
            let patience = (line > 0 && cut.portion.is_none()).then_some(PATIENCE);
            if !self.bytes.is_ready(patience)? {
                break;
            }
            match self.read(buffer, line, cut) {
                Ok(start) => line = start,
                Err(failure) if line == 0 || matches!(failure, ReadError::Stopped) => {
                    return Err(failure);
                }
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        self.carry_over(buffer, line, cut)?;
        let offset = self.offset;
        self.offset += buffer.content().len() as u64;
        if buffer.content().is_empty() {
            self.check()?;
            return Ok(None);
        }
        Ok(Some(offset))
    }

    /// Whether the buffer holds a block: of whole lines, to the end of its portion where portions
    /// count.
    fn is_full(&self, buffer: &Buffer, line: usize, cut: Cut) -> bool {
        match cut.portion {
            Some(portion) => line > 0 && line >= self.portion_end(portion),
            None => line > 0 && buffer.content().len() >= cut.block_bytes,
        }
    }

    /// Where in the buffer the portion ends in which it starts.
    fn portion_end(&self, portion: u64) -> usize {
        usize::try_from(portion - self.offset % portion).unwrap_or(usize::MAX)
    }

    /// Reads once; gives the start of the line being read.
    fn read(&mut self, buffer: &mut Buffer, line: usize, cut: Cut) -> Result<usize, ReadError> {
        let before = buffer.content().len();
        // What belongs to the next portion would have to be copied there.
        let end = cut.portion.map_or(usize::MAX, |portion| self.portion_end(portion));
        let most = end.saturating_sub(before).max(READ);
        let has_room = buffer.capacity() - before >= READ;
        let space = buffer.spare(if has_room { READ } else { growth(before, cut, end) })?;
        let most = most.min(space.len());
        let count = match self.bytes.read(&mut space[..most]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(line),
            count => count?,
        };
        buffer.filled(count);
        self.ended = count == 0;
        if self.discarding {
            return self.discard(buffer);
        }
        Ok(last_line_end(&buffer.content()[before..], before).max(line))
    }

    /// Hands over a line that is too long, as far as it was read, and passes over the rest of it.
    fn cut(&mut self, buffer: &Buffer) -> u64 {
        self.discarding = true;
        let offset = self.offset;
        self.offset += buffer.content().len() as u64;
        offset
    }

    /// Drops what was read of a line that is too long, up to its end; gives the start of the line
    /// being read after it.
    fn discard(&mut self, buffer: &mut Buffer) -> Result<usize, ReadError> {
        let content = buffer.content();
        let end = memchr::memchr(b'\n', content);
        self.discarding = end.is_none();
        let rest = end.map_or(&[][..], |end| &content[end + 1..]);
        let dropped = (content.len() - rest.len()) as u64;
        self.carry.try_reserve(rest.len())?;
        self.carry.extend_from_slice(rest);
        self.offset += dropped;
        self.passed_over += dropped;
        buffer.truncate(0);
        buffer.append(&self.carry)?;
        self.carry.clear();
        Ok(last_line_end(buffer.content(), 0))
    }

    /// Keeps what does not belong to the block for the next one: what follows the last whole line,
    /// unless it is the last line, and what follows the last line of the portion.
    fn carry_over(
        &mut self,
        buffer: &mut Buffer,
        line: usize,
        cut: Cut,
    ) -> Result<(), TryReserveError> {
        let content = buffer.content();
        let mut end = if self.ended { content.len() } else { line };
        if let Some(portion) = cut.portion {
            let owned = self.portion_end(portion) - 1;
            let newline = content.get(owned..).and_then(|rest| memchr::memchr(b'\n', rest));
            end = newline.map_or(end, |newline| end.min(owned + newline + 1));
        }
        self.carry.try_reserve(content.len() - end)?;
        self.carry.extend_from_slice(&content[end..]);
        buffer.truncate(end);
        Ok(())
    }

    fn check(&self) -> Result<(), ReadError> {
        match &self.watched {
            Some(watched) if !watched.is_unchanged()? => Err(ReadError::Changed),
            _ => Ok(()),
        }
    }
}

/// Bytes by which a full buffer grows: a block is asked for whole, and a long line doubles it. Of a portion
/// no more is asked for than to its `end`, behind which only its last line goes on: with twice that for each
/// buffer, pipes became Parquet in 264 MB where files took 101.
fn growth(before: usize, cut: Cut, end: usize) -> usize {
    let doubled = READ.max(cut.block_bytes.saturating_sub(before)).max(before);
    match end.checked_sub(before) {
        Some(rest) => doubled.min(rest.saturating_add(READ)),
        None => READ.max(before - end),
    }
}

/// The end of the last whole line of `bytes`, which start at `start`; 0 if there is none.
fn last_line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(0, |newline| start + newline + 1)
}
