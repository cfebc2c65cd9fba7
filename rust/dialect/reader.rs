//! Dialects compiled for one shape: which of them a record is of, and what has to be done to it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::each::Answers;
use super::make::Unread;
use super::turns::Parser;
use super::{CONTEXT, Dialect, INSTRUCTION, Kind};
use crate::entries::{CALLS, Detail, Entry, List, ROLES};
use crate::error::{Error, Fault, FaultKind};
use crate::jinja::Jinja;
use crate::made::{Fields, Lists, Mark};
use crate::mask::{Cutter, FINAL_TAG};
use crate::pool::{NO_OTHER, Pool};
use crate::record::{Absence, Field, Holds, Record, Value};
use crate::scan::Keys;
use crate::shape::plan::{self, Step};
use crate::shape::{Expressions, Shape};
use crate::text::Tag;

/// How records are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The name of a dialect, or `auto`.
    pub from: String,
    /// What is taken for the answer.
    pub answer: Answer,
    /// What becomes of a conversation of several answers where the target takes one.
    pub turns: Several,
    /// What is taken for the rejected answer.
    pub rejected: Rejected,
    /// The names of repairs that are not wanted.
    pub unrepaired: Vec<String>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            from: AUTO.to_owned(),
            answer: Answer::default(),
            turns: Several::default(),
            rejected: Rejected::default(),
            unrepaired: Vec::new(),
        }
    }
}

/// What is taken for the answer of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// The chain of thought: the default, and what RAFT is about.
    #[default]
    Cot,
    /// The final answer only.
    Final,
    /// The chain of thought, or else the short answer.
    Either,
}

impl Answer {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("cot", Self::Cot), ("final", Self::Final), ("either", Self::Either)];
}

/// What becomes of a conversation of several answers where the target takes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Several {
    /// It is an error: the default, because there is no one right way.
    #[default]
    Error,
    /// The last question and its answer are taken.
    Last,
    /// Each answer gives a row, with the question before it: where all of a conversation is wanted, and
    /// not its end only.
    Each,
}

impl Several {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("error", Self::Error), ("last", Self::Last), ("each", Self::Each)];
}

/// What is taken for the rejected answer of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rejected {
    /// What the key `rejected` holds: the default.
    #[default]
    Own,
    /// What this key holds.
    Key(String),
    /// The answer of another record, chosen by this seed.
    Other(u64),
}

/// The word for the answer of another record.
const OTHER: &str = "other";

impl Rejected {
    /// What an option stands for: the name of a key, or `other`, which alone takes a seed.
    ///
    /// # Errors
    ///
    /// When a seed is given for anything else, or when the name is empty.
    pub fn named(name: Option<&str>, seed: u64) -> Result<Self, Error> {
        match name {
            Some(OTHER) => Ok(Self::Other(seed)),
            _ if seed != 0 => {
                Err(Error::usage("a seed is for rejected=other, which chooses by it"))
            }
            Some("") => Err(Error::usage("rejected is the name of a key, or other")),
            Some(key) => Ok(Self::Key(key.to_owned())),
            None => Ok(Self::Own),
        }
    }
}

/// The name for: whichever it is.
pub const AUTO: &str = "auto";

/// The dialects that records may be of, compiled for the fields that a shape uses.
#[derive(Debug)]
pub struct Reader {
    keys: Keys,
    holds: Vec<Holds>,
    /// How many of the keys are fields of the shape.
    fields: usize,
    known: Vec<Known>,
    /// Whether a record must be told apart at all.
    indifferent: bool,
    pub(super) lists: Vec<List>,
    /// The slots of fields in use that lists are made of.
    pub(super) instruction: Option<usize>,
    pub(super) cot_answer: Option<usize>,
    pub(super) system: System,
    /// What is taken for the answer.
    pub(super) answer: Answer,
    /// What stands before the final answer, if only that is taken.
    pub(super) final_tag: Option<Tag>,
    /// What becomes of several answers where one is taken.
    pub(super) several: Several,
    pub(super) room: Room,
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
    /// These details of turns.
    pub details: Vec<Detail>,
}

