//! Rows of Arrow for which a few bytes stand for more than memory holds are refused, and told.

#![allow(missing_docs, clippy::unwrap_used)]

use std::io;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int8Array, LargeListArray, ListArray, ListViewArray,
    NullArray, RecordBatch, RecordBatchIterator, StringArray,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::Field;
use raftfast::convert::Converter;
use raftfast::engine::{Destination, Settings, convert};
use raftfast::error::Error;
use raftfast::shape::Options;
use raftfast::source::Input;

const LIMIT: usize = 1000;

/// Converts a row that is sound, and one whose ids are these, each record whole.
fn converted(ids: ArrayRef) -> Result<u64, Error> {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["text"; ids.len()]));
    let columns = [("instruction", Arc::clone(&texts)), ("cot_answer", texts), ("ids", ids)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let batches = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
    let converter = Converter::new("hf", &Options::default())?.max_record_bytes(LIMIT);
    let input = Input::batches("input", Box::new(batches));
    let output = Destination::Object("rows".to_owned(), Box::new(io::sink()));
    let outcome = convert(&converter, &[input], output, None, Settings::default(), &mut |_| true)?;
    Ok(outcome.ledger.written)
}

fn item(array: &dyn Array) -> Arc<Field> {
    Arc::new(Field::new("item", array.data_type().clone(), true))
}

/// One list of nothing, and one of so many nulls.
fn nulls(count: usize) -> ArrayRef {
    let items: ArrayRef = Arc::new(NullArray::new(count));
    let lengths = OffsetBuffer::from_lengths([0, count]);
    Arc::new(LargeListArray::new(item(&items), lengths, items, None))
}

/// Lists of ten lists of ten lists, and so on, of nulls: each level is the same ten rows.
fn views(levels: usize) -> ArrayRef {
    let nulls: ArrayRef = Arc::new(NullArray::new(10));
    (0..levels).fold(nulls, |items, level| {
        let rows = if level + 1 == levels { vec![0, 10] } else { vec![10; 10] };
        let starts = ScalarBuffer::from(vec![0; rows.len()]);
        Arc::new(ListViewArray::new(item(&items), starts, rows.into(), items, None))
    })
}

/// One list of nothing, and one of so many texts that are one.
fn words(count: usize) -> ArrayRef {
    let word = Arc::new(StringArray::from(vec!["word"]));
    let items: ArrayRef =
        Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(vec![0; count]), word));
    let lengths = OffsetBuffer::from_lengths([0, count]);
    Arc::new(ListArray::new(item(&items), lengths, items, None))
}

#[test]
fn a_row_that_is_longer_than_a_record_may_be_is_refused() {
    let rows: [(&str, ArrayRef); 4] = [
        ("nulls", nulls(1 << 40)),
        ("a few nulls too many", nulls(LIMIT / 4)),
        ("views of views", views(60)),
        ("words", words(LIMIT / 4)),
    ];
    for (name, ids) in rows {
        let error = converted(ids).unwrap_err().to_string();
        assert!(
            error.starts_with("input: row 2: record longer than 1000 bytes"),
            "{name}: {error}"
        );
    }
}

#[test]
fn rows_that_are_shorter_are_taken() {
    let rows = [("nulls", nulls(LIMIT / 8)), ("views", views(2)), ("words", words(LIMIT / 8))];
    for (name, ids) in rows {
        assert_eq!(converted(ids).unwrap(), 2, "{name}");
    }
}
