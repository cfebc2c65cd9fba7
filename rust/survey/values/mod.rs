//! JSON values as a column.

mod nested;
mod scalars;
mod texts;

use arrow_array::ArrayRef;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_schema::DataType;

use crate::arrays::{Booleans, Growing, Nulls, Numbers, Strings, refused};
use crate::error::{Error, ErrorKind};
use crate::walk::{Token, Walk};
use scalars::Parse;

/// A column of JSON values of one type, under construction.
///
/// ```
/// use arrow_schema::DataType;
/// use raftfast::survey::Values;
///
/// let mut values = Values::new(&DataType::new_list(DataType::Int64, true)).ok_or("a type")?;
/// values.push(b"[1, null, 2]")?;
/// values.push(b"null")?;
/// assert!(values.push(b"[1.5]").is_err());
/// assert_eq!(values.finish()?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Values(Box<dyn Column>);

impl Values {
    /// A column without values, or `None` if the type is not one that a survey gives. Strings may be
    /// `LargeUtf8` as well.
    #[must_use]
    pub fn new(data_type: &DataType) -> Option<Self> {
        column(data_type).map(Self)
    }

    /// Adds a value: JSON that was validated. Of duplicate keys the last counts.
    ///
    /// # Errors
    ///
    /// `SchemaMismatch` if the value is not of the type of the column, or an object has a key that
    /// the type has not; `Usage` if the values are 2 GiB or more of a type that cannot hold as many;
    /// `OutOfMemory`. The column is then as it was before.
    pub fn push(&mut self, json: &[u8]) -> Result<(), Error> {
        let pushed = self.try_push(json, Duplicates::Refused);
        pushed.or_else(|_| self.try_push(json, Duplicates::LastWins))
    }

    fn try_push(&mut self, json: &[u8], duplicates: Duplicates) -> Result<(), Error> {
        let mut walk = Walk::new(json);
        let token = walk.value().ok_or_else(broken)?;
        let rows = self.0.len();
        self.0.push(token, &mut walk, duplicates).inspect_err(|_| self.0.truncate(rows))
    }

    /// Values so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Keeps the first `rows` values.
    pub fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }

    /// Hands over the values and starts anew.
    ///
    /// # Errors
    ///
    /// `Internal` if what was pushed was not validated JSON.
    pub fn finish(&mut self) -> Result<ArrayRef, Error> {
        self.0.finish()
    }

    /// Takes memory for the values to come.
    pub(crate) fn refill(&mut self, spare: &mut Vec<Vec<u8>>) {
        self.0.refill(spare);
    }
}

/// What to do about a key that an object has twice.
#[derive(Clone, Copy)]
enum Duplicates {
    /// To refuse it, as is a value of the wrong type, which one that does not count may be. The
    /// fast way, which is gone first.
    Refused,
    /// To go over the members of each object first.
    LastWins,
}

/// A column that has a value more after each push.
trait Column: Growing {
    fn push(
        &mut self,
        token: Token<'_>,
        walk: &mut Walk<'_>,
        duplicates: Duplicates,
    ) -> Result<(), Error>;
}

fn column(data_type: &DataType) -> Option<Box<dyn Column>> {
    Some(match data_type {
        DataType::Null => Box::<Nulls>::default(),
        DataType::Boolean => Box::<Booleans>::default(),
        DataType::Int64 => {
            Box::new(Numbers::<Int64Type, Parse<i64>>::new(|text| text.parse().ok()))
        }
        DataType::UInt64 => Box::new(Numbers::<UInt64Type, Parse<u64>>::new(unsigned)),
        DataType::Float64 => {
            Box::new(Numbers::<Float64Type, Parse<f64>>::new(|text| text.parse().ok()))
        }
        DataType::Utf8 => Box::<Strings<i32>>::default(),
        DataType::LargeUtf8 => Box::<Strings<i64>>::default(),
        DataType::List(field) => Box::new(nested::lists(field)?),
        DataType::Struct(fields) => Box::new(nested::objects(fields)?),
        _ => return None,
    })
}

/// Zero may have a sign.
fn unsigned(text: &str) -> Option<u64> {
    if text == "-0" { Some(0) } else { text.parse().ok() }
}

#[cold]
fn broken() -> Error {
    refused("JSON that was not validated")
}

/// The error of a value in a column that is for others.
#[cold]
fn mismatch(token: &Token<'_>, expected: &str) -> Error {
    let found = match token {
        Token::Null => "null",
        Token::Boolean(_) => "a boolean",
        Token::Number(_) => "a number",
        Token::Text(_) => "a string",
        Token::List => "an array",
        Token::Object => "an object",
    };
    unfit(String::new(), expected.to_string(), found)
}

/// The error of a key that has no column.
#[cold]
fn unknown(key: &[u8]) -> Error {
    unfit(String::from_utf8_lossy(key).into_owned(), "no such field".to_owned(), "one")
}

fn unfit(key: String, expected: String, found: &'static str) -> Error {
    Error::from(ErrorKind::SchemaMismatch { key, expected, found })
}

/// The error of a value inside the member of an object.
#[cold]
fn inside(error: Error, name: &str) -> Error {
    let ErrorKind::SchemaMismatch { key, expected, found } = error.kind() else { return error };
    let key = if key.is_empty() { name.to_owned() } else { format!("{name}.{key}") };
    unfit(key, expected.clone(), found)
}