impl Room {
    fn of(shape: &Shape) -> Self {
        let details = [Detail::ToolCalls, Detail::Weight, Detail::Name];
        let calls = shape.roles().filter(|roles| roles.contains_key(CALLS)).map(|_| CALLS);
        Self {
            turns: shape.takes_turns(),
            answer: shape.takes_answer(),
            system: shape.takes_system(),
            roles: ROLES.into_iter().filter(|role| shape.names_role(role)).chain(calls).collect(),
            details: details.into_iter().filter(|detail| shape.takes_detail(*detail)).collect(),
        }
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
    has: u32,
    any: u32,
    lacks: u32,
    tests: Vec<Test>,
    /// Whether its records are as a shape takes them.
    plain: bool,
    /// The fields in use, by their slots.
    pub fields: Vec<Made>,
    pub parser: Option<Parser>,
    /// Where the documents may stand, one after the other, and whether a text without tags is one.
    pub documents: Vec<(Vec<Step>, bool)>,
    /// Whether fields are made of the documents.
    pub uses_documents: bool,
    /// The text whose quotes are wanted.
    pub quotes: Vec<Step>,
    /// The short answer, where that will do.
    pub short: Vec<Step>,
    /// The system message of a record whose rows have no place for one.
    pub lost_system: Option<Vec<Step>>,
    /// The question, where others' answers to it are to be told.
    pub question: Vec<Step>,
    /// How the rows of earlier answers are made, where each answer gives one.
    pub earlier: Option<Box<Self>>,
}

/// How a field is made.
#[derive(Debug)]
pub(super) struct Made {
    pub slot: usize,
    pub steps: Vec<Step>,
    /// What is counted when it comes out other than it was.
    pub fix: Option<Fix>,
}

/// A repair, and what a field is without it.
#[derive(Debug)]
pub(super) struct Fix {
    pub name: &'static str,
    pub without: Vec<Step>,
}

/// A test of a value.
#[derive(Debug)]
enum Test {
    Starts(usize, String),
    Contains(usize, Tag),
    Is(usize, Kind),
    /// It would make no difference.
    Never,
}

impl Test {
    fn can_hold(&self, used: usize) -> bool {
        match self {
            Self::Starts(..) => true,
            Self::Contains(slot, _) | Self::Is(slot, _) => *slot < used,
            Self::Never => false,
        }
    }

    fn holds(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Starts(slot, start) => match record.value(*slot) {
                Value::Text(text) => text.starts_with(start),
                _ => false,
            },
            Self::Contains(slot, tag) => match record.value(*slot) {
                Value::Text(text) => tag.is_in(text),
                _ => false,
            },
            Self::Is(slot, Kind::Text) => matches!(record.value(*slot), Value::Text(_)),
            Self::Never => false,
            Self::Is(slot, Kind::Flat) => super::documents::are_flat(record.value(*slot)),
        }
    }
}

/// What a record is, and what has to be done.
#[derive(Debug)]
pub enum Read<'a> {
    /// It is as the shape takes it.
    Plain(&'static str),
    /// It was made anew.
    Made(&'static str),
    /// It gives several, which are made one after the other.
    Several(&'static str, Box<Answers<'a>>),
}

/// Memory for records that are made, used again and again.
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
        record.with_fields(&self.lists, &self.fields, self.about)
    }

    /// How many entries a list has.
    #[must_use]
    pub fn count(&self, list: List) -> usize {
        self.lists.entries(list).len()
    }
}

