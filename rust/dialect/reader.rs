//! Which dialect a record is of, and what is to be done to it.

use std::sync::Arc;

use super::Kind;
use super::each::Answers;
use super::fitting::Fitting;
use super::reading::{AUTO, Answer, Several};
use super::turns::Parser;
use super::unread::Unread;
use super::when::{Needs, Test};
use crate::batch::{Column, Form};
use crate::entries::{CALLS, Detail, Entry, List, ROLES};
use crate::error::{Fault, FaultKind};
use crate::jinja::Jinja;
use crate::made::{Fields, Lists, Mark};
use crate::mask::{Cutter, FinalAnswer};
use crate::pool::{NO_OTHER, Pool};
use crate::record::{Field, Record};
use crate::scan::{KeySet, Keys, MAX_KEYS, slots_of};
use crate::shape::Shape;
use crate::shape::plan::Plan;
use crate::text::Escape;
use crate::value::{Absence, Holds, Value};

/// The dialects that records may be of, compiled for the fields that a shape uses.
#[derive(Debug)]
pub struct Reader {
    pub(super) keys: Keys,
    pub(super) holds: Vec<Holds>,
    /// How many of the keys are fields of the shape.
    pub(super) fields: usize,
    pub(super) known: Vec<Known>,
    /// Whether a record must be told apart at all.
    pub(super) indifferent: bool,
    /// The bit of the key under which a record has a system message of its own.
    pub(super) own_system: KeySet,
    pub(super) lists: Vec<List>,
    /// The slots of fields in use that lists are made of.
    pub(super) instruction: Option<usize>,
    pub(super) cot_answer: Option<usize>,
    pub(super) system: System,
    /// What is taken for the answer.
    pub(super) answer: Answer,
    /// Where the final answer begins, if only that is taken.
    pub(super) final_answer: Option<FinalAnswer>,
    /// What becomes of several answers where one is taken.
    pub(super) several: Several,
    pub(super) room: Room,
    /// Whether turns may say nothing, because a rule or a template tells of them.
    pub(super) takes_silence: bool,
    /// Whether no answer but the last is trained on, whatever weights the others have.
    pub(super) trains_on_last: bool,
    /// How the rejected answer is chosen from those of other records.
    pub(super) other: Option<Other>,
    /// How the answer is cut in spans.
    pub(super) cutter: Cutter,
    /// What renders conversations.
    pub(super) jinja: Option<Arc<Jinja>>,
    pub(super) rendered: Rendered,
}

/// The slots of what a template renders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rendered {
    pub whole: Option<usize>,
    /// What stands before the last answer, and the rest.
    pub halves: Option<(usize, usize)>,
}

/// How the rejected answer is chosen from those of other records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub seed: u64,
    /// The slot of the rejected answer.
    pub slot: usize,
    /// The slot of the answer.
    pub answer: usize,
}

/// What rows have room for.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// Any number of turns.
    pub turns: bool,
    /// An answer at a place of its own.
    pub answer: bool,
    /// A system message.
    pub system: bool,
    /// Turns of these roles; [`CALLS`] only if the consumer has a name for it.
    pub roles: Vec<&'static str>,
    /// These details of turns of these roles.
    pub details: Vec<(Detail, &'static str)>,
}

impl Room {
    pub(super) fn of(shape: &Shape) -> Self {
        let details = [Detail::ToolCalls, Detail::ToolCallId, Detail::Weight, Detail::Name];
        let details = details.into_iter().flat_map(|detail| ROLES.map(|role| (detail, role)));
        let calls = shape.roles().filter(|roles| roles.contains_key(CALLS)).map(|_| CALLS);
        Self {
            turns: shape.takes_turns(),
            answer: shape.takes_answer(),
            system: shape.takes_system(),
            roles: ROLES.into_iter().filter(|role| shape.names_role(role)).chain(calls).collect(),
            details: details.filter(|&(detail, role)| shape.takes_detail(detail, role)).collect(),
        }
    }

    /// Whether they have room for a detail of turns of some role.
    pub(super) fn takes(&self, detail: Detail) -> bool {
        self.details.iter().any(|(known, _)| *known == detail)
    }
}

/// The system message where a record has none of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct System {
    pub slot: Option<usize>,
    /// As a JSON string.
    pub text: Vec<u8>,
}

