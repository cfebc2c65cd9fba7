//! What the names in a skeleton stand for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expressions::of_turns;
use super::placeholder::Operation;
use super::plan::{Condition, Source};
use super::tree::{Node, Part};
use crate::entries::{Detail, List};
use crate::record::Field;
use crate::text::Text;
use crate::value::Holds;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// The same characters in every row; `None` is null.
    Fixed(Option<String>),
    /// A text of the record.
    Text(Source),
    /// A setting, unless the record has a text of its own.
    Own(Source, String),
    /// Whatever JSON the record has there.
    Json(usize),
    /// The same, or the text that it is.
    Any(usize),
    /// The same, or the JSON that the text is.
    Value(usize),
    /// The same as a text, which is empty if it is not there.
    Told(Source),
    /// The whole record.
    Record,
}

impl Meaning {
    pub(super) fn fixed(text: &str) -> Self {
        Self::Fixed(Some(text.to_owned()))
    }

    /// The same after some operations.
    pub(super) fn after(self, name: &str, operations: &[Operation]) -> Result<Self, String> {
        if operations.is_empty() {
            return Ok(self);
        }
        let applied = |text: String| {
            let text = operations.iter().try_fold(Text::Plain(&text), |text, o| o.apply(text));
            text.map(Text::to_plain)
        };
        let with = |mut source: Source| {
            source.operations.extend_from_slice(operations);
            source
        };
        let values = operations.iter().any(|one| matches!(one, Operation::Value));
        match self {
            Self::Json(slot) | Self::Any(slot) if matches!(operations, [Operation::Value]) => {
                Ok(Self::Value(slot))
            }
            _ if values => Err(format!(
                "'value' can only be done to tools and parallel_tool_calls, and not to '{name}'"
            )),
            Self::Fixed(text) => Ok(Self::Fixed(text.and_then(applied))),
            Self::Text(source) => Ok(Self::Text(with(source))),
            Self::Own(source, text) => {
                Ok(Self::Own(with(source), applied(text).unwrap_or_default()))
            }
            Self::Json(slot) | Self::Any(slot) if matches!(operations, [Operation::Json]) => {
                Ok(Self::Told(Source { slot, operations: Vec::new() }))
            }
            Self::Any(slot) => Ok(Self::Text(with(Source { slot, operations: Vec::new() }))),
            Self::Json(_) | Self::Told(_) | Self::Value(_) | Self::Record => Err(format!(
                "'{name}' is not a text; nothing but 'json' or 'value' can be done to it"
            )),
        }
    }

    /// As a value of its own.
    pub(super) fn node(self) -> Node {
        match self {
            Self::Fixed(None) => Node::Literal(serde_json::Value::Null),
            Self::Fixed(Some(text)) => Node::Text(vec![Part::Literal(text)]),
            Self::Text(source) => Node::Field(source),
            Self::Own(source, text) => Node::Text(vec![Part::Own(source, text)]),
            Self::Json(slot) | Self::Any(slot) => Node::Json(slot),
            Self::Value(slot) => Node::Value(slot),
            Self::Told(source) => Node::Text(vec![Part::Json(source)]),
            Self::Record => Node::Record,
        }
    }

    /// As part of a text.
    pub(super) fn part(self, name: &str) -> Result<Part, String> {
        match self {
            Self::Fixed(text) => Ok(Part::Literal(text.unwrap_or_default())),
            Self::Text(source) => Ok(Part::Field(source)),
            Self::Own(source, text) => Ok(Part::Own(source, text)),
            Self::Told(source) => Ok(Part::Json(source)),
            Self::Any(slot) => Ok(Part::Field(Source { slot, operations: Vec::new() })),
            Self::Json(_) | Self::Value(_) | Self::Record => {
                Err(format!("'{{{name}}}' is not a text; it must be the whole string"))
            }
        }
    }

