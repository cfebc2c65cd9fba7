//! Texts that are looked for in others, and the cuts that are made there.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::memrchr_iter;

use super::characters::{Characters, hex_value, splits_escape};
use super::{Escape, Text};

/// A text to look for, prepared.
#[derive(Clone, Debug)]
pub struct Tag {
    pub(super) text: String,
    /// Which characters of ASCII it has, a bit for each.
    ascii: u128,
    /// How JSON strings spell it, most of the time.
    spelled: Finder<'static>,
}

impl Tag {
    /// Prepares the search for `text`, which should not be empty.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut spelled = Vec::new();
        Text::Plain(text).write_json(Escape::Keep, &mut spelled);
        let spelled = Finder::new(&spelled).into_owned();
        let ascii = text.bytes().filter(u8::is_ascii).fold(0, |set, byte| set | 1 << byte);
        Self { text: text.to_owned(), ascii, spelled }
    }

    /// Whether it is in a text.
    #[must_use]
    pub fn is_in(&self, text: Text<'_>) -> bool {
        match text {
            Text::Escaped(raw) => self.first_start(raw).is_some(),
            Text::Plain(text) => text.contains(&self.text),
        }
    }

    /// The start of the first occurrence in an escaped text.
    pub(super) fn first_start(&self, raw: &[u8]) -> Option<usize> {
        self.first(raw, may_differ(raw, &[self])).map(|at| at.start)
    }

    /// The end of the last occurrence in an escaped text.
    pub(super) fn last_end(&self, raw: &[u8]) -> Option<usize> {
        self.last(raw).map(|at| at.end)
    }

    /// The first occurrence in an escaped text, in which the spelling may differ from that of the tag.
    fn first(&self, raw: &[u8], may_differ: bool) -> Option<Range<usize>> {
        if may_differ {
            return self.all_by_character(raw).next();
        }
        let mut from = 0;
        loop {
            let start = from + self.spelled.find(&raw[from..])?;
            if !splits_escape(raw, start) {
                return Some(start..start + self.spelled.needle().len());
            }
            from = start + 1;
        }
    }

    /// The last one. Where it is found as it would be written, one that is spelled in another way can only
    /// come later: nothing before it is looked at.
    fn last(&self, raw: &[u8]) -> Option<Range<usize>> {
        let found = self.last_as_written(raw);
        let later = found.as_ref().map_or(0, |at| at.start + 1);
        if may_differ(&raw[later..], &[self]) {
            return self.all_by_character(raw).last();
        }
        found
    }

    /// The last one that is spelled as it would be written. Its first byte is looked for: to search from the
    /// end for all of it took four times as long.
    fn last_as_written(&self, raw: &[u8]) -> Option<Range<usize>> {
        let spelled = self.spelled.needle();
        let is_here =
            |start: &usize| raw[*start..].starts_with(spelled) && !splits_escape(raw, *start);
        let start = memrchr_iter(*spelled.first()?, raw).find(is_here)?;
        Some(start..start + spelled.len())
    }

    fn all_by_character(&self, raw: &[u8]) -> impl Iterator<Item = Range<usize>> {
        let starts = Characters::new(raw).map(|character| character.start);
        starts.filter_map(|start| Some(start..self.end_from(raw, start)?))
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

/// Whether one of the tags may be spelled in an escaped text in some other way than it would be written.
fn may_differ(raw: &[u8], tags: &[&Tag]) -> bool {
    let ascii = tags.iter().fold(0, |set, tag| set | tag.ascii);
    tags.iter().any(|tag| !tag.text.is_ascii()) || spells_out(raw, ascii)
}

/// Whether an escaped text may spell one of some characters of ASCII as it need not be spelled: as
/// `\uXXXX`, or a slash with a backslash.
fn spells_out(raw: &[u8], ascii: u128) -> bool {
    static SLASH: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\\/"));
    static UNICODE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\\u00"));
    let is_meant = |at: usize| match raw.get(at + 4..at + 6) {
        Some(digits @ [b'0'..=b'7', _]) => ascii >> hex_value(digits) & 1 == 1,
        _ => false,
    };
    UNICODE.find_iter(raw).any(is_meant) || ascii >> b'/' & 1 == 1 && SLASH.find(raw).is_some()
}

/// Whether some characters of ASCII, none of which is written as an escape, stand in a text, or may do so
/// in another spelling: where they do not, nothing does that has them.
pub(crate) fn may_hold(text: Text<'_>, ascii: &Finder<'_>) -> bool {
    ascii.find(text.bytes()).is_some()
        || matches!(text, Text::Escaped(raw) if spells_out(raw, u128::MAX))
}

/// A text that is cut at one tag after the other, from its start to its end. How tags may be spelled in
/// it is found out once, so that many cuts take no longer than one pass.
///
/// ```
/// use raftfast::text::{Cuts, Tag, Text};
///
/// let (open, close) = (Tag::new("<q>"), Tag::new("</q>"));
/// let said = Text::Escaped(br"He says <q>\u00fc\/<\/q>.");
/// let mut cuts = Cuts::new(said, &[&open, &close]);
/// assert_eq!(cuts.with(&open).map(Text::to_plain).as_deref(), Some("He says <q>"));
/// assert_eq!(cuts.before(&close).map(Text::to_plain).as_deref(), Some("\u{fc}/"));
/// assert_eq!(cuts.rest().to_plain(), "</q>.");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Cuts<'a> {
    rest: Text<'a>,
    may_differ: bool,
}

