//! Escaped text to the characters themselves, at the speed that columns need.
//!
//! A block is copied before it is known where its run without backslashes ends, and what is too much
//! written over: with a backslash in every 36 bytes, as in ASCII-escaped records, one block of 64
//! bytes mostly holds the whole run, and the branch that asks for it is well predicted.
#![allow(unsafe_code)]

use std::collections::TryReserveError;
use std::mem::MaybeUninit;
use std::sync::LazyLock;

use super::arch::{Cpu, Simd, Unescape};
use super::string::BLOCK;
use super::{Path, Scanner};

/// Adds the characters of an escaped text, the bytes between the quotes of a valid JSON string.
///
/// Text that is not valid gives U+FFFD for what cannot be decoded and never panics.
///
/// ```
/// use raftfast::scan::unescape;
///
/// let mut out = Vec::new();
/// unescape(br"4\/5 \u00fcber \ud83d\ude00\n", &mut out)?;
/// assert_eq!(out, "4/5 \u{fc}ber \u{1f600}\n".as_bytes());
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
///
/// # Errors
///
/// When memory runs out; then nothing is added.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), TryReserveError> {
    // Asking the CPU costs more than a short text does.
    static CHOSEN: LazyLock<Scanner> = LazyLock::new(|| {
        let asked = Cpu::from_env().ok().flatten();
        asked.and_then(Scanner::for_cpu).unwrap_or_else(Scanner::best)
    });
    CHOSEN.unescape(raw, out)
}

impl Scanner {
    /// Does what [`unescape`] does, on the CPU path of this scanner.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is added.
    #[inline]
    pub fn unescape(self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), TryReserveError> {
        out.try_reserve(raw.len() + MARGIN)?;
        let spare = out.spare_capacity_mut();
        let written = match self.path {
            Path::Avx512(cpu) => cpu.unescape(raw, spare),
            Path::Avx2(cpu) => cpu.unescape(raw, spare),
            Path::Portable(cpu) => cpu.unescape(raw, spare),
        };
        assert!(written <= spare.len());
        // SAFETY: so many bytes are within the capacity, by the assertion, and each step of `run`
        // wrote the bytes by which it moved on.
        unsafe { out.set_len(out.len() + written) };
        Ok(())
    }
}

/// What may be written behind the characters: a block from any of them on, and the one character
/// that a broken text may have more than its own bytes.
const MARGIN: usize = BLOCK + 4;

/// Writes the characters of `raw` into `out`, which has room for it and a margin; gives their bytes.
///
/// Inlined into one function for each CPU, which is how the vector instructions get here.
#[inline(always)]
pub(super) fn run<S: Simd>(simd: S, raw: &[u8], out: &mut [MaybeUninit<u8>]) -> usize {
    let (mut read, mut written) = (0, 0);
    while read < raw.len() {
        let Some(room) = out.get_mut(written..).and_then(|out| out.first_chunk_mut()) else {
            break;
        };
        let (backslashes, length) = match raw[read..].first_chunk() {
            Some(block) => (simd.copy(block, room), BLOCK),
            None => last(simd, &raw[read..], room),
        };
        let run = length.min(backslashes.trailing_zeros() as usize);
        (read, written) = (read + run, written + run);
        while let Some([b'\\', escape @ ..]) = raw.get(read..) {
            let (length, bytes, character) = decode(escape);
            let Some(room) = out.get_mut(written..).and_then(|out| out.first_chunk_mut()) else {
                break;
            };
            *room = character.map(MaybeUninit::new);
            (read, written) = (read + 1 + length, written + bytes);
        }
    }
    written
}

/// The end of a text, of less than a block: its backslashes and its length.
#[inline(always)]
fn last<S: Simd>(simd: S, rest: &[u8], room: &mut [MaybeUninit<u8>; BLOCK]) -> (u64, usize) {
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    (simd.copy(&block, room), rest.len())
}

/// An escape after its backslash: its length, the bytes of its character, and these.
#[inline(always)]
fn decode(escape: &[u8]) -> (usize, usize, [u8; 4]) {
    match escape {
        [b'u', digits @ ..] => decode_unit(digits),
        [letter, ..] => (1, 1, [SHORT[usize::from(*letter)], 0, 0, 0]),
        [] => (0, 0, [0; 4]),
    }
}

/// The same from the digits on, and with the other half of a surrogate pair.
#[inline(always)]
fn decode_unit(digits: &[u8]) -> (usize, usize, [u8; 4]) {
    match hex(digits) {
        None => character(1 + digits.len(), char::REPLACEMENT_CHARACTER),
        Some(unit) => match char::from_u32(unit) {
            Some(unit) => character(UNIT, unit),
            None => decode_pair(unit, &digits[UNIT - 1..]),
        },
    }
}

/// The letter and the digits of `\uXXXX`.
const UNIT: usize = 5;

#[cold]
fn decode_pair(high: u32, rest: &[u8]) -> (usize, usize, [u8; 4]) {
    let pair = rest.strip_prefix(b"\\u").and_then(hex);
    let Some(low @ 0xdc00..0xe000) = pair else {
        return character(UNIT, char::REPLACEMENT_CHARACTER);
    };
    let code = 0x10000 + ((high.wrapping_sub(0xd800) & 0x3ff) << 10) + (low - 0xdc00);
    character(2 * UNIT + 1, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[inline(always)]
fn character(length: usize, character: char) -> (usize, usize, [u8; 4]) {
    let mut bytes = [0; 4];
    (length, character.encode_utf8(&mut bytes).len(), bytes)
}

/// The value of four hexadecimal digits.
#[inline(always)]
fn hex(text: &[u8]) -> Option<u32> {
    let [a, b, c, d] = text.first_chunk()?.map(|digit| u32::from(HEX[usize::from(digit)]));
    Some(a << 12 | b << 8 | c << 4 | d)
}

/// What a letter after a backslash stands for: itself, but for five.
const SHORT: [u8; 256] = {
    let mut table = [0; 256];
    let mut letter = u8::MAX;
    while letter > 0 {
        table[letter as usize] = letter;
        letter -= 1;
    }
    table[b'b' as usize] = 0x08;
    table[b'f' as usize] = 0x0c;
    table[b'n' as usize] = b'\n';
    table[b'r' as usize] = b'\r';
    table[b't' as usize] = b'\t';
    table
};

/// The value of a hexadecimal digit.
const HEX: [u8; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};
