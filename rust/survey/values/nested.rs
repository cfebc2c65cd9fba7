//! Columns of arrays and objects.

use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_schema::{FieldRef, Fields};

use super::{Column, Duplicates, broken, column, inside, internal, made, mismatch, unknown};
use crate::columns::bits::Validity;
use crate::columns::offsets::Offsets;
use crate::error::Error;
use crate::survey::names::Names;
use crate::survey::node::members;
use crate::walk::{Token, Walk};

#[derive(Debug)]
pub(super) struct Lists {
    field: FieldRef,
    elements: Box<dyn Column>,
    offsets: Offsets<i32>,
    validity: Validity,
}

impl Lists {
    pub(super) fn new(field: &FieldRef) -> Option<Self> {
        let elements = column(field.data_type())?;
        let (offsets, validity) = (Offsets::default(), Validity::default());
        Some(Self { field: field.clone(), elements, offsets, validity })
    }

    fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.offsets.push(self.elements.len())?;
        self.validity.push(valid)
    }
}

impl Column for Lists {
    fn push(
        &mut self,
        token: Token<'_>,
        walk: &mut Walk<'_>,
        duplicates: Duplicates,
    ) -> Result<(), Error> {
        match token {
            Token::Null => return self.close(false),
            Token::List => {}
            other => return Err(mismatch(&other, "arrays")),
        }
        while walk.more(b']').ok_or_else(broken)? {
            let element = walk.value().ok_or_else(broken)?;
            self.elements.push(element, walk, duplicates)?;
        }
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
        let elements = self.elements.finish()?;
        let (offsets, nulls) = (self.offsets.finish(), self.validity.finish());
        made(ListArray::try_new(self.field.clone(), offsets, elements, nulls))
    }
}

#[derive(Debug)]
pub(super) struct Objects {
    fields: Fields,
    names: Names,
    members: Vec<Box<dyn Column>>,
    validity: Validity,
}

impl Objects {
    pub(super) fn new(fields: &Fields) -> Option<Self> {
        let members =
            fields.iter().map(|field| column(field.data_type())).collect::<Option<_>>()?;
        let names = fields.iter().map(|field| field.name().as_str()).collect();
        Some(Self { fields: fields.clone(), names, members, validity: Validity::default() })
    }

    fn push_members(&mut self, walk: &mut Walk<'_>) -> Result<(), Error> {
        let mut next = 0;
        while walk.more(b'}').ok_or_else(broken)? {
            let key = walk.key().ok_or_else(broken)?;
            let place = self.names.find(key, next).ok_or_else(|| unknown(key))?;
            let token = walk.value().ok_or_else(broken)?;
            self.push_member(place, token, walk, Duplicates::Refused)?;
            next = place + 1;
        }
        Ok(())
    }

    /// What was there before a duplicate of it is not looked at.
    fn push_last_members(&mut self, walk: &mut Walk<'_>) -> Result<(), Error> {
        for (name, value) in members(walk) {
            let place = self.names.place(&name).ok_or_else(|| unknown(name.as_bytes()))?;
            let mut inside = Walk::new(value);
            let token = inside.value().ok_or_else(broken)?;
            self.push_member(place, token, &mut inside, Duplicates::LastWins)?;
        }
        Ok(())
    }

    fn push_member(
        &mut self,
        place: usize,
        token: Token<'_>,
        walk: &mut Walk<'_>,
        duplicates: Duplicates,
    ) -> Result<(), Error> {
        let member = &mut self.members[place];
        if member.len() > self.validity.len() {
            return Err(internal("a key that is there twice"));
        }
        let pushed = member.push(token, walk, duplicates);
        pushed.map_err(|error| inside(error, self.fields[place].name()))
    }

    /// Gives null to the members that the row just added lacks.
    fn even_out(&mut self) -> Result<(), Error> {
        let rows = self.validity.len();
        let mut short = self.members.iter_mut().filter(|member| member.len() < rows);
        short.try_for_each(|member| member.push_null())
    }
}

impl Column for Objects {
    fn push(
        &mut self,
        token: Token<'_>,
        walk: &mut Walk<'_>,
        duplicates: Duplicates,
    ) -> Result<(), Error> {
        match (token, duplicates) {
            (Token::Null, _) => return self.push_null(),
            (Token::Object, Duplicates::Refused) => self.push_members(walk)?,
            (Token::Object, Duplicates::LastWins) => self.push_last_members(walk)?,
            (other, _) => return Err(mismatch(&other, "objects")),
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
        self.members.iter().map(|member| member.bytes()).sum::<usize>() + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.validity.truncate(rows);
        self.members.iter_mut().for_each(|member| member.truncate(rows));
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let rows = self.len();
        let members = self.members.iter_mut().map(|member| member.finish());
        let members = members.collect::<Result<_, _>>()?;
        let (fields, nulls) = (self.fields.clone(), self.validity.finish());
        made(StructArray::try_new_with_length(fields, members, nulls, rows))
    }
}