impl Reader {
    /// Compiles what a shape needs of the dialects.
    ///
    /// # Errors
    ///
    /// When there is no such dialect or repair.
    pub fn new(shape: &Shape, reading: &Reading) -> Result<Self, Error> {
        let auto = reading.from == AUTO;
        let dialects: Vec<&'static Dialect> = if auto {
            Dialect::built_in()?.iter().collect()
        } else {
            vec![Dialect::named(&reading.from)?]
        };
        check_repairs(&reading.unrepaired)?;
        if matches!(shape.cutter(), Some(Cutter::Final(_))) && reading.answer == Answer::Final {
            let what =
                "--answer final leaves nothing before the final answer: leave out --train final";
            return Err(Error::usage(what));
        }
        let mut compiler = Compiler::new(shape, reading);
        let known = dialects.iter().map(|dialect| compiler.dialect(dialect, auto));
        let known = known.collect::<Result<Vec<_>, _>>()?;
        let slot = |field| shape.fields().iter().position(|&known| known == field);
        let indifferent = shape.fields().is_empty() && shape.lists().is_empty();
        let other = other(shape, &reading.rejected)?;
        Ok(Self {
            keys: Keys::new(compiler.expressions.keys().iter().cloned()),
            holds: compiler.holds(),
            fields: shape.fields().len(),
            known,
            indifferent,
            lists: shape.lists().to_vec(),
            instruction: slot(Field::Instruction),
            cot_answer: slot(Field::CotAnswer),
            system: System { slot: slot(Field::System), text: shape.system_json() },
            answer: reading.answer,
            final_tag: (reading.answer == Answer::Final).then(|| Tag::new(FINAL_TAG)),
            several: reading.turns,
            room: Room::of(shape),
            other,
            cutter: shape.cutter().cloned().unwrap_or(Cutter::Answer),
            jinja: shape.jinja().cloned(),
            rendered: Rendered {
                whole: slot(Field::Rendered),
                halves: slot(Field::RenderedPrompt).zip(slot(Field::RenderedAnswer)),
            },
        })
    }

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

    /// Of the columns of a table, those that are used. Its rows are all of one dialect, which the names
    /// of its columns tell: what stands in columns that are not used is not looked at.
    #[must_use]
    pub fn wanted<'a>(&'a self, columns: &[String]) -> Vec<&'a str> {
        let mut slots = Vec::new();
        for known in self.candidates(columns) {
            self.add_uses(known, &mut slots);
        }
        let names = self.keys.names();
        let fields = 0..self.fields;
        let used = |slot: &usize| fields.contains(slot) || slots.contains(slot);
        let used = (0..names.len()).filter(used).map(|slot| names[slot].as_str());
        used.filter(|name| columns.iter().any(|column| column == name)).collect()
    }

    /// Adds the slots of the keys that records of a dialect are told by and made of.
    fn add_uses(&self, known: &Known, slots: &mut Vec<usize>) {
        known.fields.iter().for_each(|field| plan::add_slots(&field.steps, slots));
        slots.extend(known.parser.as_ref().map(|parser| parser.slot));
        if known.uses_documents || self.lists.contains(&List::Documents) {
            known.documents.iter().for_each(|(steps, _)| plan::add_slots(steps, slots));
        }
        if self.lists.contains(&List::Quotes) {
            plan::add_slots(&known.quotes, slots);
        }
        if self.answer == Answer::Either {
            plan::add_slots(&known.short, slots);
        }
        plan::add_slots(&known.question, slots);
        known.lost_system.iter().for_each(|steps| plan::add_slots(steps, slots));
        let fields = u32::MAX >> (u32::BITS as usize - self.fields.min(31));
        let telling = if known.any & fields == 0 { known.has | known.any } else { known.has };
        slots.extend((0..u32::BITS as usize).filter(|slot| telling >> slot & 1 == 1));
    }

    /// Whether a table of these columns gives fields that are no columns of it.
    #[must_use]
    pub fn makes_fields(&self, columns: &[String]) -> bool {
        self.candidates(columns).any(|known| !known.plain)
    }

    /// The dialects that a table of these columns may be of.
    fn candidates(&self, columns: &[String]) -> impl Iterator<Item = &Known> {
        let has = |name: &String| columns.contains(name);
        let names = self.keys.names().iter().enumerate();
        let found = names.fold(0, |found, (slot, name)| found | u32::from(has(name)) << slot);
        let known = self.known.iter().filter(move |known| known.may_be(found, self.fields));
        let last = known.clone().position(|known| known.tests.is_empty());
        known.take(last.map_or(usize::MAX, |last| last + 1))
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
        let known = self.known.iter().find(|known| known.is(found, record));
        let Some(known) = known else {
            return Err(Unread::Fault(self.of_no_dialect(record)));
        };
        if known.plain {
            return Ok(Read::Plain(known.name));
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
        let others = self.known.iter().filter(|known| known.name != told);
        others.filter(|known| known.is(found, record)).map(|known| known.name).collect()
    }

    #[cold]
    fn of_no_dialect(&self, record: &Record<'_>) -> Fault {
        let known = self.known.first().filter(|_| self.known.len() == 1);
        let dialect = known.map_or(AUTO, |known| known.name);
        record.fault(FaultKind::Dialect { dialect })
    }
}

impl Known {
    #[inline]
    fn is(&self, found: u32, record: &Record<'_>) -> bool {
        self.has_its_keys(found) && self.tests.iter().all(|test| test.holds(record))
    }

    #[inline]
    fn has_its_keys(&self, found: u32) -> bool {
        found & self.has == self.has
            && found & self.lacks == 0
            && (self.any == 0 || found & self.any != 0)
    }

    /// Whether some row of a table with these columns may be of this dialect, as far as the first
    /// columns, which are used anyway, can tell.
    fn may_be(&self, found: u32, used: usize) -> bool {
        self.has_its_keys(found) && self.tests.iter().all(|test| test.can_hold(used))
    }
}

