//! What a record of another dialect becomes: lists of entries, and fields, each in bytes of its own.
//!
//! The memory is used again for the next record.

use std::collections::TryReserveError;
use std::ops::Range;

use crate::entries::{Detail, Entry, List};
use crate::scan::{MAX_KEYS, Span};

/// The lists of a record.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// The details of the entries, as JSON values.
    json: Vec<u8>,
    entries: Vec<Entry>,
    ranges: [Range<usize>; List::ALL.len()],
}

impl Lists {
    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.entries.clear();
        self.ranges = Default::default();
    }

    /// How much there is by now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { json: self.json.len(), entries: self.entries.len() }
    }

    /// Forgets what was added since.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.json.truncate(mark.json);
        self.entries.truncate(mark.entries);
        self.ranges = Default::default();
    }

    /// The bytes of a detail.
    #[inline]
    pub(crate) fn bytes(&self, at: Span) -> &[u8] {
        self.json.get(at.start..at.end).unwrap_or_default()
    }

    /// The entries of a list.
    #[inline]
    pub(crate) fn entries(&self, list: List) -> &[Entry] {
        self.entries.get(self.ranges[list as usize].clone()).unwrap_or_default()
    }

    /// How many entries there are in all lists.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<(), TryReserveError> {
        self.entries.try_reserve(1)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Says which entries a list has.
    pub(crate) fn set(&mut self, list: List, entries: Range<usize>) {
        self.ranges[list as usize] = entries;
    }

    /// The entries of a list, to be changed.
    pub(crate) fn entries_mut(&mut self, list: List) -> &mut [Entry] {
        self.entries.get_mut(self.ranges[list as usize].clone()).unwrap_or_default()
    }

    /// Keeps a value; gives where it is.
    pub(crate) fn keep(&mut self, parts: &[&[u8]]) -> Result<Span, TryReserveError> {
        let start = self.json.len();
        self.json.try_reserve(parts.iter().map(|part| part.len()).sum())?;
        for part in parts {
            self.json.extend_from_slice(part);
        }
        Ok(Span { start, end: self.json.len() })
    }

    /// Some of all entries.
    pub(crate) fn range(&self, entries: Range<usize>) -> &[Entry] {
        self.entries.get(entries).unwrap_or_default()
    }

    /// Whether a turn is of a role, by raftfast's name for it.
    pub(crate) fn is(&self, turn: &Entry, role: &str) -> bool {
        let quoted = self.bytes(turn.get(Detail::Is));
        quoted.get(1..quoted.len().max(1) - 1) == Some(role.as_bytes())
    }
}

/// How much lists hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    json: usize,
    entries: usize,
}

/// The fields of a record, by their slots.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    json: Vec<u8>,
    spans: [Span; MAX_KEYS],
}

impl Fields {
    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.spans = [Span::default(); MAX_KEYS];
    }

    /// The value of a field; nothing if it is missing.
    #[inline]
    pub(crate) fn bytes(&self, slot: usize) -> &[u8] {
        let Span { start, end } = self.spans[slot];
        &self.json[start..end]
    }

    /// Writes the value of a field.
    pub(crate) fn put<E>(
        &mut self,
        slot: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.json.len();
        write(&mut self.json)?;
        self.spans[slot] = Span { start, end: self.json.len() };
        Ok(())
    }
}
