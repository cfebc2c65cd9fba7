//! Inside a string: 64 bytes at a time, everything that can be wrong as a bit of a mask.
//!
//! The masks follow Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (VLDB Journal
//! 28(6), 2019), section 3.1, for runs of backslashes, and Keiser and Lemire, "Validating UTF-8 In
//! Less Than One Instruction Per Byte" (Software: Practice and Experience 51(5), 2021), for UTF-8.
//! New here: escapes are checked where they stand, hexadecimal digits and surrogate pairs included,
//! and all faults up to the closing quote are judged by one branch.
//!
//! A string needs nothing from the bytes before it: the byte before it is a quote, and what stands
//! outside strings is ASCII by grammar.

use super::arch::{Lanes, Simd, When};

/// Bytes that the checks of one block look at: three before it, for UTF-8, and the block itself.
pub(super) const WINDOW: usize = LOOK_BACK + BLOCK;
/// How far back a continuation byte may have its lead byte.
pub(super) const LOOK_BACK: usize = 3;
/// Bytes in a block, one for each bit of a mask.
pub(super) const BLOCK: usize = 64;

/// Where a string ended. Two words, so that it is returned in registers.
#[derive(Clone, Copy)]
pub(super) struct StringEnd {
    /// The closing quote; [`usize::MAX`] if the string is wrong.
    pub end: usize,
    /// Whether a backslash may stand in it: one was seen up to the end of its last block.
    pub escaped: bool,
}

impl StringEnd {
    const WRONG: Self = Self { end: usize::MAX, escaped: false };

    /// The end of a string that is right.
    #[inline(always)]
    pub(super) fn valid(self) -> Option<Self> {
        (self.end != usize::MAX).then_some(self)
    }
}

/// What the next block must know of the escapes before it. Nothing here may be lent to a function
/// that is not inlined: it would live in memory, and the loop wait for it.
#[derive(Default)]
struct Carry {
    /// 1 if the first byte is escaped.
    escaped: u64,
    /// The `u`s of escapes, whose four digits may reach into the next block.
    unicode: u64,
    /// The same, and the first digits.
    started: u64,
}

/// Scans from just after the opening quote to the closing one.
///
/// Inlined into one function for each CPU, which is how the vector instructions get here.
#[inline(always)]
pub(super) fn scan<S: Simd>(simd: S, bytes: &[u8], at: usize) -> StringEnd {
    match short(simd, bytes, at) {
        Some(end) => StringEnd { end, escaped: false },
        None => long(simd, bytes, at),
    }
}

/// The closing quote of a string that ends in its first block and is all printable ASCII without
/// escapes: keys, identifiers, titles. Looking for these first makes records of short strings twice
/// as fast, and costs long strings one block read twice.
#[inline(always)]
fn short<S: Simd>(simd: S, bytes: &[u8], at: usize) -> Option<usize> {
    let lanes = simd.load(window(bytes, at)?);
    let quotes = lanes.quotes();
    let before = quotes.wrapping_sub(1) & !quotes;
    (quotes != 0 && lanes.special() & before == 0).then(|| at + quotes.trailing_zeros() as usize)
}

#[inline(always)]
fn window(bytes: &[u8], at: usize) -> Option<&[u8; WINDOW]> {
    bytes.get(at - LOOK_BACK..)?.first_chunk()
}

