//! Records to Arrow columns: the schema of every target, what its columns hold, and what is refused.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_json::writer::LineDelimited;
use arrow_json::{ReaderBuilder, WriterBuilder};
use arrow_schema::{DataType, Field as Column, Fields, Schema, TimeUnit};
use common::spelled;
use proptest::prelude::*;
use raftfast::batch::Batch;
use raftfast::columns::{Columns, FEATURES_KEY, Known, features};
use raftfast::convert::Converter;
use raftfast::dialect::Reading;
use raftfast::error::Error;
use raftfast::record::{Field, Record};
use raftfast::scan::{Buffer, Line, Scanner, Spans};
use raftfast::shape::{Options, Shape};
use raftfast::survey::Survey;
use raftfast::target::Target;
use serde_json::Value as Json;

/// A target of the test's own.
fn mine(row: &str) -> Shape {
    let text = format!("name = 'mine'\nrow = '''{row}'''\n[settings]\nstop = '</s>'\n");
    let target = Target::parse("mine", &text).unwrap();
    Shape::compile(&target, &Options::default()).unwrap()
}

fn built_in(name: &str) -> Shape {
    Shape::compile(&Target::named(name).unwrap(), &Options::default()).unwrap()
}

/// Adds one line as a row.
fn push(columns: &mut Columns, shape: &Shape, line: &str) -> Result<(), Error> {
    let (buffer, mut spans) = (Buffer::from_bytes(line.as_bytes()).unwrap(), Spans::default());
    let line = Scanner::best().line(&buffer, 0, shape.keys(), &mut spans);
    let Line::Record { start, end, .. } = line else { panic!("not a record: {line:?}") };
    columns.push(&Record::new(buffer.content(), start, end, &spans))
}

fn batch(shape: &Shape, known: &Known<'_>, lines: &[&str]) -> RecordBatch {
    let schema = Arc::new(shape.schema(known).unwrap());
    let mut columns = Columns::new(shape, schema);
    for line in lines {
        push(&mut columns, shape, line).unwrap();
    }
    assert_eq!(columns.len(), lines.len());
    columns.finish().unwrap()
}

