//! Copying text in which few bytes become others.
//!
//! A block is copied before it is known where its run of plain bytes ends, and what is too much
//! written over: with an escape in every 36 bytes, as in ASCII-escaped records, one block of 64 bytes
//! mostly holds the whole run, and the branch that asks for it is well predicted.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::LazyLock;

use super::arch::{Cpu, Lanes, Rewriter, Simd};
use super::string::BLOCK;
use super::{Path, Scanner};

/// What becomes of some bytes.
pub(super) trait Rewrite {
    /// Where in a block there may be such bytes.
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

/// Bytes that a step becomes at most.
const STEP: usize = 8;

/// Bytes beyond those that count that must be free, or rewriting ends.
pub(super) const ROOM: usize = BLOCK;

/// How far rewriting came.
#[derive(Clone, Copy)]
pub(super) struct Rewritten {
    pub(super) read: usize,
    pub(super) written: usize,
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
        // SAFETY: so many bytes are within the capacity, by the assertion, and each step of `run`
        // wrote the bytes by which it moved on.
        unsafe { out.set_len(out.len() + rewritten.written) };
        rewritten
    }
}

/// Writes the text rewritten into `out`, until all is read or less than [`ROOM`] is left.
///
/// Inlined into one function for each CPU, which is how the vector instructions get here.
#[inline(always)]
pub(super) fn run<S: Simd, R: Rewrite>(
    simd: S,
    text: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Rewritten {
    let (mut read, mut written) = (0, 0);
    while let (Some(rest), Some(room)) = (text.get(read..), block_of(out, written)) {
        let (specials, length) = match rest.first_chunk() {
            Some(block) => (R::specials(&simd.copy(block, room)), BLOCK),
            None if rest.is_empty() => break,
            None => last::<S, R>(simd, rest, room),
        };
        let plain = length.min(specials.trailing_zeros() as usize);
        (read, written) = (read + plain, written + plain);
        while let Some(step) = text.get(read..).and_then(R::step) {
            let Some(room) = block_of::<STEP>(out, written) else { break };
            *room = step.bytes.map(MaybeUninit::new);
            (read, written) = (read + step.read, written + step.written);
        }
    }
    Rewritten { read, written }
}

#[inline(always)]
fn block_of<const N: usize>(
    out: &mut [MaybeUninit<u8>],
    start: usize,
) -> Option<&mut [MaybeUninit<u8>; N]> {
    out.get_mut(start..)?.first_chunk_mut()
}

/// The end of a text, of less than a block: its special bytes and its length.
#[inline(always)]
fn last<S: Simd, R: Rewrite>(
    simd: S,
    rest: &[u8],
    room: &mut [MaybeUninit<u8>; BLOCK],
) -> (u64, usize) {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    (R::specials(&simd.copy(&block, room)), rest.len())
}
