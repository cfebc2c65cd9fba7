//! Arrays as foreign programs may give them: what is no string is refused, and nothing is read outside.

#![allow(unsafe_code)]

use arrow_array::{RecordBatch, make_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::DataType;
use raftfast::batch::Batch;
use raftfast::record::Record;
use raftfast::text::Escape;
use raftfast::value::{Holds, Value};

/// Rows of a column at most.
const ROWS: usize = 16;

/// Checks a column whose type, nulls, offsets and bytes are as the data says.
pub fn batch(data: &[u8]) {
    let [choice, nulls, rest @ ..] = data else { return };
    let (choice, rows) = (usize::from(*choice), usize::from(*choice) / 8 % ROWS);
    let nulls = (choice / 4 % 2 == 1).then(|| Buffer::from(vec![*nulls; ROWS / 8]));
    let Some(column) = column(choice % 4, rows, nulls, rest) else { return };
    let unsound = column.validate_full().err().map(|error| error.to_string());
    // arrow refuses empty strings that stand inside a character, if all bytes around are UTF-8.
    let inside = |error: &String| error.contains("incomplete utf-8 byte sequence");
    let sound = unsound.as_ref().is_none_or(|error| inside(error) && is_empty(&column));
    // It refuses empty arrays that are slices of others, too, which hold nothing that could be wrong.
    let sound = sound || rows == 0;
    let array = make_array(column);
    let columns = RecordBatch::try_from_iter_with_nullable([("text", array, true)]).unwrap();
    let taken = Batch::new("input", &columns, &[("text", Holds::Documents)], true);
    assert_eq!(taken.is_ok(), sound, "{taken:?}");
    if let Ok(taken) = taken {
        (0..taken.rows()).for_each(|row| assert_json(Record::of_row(&taken, row).value(0)));
    }
    if let Ok(taken) = Batch::new("input", &columns, &[("text", Holds::Something)], false) {
        (0..taken.rows()).for_each(|row| assert_told(Record::of_row(&taken, row).value(0)));
    }
}

/// Whether the offsets of strings, or of the values of a dictionary, are all the same.
fn is_empty(column: &ArrayData) -> bool {
    let same = |offsets: &[u8], size: usize| {
        let mut offsets = offsets.chunks_exact(size);
        let first = offsets.next();
        offsets.all(|offset| Some(offset) == first)
    };
    match column.data_type() {
        DataType::Utf8 => same(&column.buffers()[0], size_of::<i32>()),
        DataType::LargeUtf8 => same(&column.buffers()[0], size_of::<i64>()),
        DataType::Dictionary(..) => is_empty(&column.child_data()[0]),
        _ => false,
    }
}

/// An array whose buffers are long enough for its rows, and may hold anything.
fn column(kind: usize, rows: usize, nulls: Option<Buffer>, data: &[u8]) -> Option<ArrayData> {
    let small = |count: usize| cut(data, count * size_of::<i32>());
    Some(match kind {
        0 => texts(DataType::Utf8, rows, nulls, small(rows + 1)?),
        1 => texts(DataType::LargeUtf8, rows, nulls, cut(data, (rows + 1) * size_of::<i64>())?),
        2 => texts(DataType::Utf8View, rows, nulls, cut(data, rows * size_of::<u128>())?),
        _ => {
            let (keys, values) = small(rows)?;
            let count = rows.min(2);
            let values = texts(DataType::Utf8, count, None, cut(values, (count + 1) * 4)?);
            let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            unchecked(kind, rows, nulls, vec![Buffer::from(keys)], vec![values])
        }
    })
}

fn cut(data: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    data.split_at_checked(at)
}

fn texts(
    kind: DataType,
    rows: usize,
    nulls: Option<Buffer>,
    (offsets, bytes): (&[u8], &[u8]),
) -> ArrayData {
    unchecked(kind, rows, nulls, vec![Buffer::from(offsets), Buffer::from(bytes)], Vec::new())
}

fn unchecked(
    kind: DataType,
    rows: usize,
    nulls: Option<Buffer>,
    buffers: Vec<Buffer>,
    children: Vec<ArrayData>,
) -> ArrayData {
    let array = ArrayData::builder(kind).len(rows).null_bit_buffer(nulls).buffers(buffers);
    // SAFETY: nobody reads the array before `Batch` has checked it, which is what is tested: that is how
    // arrays come through the C data interface.
    unsafe { array.child_data(children).build_unchecked() }
}

/// Where only that is asked, whether there is something can be told of whatever was taken.
fn assert_told(value: Value<'_>) {
    let is_null = matches!(value, Value::Null | Value::Missing);
    assert_eq!(
        value.absence().is_some(),
        is_null || matches!(value, Value::Text(text) if text.is_empty())
    );
}

fn assert_json(value: Value<'_>) {
    let mut json = Vec::new();
    value.write_json(Escape::Keep, &mut json);
    assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok(), "{}", json.escape_ascii());
}
