//! Tables that bytes describe, for files that a library writes.

use std::sync::Arc;

use arrow_array::types::UInt16Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, LargeStringArray,
    ListArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray, UInt16Array,
};
use arrow_schema::{DataType, Field, SchemaRef};

use super::files::WANTED;

const NAMES: [&str; 5] = [WANTED[0], WANTED[1], "context", "", "id"];

/// The type of a column.
#[derive(Clone, Copy)]
pub enum Kind {
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

    pub fn data_type(self) -> DataType {
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
pub struct Recipe<'a>(pub &'a [u8]);

impl<'a> Recipe<'a> {
    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    pub fn below(&mut self, end: u8) -> usize {
        usize::from(self.byte() % end)
    }

    /// Names and types of the columns, of which those in use are mostly there.
    pub fn kinds(&mut self) -> Vec<(&'static str, Kind)> {
        let first = self.below(5);
        let count = 1 + self.below(6);
        (first..first + count).map(|at| (NAMES[at % NAMES.len()], Kind::of(self.byte()))).collect()
    }

    /// A batch that may be a slice of a larger one.
    pub fn batch(&mut self, schema: &SchemaRef, kinds: &[(&str, Kind)]) -> RecordBatch {
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
    pub fn changes(&mut self) -> &'a [[u8; 3]] {
        let length = self.below(8) * 3;
        self.0.split_off(..length.min(self.0.len())).unwrap_or_default().as_chunks().0
    }
}
