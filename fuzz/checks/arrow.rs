//! Arrow files and streams: our own reader of strings gives the rows that `arrow_ipc` gives.

use std::io::Cursor;
use std::sync::LazyLock;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, Schema};
use raftfast::convert::Converter;
use raftfast::engine::Settings;
use raftfast::shape::Options;
use raftfast::source::{Input, Strings};

use super::{Outcome, TemporaryFile};

static CONVERTER: LazyLock<Converter> =
    LazyLock::new(|| Converter::new("completion", &Options::default()).unwrap());

const WANTED: [&str; 2] = ["instruction", "cot_answer"];

/// Checks the bytes as a file, or as a stream.
pub fn arrow(data: &[u8]) {
    let file = TemporaryFile::new(data);
    let Some(strings) = Strings::open(&[file.path()]).unwrap() else { return };
    let wanted = WANTED.map(str::to_owned);
    let Some(columns) = strings.columns(&wanted) else { return };
    let settings = Settings { threads: 1, block_bytes: 100, ..Settings::default() };
    let found = Outcome::of(&CONVERTER, Input::strings("input", columns), settings);
    // The library panics on some files that ours refuses: null counts that no buffer has room for.
    if found.result.is_ok()
        && let Ok(batches) = batches(data.to_vec())
    {
        let expected = Outcome::of(&CONVERTER, Input::batches("input", batches), settings);
        assert_eq!(found, expected);
    }
}

/// All batches of the columns in use, read before any is used: an error in one of them is the library's
/// own affair.
fn batches(data: Vec<u8>) -> Result<Box<dyn RecordBatchReader + Send>, ArrowError> {
    if data.starts_with(b"ARROW1") {
        let used = used(&FileReader::try_new(Cursor::new(&data), None)?.schema());
        read(FileReader::try_new(Cursor::new(data), Some(used))?)
    } else {
        let used = used(&StreamReader::try_new(Cursor::new(&data), None)?.schema());
        read(StreamReader::try_new(Cursor::new(data), Some(used))?)
    }
}

fn used(schema: &Schema) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields.filter(|(_, field)| WANTED.contains(&field.name().as_str())).map(|f| f.0).collect()
}

fn read(reader: impl RecordBatchReader) -> Result<Box<dyn RecordBatchReader + Send>, ArrowError> {
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<RecordBatch>, _>>()?;
    Ok(Box::new(RecordBatchIterator::new(batches.into_iter().map(Ok), schema)))
}
