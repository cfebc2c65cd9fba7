//! What a consumer asks of rows beside their shape: the order of turns, texts that it does not take,
//! how many rows there may be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::entries::{Detail, List};
use crate::forbidden::Forbidden;
use crate::record::{Field, Record, Value};

/// The rules of a target, read but not compiled. All are optional.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// The role of the first turn after a system message.
    pub first: Option<String>,
    /// The role of the last turn.
    pub last: Option<String>,
    /// Whether no two neighbouring turns may be of one role.
    pub alternate: bool,
    /// The roles that there may be; all, if none are named.
    pub roles: Vec<String>,
    /// How many turns a row has at least, a system message not counted.
    pub min_turns: Option<u64>,
    /// Texts that no content may hold.
    pub forbidden: Vec<String>,
    /// How many rows a file has at least.
    pub min_rows: Option<u64>,
    /// How many rows a file has at most.
    pub max_rows: Option<u64>,
    /// Bytes of a file at most.
    pub max_bytes: Option<u64>,
    /// Characters of a row at most.
    pub max_row_chars: Option<u64>,
    /// Whether rows may have keys besides those of the target.
    pub extra_keys: Option<bool>,
    /// Whether a file starts with a byte order mark.
    pub bom: Option<bool>,
    /// Whether a file is one JSON array.
    pub array: bool,
    /// The names that files must have, without their endings.
    pub files: Vec<String>,
    /// The consumer's own names for what is broken, by rule.
    pub names: BTreeMap<String, String>,
}

impl Rules {
    /// The rules that there are, in words, by their names.
    #[must_use]
    pub fn told(&self) -> BTreeMap<String, String> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let list = |list: &[String]| (!list.is_empty()).then(|| list.join(" "));
        let all = [
            ("first", self.first.clone()),
            ("last", self.last.clone()),
            ("alternate", flag(self.alternate.then_some(true))),
            ("roles", list(&self.roles)),
            ("min_turns", number(self.min_turns)),
            ("forbidden", list(&self.forbidden)),
            ("min_rows", number(self.min_rows)),
            ("max_rows", number(self.max_rows)),
            ("max_bytes", number(self.max_bytes)),
            ("max_row_chars", number(self.max_row_chars)),
            ("extra_keys", flag(self.extra_keys)),
            ("bom", flag(self.bom)),
            ("array", flag(self.array.then_some(true))),
            ("files", list(&self.files)),
        ];
        let told = |(rule, value): (&str, Option<String>)| Some((rule.to_owned(), value?));
        all.into_iter().filter_map(told).collect()
    }
}

/// What is done about rows that break a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Nothing: nobody looks.
    Off,
    /// They are counted and written: the default.
    #[default]
    Warn,
    /// They are rejected.
    Strict,
}

impl Check {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("off", Self::Off), ("warn", Self::Warn), ("strict", Self::Strict)];
}

/// The rules that a record can break, compiled.
#[derive(Debug)]
pub struct Checker {
    first: Option<(String, &'static str)>,
    last: Option<(String, &'static str)>,
    alternate: Option<&'static str>,
    roles: Option<(Vec<String>, &'static str)>,
    min_turns: Option<(u64, &'static str)>,
    forbidden: Option<(Forbidden, &'static str)>,
    /// The slots of the texts of a record of one question and one answer.
    texts: Vec<usize>,
}

impl Checker {
    /// Compiles rules for a shape with these fields; `None` if no record can break one.
    #[must_use]
    pub fn new(rules: &Rules, fields: &[Field]) -> Option<Self> {
        let name = |rule: &str| interned(rules.names.get(rule).map_or(rule, String::as_str));
        let forbidden = Forbidden::new(&rules.forbidden).map(|texts| (texts, name("forbidden")));
        let checker = Self {
            first: rules.first.clone().map(|role| (role, name("first"))),
            last: rules.last.clone().map(|role| (role, name("last"))),
            alternate: rules.alternate.then(|| name("alternate")),
            roles: (!rules.roles.is_empty()).then(|| (rules.roles.clone(), name("roles"))),
            min_turns: rules.min_turns.map(|turns| (turns, name("min_turns"))),
            forbidden,
            texts: slots_of_texts(fields),
        };
        checker.has_rules().then_some(checker)
    }

    fn has_rules(&self) -> bool {
        self.first.is_some()
            || self.last.is_some()
            || self.alternate.is_some()
            || self.roles.is_some()
            || self.min_turns.is_some()
            || self.forbidden.is_some()
    }

    /// The name of the first rule that a record breaks. One question and one answer break no rule
    /// about turns.
    #[must_use]
    pub fn broken(&self, record: &Record<'_>) -> Option<&'static str> {
        if record.is_made()
            && let Some(name) = self.broken_by_turns(record)
        {
            return Some(name);
        }
        let (forbidden, name) = self.forbidden.as_ref()?;
        let texts = self.texts.iter().map(|slot| record.value(*slot));
        let mut contents = record
            .list(List::Messages)
            .into_iter()
            .flatten()
            .map(|turn| turn.value(Detail::Content.slot()));
        let holds = |value: Value<'_>| matches!(value, Value::Text(text) if forbidden.are_in(text));
        (texts.into_iter().any(holds) || contents.any(holds)).then_some(*name)
    }

    fn broken_by_turns(&self, record: &Record<'_>) -> Option<&'static str> {
        let mut turns = 0;
        let mut before: Option<Value<'_>> = None;
        for turn in record.list(List::Turns)? {
            let role = turn.value(Detail::Is.slot());
            if let Some((roles, name)) = &self.roles
                && !roles.iter().any(|known| is(role, known))
            {
                return Some(name);
            }
            match (&self.first, turns) {
                (Some((first, name)), 0) if !is(role, first) => return Some(name),
                _ => {}
            }
            match (self.alternate, before) {
                (Some(name), Some(before)) if before == role => return Some(name),
                _ => {}
            }
            turns += 1;
            before = Some(role);
        }
        match (&self.last, before) {
            (Some((last, name)), Some(role)) if !is(role, last) => return Some(name),
            (Some((_, name)), None) => return Some(name),
            _ => {}
        }
        self.min_turns.filter(|(least, _)| turns < *least).map(|(_, name)| name)
    }
}

fn is(role: Value<'_>, name: &str) -> bool {
    matches!(role, Value::Text(text) if text.is(name))
}

fn slots_of_texts(fields: &[Field]) -> Vec<usize> {
    let is_text = |field: &Field| {
        matches!(field, Field::Instruction | Field::CotAnswer | Field::Question | Field::System)
    };
    (0..fields.len()).filter(|&slot| is_text(&fields[slot])).collect()
}

/// How many names are kept.
const MOST_NAMES: usize = 1024;

/// A name that lives as long as the process; each is kept once, and no more than there may be rules.
pub(crate) fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    if names.len() >= MOST_NAMES {
        return "one of too many";
    }
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(kept);
    kept
}

/// A name that was interned before.
#[must_use]
pub fn known_name(name: &str) -> Option<&'static str> {
    Some(interned(name))
}
