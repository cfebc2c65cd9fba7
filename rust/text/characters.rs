//! The characters of texts, and how they are spelled in JSON strings.

use memchr::memchr_iter;

use crate::scan::decode_utf8;

/// Whether the quote or backslash at `at` is one, and not escaped by the backslashes before it.
pub(super) fn is_bare(raw: &[u8], at: usize) -> bool {
    raw[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0
}

/// Where a string ends that starts before these bytes. Of the escapes of a text few are quotes: to stop at
/// each backslash took four times as long.
pub(crate) fn closing_quote(raw: &[u8]) -> Option<usize> {
    memchr_iter(b'"', raw).find(|&at| is_bare(raw, at))
}

/// Whether `at` is inside an escape.
pub(crate) fn splits_escape(raw: &[u8], at: usize) -> bool {
    let may_be_inside = raw.get(at).is_none_or(|byte| {
        byte.is_ascii_hexdigit() || matches!(byte, b'"' | b'\\' | b'/' | b'n' | b'r' | b't' | b'u')
    });
    let mut before = 1..=5.min(at);
    may_be_inside
        && before.any(|back| {
            let backslash = at - back;
            raw[backslash] == b'\\'
                && (back == 1 || raw[backslash + 1] == b'u')
                && is_bare(raw, backslash)
        })
}

/// White space as Python's `str.strip` and `str.isspace` have it.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

pub(super) fn hex_value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |code, &digit| code << 4 | char::from(digit).to_digit(16).unwrap_or(0))
}

/// A character of an escaped text, and where its spelling starts.
#[derive(Clone, Copy)]
pub(super) struct Character {
    pub(super) start: usize,
    pub(super) value: char,
}

/// The characters of an escaped text. Text that is not valid yields U+FFFD and never panics.
pub(super) struct Characters<'a> {
    raw: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Characters<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self::from(raw, 0)
    }

    pub(super) fn from(raw: &'a [u8], at: usize) -> Self {
        Self { raw, at }
    }

    /// The character and how many bytes spell it.
    pub(super) fn decode(rest: &[u8]) -> (char, usize) {
        match rest {
            [b'\\', b'u', ..] => decode_unicode(rest),
            [b'\\', letter, ..] => (unescaped(*letter), 2),
            [ascii @ ..0x80, ..] => (char::from(*ascii), 1),
            _ => decode_utf8(rest),
        }
    }
}

impl Iterator for Characters<'_> {
    type Item = Character;

    fn next(&mut self) -> Option<Character> {
        let rest = self.raw.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (value, length) = Self::decode(rest);
        let start = self.at;
        self.at = (start + length).min(self.raw.len());
        Some(Character { start, value })
    }
}

/// What a short escape stands for.
pub(crate) fn unescaped(letter: u8) -> char {
    match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other => char::from(other),
    }
}

fn decode_unicode(rest: &[u8]) -> (char, usize) {
    let unit = |at: usize| rest.get(at..at + 4).map_or(0, hex_value);
    let high = unit(2);
    if (0xd800..0xdc00).contains(&high) && rest.get(6..8) == Some(b"\\u") {
        let code = 0x10000 + ((high - 0xd800) << 10) + (unit(8) & 0x3ff);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

/// Whether what comes is the second half of a surrogate pair, which is no character of its own.
pub(super) fn is_second_half(rest: &[u8]) -> bool {
    let digits = rest.strip_prefix(b"\\u").and_then(|rest| rest.first_chunk::<4>());
    digits.is_some_and(|digits| (0xdc00..0xe000).contains(&hex_value(digits)))
}
