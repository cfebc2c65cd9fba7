//! The frames of a `.zst` file, to be decoded by several workers at once.
//!
//! `pzstd`, raftfast itself and `cat` make files of many frames, each of which can be decoded alone.
//! Where they are is found from the headers of frames and blocks (RFC 8878, 3.1.1) with positioned
//! reads of a few bytes, without decoding, and only as far ahead as somebody asks.
//!
//! Frames end anywhere in a line. Whoever has one drops what comes before its first line end, which
//! belongs to the one before, and reads on into the next up to and with the first line end there. So
//! each line has one owner, also when it spans several frames.

mod lines;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::decode::{Codec, decoded};
pub use lines::FrameLines;
use lines::Part;

/// A group of frames is complete with so many bytes, compressed or decoded: enough for the bytes that
/// are decoded twice, a block or two of 128 KiB, not to matter.
const GROUP: Limits = Limits { compressed: 4 << 20, decoded: 16 << 20 };

/// The most that a block holds, decoded.
const BLOCK: u64 = 128 << 10;

/// Blocks of a frame that is worth it. The rows of a longer one would have to wait in memory for those
/// of the frame before: this is 32 MiB of input.
const MOST_BLOCKS: u64 = 256;

/// The window of a frame that is worth it: that of `zstd -19`. Each worker has a window.
const LONGEST_WINDOW: u64 = 8 << 20;

/// Bytes read from the file at once.
const READ: usize = 128 << 10;

#[derive(Clone, Copy, Debug)]
struct Limits {
    compressed: u64,
    decoded: u64,
}

/// Gives out the frames of a file in order, small ones in groups.
///
/// From a frame on that is damaged, or too large to be worth it, the rest of the file is given out as
/// if it were one.
#[derive(Debug)]
pub struct Frames {
    file: Arc<File>,
    /// Bytes of the file.
    length: u64,
    limits: Limits,
    /// Where in the file the next frame starts.
    next: u64,
    /// Where in the decoded file the next frame starts, if all frames before tell their length.
    offset: Option<u64>,
}

impl Frames {
    /// The frames of a regular file of `length` bytes, unless there is nothing to be won by decoding
    /// them in parallel: when there is one group only.
    #[must_use]
    pub fn open(file: Arc<File>, length: u64) -> Option<Self> {
        Self::with_limits(file, length, GROUP)
    }

    fn with_limits(file: Arc<File>, length: u64, limits: Limits) -> Option<Self> {
        let mut frames = Self { file, length, limits, next: 0, offset: Some(0) };
        let first = frames.next()?;
        (first.end < length).then_some(Self { next: 0, offset: Some(0), ..frames })
    }

    fn bytes<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }

    /// The frame that starts here, if it is whole and worth it.
    fn extent(&self, start: u64) -> Option<Extent> {
        let after_magic = start + 4;
        let extent = match self.bytes(start)? {
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let length = u32::from_le_bytes(self.bytes(after_magic)?);
                let end = after_magic + 4 + u64::from(length);
                Extent { end, decoded: 0, told: Some(0), is_rest: false }
            }
            [0x28, 0xb5, 0x2f, 0xfd] => {
                let (header, blocks) = self.header(after_magic)?;
                self.blocks(&header, blocks)?
            }
            _ => return None,
        };
        (extent.end <= self.length).then_some(extent)
    }

    /// The header of a frame after its magic number, and where the blocks start.
    fn header(&self, at: u64) -> Option<(Header, u64)> {
        let [descriptor] = self.bytes(at)?;
        let is_single_segment = descriptor & 1 << 5 != 0;
        let window_length = usize::from(!is_single_segment);
        let dictionary_length = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let told_length = [usize::from(is_single_segment), 2, 4, 8][usize::from(descriptor >> 6)];
        let mut fields = [0; 1 + 4 + 8];
        let fields = &mut fields[..window_length + dictionary_length + told_length];
        self.file.read_exact_at(fields, at + 1).ok()?;
        let told = told(&fields[window_length + dictionary_length..]);
        let window = if is_single_segment { told } else { fields.first().map(|&log| window(log)) };
        let has_checksum = descriptor & 1 << 2 != 0;
        let blocks = at + 1 + fields.len() as u64;
        (window? <= LONGEST_WINDOW).then_some((Header { told, has_checksum }, blocks))
    }

    /// From block to block to the end of the frame.
    fn blocks(&self, header: &Header, mut at: u64) -> Option<Extent> {
        for count in 1..=MOST_BLOCKS {
            let [low, middle, high] = self.bytes(at)?;
            let block = u32::from_le_bytes([low, middle, high, 0]);
            let length = match block >> 1 & 3 {
                1 => 1,
                3 => return None,
                _ => u64::from(block >> 3),
            };
            at += 3 + length;
            if block & 1 != 0 {
                let end = at + if header.has_checksum { 4 } else { 0 };
                let decoded = header.told.unwrap_or(count * BLOCK);
                return Some(Extent { end, decoded, told: header.told, is_rest: false });
            }
        }
        None
    }

    /// As many frames as make a group, or the rest of the file.
    fn group(&self) -> Extent {
        let mut group = Extent { end: self.next, decoded: 0, told: Some(0), is_rest: false };
        while group.end < self.length && !self.is_complete(&group) {
            let Some(frame) = self.extent(group.end) else {
                return Extent { end: self.length, decoded: 0, told: None, is_rest: true };
            };
            group.end = frame.end;
            group.decoded = group.decoded.saturating_add(frame.decoded);
            group.told = sum(group.told, frame.told);
        }
        group
    }

    fn is_complete(&self, group: &Extent) -> bool {
        let compressed = group.end - self.next;
        compressed >= self.limits.compressed || group.decoded >= self.limits.decoded
    }
}

impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if self.next >= self.length {
            return None;
        }
        let Extent { end, told, is_rest, .. } = self.group();
        let frame = Frame {
            file: Arc::clone(&self.file),
            start: self.next,
            end,
            length: self.length,
            offset: self.offset,
            told,
            is_rest,
        };
        self.next = end;
        self.offset = sum(self.offset, told);
        Some(frame)
    }
}

/// How far a frame goes, or a group of them.
#[derive(Debug)]
struct Extent {
    /// Where in the file it ends.
    end: u64,
    /// Bytes that it holds at most, or about.
    decoded: u64,
    /// Bytes that it holds by its own account.
    told: Option<u64>,
    /// Whether it is everything up to the end of the file.
    is_rest: bool,
}

/// What the header of a frame says.
#[derive(Debug)]
struct Header {
    told: Option<u64>,
    has_checksum: bool,
}

/// The length that a frame tells, from the bytes of that field.
fn told(field: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes[..field.len()].copy_from_slice(field);
    let length = u64::from_le_bytes(bytes);
    match field.len() {
        0 => None,
        // One byte would do for less.
        2 => Some(length + 256),
        // What libzstd takes for a length that is not known.
        _ => Some(length).filter(|&length| length != u64::MAX),
    }
}

/// The length of a window, from its descriptor: an exponent and eighths.
fn window(descriptor: u8) -> u64 {
    let base = 1 << (10 + (descriptor >> 3));
    base + base / 8 * u64::from(descriptor & 7)
}

fn sum(first: Option<u64>, second: Option<u64>) -> Option<u64> {
    first?.checked_add(second?)
}

/// A frame of a file, or a group of frames that follow one another.
#[derive(Debug)]
pub struct Frame {
    file: Arc<File>,
    start: u64,
    end: u64,
    /// Bytes of the file.
    length: u64,
    offset: Option<u64>,
    told: Option<u64>,
    is_rest: bool,
}

impl Frame {
    /// Whether it is the rest of the file, of any length: one worker at a time can read it.
    #[must_use]
    pub fn is_rest(&self) -> bool {
        self.is_rest
    }

    /// Whether it is the first of the file, and may start with a byte order mark.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.start == 0
    }

    /// Bytes in the file: each byte is in one frame.
    #[must_use]
    pub fn compressed_length(&self) -> u64 {
        self.end - self.start
    }

    /// Where in the decoded file it starts, if all frames before tell their length.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Bytes that it holds, if it tells; decoding fails if that is wrong.
    #[must_use]
    pub fn told_length(&self) -> Option<u64> {
        self.told
    }

    /// The lines that start in this frame after the first line end, and the one after its last; of the
    /// first frame, also the first line. `long` is that of [`decoded`].
    ///
    /// # Errors
    ///
    /// When memory runs out. Reads fail as those of [`decoded`] do, and with
    /// [`io::ErrorKind::UnexpectedEof`] if the file has become shorter.
    pub fn lines(self, long: bool) -> io::Result<FrameLines> {
        FrameLines::new(self, long)
    }

    fn decoder(&self, start: u64, end: u64, long: bool) -> io::Result<Box<dyn Read + Send>> {
        let part = Part { file: Arc::clone(&self.file), at: start, end };
        decoded(Codec::Zstd, Box::new(BufReader::with_capacity(READ, part)), long)
    }
}

#[cfg(test)]
mod tests;
