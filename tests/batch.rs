//! A batch gives the rows that the same records give as lines, whatever its encodings; and what
//! cannot be a record is refused by name.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int16Type, Int32Type, UInt64Type};
use arrow_array::*;
use arrow_buffer::{ArrowNativeType, NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use arrow_schema::{DataType, Field as Column, FieldRef, Fields, Schema};
use proptest::prelude::*;
use raftfast::batch::Batch;
use raftfast::convert::Converter;
use raftfast::dialect::Reading;
use raftfast::error::Error;
use raftfast::ledger::Ledger;
use raftfast::record::{Field, Record};
use raftfast::shape::{Options, Shape};
use raftfast::target::Target;
use raftfast::text::Escape;
use raftfast::value::{Absence, Holds, Value};
use serde_json::{Map, Value as Json, json};

/// How values are laid out in Arrow.
#[derive(Clone, Debug)]
enum Layout {
    Null,
    Utf8,
    LargeUtf8,
    Utf8View,
    Int,
    Float,
    Bool,
    Dictionary(Key, Box<Layout>),
    List(Box<Layout>),
    LargeList(Box<Layout>),
    ListView(Box<Layout>),
    FixedList(usize, Box<Layout>),
    Struct(Vec<(&'static str, Layout)>),
    Map(Box<Layout>),
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Int16,
    Int32,
    UInt64,
}

/// An array of such values. A row before them and one after are sliced away, at every level.
fn array(layout: &Layout, values: &[Json]) -> ArrayRef {
    let around = values.first().cloned().unwrap_or(Json::Null);
    let around = std::slice::from_ref(&around);
    let padded = [around, values, around].concat();
    whole_array(layout, &padded).slice(1, values.len())
}

fn whole_array(layout: &Layout, values: &[Json]) -> ArrayRef {
    let texts = || values.iter().map(Json::as_str);
    match layout {
        Layout::Null => Arc::new(NullArray::new(values.len())),
        Layout::Utf8 => Arc::new(texts().collect::<StringArray>()),
        Layout::LargeUtf8 => Arc::new(texts().collect::<LargeStringArray>()),
        Layout::Utf8View => Arc::new(texts().collect::<StringViewArray>()),
        Layout::Int => Arc::new(values.iter().map(Json::as_i64).collect::<Int64Array>()),
        Layout::Float => Arc::new(values.iter().map(Json::as_f64).collect::<Float64Array>()),
        Layout::Bool => Arc::new(values.iter().map(Json::as_bool).collect::<BooleanArray>()),
        Layout::Dictionary(Key::Int16, layout) => dictionary::<Int16Type>(layout, values),
        Layout::Dictionary(Key::Int32, layout) => dictionary::<Int32Type>(layout, values),
        Layout::Dictionary(Key::UInt64, layout) => dictionary::<UInt64Type>(layout, values),
        Layout::List(layout) => {
            let (items, lengths) = items(layout, values);
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(ListArray::new(field("item", &items), offsets, items, Some(nulls(values))))
        }
        Layout::LargeList(layout) => {
            let (items, lengths) = items(layout, values);
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(LargeListArray::new(
                field("item", &items),
                offsets,
                items,
                Some(nulls(values)),
            ))
        }
        Layout::ListView(layout) => list_view(layout, values),
        Layout::FixedList(width, layout) => fixed_list(*width, layout, values),
        Layout::Struct(members) => structs(members, values),
        Layout::Map(layout) => maps(layout, values),
    }
}

fn field(name: &str, array: &ArrayRef) -> FieldRef {
    Arc::new(Column::new(name, array.data_type().clone(), true))
}

fn nulls(values: &[Json]) -> NullBuffer {
    values.iter().map(|value| !value.is_null()).collect()
}

/// The elements of all lists, and how many each list has.
fn items(layout: &Layout, values: &[Json]) -> (ArrayRef, Vec<usize>) {
    let lists = values.iter().map(|value| value.as_array().cloned().unwrap_or_default());
    let lists: Vec<Vec<Json>> = lists.collect();
    (array(layout, &lists.concat()), lists.iter().map(Vec::len).collect())
}

/// A list view whose runs are in no order: the last list comes first.
fn list_view(layout: &Layout, values: &[Json]) -> ArrayRef {
    let backwards: Vec<_> = values.iter().rev().cloned().collect();
    let (items, mut sizes) = items(layout, &backwards);
    sizes.reverse();
    let start = |row: usize| sizes[row + 1..].iter().sum::<usize>();
    let number = |number| i32::try_from(number).unwrap();
    let offsets: ScalarBuffer<i32> = (0..sizes.len()).map(|row| number(start(row))).collect();
    let sizes = sizes.iter().map(|&size| number(size)).collect();
    Arc::new(ListViewArray::new(field("item", &items), offsets, sizes, items, Some(nulls(values))))
}

fn fixed_list(width: usize, layout: &Layout, values: &[Json]) -> ArrayRef {
    let empty = Json::Array(vec![Json::Null; width]);
    let filled = |value: &Json| if value.is_null() { empty.clone() } else { value.clone() };
    let (items, _) = items(layout, &values.iter().map(filled).collect::<Vec<_>>());
    let size = i32::try_from(width).unwrap();
    Arc::new(FixedSizeListArray::new(field("item", &items), size, items, Some(nulls(values))))
}

fn structs(members: &[(&'static str, Layout)], values: &[Json]) -> ArrayRef {
    let columns = members.iter().map(|(name, layout)| {
        let values: Vec<_> = values.iter().map(|value| value[name].clone()).collect();
        array(layout, &values)
    });
    let columns: Vec<_> = columns.collect();
    let fields = members.iter().zip(&columns).map(|((name, _), column)| field(name, column));
    let fields: Fields = fields.collect();
    let array =
        StructArray::try_new_with_length(fields, columns, Some(nulls(values)), values.len());
    Arc::new(array.unwrap())
}

fn maps(layout: &Layout, values: &[Json]) -> ArrayRef {
    let maps = values.iter().map(|value| value.as_object().cloned().unwrap_or_default());
    let maps: Vec<Map<_, _>> = maps.collect();
    let offsets = OffsetBuffer::from_lengths(maps.iter().map(Map::len));
    let (names, values_inside): (Vec<_>, Vec<_>) =
        maps.into_iter().flatten().map(|(name, value)| (Json::String(name), value)).unzip();
    let (names, inside) = (array(&Layout::Utf8, &names), array(layout, &values_inside));
    let name = Arc::new(Column::new("key", DataType::Utf8, false));
    let entries =
        StructArray::new(vec![name, field("value", &inside)].into(), vec![names, inside], None);
    let entry = Arc::new(Column::new("entries", entries.data_type().clone(), false));
    Arc::new(MapArray::new(entry, offsets, entries, Some(nulls(values)), false))
}

/// A dictionary in which each value stands once; every other null is a null among the values.
fn dictionary<K: types::ArrowDictionaryKeyType>(layout: &Layout, values: &[Json]) -> ArrayRef {
    let mut known: Vec<Json> = vec![Json::Null];
    let keys = values.iter().enumerate().map(|(row, value)| {
        let place = known
            .iter()
            .position(|other| format!("{other}") == format!("{value}"))
            .unwrap_or_else(|| {
                known.push(value.clone());
                known.len() - 1
            });
        (row % 2 == 0 || !value.is_null()).then(|| K::Native::usize_as(place))
    });
    let keys: PrimitiveArray<K> = keys.collect();
    Arc::new(DictionaryArray::new(keys, array(layout, &known)))
}

/// A batch of columns with their names.
fn record_batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let fields: Fields = columns.iter().map(|(name, column)| field(name, column)).collect();
    let columns = columns.iter().map(|(_, column)| column.clone()).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The rows of a batch, and the account of them.
fn rows(shape: &Shape, batch: &RecordBatch) -> Result<(Vec<u8>, Ledger), Error> {
    let (mut rows, mut ledger) = (Vec::new(), Ledger::default());
    let batch = shape.batch("x.arrow", batch)?;
    for row in 0..batch.rows() {
        let record = Record::of_row(&batch, row);
        assert_bounded(record.whole());
        (0..shape.fields().len()).for_each(|slot| assert_bounded(record.value(slot)));
        if let Some(reason) = shape.judge(&record).unwrap().dropped {
            ledger.filter(reason);
        } else {
            shape.write(&record, &mut rows)?;
            ledger.write_row();
        }
    }
    Ok((rows, ledger))
}

/// What is asked for before a value is written is enough: a byte becomes six at most.
fn assert_bounded(value: Value<'_>) {
    const QUOTES: usize = 2;
    for (_, escape) in Escape::ALL {
        let mut json = Vec::new();
        value.write_json(escape, &mut json);
        assert!(json.len() <= 6 * value.json_len() + QUOTES || value == Value::Missing);
    }
}

fn targets() -> Vec<Target> {
    let gorilla = ["chat", "completion", "eval", "hf"];
    let mut targets: Vec<_> = gorilla.map(|name| Target::named(name).unwrap()).into();
    let mut mine = targets[0].clone();
    mine.needs = vec!["context".to_owned()];
    mine.row = String::from(
        r#"{"c": "{context}", "q": "<{question|trim}>", "id": {"$if": "id", "then": "{id}"},
        "all": {"$has": "type", "then": "{record}"}}"#,
    );
    targets.push(mine);
    targets
}

fn text_layout() -> impl Strategy<Value = Layout> {
    let plain = || {
        let layouts = [Layout::Utf8, Layout::LargeUtf8, Layout::Utf8View];
        prop::sample::select(layouts.to_vec())
    };
    let key = prop::sample::select(vec![Key::Int16, Key::Int32, Key::UInt64]);
    prop_oneof![
        9 => plain(),
        3 => (key, plain()).prop_map(|(key, layout)| Layout::Dictionary(key, Box::new(layout))),
        1 => Just(Layout::Null),
    ]
}

fn layout() -> impl Strategy<Value = Layout> {
    let leaf = prop_oneof![
        4 => text_layout(),
        2 => prop::sample::select(vec![Layout::Int, Layout::Float, Layout::Bool]),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let names = prop::sample::subsequence(vec!["title", "sentences", "\u{fc}\"/", ""], 0..4);
        let members = (names, prop::collection::vec(inner.clone(), 4));
        prop_oneof![
            boxed().prop_map(Layout::List),
            boxed().prop_map(Layout::LargeList),
            boxed().prop_map(Layout::ListView),
            (0..3_usize, boxed()).prop_map(|(width, layout)| Layout::FixedList(width, layout)),
            boxed().prop_map(Layout::Map),
            boxed().prop_map(|layout| Layout::Dictionary(Key::Int32, layout)),
            members.prop_map(|(names, layouts)| Layout::Struct(
                names.into_iter().zip(layouts).collect()
            )),
        ]
    })
}

/// Text with all that is escaped some way, and runs that are longer than what is looked at at once.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[ -~]{0,70}",
        2 => prop::sample::select(vec!["\n", "\"", "\\", "/", "\u{7f}", "\u{0}", "\u{1f}", "\t", "\u{fc}", "\u{20ac}",
            "\u{1f600}", "\u{2028}", "<ANSWER>: "]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A value of that layout.
fn value(layout: &Layout) -> BoxedStrategy<Json> {
    let filled = match layout {
        Layout::Null => Just(Json::Null).boxed(),
        Layout::Utf8 | Layout::LargeUtf8 | Layout::Utf8View => {
            text().prop_map(Json::String).boxed()
        }
        Layout::Int => any::<i64>().prop_map(Json::from).boxed(),
        Layout::Float => any::<f64>().prop_map(Json::from).boxed(),
        Layout::Bool => any::<bool>().prop_map(Json::from).boxed(),
        Layout::Dictionary(_, inner) => value(inner),
        Layout::List(inner) | Layout::LargeList(inner) | Layout::ListView(inner) => {
            prop::collection::vec(value(inner), 0..4).prop_map(Json::Array).boxed()
        }
        Layout::FixedList(width, inner) => {
            prop::collection::vec(value(inner), *width).prop_map(Json::Array).boxed()
        }
        Layout::Struct(members) => {
            let (names, values): (Vec<_>, Vec<_>) =
                members.iter().map(|(name, layout)| ((*name).to_owned(), value(layout))).unzip();
            values
                .prop_map(move |values| names.iter().cloned().zip(values).collect())
                .prop_map(Json::Object)
                .boxed()
        }
        Layout::Map(inner) => prop::collection::vec((text(), value(inner)), 0..3)
            .prop_map(|members| Json::Object(members.into_iter().collect()))
            .boxed(),
    };
    prop_oneof![1 => Just(Json::Null), 5 => filled].boxed()
}

/// Columns in any order, some of them not there, and the records they make up.
#[derive(Clone, Debug)]
struct Table {
    columns: Vec<(&'static str, Layout, Vec<Json>)>,
    rows: usize,
}

impl Table {
    fn batch(&self) -> RecordBatch {
        let columns = self.columns.iter();
        let columns: Vec<_> =
            columns.map(|(name, layout, values)| (*name, array(layout, values))).collect();
        record_batch(&columns)
    }

    fn lines(&self) -> Vec<u8> {
        let record = |row: usize| -> Map<String, Json> {
            let columns = self.columns.iter();
            columns.map(|(name, _, values)| ((*name).to_owned(), values[row].clone())).collect()
        };
        let lines = (0..self.rows).map(|row| Json::Object(record(row)).to_string() + "\n");
        lines.collect::<String>().into_bytes()
    }
}

fn table() -> impl Strategy<Value = Table> {
    let context =
        prop_oneof![text_layout(), layout().prop_filter("a context", |layout| !is_scalar(layout)),];
    // A record with a system message of its own is made anew, which is no matter of a batch.
    let fields = Field::ALL.iter().filter(|field| **field != Field::System);
    let names: Vec<_> = fields.map(|field| field.name()).chain(["extra"]).collect();
    let names = prop::sample::subsequence(names, 1..10).prop_shuffle();
    let layouts = (context, layout(), prop::collection::vec(text_layout(), 9));
    (names, layouts, 0..6_usize).prop_flat_map(|(names, (context, extra, texts), rows)| {
        let columns = names.into_iter().zip(texts).map(|(name, text)| {
            let layout = match name {
                "context" => context.clone(),
                "extra" => extra.clone(),
                _ => text,
            };
            let values = prop::collection::vec(value(&layout), rows);
            (Just(name), Just(layout), values)
        });
        columns.collect::<Vec<_>>().prop_map(move |columns| Table { columns, rows })
    })
}

fn is_scalar(layout: &Layout) -> bool {
    match layout {
        Layout::Int | Layout::Float | Layout::Bool => true,
        Layout::Dictionary(_, inner) => is_scalar(inner),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_batch_gives_the_rows_that_its_records_give_as_lines(table in table()) {
        let (batch, lines) = (table.batch(), table.lines());
        for target in targets() {
            for (_, escape) in Escape::ALL {
                let options = Options { escape, ..Options::default() };
                let shape = Shape::compile(&target, &options).unwrap();
                let (found, account) = rows(&shape, &batch).unwrap();
                let gorilla = Reading { from: "gorilla".to_owned(), ..Reading::default() };
                let converter = Converter::with_shape(shape, &gorilla).unwrap();
                let (expected, ledger) = converter.convert_bytes(&lines).unwrap();
                prop_assert_eq!(String::from_utf8(found).unwrap(), String::from_utf8(expected).unwrap());
                prop_assert_eq!(account.filtered.sorted(), ledger.filtered.sorted());
            }
        }
    }
}

fn hf() -> Shape {
    Shape::compile(&Target::named("hf").unwrap(), &Options::default()).unwrap()
}

/// The values of an array as JSON.
fn written(array: ArrayRef) -> Vec<String> {
    let (rows, _) = rows(&hf(), &record_batch(&[("x", array)])).unwrap();
    let lines = String::from_utf8(rows).unwrap();
    let inside = |line: &str| line.strip_prefix(r#"{"x":"#)?.strip_suffix('}').map(str::to_owned);
    lines.lines().map(|line| inside(line).unwrap()).collect()
}

#[test]
fn scalars_are_written_as_a_reader_of_json_expects_them() {
    let day = 86_400_000_000_000_i64;
    let rows: Vec<(ArrayRef, &[&str])> = vec![
        (Arc::new(Int8Array::from(vec![Some(-128), None])), &["-128", "null"]),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), &["18446744073709551615"]),
        (
            Arc::new(Float64Array::from(vec![
                1.0,
                0.1,
                1e300,
                1e-7,
                -0.0,
                f64::NAN,
                f64::INFINITY,
            ])),
            &["1.0", "0.1", "1e+300", "1e-7", "-0.0", "null", "null"],
        ),
        (Arc::new(Float32Array::from(vec![0.1, f32::MAX])), &["0.1", "3.4028235e+38"]),
        (Arc::new(Float16Array::from(vec![F16::ONE, F16::NAN])), &["1.0", "null"]),
        (
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            &["true", "false", "null"],
        ),
        (
            Arc::new(TimestampMillisecondArray::from(vec![Some(1_700_000_000_123), None])),
            &[r#""2023-11-14T22:13:20.123""#, "null"],
        ),
        (
            Arc::new(TimestampSecondArray::from(vec![-1]).with_timezone("Europe/Paris")),
            &[r#""1969-12-31T23:59:59Z""#],
        ),
        (
            Arc::new(TimestampNanosecondArray::from(vec![i64::MAX, i64::MIN])),
            &[r#""2262-04-11T23:47:16.854775807""#, r#""1677-09-21T00:12:43.145224192""#],
        ),
        (Arc::new(Date32Array::from(vec![0, 19_723])), &[r#""1970-01-01""#, r#""2024-01-01""#]),
        (Arc::new(Date64Array::from(vec![86_400_001])), &[r#""1970-01-02""#]),
        (Arc::new(Time32SecondArray::from(vec![3_661])), &[r#""01:01:01""#]),
        (Arc::new(Time64NanosecondArray::from(vec![day - 1])), &[r#""23:59:59.999999999""#]),
        (decimal128(vec![12_345, -5, 0], 10, 2), &["123.45", "-0.05", "0.00"]),
        (decimal128(vec![12, 0, -1], 10, -3), &["12000", "0", "-1000"]),
        (
            Arc::new(Decimal256Array::from(vec![i256::from_i128(i128::MIN)])),
            &["-17014118346046923173168730371.5884105728"],
        ),
        (Arc::new(NullArray::new(2)), &["null", "null"]),
    ];
    for (array, expected) in rows {
        let shown = array.data_type().to_string();
        assert_eq!(written(array), expected, "{shown}");
    }
}

fn decimal128(values: Vec<i128>, precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
    Arc::new(array.unwrap())
}

type F16 = <types::Float16Type as ArrowPrimitiveType>::Native;

/// What a target says of a batch that it cannot take.
fn refusal(target: &str, columns: &[(&str, ArrayRef)]) -> (&'static str, String) {
    let shape = Shape::compile(&Target::named(target).unwrap(), &Options::default()).unwrap();
    let error = shape.batch("x.arrow", &record_batch(columns)).unwrap_err();
    (error.name(), error.to_string())
}

fn strings() -> ArrayRef {
    Arc::new(StringArray::from(vec!["a"]))
}

fn binary() -> ArrayRef {
    Arc::new(BinaryArray::from(vec![b"a".as_slice()]))
}

#[test]
fn a_column_of_a_wrong_type_is_refused_by_its_name() {
    let list = |items: &ArrayRef| -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths([1]);
        Arc::new(ListArray::new(field("item", items), offsets, items.clone(), None))
    };
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let keys = Int8Array::from(vec![0]);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(keys, numbers.clone()));
    let text = "must hold a string, found";
    let documents = "must hold a string, an array or an object, found";
    let rows: Vec<(&str, &str, ArrayRef, String)> = vec![
        ("chat", "cot_answer", numbers.clone(), format!("{text} Int64")),
        ("chat", "instruction", list(&strings()), format!("{text} List(Utf8)")),
        ("chat", "instruction", dictionary, format!("{text} Dictionary(Int8, Int64)")),
        ("chat", "instruction", binary(), format!("{text} Binary")),
        ("eval", "context", numbers, format!("{documents} Int64")),
        (
            "eval",
            "context",
            list(&binary()),
            "must hold values that JSON has, found Binary".to_owned(),
        ),
        ("hf", "image\n", binary(), "must hold values that JSON has, found Binary".to_owned()),
    ];
    for (target, name, array, expected) in rows {
        let shown = name.replace('\n', "\\u{a}");
        let message = format!("x.arrow: column '{shown}' {expected}");
        assert_eq!(refusal(target, &[(name, array)]), ("wrong-type", message));
    }
}

#[test]
fn what_has_no_meaning_is_a_broken_input() {
    let time = Time64MicrosecondArray::from(vec![(1 << 32) * 1_000_000]);
    let doubled = structs(&[("a", Layout::Utf8), ("a", Layout::Utf8)], &[json!({"a": "b"})]);
    let second = [Some(0), Some(i64::MAX)];
    let rows: Vec<(ArrayRef, &str)> = vec![
        (
            Arc::new(TimestampSecondArray::from_iter(second)),
            "value 1 of its Timestamp(s) is out of range",
        ),
        (Arc::new(Date64Array::from(vec![i64::MIN])), "value 0 of its Date64 is out of range"),
        (Arc::new(time), "value 0 of its Time64(µs) is out of range"),
        (
            Arc::new(Time32MillisecondArray::from(vec![-1])),
            "value 0 of its Time32(ms) is out of range",
        ),
        (decimal128(vec![1, 1000], 3, 1), "value 1 of its Decimal128(3, 1) is out of range"),
        (doubled, "two members are named 'a'"),
    ];
    for (array, expected) in rows {
        let message = format!("x.arrow: column 'x': {expected}");
        assert_eq!(refusal("hf", &[("x", array)]), ("broken-input", message));
    }
    let doubled = [("cot_answer", strings()), ("cot_answer", strings())];
    for target in ["chat", "hf"] {
        let message = "x.arrow: two columns are named 'cot_answer'".to_owned();
        assert_eq!(refusal(target, &doubled), ("broken-input", message));
    }
}

#[test]
fn columns_that_nobody_uses_may_hold_anything() {
    let columns =
        [("cot_answer", strings()), ("x", binary()), ("instruction", strings()), ("x", binary())];
    let shape = Shape::compile(&Target::named("completion").unwrap(), &Options::default()).unwrap();
    let (rows, _) = rows(&shape, &record_batch(&columns)).unwrap();
    assert_eq!(rows, b"{\"prompt\":\"a\",\"completion\":\"a<STOP>\"}\n");
}

#[test]
fn nesting_ends_before_the_stack_does() {
    let nested = |levels: usize| {
        (0..levels).fold(strings(), |items, _| -> ArrayRef {
            let offsets = OffsetBuffer::from_lengths([1]);
            Arc::new(ListArray::new(field("item", &items), offsets, items, None))
        })
    };
    let expected = format!("{}\"a\"{}", "[".repeat(127), "]".repeat(127));
    assert_eq!(written(nested(127)), [expected]);
    let message = "x.arrow: column 'x': nested deeper than 128 levels".to_owned();
    assert_eq!(refusal("hf", &[("x", nested(128))]), ("broken-input", message.clone()));
    let told = |levels| {
        let batch = record_batch(&[("x", nested(levels))]);
        Batch::new("x.arrow", &batch, &[("x", Holds::Something)], false).map(|_| ())
    };
    assert!(told(127).is_ok());
    assert_eq!(told(128).unwrap_err().to_string(), message);
}

#[test]
fn absence_is_that_of_python() {
    let empty = || Box::new(Layout::Utf8);
    let rows: Vec<(Layout, Json, Option<Absence>)> = vec![
        (Layout::Utf8, json!(""), Some(Absence::Empty)),
        (Layout::Utf8, json!(" "), None),
        (Layout::Utf8, json!(null), Some(Absence::Null)),
        (Layout::List(empty()), json!([]), Some(Absence::Empty)),
        (Layout::List(empty()), json!([null]), None),
        (Layout::ListView(empty()), json!([]), Some(Absence::Empty)),
        (Layout::FixedList(0, empty()), json!([]), Some(Absence::Empty)),
        (Layout::FixedList(1, empty()), json!(null), Some(Absence::Null)),
        (Layout::Map(empty()), json!({}), Some(Absence::Empty)),
        (Layout::Struct(vec![("a", Layout::Utf8)]), json!({"a": null}), None),
        (Layout::Struct(vec![("a", Layout::Utf8)]), json!(null), Some(Absence::Null)),
        (
            Layout::Dictionary(Key::Int32, Box::new(Layout::List(empty()))),
            json!([]),
            Some(Absence::Empty),
        ),
    ];
    for (layout, value, expected) in rows {
        let batch = record_batch(&[("context", array(&layout, std::slice::from_ref(&value)))]);
        let batch = Batch::new(
            "x.arrow",
            &batch,
            &[("context", Holds::Documents), ("id", Holds::Text)],
            false,
        )
        .unwrap();
        let record = Record::of_row(&batch, 0);
        assert_eq!(record.value(0).absence(), expected, "{layout:?}: {value}");
        assert_eq!(record.value(1), Value::Missing);
        assert_eq!((record.has(0), record.has(1)), (true, false));
    }
}
