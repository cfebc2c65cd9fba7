//! Rows waiting until they fill a whole piece of a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Write};

/// Bytes written to a file at once, at a multiple of as many. A block's rows written as they come,
/// 140 KB anywhere in the file, took 1.5 times as long; pieces over 512 KiB, up to ten times on some
/// machines. Nothing is copied for it: a piece is gathered from the buffers that hold its rows.
pub(super) const PIECE: usize = 256 << 10;

/// Buffers in the order in which they are to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    buffers: VecDeque<Vec<u8>>,
    /// Bytes of the first buffer that are written already.
    written: usize,
    /// Bytes in all buffers that are not.
    waiting: usize,
}

impl Queue {
    /// Takes rows; gives the buffer back if they found room in the one before. So few rows do not hold
    /// a large buffer, and none do not become a write of nothing, which would look like a full disk.
    pub(super) fn push(&mut self, rows: Vec<u8>) -> Option<Vec<u8>> {
        const FEW: usize = 16 << 10;
        self.waiting += rows.len();
        if rows.is_empty() {
            return Some(rows);
        }
        if let Some(last) = self.buffers.back_mut()
            && rows.len() < FEW.min(last.capacity() - last.len())
        {
            last.extend_from_slice(&rows);
            return Some(rows);
        }
        self.buffers.push_back(rows);
        None
    }

    /// Writes all whole pieces, or everything if `all` is asked for; gives written buffers to
    /// `spare`.
    pub(super) fn write(
        &mut self,
        file: &mut File,
        all: bool,
        spare: &mut dyn FnMut(Vec<u8>),
    ) -> io::Result<()> {
        while self.waiting >= PIECE || (all && self.waiting > 0) {
            let mut piece = PIECE.min(self.waiting);
            // A write may stop short of the piece; the next one takes it from there.
            while piece > 0 {
                let written = match file.write_vectored(&self.slices(piece)) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => written,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                    Err(error) => return Err(error),
                };
                piece -= written;
                self.advance(written, spare);
            }
        }
        Ok(())
    }

    /// The next `length` bytes, where they are.
    fn slices(&self, length: usize) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(self.buffers.len());
        let (mut skip, mut left) = (self.written, length);
        for buffer in &self.buffers {
            let rows = &buffer[skip..];
            let taken = rows.len().min(left);
            slices.push(IoSlice::new(&rows[..taken]));
            left -= taken;
            if left == 0 {
                break;
            }
            skip = 0;
        }
        slices
    }

    fn advance(&mut self, written: usize, spare: &mut dyn FnMut(Vec<u8>)) {
        self.waiting -= written;
        self.written += written;
        while let Some(first) = self.buffers.front() {
            if self.written < first.len() {
                return;
            }
            self.written -= first.len();
            self.buffers.pop_front().map(&mut *spare);
        }
    }
}
