//! Whole records as columns: the schema that a survey finds, and that nothing is lost in it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::{DataType, Fields, Schema};
use proptest::prelude::*;
use serde_json::{Map, Number, Value as Json, json};

use raftfast::error::Error;
use raftfast::survey::{KEYS, MAX_LEVELS, Survey, Values, Whole};

fn survey(records: &[&str]) -> Result<Survey, Error> {
    let mut survey = Survey::default();
    for (record, line) in records.iter().zip(1..) {
        survey.record(record.as_bytes(), line)?;
    }
    Ok(survey)
}

fn schema(records: &[&str]) -> Result<Schema, Error> {
    survey(records)?.schema()
}

fn whole(schema: &Schema, records: &[&str]) -> RecordBatch {
    let mut whole = Whole::new(Arc::new(schema.clone())).unwrap();
    for record in records {
        whole.push(record.as_bytes()).unwrap();
    }
    assert_eq!(whole.len(), records.len());
    whole.finish().unwrap()
}

/// A schema as `name: type`, types as short as they can be told apart.
fn told(fields: &Fields) -> String {
    let fields = fields.iter().map(|field| {
        assert!(field.is_nullable(), "{field}");
        format!("{}: {}", field.name(), told_type(field.data_type()))
    });
    fields.collect::<Vec<_>>().join(", ")
}

fn told_type(data_type: &DataType) -> String {
    match data_type {
        DataType::List(item) => {
            assert_eq!(item.name(), "item");
            format!("[{}]", told_type(item.data_type()))
        }
        DataType::Struct(fields) => format!("{{{}}}", told(fields)),
        other => other.to_string(),
    }
}

