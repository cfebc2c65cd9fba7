//! The features of a schema, as Hugging Face `datasets` writes them into its metadata.

use arrow_schema::{DataType, Fields, Schema, TimeUnit};

use crate::text::{Escape, Text};

/// The key of the schema's metadata under which `datasets` looks for the features.
pub const FEATURES_KEY: &str = "huggingface";

/// The features of a schema, byte for byte as `Features.arrow_schema` of `datasets` 5.2.0 has them.
///
/// Types that `datasets` has no name for are told by their Arrow names.
///
/// ```
/// use arrow_schema::{DataType, Field, Schema};
/// use raftfast::columns::features;
///
/// let schema = Schema::new(vec![Field::new("prompt", DataType::Utf8, true)]);
/// assert_eq!(
///     features(&schema),
///     r#"{"info": {"features": {"prompt": {"dtype": "string", "_type": "Value"}}}}"#
/// );
/// ```
#[must_use]
pub fn features(schema: &Schema) -> String {
    format!(r#"{{"info": {{"features": {}}}}}"#, members(schema.fields()))
}

fn members(fields: &Fields) -> String {
    let member = |name: &str, feature: String| format!("{}: {feature}", quoted(name));
    let members = fields.iter().map(|field| member(field.name(), feature(field.data_type())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn feature(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(fields) => members(fields),
        DataType::List(field) => list(field.data_type(), "List"),
        DataType::LargeList(field) => list(field.data_type(), "LargeList"),
        DataType::FixedSizeList(field, length) => {
            let element = feature(field.data_type());
            format!(r#"{{"feature": {element}, "length": {length}, "_type": "List"}}"#)
        }
        value => format!(r#"{{"dtype": {}, "_type": "Value"}}"#, quoted(&name(value))),
    }
}

fn list(element: &DataType, kind: &str) -> String {
    format!(r#"{{"feature": {}, "_type": "{kind}"}}"#, feature(element))
}

/// The name of a type in `datasets` (`_arrow_to_datasets_dtype` in its features.py).
fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::LargeUtf8 => "large_string".to_owned(),
        DataType::Utf8View => "string_view".to_owned(),
        DataType::LargeBinary => "large_binary".to_owned(),
        DataType::BinaryView => "binary_view".to_owned(),
        DataType::FixedSizeBinary(width) => format!("fixed_size_binary[{width}]"),
        DataType::Timestamp(unit, None) => format!("timestamp[{}]", short(*unit)),
        DataType::Timestamp(unit, Some(zone)) => format!("timestamp[{}, tz={zone}]", short(*unit)),
        DataType::Time32(unit) => format!("time32[{}]", short(*unit)),
        DataType::Time64(unit) => format!("time64[{}]", short(*unit)),
        DataType::Duration(unit) => format!("duration[{}]", short(*unit)),
        DataType::Decimal128(precision, scale) => format!("decimal128({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => format!("decimal256({precision}, {scale})"),
        DataType::Dictionary(_, value) => name(value),
        same => same.to_string().to_lowercase(),
    }
}

fn short(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// A string of Python's `json.dumps`.
fn quoted(text: &str) -> String {
    let mut bytes = Vec::new();
    Text::Plain(text).write_json(Escape::Ascii, &mut bytes);
    format!("\"{}\"", String::from_utf8_lossy(&bytes))
}
