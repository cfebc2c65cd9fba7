//! Reading the lines of a frame.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::Frame;

/// Reads the lines that belong to a [`Frame`].
pub struct FrameLines {
    frame: Frame,
    long: bool,
    decoder: Box<dyn Read + Send>,
    stage: Stage,
    skipped_head: u64,
    decoded_length: u64,
}

/// What is being read.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// What belongs to the frame before.
    Head,
    /// The frame.
    Own,
    /// The end of the last line, in the frames after.
    Tail,
    Ended,
}

impl FrameLines {
    pub(super) fn new(frame: Frame, long: bool) -> io::Result<Self> {
        let stage = if frame.is_first() { Stage::Own } else { Stage::Head };
        let decoder = frame.decoder(frame.start, frame.end, long)?;
        Ok(Self { frame, long, decoder, stage, skipped_head: 0, decoded_length: 0 })
    }

    /// Bytes at the start of the frame that belong to the one before. Right from the first byte on that
    /// is read: that one is so far from the start of the frame.
    #[must_use]
    pub fn skipped_head(&self) -> u64 {
        self.skipped_head
    }

    /// Bytes of the frame that have been decoded: all, once a read has given none. What was read of the
    /// frames after is not counted.
    #[must_use]
    pub fn decoded_length(&self) -> u64 {
        self.decoded_length
    }

    fn head(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        self.decoded_length += count as u64;
        let start = memchr::memchr(b'\n', &buffer[..count]).map(|newline| newline + 1);
        self.skipped_head += start.unwrap_or(count) as u64;
        self.stage = match start {
            Some(_) => Stage::Own,
            None if count == 0 => Stage::Ended,
            None => Stage::Head,
        };
        let start = start.unwrap_or(count);
        buffer.copy_within(start..count, 0);
        Ok(count - start)
    }

    fn own(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        self.decoded_length += count as u64;
        if count == 0 {
            self.stage = Stage::Ended;
            let Frame { end, length, .. } = self.frame;
            if end < length {
                self.decoder = self.frame.decoder(end, length, self.long)?;
                self.stage = Stage::Tail;
            }
        }
        Ok(count)
    }

    fn tail(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // About a record, because the rest is decoded in vain.
        const PIECE: usize = 16 << 10;
        let piece = buffer.len().min(PIECE);
        let count = self.decoder.read(&mut buffer[..piece])?;
        let end = memchr::memchr(b'\n', &buffer[..count]).map(|newline| newline + 1);
        if count == 0 || end.is_some() {
            self.stage = Stage::Ended;
        }
        Ok(end.unwrap_or(count))
    }
}

impl Read for FrameLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = match self.stage {
                Stage::Head => self.head(buffer)?,
                Stage::Own => self.own(buffer)?,
                Stage::Tail => self.tail(buffer)?,
                Stage::Ended => return Ok(0),
            };
            if count > 0 {
                return Ok(count);
            }
        }
    }
}

/// A part of a file.
pub(super) struct Part {
    pub file: Arc<File>,
    pub at: u64,
    pub end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..wanted], self.at)?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        Ok(count)
    }
}
