//! Arrow arrays under construction, wherever their values come from: the texts of records, or JSON.

mod bits;
mod nested;
mod offsets;
mod scalars;
mod strings;

use std::fmt::{Debug, Display};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};

use crate::error::{Error, ErrorKind};

pub(crate) use bits::{Bits, Validity};
pub(crate) use nested::{Lists, Objects};
pub(crate) use offsets::Offsets;
pub(crate) use scalars::{Booleans, Nulls, Numbers};
pub(crate) use strings::Strings;

/// An array under construction.
///
/// After an error it may hold a part of a row, until it is truncated.
pub(crate) trait Growing: Debug + Send {
    /// Adds a null.
    fn push_null(&mut self) -> Result<(), Error>;

    /// Rows so far.
    fn len(&self) -> usize;

    /// Bytes that they take.
    fn bytes(&self) -> usize;

    /// Keeps so many rows.
    fn truncate(&mut self, rows: usize);

    /// Hands over the rows and starts anew.
    fn finish(&mut self) -> Result<ArrayRef, Error>;

    /// Takes memory for the rows to come: to have the 8 MiB of a batch mapped anew for each cost a third
    /// of the time of a run.
    fn refill(&mut self, _spare: &mut Vec<Vec<u8>>) {}
}

/// An error of the Arrow crates, which check what is handed to them.
#[cold]
pub(crate) fn refused(error: impl Display) -> Error {
    Error::from(ErrorKind::Internal(format!("columns: {error}")))
}

/// A finished array, or the reason why the Arrow crates do not take it.
pub(crate) fn made(array: Result<impl Array + 'static, impl Display>) -> Result<ArrayRef, Error> {
    array.map(|array| Arc::new(array) as ArrayRef).map_err(refused)
}