/// One dialect, compiled.
#[derive(Debug)]
pub(super) struct Known {
    pub name: &'static str,
    pub needs: Needs,
    /// Keys that may hold null.
    pub keys: KeySet,
    pub lacks: KeySet,
    /// Keys that say whether the answer is one to avoid.
    pub labels: KeySet,
    pub tests: Vec<Test>,
    /// What is made of its records, if they have no system message of their own.
    pub making: Making,
    /// The fields in use, by their slots.
    pub fields: Vec<Made>,
    pub parser: Option<Parser>,
    /// Where the documents may stand, one after the other, and whether a text without tags is one.
    pub documents: Vec<(Plan, bool)>,
    /// Whether fields are made of the documents.
    pub uses_documents: bool,
    /// The text whose quotes are wanted.
    pub quotes: Plan,
    /// The short answer, where that will do.
    pub short: Plan,
    /// The system message of a record whose rows have no place for one.
    pub lost_system: Option<Plan>,
    /// The definitions of tools beside what trainers take, where rows do not name them.
    pub tools: Option<Plan>,
    /// The slots of what no row has a place for, and what that is.
    pub refuses: Vec<(usize, &'static str)>,
    /// The slots of answers that stand beside turns.
    pub answers: Vec<usize>,
    /// The question, where others' answers to it are to be told.
    pub question: Plan,
    /// How the rows of earlier answers are made, where each answer gives one.
    pub earlier: Option<Box<Self>>,
}

/// What is made of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Making {
    /// It is as a shape takes it.
    Nothing,
    /// Its fields are, and its documents and quotes are listed.
    Texts,
    /// All is made anew.
    All,
}

/// How a field is made.
#[derive(Debug)]
pub(super) struct Made {
    pub slot: usize,
    pub plan: Plan,
    /// What is counted when it comes out other than it was.
    pub fix: Option<Fix>,
}

/// A repair, and what a field is without it.
#[derive(Debug)]
pub(super) struct Fix {
    pub name: &'static str,
    pub without: Plan,
}

/// Whether a value says no, in JSON or in a column: `false`, a zero as tables have it, or either as a text.
fn is_false(value: Value<'_>) -> bool {
    let mut json = Vec::new();
    match value {
        Value::Text(text) => says_no(&text.to_plain()),
        Value::Json(raw) => says_no(&String::from_utf8_lossy(raw)),
        Value::Nested(_) => {
            value.write_json(Escape::Keep, &mut json);
            says_no(&String::from_utf8_lossy(&json))
        }
        Value::Missing | Value::Null => false,
    }
}

fn says_no(label: &str) -> bool {
    label.eq_ignore_ascii_case("false") || label.parse() == Ok(0.0)
}

/// What is refused where a record says so.
const TO_AVOID: &str = "an answer to avoid, as kto_tag or label says that this one is";

/// What a record is, and what has to be done.
#[derive(Debug)]
pub enum Read<'a> {
    /// It is as the shape takes it.
    Plain(&'static str),
    /// Its fields are, and its texts were listed.
    Listed(&'static str),
    /// It was made anew.
    Made(&'static str),
    /// It gives several, which are made one after the other.
    Several(&'static str, Box<Answers<'a>>),
}

/// Memory for the records of one reader, used again and again.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) lists: Lists,
    pub(super) fields: Fields,
    /// A value that did not come as JSON.
    pub(super) json: Vec<u8>,
    /// The question and the answer, where they are gathered.
    pub(super) about: Entry,
    /// The answers of other records, once they are known.
    pub(super) others: Option<Arc<Pool>>,
    /// The repairs that were made.
    pub fixes: Vec<&'static str>,
    /// The dialects that records with the keys of the last one may be of.
    fitting: Fitting,
}

impl Scratch {
    /// With the answers of other records.
    #[must_use]
    pub fn with(others: Option<Arc<Pool>>) -> Self {
        Self { others, ..Self::default() }
    }

    pub(super) fn clear(&mut self) {
        self.lists.clear();
        self.fields.clear();
        self.fixes.clear();
    }

    /// Forgets what was made of one answer, but not the turns.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.lists.rewind(mark);
        self.fields.clear();
        self.fixes.clear();
    }

    /// The record with what it was made to.
    #[inline]
    #[must_use]
    pub fn record<'a>(&'a self, record: Record<'a>) -> Record<'a> {
        record.with_fields(&self.lists, &self.fields, &self.about)
    }

    /// The record with the lists that were made of it.
    #[inline]
    #[must_use]
    pub fn listed<'a>(&'a self, record: Record<'a>) -> Record<'a> {
        record.with_lists(&self.lists, &self.about)
    }
}

