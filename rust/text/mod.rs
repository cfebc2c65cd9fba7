//! Text that is still escaped, or no longer: one type, so that nothing is decoded that need not be.
//!
//! A string of the input is kept as the bytes between its quotes, which the scanner has validated.
//! Copying it to the output is then a copy; the operations that targets need work on the escaped
//! bytes and cut only between characters, whatever spelling the escapes have: `\u003cANSWER\u003e: `
//! is the tag `<ANSWER>: ` too.

use memchr::memmem;

use crate::scan;

/// How strings are written as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// Escapes as they stand in the input. The fastest, and the default.
    #[default]
    Keep,
    /// The bytes of Python's `json.dumps`: everything but printable ASCII is escaped.
    Ascii,
    /// The bytes of pandas' `to_json`, and so of Gorilla's `format.py`: `/` is escaped as well and
    /// U+007F is not.
    Pandas,
}

impl Escape {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("keep", Self::Keep), ("ascii", Self::Ascii), ("pandas", Self::Pandas)];

    /// Whether a byte inside a string cannot be copied: one that JSON or this way escapes, or that is
    /// part of such a character.
    #[inline(always)]
    fn is_special(self, byte: u8) -> bool {
        match byte {
            ..b' ' | b'"' | b'\\' => true,
            b'/' => self == Self::Pandas,
            0x7f => self == Self::Ascii,
            0x80.. => self != Self::Keep,
            _ => false,
        }
    }

    /// Bytes before the first one that cannot be copied.
    #[inline]
    fn run(self, bytes: &[u8]) -> usize {
        match self {
            Self::Keep => run_before(bytes, |byte| Self::Keep.is_special(byte)),
            Self::Ascii => run_before(bytes, |byte| Self::Ascii.is_special(byte)),
            Self::Pandas => run_before(bytes, |byte| Self::Pandas.is_special(byte)),
        }
    }
}

