//! Columns of arrays and objects.

use arrow_schema::{FieldRef, Fields};

use super::{Column, Duplicates, broken, column, inside, mismatch, unknown};
use crate::arrays::{Growing, Lists, Objects, refused};
use crate::error::Error;
use crate::survey::names::Names;
use crate::survey::node::members;
use crate::walk::{Token, Walk};

pub(super) fn lists(field: &FieldRef) -> Option<Lists<dyn Column>> {
    column(field.data_type()).map(|elements| Lists::new(field, elements))
}

pub(super) fn objects(fields: &Fields) -> Option<Objects<dyn Column, Names>> {
    let members = fields.iter().map(|field| column(field.data_type())).collect::<Option<_>>()?;
    let names = fields.iter().map(|field| field.name().as_str()).collect();
    Some(Objects::new(fields.clone(), names, members))
}

impl Column for Lists<dyn Column> {
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
}

impl Column for Objects<dyn Column, Names> {
    fn push(
        &mut self,
        token: Token<'_>,
        walk: &mut Walk<'_>,
        duplicates: Duplicates,
    ) -> Result<(), Error> {
        match (token, duplicates) {
            (Token::Null, _) => return self.push_null(),
            (Token::Object, Duplicates::Refused) => push_members(self, walk)?,
            (Token::Object, Duplicates::LastWins) => push_last_members(self, walk)?,
            (other, _) => return Err(mismatch(&other, "objects")),
        }
        self.close(true)
    }
}

fn push_members(
    objects: &mut Objects<dyn Column, Names>,
    walk: &mut Walk<'_>,
) -> Result<(), Error> {
    let mut next = 0;
    while walk.more(b'}').ok_or_else(broken)? {
        let key = walk.key().ok_or_else(broken)?;
        let place = objects.names.find(key, next).ok_or_else(|| unknown(key))?;
        let token = walk.value().ok_or_else(broken)?;
        push_member(objects, place, token, walk, Duplicates::Refused)?;
        next = place + 1;
    }
    Ok(())
}

/// What was there before a duplicate of it is not looked at.
fn push_last_members(
    objects: &mut Objects<dyn Column, Names>,
    walk: &mut Walk<'_>,
) -> Result<(), Error> {
    for (name, value) in members(walk) {
        let place = objects.names.place(&name).ok_or_else(|| unknown(name.as_bytes()))?;
        let mut inside = Walk::new(value);
        let token = inside.value().ok_or_else(broken)?;
        push_member(objects, place, token, &mut inside, Duplicates::LastWins)?;
    }
    Ok(())
}

fn push_member(
    objects: &mut Objects<dyn Column, Names>,
    place: usize,
    token: Token<'_>,
    walk: &mut Walk<'_>,
    duplicates: Duplicates,
) -> Result<(), Error> {
    let closed = objects.closed();
    let member = &mut objects.members[place];
    if member.len() > closed {
        return Err(refused("a key that is there twice"));
    }
    let pushed = member.push(token, walk, duplicates);
    pushed.map_err(|error| inside(error, objects.fields[place].name()))
}
