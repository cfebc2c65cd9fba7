//! Skeleton to plan: walks the JSON of a target once and leaves to the record what is the record's.
//!
//! Two kinds of objects are questions and not rows, spelled as json-e (taskcluster/json-e) does:
//! `{"$if": NAME, "then": A, "else": B}` asks whether a setting or field is there and not empty, and
//! `{"$has": FIELD, "then": A, "else": B}` whether the record has the key at all. Without an `else`,
//! the member or element that the question stands for is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::placeholder::{self, Operation, Piece};
use super::plan::{Condition, Source, Step};
use crate::record::{Field, Holds};
use crate::text::{Escape, Text};

/// Compiles the skeleton of one target.
pub(super) struct Compiler<'a> {
    settings: &'a BTreeMap<String, String>,
    escape: Escape,
    /// The fields in use, in the order in which they were first named.
    pub fields: Vec<Field>,
    /// Those that rows use whatever the record holds.
    pub expected: Vec<Field>,
    /// How many conditions on the record surround the place being compiled.
    conditions: usize,
}

/// A value or a member that may turn out to be left out.
enum Compiled {
    /// Always there.
    Always(Vec<Step>),
    /// There if the condition holds, or the other way around.
    Maybe { condition: Condition, then: Option<Vec<Step>>, otherwise: Option<Vec<Step>> },
    /// Left out of every row.
    Never,
}

type Result<T> = std::result::Result<T, String>;

impl<'a> Compiler<'a> {
    pub(super) fn new(settings: &'a BTreeMap<String, String>, escape: Escape) -> Self {
        Self { settings, escape, fields: Vec::new(), expected: Vec::new(), conditions: 0 }
    }

    /// Compiles a whole row.
    pub(super) fn row(&mut self, skeleton: &Json) -> Result<Vec<Step>> {
        match self.value(skeleton)? {
            Compiled::Always(mut steps) => {
                steps.push(Step::Literal(b"\n".to_vec()));
                Ok(merged(steps))
            }
            _ => Err("the row itself cannot be left out".to_owned()),
        }
    }

    /// Takes a field into use.
    pub(super) fn slot(&mut self, field: Field) -> usize {
        self.fields.iter().position(|&known| known == field).unwrap_or_else(|| {
            self.fields.push(field);
            self.fields.len() - 1
        })
    }

    fn value(&mut self, skeleton: &Json) -> Result<Compiled> {
        let steps = match skeleton {
            Json::Object(members) if is_question(members) => return self.question(members),
            Json::Object(members) => self.object(members)?,
            Json::Array(elements) => self.array(elements)?,
            Json::String(text) => self.string(text)?,
            Json::Null | Json::Bool(_) | Json::Number(_) => literal(skeleton.to_string()),
        };
        Ok(Compiled::Always(steps))
    }

    fn object(&mut self, members: &Map<String, Json>) -> Result<Vec<Step>> {
        let mut list = List::new("{");
        let mut names = Vec::new();
        for (name, value) in members {
            let name = self.fixed(name)?;
            if names.contains(&name) {
                return Err(format!("two members of one object are named '{name}'"));
            }
            let key = format!("{}:", self.quoted(&name));
            names.push(name);
            list.push(prefixed(&key, self.value(value)?));
        }
        Ok(list.close("}"))
    }

    fn array(&mut self, elements: &[Json]) -> Result<Vec<Step>> {
        let mut list = List::new("[");
        for element in elements {
            list.push(self.value(element)?);
        }
        Ok(list.close("]"))
    }