/// A text in either form.
///
/// ```
/// use raftfast::text::{Tag, Text};
///
/// let answer = Text::Escaped(br"because\u2026 \u003cANSWER>: 4\/5");
/// assert_eq!(answer.after_last(&Tag::new("<ANSWER>: ")).to_plain(), "4/5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// The bytes between the quotes of a valid JSON string.
    Escaped(&'a [u8]),
    /// The characters themselves.
    Plain(&'a str),
}

impl Text<'_> {
    /// Whether the text has no characters.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self {
            Self::Escaped(raw) => raw.is_empty(),
            Self::Plain(text) => text.is_empty(),
        }
    }

    /// What follows the last occurrence of the tag, or the whole text: Python's `split(tag)[-1]`, for
    /// tags that do not overlap themselves.
    #[must_use]
    pub fn after_last(self, tag: &Tag) -> Self {
        match self {
            Self::Escaped(raw) => Self::Escaped(&raw[tag.last_end(raw).unwrap_or(0)..]),
            Self::Plain(text) => Self::Plain(text.rsplit(&tag.text).next().unwrap_or(text)),
        }
    }

    /// All but the last line, without the line end between; nothing if there is one line only.
    /// Lines end with U+000A and nothing else.
    #[must_use]
    pub fn without_last_line(self) -> Self {
        match self {
            Self::Escaped(raw) => Self::Escaped(&raw[..last_line_end(raw).unwrap_or(0)]),
            Self::Plain(text) => Self::Plain(text.rsplit_once('\n').map_or("", |(head, _)| head)),
        }
    }

    /// The text without white space around it, as Python's `strip` sees it.
    #[must_use]
    pub fn trim(self) -> Self {
        self.trim_start().trim_end()
    }

    /// The text without white space before it.
    #[must_use]
    pub fn trim_start(self) -> Self {
        match self {
            Self::Escaped(raw) => {
                let first = Characters::new(raw).find(|one| !is_python_space(one.value));
                Self::Escaped(&raw[first.map_or(raw.len(), |first| first.start)..])
            }
            Self::Plain(text) => Self::Plain(text.trim_start_matches(is_python_space)),
        }
    }

    /// The text without white space after it.
    #[must_use]
    pub fn trim_end(self) -> Self {
        match self {
            Self::Escaped(raw) => Self::Escaped(trim_end(raw)),
            Self::Plain(text) => Self::Plain(text.trim_end_matches(is_python_space)),
        }
    }

    /// What stands before the first occurrence of the tag, or the whole text.
    #[must_use]
    pub fn before_first(self, tag: &Tag) -> Self {
        match self {
            Self::Escaped(raw) => Self::Escaped(&raw[..tag.first_start(raw).unwrap_or(raw.len())]),
            Self::Plain(text) => Self::Plain(text.split(&tag.text).next().unwrap_or(text)),
        }
    }

    /// What stands up to the last occurrence of the tag and with it, and what follows it.
    #[must_use]
    pub fn cut_after_last(self, tag: &Tag) -> Option<(Self, Self)> {
        let end = match self {
            Self::Escaped(raw) => tag.last_end(raw)?,
            Self::Plain(text) => text.rfind(&tag.text)? + tag.text.len(),
        };
        Some(self.split_at(end))
    }

    /// How many characters there are, as Python's `len` counts them.
    #[must_use]
    pub fn characters(self) -> usize {
        match self {
            Self::Escaped(raw) => Characters::new(raw).count(),
            Self::Plain(text) => text.chars().count(),
        }
    }

    /// Whether the text starts with these characters.
    #[must_use]
    pub fn starts_with(self, start: &str) -> bool {
        self.after_start(start).is_some()
    }

    /// The text without these characters at its start, if they stand there.
    #[must_use]
    pub fn without_start(self, start: &str) -> Self {
        self.after_start(start).unwrap_or(self)
    }

    /// The text without these characters at its end, if they stand there.
    #[must_use]
    pub fn without_end(self, end: &str) -> Self {
        match self {
            Self::Escaped(raw) => {
                let longest = raw.len().saturating_sub(end.len() * LONGEST_SPELLING);
                let splits = |at: usize| splits_escape(raw, at) || is_second_half(&raw[at..]);
                let starts = (longest..raw.len()).filter(|&at| !splits(at));
                let is_end = |at: &usize| Self::Escaped(&raw[*at..]).is(end);
                starts
                    .filter(|&at| raw[at] & 0xc0 != 0x80)
                    .find(is_end)
                    .map_or(self, |at| Self::Escaped(&raw[..at]))
            }
            Self::Plain(text) => Self::Plain(text.strip_suffix(end).unwrap_or(text)),
        }
    }

    /// Whether the text is these characters.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        self.after_start(text).is_some_and(Self::is_empty)
    }

    fn after_start(self, start: &str) -> Option<Self> {
        match self {
            Self::Escaped(raw) => {
                if raw
                    .first()
                    .zip(start.as_bytes().first())
                    .is_some_and(|(a, b)| a != b && *a != b'\\')
                {
                    return None;
                }
                let mut characters = Characters::new(raw);
                for wanted in start.chars() {
                    if characters.next()?.value != wanted {
                        return None;
                    }
                }
                Some(Self::Escaped(&raw[characters.at..]))
            }
            Self::Plain(text) => text.strip_prefix(start).map(Self::Plain),
        }
    }

    /// The text before a byte that starts a character, and the text from there on.
    fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::Escaped(raw) => {
                let (head, rest) = raw.split_at(at);
                (Self::Escaped(head), Self::Escaped(rest))
            }
            Self::Plain(text) => {
                let (head, rest) = text.split_at(at);
                (Self::Plain(head), Self::Plain(rest))
            }
        }
    }

    /// The part of the text before what it ends with.
    pub(crate) fn up_to(self, end: Text<'_>) -> Self {
        self.split_at(self.bytes().len().saturating_sub(end.bytes().len())).0
    }

    /// The bytes that the text stands in, escaped or not.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Escaped(raw) => raw,
            Self::Plain(text) => text.as_bytes(),
        }
    }

    /// The characters themselves.
    #[must_use]
    pub fn to_plain(self) -> String {
        match self {
            Self::Escaped(raw) => Characters::new(raw).map(|character| character.value).collect(),
            Self::Plain(text) => text.to_owned(),
        }
    }

    /// Writes the text as it stands between the quotes of a JSON string.
    #[inline]
    pub fn write_json(self, escape: Escape, out: &mut Vec<u8>) {
        match (self, escape) {
            (Self::Escaped(raw), Escape::Keep) => out.extend_from_slice(raw),
            (Self::Escaped(raw), _) => write_runs(raw, Characters::decode, escape, out),
            (Self::Plain(text), Escape::Keep) => {
                let taken = scan::escape(text, out);
                write_runs(&text.as_bytes()[taken..], decode_plain, escape, out);
            }
            (Self::Plain(text), _) => write_runs(text.as_bytes(), decode_plain, escape, out),
        }
    }
}

