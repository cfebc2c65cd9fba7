//! Skeleton to tree: walks the JSON of a target once and leaves to the record what is the record's.
//!
//! Two kinds of objects are questions and not rows, spelled as json-e (taskcluster/json-e) does:
//! `{"$if": NAME, "then": A, "else": B}` asks whether a setting or field is there and not empty, and
//! `{"$has": FIELD, "then": A, "else": B}` whether the record has the key at all. Without an `else`,
//! the member or element that the question stands for is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::placeholder::{self, Operation, Piece};
use super::plan::{Condition, Source};
use super::tree::{Item, Node, Part};
use crate::record::{Field, Holds};
use crate::text::Text;

/// Compiles the skeleton of one target.
pub(super) struct Compiler<'a> {
    settings: &'a BTreeMap<String, String>,
    /// The fields in use, in the order in which they were first named.
    pub fields: Vec<Field>,
    /// Those that rows use whatever the record holds.
    pub expected: Vec<Field>,
    /// How many conditions on the record surround the place being compiled.
    conditions: usize,
}

type Result<T> = std::result::Result<T, String>;

impl<'a> Compiler<'a> {
    pub(super) fn new(settings: &'a BTreeMap<String, String>) -> Self {
        Self { settings, fields: Vec::new(), expected: Vec::new(), conditions: 0 }
    }

    /// Compiles a whole row.
    pub(super) fn row(&mut self, skeleton: &Json) -> Result<Node> {
        match self.value(skeleton)? {
            Some(Item::Always(node)) => Ok(node),
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

    /// A value or a question; nothing if it is left out of every row.
    fn value(&mut self, skeleton: &Json) -> Result<Option<Item>> {
        let node = match skeleton {
            Json::Object(members) if is_question(members) => return self.question(members),
            Json::Object(members) => self.object(members)?,
            Json::Array(elements) => self.array(elements)?,
            Json::String(text) => self.string(text)?,
            Json::Null | Json::Bool(_) | Json::Number(_) => Node::Literal(skeleton.clone()),
        };
        Ok(Some(Item::Always(node)))
    }

    fn object(&mut self, members: &Map<String, Json>) -> Result<Node> {
        let mut names = Vec::new();
        let mut items = Vec::new();
        for (name, value) in members {
            let name = self.fixed(name)?;
            if names.contains(&name) {
                return Err(format!("two members of one object are named '{name}'"));
            }
            names.push(name.clone());
            items.extend(self.value(value)?.map(|item| (name, item)));
        }
        Ok(Node::Object(items))
    }

    fn array(&mut self, elements: &[Json]) -> Result<Node> {
        let mut items = Vec::new();
        for element in elements {
            items.extend(self.value(element)?);
        }
        Ok(Node::Array(items))
    }

    fn question(&mut self, members: &Map<String, Json>) -> Result<Option<Item>> {
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
                return chosen.map_or(Ok(None), |chosen| self.value(chosen));
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
    ) -> Result<Option<Item>> {
        self.conditions += 1;
        let then = then.map(|value| self.branch(value)).transpose()?.flatten();
        let otherwise = otherwise.map(|value| self.branch(value)).transpose()?.flatten();
        self.conditions -= 1;
        Ok(Some(Item::Choice { condition, then, otherwise }))
    }

    /// A branch of a question: again a value, or a question that is answered in the target itself.
    fn branch(&mut self, value: &Json) -> Result<Option<Node>> {
        match self.value(value)? {
            Some(Item::Always(node)) => Ok(Some(node)),
            None => Ok(None),
            Some(Item::Choice { .. }) => {
                Err("a question may not stand right in another".to_owned())
            }
        }
    }

    /// A string: a field of its own, or parts between quotes.
    fn string(&mut self, text: &str) -> Result<Node> {
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
            return Ok(Node::Literal(Json::Null));
        }
        let mut parts = Vec::new();
        for piece in pieces {
            join(&mut parts, self.piece(piece)?);
        }
        Ok(Node::Text(parts))
    }

    /// A setting after the operations on it; `None` is null.
    fn setting(&self, name: &str, operations: &[Operation]) -> Option<String> {
        let setting = Text::Plain(self.settings.get(name)?);
        let text = operations.iter().try_fold(setting, |text, operation| operation.apply(text));
        text.map(Text::to_plain)
    }

    /// A placeholder that is the whole string.
    fn alone(&mut self, name: &str, operations: Vec<Operation>) -> Result<Node> {
        if name == "record" && operations.is_empty() {
            return Ok(Node::Record);
        }
        let slot = self.placeholder_slot(name)?;
        if self.fields[slot].holds() == Holds::Text {
            return Ok(Node::Field(Source { slot, operations }));
        }
        if !operations.is_empty() {
            return Err(format!("'{name}' is not a text; nothing can be done to it"));
        }
        Ok(Node::Documents(slot))
    }

    fn piece(&mut self, piece: Piece) -> Result<Part> {
        let (name, operations) = match piece {
            Piece::Literal(text) => return Ok(Part::Literal(text)),
            Piece::Name { name, operations } => (name, operations),
        };
        if self.settings.contains_key(&name) {
            return Ok(Part::Literal(self.setting(&name, &operations).unwrap_or_default()));
        }
        if name == "record" || Field::named(&name).is_some_and(|f| f.holds() != Holds::Text) {
            return Err(format!("'{{{name}}}' is not a text; it must be the whole string"));
        }
        Ok(Part::Field(Source { slot: self.placeholder_slot(&name)?, operations }))
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
}

fn is_question(members: &Map<String, Json>) -> bool {
    members.contains_key("$if") || members.contains_key("$has")
}

/// Adds a part, with neighbouring literals made one.
fn join(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
        (_, part) => parts.push(part),
    }
}
