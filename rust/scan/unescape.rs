//! Escaped text to the characters themselves, at the speed that columns need.

use std::collections::TryReserveError;

use super::arch::Lanes;
use super::rewrite::{ROOM, Rewrite, Rewritten, STEP, Step, chosen};
use super::utf8::to_string;

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
    chosen().unescape(raw, out)
}

/// A key as a string; what memory does not suffice for is left out.
pub(super) fn unescaped(raw: &[u8]) -> String {
    let mut plain = Vec::new();
    let _ = unescape(raw, &mut plain);
    to_string(plain)
}

impl super::Scanner {
    /// Does what [`unescape`] does, on the CPU path of this scanner.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is added.
    #[inline]
    pub fn unescape(self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), TryReserveError> {
        // A broken text may have one character more than its own bytes.
        out.try_reserve(raw.len() + ROOM + char::REPLACEMENT_CHARACTER.len_utf8())?;
        let Rewritten { read, .. } = self.rewrite::<Unescape>(raw, out);
        debug_assert_eq!(read, raw.len());
        Ok(())
    }
}

/// Escapes become characters.
pub(super) struct Unescape;

impl Rewrite for Unescape {
    #[inline(always)]
    fn specials<L: Lanes>(lanes: &L) -> u64 {
        lanes.backslashes()
    }

    #[inline(always)]
    fn step(rest: &[u8]) -> Option<Step> {
        let [b'\\', escape @ ..] = rest else { return None };
        let (read, written, character) = decode(escape);
        let mut bytes = [0; STEP];
        bytes[..character.len()].copy_from_slice(&character);
        Some(Step { read: 1 + read, written, bytes })
    }
}

/// An escape after its backslash: its length, the bytes of its character, and these.
#[inline(always)]
fn decode(escape: &[u8]) -> (usize, usize, [u8; 4]) {
    match escape {
        [b'u', digits @ ..] => {
            let (length, character) = character_of(digits);
            let mut bytes = [0; 4];
            (length, character.encode_utf8(&mut bytes).len(), bytes)
        }
        [letter, ..] => (1, 1, [SHORT[usize::from(*letter)], 0, 0, 0]),
        [] => (0, 0, [0; 4]),
    }
}

/// The character of `\uXXXX` by what follows the `u`, with the other half of a surrogate pair, and the bytes
/// of all of it but for the backslash.
#[inline(always)]
pub(super) fn character_of(digits: &[u8]) -> (usize, char) {
    match hex(digits) {
        None => (1 + digits.len(), char::REPLACEMENT_CHARACTER),
        Some(unit) => match char::from_u32(unit) {
            Some(unit) => (UNIT, unit),
            None => decode_pair(unit, &digits[UNIT - 1..]),
        },
    }
}

/// The letter and the digits of `\uXXXX`.
const UNIT: usize = 5;

#[cold]
fn decode_pair(high: u32, rest: &[u8]) -> (usize, char) {
    let pair = rest.strip_prefix(b"\\u").and_then(hex);
    let Some(low @ 0xdc00..0xe000) = pair else {
        return (UNIT, char::REPLACEMENT_CHARACTER);
    };
    let code = 0x10000 + ((high.wrapping_sub(0xd800) & 0x3ff) << 10) + (low - 0xdc00);
    (2 * UNIT + 1, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// The value of four hexadecimal digits.
#[inline(always)]
fn hex(text: &[u8]) -> Option<u32> {
    let [a, b, c, d] = text.first_chunk()?.map(|digit| u32::from(HEX[usize::from(digit)]));
    Some(a << 12 | b << 8 | c << 4 | d)
}

/// What a letter after a backslash stands for: itself, but for five.
pub(super) const SHORT: [u8; 256] = {
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
