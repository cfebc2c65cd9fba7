//! One output: a sink, and what makes a file of what is written to it.

use std::path::Path;

use super::compress::Compression;
use super::frame::{Encoding, Payload, compressed};
use super::framing::Framing;
use super::{GoOn, Sink};
use crate::columnar::{Assembler, Encoded};
use crate::error::Error;

/// An open output of encoded rows.
pub(super) struct File {
    sink: Sink,
    assembler: Option<Assembler>,
    compression: Compression,
    framing: Framing,
    /// Bytes written to this file.
    length: u64,
}

impl File {
    pub(super) fn open(path: &Path, encoding: &Encoding, go_on: GoOn<'_>) -> Result<Self, Error> {
        Self::new(Sink::open(path, go_on)?, encoding)
    }

    pub(super) fn new(sink: Sink, encoding: &Encoding) -> Result<Self, Error> {
        let (compression, framing) = match encoding {
            Encoding::Lines(compression, framing) => (*compression, *framing),
            _ => (Compression::None, Framing::default()),
        };
        let assembler = match encoding {
            Encoding::File(encoder, _) => Some(encoder.assembler()?),
            _ => None,
        };
        Ok(Self { sink, assembler, compression, framing, length: 0 })
    }

    pub(super) fn write(&mut self, payload: Payload, go_on: GoOn<'_>) -> Result<u64, Error> {
        match payload {
            Payload::Bytes(mut bytes) => {
                let before = self.before(&mut bytes)?;
                let before = if before.is_empty() { 0 } else { self.put(before, go_on)? };
                Ok(before + self.put(bytes, go_on)?)
            }
            Payload::Encoded(encoded) => {
                let pieces = self.assembled(encoded)?;
                pieces.into_iter().map(|piece| self.put(piece, go_on)).sum()
            }
            _ => Ok(0),
        }
    }

    /// The bytes that a batch comes to, and those before the first one.
    fn assembled(&mut self, encoded: Encoded) -> Result<Vec<Vec<u8>>, Error> {
        let Some(assembler) = &mut self.assembler else { return Ok(Vec::new()) };
        let start = if self.length == 0 { assembler.start()? } else { Vec::new() };
        let mut pieces = assembler.append(encoded)?;
        if !start.is_empty() {
            pieces.insert(0, start);
        }
        Ok(pieces)
    }

    pub(super) fn finish(&mut self, go_on: GoOn<'_>) -> Result<u64, Error> {
        let mut bytes = Vec::new();
        if let Some(mut assembler) = self.assembler.take() {
            if self.length == 0 {
                bytes = assembler.start()?;
            }
            bytes.extend(assembler.finish()?);
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

    /// Bytes that still fit in, if there may be `bytes`.
    pub(super) fn room(&self, bytes: u64) -> u64 {
        let around = self.framing.around(self.length == 0);
        bytes.saturating_sub(around + self.length)
    }

    /// Whether nothing has been written.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Writes what it was to get before an error ended the run.
    pub(super) fn leave(&mut self) {
        self.sink.leave();
    }

    /// A buffer that has been written and can be used again.
    pub(super) fn spare(&mut self) -> Option<Vec<u8>> {
        self.sink.spare()
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
