//! Members of gzip (RFC 1952).
//!
//! The header and the trailer are read here: the library's own reader tells what is wrong with them in
//! texts only, and the one that goes from member to member takes zeros at the end for a bad header.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Decoder, Flaw, Step};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;

/// Flags of a header: what follows its fixed part.
const HEADER_CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Bytes of the fixed part of a header.
const FIXED: usize = 10;

/// Bytes of a header at most: the longest extra field, and long names.
const MAX_HEADER: usize = 256 << 10;

pub(super) struct Gzip {
    part: Part,
    /// What has been read of a header or a trailer.
    pending: Vec<u8>,
    inflate: Decompress,
    checksum: Crc,
}

enum Part {
    Header,
    Body,
    Trailer,
}

impl Default for Gzip {
    fn default() -> Self {
        let inflate = Decompress::new(false);
        Self { part: Part::Header, pending: Vec::new(), inflate, checksum: Crc::new() }
    }
}

impl Decoder for Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Flaw> {
        match self.part {
            Part::Header => self.header(input),
            Part::Body => self.body(input, output),
            Part::Trailer => self.trailer(input),
        }
    }

    fn restart(&mut self) -> Result<(), Flaw> {
        self.part = Part::Header;
        self.inflate.reset(false);
        self.checksum.reset();
        Ok(())
    }
}

impl Gzip {
    fn header(&mut self, input: &[u8]) -> Result<Step, Flaw> {
        const PIECE: usize = 256;
        let before = self.pending.len();
        let piece = &input[..input.len().min(PIECE)];
        self.pending.extend_from_slice(piece);
        let Some(length) = header_length(&self.pending)? else {
            let too_long = self.pending.len() > MAX_HEADER;
            let step = Step { consumed: piece.len(), ..Step::default() };
            return if too_long { Err(Flaw::Corrupt) } else { Ok(step) };
        };
        self.pending.clear();
        self.part = Part::Body;
        Ok(Step { consumed: length - before, ..Step::default() })
    }

    fn body(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Flaw> {
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, output, FlushDecompress::None)
            .map_err(|_| Flaw::Corrupt)?;
        if status == Status::StreamEnd {
            self.part = Part::Trailer;
        }
        let after = (self.inflate.total_in(), self.inflate.total_out());
        let step = Step::from_totals(before, after, false);
        self.checksum.update(&output[..step.produced]);
        Ok(step)
    }

    fn trailer(&mut self, input: &[u8]) -> Result<Step, Flaw> {
        let wanted = size_of::<[u32; 2]>() - self.pending.len();
        let consumed = input.len().min(wanted);
        self.pending.extend_from_slice(&input[..consumed]);
        let ended = consumed == wanted;
        if ended {
            let (checksum, length) = self.pending.split_at(size_of::<u32>());
            if checksum != self.checksum.sum().to_le_bytes() {
                return Err(Flaw::Checksum);
            }
            // Modulo 2^32, as the format has it.
            if length != self.checksum.amount().to_le_bytes() {
                return Err(Flaw::Length);
            }
            self.pending.clear();
        }
        Ok(Step { consumed, produced: 0, ended })
    }
}

/// Bytes of the header that `bytes` start with, if they hold all of it.
fn header_length(bytes: &[u8]) -> Result<Option<usize>, Flaw> {
    if bytes.iter().zip(MAGIC).any(|(&byte, magic)| byte != magic) {
        return Err(Flaw::Garbage);
    }
    let Some(&[_, _, method, flags, ..]) = bytes.first_chunk::<FIXED>() else { return Ok(None) };
    if method != DEFLATE || flags & RESERVED != 0 {
        return Err(Flaw::Unsupported);
    }
    let Some(length) = fields_end(flags, bytes) else { return Ok(None) };
    if flags & HEADER_CHECKSUM == 0 {
        return Ok(Some(length));
    }
    let Some(checksum) = bytes[length..].first_chunk::<2>() else { return Ok(None) };
    let mut expected = Crc::new();
    expected.update(&bytes[..length]);
    let is_right = expected.sum().to_le_bytes().starts_with(checksum);
    if is_right { Ok(Some(length + checksum.len())) } else { Err(Flaw::Checksum) }
}

/// Where the fields end that the flags announce, if `bytes` hold them all.
fn fields_end(flags: u8, bytes: &[u8]) -> Option<usize> {
    let mut end = FIXED;
    if flags & EXTRA != 0 {
        let length = bytes.get(end..)?.first_chunk::<2>()?;
        end += length.len() + usize::from(u16::from_le_bytes(*length));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            end += memchr::memchr(0, bytes.get(end..)?)? + 1;
        }
    }
    (end <= bytes.len()).then_some(end)
}
