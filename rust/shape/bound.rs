//! Bytes of what a plan writes at most, so that memory is asked for once and fallibly.
//!
//! Rows are many and plans are few: what is known of the steps alone is added up once, and a record is
//! asked for nothing but the lengths of its fields.

use super::placeholder::Operation;
use super::plan::{Source, Step};
use crate::entries::{Entry, List};
use crate::record::Record;
use crate::scan::MAX_KEYS;

/// Bytes between two segments at most.
const LABEL_BYTES: usize = 32;

/// Bytes of an escape at most, and of what a byte of JSON in a text becomes.
const ESCAPED: usize = 6;

/// Bytes that take the place of a field, whatever it holds: `null`, or two quotes.
const AROUND_FIELD: usize = 4;

/// The bytes of some steps at most: a sum over the fields of the record and the entries of its lists.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// Bytes that are the same for every record.
    fixed: usize,
    /// How often a field is written, by its slot.
    fields: Vec<(usize, usize)>,
    /// How often the whole record is.
    whole: usize,
    lists: Vec<OfList>,
}

/// The bytes for a list: where the record has none of its own, and for each entry of one that it has.
#[derive(Debug)]
struct OfList {
    list: List,
    single: Bound,
    many: Bound,
}

impl Bound {
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut bound = Self::default();
        bound.add_all(steps);
        bound
    }

    /// The bytes for a record, of whose text a byte becomes so many.
    #[inline]
    pub(super) fn bytes(&self, record: &Record<'_>, growth: usize) -> usize {
        let lists: usize = self.lists.iter().map(|list| list.bytes(record, growth)).sum();
        self.bytes_of(1, |slot| record.raw_len(slot), record, growth) + lists
    }

    /// The bytes for all entries of a list of a record, in which no other list stands, without a look at
    /// each as a record of its own: that took a tenth of the time in which documents are joined.
    fn bytes_of_all(&self, entries: &[Entry], record: &Record<'_>, growth: usize) -> usize {
        let all = entries.len();
        let in_all = |slot: usize| {
            if slot < MAX_KEYS { all * record.raw_len(slot) } else { lengths(entries, slot) }
        };
        self.bytes_of(all, in_all, record, growth)
    }

    /// The bytes for so many times a record, but for its lists, by the length of the fields of all.
    #[inline(always)]
    fn bytes_of(
        &self,
        times: usize,
        length: impl Fn(usize) -> usize,
        record: &Record<'_>,
        growth: usize,
    ) -> usize {
        let fields: usize = self.fields.iter().map(|&(slot, often)| often * length(slot)).sum();
        let whole = if self.whole > 0 { times * self.whole * record.whole().json_len() } else { 0 };
        times * self.fixed + growth * (fields + whole)
    }

    fn add_all(&mut self, steps: &[Step]) {
        for step in steps {
            self.add(step);
        }
    }

    fn add(&mut self, step: &Step) {
        match step {
            Step::Literal(bytes) => self.fixed += bytes.len(),
            Step::Comma => self.fixed += 1,
            Step::Label(_) | Step::Close => self.fixed += LABEL_BYTES,
            // A quote has tags that are longer than what stands around its segment.
            Step::Spans(source, _) => {
                self.fixed += 2 * LABEL_BYTES;
                self.text(source, 3);
            }
            Step::Text(source) | Step::String(source) => self.text(source, 1),
            Step::Told(source) => self.field(source.slot, ESCAPED),
            Step::Own(source, default) => {
                self.fixed += default.len();
                self.text(source, 1);
            }
            Step::Json(slot) => self.field(*slot, 1),
            // What stands around the shortest definition of a function is three times as long.
            Step::Value(slot) => self.field(*slot, 4),
            Step::Record => self.whole += 1,
            Step::Choice { then, otherwise, .. } => {
                self.add_all(then);
                self.add_all(otherwise);
            }
            Step::Each { list, single, many, between } => {
                let (single, mut many) = (Self::of(single), Self::of(many));
                many.fixed += between.len();
                self.lists.push(OfList { list: *list, single, many });
            }
        }
    }

    fn text(&mut self, source: &Source, times: usize) {
        let added: usize = source.operations.iter().map(Operation::growth).sum();
        self.fixed += times * ESCAPED * added;
        self.field(source.slot, times);
    }

    fn field(&mut self, slot: usize, times: usize) {
        self.fixed += times * AROUND_FIELD;
        match self.fields.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, known)) => *known += times,
            None => self.fields.push((slot, times)),
        }
    }
}

/// Bytes of a detail in all entries.
fn lengths(entries: &[Entry], slot: usize) -> usize {
    let length = |entry: &Entry| entry.at(slot).end - entry.at(slot).start;
    entries.iter().map(length).sum()
}

impl OfList {
    fn bytes(&self, record: &Record<'_>, growth: usize) -> usize {
        match record.entries(self.list) {
            None => self.single.bytes(record, growth),
            Some(entries) => self.many.bytes_of_all(entries, record, growth),
        }
    }
}