/// The rows as JSON, nulls written out.
fn rows(batch: &RecordBatch) -> Vec<String> {
    let mut out = Vec::new();
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, LineDelimited>(&mut out);
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

/// The columns and their types in a line.
fn told(schema: &Schema) -> String {
    let column = |column: &Arc<Column>| format!("{}: {}", column.name(), short(column.data_type()));
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

fn short(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(fields) => format!("{{{}}}", told(&Schema::new(fields.clone()))),
        DataType::List(field) => format!("[{}]", short(field.data_type())),
        other => other.to_string(),
    }
}

const RECORD: &str = r#"{"id":"1","question":"Q\u00fc?","context":{"sentences":[["a","b"]]},"instruction":"<D>\nQ","cot_answer":"x <ANSWER>: \"y\"\/z"}"#;
const ANSWERED: &str = r#"{"question":null,"context":null,"instruction":"one line","cot_answer":"c","answer":"d <ANSWER>: \ud83d\ude00"}"#;
const UNANSWERED: &str =
    r#"{"question":"","context":null,"instruction":"","cot_answer":null,"answer":""}"#;

/// What a survey of a record finds.
fn surveyed() -> Schema {
    let mut survey = Survey::default();
    survey.record(RECORD.as_bytes(), 1).unwrap();
    survey.schema().unwrap()
}

#[test]
fn the_built_in_targets_have_the_columns_of_gorillas_parquet() {
    let records = surveyed();
    let absent = Known { absent: &[Field::Answer], ..Known::default() };
    let known = Known { records: Some(&records), ..Known::default() };
    let table = [
        (
            "chat",
            Known::default(),
            RECORD,
            "messages: [{role: Utf8, content: Utf8}]",
            r#"{"messages":[{"role":"system","content":"The following is a conversation with an AI assistant. The assistant is helpful, clever, friendly and gives concise and accurate answers."},{"role":"user","content":"<D>\nQ"},{"role":"assistant","content":"x <ANSWER>: \"y\"/z"}]}"#,
        ),
        (
            "completion",
            Known::default(),
            RECORD,
            "prompt: Utf8, completion: Utf8",
            r#"{"prompt":"<D>\nQ","completion":"x <ANSWER>: \"y\"/z<STOP>"}"#,
        ),
        (
            "eval",
            absent,
            RECORD,
            "question: Utf8, gold_final_answer: Utf8, context: Utf8",
            r#"{"question":"Qü?","gold_final_answer":"\"y\"/z","context":"<D>"}"#,
        ),
        (
            "eval",
            Known::default(),
            ANSWERED,
            "question: Utf8, answer: Utf8, gold_final_answer: Utf8, final_answer: Utf8, context: Utf8",
            r#"{"question":null,"answer":"d <ANSWER>: 😀","gold_final_answer":"c","final_answer":"😀","context":""}"#,
        ),
        (
            "hf",
            known,
            RECORD,
            "id: Utf8, question: Utf8, context: {sentences: [[Utf8]]}, instruction: Utf8, cot_answer: Utf8",
            r#"{"id":"1","question":"Qü?","context":{"sentences":[["a","b"]]},"instruction":"<D>\nQ","cot_answer":"x <ANSWER>: \"y\"/z"}"#,
        ),
    ];
    for (name, known, record, columns, row) in table {
        let batch = batch(&built_in(name), &known, &[record]);
        assert_eq!(told(&batch.schema()), columns, "{name}");
        assert_eq!(rows(&batch), [row], "{name}");
    }
}

#[test]
fn what_is_not_there_is_null() {
    let eval = batch(&built_in("eval"), &Known::default(), &[RECORD, ANSWERED, UNANSWERED]);
    let expected = [
        r#"{"question":"Qü?","answer":null,"gold_final_answer":"\"y\"/z","final_answer":null,"context":"<D>"}"#,
        r#"{"question":null,"answer":"d <ANSWER>: 😀","gold_final_answer":"c","final_answer":"😀","context":""}"#,
        r#"{"question":"","answer":"","gold_final_answer":null,"final_answer":null,"context":""}"#,
    ];
    assert_eq!(rows(&eval), expected);
    let nulls = eval.columns().iter().map(Array::null_count);
    assert_eq!(nulls.collect::<Vec<_>>(), [1, 1, 1, 2, 0]);
}

#[test]
fn a_skeleton_says_what_the_columns_are() {
    let records = surveyed();
    let known = Known { records: Some(&records), ..Known::default() };
    let table = [
        (
            r#"{"a": 1, "b": -1.5, "c": true, "d": null, "e": "x{stop}", "f": ""}"#,
            "a: Int64, b: Float64, c: Boolean, d: Null, e: Utf8, f: Utf8",
            r#"{"a":1,"b":-1.5,"c":true,"d":null,"e":"x</s>","f":""}"#,
        ),
        (r#"{"a": [], "b": {}}"#, "a: [Null], b: {}", r#"{"a":[],"b":{}}"#),
        (r#"{"a": {"b": {"c": "{id}"}}}"#, "a: {b: {c: Utf8}}", r#"{"a":{"b":{"c":"1"}}}"#),
        (r#"{"a": [["{id}"], [], ["x", null]]}"#, "a: [[Utf8]]", r#"{"a":[["1"],[],["x",null]]}"#),
        (
            r#"{"a": [{"$if": "id", "then": 1}, {"$if": "answer", "then": 2}, 3]}"#,
            "a: [Int64]",
            r#"{"a":[1,3]}"#,
        ),
        (
            r#"{"a": {"$if": "answer", "then": {"b": [1]}}, "c": {"$has": "id", "then": 1}}"#,
            "a: {b: [Int64]}, c: Int64",
            r#"{"a":null,"c":1}"#,
        ),
        (
            r#"{"a": {"$if": "answer", "then": null, "else": "{question}"}, "b": {"$has": "id", "then": null, "else": 1.5}}"#,
            "a: Utf8, b: Float64",
            r#"{"a":"Qü?","b":null}"#,
        ),
        (
            r#"{"a": [{"x": true}, {"y": "{id}", "x": null}, {"y": "{answer}"}]}"#,
            "a: [{x: Boolean, y: Utf8}]",
            r#"{"a":[{"x":true,"y":null},{"x":null,"y":"1"},{"x":null,"y":null}]}"#,
        ),
        (
            r#"{"c": "{context}", "d": ["{context}", "{context}"], "n": "{id}"}"#,
            "c: {sentences: [[Utf8]]}, d: [{sentences: [[Utf8]]}], n: Utf8",
            r#"{"c":{"sentences":[["a","b"]]},"d":[{"sentences":[["a","b"]]},{"sentences":[["a","b"]]}],"n":"1"}"#,
        ),
        (
            r#"{"r": "{record}", "n": 1}"#,
            "r: {id: Utf8, question: Utf8, context: {sentences: [[Utf8]]}, instruction: Utf8, cot_answer: Utf8}, n: Int64",
            r#"{"r":{"id":"1","question":"Qü?","context":{"sentences":[["a","b"]]},"instruction":"<D>\nQ","cot_answer":"x <ANSWER>: \"y\"/z"},"n":1}"#,
        ),
        (
            r#"{"a": {"$if": "id", "then": "{context}", "else": {"sentences": []}}}"#,
            "a: {sentences: [[Utf8]]}",
            r#"{"a":{"sentences":[["a","b"]]}}"#,
        ),
        (r#"{"": "{cot_answer|after('x ')|trim}"}"#, ": Utf8", r#"{"":"<ANSWER>: \"y\"/z"}"#),
    ];
    for (skeleton, columns, row) in table {
        let batch = batch(&mine(skeleton), &known, &[RECORD]);
        assert_eq!(told(&batch.schema()), columns, "{skeleton}");
        assert_eq!(rows(&batch), [row], "{skeleton}");
    }
}

#[test]
fn a_text_is_a_document_too_if_the_survey_says_so() {
    let records = Schema::new(vec![Column::new("context", DataType::Utf8, true)]);
    let known = Known { records: Some(&records), ..Known::default() };
    let lines = [r#"{"context":"a\u00fcb"}"#, r#"{"context":null}"#, "{}"];
    let batch = batch(&mine(r#"{"c": "{context}"}"#), &known, &lines);
    assert_eq!(rows(&batch), [r#"{"c":"aüb"}"#, r#"{"c":null}"#, r#"{"c":null}"#]);
}

#[test]
fn rows_of_arrow_batches_fill_the_same_columns_as_lines() {
    let records = surveyed();
    let lines = [RECORD, r#"{"id":null,"question":"\"\u0000\n","context":{"sentences":null}}"#];
    let mut reader = ReaderBuilder::new(Arc::new(records.clone())).build_decoder().unwrap();
    reader.decode(lines.join("\n").as_bytes()).unwrap();
    let input = reader.flush().unwrap().unwrap();
    let known = Known { records: Some(&records), ..Known::default() };
    for skeleton in
        [r#"{"q": "{question}", "m": [{"t": "{id}"}], "c": "{context}"}"#, r#""{record}""#]
    {
        let shape = mine(skeleton);
        let keys = shape.fields().iter().map(|field| (field.name(), field.holds()));
        let rows = Batch::new("in.arrow", &input, &keys.collect::<Vec<_>>(), true).unwrap();
        let mut columns = Columns::new(&shape, Arc::new(shape.schema(&known).unwrap()));
        for row in 0..rows.rows() {
            columns.push(&Record::of_row(&rows, row)).unwrap();
        }
        assert_eq!(columns.finish().unwrap(), batch(&shape, &known, &lines), "{skeleton}");
    }
}

#[test]
fn only_documents_and_whole_records_need_a_survey() {
    for (name, expected) in [("chat", false), ("completion", false), ("eval", false), ("hf", true)]
    {
        assert_eq!(built_in(name).columns_need_survey(), expected, "{name}");
    }
    assert!(mine(r#"{"a": [{"$if": "id", "then": {"b": "{context}"}}]}"#).columns_need_survey());
}

#[test]
fn a_row_without_columns_is_refused_with_the_reason() {
    let records = surveyed();
    let known = Known { records: Some(&records), ..Known::default() };
    let table = [
        (r#"["{id}"]"#, "target mine: the row is not an object, so it has no columns"),
        (r#""{id}""#, "target mine: the row is not an object, so it has no columns"),
        (r#""{context}""#, "target mine: the row is not an object, so it has no columns"),
        ("null", "target mine: the row is not an object, so it has no columns"),
        (
            r#"{"a": {"b": [1, "x"]}}"#,
            "target mine: 'a': 'b': a column cannot hold both integers and strings",
        ),
        (
            r#"{"a": {"$if": "id", "then": 1, "else": 1.5}}"#,
            "target mine: 'a': a column cannot hold both integers and floats",
        ),
        (
            r#"{"a": [{"x": {"y": "{id}"}}, {"x": {"y": [true]}}]}"#,
            "target mine: 'a': 'x': 'y': a column cannot hold both strings and arrays",
        ),
        (
            r#"{"a": ["{context}", true]}"#,
            "target mine: 'a': a column cannot hold both objects and booleans",
        ),
        (
            r#"{"a": 9223372036854775808}"#,
            "target mine: 'a': the number 9223372036854775808 is too large for a column",
        ),
    ];
    for (skeleton, expected) in table {
        let error = mine(skeleton).schema(&known).unwrap_err();
        assert_eq!((error.name(), error.to_string().as_str()), ("usage", expected), "{skeleton}");
    }
    let error = built_in("hf").schema(&Known::default()).unwrap_err();
    assert_eq!(error.to_string(), "internal error: the columns of target hf need a survey");
}

#[test]
fn strings_are_large_if_a_batch_could_hold_2_gib_of_a_column() {
    const MIB: usize = 1 << 20;
    let eval_twice = r#"{"a": "{id}", "b": "{id}{id}"}"#;
    let prompt = format!(r#"{{"a": "{}{{id}}"}}"#, "p".repeat(400));
    let table = [
        (r#"{"a": "{id}"}"#, 16 * MIB, 256 * MIB, DataType::Utf8),
        (r#"{"a": "{id}"}"#, 16 * MIB, 2031 * MIB, DataType::Utf8),
        (r#"{"a": "{id}"}"#, 16 * MIB, 2032 * MIB, DataType::LargeUtf8),
        (r#"{"a": "{id}"}"#, 16 * MIB, usize::MAX, DataType::LargeUtf8),
        (eval_twice, 16 * MIB, 256 * MIB, DataType::Utf8),
        (eval_twice, 16 * MIB, 700 * MIB, DataType::LargeUtf8),
        (prompt.as_str(), 8 * MIB, 256 * MIB, DataType::Utf8),
        (prompt.as_str(), 16 * MIB, 256 * MIB, DataType::LargeUtf8),
    ];
    for (skeleton, portion_bytes, record_bytes, expected) in table {
        let known = Known { portion_bytes, record_bytes, ..Known::default() };
        let schema = mine(skeleton).schema(&known).unwrap();
        assert_eq!(schema.field(0).data_type(), &expected, "{skeleton}, {record_bytes}");
    }
    let known = Known { portion_bytes: 16 * MIB, record_bytes: 256 * MIB, ..Known::default() };
    for name in ["chat", "completion", "eval"] {
        assert!(!told(&built_in(name).schema(&known).unwrap()).contains("Large"), "{name}");
    }
}

#[test]
fn large_strings_hold_the_same_and_are_large_everywhere() {
    let records = surveyed();
    let large = Known { record_bytes: usize::MAX, records: Some(&records), ..Known::default() };
    let skeleton = r#"{"c": "{context}", "m": [{"t": "{question}"}, {"t": "{answer}"}]}"#;
    let batch = batch(&mine(skeleton), &large, &[RECORD]);
    assert_eq!(told(&batch.schema()), "c: {sentences: [[LargeUtf8]]}, m: [{t: LargeUtf8}]");
    assert_eq!(rows(&batch), [r#"{"c":{"sentences":[["a","b"]]},"m":[{"t":"Qü?"},{"t":null}]}"#]);
}

#[test]
fn the_elements_of_lists_are_named_as_asked() {
    let records = surveyed();
    let known = Known { element: "element", records: Some(&records), ..Known::default() };
    let batch = batch(&mine(r#"{"a": [["{id}"]], "c": "{context}"}"#), &known, &[RECORD]);
    let types = format!("{:?}", batch.schema().fields());
    assert!(types.contains(r#"name: "element""#) && !types.contains("item"), "{types}");
}

#[test]
fn a_record_that_is_refused_leaves_the_columns_as_they_were() {
    let records = surveyed();
    let known = Known { absent: &[Field::Answer], records: Some(&records), ..Known::default() };
    let skeleton = r#"{"q": "{question}", "n": 1, "f": 0.5, "b": false, "z": null,
        "m": [{"t": "{id}"}, {"t": "{question}"}], "c": "{context}",
        "a": {"$has": "answer", "then": "{answer}"}}"#;
    let shape = mine(skeleton);
    let schema = Arc::new(shape.schema(&known).unwrap());
    let mut columns = Columns::new(&shape, schema);
    let mut expected = Vec::new();
    for row in 0..21 {
        let error = push(&mut columns, &shape, ANSWERED).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a record has what the column 'a' is for, and the columns were decided without it: write \
             JSON lines"
        );
        let question = if row % 3 == 0 { "null".to_owned() } else { format!("\"q{row}\"") };
        push(&mut columns, &shape, &format!(r#"{{"question":{question},"id":"{row}"}}"#)).unwrap();
        expected.push(format!(
            r#"{{"q":{question},"n":1,"f":0.5,"b":false,"z":null,"m":[{{"t":"{row}"}},{{"t":{question}}}],"c":null}}"#
        ));
    }
    let before = columns.bytes();
    push(&mut columns, &shape, ANSWERED).unwrap_err();
    assert_eq!((columns.len(), columns.bytes()), (21, before));
    assert_eq!(rows(&columns.finish().unwrap()), expected);
}

#[test]
fn columns_start_anew_after_each_batch_and_may_be_empty() {
    let shape = mine(r#"{"a": "{id}", "l": ["{id}"], "b": true, "o": {"n": 1}, "z": null}"#);
    let mut columns = Columns::new(&shape, Arc::new(shape.schema(&Known::default()).unwrap()));
    for id in ["", "x", "longer"] {
        assert!(columns.is_empty());
        assert_eq!(columns.finish().unwrap().num_rows(), 0);
        push(&mut columns, &shape, &format!(r#"{{"id":"{id}"}}"#)).unwrap();
        let expected = format!(r#"{{"a":"{id}","l":["{id}"],"b":true,"o":{{"n":1}},"z":null}}"#);
        assert_eq!(rows(&columns.finish().unwrap()), [expected]);
    }
    let nothing = batch(&mine("{}"), &Known::default(), &["{}", "{}"]);
    assert_eq!((nothing.num_rows(), nothing.num_columns()), (2, 0));
}

#[test]
fn documents_of_another_type_than_the_survey_found_are_refused() {
    let records = surveyed();
    let known = Known { records: Some(&records), ..Known::default() };
    let shape = mine(r#"{"q": "{question}", "c": "{context}"}"#);
    let mut columns = Columns::new(&shape, Arc::new(shape.schema(&known).unwrap()));
    push(&mut columns, &shape, RECORD).unwrap();
    let error = push(&mut columns, &shape, r#"{"context":{"sentences":"a"}}"#).unwrap_err();
    assert_eq!(error.name(), "schema-mismatch");
    push(&mut columns, &shape, r#"{"question":"r"}"#).unwrap();
    let expected = [r#"{"q":"Qü?","c":{"sentences":[["a","b"]]}}"#, r#"{"q":"r","c":null}"#];
    assert_eq!(rows(&columns.finish().unwrap()), expected);
}

#[test]
fn types_of_an_arrow_schema_are_kept_but_for_those_of_strings() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let strings = [dictionary, DataType::LargeUtf8, DataType::Utf8View];
    let element = Arc::new(Column::new("item", DataType::Int64, true));
    let kept = [
        (DataType::Int32, "1"),
        (DataType::Float32, "0.1"),
        (DataType::Timestamp(TimeUnit::Second, None), r#""2024-01-02T03:04:05""#),
        (DataType::LargeList(element), "[1,2]"),
    ];
    let strings = strings.map(|of| (of, DataType::Utf8, r#""t""#));
    let kept = kept.map(|(of, value)| (of.clone(), of, value));
    for (of, expected, value) in strings.into_iter().chain(kept) {
        let records = Schema::new(vec![Column::new("context", of, true)]);
        let known = Known { records: Some(&records), ..Known::default() };
        let line = format!(r#"{{"context":{value}}}"#);
        let batch = batch(&built_in("hf"), &known, &[line.as_str(), "{}"]);
        assert_eq!(batch.schema().field(0).data_type(), &expected);
        assert_eq!(rows(&batch), [line.as_str(), r#"{"context":null}"#]);
    }
}

#[test]
fn values_that_do_not_fit_a_type_of_an_arrow_schema_are_an_error_of_the_batch() {
    let records = Schema::new(vec![Column::new("context", DataType::Int32, true)]);
    let known = Known { records: Some(&records), ..Known::default() };
    let shape = mine(r#"{"c": "{context}"}"#);
    let mut columns = Columns::new(&shape, Arc::new(shape.schema(&known).unwrap()));
    push(&mut columns, &shape, r#"{"context":[1]}"#).unwrap();
    assert!(columns.finish().unwrap_err().to_string().starts_with("internal error: columns: "));
    push(&mut columns, &shape, r#"{"context":null}"#).unwrap();
    assert_eq!(columns.finish().unwrap().num_rows(), 1);
}

/// Written by `datasets` 5.2.0: `Features.from_arrow_schema(schema).arrow_schema.metadata`.
#[test]
fn features_are_the_bytes_that_datasets_writes() {
    let list = |of: DataType| DataType::new_list(of, true);
    let fields = |fields: Vec<(&str, DataType)>| -> Fields {
        fields.into_iter().map(|(name, of)| Column::new(name, of, true)).collect()
    };
    let element = |of: DataType| Arc::new(Column::new("item", of, true));
    let value = |name: &str| format!(r#"{{"dtype": "{name}", "_type": "Value"}}"#);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let role = DataType::Struct(fields(vec![("role", DataType::Utf8)]));
    let struct_of =
        DataType::Struct(fields(vec![("x", DataType::Utf8), ("y", list(DataType::Utf8))]));
    let table = [
        (DataType::Utf8, value("string")),
        (DataType::LargeUtf8, value("large_string")),
        (DataType::Utf8View, value("string_view")),
        (DataType::Int64, value("int64")),
        (DataType::Int8, value("int8")),
        (DataType::UInt64, value("uint64")),
        (DataType::Float16, value("float16")),
        (DataType::Float32, value("float32")),
        (DataType::Float64, value("float64")),
        (DataType::Boolean, value("bool")),
        (DataType::Null, value("null")),
        (DataType::Binary, value("binary")),
        (DataType::LargeBinary, value("large_binary")),
        (DataType::BinaryView, value("binary_view")),
        (DataType::FixedSizeBinary(3), value("fixed_size_binary[3]")),
        (DataType::Date32, value("date32")),
        (DataType::Date64, value("date64")),
        (DataType::Time32(TimeUnit::Second), value("time32[s]")),
        (DataType::Time64(TimeUnit::Nanosecond), value("time64[ns]")),
        (DataType::Timestamp(TimeUnit::Second, None), value("timestamp[s]")),
        (
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            value("timestamp[us, tz=UTC]"),
        ),
        (DataType::Duration(TimeUnit::Millisecond), value("duration[ms]")),
        (DataType::Decimal128(5, 2), value("decimal128(5, 2)")),
        (DataType::Decimal256(50, 2), value("decimal256(50, 2)")),
        (dictionary, value("string")),
        (DataType::Struct(Fields::empty()), "{}".to_owned()),
        (struct_of, r#"{"x": {"dtype": "string", "_type": "Value"}, "y": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}}"#.to_owned()),
        (list(role), r#"{"feature": {"role": {"dtype": "string", "_type": "Value"}}, "_type": "List"}"#.to_owned()),
        (DataType::LargeList(element(DataType::Utf8)), r#"{"feature": {"dtype": "string", "_type": "Value"}, "_type": "LargeList"}"#.to_owned()),
        (DataType::FixedSizeList(element(DataType::Int8), 3), r#"{"feature": {"dtype": "int8", "_type": "Value"}, "length": 3, "_type": "List"}"#.to_owned()),
    ];
    for (data_type, expected) in table {
        let schema = Schema::new(vec![Column::new("\u{fc}\"", data_type, true)]);
        let expected = format!(r#"{{"info": {{"features": {{"\u00fc\"": {expected}}}}}}}"#);
        assert_eq!(features(&schema), expected);
    }
}

#[test]
fn the_schema_of_a_target_carries_its_features() {
    let schema = built_in("chat").schema(&Known::default()).unwrap();
    assert_eq!(
        schema.metadata()[FEATURES_KEY],
        r#"{"info": {"features": {"messages": {"feature": {"role": {"dtype": "string", "_type": "Value"}, "content": {"dtype": "string", "_type": "Value"}}, "_type": "List"}}}}"#
    );
}

/// A member of a record: missing, null or a string.
fn member(name: &'static str) -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(format!("\"{name}\":null"))),
        4 => spelled().prop_map(move |text| Some(format!("\"{name}\":\"{text}\""))),
    ]
}

fn record() -> impl Strategy<Value = String> {
    let members = ["id", "question", "instruction", "cot_answer", "answer"].map(member);
    members.prop_map(|members| {
        format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
    })
}

/// A row without the members that are null, which JSON rows may leave out.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            members.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Json::Array(elements) => elements.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn parsed<'a>(rows: impl IntoIterator<Item = &'a str>) -> Vec<Json> {
    rows.into_iter().map(|row| without_nulls(serde_json::from_str(row).unwrap())).collect()
}

/// Skeletons with every operation, choice and kind of string.
const SKELETONS: [&str; 3] = [
    r#"{"a": "{id}", "b": "x{question|trim}y{stop}", "c": "{cot_answer|after('<ANSWER>: ')|null_if_empty}"}"#,
    r#"{"m": [{"$if": "question", "then": {"t": "{question|without_last_line}"}}, {"t": "{answer}", "n": 1}]}"#,
    r#"{"o": {"$has": "answer", "then": {"p": ["{answer|null_if_empty}", "{id}"]}, "else": {"q": "{id}"}}}"#,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn json_and_columns_agree(records in proptest::collection::vec(record(), 0..20)) {
        let lines = records.iter().map(String::as_str).collect::<Vec<_>>();
        for skeleton in SKELETONS {
            let shape = mine(skeleton);
            let batch = batch(&shape, &Known::default(), &lines);
            let gorilla = Reading { from: "gorilla".to_owned(), ..Reading::default() };
            let converter = Converter::with_shape(shape, &gorilla).unwrap();
            let (json, _) = converter.convert_bytes(records.join("\n").as_bytes()).unwrap();
            let json = String::from_utf8(json).unwrap();
            let columns = rows(&batch);
            prop_assert_eq!(parsed(columns.iter().map(String::as_str)), parsed(json.lines()));
        }
    }
}

#[test]
fn rows_to_come_take_memory_that_fits_those_before() {
    let long = "a".repeat(100_000);
    let line = format!(r#"{{"instruction":"{long}","cot_answer":"A"}}"#);
    let text = |batch: &RecordBatch| rows(batch).join("\n");
    // What is left of these capacities: nothing is known before the first batch, then the texts of
    // 100,000 bytes take one, and the short ones take none.
    let rounds: [(&[usize], &[usize]); 5] = [
        (&[200_000], &[200_000]),
        (&[9_000_000, 300_000, 200_000, 50_000], &[9_000_000, 300_000, 50_000]),
        (&[9_000_000, 50_000], &[9_000_000, 50_000]),
        (&[], &[]),
        (&[150_000], &[]),
    ];
    for target in ["chat", "completion"] {
        let shape = built_in(target);
        let schema = Arc::new(shape.schema(&Known::default()).unwrap());
        let mut columns = Columns::new(&shape, schema.clone());
        for (given, left) in rounds {
            let mut spare: Vec<_> = given.iter().map(|size| vec![b'?'; *size]).collect();
            columns.refill(&mut spare);
            let mut capacities: Vec<_> = spare.iter().map(Vec::capacity).collect();
            capacities.sort_by(|one, other| other.cmp(one));
            assert_eq!(capacities, left, "{target}");
            push(&mut columns, &shape, &line).unwrap();
            let finished = columns.finish().unwrap();
            assert_eq!(text(&finished), text(&batch(&shape, &Known::default(), &[&line])));
        }
    }
}
