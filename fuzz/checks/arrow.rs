//! Arrow files and streams: what the library writes is read as it was, and what is changed in them does no
//! harm.
//!
//! The library is not asked to read what is changed: it panics on some, and reserves what they announce.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{Field, FieldRef, Fields, Schema, SchemaRef};
use raftfast::source::{Input, Strings};

use super::recipe::{CONVERTER, Kind, Recipe, WANTED, settings};
use super::{Outcome, TemporaryFile, assert_rows};

/// Checks the bytes after a zero as a file or stream; any others say what one holds and what is changed.
pub fn arrow(data: &[u8]) {
    match data {
        [0, file @ ..] => assert_harmless(file),
        recipe => assert_read(Recipe(recipe)),
    }
}

/// Says that a file, whatever it is, is left alone, refused, or gives rows.
fn assert_harmless(file: &[u8]) {
    if let Some(found) = read(file)
        && let Ok(ledger) = found.result
    {
        assert_rows(&found.rows, &ledger);
    }
}

fn assert_read(mut recipe: Recipe<'_>) {
    let changes = recipe.changes();
    let written = Written::of(&mut recipe);
    let found = read(&written.file);
    assert!(found.is_some() || !written.is_plain);
    if let Some(found) = found {
        assert_eq!(found, Outcome::of(&CONVERTER, written.columns_in_use(), settings()));
    }
    let mut file = written.file;
    for &[low, high, byte] in changes {
        let at = usize::from(u16::from_le_bytes([low, high])) % file.len();
        file[at] = byte;
    }
    if !changes.is_empty() {
        assert_harmless(&file);
    }
}

/// What our own reader makes of a file, if it takes it.
fn read(file: &[u8]) -> Option<Outcome> {
    let file = TemporaryFile::new(file);
    let columns = Strings::open(&[file.path()]).unwrap()?.columns(&WANTED.map(str::to_owned))?;
    Some(Outcome::of(&CONVERTER, Input::strings("input", columns), settings()))
}

/// What the library wrote, and what it was given.
struct Written {
    file: Vec<u8>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// Whether our own reader has to take it.
    is_plain: bool,
}

impl Written {
    fn of(recipe: &mut Recipe<'_>) -> Self {
        let (form, kinds) = (recipe.byte(), recipe.kinds());
        let fields = kinds.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
        let batches = (0..recipe.below(4)).map(|_| recipe.batch(&schema, &kinds));
        let batches: Vec<_> = batches.collect();
        let file = written(form, &schema, &batches);
        Self { file, schema, batches, is_plain: is_plain(&kinds) }
    }

    /// What the library was given of the columns in use, or of the first one if there are none.
    fn columns_in_use(&self) -> Input {
        let fields = self.schema.fields().iter().enumerate();
        let is_in_use = |(_, field): &(_, &FieldRef)| WANTED.contains(&field.name().as_str());
        let mut chosen: Vec<_> = fields.filter(is_in_use).map(|field| field.0).collect();
        if chosen.is_empty() {
            chosen.push(0);
        }
        let schema = Arc::new(self.schema.project(&chosen).unwrap());
        let batches = self.batches.iter().map(|batch| batch.project(&chosen));
        let batches: Vec<_> = batches.collect();
        Input::batches("input", Box::new(RecordBatchIterator::new(batches, schema)))
    }
}

/// Whether the columns in use are strings and there once, and what is beside them has no dictionary or view.
fn is_plain(kinds: &[(&str, Kind)]) -> bool {
    let count = |name| kinds.iter().filter(|one| one.0 == name).count();
    let in_use = |one: &&(&str, Kind)| WANTED.contains(&one.0);
    kinds.iter().all(|one| !matches!(one.1, Kind::Dictionary | Kind::Views))
        && kinds.iter().filter(in_use).all(|one| matches!(one.1, Kind::Small | Kind::Large))
        && WANTED.into_iter().all(|name| count(name) == 1)
}

fn written(form: u8, schema: &Schema, batches: &[RecordBatch]) -> Vec<u8> {
    let (alignment, is_old) = (8 << (form % 4), form / 4 % 2 == 1);
    let version = if is_old { MetadataVersion::V4 } else { MetadataVersion::V5 };
    let options = IpcWriteOptions::try_new(alignment, is_old, version).unwrap();
    let mut file = Vec::new();
    if form / 8 % 2 == 1 {
        let mut writer = FileWriter::try_new_with_options(&mut file, schema, options).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new_with_options(&mut file, schema, options).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
    }
    file
}
