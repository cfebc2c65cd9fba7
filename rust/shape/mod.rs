//! A target, compiled once: what to look for, what to filter, and how a row is written.

mod answers;
mod bound;
mod expressions;
pub(crate) mod flatten;
mod lists;
mod parse;
mod placeholder;
pub(crate) mod plan;
mod skeleton;
pub(crate) mod tree;
mod vocabulary;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::batch::Batch;
use crate::entries::{Detail, List};
use crate::error::{Error, Fault};
use crate::jinja::Jinja;
use crate::mask::{Cutter, Mask};
use crate::oracle::Oracle;
use crate::record::{Field, Record};
use crate::rules::Rules;
use crate::scan::{Keys, MAX_KEYS};
use crate::target::{Beside, Target};
use crate::text::{Escape, Text};
use crate::value::Value;
use flatten::For;
use plan::{Condition, Plan};
use tree::Node;
use vocabulary::{Names, Roles};
use wrong::Wrong;

pub(crate) use expressions::Expressions;
pub(crate) use placeholder::{Operation, operations_of};

/// The setting that a record may have of its own.
const SYSTEM: &str = "system";

/// What a caller can choose about the rows of a target.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Settings of the target by name, instead of its defaults.
    pub settings: BTreeMap<String, String>,
    /// How strings are written.
    pub escape: Escape,
    /// What of the answer is trained on; by default what the target's own row says.
    pub train: Option<Mask>,
}

/// A compiled target.
///
/// ```
/// use raftfast::shape::{Options, Shape};
/// use raftfast::target::Target;
///
/// let shape = Shape::compile(&Target::named("completion")?, &Options::default())?;
/// assert_eq!(shape.keys().names(), ["instruction", "cot_answer"]);
/// # Ok::<(), raftfast::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Shape {
    name: String,
    keys: Keys,
    /// The fields in use; those that the target needs come first.
    fields: Vec<Field>,
    /// What messages call them.
    names: Vec<&'static str>,
    needs: usize,
    /// Bit k is set if field k must be in some record at least.
    expected: u64,
    tree: Arc<Node>,
    /// How a row is written of a record as Gorilla has it, and of any.
    plain: Plan,
    all: Plan,
    escape: Escape,
    /// The lists in use.
    lists: Vec<List>,
    details: BTreeSet<(Detail, Option<String>)>,
    roles: Option<Roles>,
    /// The system message of the target or of the caller, if the target has such a setting.
    system: Option<String>,
    rules: Rules,
    beside: Option<Beside>,
    jinja: Option<Arc<Jinja>>,
    /// What is trained on, if the caller says so.
    cutter: Option<Arc<Cutter>>,
    /// What is asked of the document that holds the answer, and its slot.
    oracle: Option<(Oracle, usize)>,
    /// The slot of the answer that must have a final one.
    final_answer: Option<usize>,
    /// Whether a row says which answer is the last one.
    tells_last: bool,
}

/// What a shape says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The fields that the record has, as bits in the order of the keys.
    pub present: u64,
    /// Why the target drops the record, if it does.
    pub dropped: Option<&'static str>,
}

impl Shape {
    /// Compiles a target with the settings of the caller. Long, because all that a shape has is named once.
    ///
    /// # Errors
    ///
    /// A usage error that names what the target does not know, or what does not fit together.
    pub fn compile(target: &Target, options: &Options) -> Result<Self, Error> {
        let settings = settings(target, options)?;
        let beside = target.beside.as_ref().map_or(Ok(()), Beside::check);
        beside.map_err(|message| target.wrong(&message))?;
        let row = target.row_for(options.train)?;
        let wrong = |wrong: Wrong| target.wrong_in(row, wrong.line(row), &wrong.what);
        let skeleton = parse::row(row).map_err(wrong)?;
        let roles = target.roles.clone().map(|roles| Roles(Arc::new(roles)));
        let names = Names::Fields(Vec::new());
        let given = &options.settings;
        let mut compiler = skeleton::Compiler::new(&settings, given, roles.clone(), names);
        compiler.is_rendered = target.is_rendered;
        for need in &target.needs {
            compiler.need(needed(need).map_err(|message| target.wrong(&message))?);
        }
        if target.oracle.is_some() {
            compiler.need(Field::OracleContext);
            compiler.documents().map_err(wrong)?;
        }
        if let Some(mask) = options.train {
            compiler.need(Field::CotAnswer);
            compiler.cutter = Some(Arc::new(Cutter::new(mask)));
        }
        let needs = compiler.fields().len();
        if target.jinja.is_some() {
            compiler.conversation().map_err(wrong)?;
        }
        let tree = compiler.row(&skeleton).map_err(wrong)?;
        compiler.check_mask().map_err(wrong)?;
        compiler.check_roles().map_err(|message| target.wrong(&message))?;
        let all = flatten::row(&tree, options.escape, For::All);
        if all.takes_whole() && settings.len() > target.settings.len() {
            return Err(no_setting(target, SYSTEM));
        }
        let fields = compiler.fields().to_vec();
        let expected = fields.iter().map(|field| compiler.expected.contains(field));
        Ok(Self {
            name: target.name.clone(),
            keys: Keys::new(fields.iter().map(|field| field.name())),
            needs,
            expected: bits(expected),
            plain: flatten::row(&tree, options.escape, For::Plain),
            all,
            tree: Arc::new(tree),
            escape: options.escape,
            lists: compiler.lists,
            details: compiler.details,
            roles,
            system: settings.get(SYSTEM).cloned(),
            rules: target.rules.clone(),
            beside: target.beside.clone(),
            jinja: target.jinja.clone(),
            names: fields.iter().map(|field| field.name()).collect(),
            oracle: target.oracle.zip(place_of(Field::OracleContext, &fields)),
            final_answer: place_of(Field::CotAnswer, &fields)
                .filter(|_| matches!(compiler.cutter.as_deref(), Some(Cutter::Final(_)))),
            tells_last: compiler.cuts || options.train.is_some(),
            cutter: compiler.cutter,
            fields,
        })
    }

