//! What became of a block of lines, and where its rows are put.

use crate::dialect::Unread;
use crate::entries::Detail;
use crate::error::{Error, Fault, FaultKind};
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::record::Record;
use crate::shape::Shape;

/// A line that could not be converted.
#[derive(Debug)]
pub struct Reject {
    /// Lines of the block before it.
    pub lines_before: u64,
    /// Where it starts in the block.
    pub start: usize,
    /// What is wrong with it, and where in the block.
    pub fault: Fault,
    /// The line, cut if it is very long.
    pub raw: Vec<u8>,
    /// Whether it was cut.
    pub cut: bool,
}

impl Reject {
    /// The line and the byte of the fault in an input, of which `lines` lines and `offset` bytes stand
    /// before the block.
    #[must_use]
    pub fn position(&self, lines: u64, offset: u64) -> (u64, u64) {
        (lines + self.lines_before + 1, offset + self.fault.offset as u64)
    }
}

/// Where rows are put.
pub trait Rows {
    /// Adds a record, which is in a line that so many stand before, as a row.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is added.
    fn put(&mut self, shape: &Shape, record: &Record<'_>, line: u64) -> Result<(), Error>;
}

/// Rows as JSON, each with its line end.
impl Rows for Vec<u8> {
    #[inline]
    fn put(&mut self, shape: &Shape, record: &Record<'_>, _: u64) -> Result<(), Error> {
        shape.write(record, self)
    }
}

/// Answers, as they are gathered to be others' rejected ones.
impl Rows for Pool {
    fn put(&mut self, _: &Shape, record: &Record<'_>, _: u64) -> Result<(), Error> {
        let detail = |detail: Detail| record.value(detail.slot());
        self.add(detail(Detail::Content), detail(Detail::Assistant));
        Ok(())
    }
}

/// What became of a block.
#[derive(Debug, Default)]
pub struct Converted {
    /// The account; bytes are left to those who read and write them.
    pub ledger: Ledger,
    /// Lines passed, blank ones counted.
    pub lines: u64,
    /// Lines left out, in order, if they are wanted.
    pub rejects: Vec<Reject>,
    pub(super) keep_rejects: bool,
    /// What ended the block early.
    pub failure: Option<Failure>,
    /// Rules that rows break, and the first line of each that does, by the lines of the block before
    /// it.
    pub broken: Vec<(&'static str, u64)>,
    /// The fields that some record had.
    pub present: u64,
    /// The keys of the first record that lacks a field in use.
    pub keys: Vec<String>,
}

impl Converted {
    /// Counts a row that breaks a rule.
    pub(super) fn warn(&mut self, rule: &'static str) {
        if !self.broken.iter().any(|(known, _)| *known == rule) {
            self.broken.push((rule, self.lines));
        }
        self.ledger.warned.add(rule, 1);
    }

    /// Keeps what ends the run; anything else is a fault of the record.
    pub(super) fn unread(&mut self, record: &Record<'_>, unread: Unread) -> Result<(), Fault> {
        match unread {
            Unread::Fault(fault) => Err(fault),
            Unread::Kind(kind) => Err(record.fault(kind)),
            Unread::Run(error) => {
                self.failure = Some(Failure::Run(error));
                Ok(())
            }
        }
    }
}

/// Why a block ended early.
#[derive(Debug)]
pub enum Failure {
    /// A malformed line.
    Line {
        /// The line.
        reject: Reject,
        /// The text around the fault, for people.
        snippet: String,
    },
    /// A row of a table that is no record: the last one that was looked at.
    Row(FaultKind),
    /// Anything else.
    Run(Error),
}
