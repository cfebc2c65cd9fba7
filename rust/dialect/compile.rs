//! Dialects compiled for one shape.

use std::iter::repeat_n;

use serde_json::Value as Json;

use super::reader::{Fix, Known, Made, Making, Other, Reader, Rendered, Room, System};
use super::reading::{AUTO, Answer, Reading, Rejected, Several};
use super::turns::{Parser, Place};
use super::when::{Needs, Test};
use super::{CONTEXT, Dialect, INSTRUCTION, Turns};
use crate::entries::{Detail, List};
use crate::error::Error;
use crate::mask::{Cutter, FinalAnswer};
use crate::record::Field;
use crate::scan::{KeySet, Keys, MAX_KEYS};
use crate::shape::plan::{Plan, Source, Step};
use crate::shape::{Expressions, Operation, Shape, operations_of};
use crate::text::Tag;
use crate::value::Holds;

impl Reader {
    /// Compiles what a shape needs of the dialects. Long, because all that a reader has is named once.
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
        reading.check_repairs()?;
        if matches!(shape.cutter(), Some(Cutter::Final(_))) && reading.answer == Answer::Final {
            let what =
                "--answer final leaves nothing before the final answer: leave out --train final";
            return Err(Error::usage(what));
        }
        let mut compiler = Compiler::new(shape, reading);
        let known = dialects.iter().map(|dialect| compiler.dialect(dialect, auto));
        let mut known = known.collect::<Result<Vec<_>, _>>()?;
        let slot = |field| shape.fields().iter().position(|&known| known == field);
        let indifferent = shape.fields().is_empty() && shape.lists().is_empty();
        let other = other(shape, &reading.rejected)?;
        let system = [Field::System.name().to_owned()];
        // Rows have the one that the caller gave, whatever stands in a record.
        let given = shape.takes_system() && slot(Field::System).is_none();
        let own_system = if indifferent || given { 0 } else { compiler.bits(&system) };
        let read = compiler.expressions.keys().len();
        for (known, dialect) in known.iter_mut().zip(dialects) {
            known.refuses = compiler.refuses(dialect);
            known.answers = compiler.answers(dialect);
        }
        Ok(Self {
            keys: compiler.keys(&known)?,
            holds: compiler.holds(read),
            fields: shape.fields().len(),
            known,
            indifferent,
            own_system,
            lists: shape.lists().to_vec(),
            instruction: slot(Field::Instruction),
            cot_answer: slot(Field::CotAnswer),
            system: System { slot: slot(Field::System), text: shape.system_json() },
            answer: reading.answer,
            final_answer: (reading.answer == Answer::Final).then(FinalAnswer::default),
            several: reading.turns,
            room: Room::of(shape),
            takes_silence: shape.rules().content || shape.jinja().is_some(),
            trains_on_last: shape.trains_on_last()
                || (!shape.takes_turns() && reading.turns == Several::Last),
            other,
            cutter: shape.cutter().cloned().unwrap_or(Cutter::Answer),
            jinja: shape.jinja().cloned(),
            rendered: Rendered {
                whole: slot(Field::Rendered),
                halves: slot(Field::RenderedPrompt).zip(slot(Field::RenderedAnswer)),
            },
        })
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
        let keys = shape.fields().iter().map(|field| key_of(*field, shape, reading).to_owned());
        Self { shape, reading, expressions: Expressions::new(keys.collect()) }
    }

    fn keys(&self, known: &[Known]) -> Result<Keys, Error> {
        let names = self.expressions.keys();
        if names.len() > MAX_KEYS {
            let (found, most) = (names.len(), MAX_KEYS);
            return Err(Error::usage(format!("{found} keys are read, and {most} can be")));
        }
        let keys = Keys::new(names.iter().cloned());
        // The last dialect is that of most records.
        let documents = known.last().and_then(|known| known.documents.first()?.0.copied());
        Ok(match documents.filter(|_| self.shape.lists().contains(&List::Documents)) {
            Some(walked) => keys.noting(walked),
            None => keys,
        })
    }

    /// What the keys hold: what the fields do, anything up to those that are `read`, and something.
    fn holds(&self, read: usize) -> Vec<Holds> {
        // A system message may be in parts (Bedrock's rows have it so), which are then joined, and a rejected
        // answer the end of a conversation.
        let holds = |field: &Field| match field {
            Field::System | Field::Rejected => Holds::Documents,
            other => other.holds(),
        };
        let fields = self.shape.fields().iter().map(holds);
        let others = repeat_n(Holds::Anything, read - fields.len());
        let refused = repeat_n(Holds::Something, self.expressions.keys().len() - read);
        fields.chain(others).chain(refused).collect()
    }

    /// Whether rejected answers are those of other records.
    fn takes_others(&self) -> bool {
        matches!(self.reading.rejected, Rejected::Other(_))
    }

    fn dialect(&mut self, dialect: &'static Dialect, auto: bool) -> Result<Known, Error> {
        let wrong = |message| Error::usage(format!("dialect {}: {message}", dialect.name));
        let fields = self.fields(dialect).map_err(wrong)?;
        let uses_documents = self.expressions.take_lists().contains(&List::Documents);
        let parser = dialect.turns.as_ref().map(|turns| self.parser(turns));
        let when = &dialect.when;
        let is_common = fields.is_empty() && parser.is_none() && !self.takes_others();
        let any = if auto { &when.any } else { &Vec::new() };
        Ok(Known {
            name: &dialect.name,
            needs: Needs { all: self.bits(&when.has), any: self.bits(any) },
            keys: self.bits(&when.keys),
            lacks: self.bits(&when.lacks),
            labels: self.bits(dialect.labels()),
            tests: self.tests(dialect, !is_common || dialect.has_own_texts(), auto),
            making: if is_common { self.making(dialect) } else { Making::All },
            fields: self.with_identities(fields),
            parser,
            documents: self.documents(dialect)?,
            short: self.compiled(dialect, &dialect.short)?,
            lost_system: self.lost_system(dialect)?,
            tools: self.tools(dialect)?,
            refuses: Vec::new(),
            answers: Vec::new(),
            uses_documents,
            quotes: self.compiled(dialect, &dialect.quotes)?,
            question: self.question(dialect)?,
            earlier: self.earlier(dialect, auto)?,
        })
    }

    /// What is made of records whose fields are as the shape takes them. What stands beside those of
    /// trainers, and would be lost, is looked at where all is made.
    fn making(&self, dialect: &Dialect) -> Making {
        let all = |found: fn(&List) -> bool| self.shape.lists().iter().all(found);
        let may_lose = dialect.is_of_trainers() && !self.shape.takes_whole();
        if may_lose || self.reading.answer == Answer::Either || self.shape.jinja().is_some() {
            Making::All
        } else if all(|list| list.is_of_turns()) {
            Making::Nothing
        } else if all(|list| matches!(list, List::Documents | List::Quotes)) {
            Making::Texts
        } else {
            Making::All
        }
    }

    fn parser(&mut self, turns: &'static Turns) -> Parser {
        let mut place = |key: &'static String| {
            let (key, inside) = match key.split_once('.') {
                Some((key, inside)) => (key, Some(inside)),
                None => (key.as_str(), None),
            };
            Place { slot: self.expressions.slot(key), key, inside, is_system: false }
        };
        let first = turns.first.iter().map(&mut place);
        let first: Vec<_> = first.map(|first| Place { is_system: true, ..first }).collect();
        let arrays = [Some(&turns.list), turns.rest.as_ref()].into_iter().flatten();
        let arrays = first.into_iter().chain(arrays.map(&mut place)).collect();
        let is_wanted = self.shape.fields().contains(&Field::Rejected)
            && self.reading.rejected == Rejected::Own;
        let rejected = turns.rejected.as_ref().filter(|_| is_wanted).map(place);
        let asked = turns.asked.as_ref().map(|key| self.expressions.slot(key));
        let keeps_starts = turns.fix.as_ref().is_some_and(|fix| self.is_left(fix));
        Parser::new(turns, arrays, rejected, asked, keeps_starts)
    }

    /// Whether a repair is not wanted.
    fn is_left(&self, repair: &str) -> bool {
        self.reading.unrepaired.iter().any(|unrepaired| unrepaired == repair)
    }

    /// The question, if others' answers to it are to be told.
    fn question(&mut self, dialect: &'static Dialect) -> Result<Plan, Error> {
        if !self.takes_others() {
            return Ok(Plan::default());
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
            if *field == Field::Rejected {
                made.extend(self.rejected(dialect, slot));
                continue;
            }
            let Some(skeleton) = dialect.fields.get(source.name()) else { continue };
            let Some(name) = dialect.fixes.get(field.name()).map(String::as_str) else {
                let plan = self.expressions.compile(skeleton)?;
                made.push(Made { slot, plan, fix: None });
                continue;
            };
            let own = dialect.unrepaired.get(field.name()).and_then(Json::as_str);
            let own = own.map_or_else(|| format!("{{{}}}", field.name()), str::to_owned);
            let is_final = source == Field::FinalAnswer;
            let without = if is_final { own.replace('}', "|final_answer}") } else { own };
            let without = self.expressions.compile(&Json::from(without))?;
            if self.is_left(name) {
                made.push(Made { slot, plan: without, fix: None });
            } else {
                let plan = self.expressions.compile(skeleton)?;
                made.push(Made { slot, plan, fix: Some(Fix { name, without }) });
            }
        }
        Ok(made)
    }

    /// The rejected answer, if it is not the value of its own key as it stands: what is done to the answer
    /// is done to it too, because a model that is to tell them apart would learn that difference.
    fn rejected(&mut self, dialect: &'static Dialect, slot: usize) -> Option<Made> {
        let is_turn = dialect.turns.as_ref().is_some_and(|turns| turns.rejected.is_some());
        let from = match &self.reading.rejected {
            Rejected::Own if is_turn => Detail::Rejected.slot(),
            Rejected::Own => self.expressions.key(Field::Rejected.name()),
            Rejected::Key(key) => self.expressions.key(key),
            Rejected::Other(_) => return None,
        };
        let fix = dialect.fixes.get(Field::CotAnswer.name()).map(String::as_str);
        let repair = fix.filter(|fix| !self.is_left(fix));
        let without = self.done_without_repairs();
        let done = if fix.is_some() && repair.is_none() {
            without.clone()
        } else {
            self.done_to_answer(dialect).unwrap_or_else(|| without.clone())
        };
        if done.is_empty() {
            return (from != slot).then(|| Made { slot, plan: as_it_is(from), fix: None });
        }
        let text = |operations| Plan::new(vec![Step::String(Source { slot: from, operations })]);
        let fix = repair.map(|name| Fix { name, without: text(without) });
        Some(Made { slot, plan: text(done), fix })
    }

    /// What a dialect does to an answer, or to find the final one, if it is one text that something is done
    /// to.
    fn done_to_answer(&self, dialect: &Dialect) -> Option<Vec<Operation>> {
        let is_final = self.reading.answer == Answer::Final;
        let field = if is_final { Field::FinalAnswer } else { Field::CotAnswer };
        let operations = operations_of(dialect.fields.get(field.name())?.as_str()?);
        (!operations.is_empty()).then_some(operations)
    }

    /// What is done to any answer.
    fn done_without_repairs(&self) -> Vec<Operation> {
        let is_final = self.reading.answer == Answer::Final;
        is_final.then(|| Operation::FinalAnswer(FinalAnswer::default())).into_iter().collect()
    }

    /// Where the documents of a dialect may stand.
    fn documents(&mut self, dialect: &'static Dialect) -> Result<Vec<(Plan, bool)>, Error> {
        let is_context = dialect.documents == CONTEXT;
        let elsewhere = if is_context { INSTRUCTION } else { CONTEXT };
        let mut places = vec![(self.compiled(dialect, &dialect.documents)?, is_context)];
        let wanted = self.shape.lists().contains(&List::Documents);
        if wanted && !(is_context && dialect.fields.contains_key(Field::Instruction.name())) {
            places.push((self.compiled(dialect, &elsewhere.into())?, !is_context));
        }
        Ok(places)
    }

    /// The system message of a record, if rows have no place for one.
    fn lost_system(&mut self, dialect: &'static Dialect) -> Result<Option<Plan>, Error> {
        if self.shape.takes_system() || self.shape.takes_whole() {
            return Ok(None);
        }
        let own = "{system}".into();
        let system = dialect.fields.get(Field::System.name()).unwrap_or(&own);
        self.compiled(dialect, system).map(Some)
    }

    /// The definitions of tools beside what trainers take, if rows do not name them: a template is told of
    /// them, or they are refused.
    fn tools(&mut self, dialect: &'static Dialect) -> Result<Option<Plan>, Error> {
        let are_named = self.shape.fields().contains(&Field::Tools);
        if are_named || !dialect.is_of_trainers() || self.shape.takes_whole() {
            return Ok(None);
        }
        self.compiled(dialect, &"{tools|value}".into()).map(Some)
    }

    /// What would be lost, unless rows have the whole record. To be asked last: keys that are new by then
    /// are read for nothing else.
    fn refuses(&mut self, dialect: &'static Dialect) -> Vec<(usize, &'static str)> {
        let refused = dialect.refuses.iter().filter(|_| !self.shape.takes_whole());
        refused.map(|(key, what)| (self.expressions.slot(key), what.as_str())).collect()
    }

    /// The answers beside turns, in the same way.
    fn answers(&mut self, dialect: &'static Dialect) -> Vec<usize> {
        let lost = dialect.answers.iter().filter(|_| !self.shape.takes_whole());
        lost.map(|key| self.expressions.slot(key)).collect()
    }

    fn compiled(&mut self, dialect: &Dialect, skeleton: &Json) -> Result<Plan, Error> {
        let plan = self.expressions.compile(skeleton);
        plan.map_err(|message| Error::usage(format!("dialect {}: {message}", dialect.name)))
    }

    /// The same with the fields that keep their keys.
    fn with_identities(&mut self, mut made: Vec<Made>) -> Vec<Made> {
        for slot in 0..self.shape.fields().len() {
            if !made.iter().any(|field| field.slot == slot) {
                made.push(Made { slot, plan: as_it_is(slot), fix: None });
            }
        }
        made
    }

    fn bits(&mut self, keys: &[impl AsRef<str>]) -> KeySet {
        keys.iter().fold(0, |bits, key| bits | 1 << self.expressions.slot(key.as_ref()))
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
                tests.push(Test::Contains(self.expressions.slot(key), Box::new(Tag::new(text))));
            } else if auto {
                tests.push(Test::Never);
            }
        }
        tests
    }
}

/// The key under which records have a field: a rejected answer under another name is read from there, so
/// that nothing needs to be made, unless that is a field of its own in these rows.
fn key_of<'a>(field: Field, shape: &Shape, reading: &'a Reading) -> &'a str {
    match &reading.rejected {
        Rejected::Key(key)
            if field == Field::Rejected && shape.fields().iter().all(|own| own.name() != key) =>
        {
            key
        }
        _ => field.name(),
    }
}

/// The value of a key.
fn as_it_is(slot: usize) -> Plan {
    Plan::new(vec![Step::Json(slot)])
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
