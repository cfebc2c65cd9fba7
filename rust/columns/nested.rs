//! Columns of objects and arrays.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_schema::{FieldRef, Fields};

use super::bits::Validity;
use super::column::{Column, column, made, misfit};
use super::offsets::Offsets;
use crate::error::Error;
use crate::record::Record;
use crate::shape::tree::{Item, Node};

/// A column of objects: a column for each member.
#[derive(Debug)]
pub(super) struct Struct {
    fields: Fields,
    children: Vec<Box<dyn Column>>,
    validity: Validity,
}

impl Struct {
    /// The column of objects that one of `nodes` describes.
    pub(super) fn new(fields: &Fields, nodes: &[&Node]) -> Self {
        let child = |field: &FieldRef| column(field.data_type(), &members(nodes, field.name()));
        let children = fields.iter().map(child).collect();
        Self { fields: fields.clone(), children, validity: Validity::default() }
    }

    /// The column of a member. Members stand in the order of the columns, but for those that not
    /// every object has.
    #[inline]
    fn child(&mut self, at: usize, name: &str) -> Result<&mut Box<dyn Column>, Error> {
        let here = self.fields.get(at).is_some_and(|field| field.name() == name);
        let at = if here { Some(at) } else { self.fields.find(name).map(|(at, _)| at) };
        at.and_then(|at| self.children.get_mut(at)).ok_or_else(|| without_column(name))
    }

    /// Gives null to the members that the row just added lacks.
    fn even_out(&mut self) -> Result<(), Error> {
        let rows = self.validity.len();
        let mut short = self.children.iter_mut().filter(|child| child.len() < rows);
        short.try_for_each(|child| child.push_null())
    }
}

/// A member that is there, when the columns were decided for records in which it never is.
#[cold]
fn without_column(name: &str) -> Error {
    Error::usage(format!(
        "a record has what the column '{name}' is for, and the columns were decided without it"
    ))
}

impl Column for Struct {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        let Node::Object(members) = node else { return Err(misfit(node, "objects")) };
        for (at, (name, item)) in members.iter().enumerate() {
            item.chosen(record, &mut |value, record| self.child(at, name)?.push(value, record))?;
        }
        self.validity.push(true)?;
        self.even_out()
    }

    fn push_null(&mut self) -> Result<(), Error> {
        self.validity.push(false)?;
        self.even_out()
    }

    fn len(&self) -> usize {
        self.validity.len()
    }

    fn bytes(&self) -> usize {
        self.children.iter().map(|child| child.bytes()).sum::<usize>() + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.validity.truncate(rows);
        self.children.iter_mut().for_each(|child| child.truncate(rows));
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let rows = self.len();
        let arrays = self.children.iter_mut().map(|child| child.finish()).collect::<Result<_, _>>();
        let (fields, nulls) = (self.fields.clone(), self.validity.finish());
        made(StructArray::try_new_with_length(fields, arrays?, nulls, rows))
    }

    fn reclaim(&mut self, finished: ArrayRef) {
        let Some(objects) = finished.as_struct_opt().cloned() else { return };
        drop(finished);
        let (_, members, _) = objects.into_parts();
        self.children.iter_mut().zip(members).for_each(|(child, member)| child.reclaim(member));
    }
}

/// A column of arrays: one column for the elements of all.
#[derive(Debug)]
pub(super) struct List {
    field: FieldRef,
    elements: Box<dyn Column>,
    offsets: Offsets<i32>,
    validity: Validity,
}

impl List {
    /// The column of arrays that one of `nodes` describes.
    pub(super) fn new(field: &FieldRef, nodes: &[&Node]) -> Self {
        let elements = column(field.data_type(), &elements(nodes));
        let (offsets, validity) = (Offsets::default(), Validity::default());
        Self { field: field.clone(), elements, offsets, validity }
    }

    fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.offsets.push(self.elements.len())?;
        self.validity.push(valid)
    }
}

impl Column for List {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        let Node::Array(items) = node else { return Err(misfit(node, "arrays")) };
        let elements = &mut self.elements;
        items.iter().try_for_each(|item| {
            item.chosen(record, &mut |value, record| elements.push(value, record))
        })?;
        self.close(true)
    }

    fn push_null(&mut self) -> Result<(), Error> {
        self.close(false)
    }

    fn len(&self) -> usize {
        self.validity.len()
    }

    fn bytes(&self) -> usize {
        self.elements.bytes() + self.offsets.bytes() + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.validity.truncate(rows);
        self.elements.truncate(self.offsets.truncate(rows));
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let (field, offsets) = (self.field.clone(), self.offsets.finish());
        let elements = self.elements.finish();
        made(ListArray::try_new(field, offsets, elements?, self.validity.finish()))
    }

    fn reclaim(&mut self, finished: ArrayRef) {
        let Some(lists) = finished.as_list_opt::<i32>().cloned() else { return };
        drop(finished);
        let (_, _, elements, _) = lists.into_parts();
        self.elements.reclaim(elements);
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