    fn question(&mut self, members: &Map<String, Json>) -> Result<Compiled> {
        if members.contains_key("$if") && members.contains_key("$has") {
            return Err("'$if' and '$has' in one question".to_owned());
        }
        let known = |name: &&String| matches!(name.as_str(), "$if" | "$has" | "then" | "else");
        if let Some(name) = members.keys().find(|name| !known(name)) {
            return Err(format!("'{name}' beside a question; there are 'then' and 'else'"));
        }
        let (then, otherwise) = (members.get("then"), members.get("else"));
        if let Some(Json::String(name)) = members.get("$if") {
            if let Some(setting) = self.settings.get(name) {
                let chosen = if setting.is_empty() { otherwise } else { then };
                return chosen.map_or(Ok(Compiled::Never), |chosen| self.value(chosen));
            }
            let slot = self.field_slot(name)?;
            return self.choice(Condition::Truthy(slot), then, otherwise);
        }
        let Some(Json::String(name)) = members.get("$has") else {
            return Err("'$if' and '$has' take the name of a field or setting".to_owned());
        };
        let slot = self.field_slot(name)?;
        self.choice(Condition::Has(slot), then, otherwise)
    }

    fn choice(
        &mut self,
        condition: Condition,
        then: Option<&Json>,
        otherwise: Option<&Json>,
    ) -> Result<Compiled> {
        self.conditions += 1;
        let then = then.map(|value| self.branch(value)).transpose()?.flatten();
        let otherwise = otherwise.map(|value| self.branch(value)).transpose()?.flatten();
        self.conditions -= 1;
        Ok(Compiled::Maybe { condition, then, otherwise })
    }

    /// A branch of a question: again a value, or a question that is answered in the target itself.
    fn branch(&mut self, value: &Json) -> Result<Option<Vec<Step>>> {
        match self.value(value)? {
            Compiled::Always(steps) => Ok(Some(steps)),
            Compiled::Never => Ok(None),
            Compiled::Maybe { .. } => Err("a question may not stand right in another".to_owned()),
        }
    }

    /// A string: a field of its own, or pieces between quotes.
    fn string(&mut self, text: &str) -> Result<Vec<Step>> {
        let mut pieces = placeholder::parse(text)?;
        if let [Piece::Name { name, operations }] = pieces.as_mut_slice()
            && !self.settings.contains_key(name)
        {
            let operations = std::mem::take(operations);
            return self.alone(name, operations);
        }
        if let [Piece::Name { name, operations }] = pieces.as_slice()
            && self.setting(name, operations).is_none()
        {
            return Ok(literal("null"));
        }
        let mut steps = literal("\"");
        for piece in pieces {
            steps.push(self.piece(piece)?);
        }
        steps.extend(literal("\""));
        Ok(steps)
    }

    /// A setting after the operations on it; `None` is null.
    fn setting(&self, name: &str, operations: &[Operation]) -> Option<String> {
        let setting = Text::Plain(self.settings.get(name)?);
        let text = operations.iter().try_fold(setting, |text, operation| operation.apply(text));
        text.map(Text::to_plain)
    }

    /// A placeholder that is the whole string.
    fn alone(&mut self, name: &str, operations: Vec<Operation>) -> Result<Vec<Step>> {
        if name == "record" && operations.is_empty() {
            return Ok(vec![Step::Record]);
        }
        let slot = self.placeholder_slot(name)?;
        if self.fields[slot].holds() == Holds::Text {
            return Ok(vec![Step::String(Source { slot, operations })]);
        }
        if !operations.is_empty() {
            return Err(format!("'{name}' is not a text; nothing can be done to it"));
        }
        Ok(vec![Step::Json(slot)])
    }

    fn piece(&mut self, piece: Piece) -> Result<Step> {
        let (name, operations) = match piece {
            Piece::Literal(text) => return Ok(self.escaped(&text)),
            Piece::Name { name, operations } => (name, operations),
        };
        if self.settings.contains_key(&name) {
            return Ok(self.escaped(&self.setting(&name, &operations).unwrap_or_default()));
        }
        if name == "record" || Field::named(&name).is_some_and(|f| f.holds() != Holds::Text) {
            return Err(format!("'{{{name}}}' is not a text; it must be the whole string"));
        }
        Ok(Step::Text(Source { slot: self.placeholder_slot(&name)?, operations }))
    }