/// A text to look for, prepared.
#[derive(Clone, Debug)]
pub struct Tag {
    text: String,
    finder: memmem::FinderRev<'static>,
    /// Printable ASCII that JSON strings hold as it is, unless by `\uXXXX`.
    literal: bool,
}

impl Tag {
    /// Prepares the search for `text`, which should not be empty.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let literal = text.bytes().all(|b| matches!(b, b' '..=b'~') && !b"\"\\/".contains(&b));
        Self { text: text.to_owned(), finder: memmem::FinderRev::new(text).into_owned(), literal }
    }

    /// Whether it is in a text.
    #[must_use]
    pub fn is_in(&self, text: Text<'_>) -> bool {
        match text {
            Text::Escaped(raw) => self.last_end(raw).is_some(),
            Text::Plain(text) => text.contains(&self.text),
        }
    }

    /// The start of the first occurrence in an escaped text.
    fn first_start(&self, raw: &[u8]) -> Option<usize> {
        if self.has_other_spellings(raw) {
            let mut characters = Characters::new(raw);
            return characters
                .find(|one| self.end_from(raw, one.start).is_some())
                .map(|one| one.start);
        }
        memmem::find_iter(raw, &self.text).find(|&at| !splits_escape(raw, at))
    }

    /// The end of the last occurrence in an escaped text.
    fn last_end(&self, raw: &[u8]) -> Option<usize> {
        if self.has_other_spellings(raw) {
            return self.last_end_by_character(raw);
        }
        let mut head = raw;
        loop {
            let start = self.finder.rfind(head)?;
            let end = start + self.text.len();
            if !splits_escape(raw, start) {
                return Some(end);
            }
            head = &raw[..end - 1];
        }
    }

    /// Whether the tag cannot be looked for byte by byte in an escaped text.
    fn has_other_spellings(&self, raw: &[u8]) -> bool {
        !self.literal || self.may_be_spelled_out(raw)
    }

    /// Whether a character of the tag is written as `\uXXXX` somewhere in the text.
    fn may_be_spelled_out(&self, raw: &[u8]) -> bool {
        memmem::find_iter(raw, b"\\u").any(|at| {
            let code = raw.get(at + 2..at + 6).map_or(0, hex_value);
            char::from_u32(code).is_some_and(|character| self.text.contains(character))
        })
    }

    fn last_end_by_character(&self, raw: &[u8]) -> Option<usize> {
        let ends = Characters::new(raw).filter_map(|character| self.end_from(raw, character.start));
        ends.last()
    }

    /// The end of the tag if it stands at `start`.
    fn end_from(&self, raw: &[u8], start: usize) -> Option<usize> {
        let mut characters = Characters { raw, at: start };
        for wanted in self.text.chars() {
            if characters.next()?.value != wanted {
                return None;
            }
        }
        Some(characters.at)
    }
}

/// A text that is cut at one tag after the other, from its start to its end. How tags may be spelled in
/// it is found out once, so that many cuts take no longer than one pass.
#[derive(Debug)]
pub(crate) struct Cuts<'a> {
    rest: Text<'a>,
    spelled_out: bool,
}

impl<'a> Cuts<'a> {
    /// The text, in which only these tags are to be looked for.
    pub(crate) fn new(text: Text<'a>, tags: &[&Tag]) -> Self {
        let in_raw = |raw: &[u8]| tags.iter().any(|tag| tag.has_other_spellings(raw));
        Self { rest: text, spelled_out: matches!(text, Text::Escaped(raw) if in_raw(raw)) }
    }

    /// Cuts off what stands up to the first occurrence of the tag and with it.
    pub(crate) fn with(&mut self, tag: &Tag) -> Option<Text<'a>> {
        let (_, end) = self.find(tag)?;
        Some(self.off(end))
    }

    /// Cuts off what stands before the first occurrence of the tag.
    pub(crate) fn before(&mut self, tag: &Tag) -> Option<Text<'a>> {
        let (start, _) = self.find(tag)?;
        Some(self.off(start))
    }

    /// What has not been cut off.
    pub(crate) fn rest(&self) -> Text<'a> {
        self.rest
    }

    fn find(&self, tag: &Tag) -> Option<(usize, usize)> {
        match self.rest {
            Text::Plain(text) => text.find(&tag.text).map(|at| (at, at + tag.text.len())),
            Text::Escaped(raw) if self.spelled_out => {
                let mut starts = Characters::new(raw).map(|one| one.start);
                starts.find_map(|start| Some((start, tag.end_from(raw, start)?)))
            }
            Text::Escaped(raw) => {
                let start =
                    memmem::find_iter(raw, &tag.text).find(|&at| !splits_escape(raw, at))?;
                Some((start, start + tag.text.len()))
            }
        }
    }

    fn off(&mut self, at: usize) -> Text<'a> {
        let (head, rest) = self.rest.split_at(at);
        self.rest = rest;
        head
    }
}

