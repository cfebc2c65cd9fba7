//! Columns of objects and arrays.

use arrow_schema::{FieldRef, Fields};

use super::column::{Column, column, misfit};
use crate::arrays::{Lists, Objects};
use crate::error::Error;
use crate::record::Record;
use crate::shape::tree::{Item, Node};

/// The column of objects that one of `nodes` describes.
pub(super) fn objects(fields: &Fields, nodes: &[&Node]) -> Objects<dyn Column> {
    let member = |field: &FieldRef| column(field.data_type(), &members(nodes, field.name()));
    Objects::new(fields.clone(), (), fields.iter().map(member).collect())
}

/// The column of arrays that one of `nodes` describes.
pub(super) fn lists(field: &FieldRef, nodes: &[&Node]) -> Lists<dyn Column> {
    Lists::new(field, column(field.data_type(), &elements(nodes)))
}

/// The column of a member. Members stand in the order of the columns, but for those that not every
/// object has.
#[inline]
fn member<'c>(
    objects: &'c mut Objects<dyn Column>,
    at: usize,
    name: &str,
) -> Result<&'c mut Box<dyn Column>, Error> {
    let fields = &objects.fields;
    let here = fields.get(at).is_some_and(|field| field.name() == name);
    let at = if here { Some(at) } else { fields.find(name).map(|(at, _)| at) };
    at.and_then(|at| objects.members.get_mut(at)).ok_or_else(|| without_column(name))
}

/// A member that is there, when the columns were decided for records in which it never is.
#[cold]
fn without_column(name: &str) -> Error {
    Error::usage(format!(
        "a record has what the column '{name}' is for, and the columns were decided without it: write \
         JSON lines"
    ))
}

impl Column for Objects<dyn Column> {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        let Node::Object(members) = node else { return Err(misfit(node, "objects")) };
        for (at, (name, item)) in members.iter().enumerate() {
            item.chosen(record, &mut |value, record| member(self, at, name)?.push(value, record))?;
        }
        self.close(true)
    }
}

impl Column for Lists<dyn Column> {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        let Node::Array(items) = node else { return Err(misfit(node, "arrays")) };
        let elements = &mut self.elements;
        items.iter().try_for_each(|item| {
            item.chosen(record, &mut |value, record| elements.push(value, record))
        })?;
        self.close(true)
    }
}

/// All that a member of that name can be.
fn members<'a>(nodes: &[&'a Node], name: &str) -> Vec<&'a Node> {
    let of_object = |node: &&'a Node| match node {
        Node::Object(members) => members.as_slice(),
        _ => &[],
    };
    let named = nodes.iter().flat_map(of_object).filter(|(member, _)| member == name);
    named.flat_map(|(_, item)| item.nodes()).collect()
}

/// All that an element can be.
fn elements<'a>(nodes: &[&'a Node]) -> Vec<&'a Node> {
    let of_array = |node: &&'a Node| match node {
        Node::Array(items) => items.as_slice(),
        _ => &[],
    };
    nodes.iter().flat_map(of_array).flat_map(Item::nodes).collect()
}
