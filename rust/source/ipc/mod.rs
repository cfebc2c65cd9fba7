//! Columns of strings straight out of Arrow IPC files and streams.
//!
//! What most targets need of an Arrow file is two columns of strings in uncompressed batches. These are
//! read as JSON lines are, with positioned reads of just their bytes, some rows at a time whatever the
//! size of a batch, and without a library that takes 0.1 s to load. Everything else (compressed
//! batches, dictionaries, nested columns, and files in which anything is wrong) is left to those who
//! can say what it is: then there is no reader here.
//!
//! The [format](https://arrow.apache.org/docs/format/Columnar.html) in short: a message is a marker of
//! four bytes (missing before Arrow 0.15), the length of its header, the header, and the body, in which
//! the header says where the buffers are. A stream is a schema, batches and a header of length 0. A
//! file is a stream between two magic words, with a footer that says where the batches are.

mod columns;
mod layout;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

use super::region::Watched;
use crate::batch::{ALL_COLUMNS, Column, Form};
use columns::Shard;
use layout::{Kind, Layout, Place};

pub use columns::Columns;
pub(super) use columns::{Part, Parts};

/// Files whose wanted columns are strings, read one after the other as if they were one.
#[derive(Debug)]
pub struct Strings {
    shards: Vec<Opened>,
}

/// A file, what it was like when it was opened, and where its batches are.
#[derive(Debug)]
struct Opened {
    watched: Watched,
    layout: Layout,
}

impl Strings {
    /// Looks into the files, of which there is one at least.
    ///
    /// Gives nothing if one of them is not a plain file or stream of Arrow, or has other columns than
    /// the first.
    ///
    /// # Errors
    ///
    /// When a file cannot be opened or read.
    pub fn open(paths: &[impl AsRef<Path>]) -> io::Result<Option<Self>> {
        let mut shards: Vec<Opened> = Vec::new();
        for path in paths {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            let Some(layout) = Layout::of(&file)? else { return Ok(None) };
            if shards.first().is_some_and(|first| first.layout.fields != layout.fields) {
                return Ok(None);
            }
            shards.push(Opened { watched: Watched::new(file, 0, &metadata), layout });
        }
        Ok((!shards.is_empty()).then_some(Self { shards }))
    }

    /// Whether a file of Arrow with a footer is one, and not several one after the other, of which only
    /// the last would be read, and at wrong places.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or read.
    pub fn is_one_file(path: &Path) -> io::Result<bool> {
        Layout::is_one_file(&File::open(path)?)
    }

    /// The columns, in order.
    #[must_use]
    pub fn table(&self) -> Vec<Column> {
        let form = |field: &layout::Field| match field.kind {
            Kind::Strings | Kind::LargeStrings => Form::Text,
            Kind::Other if field.is_flat => Form::Flat,
            Kind::Other => Form::Other,
        };
        self.fields().map(|field| Column { name: field.name.clone(), form: form(field) }).collect()
    }

    /// These columns, or the first one if there are none of these, for the rows must be counted. Gives
    /// nothing if one of them is not of strings, or if two have one name.
    #[must_use]
    pub fn columns(self, wanted: &[String]) -> Option<Columns> {
        let is_wanted = |place: &usize| wanted.contains(self.name(*place));
        let mut chosen: Vec<usize> = (0..self.fields().count()).filter(is_wanted).collect();
        if chosen.is_empty() {
            chosen.push(0);
        }
        let fields = chosen.iter().map(|&place| self.field(place)).collect::<Option<Vec<_>>>()?;
        let once =
            |field: &Field| self.fields().filter(|one| one.name == *field.name()).count() == 1;
        if !fields.iter().all(once) {
            return None;
        }
        let names: Vec<_> = self.fields().map(|field| &field.name).collect();
        let names = serde_json::to_string(&names).ok()?;
        let shard = |Opened { watched, layout }: Opened| {
            let places: Vec<Place> = chosen.iter().map(|&at| layout.fields[at].place).collect();
            let batches = layout.batches.iter().map(|batch| batch.columns(&places));
            Some(Shard { watched, batches: batches.collect::<Option<_>>()? })
        };
        let shards = self.shards.into_iter().map(shard).collect::<Option<_>>()?;
        let schema =
            Schema::new_with_metadata(fields, HashMap::from([(ALL_COLUMNS.to_owned(), names)]));
        Some(Columns { schema: Arc::new(schema), shards })
    }

    fn fields(&self) -> impl Iterator<Item = &layout::Field> {
        self.shards.iter().take(1).flat_map(|shard| &shard.layout.fields)
    }

    fn name(&self, place: usize) -> &String {
        &self.shards[0].layout.fields[place].name
    }

    /// A column of strings, as Arrow has it.
    fn field(&self, place: usize) -> Option<Field> {
        let field = self.fields().nth(place)?;
        let data_type = match field.kind {
            Kind::Strings => DataType::Utf8,
            Kind::LargeStrings => DataType::LargeUtf8,
            Kind::Other => return None,
        };
        Some(Field::new(&field.name, data_type, true))
    }
}
