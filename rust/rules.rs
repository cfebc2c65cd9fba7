//! What a consumer asks of rows beside their shape: the order of turns, texts that it does not take,
//! how many rows there may be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::error::FaultKind;

/// The rules of a target, read but not compiled. All are optional.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own in target files")]
pub struct Rules {
    /// The role of the first turn after a system message.
    pub first: Option<String>,
    /// The role of the last turn.
    pub last: Option<String>,
    /// Whether no two neighbouring turns may be of one role.
    pub alternate: bool,
    /// By role, the roles of which a turn may be that follows one of it; any may follow roles not named here.
    pub after: BTreeMap<String, Vec<String>>,
    /// The roles that there may be; all, if none are named.
    pub roles: Vec<String>,
    /// How many turns a row has at least, a system message not counted.
    pub min_turns: Option<u64>,
    /// Roles of which there is one turn at least.
    pub has: Vec<String>,
    /// Whether system messages come before all others.
    pub system_first: bool,
    /// Whether there is one system message at most.
    pub one_system: bool,
    /// The roles whose turns may have a weight, which is 0 or 1; all may have any if none are named.
    pub weight: Vec<String>,
    /// Whether every turn says something, but for those that call tools.
    pub content: bool,
    /// Whether a turn that calls tools says nothing beside its calls.
    pub calls_alone: bool,
    /// Whether as many turns of tools stand before the next answer as the one before it calls; at the end
    /// there may be fewer.
    pub calls_answered: bool,
    /// Whether the arguments of calls are texts, which hold JSON, and no JSON themselves.
    pub calls_as_text: bool,
    /// How many ASCII letters and digits, and nothing else, the ids of calls are of: in turns of tools,
    /// and in calls of all turns but the last, which need not have any.
    pub call_id_chars: Option<u64>,
    /// Whether a content may be a list of parts, in rows that others wrote; where the target writes a list
    /// of one text, whether there may be several.
    pub parts: bool,
    /// By role, the keys of parts other than texts that a content may have where the target writes a list
    /// of one text.
    pub other_parts: BTreeMap<String, Vec<String>>,
    /// Texts that no content may hold.
    pub forbidden: Vec<String>,
    /// How many rows a file has at least.
    pub min_rows: Option<u64>,
    /// How many rows a file has at most.
    pub max_rows: Option<u64>,
    /// Bytes of a file at most.
    pub max_bytes: Option<u64>,
    /// Characters in the texts of a row at most.
    pub max_row_chars: Option<u64>,
    /// Whether rows may have keys besides those of the target.
    pub extra_keys: Option<bool>,
    /// Whether turns may have keys besides those of the target; as rows, if it is not said.
    pub turn_extra_keys: Option<bool>,
    /// Keys that a row or turn that others wrote does not have all, group by group.
    pub apart: Vec<Vec<String>>,
    /// Keys that rows and turns may have all the same.
    pub other_keys: Vec<String>,
    /// Roles that turns may have all the same in rows that others wrote, with the consumer's names for them.
    pub other_roles: BTreeMap<String, String>,
    /// Keys of the target of which the consumer takes no notice, each with the key that it stands right
    /// inside of, as in `systemInstruction.role`: in rows that others wrote they may be anything.
    pub ignores: Vec<String>,
    /// Whether a file starts with a byte order mark.
    pub bom: Option<bool>,
    /// Whether a file is one JSON array.
    pub array: Option<bool>,
    /// The names that files must have, without their endings.
    pub files: Vec<String>,
    /// The consumer's own names for what is broken, by rule.
    pub names: BTreeMap<String, String>,
}