    /// Whether it is there and not empty.
    pub(super) fn truthy(&self) -> Answer {
        match self {
            Self::Fixed(text) => Answer::Known(text.as_ref().is_some_and(|text| !text.is_empty())),
            Self::Text(source) | Self::Told(source) => {
                Answer::Asked(Condition::Truthy(source.slot))
            }
            Self::Own(source, text) => Answer::Asked(Condition::Own(source.slot, !text.is_empty())),
            Self::Json(slot) | Self::Any(slot) | Self::Value(slot) => {
                Answer::Asked(Condition::Truthy(*slot))
            }
            Self::Record => Answer::Known(true),
        }
    }

    /// Whether the record has it at all.
    pub(super) fn present(&self) -> Answer {
        match self {
            Self::Text(Source { slot, .. })
            | Self::Told(Source { slot, .. })
            | Self::Json(slot)
            | Self::Any(slot)
            | Self::Value(slot) => Answer::Asked(Condition::Has(*slot)),
            other => other.truthy(),
        }
    }
}

/// The answer to a question in a skeleton.
pub(super) enum Answer {
    /// It is the same for all records.
    Known(bool),
    /// The record has to be asked.
    Asked(Condition),
}

/// The names of whatever is not an entry of a list.
#[derive(Debug)]
pub(super) enum Names {
    /// The fields of a record, in the order in which they were first named.
    Fields(Vec<Field>),
    /// The keys of a record in some dialect.
    Keys(Vec<String>),
}

impl Names {
    /// What a name stands for.
    pub(super) fn meaning(&mut self, name: &str) -> Option<Meaning> {
        match self {
            Self::Fields(_) if name == "record" => Some(Meaning::Record),
            Self::Fields(fields) => {
                let field = Field::named(name)?;
                let slot = place(fields, field);
                Some(if field.holds() == Holds::Text { text(slot) } else { Meaning::Json(slot) })
            }
            Self::Keys(keys) => match of_turns(name) {
                Some(detail) => Some(text(detail.slot())),
                None => Some(Meaning::Any(place(keys, name.to_owned()))),
            },
        }
    }

    /// All names, for messages.
    pub(super) fn known(&self) -> Vec<&str> {
        match self {
            Self::Fields(_) => {
                let told = Field::ALL.iter().filter(|field| !field.is_rendered());
                told.map(|field| field.name()).chain(["record"]).collect()
            }
            Self::Keys(_) => Vec::new(),
        }
    }
}

/// The place of something in a list, at the end if it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, new: T) -> usize {
    list.iter().position(|known| *known == new).unwrap_or_else(|| {
        list.push(new);
        list.len() - 1
    })
}

fn text(slot: usize) -> Meaning {
    Meaning::Text(Source { slot, operations: Vec::new() })
}

/// The entry of a list that a part of a skeleton is about.
#[derive(Debug)]
pub(super) enum Scope {
    /// One that all plain records have: what its details stand for.
    Single(List, Vec<(Detail, Meaning)>),
    /// Any entry.
    Many(List),
}

impl Scope {
    /// What a detail stands for.
    pub(super) fn meaning(&self, detail: Detail, roles: Option<&Roles>) -> Option<Meaning> {
        match self {
            Self::Single(list, _) | Self::Many(list) if !list.details().contains(&detail) => None,
            Self::Single(_, details) => {
                let found = details.iter().find(|(known, _)| *known == detail);
                Some(found.map_or(Meaning::Fixed(None), |(_, meaning)| meaning.clone()))
            }
            Self::Many(_) if detail.is_json() => Some(Meaning::Json(detail.slot())),
            Self::Many(_) => {
                let names = roles.filter(|_| detail == Detail::Role);
                let operations = names.map(|roles| Operation::Renamed(Arc::clone(&roles.0)));
                let operations = operations.into_iter().collect();
                Some(Meaning::Text(Source { slot: detail.slot(), operations }))
            }
        }
    }
}

/// What a consumer calls the roles; those that are not among them it does not take.
#[derive(Clone, Debug)]
pub(crate) struct Roles(pub Arc<BTreeMap<String, String>>);

impl Roles {
    /// What a role is called.
    pub(crate) fn name(&self, role: &str) -> Option<&str> {
        self.0.get(role).map(String::as_str)
    }
}
