//! The keys that are wanted, and where their values were found.

use std::ops::Index;

/// Keys that are wanted, as bits: bit k for key k.
pub type KeySet = u64;

/// How many keys can be wanted at once.
pub const MAX_KEYS: usize = KeySet::BITS as usize;

/// The names of the top-level keys whose values are wanted.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    names: Vec<String>,
    /// The keys of each length, as bits: most keys of most records are told by it alone.
    by_length: [KeySet; LENGTHS],
}

/// Lengths that are told apart; all longer ones are taken for one.
const LENGTHS: usize = 32;

impl Keys {
    /// Keys in the order in which [`Spans`] will hold their values; at most [`MAX_KEYS`].
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().take(MAX_KEYS).map(Into::into).collect();
        let mut by_length = [0; LENGTHS];
        for (key, name) in names.iter().enumerate() {
            by_length[name.len().min(LENGTHS - 1)] |= 1 << key;
        }
        Self { names, by_length }
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The index of a key as it stands in the text, between its quotes.
    pub(super) fn find(&self, raw: &[u8], escaped: bool) -> Option<usize> {
        if escaped {
            return self.find_escaped(raw);
        }
        let mut candidates = self.by_length[raw.len().min(LENGTHS - 1)];
        while candidates != 0 {
            let key = candidates.trailing_zeros() as usize;
            if self.names[key].as_bytes() == raw {
                return Some(key);
            }
            candidates &= candidates - 1;
        }
        None
    }

    /// The text was validated, so decoding it cannot fail.
    #[cold]
    fn find_escaped(&self, raw: &[u8]) -> Option<usize> {
        // No character of a name has a spelling longer than `\uXXXX`.
        if self.names.iter().all(|name| raw.len() > 6 * name.len()) {
            return None;
        }
        let key = crate::text::Text::Escaped(raw).to_plain();
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
    spans: [Span; MAX_KEYS],
    /// The keys that were found: clearing these is all that a new record costs.
    found: KeySet,
}

impl Default for Spans {
    fn default() -> Self {
        Self { spans: [Span::default(); MAX_KEYS], found: 0 }
    }
}

impl Spans {
    pub(super) fn clear(&mut self) {
        self.found = 0;
    }

    pub(super) fn set(&mut self, key: usize, start: usize, end: usize) {
        self.spans[key] = Span { start, end };
        self.found |= 1 << key;
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
        if self.found >> key & 1 == 1 { &self.spans[key] } else { &MISSING }
    }
}
