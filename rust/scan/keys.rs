//! The keys that are wanted, and where their values were found.

use std::ops::Index;

/// How many keys can be wanted at once.
pub const MAX_KEYS: usize = 16;

/// The names of the top-level keys whose values are wanted.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    names: Vec<&'static str>,
}

impl Keys {
    /// Keys in the order in which [`Spans`] will hold their values; at most [`MAX_KEYS`].
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        Self { names: names.into_iter().take(MAX_KEYS).collect() }
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The index of a key as it stands in the text, between its quotes.
    pub(super) fn find(&self, raw: &[u8], escaped: bool) -> Option<usize> {
        if escaped {
            return self.find_escaped(raw);
        }
        self.names.iter().position(|name| name.as_bytes() == raw)
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
#[derive(Clone, Debug, Default)]
pub struct Spans {
    spans: [Span; MAX_KEYS],
    /// A bit for each key that was found: clearing these is all that a new record costs.
    found: u32,
}

impl Spans {
    pub(super) fn clear(&mut self) {
        self.found = 0;
    }

    pub(super) fn set(&mut self, key: usize, start: usize, end: usize) {
        self.spans[key] = Span { start, end };
        self.found |= 1 << key;
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
