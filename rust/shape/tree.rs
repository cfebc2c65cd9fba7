//! A row as a tree: what a skeleton comes to once settings and placeholders are resolved. The JSON
//! text and the Arrow columns are both made from it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::plan::{Condition, Source};
use crate::entries::{Detail, List};
use crate::mask::Cutter;
use crate::record::Record;

/// A value of a row.
#[derive(Debug)]
pub(crate) enum Node {
    /// An object: its members, in order.
    Object(Vec<(String, Item)>),
    /// An array.
    Array(Vec<Item>),
    /// A string of several parts; never null.
    Text(Vec<Part>),
    /// A field as a string of its own; null if it is missing or null.
    Field(Source),
    /// A field as the JSON that it is, by its slot.
    Json(usize),
    /// The same, or the JSON that the text is.
    Value(usize),
    /// The whole record.
    Record,
    /// An array of texts, each with whether it is trained on: what the parts come to between their
    /// labels. What stands before the first label is not trained on.
    Segments(Vec<Part>),
    /// Null, a boolean or a number.
    Literal(Json),
}

/// A part of a string.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// The same characters in every row.
    Literal(String),
    /// A field; nothing if it is missing or null.
    Field(Source),
    /// A field as JSON; nothing if it is missing or null. A text is told as it is.
    Json(Source),
    /// What the record has of its own, or else what the target says.
    Own(Source, String),
    /// One of two texts by the record.
    Choice { condition: Condition, then: Vec<Part>, otherwise: Vec<Part> },
    /// A text for each entry of a list.
    Each { list: List, single: Vec<Part>, many: Vec<Part> },
    /// In segments only: whether what follows is trained on.
    Label(bool),
    /// In segments only: a field in parts that are trained on and others. It begins with what the
    /// segment before it is, and ends with what is trained on.
    Spans(Source, Arc<Cutter>),
    /// Before it is compiled: where a text is cut in two.
    Cut,
}

impl Part {
    /// Whether the text is cut somewhere in it.
    fn has_cut(&self) -> bool {
        match self {
            Self::Cut => true,
            Self::Each { single, many, .. } => single.iter().chain(many).any(Self::has_cut),
            _ => false,
        }
    }
}

/// Cuts a text at its last cut, and leaves out all others: what stands before it, and the rest. In a list
/// that is in its last entry.
pub(super) fn cut(mut parts: Vec<Part>) -> (Vec<Part>, Vec<Part>) {
    let Some(at) = parts.iter().rposition(Part::has_cut) else { return (parts, Vec::new()) };
    let mut after = parts.split_off(at + 1);
    if let Some(Part::Each { list, single, many }) = parts.pop() {
        let (single, many) = (cut(single), cut(many));
        let in_last = |then, otherwise| Part::Choice {
            condition: Condition::Truthy(Detail::Last.slot()),
            then,
            otherwise,
        };
        let rest = in_last(Vec::new(), many.1.clone());
        let before_rest = many.0.into_iter().chain([rest]).collect();
        parts.push(Part::Each { list, single: single.0, many: before_rest });
        let rest = vec![in_last(many.1, Vec::new())];
        after.insert(0, Part::Each { list, single: single.1, many: rest });
    }
    (without_cuts(parts), after)
}

fn without_cuts(parts: Vec<Part>) -> Vec<Part> {
    let uncut = |part| match part {
        Part::Cut => None,
        Part::Each { list, single, many } => {
            let (single, many) = (without_cuts(single), without_cuts(many));
            Some(Part::Each { list, single, many })
        }
        other => Some(other),
    };
    parts.into_iter().filter_map(uncut).collect()
}

/// A member of an object, or elements of an array.
#[derive(Debug)]
pub(crate) enum Item {
    /// Always there.
    Always(Node),
    /// One of two by the record; left out if the one it comes to is not there.
    Choice { condition: Condition, then: Option<Box<Item>>, otherwise: Option<Box<Item>> },
    /// In an array only: elements for each entry of a list. A record without a list of its own has
    /// `single` instead, which is what its one question and its one answer come to.
    Each { list: List, single: Vec<Item>, many: Vec<Item> },
}

impl Item {
    /// Does something with each value that the record makes of it, until one fails.
    #[inline]
    pub(crate) fn chosen<'a, E>(
        &self,
        record: &Record<'a>,
        put: &mut impl FnMut(&Node, &Record<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Always(node) => put(node, record),
            Self::Choice { condition, then, otherwise } => {
                let chosen = if condition.holds(record) { then } else { otherwise };
                chosen.as_ref().map_or(Ok(()), |item| item.chosen(record, put))
            }
            Self::Each { list, single, many } => match record.list(*list) {
                None => single.iter().try_for_each(|item| item.chosen(record, put)),
                Some(mut entries) => entries
                    .try_for_each(|entry| many.iter().try_for_each(|i| i.chosen(&entry, put))),
            },
        }
    }

    /// All that it can come to.
    pub(crate) fn nodes(&self) -> Vec<&Node> {
        match self {
            Self::Always(node) => vec![node],
            Self::Choice { then, otherwise, .. } => {
                [then, otherwise].into_iter().flatten().flat_map(|item| item.nodes()).collect()
            }
            Self::Each { single, many, .. } => {
                single.iter().chain(many).flat_map(Self::nodes).collect()
            }
        }
    }
}

impl Node {
    /// The values right inside this one.
    pub(crate) fn children(&self) -> Vec<&Node> {
        match self {
            Self::Object(members) => members.iter().flat_map(|(_, item)| item.nodes()).collect(),
            Self::Array(items) => items.iter().flat_map(Item::nodes).collect(),
            _ => Vec::new(),
        }
    }

    /// The fields that the texts of this node use, each as often as it is used, and the characters
    /// that they have besides.
    pub(crate) fn texts(&self) -> (Vec<&Source>, usize) {
        match self {
            Self::Field(source) => (vec![source], 0),
            Self::Text(parts) | Self::Segments(parts) => texts(parts),
            _ => (Vec::new(), 0),
        }
    }
}

fn texts(parts: &[Part]) -> (Vec<&Source>, usize) {
    let (mut sources, mut literal) = (Vec::new(), 0);
    for part in parts {
        let inner = match part {
            Part::Literal(text) => (Vec::new(), text.len()),
            Part::Field(source) | Part::Json(source) | Part::Spans(source, _) => (vec![source], 0),
            Part::Label(_) | Part::Cut => (Vec::new(), 0),
            Part::Own(source, text) => (vec![source], text.len()),
            Part::Choice { then: one, otherwise: other, .. }
            | Part::Each { single: one, many: other, .. } => {
                let (one, other) = (texts(one), texts(other));
                ([one.0, other.0].concat(), one.1 + other.1)
            }
        };
        sources.extend(inner.0);
        literal += inner.1;
    }
    (sources, literal)
}
