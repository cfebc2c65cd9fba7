//! Arrow files and streams: what the library writes is read as it was, and what is changed in them does no
//! harm.
//!
//! The library is not asked to read what is changed: it panics on some, and reserves what they announce.

use std::sync::{Arc, LazyLock};

use arrow_array::types::UInt16Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, LargeStringArray,
    ListArray, NullArray, RecordBatch, RecordBatchIterator, StringArray, StringViewArray,
    StructArray, UInt16Array,
};
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use raftfast::convert::Converter;
use raftfast::engine::Settings;
use raftfast::shape::Options;
use raftfast::source::{Input, Strings};

use super::{Outcome, TemporaryFile, assert_rows};

static CONVERTER: LazyLock<Converter> =
    LazyLock::new(|| Converter::new("completion", &Options::default()).unwrap());

const WANTED: [&str; 2] = ["instruction", "cot_answer"];
const NAMES: [&str; 5] = [WANTED[0], WANTED[1], "context", "", "id"];
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

fn settings() -> Settings {
    Settings { threads: 1, block_bytes: 100, ..Settings::default() }
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

/// The type of a column.
#[derive(Clone, Copy)]
enum Kind {
    Small,
    Large,
    Nulls,
    Booleans,
    Numbers,
    Lists,
    Pairs,
    Structs,
    Dictionary,
    Views,
}

impl Kind {
    const OTHERS: [Self; 8] = [
        Self::Nulls,
        Self::Booleans,
        Self::Numbers,
        Self::Lists,
        Self::Pairs,
        Self::Structs,
        Self::Dictionary,
        Self::Views,
    ];

    /// Strings for half of all bytes.
    fn of(byte: u8) -> Self {
        match usize::from(byte % 16) {
            other @ 0..8 => Self::OTHERS[other],
            large if large % 2 == 1 => Self::Large,
            _ => Self::Small,
        }
    }

    fn data_type(self) -> DataType {
        self.array(Vec::new()).data_type().clone()
    }

    /// A column that has something of each text.
    fn array(self, texts: Vec<Option<String>>) -> ArrayRef {
        let length = |text: &String| u16::try_from(text.len()).unwrap();
        let lengths = texts.iter().map(|text| text.as_ref().map(length));
        match self {
            Self::Small => Arc::new(StringArray::from(texts)),
            Self::Large => Arc::new(LargeStringArray::from(texts)),
            Self::Nulls => Arc::new(NullArray::new(texts.len())),
            Self::Booleans => {
                Arc::new(lengths.map(|n| n.map(|n| n % 2 == 1)).collect::<BooleanArray>())
            }
            Self::Numbers => Arc::new(lengths.collect::<UInt16Array>()),
            Self::Lists => {
                let items = lengths.map(|n| n.map(|n| vec![Some(n); usize::from(n % 4)]));
                Arc::new(ListArray::from_iter_primitive::<UInt16Type, _, _>(items))
            }
            Self::Pairs => {
                let items = lengths.map(|n| n.map(|n| [Some(n), None]));
                Arc::new(FixedSizeListArray::from_iter_primitive::<UInt16Type, _, _>(items, 2))
            }
            Self::Structs => Arc::new(structs(&texts)),
            Self::Dictionary => {
                let keys = lengths.map(|n| n.map(|n| n % 2)).collect::<UInt16Array>();
                // A file has one dictionary a column, so it is the same in all batches.
                Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(vec!["a", "b"]))))
            }
            Self::Views => Arc::new(StringViewArray::from(texts)),
        }
    }
}

fn structs(texts: &[Option<String>]) -> StructArray {
    let member = |(name, kind): (&str, Kind)| {
        let column = kind.array(texts.to_vec());
        (Arc::new(Field::new(name, column.data_type().clone(), true)), column)
    };
    StructArray::from([("text", Kind::Small), ("flag", Kind::Booleans)].map(member).to_vec())
}

/// Bytes that choose; zeros when they are used up.
struct Recipe<'a>(&'a [u8]);

impl<'a> Recipe<'a> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    fn below(&mut self, end: u8) -> usize {
        usize::from(self.byte() % end)
    }

    /// Names and types of the columns, of which those in use are mostly there.
    fn kinds(&mut self) -> Vec<(&'static str, Kind)> {
        let first = self.below(5);
        let count = 1 + self.below(6);
        (first..first + count).map(|at| (NAMES[at % NAMES.len()], Kind::of(self.byte()))).collect()
    }

    /// A batch that may be a slice of a larger one.
    fn batch(&mut self, schema: &SchemaRef, kinds: &[(&str, Kind)]) -> RecordBatch {
        let (before, rows, after) = (self.below(10), self.below(30), self.below(3));
        let all = before + rows + after;
        let columns = kinds.iter().map(|(_, kind)| kind.array(self.texts(all))).collect();
        RecordBatch::try_new(Arc::clone(schema), columns).unwrap().slice(before, rows)
    }

    fn texts(&mut self, count: usize) -> Vec<Option<String>> {
        (0..count).map(|_| self.text()).collect()
    }

    /// A null, or a text that is longer than a block at times.
    fn text(&mut self) -> Option<String> {
        let length = usize::from(self.byte());
        let bytes = self.0.split_off(..(length % 16).min(self.0.len())).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes);
        (length % 16 != 15).then(|| text.repeat(1 + length / 16))
    }

    /// Bytes to set in the file, and where.
    fn changes(&mut self) -> &'a [[u8; 3]] {
        let length = self.below(8) * 3;
        self.0.split_off(..length.min(self.0.len())).unwrap_or_default().as_chunks().0
    }
}