/// Long, because one loop keeps in registers all that it carries from block to block.
#[inline(always)]
fn long<S: Simd>(simd: S, bytes: &[u8], mut at: usize) -> StringEnd {
    let mut carry = Carry::default();
    let (mut any_backslash, mut any_non_ascii, mut non_ascii_before) = (0, 0, 0);
    // Where the `d` of a low surrogate must stand, after the high one at its left.
    let mut low_surrogate = 0;
    loop {
        let Some(window) = window(bytes, at) else { return StringEnd::WRONG };
        let lanes = simd.load(window);
        let backslashes = lanes.backslashes();
        let mut stops = lanes.stops();
        let (mut wrong, mut surrogates) = (0, 0);
        any_backslash |= backslashes;
        if S::ESCAPES.asks(any_backslash, backslashes | carry.escaped | carry.started) {
            let escapes = escapes(&lanes, backslashes, &mut carry);
            // A control after a backslash is wrong as an escape.
            stops &= !escapes.escaped;
            wrong = escapes.wrong;
            surrogates = escapes.surrogates;
        }
        any_non_ascii |= lanes.some_non_ascii();
        let mut reached = 0;
        if S::UTF8 == When::Where {
            let non_ascii = lanes.non_ascii();
            reached = non_ascii | non_ascii_before >> (BLOCK - LOOK_BACK);
            non_ascii_before = non_ascii;
        }
        if S::UTF8.asks(any_non_ascii, reached) {
            wrong |= lanes.utf8_errors(window);
        }
        if stops | wrong | surrogates != 0 {
            // All bits up to where the string stops, or all of them if that is not in this block.
            let inside = stops ^ stops.wrapping_sub(1);
            if wrong & inside != 0 {
                return StringEnd::WRONG;
            }
            if surrogates & inside != 0 {
                match pairs(bytes, at, surrogates & inside, low_surrogate) {
                    Some(next) => low_surrogate = next,
                    None => return StringEnd::WRONG,
                }
            }
            if stops != 0 {
                let end = at + stops.trailing_zeros() as usize;
                let closed = bytes[end] == b'"';
                let end = StringEnd { end, escaped: any_backslash != 0 };
                return if closed { end } else { StringEnd::WRONG };
            }
        }
        at += BLOCK;
    }
}

struct Escapes {
    /// Bytes that a backslash escapes.
    escaped: u64,
    /// Bytes that make an escape wrong.
    wrong: u64,
    /// First digits of `\ud...`: surrogates, or letters just below them.
    surrogates: u64,
}

#[inline(always)]
fn escapes<L: Lanes>(lanes: &L, backslashes: u64, carry: &mut Carry) -> Escapes {
    let escaped = escaped(backslashes, &mut carry.escaped);
    let unicode = escaped & lanes.letters_u();
    let first = unicode << 1 | carry.unicode >> 63;
    let started = unicode | first;
    // One and three places after the `u` and the first digit stand all four digits.
    let digits = (started << 1 | carry.started >> 63) | (started << 3 | carry.started >> 61);
    carry.unicode = unicode;
    carry.started = started;
    Escapes {
        escaped,
        wrong: escaped & !lanes.escapable() | digits & !lanes.hex_digits(),
        surrogates: first & lanes.letters_d(),
    }
}

/// The bytes that a backslash escapes, of which the first one may be the last block's.
#[inline(always)]
fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    let both = escapes_and_escaped(backslashes & !*carry);
    let escaped = both ^ (backslashes | *carry);
    *carry = (both & backslashes) >> (BLOCK - 1);
    escaped
}

/// The backslashes that begin an escape, in a run of them the first one and each second one, and what
/// follows a run of odd length.
///
/// Subtracting the runs from themselves moved by one, with all odd places filled, leaves these in turn
/// (simdjson's `json_escape_scanner`, by Keiser).
#[inline(always)]
pub(super) fn escapes_and_escaped(backslashes: u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    (backslashes << 1 | ODD).wrapping_sub(backslashes) ^ ODD
}

/// Checks that every surrogate escape is half of a pair. `candidates` are the first digits of escapes
/// that start with `d`; `low` is where that of a low surrogate must stand, and what is given is where
/// the next one must. Rarely called: once for each emoji.
#[cold]
fn pairs(bytes: &[u8], at: usize, mut candidates: u64, mut low: usize) -> Option<usize> {
    while candidates != 0 {
        let digit = at + candidates.trailing_zeros() as usize;
        candidates &= candidates - 1;
        match bytes[digit + 1] | 0x20 {
            b'8' | b'9' | b'a' | b'b' => {
                if !is_low_surrogate(&bytes[digit + 4..]) {
                    return None;
                }
                low = digit + 6;
            }
            b'c'..=b'f' if low != digit => return None,
            _ => {}
        }
    }
    Some(low)
}

/// Whether `\udc` to `\udf` stands here; that its last two digits are such is checked elsewhere.
fn is_low_surrogate(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\\', b'u', b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', ..])
}
