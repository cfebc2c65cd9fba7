//! A row as a tree: what a skeleton comes to once settings and placeholders are resolved. The JSON
//! text and the Arrow columns are both made from it.

use serde_json::Value as Json;

use super::plan::{Condition, Source};
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
    /// A field as the JSON that it is, by its place among the shape's fields.
    Documents(usize),
    /// The whole record.
    Record,
    /// Null, a boolean or a number.
    Literal(Json),
}

/// A part of a string.
#[derive(Debug)]
pub(crate) enum Part {
    /// The same characters in every row.
    Literal(String),
    /// A field; nothing if it is missing or null.
    Field(Source),
}

/// A member of an object, or an element of an array.
#[derive(Debug)]
pub(crate) enum Item {
    /// Always there.
    Always(Node),
    /// One of two by the record; left out if the one it comes to is not there.
    Choice { condition: Condition, then: Option<Node>, otherwise: Option<Node> },
}

impl Item {
    /// What the record makes of it, if it is not left out.
    #[inline]
    pub(crate) fn chosen(&self, record: &Record<'_>) -> Option<&Node> {
        match self {
            Self::Always(node) => Some(node),
            Self::Choice { condition, then, otherwise } => {
                if condition.holds(record) {
                    then.as_ref()
                } else {
                    otherwise.as_ref()
                }
            }
        }
    }

    /// All that it can come to.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let nodes = match self {
            Self::Always(node) => [Some(node), None],
            Self::Choice { then, otherwise, .. } => [then.as_ref(), otherwise.as_ref()],
        };
        nodes.into_iter().flatten()
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
}
