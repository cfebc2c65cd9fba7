//! The columns of whole records, which nobody knows before all records were seen.
//!
//! A [`Survey`] looks at every record and gives the schema that holds them all; [`Whole`] then
//! fills its columns. The columns are the keys of all records in the order of their first
//! appearance, objects inside of records likewise, and all of them can be null, which is what a key
//! is that a record lacks. A column has the narrowest type that holds its values exactly:
//!
//! | values | type |
//! | --- | --- |
//! | null, or no value at all | `Null` |
//! | booleans | `Boolean` |
//! | integers | `Int64`, or `UInt64` if they fit only there |
//! | numbers with a fraction or exponent, and integers that a float holds exactly | `Float64` |
//! | strings; dates are strings | `Utf8` |
//! | arrays | `List` of the type of all elements |
//! | objects | `Struct` |
//!
//! Scalars that no other type holds exactly, or of different kinds, become `Utf8`: strings are then
//! as they are, numbers and booleans their JSON text. So digits are never lost: 1e400, an integer
//! of 30 digits, or a float next to an integer above 2^53 are kept as they were written. Arrays and
//! objects mix with nothing but null.
//!
//! ```
//! use std::sync::Arc;
//! use raftfast::survey::{Survey, Whole};
//!
//! let records: [&[u8]; 2] = [br#"{"id": 1, "tags": []}"#, br#"{"id": "b", "tags": ["x"]}"#];
//! let mut survey = Survey::default();
//! for (record, line) in records.into_iter().zip(1..) {
//!     survey.record(record, line)?;
//! }
//! let mut whole = Whole::new(Arc::new(survey.schema()?))?;
//! for record in records {
//!     whole.push(record)?;
//! }
//! assert_eq!(whole.finish()?.num_rows(), 2);
//! # Ok::<(), raftfast::error::Error>(())
//! ```

mod kinds;
mod names;
mod node;
mod values;
mod whole;

use std::sync::Arc;

use arrow_schema::Schema;

use crate::error::Error;
use crate::walk::Walk;
use node::{Lesson, Mark, Node, Room};

pub use values::Values;
pub use whole::Whole;

/// Different keys that the records may have, those of objects inside of them counted. Records with
/// more have data for keys, and columns are no place for that.
pub const KEYS: usize = 10_000;

/// Bytes that these keys may have together.
const KEY_BYTES: usize = 16 << 20;

/// Arrays and objects that may stand inside one another, the record itself counted. Arrow's readers
/// take 64 and refuse more.
pub const MAX_LEVELS: usize = 60;

/// What the records seen so far hold. By default none was seen.
///
/// Its memory depends on how many different keys there are, and not on the number of records.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    records: Node,
    /// How many objects were walked over.
    objects: u64,
    room: Room,
}

impl Survey {
    /// Takes in a record: one JSON object that was validated. `line` is where it is, for messages,
    /// or 0 if that is not known.
    ///
    /// Bytes that are not validated JSON give a meaningless survey, and nothing worse.
    ///
    /// # Errors
    ///
    /// `TooManyKeys` if the records have more than [`KEYS`] keys by now, `TooNested` if values are
    /// nested deeper than [`MAX_LEVELS`].
    #[inline]
    pub fn record(&mut self, raw: &[u8], line: u64) -> Result<(), Error> {
        match self.records.knows(&mut Walk::new(raw), &mut self.objects) {
            Some(()) => Ok(()),
            None => self.learn(raw, line),
        }
    }

    #[cold]
    fn learn(&mut self, raw: &[u8], line: u64) -> Result<(), Error> {
        let mark = Mark { input: None, line };
        let mut lesson = Lesson { mark: &mark, room: &mut self.room, levels: 0 };
        self.records.learn(&mut lesson, raw)
    }

    /// Says where the records of this survey are: in which input, and after how many lines of it
    /// those lines begin from which the records were counted.
    pub fn locate(&mut self, input: &str, lines: u64) {
        let input: Arc<str> = input.into();
        self.records.relocate(&|mark| {
            mark.input = Some(Arc::clone(&input));
            mark.line += if mark.line == 0 { 0 } else { lines };
        });
    }

    /// Takes in the records that follow those of this survey. However records are split among
    /// surveys that are merged in order, the outcome is that of one survey.
    ///
    /// # Errors
    ///
    /// `TooManyKeys`, as for [`record`](Self::record).
    pub fn merge(&mut self, later: Self) -> Result<(), Error> {
        self.objects += later.objects;
        self.records.merge(later.records, &mut self.room)
    }

    /// The keys of all records in the order of their first appearance, and of each whether all its
    /// values were null. Unlike [`schema`](Self::schema), this is known whatever they hold.
    pub fn keys(&self) -> impl Iterator<Item = (&str, bool)> {
        self.records.keys()
    }

    /// Whether columns hold the records as they are, but for keys that a record lacks, which are
    /// null there: no number or boolean becomes text, and no object inside of a record gets a key.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.records.members_are_exact()
    }

    /// How many objects the records have among them, the records themselves counted; or less, where an object
    /// was the first of its kind.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// The schema of the records.
    ///
    /// # Errors
    ///
    /// `MixedTypes` if some key holds arrays or objects, and elsewhere something else, `NulInKey` if one has
    /// U+0000: the Arrow C data interface has names that end there.
    pub fn schema(&self) -> Result<Schema, Error> {
        self.records.fields("").map(Schema::new)
    }
}
