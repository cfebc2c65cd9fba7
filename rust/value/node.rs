//! Arrays as a tree of values, each with what is needed to write it as JSON.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::{ArrowNativeType, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::Value;
use super::jsons::Jsons;
use super::leaf::{LONGEST, Leaf};
use super::strings::Strings;
use crate::text::{Escape, Text};

/// An array, checked.
#[derive(Debug, Default)]
pub(crate) enum Node {
    /// Nothing but nulls.
    #[default]
    Null,
    Text(Strings),
    Json(Jsons),
    Leaf(Box<dyn Leaf>),
    Struct(Struct),
    List(List),
    Map(Map),
    /// Values that are told by their place in another array.
    Dictionary {
        keys: Box<dyn Keys>,
        values: Arc<Node>,
    },
}

/// The members of objects, in order.
#[derive(Debug)]
pub(crate) struct Struct {
    pub nulls: Option<NullBuffer>,
    pub members: Vec<(String, Node)>,
}

/// Runs of the elements of another array.
#[derive(Debug)]
pub(crate) struct List {
    pub nulls: Option<NullBuffer>,
    pub runs: Box<dyn Runs>,
    pub items: Box<Node>,
}

/// Runs of names and values.
#[derive(Debug)]
pub(crate) struct Map {
    pub nulls: Option<NullBuffer>,
    pub runs: Offsets<i32>,
    pub names: Box<Node>,
    pub values: Box<Node>,
}

/// Where the value of a row of a dictionary is; `None` is null.
pub(crate) trait Keys: std::fmt::Debug + Send + Sync {
    fn key(&self, row: usize) -> Option<usize>;
}

impl<T: ArrowPrimitiveType> Keys for PrimitiveArray<T> {
    fn key(&self, row: usize) -> Option<usize> {
        use arrow_array::Array;
        self.is_valid(row).then(|| self.value(row).as_usize())
    }
}

/// Where the elements of a row are.
pub(crate) trait Runs: std::fmt::Debug + Send + Sync {
    fn run(&self, row: usize) -> Range<usize>;
}

/// Runs that follow one another, counted from the first one.
#[derive(Debug)]
pub(crate) struct Offsets<O: ArrowNativeType>(pub OffsetBuffer<O>);

impl<O: ArrowNativeType> Offsets<O> {
    /// All elements that are in some row.
    pub(crate) fn whole(&self) -> Range<usize> {
        let place = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
        place(self.0.first())..place(self.0.last())
    }
}

impl<O: ArrowNativeType> Runs for Offsets<O> {
    fn run(&self, row: usize) -> Range<usize> {
        let first = self.0[0].as_usize();
        self.0[row].as_usize() - first..self.0[row + 1].as_usize() - first
    }
}

/// Runs that lie anywhere.
#[derive(Debug)]
pub(crate) struct Views<O: ArrowNativeType> {
    pub offsets: ScalarBuffer<O>,
    pub sizes: ScalarBuffer<O>,
}

impl<O: ArrowNativeType> Runs for Views<O> {
    fn run(&self, row: usize) -> Range<usize> {
        let start = self.offsets[row].as_usize();
        start..start + self.sizes[row].as_usize()
    }
}

/// Runs of one length.
#[derive(Debug)]
pub(crate) struct Fixed(pub usize);

impl Runs for Fixed {
    fn run(&self, row: usize) -> Range<usize> {
        row * self.0..(row + 1) * self.0
    }
}

impl Node {
    /// The value of a row.
    #[inline]
    pub(crate) fn value(&self, row: usize) -> Value<'_> {
        match self {
            Self::Text(strings) => {
                strings.get(row).map_or(Value::Null, |text| Value::Text(Text::Plain(text)))
            }
            Self::Json(values) => match values.get(row) {
                [] => Value::Null,
                json => Value::of(json),
            },
            Self::Dictionary { keys, values } => {
                keys.key(row).map_or(Value::Null, |key| values.value(key))
            }
            _ if self.is_null(row) => Value::Null,
            _ => Value::Nested(Nested { node: self, row }),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        let nulls = match self {
            Self::Null => return true,
            Self::Leaf(leaf) => return leaf.is_null(row),
            Self::Struct(node) => &node.nulls,
            Self::List(node) => &node.nulls,
            Self::Map(node) => &node.nulls,
            Self::Text(_) | Self::Json(_) | Self::Dictionary { .. } => &None,
        };
        nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

/// A value in Arrow arrays that is neither null nor a string.
///
/// Two of them are equal if they are the same value of the same array, not if they look the same.
#[derive(Clone, Copy, Debug)]
pub struct Nested<'a> {
    node: &'a Node,
    row: usize,
}

impl PartialEq for Nested<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.node, other.node) && self.row == other.row
    }
}

impl Eq for Nested<'_> {}