#[test]
fn columns_are_the_keys_in_order_of_first_appearance_with_types_that_hold_everything() {
    let rows: [(&[&str], &str); 24] = [
        (&[], ""),
        (&["{}", "{}"], ""),
        (&[r#"{"b":1,"a":2}"#, r#"{"a":1,"c":3,"b":2}"#], "b: Int64, a: Int64, c: Int64"),
        (&[r#"{"a":null}"#], "a: Null"),
        (&[r#"{"a":null}"#, r#"{"a":true}"#, "{}"], "a: Boolean"),
        (&[r#"{"a":1}"#, r#"{"a":-1.5}"#], "a: Float64"),
        (&[r#"{"a":1e400}"#], "a: Utf8"),
        (&[r#"{"a":1}"#, r#"{"a":"1"}"#], "a: Utf8"),
        (&[r#"{"a":true}"#, r#"{"a":1}"#], "a: Utf8"),
        (&[r#"{"a":true}"#, r#"{"a":"x"}"#, r#"{"a":1.5}"#], "a: Utf8"),
        (&[r#"{"date":"2024-01-01"}"#], "date: Utf8"),
        (&[r#"{"a":[]}"#], "a: [Null]"),
        (&[r#"{"a":[null]}"#, r#"{"a":null}"#], "a: [Null]"),
        (&[r#"{"a":[]}"#, r#"{"a":[1,"x"]}"#], "a: [Utf8]"),
        (&[r#"{"a":[[1],[],null,[2.5]]}"#], "a: [[Float64]]"),
        (&[r#"{"a":{}}"#], "a: {}"),
        (&[r#"{"a":{"y":1}}"#, r#"{"a":{"x":"","y":null}}"#], "a: {y: Int64, x: Utf8}"),
        (&[r#"{"a":[{"y":1},{"x":[]}]}"#], "a: [{y: Int64, x: [Null]}]"),
        (&[r#"{"a":1,"a":"x"}"#], "a: Utf8"),
        (&[r#"{"a":{"x":1},"b":2,"a":[true]}"#], "a: [Boolean], b: Int64"),
        (&[r#"{"a":{"x":1,"x":[]}}"#], "a: {x: [Null]}"),
        (&[r#"{"a\u0062":1}"#, r#"{"ab":"x"}"#, r#"{"a\\b":true}"#], r"ab: Utf8, a\b: Boolean"),
        (&[r#"{"\\u0061":1,"\u0061":true,"":2}"#], r"\u0061: Int64, a: Boolean, : Int64"),
        (&[" { \"a\" : [ 1 , 2 ] ,\t\"b\" : \"]}\\\"\" } "], "a: [Int64], b: Utf8"),
    ];
    for (records, expected) in rows {
        let schema = schema(records).unwrap();
        assert_eq!(told(schema.fields()), expected, "{records:?}");
        whole(&schema, records);
    }
}

#[test]
fn text_columns_hold_strings_as_they_are_and_other_scalars_as_they_were_written() {
    let numbers = ["1e400", "123456789012345678901234567890", "1.50", "-0", "true", "false"];
    for number in numbers {
        let records = [&*format!(r#"{{"a":{number}}}"#), r#"{"a":"\u00fc\ud83d\ude00\n\/"}"#, "{}"];
        let batch = whole(&schema(&records).unwrap(), &records);
        let texts: Vec<_> = batch.column(0).as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some(number), Some("\u{fc}\u{1f600}\n/"), None]);
    }
}

// The names of columns ended there where a table was handed over, so "a\0b" became "a".
#[test]
fn a_key_that_no_column_can_have_is_told_with_those_around_it() {
    let rows = [
        (r#"{"\u0000":1}"#, r"field '\u{0}' has U+0000 in its name"),
        (r#"{"a":{"b\u0000c":[]}}"#, r"field 'a.b\u{0}c' has U+0000 in its name"),
        (r#"{"a":[[{"\u0000":1}]]}"#, r"field 'a[][].\u{0}' has U+0000 in its name"),
    ];
    for (record, expected) in rows {
        let error = schema(&[record]).unwrap_err();
        assert_eq!(error.name(), "nul-in-key");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn what_no_column_holds_together_is_told_with_both_types_and_both_places() {
    let rows: [(&[&str], &str); 7] = [
        (
            &[r#"{"a":1}"#, "{}", r#"{"a":[]}"#],
            "field 'a' holds numbers (line 1) and arrays (line 3)",
        ),
        (&[r#"{"a":[]}"#, r#"{"a":"x"}"#], "field 'a' holds strings (line 2) and arrays (line 1)"),
        (
            &[r#"{"a":{}}"#, r#"{"a":true}"#],
            "field 'a' holds booleans (line 2) and objects (line 1)",
        ),
        (&[r#"{"a":{}}"#, r#"{"a":[]}"#], "field 'a' holds arrays (line 2) and objects (line 1)"),
        (
            &[r#"{"a":{"b":1}}"#, r#"{"a":{"b":{}}}"#],
            "field 'a.b' holds numbers (line 1) and objects",
        ),
        (&[r#"{"a":[1,[2]]}"#], "field 'a[]' holds numbers (line 1) and arrays (line 1)"),
        (&[r#"{"a\n":[{"b":1},{"b":[]}]}"#], r"field 'a\u{a}[].b' holds numbers"),
    ];
    for (records, expected) in rows {
        let error = schema(records).unwrap_err();
        assert_eq!(error.name(), "mixed-types");
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn keys_are_known_whatever_they_hold() {
    let survey = survey(&[r#"{"a":1,"b":null}"#, r#"{"c":null,"a":[]}"#, "{}"]).unwrap();
    let keys: Vec<_> = survey.keys().collect();
    assert_eq!(keys, [("a", false), ("b", true), ("c", true)]);
    assert!(survey.schema().is_err());
}

#[test]
fn columns_are_exact_unless_they_change_a_value() {
    let rows: [(&[&str], bool); 14] = [
        (&[], true),
        (&[r#"{"a":1}"#, r#"{"b":"x"}"#, "{}"], true),
        (&[r#"{"a":1}"#, r#"{"a":0.5}"#, r#"{"a":null}"#], true),
        (&[r#"{"a":{"b":1,"c":[]}}"#, r#"{"a":{"c":["x"],"b":null}}"#, r#"{"a":null}"#], true),
        (&[r#"{"a":[{"b":1},null,{"b":2}]}"#], true),
        (&[r#"{"a":{}}"#, r#"{"a":{}}"#], true),
        (&[r#"{"a":1}"#, r#"{"a":"x"}"#], false),
        (&[r#"{"a":1e400}"#], false),
        (&[r#"{"a":[true,1]}"#], false),
        (&[r#"{"a":1}"#, r#"{"a":[1]}"#], false),
        (&[r#"{"a":{}}"#, r#"{"a":{"b":1}}"#], false),
        (&[r#"{"a":{"b":1}}"#, r#"{"a":{}}"#], false),
        (&[r#"{"a":{"b":1}}"#, r#"{"a":{"c":1}}"#], false),
        (&[r#"{"a":[{"b":{"c":1,"d":1}},{"b":{"c":1}}]}"#], false),
    ];
    for (records, expected) in rows {
        assert_eq!(survey(records).unwrap().is_exact(), expected, "{records:?}");
    }
}

#[test]
fn places_can_be_moved_to_where_the_records_are() {
    let mut first = survey(&["{}", r#"{"a":1}"#]).unwrap();
    let mut second = survey(&[r#"{"a":[]}"#]).unwrap();
    first.locate("one.jsonl", 0);
    second.locate("two.jsonl", 100);
    first.merge(second).unwrap();
    let error = first.schema().unwrap_err().to_string();
    let expected = "field 'a' holds numbers (one.jsonl: line 2) and arrays (two.jsonl: line 101)";
    assert!(error.starts_with(expected), "{error}");

    let mut nowhere = Survey::default();
    nowhere.record(br#"{"a":[1,{}]}"#, 0).unwrap();
    let error = nowhere.schema().unwrap_err().to_string();
    assert!(error.starts_with("field 'a[]' holds numbers and objects, which"), "{error}");
}

#[test]
fn keys_that_are_made_from_data_are_an_error_however_the_records_are_split() {
    let survey_of = |keys: std::ops::Range<usize>| {
        let mut survey = Survey::default();
        let added = keys.map(|key| survey.record(format!(r#"{{"k{key}":1}}"#).as_bytes(), 1));
        added.collect::<Result<Vec<_>, _>>().map(|_| survey)
    };
    assert_eq!(survey_of(0..KEYS).unwrap().schema().unwrap().fields().len(), KEYS);
    assert_eq!(survey_of(0..KEYS + 1).unwrap_err().name(), "too-many-keys");
    let mut half = survey_of(0..KEYS / 2).unwrap();
    half.merge(survey_of(0..KEYS).unwrap()).unwrap();
    assert_eq!(half.merge(survey_of(KEYS..KEYS + 1).unwrap()).unwrap_err().name(), "too-many-keys");
    let long = format!(r#"{{"{}":1}}"#, "x".repeat(17 << 20));
    assert_eq!(survey(&[&long]).unwrap_err().name(), "too-many-keys");
}

#[test]
fn nesting_is_taken_as_deep_as_readers_of_columns_take_it() {
    let nested = |levels: usize| {
        let lists = levels - 1;
        format!(r#"{{"a":{}1{}}}"#, "[".repeat(lists), "]".repeat(lists))
    };
    let deepest = nested(MAX_LEVELS);
    let schema = schema(&[&deepest]).unwrap();
    assert_eq!(
        values(&whole(&schema, &[&deepest])),
        [serde_json::from_str::<Json>(&deepest).unwrap()]
    );
    let error = survey(&["{}", &nested(MAX_LEVELS + 1)]).unwrap_err();
    assert_eq!(error.name(), "too-deep");
    assert!(
        error.to_string().starts_with("line 2: records nested deeper than 60 levels"),
        "{error}"
    );
    assert_eq!(survey(&[&nested(1024)]).unwrap_err().name(), "too-deep");
}

#[test]
fn a_record_that_does_not_fit_is_told_and_leaves_no_trace() {
    let known = [
        r#"{"n":null,"b":true,"i":1,"u":18446744073709551615,"f":1.5,"t":"x"}"#,
        r#"{"l":[1],"o":{"x":[{"y":1}]}}"#,
    ];
    let schema = schema(&known).unwrap();
    let mut whole = Whole::new(Arc::new(schema.clone())).unwrap();
    let rows = [
        (
            r#"{"n":1}"#,
            "field 'n' is a number, where the survey of the records has nothing but null",
        ),
        (r#"{"i":1,"b":"x"}"#, "field 'b' is a string, where"),
        (
            r#"{"t":"abc","i":1.5}"#,
            "field 'i' is a number, where the survey of the records has Int64",
        ),
        (r#"{"u":-1}"#, "field 'u' is a number, where the survey of the records has UInt64"),
        (r#"{"f":[]}"#, "field 'f' is an array"),
        (r#"{"t":{}}"#, "field 't' is an object"),
        (r#"{"l":[1,2,"x"]}"#, "field 'l' is a string"),
        (r#"{"o":[]}"#, "field 'o' is an array"),
        (r#"{"o":{"x":[{"y":1},{"y":2},{"y":[]}]}}"#, "field 'o.x.y' is an array"),
        (
            r#"{"o":{"x":[],"z":1}}"#,
            "field 'o.z' is one, where the survey of the records has no such",
        ),
        (r#"{"new":1}"#, "field 'new' is one, where"),
        ("[1]", "field '' is an array, where"),
        (r#"{"i":1,"i":2,"new":1}"#, "field 'new' is one"),
    ];
    for (record, expected) in rows {
        whole.push(known[0].as_bytes()).unwrap();
        let error = whole.push(record.as_bytes()).unwrap_err();
        assert_eq!(error.name(), "schema-mismatch");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    assert_eq!(whole.len(), rows.len());
    let expected = self::whole(&schema, &vec![known[0]; rows.len()]);
    assert_eq!(whole.finish().unwrap(), expected);
}

#[test]
fn types_that_no_survey_gives_are_refused() {
    for data_type in
        [DataType::Int32, DataType::Utf8View, DataType::new_list(DataType::Date32, true)]
    {
        assert!(Values::new(&data_type).is_none(), "{data_type}");
    }
    let mut large = Values::new(&DataType::LargeUtf8).unwrap();
    large.push(br#""x""#).unwrap();
    assert_eq!(large.finish().unwrap().as_string::<i64>().value(0), "x");
}

#[test]
fn bytes_that_are_no_json_never_panic() {
    let schema = schema(&[r#"{"a":[{"b":"x"}],"c":1,"d":true}"#]).unwrap();
    let record = br#"{"a": [{"b": "x\u00fc\"y"}, null], "c": -1, "d": false, "c": 2}"#;
    for at in 0..record.len() {
        for byte in [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'e', 0, 0xff] {
            for keep in [at + 1, record.len()] {
                let mut broken = record[..keep].to_vec();
                broken[at] = byte;
                let _ = Survey::default().record(&broken, 1);
                let mut whole = Whole::new(Arc::new(schema.clone())).unwrap();
                let _ = whole.push(&broken);
                let _ = whole.finish();
            }
        }
    }
}

#[test]
fn batches_follow_one_another() {
    let records = [r#"{"a":"x","b":[1,2]}"#, r#"{"b":[]}"#];
    let schema = schema(&records).unwrap();
    let mut whole = Whole::new(Arc::new(schema.clone())).unwrap();
    assert!(whole.is_empty() && whole.finish().unwrap().num_rows() == 0);
    for _ in 0..3 {
        whole.push(records[0].as_bytes()).unwrap();
        let one = whole.bytes();
        whole.push(records[1].as_bytes()).unwrap();
        assert!(one > 0 && whole.bytes() > one);
        assert_eq!(whole.finish().unwrap(), self::whole(&schema, &records));
        assert!(whole.is_empty());
    }
}

/// The rows of a batch as JSON, without what is null.
fn values(batch: &RecordBatch) -> Vec<Json> {
    let mut out = Vec::new();
    let mut writer = arrow_json::LineDelimitedWriter::new(&mut out);
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    let lines = out.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// A record as it comes back from columns of these types: without members that are null, integers
/// as floats and scalars as text where the column is of those.
fn expected(value: &Json, data_type: &DataType) -> Json {
    match (value, data_type) {
        (Json::Object(members), DataType::Struct(fields)) => {
            let present = members.iter().filter(|(_, value)| !value.is_null());
            let member = |(name, value): (&String, &Json)| {
                let (_, field) = fields.find(name).unwrap();
                (name.clone(), expected(value, field.data_type()))
            };
            Json::Object(present.map(member).collect::<Map<_, _>>())
        }
        (Json::Array(items), DataType::List(item)) => {
            items.iter().map(|value| expected(value, item.data_type())).collect()
        }
        (Json::Number(number), DataType::Float64) => {
            // As the parser of the oracle reads it, which is not exact to the last bit.
            let float = Number::from_f64(number.as_f64().unwrap()).unwrap();
            serde_json::from_str(&float.to_string()).unwrap()
        }
        (Json::Number(_) | Json::Bool(_), DataType::Utf8) => value.to_string().into(),
        _ => value.clone(),
    }
}

/// Floats that survive the parser of the oracle, which is not exact to the last bit.
fn eighths() -> impl Strategy<Value = Json> {
    any::<i32>().prop_map(|value| Json::from(f64::from(value) / 8.0))
}

/// Scalars, of which columns get one or several kinds.
fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i8>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        eighths(),
        "\\PC{0,8}".prop_map(Json::from),
        "[a\"\\\\\n\u{1f600}/]{0,4}".prop_map(Json::from),
    ]
}

/// Values of one shape for each name, so that arrays and objects do not mix with other things.
fn value(name: usize) -> BoxedStrategy<Json> {
    let nullable = |value: BoxedStrategy<Json>| prop_oneof![Just(Json::Null), value].boxed();
    let array = |of: BoxedStrategy<Json>| proptest::collection::vec(of, 0..4).prop_map(Json::from);
    match name {
        0 => Just(Json::Null).boxed(),
        1 => nullable(any::<bool>().prop_map(Json::from).boxed()),
        2 => nullable(any::<i64>().prop_map(Json::from).boxed()),
        3 => nullable(eighths().boxed()),
        4 => nullable(array(scalar().boxed()).boxed()),
        5 => nullable(array(array(value(1)).boxed()).boxed()),
        6 => nullable(object(4)),
        7 => nullable(array(nullable(object(6))).boxed()),
        _ => scalar().boxed(),
    }
}

fn object(names: usize) -> BoxedStrategy<Json> {
    let name = move |name: usize| value(name).prop_map(move |value| (format!("k{name}"), value));
    let members = proptest::collection::vec((0..names).prop_flat_map(name), 0..names);
    members.prop_map(|members| Json::Object(members.into_iter().collect())).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn however_records_are_split_their_survey_is_the_same(
        records in proptest::collection::vec(object(12), 0..12),
        cuts in proptest::collection::vec(0..12_usize, 0..4),
    ) {
        let records: Vec<_> = records.iter().map(Json::to_string).collect();
        let all: Vec<_> = records.iter().map(String::as_str).collect();
        let mut parts = vec![Survey::default()];
        for (at, record) in all.iter().enumerate() {
            if cuts.contains(&at) {
                parts.push(Survey::default());
            }
            parts.last_mut().unwrap().record(record.as_bytes(), at as u64 + 1).unwrap();
        }
        let merged = parts.into_iter().reduce(|mut one, later| {
            one.merge(later).unwrap();
            one
        });
        let (merged, whole) = (merged.unwrap(), survey(&all).unwrap());
        prop_assert_eq!(merged.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
        prop_assert_eq!(merged.is_exact(), whole.is_exact());
        let (merged, whole) = (merged.schema(), whole.schema());
        prop_assert_eq!(merged.map_err(|error| error.to_string()), whole.map_err(|error| error.to_string()));
    }

    #[test]
    fn columns_hold_what_the_records_hold(
        records in proptest::collection::vec(object(12), 1..12),
    ) {
        let lines: Vec<_> = records.iter().map(Json::to_string).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let schema = schema(&lines).unwrap();
        let found = values(&whole(&schema, &lines));
        let row = DataType::Struct(schema.fields().clone());
        let wanted: Vec<_> = records.iter().map(|record| expected(record, &row)).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn of_duplicate_keys_the_last_counts(
        records in proptest::collection::vec((object(12), object(12), object(12)), 1..4),
    ) {
        let inside = |object: &Json| {
            let text = object.to_string();
            text[1..text.len() - 1].to_owned()
        };
        let joined = |parts: &[String]| {
            let parts = parts.iter().filter(|part| !part.is_empty()).cloned();
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        };
        let twice: Vec<_> = records.iter().map(|(one, two, nested)| {
            let nested = joined(&[inside(nested), inside(one)]);
            joined(&[inside(one), format!("\"x\":[{nested}]"), inside(two)])
        }).collect();
        let once: Vec<_> = twice.iter().map(|record| {
            serde_json::from_str::<Json>(record).unwrap().to_string()
        }).collect();
        let [twice, once] = [&twice, &once].map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
        let schema = schema(&twice).unwrap();
        prop_assert_eq!(&schema, &self::schema(&once).unwrap());
        prop_assert_eq!(whole(&schema, &twice), whole(&schema, &once));
    }
}

#[test]
fn the_oracle_of_these_tests_knows_the_difference() {
    let (wanted, row) = (json!({"a": 1, "b": null}), schema(&[r#"{"a":1,"b":"x"}"#]).unwrap());
    let row = DataType::Struct(row.fields().clone());
    assert_eq!(expected(&wanted, &row), json!({"a": 1}));
}
