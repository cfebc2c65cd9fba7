//! How callers want records to be read.

use super::Dialect;
use crate::error::Error;
use crate::record::Field;

/// How records are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The name of a dialect, or `auto`.
    pub from: String,
    /// What is taken for the answer.
    pub answer: Answer,
    /// What becomes of a conversation of several answers where the target takes one.
    pub turns: Several,
    /// What is taken for the rejected answer.
    pub rejected: Rejected,
    /// The names of repairs that are not wanted.
    pub unrepaired: Vec<String>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            from: AUTO.to_owned(),
            answer: Answer::default(),
            turns: Several::default(),
            rejected: Rejected::default(),
            unrepaired: Vec::new(),
        }
    }
}

impl Reading {
    /// Refuses names of repairs that no dialect has.
    pub(super) fn check_repairs(&self) -> Result<(), Error> {
        let mut all: Vec<&str> = Dialect::built_in()?.iter().flat_map(Dialect::repairs).collect();
        all.sort_unstable();
        all.dedup();
        let unknown = self.unrepaired.iter().find(|name| !all.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| Err(Error::unknown("repair", name, &all)))
    }
}

/// What is taken for the answer of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// The chain of thought: the default, and what RAFT is about.
    #[default]
    Cot,
    /// The final answer only.
    Final,
    /// The chain of thought, or else the short answer.
    Either,
}

impl Answer {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("cot", Self::Cot), ("final", Self::Final), ("either", Self::Either)];
}

/// What becomes of a conversation of several answers where the target takes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Several {
    /// It is an error: the default, because there is no one right way.
    #[default]
    Error,
    /// The last question and its answer are taken.
    Last,
    /// Each answer gives a row, with the question before it: where all of a conversation is wanted, and
    /// not its end only.
    Each,
}

impl Several {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("error", Self::Error), ("last", Self::Last), ("each", Self::Each)];
}

/// What is taken for the rejected answer of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rejected {
    /// What the key `rejected` holds: the default.
    #[default]
    Own,
    /// What this key holds.
    Key(String),
    /// The answer of another record, chosen by this seed.
    Other(u64),
}

/// The word for the answer of another record.
const OTHER: &str = "other";

impl Rejected {
    /// What an option stands for: the name of a key, or `other`, which alone takes a seed.
    ///
    /// # Errors
    ///
    /// When a seed is given for anything else, or when the name is empty.
    pub fn named(name: Option<&str>, seed: u64) -> Result<Self, Error> {
        match name {
            Some(OTHER) => Ok(Self::Other(seed)),
            _ if seed != 0 => {
                Err(Error::usage("a seed is for rejected=other, which chooses by it"))
            }
            Some("") => Err(Error::usage("rejected is the name of a key, or other")),
            Some(key) if key != Field::Rejected.name() => Ok(Self::Key(key.to_owned())),
            _ => Ok(Self::Own),
        }
    }
}

/// The name for: whichever it is.
pub const AUTO: &str = "auto";
