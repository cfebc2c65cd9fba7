//! Eight bytes in a word: runs on every CPU that has 64-bit registers.
//!
//! Tests on words are the exact ones (no carry from one byte into the next), as in Warren,
//! "Hacker's Delight", 2nd edition, section 6-1.

use std::mem::MaybeUninit;

use super::{Finder, Lanes, Rewriter, Simd, StringScanner, When};
use crate::scan::find::{self, Pairs};
use crate::scan::rewrite::{Rewrite, Rewritten};
use crate::scan::string::{self, BLOCK, LOOK_BACK, StringEnd, WINDOW};
use crate::scan::unescape::SHORT;

/// The path without special instructions.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) struct Portable;

impl StringScanner for Portable {
    fn string(self, bytes: &[u8], at: usize) -> StringEnd {
        string::scan(self, bytes, at)
    }
}

impl Rewriter for Portable {
    fn rewrite<R: Rewrite>(self, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten {
        R::run(self, text, out)
    }
}

impl Finder for Portable {
    fn find(self, text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool {
        find::run(self, text, pairs, judge)
    }
}

impl Simd for Portable {
    const ESCAPES: When = When::Where;
    const UTF8: When = When::Where;
    type Lanes = Words;

    #[inline(always)]
    fn load(self, window: &[u8; WINDOW]) -> Words {
        Words::new(&window[LOOK_BACK..])
    }

    #[inline(always)]
    fn read(self, block: &[u8; BLOCK]) -> Words {
        Words::new(block)
    }

    #[inline(always)]
    fn copy(self, from: &[u8; BLOCK], to: &mut [MaybeUninit<u8>; BLOCK]) -> Words {
        *to = from.map(MaybeUninit::new);
        Words::new(from)
    }

    #[inline(always)]
    fn pack(self, block: &[u8; BLOCK], kept: u64, out: &mut [MaybeUninit<u8>; BLOCK]) -> usize {
        let mut written = 0;
        for (eight, kept) in block.as_chunks::<8>().0.iter().zip(kept.to_le_bytes()) {
            if kept == u8::MAX {
                out[written..][..8].copy_from_slice(&eight.map(MaybeUninit::new));
                written += 8;
                continue;
            }
            for (place, &byte) in eight.iter().enumerate() {
                out[written].write(byte);
                written += usize::from(kept >> place & 1);
            }
        }
        written
    }
}

const WORDS: usize = BLOCK / 8;
/// A bit in every byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The bit that makes ASCII letters lower case, in every byte of a word.
const LOWER_CASE: u64 = ONES << 5;
/// The top bit of every byte of a word.
const TOPS: u64 = ONES << 7;

/// 64 bytes; the first one is the lowest of the first word.
pub(in crate::scan) struct Words([u64; WORDS]);

/// The top bits of the bytes of a word that are below `limit`; `limit` is at most 0x80.
#[inline(always)]
fn below(word: u64, limit: u8) -> u64 {
    // Adding to seven bits sets the top bit of those at the limit or above, and carries nowhere.
    let reached = (word & !TOPS) + ONES * u64::from(0x80 - limit);
    !(reached | word) & TOPS
}

/// The top bits of the bytes of a word that are equal to `byte`.
#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// The top bits of the bytes of a word from `first` to `last`, both ASCII.
#[inline(always)]
fn between(word: u64, first: u8, last: u8) -> u64 {
    below(word, last + 1) & !below(word, first)
}

impl Words {
    /// The bytes, the first one first.
    #[inline(always)]
    fn bytes(&self) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        for (eight, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.0) {
            *eight = word.to_le_bytes();
        }
        bytes
    }

    #[inline(always)]
    fn new(block: &[u8]) -> Self {
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        }
        Self(words)
    }

