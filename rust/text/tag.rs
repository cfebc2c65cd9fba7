//! Texts that are looked for in others, and the cuts that are made there.

use memchr::memmem;

use super::Text;
use super::characters::{Characters, hex_value, splits_escape};

/// A text to look for, prepared.
#[derive(Clone, Debug)]
pub struct Tag {
    pub(super) text: String,
    first: memmem::Finder<'static>,
    last: memmem::FinderRev<'static>,
    /// Printable ASCII that JSON strings hold as it is, unless by `\uXXXX`.
    literal: bool,
}

impl Tag {
    /// Prepares the search for `text`, which should not be empty.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let literal = text.bytes().all(|b| matches!(b, b' '..=b'~') && !b"\"\\/".contains(&b));
        let first = memmem::Finder::new(text).into_owned();
        let last = memmem::FinderRev::new(text).into_owned();
        Self { text: text.to_owned(), first, last, literal }
    }

    /// Whether it is in a text. Where it hardly ever is, this is the question to ask first: to look from the
    /// start takes a tenth of the time of looking from the end.
    #[must_use]
    pub fn is_in(&self, text: Text<'_>) -> bool {
        match text {
            Text::Escaped(raw) => self.first_start(raw).is_some(),
            Text::Plain(text) => text.contains(&self.text),
        }
    }

    /// The start of the first occurrence in an escaped text.
    pub(super) fn first_start(&self, raw: &[u8]) -> Option<usize> {
        if self.has_other_spellings(raw) {
            let mut characters = Characters::new(raw);
            return characters
                .find(|one| self.end_from(raw, one.start).is_some())
                .map(|one| one.start);
        }
        self.first.find_iter(raw).find(|&at| !splits_escape(raw, at))
    }

    /// The end of the last occurrence in an escaped text.
    pub(super) fn last_end(&self, raw: &[u8]) -> Option<usize> {
        if self.has_other_spellings(raw) {
            return self.last_end_by_character(raw);
        }
        let mut head = raw;
        loop {
            let start = self.last.rfind(head)?;
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
        let mut characters = Characters::from(raw, start);
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