impl Reader {
    /// The seed by which rejected answers are chosen from those of other records, if they are.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.other.map(|other| other.seed)
    }

    /// Why a record is filtered, where a field is not there because of how records are read.
    #[must_use]
    pub fn reason(&self, reason: &'static str) -> &'static str {
        let none = Field::Rejected.reason(Absence::Null);
        if self.other.is_some() && reason == none { NO_OTHER } else { reason }
    }

    /// The keys that a scanner must look for: those of the shape's fields first.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The keys and what each may hold.
    #[must_use]
    pub fn columns(&self) -> Vec<(&str, Holds)> {
        self.keys.names().iter().map(String::as_str).zip(self.holds.iter().copied()).collect()
    }

    /// Of the columns of a table, those that are used. Its rows are of the dialects that the names and the
    /// types of its columns allow: what stands in columns that are not used is not looked at.
    #[must_use]
    pub fn wanted<'a>(&'a self, columns: &[Column]) -> Vec<&'a str> {
        let names = self.keys.names();
        self.used(columns).into_iter().map(|slot| names[slot].as_str()).collect()
    }

    /// The slots of their keys.
    pub(crate) fn used(&self, columns: &[Column]) -> Vec<usize> {
        let mut slots: Vec<usize> = (0..self.fields).collect();
        let found = self.found(columns);
        for known in self.candidates(columns) {
            self.add_uses(known, found, &mut slots);
        }
        let names = self.keys.names();
        let used = (0..names.len()).filter(|slot| slots.contains(slot));
        used.filter(|&slot| columns.iter().any(|column| column.name == names[slot])).collect()
    }

    /// Adds the slots of the keys that records of a dialect are told by and made of, in a table that has
    /// those that are `found`.
    fn add_uses(&self, known: &Known, found: KeySet, slots: &mut Vec<usize>) {
        known.fields.iter().for_each(|field| field.plan.add_slots(slots));
        slots.extend(known.parser.iter().flat_map(Parser::slots));
        if known.uses_documents || self.lists.contains(&List::Documents) {
            known.documents.iter().for_each(|(plan, _)| plan.add_slots(slots));
        }
        if self.lists.contains(&List::Quotes) {
            known.quotes.add_slots(slots);
        }
        if self.answer == Answer::Either {
            known.short.add_slots(slots);
        }
        known.question.add_slots(slots);
        let beside = known.lost_system.iter().chain(&known.tools);
        beside.for_each(|plan| plan.add_slots(slots));
        slots.extend(known.refuses.iter().map(|(slot, _)| slot));
        slots.extend(&known.answers);
        slots.extend(slots_of(known.labels));
        slots.extend(known.tests.iter().filter_map(Test::always_seen));
        slots.extend(known.tests.iter().filter_map(Test::asked_by_type));
        let read = found & ((1 << self.fields) - 1);
        // Of what is told by any of its keys, one that is read will do: in the end all is taken for it.
        let is_told = known.needs.all == 0 && known.needs.any & read != 0;
        slots.extend(slots_of(if is_told { 0 } else { known.needs.keys() }));
    }

    /// Whether records of a table of these columns may be given the field at a slot.
    #[must_use]
    pub fn makes_field(&self, columns: &[Column], slot: usize) -> bool {
        let chosen = self.cot_answer.filter(|_| self.answer == Answer::Either);
        let halves = self.rendered.halves.map(<[usize; 2]>::from);
        let of_all = [self.system.slot, self.rendered.whole, self.other.map(|other| other.slot)];
        let of_all =
            of_all.into_iter().chain([chosen]).flatten().chain(halves.into_iter().flatten());
        let found = self.found(columns);
        let is_there = |&of: &usize| of >= MAX_KEYS || found >> of & 1 == 1;
        let makes = |known: &Known| {
            known.fields.iter().filter(|made| made.slot == slot).any(|made| {
                let mut slots = Vec::new();
                made.plan.add_slots(&mut slots);
                slots.iter().any(is_there)
            })
        };
        of_all.into_iter().any(|made| made == slot) || self.candidates(columns).any(makes)
    }

    /// The dialects that a table of these columns may be of.
    fn candidates(&self, columns: &[Column]) -> impl Iterator<Item = &Known> {
        let (found, forms) = (self.found(columns), self.forms(columns));
        self.known.iter().filter(move |known| known.may_be(found, self.fields, &forms))
    }

    /// The keys that are columns.
    fn found(&self, columns: &[Column]) -> KeySet {
        let has = |name: &String| columns.iter().any(|column| column.name == *name);
        let names = self.keys.names().iter().enumerate();
        names.fold(0, |found, (slot, name)| found | KeySet::from(has(name)) << slot)
    }

    /// What the columns of the keys can hold.
    fn forms(&self, columns: &[Column]) -> Vec<Form> {
        let form = |name: &String| {
            let column = columns.iter().find(|column| column.name == *name);
            column.map_or(Form::Unknown, |column| column.form)
        };
        self.keys.names().iter().map(form).collect()
    }

    /// Reads a record as one of the first dialect that it is of.
    ///
    /// # Errors
    ///
    /// A fault if it is of none, or if it has what its dialect does not allow.
    #[inline]
    pub fn read<'a>(
        &'a self,
        record: &Record<'_>,
        scratch: &mut Scratch,
    ) -> Result<Read<'a>, Unread> {
        if self.indifferent {
            return Ok(Read::Plain(""));
        }
        let found = record.found();
        let known = scratch.fitting.first(&self.known, record);
        let Some(known) = known.or_else(|| self.of_nothing(found, record)) else {
            return Err(Unread::Fault(self.of_no_dialect(record)));
        };
        if found & known.labels != 0 && known.is_to_avoid(record) {
            return Err(Unread::Kind(FaultKind::Unfit { what: TO_AVOID }));
        }
        match known.making {
            Making::Nothing if found & self.own_system == 0 => {
                return Ok(Read::Plain(known.name));
            }
            Making::Texts if found & self.own_system == 0 => {
                self.list(known, record, scratch)?;
                return Ok(Read::Listed(known.name));
            }
            _ => {}
        }
        Ok(match self.make(known, record, scratch)? {
            None => Read::Made(known.name),
            Some(answers) => Read::Several(known.name, answers),
        })
    }

    /// The dialects that a record fits besides the one that it was told to be of.
    #[cold]
    pub(crate) fn also_fits(&self, told: &str, record: &Record<'_>) -> Vec<&'static str> {
        let found = record.found();
        let something = record.told(found);
        let others = self.known.iter().filter(|known| known.name != told);
        others.filter(|known| known.is(found, something, record)).map(|known| known.name).collect()
    }

    /// The dialect of a record that has nothing but a null in what its dialect is told by.
    #[cold]
    fn of_nothing(&self, found: KeySet, record: &Record<'_>) -> Option<&Known> {
        let is_null = |test: &Test| matches!(test, Test::Is(_, Kind::Something));
        self.known.iter().find(|known| {
            let mut tests = known.tests.iter();
            known.has_its_keys(found, found)
                && tests.all(|test| is_null(test) || test.holds(record))
        })
    }

    #[cold]
    fn of_no_dialect(&self, record: &Record<'_>) -> Fault {
        let known = self.known.first().filter(|_| self.known.len() == 1);
        let dialect = known.map_or(AUTO, |known| known.name);
        record.fault(FaultKind::Dialect { dialect })
    }
}

