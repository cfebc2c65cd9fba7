//! What is wrong with the row of a target, and where in it.

use crate::walk::{Token, Walk, decoded};

/// What is wrong with a row.
#[derive(Debug)]
pub(super) struct Wrong {
    pub what: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A line of the text, counted from 1.
    Line(usize),
    /// A byte of it.
    Byte(usize),
    /// The way to a value, from the innermost step out.
    Inside(Vec<Step>),
}

/// A step from a value to one that it holds.
#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
}

pub(super) type Result<T> = std::result::Result<T, Wrong>;

impl Wrong {
    /// Something on a line, counted from 1.
    pub(super) fn on(line: usize, what: String) -> Self {
        Self { what, place: Place::Line(line) }
    }

    /// Something at a byte.
    pub(super) fn at(byte: usize, what: String) -> Self {
        Self { what, place: Place::Byte(byte) }
    }

    /// The same of what holds the value that it is about.
    fn through(mut self, step: Step) -> Self {
        if let Place::Inside(way) = &mut self.place {
            way.push(step);
        }
        self
    }

    /// The line of a row that it is about, counted from 1.
    pub(super) fn line(&self, row: &str) -> usize {
        let before = match &self.place {
            Place::Line(line) => return *line,
            Place::Byte(at) => *at,
            Place::Inside(way) => value_at(row, way).unwrap_or(row.len()),
        };
        row.get(..before).unwrap_or_default().matches('\n').count() + 1
    }
}

/// Something about a value as a whole.
impl<T: Into<String>> From<T> for Wrong {
    fn from(what: T) -> Self {
        Self { what: what.into(), place: Place::Inside(Vec::new()) }
    }
}

/// What is wrong, told of the value that holds another one.
pub(super) trait Inside: Sized {
    fn of_member(self, name: &str) -> Self;
    fn of_element(self, at: usize) -> Self;
}

impl<T> Inside for Result<T> {
    fn of_member(self, name: &str) -> Self {
        self.map_err(|wrong| wrong.through(Step::Member(name.to_owned())))
    }

    fn of_element(self, at: usize) -> Self {
        self.map_err(|wrong| wrong.through(Step::Element(at)))
    }
}

/// The byte at which the value starts to which a way leads.
fn value_at(row: &str, way: &[Step]) -> Option<usize> {
    let mut walk = Walk::new(row.as_bytes());
    for step in way.iter().rev() {
        match (walk.value()?, step) {
            (Token::Object, Step::Member(name)) => {
                while walk.more(b'}')? && decoded(walk.key()?)? != name.as_str() {
                    walk.whole()?;
                }
            }
            (Token::List, Step::Element(at)) => {
                for _ in 0..*at {
                    walk.more(b']')?;
                    walk.whole()?;
                }
                walk.more(b']')?;
            }
            _ => return None,
        }
    }
    walk.place()
}
