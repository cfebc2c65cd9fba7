//! The account of an input, and what it lacks.

use super::converted::{Converted, Failure};
use crate::error::{Error, ErrorKind, Place};
use crate::ledger::Ledger;
use crate::shape::Shape;

/// A field in use that was in no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The field.
    pub field: &'static str,
    /// All such fields, of which it is the first.
    pub fields: Vec<&'static str>,
    /// The keys of a record that lacks it.
    pub keys: Vec<String>,
}

impl From<Missing> for Error {
    fn from(Missing { field, keys, .. }: Missing) -> Self {
        ErrorKind::MissingField { field, keys }.into()
    }
}

/// The account of an input so far, block after block.
#[derive(Debug, Default)]
pub struct Total {
    /// The account.
    pub ledger: Ledger,
    /// Lines of the current input so far.
    pub lines: u64,
    present: u64,
    keys: Vec<String>,
    broken: Vec<(&'static str, String, u64)>,
}

impl Total {
    /// Adds the next block, which starts at byte `offset` of the input called `path`.
    ///
    /// # Errors
    ///
    /// What ended the block early.
    pub fn add(&mut self, block: &mut Converted, path: &str, offset: u64) -> Result<(), Error> {
        self.ledger.add(&block.ledger);
        self.present |= block.present;
        if self.keys.is_empty() {
            self.keys = std::mem::take(&mut block.keys);
        }
        let lines = self.lines;
        for (rule, before) in block.broken.drain(..) {
            // Inputs come one after the other.
            let mut of_this = self.broken.iter().rev().take_while(|(_, input, _)| input == path);
            if !of_this.any(|(known, ..)| *known == rule) {
                self.broken.push((rule, path.to_owned(), lines + before + 1));
            }
        }
        self.lines += block.lines;
        match block.failure.take() {
            None => Ok(()),
            Some(Failure::Run(error)) => Err(error.in_input(path, lines)),
            Some(Failure::Row(fault)) => {
                let (path, row) = (path.to_owned(), self.lines);
                Err(ErrorKind::Row { path, row, fault }.into())
            }
            Some(Failure::Line { reject, snippet }) => {
                let (line, offset) = reject.position(lines, offset);
                let place = Place { path: path.to_owned(), line, offset, snippet };
                Err(Error::data(reject.fault.kind, place))
            }
        }
    }

    /// The field in use that was in no record, and the keys of a record without it.
    #[must_use]
    pub fn missing(&self, shape: &Shape) -> Option<Missing> {
        let field = shape.missing(self.present)?;
        let some = !self.keys.is_empty() || self.converted_some();
        let fields = shape.all_missing(self.present);
        some.then(|| Missing { field, fields, keys: self.keys.clone() })
    }

    /// The rules that rows broke, and where each first was in each input: its name and the line.
    #[must_use]
    pub fn broken(&self) -> &[(&'static str, String, u64)] {
        &self.broken
    }

    /// The fields that some record had, as bits in the order of the keys.
    #[must_use]
    pub fn present(&self) -> u64 {
        self.present
    }

    /// Whether a record was read that was not malformed.
    fn converted_some(&self) -> bool {
        self.ledger.read + self.ledger.added > self.ledger.rejected.total()
    }
}