impl<'a> Cuts<'a> {
    /// The text, in which only these tags are to be looked for.
    #[must_use]
    pub fn new(text: Text<'a>, tags: &[&Tag]) -> Self {
        let may_differ = matches!(text, Text::Escaped(raw) if may_differ(raw, tags));
        Self { rest: text, may_differ }
    }

    /// Cuts off what stands up to the first occurrence of the tag and with it.
    pub fn with(&mut self, tag: &Tag) -> Option<Text<'a>> {
        let found = self.first(tag)?;
        Some(self.off(found.end))
    }

    /// Cuts off what stands before the first occurrence of the tag.
    pub fn before(&mut self, tag: &Tag) -> Option<Text<'a>> {
        let found = self.first(tag)?;
        Some(self.off(found.start))
    }

    /// Cuts off what stands before the first `close` that nothing but white space parts from an `open`, and
    /// both tags with it.
    pub fn before_next(&mut self, close: &Tag, open: &Tag) -> Option<Text<'a>> {
        let mut ahead = *self;
        loop {
            let found = ahead.first(close)?;
            let start = self.rest.bytes().len() - ahead.rest.bytes().len() + found.start;
            ahead.off(found.end);
            if let Some(next) = ahead.rest.trim_start().after_start(&open.text) {
                let before = self.off(start);
                self.rest = next;
                return Some(before);
            }
        }
    }

    /// Cuts off what stands up to the first `open` and with it, and what stands from the last `close` on.
    /// Nothing is left where that one stands first.
    pub fn keep_inside(&mut self, open: &Tag, close: &Tag) -> Option<()> {
        let (start, end) = (self.first(open)?.end, self.last(close)?.start);
        self.rest = self.rest.split_at(end.max(start)).0.split_at(start).1;
        Some(())
    }

    /// What has not been cut off.
    #[must_use]
    pub fn rest(&self) -> Text<'a> {
        self.rest
    }

    fn first(&self, tag: &Tag) -> Option<Range<usize>> {
        match self.rest {
            Text::Plain(text) => text.find(&tag.text).map(|at| at..at + tag.text.len()),
            Text::Escaped(raw) => tag.first(raw, self.may_differ),
        }
    }

    fn last(&self, tag: &Tag) -> Option<Range<usize>> {
        match self.rest {
            Text::Plain(text) => text.rfind(&tag.text).map(|at| at..at + tag.text.len()),
            Text::Escaped(raw) if self.may_differ => tag.last(raw),
            Text::Escaped(raw) => tag.last_as_written(raw),
        }
    }

    fn off(&mut self, at: usize) -> Text<'a> {
        let (head, rest) = self.rest.split_at(at);
        self.rest = rest;
        head
    }
}