/// The bytes that spell a character at most: of a pair of surrogates.
const LONGEST_SPELLING: usize = 12;

/// An escaped text without the white space at its end.
fn trim_end(raw: &[u8]) -> &[u8] {
    let mut end = raw.len();
    while end > 0 {
        let start = last_start(&raw[..end]);
        if !is_python_space(Characters::decode(&raw[start..end]).0) {
            break;
        }
        end = start;
    }
    &raw[..end]
}

/// Where the last character of an escaped text starts, which is not empty.
fn last_start(raw: &[u8]) -> usize {
    let last = raw.len() - 1;
    let unit = raw
        .len()
        .checked_sub(6)
        .filter(|&at| raw[at..].starts_with(b"\\u") && starts_escape(raw, at));
    let short = last.checked_sub(1).filter(|&at| raw[at] == b'\\' && starts_escape(raw, at));
    if let Some(start) = unit.or(short) {
        return start;
    }
    let lead = (0..4.min(raw.len())).map(|back| last - back).find(|&at| raw[at] & 0xc0 != 0x80);
    lead.unwrap_or(last)
}

/// Where the escape of the last line end starts.
fn last_line_end(raw: &[u8]) -> Option<usize> {
    let short = memmem::rfind_iter(raw, b"\\n").find(|&at| starts_escape(raw, at));
    let from = short.unwrap_or(0);
    let spelled_out = memmem::rfind_iter(&raw[from..], b"\\u000")
        .map(|at| from + at)
        .find(|&at| matches!(raw.get(at + 5), Some(b'a' | b'A')) && starts_escape(raw, at));
    spelled_out.or(short)
}

/// Whether the backslash at `at` starts an escape, rather than being escaped itself.
fn starts_escape(raw: &[u8], at: usize) -> bool {
    raw[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0
}

/// Whether `at` is inside an escape.
pub(crate) fn splits_escape(raw: &[u8], at: usize) -> bool {
    (1..=5.min(at)).any(|back| {
        let backslash = at - back;
        raw[backslash] == b'\\'
            && (back == 1 || raw[backslash + 1] == b'u')
            && starts_escape(raw, backslash)
    })
}

/// White space as Python's `str.strip` and `str.isspace` have it.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

fn hex_value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |code, &digit| code << 4 | char::from(digit).to_digit(16).unwrap_or(0))
}

/// A character of an escaped text, and where its spelling starts.
#[derive(Clone, Copy)]
struct Character {
    start: usize,
    value: char,
}

/// The characters of an escaped text. Text that is not valid yields U+FFFD and never panics.
struct Characters<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Characters<'a> {
    fn new(raw: &'a [u8]) -> Self {
        Self { raw, at: 0 }
    }

    /// The character and how many bytes spell it.
    fn decode(rest: &[u8]) -> (char, usize) {
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
fn is_second_half(rest: &[u8]) -> bool {
    let digits = rest.strip_prefix(b"\\u").and_then(|rest| rest.first_chunk::<4>());
    digits.is_some_and(|digits| (0xdc00..0xe000).contains(&hex_value(digits)))
}

/// The first character of valid UTF-8, and its bytes.
fn decode_utf8(rest: &[u8]) -> (char, usize) {
    let tail = |byte: u8| u32::from(byte & 0x3f);
    let (code, length) = match *rest {
        [a @ 0..0xe0, b, ..] => (u32::from(a & 0x1f) << 6 | tail(b), 2),
        [a @ 0xe0..0xf0, b, c, ..] => (u32::from(a & 0xf) << 12 | tail(b) << 6 | tail(c), 3),
        [a @ 0xf0..=0xff, b, c, d, ..] => {
            (u32::from(a & 7) << 18 | tail(b) << 12 | tail(c) << 6 | tail(d), 4)
        }
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), length)
}

