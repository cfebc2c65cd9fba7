//! The keys that are wanted, and where their values were found.

use std::ops::Index;

use super::unescape::unescaped;

/// Keys that are wanted, as bits: bit k for key k.
pub type KeySet = u64;

/// How many keys can be wanted at once.
pub const MAX_KEYS: usize = KeySet::BITS as usize;

/// The keys of a set, by their places.
#[inline]
pub(crate) fn slots_of(mut keys: KeySet) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let slot = (keys != 0).then(|| keys.trailing_zeros() as usize)?;
        keys &= keys - 1;
        Some(slot)
    })
}

/// The names of the top-level keys whose values are wanted.
#[derive(Clone, Debug)]
pub struct Keys {
    names: Vec<String>,
    /// The keys of each [`look`], as bits: most keys of most records are told by it alone.
    by_look: [KeySet; LOOKS],
    /// The key in whose value the closing quotes are wanted too.
    noted: Option<usize>,
}

/// Looks that are told apart.
const LOOKS: usize = 128;

/// What a name looks like, by its length and its ends. Of the thirty-odd keys by which all dialects are
/// read, no more than two look the same with these factors; of one length there are up to six.
#[inline(always)]
fn look(name: &[u8]) -> usize {
    let [Some(&first), Some(&last)] = [name.first(), name.last()] else { return 0 };
    (9 * name.len() + usize::from(first) + 3 * usize::from(last)) % LOOKS
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(Vec::<String>::new())
    }
}

impl Keys {
    /// Keys in the order in which [`Spans`] will hold their values; at most [`MAX_KEYS`].
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().take(MAX_KEYS).map(Into::into).collect();
        let mut by_look = [0; LOOKS];
        for (key, name) in names.iter().enumerate() {
            by_look[look(name.as_bytes())] |= 1 << key;
        }
        Self { names, by_look, noted: None }
    }

    /// The same, noting the closing quotes in the value of a key: whoever walks that value then need not
    /// look for them.
    #[must_use]
    pub(crate) fn noting(mut self, key: usize) -> Self {
        self.noted = Some(key);
        self
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the closing quotes in the value of a key are wanted.
    #[inline]
    pub(super) fn notes(&self, key: usize) -> bool {
        self.noted == Some(key)
    }

    /// The index of a key as it stands in the text, between its quotes.
    #[inline]
    pub(super) fn find(&self, raw: &[u8], escaped: bool) -> Option<usize> {
        if escaped {
            return self.find_escaped(raw);
        }
        slots_of(self.by_look[look(raw)]).find(|&key| self.names[key].as_bytes() == raw)
    }

    /// The text was validated, so decoding it cannot fail.
    #[cold]
    fn find_escaped(&self, raw: &[u8]) -> Option<usize> {
        // No character of a name has a spelling longer than `\uXXXX`.
        if self.names.iter().all(|name| raw.len() > 6 * name.len()) {
            return None;
        }
        let key = unescaped(raw);
        self.names.iter().position(|name| *name == key)
    }
}

/// A value in the content of a buffer, quotes and brackets included. Empty: the key is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// Just past the last byte.
    pub end: usize,
}

/// The values of the wanted keys of one record, in the order of [`Keys`].
#[derive(Clone, Debug)]
pub struct Spans {
    values: [Span; MAX_KEYS],
    /// The keys that were found: clearing these is all that a new record costs.
    found: KeySet,
    /// Those of them that hold null; of others these bits mean nothing.
    nulls: KeySet,
    pub(super) quotes: Quotes,
}

/// The closing quotes in the value of a key, in the order in which they stand: of the first strings, as
/// many as there is room for.
#[derive(Clone, Debug)]
pub(super) struct Quotes {
    key: usize,
    places: [usize; Self::ROOM],
    len: usize,
}

impl Quotes {
    /// Gorilla's `raft.py` makes twelve or so. There is room for no more than these, so that memory does
    /// not grow with what a record holds.
    const ROOM: usize = 64;

    /// Starts with a value of a key, in place of what was noted before.
    pub(super) fn start(&mut self, key: usize) {
        self.key = key;
        self.len = 0;
    }

    #[inline(always)]
    pub(super) fn note(&mut self, quote: usize) {
        if let Some(place) = self.places.get_mut(self.len) {
            *place = quote;
            self.len += 1;
        }
    }
}

impl Default for Spans {
    fn default() -> Self {
        let quotes = Quotes { key: 0, places: [0; Quotes::ROOM], len: 0 };
        Self { values: [Span::default(); MAX_KEYS], found: 0, nulls: 0, quotes }
    }
}

impl Spans {
    pub(super) fn clear(&mut self) {
        self.found = 0;
    }

    /// The closing quotes of the first strings in the value of a key, if they were
    /// [noted](Keys::noting); of the others nothing is known.
    #[inline]
    pub(crate) fn quotes(&self, key: usize) -> &[usize] {
        let Quotes { key: noted, places, len } = &self.quotes;
        if *noted == key && self.found >> key & 1 == 1 { &places[..*len] } else { &[] }
    }

    #[inline]
    pub(super) fn set(&mut self, key: usize, value: Span, is_null: bool) {
        self.values[key] = value;
        self.found |= 1 << key;
        self.nulls = self.nulls & !(1 << key) | KeySet::from(is_null) << key;
    }

    /// Those of some keys that were found with something else than null.
    #[inline]
    pub(crate) fn told(&self, keys: KeySet) -> KeySet {
        keys & self.found & !self.nulls
    }

    /// The keys that were found.
    #[inline]
    pub(crate) fn found(&self) -> KeySet {
        self.found
    }
}

impl Index<usize> for Spans {
    type Output = Span;

    #[inline]
    fn index(&self, key: usize) -> &Span {
        const MISSING: Span = Span { start: 0, end: 0 };
        if self.found >> key & 1 == 1 { &self.values[key] } else { &MISSING }
    }
}