impl Nested<'_> {
    /// Whether it has no elements or members at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self.node {
            Node::Struct(node) => node.members.is_empty(),
            Node::List(node) => node.runs.run(self.row).is_empty(),
            Node::Map(node) => node.runs.run(self.row).is_empty(),
            _ => false,
        }
    }

    /// The name of the type in JSON, for messages.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self.node {
            Node::Struct(_) | Node::Map(_) => "an object",
            Node::List(_) => "an array",
            _ => "a number",
        }
    }

    /// Whether it is an object or an array.
    pub(crate) fn has_items(self) -> bool {
        matches!(self.node, Node::Struct(_) | Node::Map(_) | Node::List(_))
    }

    /// Whether it is an object whose first member is an array that starts with a string.
    pub(crate) fn is_flat(self) -> bool {
        let Node::Struct(node) = self.node else { return false };
        let first = node.members.first().map(|(_, first)| first.value(self.row));
        let Some(Value::Nested(Nested { node: Node::List(list), row })) = first else {
            return false;
        };
        let run = list.runs.run(row);
        !run.is_empty() && matches!(list.items.value(run.start), Value::Text(_))
    }

    /// Bytes of JSON at most, as long as no string needs an escape.
    #[must_use]
    pub fn json_len(self) -> usize {
        // Quotes, a comma and a colon, or brackets: nothing needs more around it.
        const AROUND: usize = 4;
        let of = |value: Value<'_>| value.json_len() + AROUND;
        let row = self.row;
        AROUND
            + match self.node {
                Node::Struct(node) => {
                    let members = node.members.iter();
                    members.map(|(name, node)| name.len() + AROUND + of(node.value(row))).sum()
                }
                Node::List(node) => node.runs.run(row).map(|at| of(node.items.value(at))).sum(),
                Node::Map(node) => {
                    let runs = node.runs.run(row);
                    runs.map(|at| of(node.names.value(at)) + of(node.values.value(at))).sum()
                }
                _ => LONGEST,
            }
    }

    /// Whether its JSON has room in so many bytes, from which what it takes is taken off. It is looked at no
    /// further than that: by dictionaries and views, a few bytes can stand for more than memory holds.
    pub(crate) fn fits(self, room: &mut usize) -> bool {
        const AROUND: usize = 2;
        let row = self.row;
        take(room, AROUND)
            && match self.node {
                Node::Struct(node) => node
                    .members
                    .iter()
                    .all(|(name, node)| take(room, name.len()) && fits(node.value(row), room)),
                Node::List(node) => node.runs.run(row).all(|at| fits(node.items.value(at), room)),
                Node::Map(node) => node.runs.run(row).all(|at| {
                    fits(node.names.value(at), room) && fits(node.values.value(at), room)
                }),
                _ => true,
            }
    }

    /// Writes it as JSON without white space: objects with their keys in the order of the schema,
    /// numbers with the shortest digits that read back as the same number, dates and times as ISO
    /// 8601 text.
    pub fn write_json(self, escape: Escape, out: &mut Vec<u8>) {
        let row = self.row;
        match self.node {
            Node::Struct(node) => {
                let members = node.members.iter();
                let members = members.map(|(name, node)| (name.as_str(), node.value(row)));
                write_object(members, escape, out);
            }
            Node::List(node) => {
                write_array(node.runs.run(row).map(|at| node.items.value(at)), escape, out);
            }
            Node::Map(node) => {
                let member = |at| (name(node.names.value(at)), node.values.value(at));
                write_object(node.runs.run(row).map(member), escape, out);
            }
            Node::Leaf(leaf) => leaf.write(row, out),
            Node::Null | Node::Text(_) | Node::Json(_) | Node::Dictionary { .. } => {
                self.node.value(row).write_json(escape, out);
            }
        }
    }
}

fn fits(value: Value<'_>, room: &mut usize) -> bool {
    match value {
        Value::Nested(nested) => nested.fits(room),
        other => take(room, other.json_len() + 1),
    }
}

fn take(room: &mut usize, bytes: usize) -> bool {
    let left = room.checked_sub(bytes);
    *room = left.unwrap_or(0);
    left.is_some()
}

/// The name of a member of a map, which was checked to be a string.
fn name(value: Value<'_>) -> &str {
    if let Value::Text(Text::Plain(name)) = value { name } else { "" }
}

fn write_object<'a>(
    members: impl Iterator<Item = (&'a str, Value<'a>)>,
    escape: Escape,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (place, (name, value)) in members.enumerate() {
        out.extend_from_slice(if place == 0 { b"\"" } else { b",\"" });
        Text::Plain(name).write_json(escape, out);
        out.extend_from_slice(b"\":");
        value.write_json(escape, out);
    }
    out.push(b'}');
}

fn write_array<'a>(items: impl Iterator<Item = Value<'a>>, escape: Escape, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, value) in items.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        value.write_json(escape, out);
    }
    out.push(b']');
}