/// The first character of a plain text and its bytes.
#[inline]
fn decode_plain(rest: &[u8]) -> (char, usize) {
    match rest {
        [ascii @ ..0x80, ..] => (char::from(*ascii), 1),
        _ => decode_utf8(rest),
    }
}

/// Writes a text whose characters `decode` reads: runs of bytes that need no escape are copied.
#[inline]
fn write_runs(
    text: &[u8],
    decode: impl Fn(&[u8]) -> (char, usize),
    escape: Escape,
    out: &mut Vec<u8>,
) {
    let mut rest = text;
    while !rest.is_empty() {
        let (run, special) = rest.split_at(escape.run(rest));
        out.extend_from_slice(run);
        rest = special;
        while rest.first().is_some_and(|&byte| escape.is_special(byte)) {
            let (character, length) = decode(rest);
            write_character(character, escape, out);
            rest = &rest[length.min(rest.len())..];
        }
    }
}

/// Bytes that are looked at at once.
const CHUNK: usize = 32;

/// Bytes before the first special one.
#[inline(always)]
fn run_before(bytes: &[u8], special: impl Fn(u8) -> bool) -> usize {
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    for (index, chunk) in chunks.iter().enumerate() {
        let found = first_in_chunk(chunk, &special);
        if found < CHUNK {
            return index * CHUNK + found;
        }
    }
    let mut last = [b' '; CHUNK];
    last[..rest.len()].copy_from_slice(rest);
    bytes.len() - rest.len() + first_in_chunk(&last, special).min(rest.len())
}

/// Where the first special byte of a chunk is; `CHUNK` if there is none. Without branches by byte, so
/// that it becomes vector code.
#[inline(always)]
fn first_in_chunk(chunk: &[u8; CHUNK], special: impl Fn(u8) -> bool) -> usize {
    let mut flags = [0; CHUNK];
    for (flag, &byte) in flags.iter_mut().zip(chunk) {
        *flag = u8::from(special(byte));
    }
    let (words, _) = flags.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word)).enumerate();
    let found = words.find(|&(_, word)| word != 0);
    found.map_or(CHUNK, |(index, word)| 8 * index + word.trailing_zeros() as usize / 8)
}

fn write_character(character: char, escape: Escape, out: &mut Vec<u8>) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '/' if escape == Escape::Pandas => out.extend_from_slice(b"\\/"),
        '\u{7f}' if escape == Escape::Ascii => write_unit(0x7f, out),
        ' '..='\u{7f}' => out.push(character as u8),
        '\0'..' ' => write_unit(character as u16, out),
        _ if escape == Escape::Keep => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| write_unit(unit, out)),
    }
}

/// `\uXXXX`, in lower case as Python and pandas write it.
fn write_unit(unit: u16, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 0xf)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Writes a whole JSON value, its strings escaped another way; pandas writes no white space
/// between tokens either. Numbers are never touched.
pub fn write_json_value(raw: &[u8], escape: Escape, out: &mut Vec<u8>) {
    if escape == Escape::Keep {
        out.extend_from_slice(raw);
        return;
    }
    let mut rest = raw;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        write_tokens(&rest[..quote], escape, out);
        let text = &rest[quote + 1..];
        let length = string_length(text);
        out.push(b'"');
        Text::Escaped(&text[..length]).write_json(escape, out);
        out.push(b'"');
        rest = text.get(length + 1..).unwrap_or_default();
    }
    write_tokens(rest, escape, out);
}

fn write_tokens(tokens: &[u8], escape: Escape, out: &mut Vec<u8>) {
    let kept = |byte: &u8| escape != Escape::Pandas || !byte.is_ascii_whitespace();
    out.extend(tokens.iter().copied().filter(kept));
}