    /// Lets messages call a field by the key that it is taken from.
    pub(crate) fn rename(&mut self, field: Field, name: &'static str) {
        let all = self.fields.iter().zip(&mut self.names);
        all.filter(|(known, _)| **known == field).for_each(|(_, known)| *known = name);
    }

    /// The keys that a scanner must look for.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The fields in use, in the order of the keys.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether rows hold whole records.
    #[must_use]
    pub fn takes_whole(&self) -> bool {
        self.all.takes_whole()
    }

    /// Takes a batch of the input called `path` for this target: see [`Batch::new`].
    ///
    /// # Errors
    ///
    /// Those of [`Batch::new`].
    pub fn batch(&self, path: &str, batch: &RecordBatch) -> Result<Batch, Error> {
        let keys = self.fields.iter().map(|field| (field.name(), field.holds()));
        Batch::new(path, batch, &keys.collect::<Vec<_>>(), self.takes_whole())
    }

    /// The lists in use.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// Whether rows hold any number of turns.
    #[must_use]
    pub fn takes_turns(&self) -> bool {
        self.lists.iter().any(|list| list.is_of_turns())
    }

    /// Whether rows have a place for a system message, or one that was given in place of all.
    #[must_use]
    pub fn takes_system(&self) -> bool {
        self.system.is_some() || self.fields.contains(&Field::System)
    }

    /// Whether rows have a place for a detail of turns of some role.
    #[must_use]
    pub fn takes_detail(&self, detail: Detail, role: &str) -> bool {
        let takes = |(known, of): &(Detail, Option<String>)| {
            *known == detail && of.as_ref().is_none_or(|of| of == role)
        };
        self.jinja.is_some() || self.details.iter().any(takes)
    }

    /// Whether a row holds an answer at a place of its own, and not only among turns, or tells the last
    /// one from the others.
    #[must_use]
    pub fn takes_answer(&self) -> bool {
        let asked = self.fields.contains(&Field::CotAnswer) || self.lists.contains(&List::Prompt);
        self.tells_last
            || asked && !self.lists.iter().any(|list| matches!(list, List::Messages | List::Turns))
    }

    /// Whether it is plain from a row that no answer but the last is trained on, as of two of which one is better.
    #[must_use]
    pub fn trains_on_last(&self) -> bool {
        let has_rejected = self.fields[..self.needs].contains(&Field::Rejected);
        self.tells_last || has_rejected || self.lists.contains(&List::Prompt)
    }

    /// Whether rows have a name for a role.
    #[must_use]
    pub fn names_role(&self, role: &str) -> bool {
        self.roles.as_ref().is_none_or(|roles| roles.name(role).is_some())
    }

    /// The system message of the target or of the caller.
    pub(crate) fn system(&self) -> Option<&str> {
        self.system.as_deref()
    }

    /// The system message of the target or of the caller, as a JSON string.
    #[must_use]
    pub fn system_json(&self) -> Vec<u8> {
        let mut json = vec![b'"'];
        Text::Plain(self.system.as_deref().unwrap_or_default()).write_json(Escape::Keep, &mut json);
        json.push(b'"');
        json
    }

    /// Whether a record has a system message: one of its own, or that of the target or of the caller.
    pub(crate) fn says_system(&self) -> Option<Condition> {
        let given = self.system.as_ref().is_some_and(|text| !text.is_empty());
        place_of(Field::System, &self.fields).map(|slot| Condition::Own(slot, given))
    }

    /// What the consumer calls the roles, if it has names of its own.
    pub(crate) fn roles(&self) -> Option<&BTreeMap<String, String>> {
        self.roles.as_ref().map(|roles| &*roles.0)
    }

    /// The template that renders conversations, if the target has one.
    pub(crate) fn jinja(&self) -> Option<&Arc<Jinja>> {
        self.jinja.as_ref()
    }

    /// What is trained on, if the caller says so.
    pub(crate) fn cutter(&self) -> Option<&Cutter> {
        self.cutter.as_deref()
    }

    /// What the consumer asks of rows.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The file that the consumer wants beside the rows.
    #[must_use]
    pub fn beside(&self) -> Option<&Beside> {
        self.beside.as_ref()
    }