impl Rules {
    /// The rules that there are, in words, by their names. Long, because each has its line.
    #[must_use]
    pub fn told(&self) -> BTreeMap<String, String> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let list = |list: &[String]| (!list.is_empty()).then(|| list.join(" "));
        let by_role = |lists: &BTreeMap<String, Vec<String>>| -> Vec<_> {
            lists.iter().map(|(role, list)| format!("{role}: {}", list.join(" "))).collect()
        };
        let (after, other_parts) = (by_role(&self.after), by_role(&self.other_parts));
        let apart: Vec<_> = self.apart.iter().map(|keys| keys.join(" ")).collect();
        let other_roles: Vec<_> = self.other_roles.values().map(String::as_str).collect();
        let all = [
            ("first", self.first.clone()),
            ("last", self.last.clone()),
            ("alternate", flag(self.alternate.then_some(true))),
            ("after", (!after.is_empty()).then(|| after.join(", "))),
            ("roles", list(&self.roles)),
            ("min_turns", number(self.min_turns)),
            ("has", list(&self.has)),
            ("system_first", flag(self.system_first.then_some(true))),
            ("one_system", flag(self.one_system.then_some(true))),
            ("weight", list(&self.weight)),
            ("content", flag(self.content.then_some(true))),
            ("calls_alone", flag(self.calls_alone.then_some(true))),
            ("calls_answered", flag(self.calls_answered.then_some(true))),
            ("calls_as_text", flag(self.calls_as_text.then_some(true))),
            ("call_id_chars", number(self.call_id_chars)),
            ("parts", flag(self.parts.then_some(true))),
            ("other_parts", (!other_parts.is_empty()).then(|| other_parts.join(", "))),
            ("forbidden", list(&self.forbidden)),
            ("min_rows", number(self.min_rows)),
            ("max_rows", number(self.max_rows)),
            ("max_bytes", number(self.max_bytes)),
            ("max_row_chars", number(self.max_row_chars)),
            ("extra_keys", flag(self.extra_keys)),
            ("turn_extra_keys", flag(self.turn_extra_keys)),
            ("apart", (!self.apart.is_empty()).then(|| apart.join(", "))),
            ("other_keys", list(&self.other_keys)),
            ("other_roles", (!other_roles.is_empty()).then(|| other_roles.join(" "))),
            ("ignores", list(&self.ignores)),
            ("bom", flag(self.bom)),
            ("array", flag(self.array)),
            ("files", list(&self.files)),
        ];
        let told = |(rule, value): (&str, Option<String>)| Some((rule.to_owned(), value?));
        all.into_iter().filter_map(told).collect()
    }

    /// The rules that can have a consumer's name: those that rows and their lines break.
    pub(crate) const NAMED: [&str; 24] = [
        "first",
        "last",
        "alternate",
        "after",
        "roles",
        "min_turns",
        "has",
        "system_first",
        "one_system",
        "weight",
        "content",
        "calls_alone",
        "calls_answered",
        "calls_as_text",
        "call_id_chars",
        "forbidden",
        "max_row_chars",
        "missing_key",
        "turn_missing_key",
        "extra_keys",
        "turn_extra_keys",
        "apart",
        "wrong_type",
        "wrong_value",
    ];

    /// A name of `names` that no rule has, nor a fault of a line.
    pub(crate) fn unknown_name(&self) -> Option<&str> {
        let is_known = |name: &str| Self::NAMED.contains(&name) || FaultKind::NAMES.contains(&name);
        self.names.keys().map(String::as_str).find(|name| !is_known(name))
    }

    /// The roles that are named in rules.
    pub(crate) fn named_roles(&self) -> impl Iterator<Item = &str> {
        let one = self.first.iter().chain(&self.last);
        let lists = self.roles.iter().chain(&self.has).chain(&self.weight);
        let after = self.after.keys().chain(self.after.values().flatten());
        let others = self.other_roles.keys().chain(self.other_parts.keys());
        one.chain(lists).chain(after).chain(others).map(String::as_str)
    }

    /// The consumer's name for what is broken, or else the rule's own.
    #[must_use]
    pub fn name(&self, rule: &str) -> &'static str {
        interned(self.names.get(rule).map_or(rule, String::as_str))
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

/// A name that lives as long as the process: of a rule or of a key, as targets and accounts of runs call them,
/// and nothing that records hold. Each is kept once.
pub fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(kept);
    kept
}
