//! Anything that can only be read on: pipes, terminals, sockets.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use super::{ReadError, Readiness, is_too_long, wait_for};
use crate::scan::Buffer;

/// How long a block is held back for more lines: nobody waits at the other end of a slow pipe, and
/// a fast one fills whole blocks.
const PATIENCE: Duration = Duration::from_millis(5);

/// Bytes asked for at once: what a pipe holds.
const READ: usize = 64 << 10;

/// A reader that keeps the unfinished line between blocks.
pub(super) struct Pipe {
    file: File,
    /// The start of a line whose end has not been read.
    carry: Vec<u8>,
    /// Where `carry` starts in the input.
    offset: u64,
    /// Whether the line being read is too long, and to be passed over.
    discarding: bool,
    ended: bool,
    /// Bytes of lines that were passed over.
    pub(super) passed_over: u64,
}

impl Pipe {
    pub(super) fn new(file: File) -> Self {
        Self { file, carry: Vec::new(), offset: 0, discarding: false, ended: false, passed_over: 0 }
    }

    /// Reads the next lines into `buffer`; gives where they start in the input, or `None` at its
    /// end. A line that is longer than `max_record_bytes` comes cut, but longer still.
    pub(super) fn next(
        &mut self,
        buffer: &mut Buffer,
        block_bytes: usize,
        max_record_bytes: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<u64>, ReadError> {
        buffer.append(&self.carry)?;
        self.carry.clear();
        // The end of the last whole line.
        let mut lines = 0;
        while !self.ended && (lines == 0 || buffer.content().len() < block_bytes) {
            if lines == 0 && is_too_long(buffer.content().len(), max_record_bytes) {
                return Ok(Some(self.cut(buffer)));
            }
            let patience = (lines > 0).then_some(PATIENCE);
            match wait_for(&self.file, Readiness::Read, patience, go_on)? {
                Some(true) => lines = self.read(buffer, block_bytes)?.unwrap_or(lines),
                Some(false) => break,
                None => return Err(ReadError::Stopped),
            }
        }
        self.carry_over(buffer, lines);
        let offset = self.offset;
        self.offset += buffer.content().len() as u64;
        Ok((!buffer.content().is_empty()).then_some(offset))
    }

    /// Reads once; gives the end of the last whole line, if one ended.
    fn read(
        &mut self,
        buffer: &mut Buffer,
        block_bytes: usize,
    ) -> Result<Option<usize>, ReadError> {
        let before = buffer.content().len();
        // A block is asked for whole, and a long line doubles the buffer when it is full.
        let wanted = if buffer.capacity() - before >= READ {
            READ
        } else {
            READ.max(block_bytes.saturating_sub(before)).max(before)
        };
        let count = match self.file.read(buffer.spare(wanted)?) {
            Ok(count) => count,
            Err(error) if is_transient(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        buffer.filled(count);
        self.ended = count == 0;
        if self.discarding {
            return self.discard(buffer);
        }
        let newline = memchr::memrchr(b'\n', &buffer.content()[before..]);
        Ok(newline.map(|newline| before + newline + 1))
    }

    /// Hands over a line that is too long, as far as it was read, and passes over the rest of it.
    fn cut(&mut self, buffer: &Buffer) -> u64 {
        self.discarding = true;
        let offset = self.offset;
        self.offset += buffer.content().len() as u64;
        offset
    }

    /// Drops what was read of a line that is too long, up to its end; gives the end of the last
    /// whole line after it, if one ended.
    fn discard(&mut self, buffer: &mut Buffer) -> Result<Option<usize>, ReadError> {
        let content = buffer.content();
        let end = memchr::memchr(b'\n', content);
        self.discarding = end.is_none();
        let rest = end.map_or(Vec::new(), |end| content[end + 1..].to_vec());
        let dropped = (content.len() - rest.len()) as u64;
        self.offset += dropped;
        self.passed_over += dropped;
        buffer.truncate(0);
        buffer.append(&rest)?;
        Ok(memchr::memrchr(b'\n', &rest).map(|newline| newline + 1))
    }

    /// Keeps what follows the last whole line for the next block, unless it is the last line.
    fn carry_over(&mut self, buffer: &mut Buffer, lines: usize) {
        if !self.ended {
            self.carry.extend_from_slice(&buffer.content()[lines..]);
            buffer.truncate(lines);
        }
    }
}

/// Whether a read can simply be tried again.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
