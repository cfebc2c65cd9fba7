//! Arrays of objects and of lists.

use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_schema::{FieldRef, Fields};

use super::{Growing, Offsets, Validity, made};
use crate::error::Error;

/// Objects: an array for each member, and what finds these by their names.
#[derive(Debug)]
pub(crate) struct Objects<C: ?Sized, N = ()> {
    pub fields: Fields,
    pub names: N,
    pub members: Vec<Box<C>>,
    validity: Validity,
}

impl<C: Growing + ?Sized, N> Objects<C, N> {
    /// No objects yet, of members in the order of the fields.
    pub(crate) fn new(fields: Fields, names: N, members: Vec<Box<C>>) -> Self {
        Self { fields, names, members, validity: Validity::default() }
    }

    /// Ends an object. The members that it lacks are null.
    pub(crate) fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.validity.push(valid)?;
        let rows = self.validity.len();
        let mut short = self.members.iter_mut().filter(|member| member.len() < rows);
        short.try_for_each(|member| member.push_null())
    }

    /// Objects that were ended.
    pub(crate) fn closed(&self) -> usize {
        self.validity.len()
    }
}

impl<C, N> Growing for Objects<C, N>
where
    C: Growing + ?Sized,
    N: std::fmt::Debug + Send,
{
    fn push_null(&mut self) -> Result<(), Error> {
        self.close(false)
    }

    fn len(&self) -> usize {
        self.closed()
    }

    fn bytes(&self) -> usize {
        self.members.iter().map(|member| member.bytes()).sum::<usize>() + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.validity.truncate(rows);
        self.members.iter_mut().for_each(|member| member.truncate(rows));
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let rows = self.closed();
        let members = self.members.iter_mut().map(|member| member.finish());
        let members = members.collect::<Result<_, _>>();
        let (fields, nulls) = (self.fields.clone(), self.validity.finish());
        made(StructArray::try_new_with_length(fields, members?, nulls, rows))
    }

    fn refill(&mut self, spare: &mut Vec<Vec<u8>>) {
        self.members.iter_mut().for_each(|member| member.refill(spare));
    }
}

/// Lists: one array for the elements of all.
#[derive(Debug)]
pub(crate) struct Lists<C: ?Sized> {
    field: FieldRef,
    pub elements: Box<C>,
    offsets: Offsets<i32>,
    validity: Validity,
}

impl<C: Growing + ?Sized> Lists<C> {
    /// No lists yet, of such elements.
    pub(crate) fn new(field: &FieldRef, elements: Box<C>) -> Self {
        let (offsets, validity) = (Offsets::default(), Validity::default());
        Self { field: field.clone(), elements, offsets, validity }
    }

    /// Ends a list.
    pub(crate) fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.offsets.push(self.elements.len())?;
        self.validity.push(valid)
    }
}

impl<C: Growing + ?Sized> Growing for Lists<C> {
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

    fn refill(&mut self, spare: &mut Vec<Vec<u8>>) {
        self.elements.refill(spare);
    }
}
