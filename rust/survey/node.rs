//! What was seen in one place of the records.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields};

use super::kinds::Kinds;
use super::names::Names;
use super::{KEY_BYTES, KEYS, MAX_LEVELS};
use crate::error::{Error, ErrorKind};
use crate::walk::{Token, Walk, decoded};

/// The types that JSON tells apart, as messages name several of them.
const TYPES: [&str; 5] = ["booleans", "numbers", "strings", "arrays", "objects"];

/// A place in the input.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mark {
    pub(super) input: Option<Arc<str>>,
    /// The line, or 0 if it is not known.
    pub(super) line: u64,
}

impl Mark {
    /// In words.
    fn told(&self) -> String {
        match (&self.input, self.line) {
            (None, 0) => String::new(),
            (Some(input), 0) => input.to_string(),
            (None, line) => format!("line {line}"),
            (Some(input), line) => format!("{input}: line {line}"),
        }
    }
}

/// How much more may be learnt.
#[derive(Clone, Debug)]
pub(super) struct Room {
    keys: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { keys: KEYS, bytes: KEY_BYTES }
    }
}

impl Room {
    fn take(&mut self, name: &str) -> Result<(), Error> {
        match (self.keys.checked_sub(1), self.bytes.checked_sub(name.len())) {
            (Some(keys), Some(bytes)) => *self = Self { keys, bytes },
            _ => return Err(Error::from(ErrorKind::TooManyKeys { limit: KEYS })),
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    kinds: Kinds,
    /// Where each of [`TYPES`] was first seen.
    marks: [Option<Mark>; 5],
    /// What the arrays hold, if one of them holds something.
    elements: Option<Box<Node>>,
    /// What the objects hold: a node for each name.
    names: Names,
    members: Vec<Member>,
    /// Whether some of the objects lack a key that others have.
    ragged: bool,
}

#[derive(Clone, Debug, Default)]
struct Member {
    node: Node,
    /// The last object in which it was seen.
    object: u64,
}

impl Node {
    /// Passes a value if it holds nothing new and no key twice: what [`learn`](Self::learn) makes
    /// no difference for, and what almost all records are. `objects` numbers the objects.
    pub(super) fn knows(&mut self, walk: &mut Walk<'_>, objects: &mut u64) -> Option<()> {
        let token = walk.value()?;
        if !self.kinds.has(kinds(&token)) {
            return None;
        }
        match token {
            Token::List => {
                while walk.more(b']')? {
                    self.elements.as_mut()?.knows(walk, objects)?;
                }
                Some(())
            }
            Token::Object => self.knows_members(walk, objects),
            _ => Some(()),
        }
    }

    fn knows_members(&mut self, walk: &mut Walk<'_>, objects: &mut u64) -> Option<()> {
        *objects += 1;
        let object = *objects;
        let (mut next, mut seen) = (0, 0);
        while walk.more(b'}')? {
            seen += 1;
            let place = self.names.find(walk.key()?, next)?;
            let member = self.members.get_mut(place)?;
            if std::mem::replace(&mut member.object, object) == object {
                return None;
            }
            member.node.knows(walk, objects)?;
            next = place + 1;
        }
        self.ragged |= seen != self.members.len();
        Some(())
    }

    /// Takes in a value. Of a key that an object has twice, the last value counts.
    pub(super) fn learn(&mut self, lesson: &mut Lesson<'_>, json: &[u8]) -> Result<(), Error> {
        let mut walk = Walk::new(json);
        let Some(token) = walk.value() else { return Ok(()) };
        let first = !self.kinds.has(Kinds::OBJECT);
        self.note(kinds(&token), lesson.mark);
        match token {
            Token::List => self.learn_elements(lesson, &mut walk),
            Token::Object => self.learn_members(lesson, &mut walk, first),
            _ => Ok(()),
        }
    }

    fn note(&mut self, kinds: Kinds, mark: &Mark) {
        self.kinds = self.kinds.and(kinds);
        if let Some(first) = group(kinds).and_then(|at| self.marks.get_mut(at)) {
            first.get_or_insert_with(|| mark.clone());
        }
    }

    fn learn_elements(
        &mut self,
        lesson: &mut Lesson<'_>,
        walk: &mut Walk<'_>,
    ) -> Result<(), Error> {
        lesson.enter()?;
        while walk.more(b']') == Some(true) {
            let Some(element) = walk.whole() else { break };
            self.elements.get_or_insert_default().learn(lesson, element)?;
        }
        lesson.leave();
        Ok(())
    }

    /// `first` says that no object was seen here before.
    fn learn_members(
        &mut self,
        lesson: &mut Lesson<'_>,
        walk: &mut Walk<'_>,
        first: bool,
    ) -> Result<(), Error> {
        lesson.enter()?;
        let (before, members) = (self.members.len(), members(walk));
        for (name, value) in &members {
            self.member(name, lesson.room)?.learn(lesson, value)?;
        }
        let same = before == members.len() && before == self.members.len();
        self.ragged |= !first && !same;
        lesson.leave();
        Ok(())
    }

    /// The node of a member, new if there is none.
    fn member(&mut self, name: &str, room: &mut Room) -> Result<&mut Self, Error> {
        let place = self.names.place(name).unwrap_or(self.members.len());
        if place == self.members.len() {
            room.take(name)?;
            self.names.add(name);
            self.members.push(Member::default());
        }
        Ok(&mut self.members[place].node)
    }

    /// Takes in what was seen after this.
    pub(super) fn merge(&mut self, later: Self, room: &mut Room) -> Result<(), Error> {
        let both = self.kinds.has(Kinds::OBJECT) && later.kinds.has(Kinds::OBJECT);
        let before = self.members.len();
        let members = later.members.len();
        self.kinds = self.kinds.and(later.kinds);
        for (mark, later) in self.marks.iter_mut().zip(later.marks) {
            *mark = mark.take().or(later);
        }
        if let Some(elements) = later.elements {
            self.elements.get_or_insert_default().merge(*elements, room)?;
        }
        for (name, member) in later.names.iter().zip(later.members) {
            self.member(name, room)?.merge(member.node, room)?;
        }
        let same = before == members && before == self.members.len();
        self.ragged |= later.ragged || (both && !same);
        Ok(())
    }

    /// Changes where things were seen.
    pub(super) fn relocate(&mut self, change: &impl Fn(&mut Mark)) {
        self.marks.iter_mut().flatten().for_each(change);
        self.elements.iter_mut().for_each(|node| node.relocate(change));
        self.members.iter_mut().for_each(|member| member.node.relocate(change));
    }

    /// The keys of objects, and of each whether all its values were null.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, bool)> {
        let members = self.members.iter().map(|member| member.node.kinds.are_null());
        self.names.iter().map(AsRef::as_ref).zip(members)
    }

    /// Whether columns hold the objects as they are, but for keys that some of them lack.
    pub(super) fn members_are_exact(&self) -> bool {
        self.members.iter().all(|member| member.node.is_exact())
    }

    fn is_exact(&self) -> bool {
        let elements = self.elements.as_ref().is_none_or(|node| node.is_exact());
        elements && !self.ragged && !self.kinds.are_retyped() && self.members_are_exact()
    }

    /// The columns of objects; `path` is where they are.
    pub(super) fn fields(&self, path: &str) -> Result<Fields, Error> {
        let named = self.names.iter().zip(&self.members);
        let fields = named.map(|(name, member)| {
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            let data_type = member.node.data_type(&path)?;
            if name.contains('\0') {
                return Err(Error::from(ErrorKind::NulInKey { key: path }));
            }
            Ok(Field::new(name.as_ref(), data_type, true))
        });
        fields.collect()
    }

    fn data_type(&self, path: &str) -> Result<DataType, Error> {
        if self.kinds.are_mixed() {
            return Err(self.mixed(path));
        }
        if self.kinds.has(Kinds::OBJECT) {
            return self.fields(path).map(DataType::Struct);
        }
        if !self.kinds.has(Kinds::LIST) {
            return Ok(self.kinds.scalar());
        }
        let elements = self.elements.as_ref();
        let elements =
            elements.map_or(Ok(DataType::Null), |node| node.data_type(&format!("{path}[]")))?;
        Ok(DataType::new_list(elements, true))
    }

    /// The error of a place that holds scalars, arrays and objects, or two of these.
    fn mixed(&self, path: &str) -> Error {
        let (scalars, others) = self.marks.split_at(3);
        let first = scalars.iter().position(Option::is_some);
        let others = others.iter().enumerate().filter(|(_, mark)| mark.is_some());
        let mut seen = first.into_iter().chain(others.map(|(at, _)| at + scalars.len()));
        let mut next = || {
            let at = seen.next().unwrap_or(0);
            let mark = self.marks[at].as_ref();
            (TYPES[at], mark.map(Mark::told).unwrap_or_default())
        };
        Error::from(ErrorKind::MixedTypes { key: path.to_owned(), found: [next(), next()] })
    }
}

/// What goes along while a record is learnt.
pub(super) struct Lesson<'a> {
    pub(super) mark: &'a Mark,
    pub(super) room: &'a mut Room,
    /// How many arrays and objects are open.
    pub(super) levels: usize,
}

