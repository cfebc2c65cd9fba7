//! What differs between CPUs: how 64 bytes become masks.
//!
//! A CPU is a token, such as [`Avx2`], that can only be had by asking the CPU whether it knows the
//! instructions; so whoever holds the token may use them. Three small traits keep the rest of the
//! scanner free of it: [`StringScanner`] is what the grammar sees, [`Simd`] and [`Lanes`] are what
//! the string loop is written in.

#[cfg(not(target_arch = "x86_64"))]
mod absent;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod pack;
mod portable;
mod utf8;

#[cfg(not(target_arch = "x86_64"))]
pub(super) use absent::{Avx2, Avx512};
#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
pub(super) use portable::Portable;

use std::mem::MaybeUninit;

use super::find::Pairs;
use super::rewrite::{Rewrite, Rewritten};
use super::string::{BLOCK, StringEnd, WINDOW};
use crate::error::Error;

/// The CPU paths, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cpu {
    /// 64-byte vectors: AVX-512 with BW and VBMI.
    Avx512,
    /// 32-byte vectors.
    Avx2,
    /// 64-bit words; runs anywhere.
    Portable,
}

impl Cpu {
    /// All paths, best first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// The name, as the environment variable `RAFTFAST_CPU` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// The path that `RAFTFAST_CPU` asks for, if it is set.
    ///
    /// # Errors
    ///
    /// When it holds something else than the name of a path.
    pub fn from_env() -> Result<Option<Self>, Error> {
        let Some(wanted) = std::env::var_os("RAFTFAST_CPU").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let found = Self::ALL.into_iter().find(|cpu| wanted == cpu.name());
        found.map(Some).ok_or_else(|| {
            let wanted = wanted.to_string_lossy();
            Error::usage(format!("RAFTFAST_CPU is '{wanted}'; it takes avx512, avx2 or portable"))
        })
    }
}

/// What the grammar needs of a CPU.
pub(super) trait StringScanner: Copy {
    /// Scans a string from just after its opening quote.
    fn string(self, bytes: &[u8], at: usize) -> StringEnd;
}

/// What columns need of a CPU.
pub(super) trait Rewriter: Copy {
    /// Writes a text in which some bytes become others.
    fn rewrite<R: Rewrite>(self, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten;
}

/// What the search for texts needs of a CPU.
pub(super) trait Finder: Copy {
    /// Looks for a place that `judge` takes.
    fn find(self, text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool;
}

/// When a check is made that most blocks do not need: it costs instructions, but so does a branch that
/// is mispredicted in every third block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// In every block.
    Always,
    /// In every block from the first one of the string that needs it: what a string has shown once, it
    /// will show again.
    Since,
    /// In the blocks that need it.
    Where,
}

impl When {
    /// Whether to check a block, by what the string has shown so far and what the block shows.
    #[inline(always)]
    pub(super) fn asks(self, so_far: u64, here: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Since => so_far != 0,
            Self::Where => here != 0,
        }
    }
}

/// What the string loop needs of a CPU.
pub(super) trait Simd: Copy {
    /// When escapes are looked for.
    const ESCAPES: When;

    /// When UTF-8 is checked.
    const UTF8: When;

    /// A block of 64 bytes.
    type Lanes: Lanes;

    /// Loads the last 64 bytes of a window.
    fn load(self, window: &[u8; WINDOW]) -> Self::Lanes;

    /// Loads a block.
    fn read(self, block: &[u8; BLOCK]) -> Self::Lanes;

    /// Copies a block, and gives it to ask about.
    fn copy(self, from: &[u8; BLOCK], to: &mut [MaybeUninit<u8>; BLOCK]) -> Self::Lanes;

    /// Writes those bytes of a block whose bits are set, one after the other, and gives how many they are.
    /// All of `out` may be written to.
    fn pack(self, block: &[u8; BLOCK], kept: u64, out: &mut [MaybeUninit<u8>; BLOCK]) -> usize;
}

/// Questions about 64 bytes; bit k of each answer is for byte k.
pub(super) trait Lanes {
    /// Bytes that are of one group with the byte before them, `before` being the 64 bytes from one before
    /// these on. What is not ASCII may be taken for the byte that is 128 less.
    fn pairs(&self, before: &Self, pairs: &Pairs) -> u64;
    /// Bytes that are this one.
    fn equal_to(&self, byte: u8) -> u64;
    /// `"`
    #[inline(always)]
    fn quotes(&self) -> u64 {
        self.equal_to(b'"')
    }
    /// `\`
    #[inline(always)]
    fn backslashes(&self) -> u64 {
        self.equal_to(b'\\')
    }
    /// Bytes below 0x20.
    fn controls(&self) -> u64;
    /// Bytes of 0x80 and above.
    fn non_ascii(&self) -> u64;
    /// Backslashes, controls and what is not ASCII: what a string may hold that is not plain.
    fn special(&self) -> u64;
    /// `"` and bytes below 0x20, at which a string stops unless a backslash escapes them.
    #[inline(always)]
    fn stops(&self) -> u64 {
        self.quotes() | self.controls()
    }
    /// Some bit, if there are bytes of 0x80 and above.
    #[inline(always)]
    fn some_non_ascii(&self) -> u64 {
        self.non_ascii()
    }
    /// What may follow a backslash: `"/\bfnrtu`.
    fn escapable(&self) -> u64;
    /// `0-9A-Fa-f`
    fn hex_digits(&self) -> u64;
    /// `u`
    fn letters_u(&self) -> u64;
    /// `d` and `D`
    fn letters_d(&self) -> u64;
    /// Writes the bytes, and for the letters of escapes at these places what they stand for.
    fn unescape_letters(&self, letters: u64, to: &mut [u8; BLOCK]);
    /// Bytes at which UTF-8 is found wrong, the last bytes of the window being this block.
    fn utf8_errors(&self, window: &[u8; WINDOW]) -> u64;
}