    /// The name of the target.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields that a record must have to become a row.
    pub(crate) fn needs(&self) -> &[Field] {
        &self.fields[..self.needs]
    }

    /// The row as a tree.
    pub(crate) fn tree(&self) -> &Arc<Node> {
        &self.tree
    }

    /// Whether every field that decides what a row holds is one that some record at least must have.
    #[must_use]
    pub fn all_expected(&self) -> bool {
        let asked = self.all.asked();
        asked.iter().all(|&slot| slot >= MAX_KEYS || self.expected >> slot & 1 == 1)
    }

    /// Bytes of the values in `slots`, which are those in use, as JSON: of all if rows hold whole
    /// records.
    pub(crate) fn used_bytes(&self, record: &Record<'_>, slots: &[usize]) -> u64 {
        if self.takes_whole() {
            return record.whole().json_len() as u64;
        }
        slots.iter().map(|&slot| record.raw_len(slot) as u64).sum()
    }

    /// The fields that a record has, as bits in the order of the keys.
    #[must_use]
    pub fn present(&self, record: &Record<'_>) -> u64 {
        bits((0..self.fields.len()).map(|slot| record.has(slot)))
    }

    /// The first field that some record at least must have and that is missing in what is `present`.
    #[must_use]
    pub fn missing(&self, present: u64) -> Option<&'static str> {
        let missing = self.expected & !present;
        let slot = missing.trailing_zeros() as usize;
        self.names.get(slot).copied()
    }

    /// All fields that some record at least must have and that are missing in what is `present`.
    #[must_use]
    pub fn all_missing(&self, present: u64) -> Vec<&'static str> {
        let missing = |slot: &usize| (self.expected & !present) >> slot & 1 == 1;
        (0..self.fields.len()).filter(missing).map(|slot| self.names[slot]).collect()
    }

    /// Decides whether a record becomes a row.
    ///
    /// # Errors
    ///
    /// A fault if a field in use holds another type than it should.
    #[inline]
    pub fn judge(&self, record: &Record<'_>) -> Result<Verdict, Fault> {
        let mut verdict = Verdict { present: 0, dropped: None };
        for (slot, &field) in self.fields.iter().enumerate() {
            let value = record.value(slot);
            if !value.fits(field.holds()) {
                return Err(record.wrong_type(slot, field, self.names[slot]));
            }
            verdict.present |= u64::from(value != Value::Missing) << slot;
            if slot < self.needs && verdict.dropped.is_none() {
                verdict.dropped = value.absence().map(|absence| field.reason(absence));
            }
        }
        if let (None, Some((oracle, slot))) = (verdict.dropped, self.oracle) {
            verdict.dropped = oracle.objection(record, slot);
        }
        if let (None, Some(slot)) = (verdict.dropped, self.final_answer) {
            verdict.dropped = self.without_final(record.value(slot));
        }
        Ok(verdict)
    }

    /// Why a record whose final answer is asked for is dropped, if it has none.
    fn without_final(&self, answer: Value<'_>) -> Option<&'static str> {
        let Value::Text(answer) = answer else { return None };
        let absence = self.cutter()?.absence(answer)?;
        Some(Field::FinalAnswer.reason(absence))
    }

    /// Writes a record as a row with its line end.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is written.
    #[inline]
    pub fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        Ok(self.plan(record).write(record, self.escape, out)?)
    }

    /// How many characters the row of a record has at most.
    pub(crate) fn most_characters(&self, record: &Record<'_>) -> usize {
        self.plan(record).most_characters(record)
    }

    #[inline]
    fn plan(&self, record: &Record<'_>) -> &Plan {
        if record.has_lists() { &self.all } else { &self.plain }
    }
}

fn place_of(field: Field, fields: &[Field]) -> Option<usize> {
    fields.iter().position(|&known| known == field)
}

/// The field of a name in needs: one that a record can have.
fn needed(name: &str) -> Result<Field, String> {
    let of_records = Field::ALL.iter().filter(|field| !field.is_rendered());
    of_records.clone().find(|field| field.name() == name).copied().ok_or_else(|| {
        let known = of_records.map(|field| field.name()).collect::<Vec<_>>().join(", ");
        format!("unknown field '{name}' in needs; there are {known}")
    })
}

/// The settings of a target, with those of the caller in their place. Any may be told to leave system messages
/// out: one that has no place for them refuses them otherwise.
fn settings(target: &Target, options: &Options) -> Result<BTreeMap<String, String>, Error> {
    let mut settings = target.settings.clone();
    for (name, value) in &options.settings {
        let leaves_out = name == SYSTEM && value.is_empty();
        if !leaves_out && !settings.contains_key(name) {
            return Err(no_setting(target, name));
        }
        settings.insert(name.clone(), value.clone());
    }
    Ok(settings)
}

fn no_setting(target: &Target, name: &str) -> Error {
    let known = target.settings.keys().map(String::as_str).collect::<Vec<_>>();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::usage(format!("target {} has no setting '{name}'; its settings: {known}", target.name))
}

fn bits(set: impl Iterator<Item = bool>) -> u64 {
    set.enumerate().fold(0, |bits, (place, set)| bits | u64::from(set) << place)
}
