//! Copying text in which some bytes become others, and going from one of these to the next where they are
//! few.
//!
//! A block is copied before it is known where its run of plain bytes ends, and what is too much written
//! over: mostly one block of 64 bytes holds the whole run, and the branch that asks for it is well
//! predicted. Where the special bytes of a block are is asked once: it is what the next one waits for.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::LazyLock;

use super::arch::{Cpu, Lanes, Rewriter, Simd};
use super::string::BLOCK;
use super::{Path, Scanner};

/// A way to rewrite text.
pub(super) trait Rewrite {
    /// Writes the text rewritten into `out`, until all is read or less than [`ROOM`] is left. As many bytes
    /// as it tells are then written from the start of `out` on: others rely on that.
    ///
    /// Inlined into one function for each CPU, which is how the vector instructions get here.
    fn run<S: Simd>(simd: S, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten;
}

/// What becomes of some bytes, of which most texts have few.
pub(super) trait Steps {
    /// Where in a block such bytes begin or go on: wherever the bytes before have been passed, `step` must
    /// have something to give, or there is no end.
    fn specials<L: Lanes>(lanes: &L) -> u64;

    /// What the first bytes of a text become, if they become others.
    fn step(rest: &[u8]) -> Option<Step>;
}

/// Some bytes, and what they become.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// How many of the text they are.
    pub(super) read: usize,
    /// How many they become.
    pub(super) written: usize,
    /// These, and others that do not count.
    pub(super) bytes: [u8; STEP],
}

/// Bytes that a step becomes at most: of an escaped pair of surrogates they are 12, and one store writes 16.
pub(super) const STEP: usize = 16;

/// Bytes beyond those that count that must be free, or rewriting ends.
pub(crate) const ROOM: usize = BLOCK;

/// How far rewriting came.
#[derive(Clone, Copy)]
pub(super) struct Rewritten {
    pub(super) read: usize,
    pub(super) written: usize,
    /// Whether all that was read is known to be ASCII.
    pub(super) ascii: bool,
}

/// The scanner that the environment asks for, or the best: asking the CPU costs more than a short text
/// does.
pub(super) fn chosen() -> Scanner {
    static CHOSEN: LazyLock<Scanner> = LazyLock::new(|| {
        let asked = Cpu::from_env().ok().flatten();
        asked.and_then(Scanner::for_cpu).unwrap_or_else(Scanner::best)
    });
    *CHOSEN
}

impl Scanner {
    /// Adds the text rewritten, as far as there is space; asks for none.
    #[inline]
    pub(super) fn rewrite<R: Rewrite>(self, text: &[u8], out: &mut Vec<u8>) -> Rewritten {
        let spare = out.spare_capacity_mut();
        let room = spare.len();
        let rewritten = match self.path {
            Path::Avx512(cpu) => cpu.rewrite::<R>(text, spare),
            Path::Avx2(cpu) => cpu.rewrite::<R>(text, spare),
            Path::Portable(cpu) => cpu.rewrite::<R>(text, spare),
        };
        assert!(rewritten.written <= room);
        // SAFETY: so many bytes are within the capacity, by the assertion, and `run` has written them.
        unsafe { out.set_len(out.len() + rewritten.written) };
        rewritten
    }
}

impl<R: Steps> Rewrite for R {
    #[inline(always)]
    fn run<S: Simd>(simd: S, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten {
        let mut at = Rewritten { read: 0, written: 0, ascii: false };
        while let Some((block, room)) = at.block(text, out) {
            let specials = R::specials(&simd.copy(block, room));
            at.through::<S, R>(simd, specials, text, out);
        }
        while let (Some(rest @ [_, ..]), Some(room)) =
            (text.get(at.read..), block_of(out, at.written))
        {
            let (specials, length) = last::<S, R>(simd, rest, room);
            at.pass(length.min(specials.trailing_zeros() as usize));
            at.step::<R>(text, out);
        }
        at
    }
}

impl Rewritten {
    /// The block that comes next, and the room for it.
    #[inline(always)]
    fn block<'a, 'b>(
        &self,
        text: &'a [u8],
        out: &'b mut [MaybeUninit<u8>],
    ) -> Option<(&'a [u8; BLOCK], &'b mut [MaybeUninit<u8>; BLOCK])> {
        Some((text.get(self.read..)?.first_chunk()?, block_of(out, self.written)?))
    }

    /// Goes through a block that is copied, from one special byte to the next.
    #[inline(always)]
    fn through<S: Simd, R: Steps>(
        &mut self,
        simd: S,
        mut specials: u64,
        text: &[u8],
        out: &mut [MaybeUninit<u8>],
    ) {
        let (start, end) = (self.read, self.read + BLOCK);
        while specials != 0 {
            self.pass(start + specials.trailing_zeros() as usize - self.read);
            self.step::<R>(text, out);
            if self.read >= end {
                return;
            }
            // What follows has another place than it was copied to. Where it ends is known.
            let Some((rest, room)) = self.block(text, out) else { return };
            simd.copy(rest, room);
            specials &= u64::MAX << (self.read - start);
        }
        self.pass(end - self.read);
    }

    /// Passes bytes that are copied.
    #[inline(always)]
    fn pass(&mut self, count: usize) {
        self.read += count;
        self.written += count;
    }

    /// Writes what the next bytes become, and those behind them, as long as they become others.
    #[inline(always)]
    fn step<R: Steps>(&mut self, text: &[u8], out: &mut [MaybeUninit<u8>]) {
        while let Some(step) = text.get(self.read..).and_then(R::step) {
            let Some(room) = block_of::<STEP>(out, self.written) else { return };
            *room = step.bytes.map(MaybeUninit::new);
            self.read += step.read;
            self.written += step.written.min(STEP);
        }
    }
}

/// The next bytes of what is written into.
#[inline(always)]
pub(super) fn block_of<const N: usize>(
    out: &mut [MaybeUninit<u8>],
    start: usize,
) -> Option<&mut [MaybeUninit<u8>; N]> {
    out.get_mut(start..)?.first_chunk_mut()
}

/// The end of a text, of less than a block: its special bytes and its length.
#[inline(always)]
fn last<S: Simd, R: Steps>(
    simd: S,
    rest: &[u8],
    room: &mut [MaybeUninit<u8>; BLOCK],
) -> (u64, usize) {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    (R::specials(&simd.copy(&block, room)), rest.len())
}
