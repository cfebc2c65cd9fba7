//! Parquet files: what the library writes is read as it was, and what is changed in them does no harm.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};
use raftfast::source::{Input, Parquet};

use super::files::{CONVERTER, Format, WANTED, are_texts, settings};
use super::{Outcome, TemporaryFile};

/// Checks the bytes after a zero as a file; any others say what one holds and what is changed.
pub fn parquet(data: &[u8]) {
    Format { read, write, is_plain: are_texts, keeps_empty: false }.check(data);
}

/// What the core makes of a file, if it takes it.
fn read(file: &[u8]) -> Option<Outcome> {
    let file = TemporaryFile::new(file);
    let groups = Parquet::open(file.path()).unwrap()?.columns(&WANTED.map(str::to_owned))?;
    Some(Outcome::of(&CONVERTER, Input::groups("input", groups), settings()))
}

fn write(form: u8, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
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
