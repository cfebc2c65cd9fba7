//! Arrow batches that records are rows of.
//!
//! Everything is checked when a batch is taken: the types of its columns against the fields, then
//! offsets, UTF-8 and dictionary keys of every column in use. After that a row costs no check and no
//! allocation. Columns that nobody uses are not looked at.
//!
//! Strings may be `utf8`, `large_utf8`, `utf8_view` or a dictionary of these; documents may be any
//! kind of list, struct or map as well. A column that is not there is a field that no record has.

mod dictionaries;
mod reader;
mod table;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};

use crate::error::{Error, ErrorKind};
use crate::scan::{KeySet, slots_of};
use crate::value::{Holds, Node, Struct, Value};
pub(crate) use dictionaries::Dictionaries;
use reader::Reader;

pub use table::{ALL_COLUMNS, Column, Form};

/// A batch whose columns in use have been checked.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow_array::{ArrayRef, RecordBatch, StringArray};
/// use raftfast::batch::Batch;
/// use raftfast::record::Record;
/// use raftfast::text::Text;
/// use raftfast::value::{Holds, Value};
///
/// let answers: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
/// let columns = RecordBatch::try_from_iter_with_nullable([("cot_answer", answers, true)])?;
/// let keys = [("cot_answer", Holds::Text), ("id", Holds::Text)];
/// let batch = Batch::new("train.arrow", &columns, &keys, false)?;
/// let record = |row| Record::of_row(&batch, row);
/// assert_eq!(record(0).value(0), Value::Text(Text::Plain("a")));
/// assert_eq!(record(1).value(0), Value::Null);
/// assert_eq!(record(1).value(1), Value::Missing);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    rows: usize,
    /// All columns of the table, also those that were not read.
    table: Vec<Column>,
    /// The columns of the fields, where there are any.
    fields: Vec<Option<Node>>,
    /// The keys for which the table has columns.
    found: KeySet,
    /// All columns as one object, if records are written whole.
    whole: Node,
}

impl Batch {
    /// Takes the columns of `keys`, in this order, from a batch of the input called `path`; if
    /// records are also written `whole`, then all columns.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ColumnType`] if a column is of a type that its field cannot hold or that JSON
    /// lacks, and [`ErrorKind::Broken`] if two columns in use have one name or if what a column
    /// holds is not what its type promises.
    pub fn new(
        path: &str,
        batch: &RecordBatch,
        keys: &[(&str, Holds)],
        whole: bool,
    ) -> Result<Self, Error> {
        let dictionaries = &Dictionaries::default();
        Self::taken(Columns { path, batch, sound: false, dictionaries }, keys, whole)
    }

    /// The same for a batch that follows others, whose dictionaries it may have.
    pub(crate) fn following(
        dictionaries: &Dictionaries,
        path: &str,
        batch: &RecordBatch,
        keys: &[(&str, Holds)],
        whole: bool,
    ) -> Result<Self, Error> {
        let taken = Self::taken(Columns { path, batch, sound: false, dictionaries }, keys, whole);
        dictionaries.next_batch();
        taken
    }

    /// The same for columns of strings that were checked when they were made, and are not again.
    pub(crate) fn of_strings(
        path: &str,
        batch: &RecordBatch,
        keys: &[(&str, Holds)],
        whole: bool,
    ) -> Result<Self, Error> {
        let dictionaries = &Dictionaries::default();
        Self::taken(Columns { path, batch, sound: true, dictionaries }, keys, whole)
    }

    fn taken(columns: Columns<'_>, keys: &[(&str, Holds)], whole: bool) -> Result<Self, Error> {
        let batch = columns.batch;
        let schema = batch.schema_ref();
        let fields = keys.iter().map(|&(name, holds)| columns.field(name, holds));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let table = Column::all_of(schema);
        let has = |name: &str| table.iter().any(|column| column.name == name);
        let there = |(place, key): (usize, &(&str, Holds))| KeySet::from(has(key.0)) << place;
        Ok(Self {
            found: keys.iter().enumerate().fold(0, |found, key| found | there(key)),
            rows: batch.num_rows(),
            table,
            fields,
            whole: if whole { columns.whole()? } else { Node::default() },
        })
    }

    /// Checks the columns of batches that are still to be taken in, also of those that nobody uses: whoever
    /// gives batches takes in all of them.
    pub(crate) fn check_depth(path: &str, schema: &Schema) -> Result<(), Error> {
        let none = Dictionaries::default();
        let mut fields = schema.fields().iter();
        fields.try_for_each(|field| {
            Reader::new(path, field.name(), false, &none).depth(field.data_type())
        })
    }

    /// How many records there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns of the table, also those that were not read.
    #[must_use]
    pub fn table(&self) -> &[Column] {
        &self.table
    }

    /// The value of the field that was asked for at this place.
    #[inline]
    pub(crate) fn value(&self, slot: usize, row: usize) -> Value<'_> {
        self.fields[slot].as_ref().map_or(Value::Missing, |node| node.value(row))
    }

    /// The keys for which the table has columns.
    pub(crate) fn found(&self) -> KeySet {
        self.found
    }

    /// Those of some keys that hold something else than null in a row.
    pub(crate) fn told(&self, keys: KeySet, row: usize) -> KeySet {
        let is_null = |slot| matches!(self.value(slot, row), Value::Null | Value::Missing);
        slots_of(keys).filter(|&slot| is_null(slot)).fold(keys, |told, slot| told & !(1 << slot))
    }

    /// Whether there is a column for the field that was asked for at this place.
    #[inline]
    pub(crate) fn has(&self, slot: usize) -> bool {
        self.fields[slot].is_some()
    }

    /// The whole record.
    pub(crate) fn whole(&self, row: usize) -> Value<'_> {
        self.whole.value(row)
    }
}

/// The columns of a batch, not yet checked.
#[derive(Clone, Copy)]
struct Columns<'a> {
    path: &'a str,
    batch: &'a RecordBatch,
    /// Whether their strings need no check.
    sound: bool,
    dictionaries: &'a Dictionaries,
}

impl Columns<'_> {
    /// The column of a field, if there is one.
    fn field(&self, name: &str, holds: Holds) -> Result<Option<Node>, Error> {
        let Some((field, column)) = self.named(name)? else { return Ok(None) };
        let reader = Reader::new(self.path, name, self.sound, self.dictionaries);
        reader.field(holds, field, column).map(Some)
    }

    fn whole(&self) -> Result<Node, Error> {
        let fields = self.batch.schema_ref().fields().iter().zip(self.batch.columns());
        let member = |(field, column): (&arrow_schema::FieldRef, &ArrayRef)| {
            self.named(field.name())?;
            let reader = Reader::new(self.path, field.name(), self.sound, self.dictionaries);
            Ok((field.name().clone(), reader.column(field, column)?))
        };
        let members = fields.map(member).collect::<Result<_, Error>>()?;
        Ok(Node::Struct(Struct { nulls: None, members }))
    }

    /// The only column of that name.
    fn named(&self, name: &str) -> Result<Option<(&Field, &ArrayRef)>, Error> {
        let fields = self.batch.schema_ref().fields();
        let mut places = (0..fields.len()).filter(|&place| fields[place].name() == name);
        let (first, second) = (places.next(), places.next());
        if second.is_some() {
            let what = format!("two columns are named '{name}'");
            return Err(Error::from(ErrorKind::Broken { path: self.path.to_owned(), what }));
        }
        Ok(first.map(|place| (&*fields[place], self.batch.column(place))))
    }
}