    /// Gathers the top bits that a test leaves of each word.
    #[inline(always)]
    fn mask(&self, test: impl Fn(u64) -> u64) -> u64 {
        // The multiplier brings the k-th of eight bits to place 56 + k, and no two to one place.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let mut mask = 0;
        for (place, &word) in self.0.iter().enumerate() {
            mask |= (test(word) >> 7).wrapping_mul(GATHER) >> 56 << (8 * place);
        }
        mask
    }
}

impl Lanes for Words {
    #[inline(always)]
    fn pairs(&self, before: &Self, pairs: &Pairs) -> u64 {
        let (first, second) = (pairs.first.whole.as_flattened(), pairs.second.whole.as_flattened());
        let of = |groups: &[u8], byte: u8| groups[usize::from(byte & 0x7f)];
        let (before, bytes) = (before.bytes(), self.bytes());
        let common =
            std::array::from_fn::<_, BLOCK, _>(|at| of(first, before[at]) & of(second, bytes[at]));
        // Most blocks have none, and a mask takes longer than this.
        if common.iter().fold(0, |all, groups| all | groups) == 0 {
            return 0;
        }
        common
            .iter()
            .enumerate()
            .fold(0, |mask, (place, groups)| mask | u64::from(*groups != 0) << place)
    }

    #[inline(always)]
    fn equal_to(&self, byte: u8) -> u64 {
        self.mask(|word| equal(word, byte))
    }

    #[inline(always)]
    fn controls(&self) -> u64 {
        self.mask(|word| below(word, 0x20))
    }

    #[inline(always)]
    fn non_ascii(&self) -> u64 {
        self.mask(|word| word & TOPS)
    }

    #[inline(always)]
    fn special(&self) -> u64 {
        self.mask(|word| equal(word, b'\\') | below(word, 0x20) | word & TOPS)
    }

    #[inline(always)]
    fn escapable(&self) -> u64 {
        self.mask(|word| b"\"/\\bfnrtu".iter().fold(0, |found, &byte| found | equal(word, byte)))
    }

    #[inline(always)]
    fn hex_digits(&self) -> u64 {
        self.mask(|word| between(word, b'0', b'9') | between(word | LOWER_CASE, b'a', b'f'))
    }

    #[inline(always)]
    fn letters_u(&self) -> u64 {
        self.mask(|word| equal(word, b'u'))
    }

    #[inline(always)]
    fn letters_d(&self) -> u64 {
        self.mask(|word| equal(word | LOWER_CASE, b'd'))
    }

    #[inline(always)]
    fn unescape_letters(&self, mut letters: u64, to: &mut [u8; BLOCK]) {
        *to = self.bytes();
        while letters != 0 {
            let letter = &mut to[letters.trailing_zeros() as usize];
            *letter = SHORT[usize::from(*letter)];
            letters &= letters - 1;
        }
    }

    /// Checks each sequence from its lead byte. Not written for words: the standard library's
    /// check is fast on what stands between the borders.
    #[inline(always)]
    fn utf8_errors(&self, window: &[u8; WINDOW]) -> u64 {
        utf8_errors(window)
    }
}

/// Checks the sequences that reach into the block or start in it.
#[inline(never)]
fn utf8_errors(window: &[u8; WINDOW]) -> u64 {
    let start = sequence_start(window);
    match std::str::from_utf8(&window[start..]) {
        Ok(_) => 0,
        Err(error) => {
            let valid = start + error.valid_up_to();
            match error.error_len() {
                // Cut at the end of the block: the next block sees the rest.
                None => 0,
                // Reported where the sequence breaks off, as the vector paths do; a fault before
                // the block belongs to its first byte.
                Some(length) => 1 << (valid + length).saturating_sub(LOOK_BACK).min(BLOCK - 1),
            }
        }
    }
}

/// Where the sequence starts that reaches into the block, if one does.
fn sequence_start(window: &[u8; WINDOW]) -> usize {
    (0..LOOK_BACK)
        .find(|&at| {
            let length = match window[at] {
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xff => 4,
                _ => 1,
            };
            at + length > LOOK_BACK
        })
        .unwrap_or(LOOK_BACK)
}