/// Compiles dialects for a shape.
struct Compiler<'a> {
    shape: &'a Shape,
    reading: &'a Reading,
    expressions: Expressions,
}

impl<'a> Compiler<'a> {
    fn new(shape: &'a Shape, reading: &'a Reading) -> Self {
        let keys = shape.fields().iter().map(|field| field.name().to_owned()).collect();
        Self { shape, reading, expressions: Expressions::new(keys) }
    }

    /// What the keys hold: what the fields do, and anything.
    fn holds(&self) -> Vec<Holds> {
        let fields = self.shape.fields().iter().map(|field| field.holds());
        let rest = self.expressions.keys().len() - fields.len();
        fields.chain(std::iter::repeat_n(Holds::Anything, rest)).collect()
    }

    fn dialect(&mut self, dialect: &'static Dialect, auto: bool) -> Result<Known, Error> {
        let wrong = |message| Error::usage(format!("dialect {}: {message}", dialect.name));
        let fields = self.fields(dialect).map_err(wrong)?;
        let uses_documents = self.expressions.take_lists().contains(&List::Documents);
        let parser = match &dialect.turns {
            Some(turns) => Some(Parser::new(
                turns,
                self.expressions.slot(&turns.list),
                turns.fix.as_ref().is_some_and(|fix| self.reading.unrepaired.contains(fix)),
            )),
            None => None,
        };
        let when = &dialect.when;
        let is_plain = fields.is_empty()
            && parser.is_none()
            && self.reading.answer != Answer::Either
            && self.shape.jinja().is_none()
            && !matches!(self.reading.rejected, Rejected::Other(_))
            && self.shape.lists().iter().all(|list| list.is_of_turns());
        let any = if auto { &when.any } else { &Vec::new() };
        Ok(Known {
            name: &dialect.name,
            has: self.bits(&when.has),
            any: self.bits(any),
            lacks: self.bits(&when.lacks),
            tests: self.tests(dialect, !is_plain, auto),
            plain: is_plain,
            fields: self.with_identities(fields),
            parser,
            documents: self.documents(dialect)?,
            short: self.compiled(dialect, &dialect.short)?,
            lost_system: self.lost_system(dialect)?,
            uses_documents,
            quotes: self.compiled(dialect, &dialect.quotes)?,
            question: self.question(dialect)?,
            earlier: self.earlier(dialect, auto)?,
        })
    }

    /// The question, if others' answers to it are to be told.
    fn question(&mut self, dialect: &'static Dialect) -> Result<Vec<Step>, Error> {
        if !matches!(self.reading.rejected, Rejected::Other(_)) {
            return Ok(Vec::new());
        }
        let own = "{question}".into();
        self.compiled(dialect, dialect.fields.get(Field::Question.name()).unwrap_or(&own))
    }

    /// How the rows of earlier answers are made, if there are to be any.
    fn earlier(
        &mut self,
        dialect: &'static Dialect,
        auto: bool,
    ) -> Result<Option<Box<Known>>, Error> {
        let wanted = self.reading.turns == Several::Each && !self.shape.takes_turns();
        let Some(before) = dialect.before.as_deref().filter(|_| wanted) else { return Ok(None) };
        let mut known = self.dialect(before, auto)?;
        let of_the_last = |field: Field| matches!(field, Field::Answer | Field::Rejected);
        known.fields.retain(|made| !of_the_last(self.shape.fields()[made.slot]));
        Ok(Some(Box::new(known)))
    }

    /// The fields in use that the dialect says something about.
    fn fields(&mut self, dialect: &'static Dialect) -> Result<Vec<Made>, String> {
        let shape = self.shape;
        let mut made = Vec::new();
        for (slot, field) in shape.fields().iter().enumerate() {
            let source = match (field, self.reading.answer) {
                (Field::CotAnswer, Answer::Final) => Field::FinalAnswer,
                _ => *field,
            };
            if let (Field::Rejected, Rejected::Key(key)) = (field, &self.reading.rejected) {
                let steps = vec![Step::Json(self.expressions.key(key))];
                made.push(Made { slot, steps, fix: None });
                continue;
            }
            let Some(skeleton) = dialect.fields.get(source.name()) else { continue };
            let Some(name) = dialect.fixes.get(field.name()).map(String::as_str) else {
                let steps = self.expressions.compile(skeleton)?;
                made.push(Made { slot, steps, fix: None });
                continue;
            };
            let without = match dialect.unrepaired.get(source.name()) {
                Some(skeleton) => self.expressions.compile(skeleton)?,
                None => vec![Step::Json(slot)],
            };
            if self.reading.unrepaired.iter().any(|unrepaired| unrepaired == name) {
                made.push(Made { slot, steps: without, fix: None });
            } else {
                let steps = self.expressions.compile(skeleton)?;
                made.push(Made { slot, steps, fix: Some(Fix { name, without }) });
            }
        }
        Ok(made)
    }

