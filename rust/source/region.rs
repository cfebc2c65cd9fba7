//! A regular file, cut into ranges.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::SystemTime;

use super::{Lines, ReadError, is_too_long};
use crate::scan::Buffer;

/// The first step of reading past the end of a range, to the end of its last line: about the length
/// of a record, so that little is read twice.
const STEP: usize = 8 << 10;

/// What tells a file from another, and from itself at another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    number: u64,
    length: u64,
    /// None of a file that says it is empty, as those of /proc do, which say so anew each time.
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().filter(|_| metadata.len() > 0);
        Self { device: metadata.dev(), number: metadata.ino(), length: metadata.len(), modified }
    }
}

/// A file and what it was like when it was opened.
#[derive(Debug)]
pub struct Watched {
    file: File,
    /// Where the input starts: not at 0 if standard input was read from before.
    start: u64,
    stamp: Stamp,
}

impl Watched {
    pub(super) fn new(file: File, start: u64, metadata: &Metadata) -> Self {
        Self { file, start, stamp: Stamp::of(metadata) }
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether length and time of change are what they were.
    pub(super) fn is_unchanged(&self) -> io::Result<bool> {
        Ok(Stamp::of(&self.file.metadata()?) == self.stamp)
    }
}

/// A file whose ranges are given out one after the other.
#[derive(Debug)]
pub(super) struct Region {
    watched: Arc<Watched>,
    next: u64,
    end: u64,
}

impl Region {
    /// The lines that start in `part` of the file, or all of them.
    pub(super) fn new(
        file: File,
        start: u64,
        metadata: &Metadata,
        part: Option<(u64, u64)>,
    ) -> Self {
        let watched = Watched::new(file, start, metadata);
        let (from, to) = part.unwrap_or((start, watched.stamp.length));
        let end = to.min(watched.stamp.length);
        Self { next: from, end, watched: Arc::new(watched) }
    }

    /// The next range of `length` bytes; the last one may be shorter.
    pub(super) fn next(&mut self, length: u64) -> Option<Range> {
        let start = self.next;
        if start >= self.end {
            return None;
        }
        self.next = self.end.min(start.saturating_add(length));
        Some(Range { watched: Arc::clone(&self.watched), start, end: self.next })
    }
}

/// A part of a file: the lines that start in it, the last of which may end beyond.
#[derive(Debug)]
pub(super) struct Range {
    watched: Arc<Watched>,
    start: u64,
    end: u64,
}

impl Range {
    pub(super) fn length(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn is_first(&self) -> bool {
        self.start == self.watched.start
    }

    /// Takes a range of `length` bytes from the front.
    pub(super) fn take(&mut self, length: usize) -> Option<Self> {
        let start = self.start;
        self.start = self.end.min(start.saturating_add(length as u64));
        let taken = Self { watched: Arc::clone(&self.watched), start, end: self.start };
        (taken.length() > 0).then_some(taken)
    }

    /// Reads the lines. One that is longer than `max_record_bytes` may come cut, but longer still.
    pub(super) fn read(
        &self,
        buffer: &mut Buffer,
        max_record_bytes: usize,
    ) -> Result<Lines, ReadError> {
        // A line starts here if a line ends just before.
        let from = if self.is_first() { self.start } else { self.start - 1 };
        self.fill(buffer, from, usize::try_from(self.end - from).unwrap_or(usize::MAX))?;
        let first = if self.is_first() {
            Some(0)
        } else {
            memchr::memchr(b'\n', buffer.content()).map(|newline| newline + 1)
        };
        let start = first.unwrap_or(buffer.content().len());
        if start < buffer.content().len() {
            self.finish_line(buffer, start, max_record_bytes)?;
        }
        let ends = (self.end == self.watched.stamp.length).then(|| Arc::clone(&self.watched));
        let (offset, bytes) = (from - self.watched.start, self.length());
        Ok(Lines { offset, start, frame: None, bytes, ends })
    }

    /// Reads on to the end of the last line.
    fn finish_line(
        &self,
        buffer: &mut Buffer,
        start: usize,
        max_record_bytes: usize,
    ) -> Result<(), ReadError> {
        let mut step = STEP;
        let mut at = self.end;
        let mut line = memchr::memrchr(b'\n', buffer.content()).map_or(start, |end| end + 1);
        line = line.max(start);
        while at < self.watched.stamp.length && !buffer.content().ends_with(b"\n") {
            let before = buffer.content().len();
            if is_too_long(before - line, max_record_bytes) {
                return Ok(());
            }
            let length = step.min(usize::try_from(self.watched.stamp.length - at).unwrap_or(step));
            self.fill(buffer, at, length)?;
            at += length as u64;
            step = step.saturating_mul(2);
            if let Some(newline) = memchr::memchr(b'\n', &buffer.content()[before..]) {
                buffer.truncate(before + newline + 1);
            }
        }
        Ok(())
    }

    /// Adds `length` bytes of the file from `offset` on to the buffer.
    fn fill(&self, buffer: &mut Buffer, offset: u64, length: usize) -> Result<(), ReadError> {
        let space = &mut buffer.spare(length)?[..length];
        match self.watched.file.read_exact_at(space, offset) {
            Ok(()) => {
                buffer.filled(length);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ReadError::Changed),
            Err(error) => Err(error.into()),
        }
    }
}