    /// A text that does not depend on the record: the name of a member.
    fn fixed(&mut self, text: &str) -> Result<String> {
        let mut fixed = String::new();
        for piece in placeholder::parse(text)? {
            match piece {
                Piece::Literal(text) => fixed.push_str(&text),
                Piece::Name { name, operations } if operations.is_empty() => {
                    let setting = self.settings.get(&name);
                    fixed.push_str(setting.ok_or_else(|| {
                        format!(
                            "'{{{name}}}' in the name of a member; only settings can stand there"
                        )
                    })?);
                }
                Piece::Name { name, .. } => {
                    return Err(format!("nothing can be done to '{name}' in the name of a member"));
                }
            }
        }
        Ok(fixed)
    }

    fn placeholder_slot(&mut self, name: &str) -> Result<usize> {
        let slot = self.field_slot(name)?;
        let field = self.fields[slot];
        if self.conditions == 0 && !self.expected.contains(&field) {
            self.expected.push(field);
        }
        Ok(slot)
    }

    fn field_slot(&mut self, name: &str) -> Result<usize> {
        let field = Field::named(name).ok_or_else(|| {
            let fields = Field::ALL.iter().map(|field| field.name());
            let settings = self.settings.keys().map(String::as_str);
            let known = fields.chain(["record"]).chain(settings).collect::<Vec<_>>().join(", ");
            format!("unknown placeholder '{name}'; there are {known}")
        })?;
        Ok(self.slot(field))
    }

    fn quoted(&self, text: &str) -> String {
        let mut bytes = Vec::new();
        Text::Plain(text).write_json(self.escape, &mut bytes);
        format!("\"{}\"", String::from_utf8_lossy(&bytes))
    }

    fn escaped(&self, text: &str) -> Step {
        let mut bytes = Vec::new();
        Text::Plain(text).write_json(self.escape, &mut bytes);
        Step::Literal(bytes)
    }
}

fn is_question(members: &Map<String, Json>) -> bool {
    members.contains_key("$if") || members.contains_key("$has")
}

fn literal(text: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Literal(text.into())]
}

fn prefixed(key: &str, value: Compiled) -> Compiled {
    let prefix = |mut steps: Vec<Step>| {
        steps.splice(0..0, literal(key));
        steps
    };
    match value {
        Compiled::Always(steps) => Compiled::Always(prefix(steps)),
        Compiled::Never => Compiled::Never,
        Compiled::Maybe { condition, then, otherwise } => {
            Compiled::Maybe { condition, then: then.map(prefix), otherwise: otherwise.map(prefix) }
        }
    }
}

/// The items of an object or array, with commas where there is something to part.
struct List {
    steps: Vec<Step>,
    /// Whether an item stands before the next one in some rows, and in all.
    before: (bool, bool),
}

impl List {
    fn new(open: &str) -> Self {
        Self { steps: literal(open), before: (false, false) }
    }

    fn push(&mut self, item: Compiled) {
        match item {
            Compiled::Never => {}
            Compiled::Always(steps) => {
                self.steps.extend(self.comma());
                self.steps.extend(steps);
                self.before = (true, true);
            }
            Compiled::Maybe { condition, then, otherwise } => {
                let always = then.is_some() && otherwise.is_some();
                let with_comma = |steps: Option<Vec<Step>>| {
                    let parts = steps.map(|steps| self.comma().into_iter().chain(steps).collect());
                    merged(parts.unwrap_or_default())
                };
                let (then, otherwise) = (with_comma(then), with_comma(otherwise));
                self.steps.push(Step::Choice { condition, then, otherwise });
                self.before = (true, self.before.1 || always);
            }
        }
    }

    fn comma(&self) -> Option<Step> {
        match self.before {
            (false, _) => None,
            (true, true) => Some(Step::Literal(b",".to_vec())),
            (true, false) => Some(Step::Comma),
        }
    }

    fn close(mut self, close: &str) -> Vec<Step> {
        self.steps.extend(literal(close));
        self.steps
    }
}

/// The same steps with neighbouring literals made one.
fn merged(steps: Vec<Step>) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        match (merged.last_mut(), step) {
            (Some(Step::Literal(before)), Step::Literal(bytes)) => before.extend(bytes),
            (_, step) => merged.push(step),
        }
    }
    merged
}
