//! Files of columns: what goes in comes out, whatever the form, the codec and the batches.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use raftfast::columnar::{Codec, Encoder, Form};

const FORMS: [Form; 3] = [Form::IpcFile, Form::IpcStream, Form::Parquet];
const CODECS: [Codec; 4] = [Codec::None, Codec::Zstd(3), Codec::Snappy, Codec::Lz4];

fn schema(fields: Vec<Field>) -> SchemaRef {
    let metadata = [("huggingface", r#"{"info":{}}"#), ("a", "1"), ("b", "2"), ("c", "3")];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Arc::new(Schema::new_with_metadata(fields, HashMap::from(metadata)))
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn list(name: &str, items: DataType) -> Field {
    Field::new_list(name, Field::new_list_field(items, true), true)
}

/// Every type that raftfast writes, nested as deep as its rows are.
fn everything() -> SchemaRef {
    let message = Fields::from(vec![text("role"), text("content")]);
    schema(vec![
        list("messages", DataType::Struct(message)),
        text("text"),
        Field::new("long", DataType::LargeUtf8, true),
        Field::new("int", DataType::Int64, true),
        Field::new("uint", DataType::UInt64, true),
        Field::new("float", DataType::Float64, true),
        Field::new("bool", DataType::Boolean, true),
        Field::new("none", DataType::Null, true),
        list("lists", list("", DataType::Utf8).data_type().clone()),
    ])
}

/// Rows with every kind of presence and absence, other ones for each batch.
fn rows(batch: usize) -> String {
    let rows = [
        r#"{"messages":[{"role":"user","content":"é#"},{"role":"assistant","content":null}]}"#,
        r#"{"text":"t#","long":"l#","int":-#,"uint":18446744073709551615,"float":0.#,"bool":true}"#,
        "{}",
        r#"{"messages":[],"text":"","lists":[[],["a#",null],null],"none":null}"#,
        r#"{"messages":[null,{}],"text":null,"bool":false,"float":-1e300,"lists":[]}"#,
    ];
    rows.join("\n").replace('#', &batch.to_string())
}

fn batches(schema: &SchemaRef, count: usize) -> Vec<RecordBatch> {
    let read = |rows: String| {
        let reader = ReaderBuilder::new(schema.clone()).build(Cursor::new(rows));
        reader.unwrap().next().unwrap().unwrap()
    };
    (0..count).map(|batch| read(rows(batch))).collect()
}

fn file(form: Form, codec: Codec, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let encoder = Encoder::new(form, codec, schema.clone()).unwrap();
    let mut assembler = encoder.assembler().unwrap();
    let mut file = assembler.start().unwrap();
    for batch in batches {
        let (encoded, _) = encoder.encode(batch.clone()).unwrap();
        file.extend(assembler.append(encoded).unwrap().concat());
    }
    file.extend(assembler.finish().unwrap());
    file
}

fn read(form: Form, file: Vec<u8>) -> (SchemaRef, Vec<RecordBatch>) {
    match form {
        Form::IpcFile => {
            let reader = FileReader::try_new(Cursor::new(file), None).unwrap();
            (reader.schema(), reader.map(Result::unwrap).collect())
        }
        Form::IpcStream => {
            let reader = StreamReader::try_new(Cursor::new(file), None).unwrap();
            (reader.schema(), reader.map(Result::unwrap).collect())
        }
        Form::Parquet => read_parquet(&file),
    }
}

fn read_parquet(file: &[u8]) -> (SchemaRef, Vec<RecordBatch>) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("raftfast-columnar-{}-{number}.parquet", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, file).unwrap();
    let opened = File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(opened).unwrap();
    let schema = builder.schema().clone();
    let batches = builder.with_batch_size(5).build().unwrap();
    (schema, batches.map(Result::unwrap).collect())
}

/// The forms with the codecs that they know.
fn pairs() -> Vec<(Form, Codec)> {
    let pairs = FORMS.into_iter().flat_map(|form| CODECS.map(|codec| (form, codec)));
    pairs.filter(|(form, codec)| *form == Form::Parquet || *codec != Codec::Snappy).collect()
}

#[test]
fn what_goes_in_comes_out() {
    for (form, codec) in pairs() {
        for count in [0, 1, 2, 20] {
            let schema = everything();
            let batches = batches(&schema, count);
            let (found, read) = read(form, file(form, codec, &schema, &batches));
            assert_eq!(found.metadata(), schema.metadata(), "{form}, {codec:?}");
            assert_eq!(named(&found), named(&schema), "{form}, {codec:?}");
            assert_eq!(read.len(), batches.len(), "{form}, {codec:?}");
            for (read, batch) in read.iter().zip(&batches) {
                assert_eq!(json(read), json(batch), "{form}, {codec:?}");
            }
        }
    }
}

/// The schema as text, without the name that Parquet gives to the elements of lists.
fn named(schema: &Schema) -> String {
    format!("{:?}", schema.fields()).replace("name: \"element\", ", "")
}

fn json(batch: &RecordBatch) -> String {
    let mut out = Vec::new();
    let mut writer = arrow_json::LineDelimitedWriter::new(&mut out);
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_same_batches_are_the_same_bytes_however_often_they_are_written() {
    for (form, codec) in pairs() {
        let schema = everything();
        let batches = batches(&schema, 3);
        let first = file(form, codec, &schema, &batches);
        for _ in 0..5 {
            assert!(first == file(form, codec, &everything(), &batches), "{form}, {codec:?}");
        }
    }
}

#[test]
fn a_batch_has_as_many_bytes_as_it_tells() {
    for (form, codec) in pairs() {
        let schema = everything();
        let batches = batches(&schema, 4);
        let encoder = Encoder::new(form, codec, schema.clone()).unwrap();
        let mut assembler = encoder.assembler().unwrap();
        assembler.start().unwrap();
        for batch in batches {
            let (encoded, _) = encoder.encode(batch).unwrap();
            let bytes = encoded.bytes();
            assert_eq!(
                assembler.append(encoded).unwrap().concat().len(),
                bytes,
                "{form}, {codec:?}"
            );
        }
    }
}

#[test]
fn a_batch_without_rows_leaves_no_trace() {
    for (form, codec) in pairs() {
        let schema = everything();
        let batches = batches(&schema, 2);
        let [first, second] = &batches[..] else { unreachable!() };
        let with = [first.slice(0, 0), first.clone(), second.slice(2, 0), second.clone()];
        assert!(file(form, codec, &schema, &with) == file(form, codec, &schema, &batches));
    }
}

#[test]
fn a_slice_of_a_batch_is_written_as_if_it_were_whole() {
    for (form, codec) in pairs() {
        let schema = everything();
        let whole = batches(&schema, 1).remove(0);
        let slice = whole.slice(1, 3);
        let (_, read) = read(form, file(form, codec, &schema, std::slice::from_ref(&slice)));
        assert_eq!(json(&read[0]), json(&slice), "{form}, {codec:?}");
    }
}

#[test]
fn large_texts_are_written_from_where_they_are_and_their_memory_comes_back() {
    for (form, codec) in pairs() {
        for (repeats, sharers) in [(100_000, 0), (100_000, 1), (10, 0)] {
            let bytes = Buffer::from_vec("text".repeat(repeats).into_bytes());
            let offsets = OffsetBuffer::from_lengths([repeats, 3 * repeats]);
            let texts = StringArray::new(offsets, bytes, None);
            let start = texts.values().as_ptr();
            let batch =
                RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
            let expected = file(form, codec, &batch.schema(), std::slice::from_ref(&batch));
            let shared = vec![batch.clone(); sharers];
            let encoder = Encoder::new(form, codec, batch.schema()).unwrap();
            let mut assembler = encoder.assembler().unwrap();
            let mut file = assembler.start().unwrap();
            let (encoded, memory) = encoder.encode(batch).unwrap();
            let pieces = assembler.append(encoded).unwrap();
            let holds = |pieces: &[Vec<u8>]| pieces.iter().any(|piece| piece.as_ptr() == start);
            let moves = repeats > 10 && sharers == 0;
            let stays = codec == Codec::None && form != Form::Parquet;
            assert_eq!(holds(&pieces), moves && stays, "{form}, {codec:?}, {repeats}, {sharers}");
            assert_eq!(holds(&memory), moves && !stays, "{form}, {codec:?}, {repeats}, {sharers}");
            file.extend(pieces.concat());
            file.extend(assembler.finish().unwrap());
            assert!(file == expected, "{form}, {codec:?}, {repeats}, {sharers}");
            let (_, batches) = read(form, file);
            let texts = batches[0].column(0).as_string::<i32>();
            assert_eq!([texts.value(0).len(), texts.value(1).len()], [repeats, 3 * repeats]);
            assert_eq!(shared.len(), sharers);
        }
    }
}

#[test]
fn threads_may_share_an_encoder() {
    for form in FORMS {
        let schema = everything();
        let batches = batches(&schema, 8);
        let encoder = Encoder::new(form, form.codec(), schema.clone()).unwrap();
        let encoded: Vec<_> = std::thread::scope(|scope| {
            let encoder = &encoder;
            let encode = |batch| scope.spawn(move || encoder.encode(batch).unwrap().0);
            let threads: Vec<_> = batches.iter().cloned().map(encode).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut assembler = encoder.assembler().unwrap();
        let mut together = assembler.start().unwrap();
        for encoded in encoded {
            together.extend(assembler.append(encoded).unwrap().concat());
        }
        together.extend(assembler.finish().unwrap());
        assert!(together == file(form, form.codec(), &schema, &batches), "{form}");
    }
}

#[test]
fn compression_compresses() {
    let texts = StringArray::from_iter_values((0..1000).map(|row| format!("row {row} ").repeat(9)));
    let batch = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
    for (form, codec) in pairs().into_iter().filter(|(_, codec)| *codec != Codec::None) {
        let size = |codec| file(form, codec, &batch.schema(), std::slice::from_ref(&batch)).len();
        assert!(size(codec) * 2 < size(Codec::None), "{form}, {codec:?}");
    }
}

#[test]
fn a_wrong_call_is_told_in_one_line() {
    let nothing = Field::new("outer", DataType::Struct(Fields::empty()), true);
    let fields = Fields::from(vec![nothing]);
    let empty = schema(vec![list("x", DataType::Struct(fields))]);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let dictionary = schema(vec![Field::new("d", dictionary, true)]);
    let plain = everything();
    let nested =
        |arrays| (0..arrays).fold(DataType::Utf8, |inner, _| DataType::new_list(inner, true));
    let deep = schema(vec![Field::new("d", nested(50), true)]);
    let rows = [
        (Form::IpcFile, Codec::Snappy, &plain, "compressed with zstd or lz4, not snappy"),
        (Form::IpcStream, Codec::Snappy, &plain, "compressed with zstd or lz4, not snappy"),
        (Form::Parquet, Codec::Zstd(0), &plain, "levels 1 to 22, not 0"),
        (Form::IpcFile, Codec::Zstd(23), &plain, "levels 1 to 22, not 23"),
        (Form::Parquet, Codec::None, &empty, "column 'x.outer' holds objects without any keys"),
        (Form::Parquet, Codec::None, &deep, "column 'd' is nested deeper than readers of Parquet"),
        (Form::IpcFile, Codec::None, &dictionary, "column 'd' is a dictionary"),
    ];
    for (form, codec, schema, expected) in rows {
        let error = Encoder::new(form, codec, schema.clone()).unwrap_err();
        assert_eq!(error.name(), "usage", "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn a_batch_of_another_schema_is_refused() {
    let other = StructArray::from(vec![(
        Arc::new(text("other")),
        Arc::new(StringArray::from(vec!["a"])) as ArrayRef,
    )]);
    for form in FORMS {
        let encoder = Encoder::new(form, form.codec(), everything()).unwrap();
        assert_eq!(encoder.encode(other.clone().into()).unwrap_err().name(), "internal");
    }
}

#[test]
fn a_piece_of_another_form_is_refused() {
    let schema = everything();
    let batch = batches(&schema, 1).remove(0);
    assert_eq!(batch.column(0).len(), 5);
    let encoder = |form: Form| Encoder::new(form, form.codec(), schema.clone()).unwrap();
    let (message, _) = encoder(Form::IpcFile).encode(batch).unwrap();
    let mut assembler = encoder(Form::Parquet).assembler().unwrap();
    assert_eq!(assembler.append(message).unwrap_err().name(), "internal");
}
