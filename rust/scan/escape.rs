//! Characters to what stands between the quotes of a JSON string, at the speed that rows from columns
//! need.

use super::arch::Lanes;
use super::rewrite::{Rewritten, STEP, Step, Steps, chosen};

/// Adds text as JSON has it between quotes: `"`, `\\` and what is below U+0020 escaped, in the short
/// form where there is one, as Python's `json.dumps` with `ensure_ascii=False`.
///
/// It writes into the space that `out` has and asks for no more: six bytes for each of the text, and
/// 64, are always enough. Gives how many bytes of the text were taken, which are whole characters.
///
/// ```
/// use raftfast::scan::escape;
///
/// let mut out = Vec::with_capacity(200);
/// assert_eq!(escape("4/5\n\u{1b}", &mut out), 5);
/// assert_eq!(out, br"4/5\n\u001b");
/// ```
#[must_use]
pub fn escape(text: &str, out: &mut Vec<u8>) -> usize {
    chosen().escape(text, out)
}

impl super::Scanner {
    /// Does what [`escape`] does, on the CPU path of this scanner.
    #[inline]
    #[must_use]
    pub fn escape(self, text: &str, out: &mut Vec<u8>) -> usize {
        let Rewritten { read, .. } = self.rewrite::<Escape>(text.as_bytes(), out);
        // Where room ends with a block, that may be inside of a character, which was copied as it is.
        let whole = (0..=read).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
        out.truncate(out.len() - (read - whole));
        whole
    }
}

/// Characters become escapes.
pub(super) struct Escape;

impl Steps for Escape {
    #[inline(always)]
    fn specials<L: Lanes>(lanes: &L) -> u64 {
        lanes.stops() | lanes.backslashes()
    }

    #[inline(always)]
    fn step(rest: &[u8]) -> Option<Step> {
        let escape = match rest.first()? {
            b'"' => *b"\\\"\0\0\0\0\0\0",
            b'\\' => *b"\\\\\0\0\0\0\0\0",
            &control @ ..b' ' => CONTROLS[usize::from(control)],
            _ => return None,
        };
        let mut bytes = [0; STEP];
        bytes[..escape.len()].copy_from_slice(&escape);
        Some(Step { read: 1, written: short_or_unit(&bytes), bytes })
    }
}

/// Bytes of the escape that these begin with, which is none of a pair of surrogates.
#[inline(always)]
pub(super) fn short_or_unit(bytes: &[u8; STEP]) -> usize {
    if bytes[1] == b'u' { 6 } else { 2 }
}

/// The escapes of U+0000 to U+001F.
pub(super) const CONTROLS: [[u8; 8]; 32] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [*b"\\u0000\0\0"; 32];
    let mut control = 0;
    while control < table.len() {
        table[control][4] = DIGITS[control >> 4];
        table[control][5] = DIGITS[control & 0xf];
        control += 1;
    }
    let mut short = 0;
    while short < SHORT.len() {
        table[SHORT[short].0 as usize] = [b'\\', SHORT[short].1, 0, 0, 0, 0, 0, 0];
        short += 1;
    }
    table
};

const SHORT: [(u8, u8); 5] =
    [(0x08, b'b'), (0x0c, b'f'), (b'\n', b'n'), (b'\r', b'r'), (b'\t', b't')];
