//! Escaped text to the characters themselves, at the speed that columns need.

use std::collections::TryReserveError;
use std::mem::MaybeUninit;

use super::arch::{Lanes, Simd};
use super::rewrite::{ROOM, Rewrite, Rewritten, block_of, chosen};
use super::string::{BLOCK, escapes_and_escaped};
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
        self.unescape_told(raw, out).map(drop)
    }

    /// Does the same, and tells whether the text was ASCII only. Then what it became is UTF-8, whether it
    /// was valid or not.
    #[inline]
    pub(super) fn unescape_told(
        self,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, TryReserveError> {
        // A broken text may have one character more than its own bytes.
        out.try_reserve(raw.len() + ROOM + char::REPLACEMENT_CHARACTER.len_utf8())?;
        let Rewritten { read, ascii, .. } = self.rewrite::<Unescape>(raw, out);
        debug_assert_eq!(read, raw.len());
        Ok(ascii)
    }
}

/// Escapes become characters.
///
/// ASCII becomes UTF-8, even if it is broken: [`Texts`](super::Texts) relies on that.
///
/// A block goes through the same instructions whatever escapes it has: letters become what they stand for
/// where they are, the characters of `\uXXXX` are written over its last digits, and then the bytes that
/// count are moved together. To go from escape to escape takes half as long again for ASCII-escaped
/// records, which have two in a block: each is at another distance from the next one, and branches on
/// that are mispredicted.
pub(super) struct Unescape;

impl Rewrite for Unescape {
    #[inline(always)]
    fn run<S: Simd>(simd: S, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten {
        let mut padded = [b' '; BLOCK];
        let before = BLOCK.saturating_sub(text.len());
        let text = if before == 0 {
            text
        } else {
            padded[before..].copy_from_slice(text);
            &padded
        };
        let last = text.len() - BLOCK;
        let mut at = Rewritten { read: before, written: 0, ascii: true };
        while at.read < text.len() {
            // The last block ends with the text; what was read of it before is passed over.
            let start = at.read.min(last);
            let Some(block) = text[start..].first_chunk() else { break };
            let Some(room) = block_of(out, at.written) else { break };
            let mut done = unescape_block(simd, block, at.read - start, room);
            if done.read == 0 {
                done = unescape_cut(&text[at.read..], room);
            }
            at.read += done.read;
            at.written += done.written;
            at.ascii &= done.ascii;
        }
        at.read -= before;
        at
    }
}

/// Unescapes a block from a place on, up to an escape that goes on behind the block.
#[inline(always)]
fn unescape_block<S: Simd>(
    simd: S,
    block: &[u8; BLOCK],
    from: usize,
    room: &mut [MaybeUninit<u8>; BLOCK],
) -> Rewritten {
    let lanes = simd.read(block);
    let fresh = u64::MAX << from;
    let backslashes = lanes.backslashes() & fresh;
    let ascii = lanes.non_ascii() == 0;
    if backslashes == 0 && from == 0 {
        simd.copy(block, room);
        return Rewritten { read: BLOCK, written: BLOCK, ascii };
    }
    let escapes = escapes_and_escaped(backslashes) & backslashes;
    let mut units = escapes & lanes.equal_to(b'u') >> 1;
    let mut stage = [0; BLOCK];
    lanes.unescape_letters(escapes << 1, &mut stage);
    let mut end = whole_escapes(escapes & SHORT_CUT | units & UNIT_CUT);
    let mut dropped = escapes;
    units &= up_to(end) >> UNIT;
    while units != 0 {
        let at = units.trailing_zeros();
        units &= units - 1;
        let Some((bytes, left_over)) =
            unescape_unit(&block[..end as usize], at as usize, &mut stage)
        else {
            end = at;
            break;
        };
        dropped = dropped & !bytes | left_over;
        units &= !bytes;
    }
    let written = simd.pack(&stage, fresh & up_to(end) & !dropped, room);
    Rewritten { read: end as usize - from, written, ascii }
}

/// Backslashes whose letter is behind the block.
const SHORT_CUT: u64 = 1 << (BLOCK - 1);
/// Backslashes of `\uXXXX` of which a digit is behind the block.
const UNIT_CUT: u64 = u64::MAX << (BLOCK - UNIT);

/// Where the whole escapes of a block end, by the backslashes of others.
///
/// A branch, and not a count of bits, because the next block would have to wait for that.
#[inline(always)]
fn whole_escapes(others: u64) -> u32 {
    if others == 0 { u64::BITS } else { first_of(others) }
}

#[cold]
fn first_of(bits: u64) -> u32 {
    bits.trailing_zeros()
}

/// The bits before a place in a block, or all before its end.
#[inline(always)]
fn up_to(end: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - end).unwrap_or_default()
}

/// So many bits.
#[inline(always)]
fn below(count: usize) -> u64 {
    (1 << count) - 1
}

/// Writes the character of a `\uXXXX` of a block, as far as its escapes are whole, over its last digits, and gives all of its bytes and those
/// that are left over; or nothing, if the other half of a pair may be behind the block.
#[inline(always)]
fn unescape_unit(block: &[u8], at: usize, stage: &mut [u8; BLOCK]) -> Option<(u64, u64)> {
    let unit = hex(&block[at + 2..])?;
    if (0xd800..0xe000).contains(&unit) {
        return unescape_pair(block, at, stage);
    }
    // As three bytes, the last of which are those of a shorter one.
    let first = 0xe0 | unit >> 12;
    let middle = 0x80 | unit >> 6 & 0x3f | u32::from(unit < 0x800) << 6;
    let last = if unit < 0x80 { unit } else { 0x80 | unit & 0x3f };
    let bytes = (first << 8 | middle << 16 | last << 24).to_le_bytes();
    stage[at + 2..][..bytes.len()].copy_from_slice(&bytes);
    let left_over = below(UNIT) >> (u32::from(unit >= 0x80) + u32::from(unit >= 0x800));
    Some((below(1 + UNIT) << at, left_over << at))
}

/// Does the same for a surrogate.
#[cold]
fn unescape_pair(block: &[u8], at: usize, stage: &mut [u8; BLOCK]) -> Option<(u64, u64)> {
    let escapes = block[at..].first_chunk::<PAIR>()?;
    let (read, written, bytes) = decode(&escapes[1..]);
    let left_over = 1 + read - written;
    stage[at + left_over..][..written].copy_from_slice(&bytes[..written]);
    Some((below(1 + read) << at, below(left_over) << at))
}

/// Unescapes what begins a block and goes on behind it, so behind the text.
#[cold]
fn unescape_cut(escape: &[u8], room: &mut [MaybeUninit<u8>; BLOCK]) -> Rewritten {
    let (read, written, bytes) = decode(&escape[1..]);
    room[..bytes.len()].copy_from_slice(&bytes.map(MaybeUninit::new));
    Rewritten { read: 1 + read, written, ascii: escape.is_ascii() }
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
/// Two of these with their backslashes.
const PAIR: usize = 2 * (1 + UNIT);

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
    let digits = u32::from_le_bytes(*text.first_chunk()?);
    // A letter has bit 6 and its value less 9 in the lower nibble.
    let values = (digits & 0x0f0f_0f0f) + 9 * (digits >> 6 & 0x0101_0101);
    let pairs = values << 4 | values >> 8;
    Some((pairs & 0xff) << 8 | pairs >> 16 & 0xff)
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