impl Known {
    /// Whether a record of keys that are `found`, and `told` with more than null, is of this dialect.
    fn is(&self, found: KeySet, told: KeySet, record: &Record<'_>) -> bool {
        self.has_its_keys(found, told) && self.passes(record)
    }

    /// Whether a record that has the keys of this dialect has such values too.
    #[inline]
    pub(super) fn passes(&self, record: &Record<'_>) -> bool {
        self.tests.iter().all(|test| test.holds(record))
    }

    /// Whether a record says that its answer is one to avoid.
    #[cold]
    fn is_to_avoid(&self, record: &Record<'_>) -> bool {
        slots_of(self.labels).any(|slot| is_false(record.value(slot)))
    }

    /// Whether a record of keys that are `found`, and `told` with more than null, has those of this dialect.
    #[inline]
    pub(super) fn has_its_keys(&self, found: KeySet, told: KeySet) -> bool {
        self.needs.are_met(told) && found & self.keys == self.keys && found & self.lacks == 0
    }

    /// Whether records are told by what is never looked for, since it would make no difference.
    pub(super) fn is_never_told(&self) -> bool {
        self.tests.iter().any(|test| matches!(test, Test::Never))
    }

    /// Whether some row of a table with these columns may be of this dialect, as far as their types and
    /// the first columns, which are used anyway, can tell.
    fn may_be(&self, found: KeySet, used: usize, forms: &[Form]) -> bool {
        self.has_its_keys(found, found) && self.tests.iter().all(|test| test.can_hold(used, forms))
    }
}
