//! Texts that are cut at one tag after the other.

use std::ops::Range;

use super::tag::{Tag, is_meant};
use super::Text;
use crate::scan::{Pairs, find};

/// Tags that are looked for in one text, prepared together.
#[derive(Clone, Debug)]
pub struct Tags<const N: usize> {
    /// The tags, in the order in which they were given.
    pub each: [Tag; N],
    /// The first two bytes of each, and what an escape of one of their characters has in it.
    pairs: Pairs,
    /// Which characters of ASCII they have, a bit for each.
    ascii: u128,
    search: Search,
}

/// How tags can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// By their first two bytes.
    Pairs,
    /// One after the other: some tag has a single byte.
    Each,
    /// Character by character: some tag is not ASCII, and may always be spelled in another way.
    Characters,
}

impl<const N: usize> Tags<N> {
    /// Prepares the search for `texts`, none of which should be empty.
    #[must_use]
    pub fn new(texts: [&str; N]) -> Self {
        let search = match texts {
            _ if !texts.iter().all(|text| text.is_ascii()) => Search::Characters,
            _ if texts.iter().any(|text| text.len() < 2) => Search::Each,
            _ => Search::Pairs,
        };
        let each = texts.map(Tag::new);
        let pairs = each.iter().filter_map(|tag| tag.spelled().first_chunk());
        let pairs = pairs.map(|&[first, second]| (first, second)).chain([ESCAPE, SLASH]);
        let pairs = Pairs::new(&pairs.collect::<Vec<_>>());
        let ascii = each.iter().fold(0, |set, tag| set | tag.ascii);
        Self { each, pairs, ascii, search }
    }

    /// Looks through an escaped text once, for all that cuts have to know.
    fn look(&self, raw: &[u8]) -> Found {
        if self.search == Search::Characters {
            return Found::Spelled;
        }
        let mut starts = Starts::default();
        let mut are_all = self.search == Search::Pairs;
        let differs = find(raw, &self.pairs, |second| {
            are_all &= starts.add(second - 1);
            self.is_escape(raw, second)
        });
        match are_all {
            _ if differs => Found::Spelled,
            true => Found::Starts(starts),
            false => Found::Many,
        }
    }

    /// Whether the second byte of a pair is in an escape of a character that need not be escaped, and that
    /// some tag has.
    fn is_escape(&self, raw: &[u8], second: usize) -> bool {
        match (raw[second - 1], raw[second]) {
            ESCAPE => {
                second >= 2
                    && raw[second - 2] == b'\\'
                    && raw.get(second + 1) == Some(&b'0')
                    && is_meant(raw, second + 2, self.ascii)
            }
            SLASH => self.ascii >> b'/' & 1 == 1,
            _ => false,
        }
    }
}

/// In `\u0041`, and in no other escape.
const ESCAPE: (u8, u8) = (b'u', b'0');

const SLASH: (u8, u8) = (b'\\', b'/');

/// What is known of the tags in an escaped text.
#[derive(Clone, Debug)]
enum Found {
    /// They may be spelled in other ways than they would be written.
    Spelled,
    /// They may start there, and nowhere else.
    Starts(Starts),
    /// They may start at more places than are kept.
    Many,
}

/// Places in a text, in order.
#[derive(Clone, Debug, Default)]
struct Starts {
    places: [usize; Self::MOST],
    count: usize,
}

impl Starts {
    /// Answers have four in the mean, two of them for each quote.
    const MOST: usize = 24;

    /// Adds a place, if there is room.
    fn add(&mut self, place: usize) -> bool {
        let room = self.places.get_mut(self.count);
        let added = room.map(|room| *room = place).is_some();
        self.count += usize::from(added);
        added
    }

    fn all(&self) -> &[usize] {
        &self.places[..self.count]
    }
}