/// Bytes before the closing quote.
fn string_length(text: &[u8]) -> usize {
    memchr::memchr_iter(b'"', text).find(|&at| starts_escape(text, at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "<ANSWER>: ";

    #[test]
    fn the_last_tag_wins_however_it_is_spelled() {
        let rows: [(&[u8], &str); 12] = [
            (b"no tag", "no tag"),
            (b"", ""),
            (b"a <ANSWER>: b", "b"),
            (b"<ANSWER>: a <ANSWER>: b", "b"),
            (b"a <ANSWER>: ", ""),
            (br"a \u003cANSWER\u003e: b", "b"),
            (br"a \u003CANSWER\u003E: b", "b"),
            (br"a <ANSW\u0045R>:\u0020b", "b"),
            (br"<ANSWER>: a \\u003cANSWER>: b", r"a \u003cANSWER>: b"),
            (br"a \\<ANSWER>: b", "b"),
            (br"a <ANSWER>:b", "a <ANSWER>:b"),
            (br"\u003cANSWER>: a <ANSWER>: b\u00fc", "b\u{fc}"),
        ];
        for (raw, expected) in rows {
            let found = Text::Escaped(raw).after_last(&Tag::new(TAG)).to_plain();
            assert_eq!(found, expected, "{}", raw.escape_ascii());
            let plain = Text::Escaped(raw).to_plain();
            assert_eq!(Text::Plain(&plain).after_last(&Tag::new(TAG)).to_plain(), expected);
        }
    }

    #[test]
    fn a_surrogate_pair_does_not_end_with_what_its_second_half_would_be() {
        let pair = Text::Escaped(br"\ud83d\ude00");
        assert_eq!(pair.without_end("\u{fffd}"), pair);
        assert_eq!(Text::Escaped(br"a\ud83d\ude00").without_end("\u{1f600}").bytes(), b"a");
    }

    #[test]
    fn a_tag_is_not_found_inside_an_escape() {
        let rows: [(&str, &[u8], &str); 5] = [
            ("n", br"\na", "\na"),
            ("n", br"\\na", "a"),
            ("00", br"\u0041", "A"),
            ("/x", br"a\/xb", "b"),
            ("\u{fc}", br"a\u00fcb", "b"),
        ];
        for (tag, raw, expected) in rows {
            assert_eq!(Text::Escaped(raw).after_last(&Tag::new(tag)).to_plain(), expected, "{tag}");
        }
    }

    #[test]
    fn the_last_line_goes_with_its_line_end() {
        let rows: [(&[u8], &str); 8] = [
            (b"one line", ""),
            (br"a\nb", "a"),
            (br"a\nb\n", "a\nb"),
            (br"a\u000ab", "a"),
            (br"a\nb\u000Ac", "a\nb"),
            (br"a\u000ab\nc", "a\nb"),
            (br"a\\nb", ""),
            (br"a\nb\\nc\u2028d", "a"),
        ];
        for (raw, expected) in rows {
            let found = Text::Escaped(raw).without_last_line().to_plain();
            assert_eq!(found, expected, "{}", raw.escape_ascii());
            let plain = Text::Escaped(raw).to_plain();
            assert_eq!(Text::Plain(&plain).without_last_line().to_plain(), expected);
        }
    }

    #[test]
    fn white_space_is_what_python_strips() {
        let raw = Text::Escaped(br" \u001f\n\u00a0a b\u2003\t");
        assert_eq!(raw.trim().to_plain(), "a b");
        assert_eq!(Text::Plain(" \u{1c} ").trim().to_plain(), "");
        assert_eq!(Text::Escaped(br"\n ").trim().to_plain(), "");
    }

    #[test]
    fn each_way_of_escaping_writes_its_bytes() {
        let raw = "\\u00FC\u{fc}\\/\u{1f600}\\ud83d\\ude00\\u007f\\u0041\\n\\u001f".as_bytes();
        let rows = [
            (Escape::Keep, raw.to_vec()),
            (Escape::Ascii, br"\u00fc\u00fc/\ud83d\ude00\ud83d\ude00\u007fA\n\u001f".to_vec()),
            (
                Escape::Pandas,
                b"\\u00fc\\u00fc\\/\\ud83d\\ude00\\ud83d\\ude00\x7fA\\n\\u001f".to_vec(),
            ),
        ];
        for (escape, expected) in rows {
            let mut out = Vec::new();
            Text::Escaped(raw).write_json(escape, &mut out);
            assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }

    #[test]
    fn values_are_escaped_in_their_strings_only() {
        let raw = "{ \"\u{fc}\\\"\" : [1.50, \"a/b\"] }".as_bytes();
        let mut out = Vec::new();
        write_json_value(raw, Escape::Pandas, &mut out);
        assert_eq!(out, br#"{"\u00fc\"":[1.50,"a\/b"]}"#);
        out.clear();
        write_json_value(raw, Escape::Ascii, &mut out);
        assert_eq!(out, br#"{ "\u00fc\"" : [1.50, "a/b"] }"#);
    }
}
