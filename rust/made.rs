//! What a record of another dialect becomes: lists of entries, and fields. What they hold is in bytes of
//! their own, but for what stands in the record as it is.
//!
//! The memory is used again for the next record.

use std::collections::TryReserveError;
use std::ops::Range;

use crate::entries::{Detail, Entry, List};
use crate::scan::{KeySet, MAX_KEYS, Span};
use crate::text::{Escape, Text};
use crate::value::Value;

/// The lists of a record.
#[derive(Debug)]
pub(crate) struct Lists {
    /// The details of the entries, as JSON values.
    json: Vec<u8>,
    entries: Vec<Entry>,
    ranges: [Range<usize>; List::ALL.len()],
    /// The lists whose entries say what stands in the line, each a bit.
    standing: u8,
    /// Whether no turns are listed, since the question and the answer of the record are all that is said.
    untold: bool,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            json: Self::YES.to_vec(),
            entries: Vec::new(),
            ranges: Default::default(),
            standing: 0,
            untold: false,
        }
    }
}

impl Lists {
    /// What stands before all that is kept, for details that are there or not.
    const YES: &[u8] = b"true";

    /// Where that is.
    pub(crate) const IS_THERE: Span = Span { start: 0, end: Self::YES.len() };

    pub(crate) fn clear(&mut self) {
        self.rewind(Mark { json: Self::YES.len(), entries: 0 });
    }

    /// How much there is by now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { json: self.json.len(), entries: self.entries.len() }
    }

    /// Forgets the entries that were added since, of which no list is made yet.
    pub(crate) fn forget(&mut self, mark: Mark) {
        self.json.truncate(mark.json);
        self.entries.truncate(mark.entries);
    }

    /// Forgets what was added since, and all lists.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.forget(mark);
        self.ranges = Default::default();
        self.standing = 0;
        self.untold = false;
    }

    /// Lists no turns: the question and the answer of the record are all that is said.
    pub(crate) fn leave_turns_untold(&mut self) {
        self.untold = true;
    }

    /// Whether a list stands here, even if it is empty.
    pub(crate) fn tells(&self, list: List) -> bool {
        !(self.untold && list.is_of_turns())
    }

    /// Says that the contents of a list are not kept here: their places are those in the line.
    pub(crate) fn leave_standing(&mut self, list: List) {
        self.standing |= 1 << list as usize;
    }

    /// Whether the contents of a list stand in the line.
    #[inline]
    pub(crate) fn stands(&self, list: List) -> bool {
        self.standing >> list as usize & 1 == 1
    }

    /// The bytes of a detail, unless it is the content of an entry of a list that is left standing.
    #[inline]
    pub(crate) fn bytes(&self, at: Span) -> &[u8] {
        self.json.get(at.start..at.end).unwrap_or_default()
    }

    /// The entries of a list.
    #[inline]
    pub(crate) fn entries(&self, list: List) -> &[Entry] {
        self.entries.get(self.ranges[list as usize].clone()).unwrap_or_default()
    }

    /// Leaves this many entries, of which no list is made yet; what they hold is kept.
    pub(crate) fn leave(&mut self, entries: usize) {
        self.entries.truncate(entries);
    }

    /// Forgets the first entries, of which no list is made yet.
    pub(crate) fn forget_first(&mut self, count: usize) {
        self.entries.drain(..count);
    }

    /// How many entries there are in all lists.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an entry.
    #[inline]
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

    /// Keeps a value, whatever it stands in, as JSON.
    pub(crate) fn keep_value(&mut self, value: Value<'_>) -> Result<Span, TryReserveError> {
        let start = self.json.len();
        add_json(value, &mut self.json)?;
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
#[derive(Debug)]
pub(crate) struct Fields {
    json: Vec<u8>,
    places: [Place; MAX_KEYS],
    /// The fields that there are: clearing these is all that a new record costs.
    there: KeySet,
}

/// Where the value of a field is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the record that this one is made from, under this slot: most are, so that they are not copied.
    Kept(usize),
    /// Among what was made.
    Made(Span),
}

impl Default for Fields {
    fn default() -> Self {
        Self { json: Vec::new(), places: [Place::Kept(0); MAX_KEYS], there: 0 }
    }
}

/// What a made record says of a field.
pub(crate) enum Origin<'a> {
    /// Its value is that of the record that it is made from, under this slot.
    Kept(usize),
    /// Its value is this JSON; it is missing, if that is empty.
    Made(&'a [u8]),
}

impl Fields {
    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.there = 0;
    }

    /// Where the value of a field comes from.
    #[inline]
    pub(crate) fn origin(&self, slot: usize) -> Origin<'_> {
        if self.there >> slot & 1 == 0 {
            return Origin::Made(&[]);
        }
        match self.places[slot] {
            Place::Kept(from) => Origin::Kept(from),
            Place::Made(Span { start, end }) => Origin::Made(&self.json[start..end]),
        }
    }

    /// Takes for a field what the record that this one is made from has under a slot.
    pub(crate) fn keep(&mut self, slot: usize, from: usize) {
        self.place(slot, Place::Kept(from));
    }

    /// Writes the value of a field.
    pub(crate) fn put<E>(
        &mut self,
        slot: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.json.len();
        write(&mut self.json)?;
        self.place(slot, Place::Made(Span { start, end: self.json.len() }));
        Ok(())
    }

    fn place(&mut self, slot: usize, place: Place) {
        self.places[slot] = place;
        self.there |= 1 << slot;
    }

    /// The same for a value that stands somewhere.
    pub(crate) fn put_value(
        &mut self,
        slot: usize,
        value: Value<'_>,
    ) -> Result<(), TryReserveError> {
        self.put(slot, |out| add_json(value, out))
    }
}

/// Adds a value as JSON; nothing, if it is missing.
pub(crate) fn add_json(value: Value<'_>, out: &mut Vec<u8>) -> Result<(), TryReserveError> {
    const LONGEST_ESCAPE: usize = 6;
    const QUOTES: usize = 2;
    let growth = if matches!(value, Value::Text(Text::Escaped(_)) | Value::Json(_)) {
        1
    } else {
        LONGEST_ESCAPE
    };
    out.try_reserve(growth * value.json_len() + QUOTES)?;
    if value != Value::Missing {
        value.write_json(Escape::Keep, out);
    }
    Ok(())
}