/// A text that is cut at one tag after the other, from its start to its end. Where tags may stand in it, and
/// how they may be spelled, is found out once, so that many cuts take no longer than one pass.
///
/// ```
/// use raftfast::text::{Cuts, Tags, Text};
///
/// let tags = Tags::new(["<q>", "</q>"]);
/// let [open, close] = &tags.each;
/// let mut cuts = Cuts::new(Text::Escaped(br"He says <q>\u00fc\/<\/q>."), &tags);
/// assert_eq!(cuts.with(open).map(Text::to_plain).as_deref(), Some("He says <q>"));
/// assert_eq!(cuts.before(close).map(Text::to_plain).as_deref(), Some("\u{fc}/"));
/// assert_eq!(cuts.rest().to_plain(), "</q>.");
/// ```
#[derive(Clone, Debug)]
pub struct Cuts<'a> {
    rest: Text<'a>,
    /// Bytes that have been cut off at the start.
    cut: usize,
    found: Found,
}

impl<'a> Cuts<'a> {
    /// The text, in which only these tags are to be looked for.
    #[must_use]
    pub fn new<const N: usize>(text: Text<'a>, tags: &Tags<N>) -> Self {
        let found = match text {
            Text::Escaped(raw) => tags.look(raw),
            Text::Plain(_) => Found::Many,
        };
        Self { rest: text, cut: 0, found }
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
        let mut ahead = self.clone();
        loop {
            let found = ahead.first(close)?;
            let start = self.rest.bytes().len() - ahead.rest.bytes().len() + found.start;
            ahead.off(found.end);
            if let Some(next) = ahead.rest.trim_start().after_start(&open.text) {
                let before = self.off(start);
                self.off(self.rest.bytes().len() - next.bytes().len());
                return Some(before);
            }
        }
    }

    /// Cuts off what stands up to the first `open` and with it, and what stands from the last `close` on.
    /// Nothing is left where that one stands first.
    pub fn keep_inside(&mut self, open: &Tag, close: &Tag) -> Option<()> {
        let (start, end) = (self.first(open)?.end, self.last(close)?.start);
        self.rest = self.rest.split_at(end.max(start)).0;
        self.off(start);
        Some(())
    }

    /// Cuts off what stands up to the last occurrence of the tag and with it.
    pub fn with_last(&mut self, tag: &Tag) -> Option<Text<'a>> {
        let found = self.last(tag)?;
        Some(self.off(found.end))
    }

    /// Whether the tag is in what has not been cut off. Where it hardly ever is, this is the question to ask
    /// first: to look from the start takes a tenth of the time of looking from the end.
    #[must_use]
    pub fn hold(&self, tag: &Tag) -> bool {
        self.first(tag).is_some()
    }

    /// What has not been cut off.
    #[must_use]
    pub fn rest(&self) -> Text<'a> {
        self.rest
    }

    fn first(&self, tag: &Tag) -> Option<Range<usize>> {
        match (self.rest, &self.found) {
            (Text::Plain(text), _) => text.find(&tag.text).map(|at| at..at + tag.text.len()),
            (Text::Escaped(raw), Found::Starts(starts)) => self.ahead(starts, raw, tag).next(),
            (Text::Escaped(raw), found) => tag.first(raw, matches!(found, Found::Spelled)),
        }
    }

    fn last(&self, tag: &Tag) -> Option<Range<usize>> {
        match (self.rest, &self.found) {
            (Text::Plain(text), _) => text.rfind(&tag.text).map(|at| at..at + tag.text.len()),
            (Text::Escaped(raw), Found::Starts(starts)) => self.ahead(starts, raw, tag).next_back(),
            (Text::Escaped(raw), found) => tag.last(raw, matches!(found, Found::Spelled)),
        }
    }

    /// Where the tag stands in what has not been cut off.
    fn ahead(
        &self,
        starts: &Starts,
        raw: &[u8],
        tag: &Tag,
    ) -> impl DoubleEndedIterator<Item = Range<usize>> {
        let starts = starts.all().iter().filter_map(|start| start.checked_sub(self.cut));
        starts.filter_map(|start| tag.stands_at(raw, start))
    }

    fn off(&mut self, at: usize) -> Text<'a> {
        let (head, rest) = self.rest.split_at(at);
        self.rest = rest;
        self.cut += at;
        head
    }
}
