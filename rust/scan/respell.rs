//! Text to what stands between the quotes of a JSON string that is ASCII only, whatever it is spelled
//! like before.

use super::arch::Lanes;
use super::escape::{CONTROLS, short_or_unit};
use super::rewrite::{Rewritten, STEP, Step, Steps, chosen};
use super::unescape::{SHORT, character_of};
use super::utf8::decode_utf8;

/// What is escaped besides what JSON asks for and what is not ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ascii {
    /// U+007F, as Python's `json.dumps` does.
    Python,
    /// The slash, as pandas' `to_json` does.
    Pandas,
}

/// A text, by how it is spelled.
#[derive(Clone, Copy, Debug)]
pub enum Spelled<'a> {
    /// The characters themselves.
    Plain(&'a str),
    /// The bytes between the quotes of a valid JSON string. What is not valid gives U+FFFD and never
    /// panics.
    Escaped(&'a [u8]),
}

/// Adds text as JSON has it between quotes, in ASCII: what is beyond is `\uXXXX`.
///
/// It writes into the space that `out` has and asks for no more: six bytes for each of the text, and
/// 64, are always enough. Gives how many bytes of the text were taken.
///
/// ```
/// use raftfast::scan::{Ascii, Spelled, respell};
///
/// let mut out = Vec::with_capacity(200);
/// assert_eq!(respell(Spelled::Plain("4/5 \u{fc}"), Ascii::Pandas, &mut out), 6);
/// assert_eq!(out, br"4\/5 \u00fc");
/// ```
#[must_use]
pub fn respell(text: Spelled<'_>, ascii: Ascii, out: &mut Vec<u8>) -> usize {
    chosen().respell(text, ascii, out)
}

impl super::Scanner {
    /// Does what [`respell`] does, on the CPU path of this scanner.
    #[must_use]
    pub fn respell(self, text: Spelled<'_>, ascii: Ascii, out: &mut Vec<u8>) -> usize {
        let Rewritten { read, .. } = match (text, ascii) {
            (Spelled::Plain(text), Ascii::Python) => {
                self.rewrite::<Respell<false, false>>(text.as_bytes(), out)
            }
            (Spelled::Plain(text), Ascii::Pandas) => {
                self.rewrite::<Respell<false, true>>(text.as_bytes(), out)
            }
            (Spelled::Escaped(raw), Ascii::Python) => {
                self.rewrite::<Respell<true, false>>(raw, out)
            }
            (Spelled::Escaped(raw), Ascii::Pandas) => self.rewrite::<Respell<true, true>>(raw, out),
        };
        read
    }
}

/// Characters, or their escapes, become ASCII.
pub(super) struct Respell<const ESCAPED: bool, const PANDAS: bool>;

impl<const ESCAPED: bool, const PANDAS: bool> Steps for Respell<ESCAPED, PANDAS> {
    #[inline(always)]
    fn specials<L: Lanes>(lanes: &L) -> u64 {
        let own = lanes.equal_to(if PANDAS { b'/' } else { 0x7f });
        lanes.stops() | lanes.backslashes() | lanes.non_ascii() | own
    }

    #[inline(always)]
    fn step(rest: &[u8]) -> Option<Step> {
        let (read, character) = match *rest {
            [b'\\', b'u', ref digits @ ..] if ESCAPED => {
                let (length, character) = character_of(digits);
                (1 + length, character)
            }
            [b'\\', letter, ..] if ESCAPED => (2, char::from(SHORT[usize::from(letter)])),
            [ascii @ ..0x80, ..] if is_bare::<PANDAS>(ascii) => return None,
            [ascii @ ..0x80, ..] => (1, char::from(ascii)),
            [] => return None,
            _ => {
                let (character, length) = decode_utf8(rest);
                (length, character)
            }
        };
        let (written, bytes) = spelled::<PANDAS>(character);
        Some(Step { read, written, bytes })
    }
}

/// Whether a byte of ASCII stands for itself.
#[inline(always)]
fn is_bare<const PANDAS: bool>(ascii: u8) -> bool {
    match ascii {
        ..b' ' | b'"' | b'\\' => false,
        b'/' => !PANDAS,
        0x7f => PANDAS,
        _ => true,
    }
}

/// A character as it is spelled: the bytes that count, and others.
#[inline(always)]
fn spelled<const PANDAS: bool>(character: char) -> (usize, [u8; STEP]) {
    let mut bytes = [0; STEP];
    let written = match u8::try_from(character) {
        Ok(ascii @ ..0x80) if is_bare::<PANDAS>(ascii) => {
            bytes[0] = ascii;
            1
        }
        Ok(b @ (b'"' | b'\\' | b'/')) => {
            bytes[..2].copy_from_slice(&[b'\\', b]);
            2
        }
        Ok(control @ ..b' ') => {
            bytes[..8].copy_from_slice(&CONTROLS[usize::from(control)]);
            short_or_unit(&bytes)
        }
        _ => {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            for (unit, room) in units.iter().zip(bytes.chunks_exact_mut(UNIT)) {
                room.copy_from_slice(&unit_of(*unit));
            }
            UNIT * units.len()
        }
    };
    (written, bytes)
}

/// Bytes of `\uXXXX`.
const UNIT: usize = 6;

/// In lower case, as Python and pandas write it.
#[inline(always)]
fn unit_of(unit: u16) -> [u8; UNIT] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 0xf)];
    [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]
}
