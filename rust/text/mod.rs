//! Text that is still escaped, or no longer: one type, so that nothing is decoded that need not be.
//!
//! A string of the input is kept as the bytes between its quotes, which the scanner has validated.
//! Copying it to the output is then a copy; the operations that targets need work on the escaped
//! bytes and cut only between characters, whatever spelling the escapes have: `\u003cANSWER\u003e: `
//! is the tag `<ANSWER>: ` too.

mod characters;
mod escape;
mod tag;

use std::collections::TryReserveError;

use memchr::memrchr_iter;

use self::characters::{Characters, is_bare, is_second_half};
pub(crate) use self::characters::{closing_quote, is_python_space, splits_escape, unescaped};
pub use self::escape::{Escape, write_json_value};
pub(crate) use self::escape::{write_json_compact, write_json_string};
pub(crate) use self::tag::may_hold;
pub use self::tag::{Cuts, Tag};
use crate::scan::{self, Spelled, respell};

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

/// Where the last so many characters of an escaped text start, which would take so many bytes as UTF-8. Only
/// the end is looked at, in which they stand however they are spelled.
fn end_of_length(raw: &[u8], characters: usize, bytes: usize) -> Option<usize> {
    let splits =
        |at: usize| splits_escape(raw, at) || is_second_half(&raw[at..]) || raw[at] & 0xc0 == 0x80;
    let longest = raw.len().saturating_sub(bytes.saturating_mul(LONGEST_SPELLING));
    let from = (longest..raw.len()).find(|&at| !splits(at)).unwrap_or(raw.len());
    let before = Characters::from(raw, from).count().checked_sub(characters)?;
    Some(Characters::from(raw, from).nth(before).map_or(raw.len(), |first| first.start))
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
                let start = end_of_length(raw, end.chars().count(), end.len());
                let is_end = |at: &usize| Self::Escaped(&raw[*at..]).is(end);
                start.filter(is_end).map_or(self, |at| Self::Escaped(&raw[..at]))
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
        // Where there is no memory for all of it, it is asked for in small parts, the last of which ends
        // the process.
        self.try_to_plain().unwrap_or_else(|_| match self {
            Self::Escaped(raw) => Characters::new(raw).map(|character| character.value).collect(),
            Self::Plain(text) => text.to_owned(),
        })
    }

    /// The same, unless there is no memory for it.
    pub(crate) fn try_to_plain(self) -> Result<String, TryReserveError> {
        match self {
            Self::Escaped(raw) => {
                let mut plain = Vec::new();
                scan::unescape(raw, &mut plain)?;
                Ok(scan::to_string(plain))
            }
            Self::Plain(text) => {
                let mut plain = String::new();
                plain.try_reserve(text.len())?;
                plain.push_str(text);
                Ok(plain)
            }
        }
    }

    /// Writes the text as it stands between the quotes of a JSON string.
    #[inline(always)]
    pub fn write_json(self, escape: Escape, out: &mut Vec<u8>) {
        match (self, escape) {
            (Self::Escaped(raw), Escape::Keep) => out.extend_from_slice(raw),
            _ => self.write_rewritten(escape, out),
        }
    }

    /// Apart, because nearly all texts are copied.
    #[inline(never)]
    fn write_rewritten(self, escape: Escape, out: &mut Vec<u8>) {
        let mut rest = self;
        loop {
            let taken = match (rest, escape.ascii()) {
                (Self::Plain(text), None) => scan::escape(text, out),
                (Self::Plain(text), Some(ascii)) => respell(Spelled::Plain(text), ascii, out),
                (Self::Escaped(raw), Some(ascii)) => respell(Spelled::Escaped(raw), ascii, out),
                (Self::Escaped(raw), None) => return out.extend_from_slice(raw),
            };
            rest = rest.split_at(taken).1;
            if rest.is_empty() {
                return;
            }
            // It had less room than may be needed: callers mostly ask for enough before.
            out.reserve(LONGEST_ESCAPE * rest.bytes().len() + scan::ROOM);
        }
    }
}

/// The bytes that an escape takes for a byte at most.
const LONGEST_ESCAPE: usize = 6;

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
    let unit =
        raw.len().checked_sub(6).filter(|&at| raw[at..].starts_with(b"\\u") && is_bare(raw, at));
    let short = last.checked_sub(1).filter(|&at| raw[at] == b'\\' && is_bare(raw, at));
    if let Some(start) = unit.or(short) {
        return start;
    }
    let lead = (0..4.min(raw.len())).map(|back| last - back).find(|&at| raw[at] & 0xc0 != 0x80);
    lead.unwrap_or(last)
}

/// Where the escape of the last line end starts. It stands before the question, near the end, so each
/// backslash is looked at: a search for `\n` from the end has no vectors.
fn last_line_end(raw: &[u8]) -> Option<usize> {
    memrchr_iter(b'\\', raw).find(|&at| {
        matches!(&raw[at + 1..], [b'n', ..] | [b'u', b'0', b'0', b'0', b'a' | b'A', ..])
            && is_bare(raw, at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "<ANSWER>: ";

    #[test]
    fn the_last_tag_wins_however_it_is_spelled() {
        let rows: [(&[u8], &str); 14] = [
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
            (br"<ANSWER>: a \u003cANSWER>: b", "b"),
            (br"<ANSWER>: \u003cANSWER b", "<ANSWER b"),
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
        let rows: [(&str, &[u8], &str); 12] = [
            ("n", br"\na", "\na"),
            ("nn", br"\nnnn", ""),
            ("\n", br"a\\nb", "a\\nb"),
            ("\n", br"a\\\nb", "b"),
            ("\n", br"a\u000Ab", "b"),
            ("\"\\", br#"a\"\\b"#, "b"),
            ("/", br"a\\/b", "b"),
            ("\u{1f}", br"a\u001fb\u001Fc", "c"),
            ("n", br"\\na", "a"),
            ("00", br"\u0041", "A"),
            ("/x", br"a\/xb", "b"),
            ("\u{fc}", br"a\u00fcb", "b"),
        ];
        for (tag, raw, expected) in rows {
            let (tag, text) = (Tag::new(tag), Text::Escaped(raw));
            assert_eq!(text.after_last(&tag).to_plain(), expected, "{}", tag.text);
            let plain = text.to_plain();
            let before = Text::Plain(&plain).before_first(&tag).to_plain();
            assert_eq!(text.before_first(&tag).to_plain(), before, "{}", tag.text);
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