    /// Where the documents of a dialect may stand.
    fn documents(&mut self, dialect: &'static Dialect) -> Result<Vec<(Vec<Step>, bool)>, Error> {
        let is_context = dialect.documents == CONTEXT;
        let elsewhere = if is_context { INSTRUCTION } else { CONTEXT };
        let mut places = vec![(self.compiled(dialect, &dialect.documents)?, is_context)];
        let wanted = self.shape.lists().contains(&List::Documents);
        if wanted && !(is_context && dialect.fields.contains_key(Field::Instruction.name())) {
            places.push((self.compiled(dialect, &elsewhere.into())?, !is_context));
        }
        Ok(places)
    }

    /// The system message of a conversation, if rows have no place for one.
    fn lost_system(&mut self, dialect: &'static Dialect) -> Result<Option<Vec<Step>>, Error> {
        if self.shape.takes_system() || dialect.turns.is_none() {
            return Ok(None);
        }
        let own = "{system}".into();
        let system = dialect.fields.get(Field::System.name()).unwrap_or(&own);
        self.compiled(dialect, system).map(Some)
    }

    fn compiled(&mut self, dialect: &Dialect, skeleton: &Json) -> Result<Vec<Step>, Error> {
        let steps = self.expressions.compile(skeleton);
        steps.map_err(|message| Error::usage(format!("dialect {}: {message}", dialect.name)))
    }

    /// The same with the fields that keep their keys.
    fn with_identities(&mut self, mut made: Vec<Made>) -> Vec<Made> {
        for slot in 0..self.shape.fields().len() {
            if !made.iter().any(|field| field.slot == slot) {
                made.push(Made { slot, steps: vec![Step::Json(slot)], fix: None });
            }
        }
        made
    }

    fn bits(&mut self, keys: &[String]) -> u32 {
        keys.iter().fold(0, |bits, key| bits | 1 << self.expressions.slot(key))
    }

    /// The tests on values. To look for something takes time: that is done only where it `matters`.
    fn tests(&mut self, dialect: &'static Dialect, matters: bool, auto: bool) -> Vec<Test> {
        let when = &dialect.when;
        let mut tests = Vec::new();
        for (key, start) in &when.starts {
            tests.push(Test::Starts(self.expressions.slot(key), start.clone()));
        }
        for (key, kind) in &when.is {
            tests.push(Test::Is(self.expressions.slot(key), *kind));
        }
        for (key, text) in &when.contains {
            if matters {
                tests.push(Test::Contains(self.expressions.slot(key), Tag::new(text)));
            } else if auto {
                tests.push(Test::Never);
            }
        }
        tests
    }
}

/// How the rejected answer is chosen from those of other records, if that is asked for.
fn other(shape: &Shape, rejected: &Rejected) -> Result<Option<Other>, Error> {
    let slot = |field| shape.fields().iter().position(|&known| known == field);
    let lacks =
        |what| Err(Error::usage(format!("target {} has no place for {what}", shape.name())));
    match (rejected, slot(Field::Rejected), slot(Field::CotAnswer)) {
        (Rejected::Own, ..) | (Rejected::Key(_), Some(_), _) => Ok(None),
        (_, None, _) => lacks("a rejected answer; `raftfast targets` lists those that need one"),
        (Rejected::Other(_), _, None) => lacks("an answer that others could be compared with"),
        (&Rejected::Other(seed), Some(slot), Some(answer)) => {
            Ok(Some(Other { seed, slot, answer }))
        }
    }
}

fn check_repairs(unrepaired: &[String]) -> Result<(), Error> {
    let mut all: Vec<&str> = Dialect::built_in()?.iter().flat_map(Dialect::repairs).collect();
    all.sort_unstable();
    all.dedup();
    let unknown = unrepaired.iter().find(|name| !all.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| {
        Err(Error::usage(format!("no repair '{name}'; there are {}", all.join(", "))))
    })
}