impl Lesson<'_> {
    fn enter(&mut self) -> Result<(), Error> {
        self.levels += 1;
        if self.levels > MAX_LEVELS {
            let (path, line) = (String::new(), self.mark.line);
            return Err(Error::from(ErrorKind::TooNested { limit: MAX_LEVELS, path, line }));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.levels -= 1;
    }
}

/// The members of an object, of duplicates the last, in the order of their first appearance.
pub(super) fn members<'a>(walk: &mut Walk<'a>) -> Vec<(Cow<'a, str>, &'a [u8])> {
    let mut members: Vec<(Cow<'a, str>, &'a [u8])> = Vec::new();
    let mut places = HashMap::new();
    while let Some((name, value)) = member(walk) {
        let place = *places.entry(name.clone()).or_insert(members.len());
        match members.get_mut(place) {
            Some(earlier) => earlier.1 = value,
            None => members.push((name, value)),
        }
    }
    members
}

fn member<'a>(walk: &mut Walk<'a>) -> Option<(Cow<'a, str>, &'a [u8])> {
    if !walk.more(b'}')? {
        return None;
    }
    Some((decoded(walk.key()?)?, walk.whole()?))
}

#[inline]
fn kinds(token: &Token<'_>) -> Kinds {
    match token {
        Token::Null => Kinds::NULL,
        Token::Boolean(_) => Kinds::BOOLEAN,
        Token::Number(text) => Kinds::of_number(text),
        Token::Text(_) => Kinds::TEXT,
        Token::List => Kinds::LIST,
        Token::Object => Kinds::OBJECT,
    }
}

/// Which of [`TYPES`] it is.
fn group(kinds: Kinds) -> Option<usize> {
    match kinds {
        Kinds::NULL => None,
        Kinds::BOOLEAN => Some(0),
        Kinds::TEXT => Some(2),
        Kinds::LIST => Some(3),
        Kinds::OBJECT => Some(4),
        _ => Some(1),
    }
}
