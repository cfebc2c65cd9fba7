//! Parquet files: what the library writes is read as it was, and what is changed in them does no harm.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{Field, FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};
use raftfast::source::{Input, Parquet};

use super::recipe::{CONVERTER, Kind, Recipe, WANTED, settings};
use super::{Outcome, TemporaryFile, assert_rows};

/// Checks the bytes after a zero as a file; any others say what one holds and what is changed.
pub fn parquet(data: &[u8]) {
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
    let (form, kinds) = (recipe.byte(), recipe.kinds());
    let fields = kinds.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
    let batches = (0..recipe.below(4)).map(|_| recipe.batch(&schema, &kinds));
    // There are none without rows in a file, and so nothing that could be wrong with their columns.
    let batches: Vec<_> = batches.filter(|batch| batch.num_rows() > 0).collect();
    let mut file = written(form, &schema, &batches);
    let found = read(&file);
    assert!(found.is_some() || !is_plain(&kinds));
    if let Some(found) = found {
        assert_eq!(found, Outcome::of(&CONVERTER, columns_in_use(&schema, &batches), settings()));
    }
    for &[low, high, byte] in changes {
        let at = usize::from(u16::from_le_bytes([low, high])) % file.len();
        file[at] = byte;
    }
    if !changes.is_empty() {
        assert_harmless(&file);
    }
}

/// Whether the columns in use are strings and there once.
fn is_plain(kinds: &[(&str, Kind)]) -> bool {
    let count = |name| kinds.iter().filter(|one| one.0 == name).count();
    let in_use = |one: &&(&str, Kind)| WANTED.contains(&one.0);
    let is_text = |one: &(&str, Kind)| matches!(one.1, Kind::Small | Kind::Large);
    kinds.iter().filter(in_use).all(is_text) && WANTED.into_iter().all(|name| count(name) == 1)
}

/// What the core makes of a file, if it takes it.
fn read(file: &[u8]) -> Option<Outcome> {
    let file = TemporaryFile::new(file);
    let groups = Parquet::open(file.path()).unwrap()?.columns(&WANTED.map(str::to_owned))?;
    Some(Outcome::of(&CONVERTER, Input::groups("input", groups), settings()))
}

/// The columns in use, or the first one if there are none.
fn columns_in_use(schema: &SchemaRef, batches: &[RecordBatch]) -> Input {
    let fields = schema.fields().iter().enumerate();
    let is_in_use = |(_, field): &(_, &FieldRef)| WANTED.contains(&field.name().as_str());
    let mut chosen: Vec<_> = fields.filter(is_in_use).map(|field| field.0).collect();
    if chosen.is_empty() {
        chosen.push(0);
    }
    let schema = Arc::new(schema.project(&chosen).unwrap());
    let batches: Vec<_> = batches.iter().map(|batch| batch.project(&chosen)).collect();
    Input::batches("input", Box::new(RecordBatchIterator::new(batches, schema)))
}

fn written(form: u8, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let codecs = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW];
    let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let options = WriterProperties::builder()
        .set_compression(codecs[usize::from(form % 3)])
        .set_dictionary_enabled(form / 3 % 2 == 1)
        .set_encoding(Encoding::PLAIN)
        .set_writer_version(version[usize::from(form / 6 % 2)])
        .set_max_row_group_row_count(Some(1 + usize::from(form / 12)))
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, Arc::clone(schema), Some(options)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    file
}
