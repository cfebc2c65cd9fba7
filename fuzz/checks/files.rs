//! Files of columns: what a library writes is read as it was, and what is changed in them does no harm.

use std::sync::{Arc, LazyLock};

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{Field, FieldRef, Fields, Schema, SchemaRef};
use raftfast::convert::Converter;
use raftfast::engine::Settings;
use raftfast::shape::Options;
use raftfast::source::Input;

use super::recipe::{Kind, Recipe};
use super::{Outcome, assert_rows};

pub static CONVERTER: LazyLock<Converter> =
    LazyLock::new(|| Converter::new("completion", &Options::default()).unwrap());

pub const WANTED: [&str; 2] = ["instruction", "cot_answer"];

pub fn settings() -> Settings {
    Settings { threads: 1, block_bytes: 100, ..Settings::default() }
}

/// A kind of file.
pub struct Format {
    /// What our own reader makes of one, if it takes it.
    pub read: fn(&[u8]) -> Option<Outcome>,
    /// What the library writes, in the form that a byte chooses.
    pub write: fn(u8, &SchemaRef, &[RecordBatch]) -> Vec<u8>,
    /// Whether our own reader has to take one of such columns.
    pub is_plain: fn(&[(&str, Kind)]) -> bool,
    /// Whether files have batches without rows, in whose columns something may be wrong.
    pub keeps_empty: bool,
}

impl Format {
    /// Checks the bytes after a zero as a file; any others say what one holds and what is changed.
    pub fn check(&self, data: &[u8]) {
        match data {
            [0, file @ ..] => self.assert_harmless(file),
            recipe => self.assert_read(Recipe(recipe)),
        }
    }

    /// Says that a file, whatever it is, is left alone, refused, or gives rows.
    fn assert_harmless(&self, file: &[u8]) {
        if let Some(found) = (self.read)(file)
            && let Ok(ledger) = found.result
        {
            assert_rows(&found.rows, &ledger);
        }
    }

    fn assert_read(&self, mut recipe: Recipe<'_>) {
        let changes = recipe.changes();
        let (form, kinds) = (recipe.byte(), recipe.kinds());
        let fields = kinds.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
        let batches = (0..recipe.below(4)).map(|_| recipe.batch(&schema, &kinds));
        let batches: Vec<_> =
            batches.filter(|batch| self.keeps_empty || batch.num_rows() > 0).collect();
        let mut file = (self.write)(form, &schema, &batches);
        let found = (self.read)(&file);
        assert!(found.is_some() || !(self.is_plain)(&kinds));
        if let Some(found) = found {
            let expected = columns_in_use(&schema, &batches);
            assert_eq!(found, Outcome::of(&CONVERTER, expected, settings()));
        }
        for &[low, high, byte] in changes {
            let at = usize::from(u16::from_le_bytes([low, high])) % file.len();
            file[at] = byte;
        }
        if !changes.is_empty() {
            self.assert_harmless(&file);
        }
    }
}

/// Whether the columns in use are strings and there once.
pub fn are_texts(kinds: &[(&str, Kind)]) -> bool {
    let count = |name| kinds.iter().filter(|one| one.0 == name).count();
    let in_use = |one: &&(&str, Kind)| WANTED.contains(&one.0);
    let is_text = |one: &(&str, Kind)| matches!(one.1, Kind::Small | Kind::Large);
    kinds.iter().filter(in_use).all(is_text) && WANTED.into_iter().all(|name| count(name) == 1)
}

/// What the library was given of the columns in use, or of the first one if there are none.
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
