//! Values that hold no others and are not strings: numbers, dates, decimals.
//!
//! Numbers are written as `serde_json` writes them: the shortest digits that read back as the same
//! number, and null for what JSON lacks (NaN and the infinities). Dates and times are ISO 8601 text.
//! A moment with a time zone is written in UTC, whatever the zone: it is the same moment, and
//! names of zones need a table that changes every year.

use std::fmt::{Debug, Write as _};

use arrow_array::cast::AsArray;
#[allow(clippy::wildcard_imports, reason = "there is a type for each type of Arrow")]
use arrow_array::types::*;
use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, Float16Array, PrimitiveArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};
use serde::Serialize;

/// An array of such values.
pub(crate) trait Leaf: Debug + Send + Sync {
    /// Whether the value of a row is null.
    fn is_null(&self, row: usize) -> bool;
    /// Appends the value of a row as JSON. It must not be null.
    fn write(&self, row: usize, out: &mut Vec<u8>);
    /// The first row that cannot be written.
    fn unwritable(&self) -> Option<usize> {
        None
    }
}

/// Bytes of a value at most: a decimal of 76 digits with 128 zeros after it, and its signs.
pub(crate) const LONGEST: usize = 256;

/// The array as such values; `None` if it holds something else.
pub(crate) fn leaf(array: &dyn Array) -> Option<Box<dyn Leaf>> {
    Some(match array.data_type() {
        DataType::Boolean => Box::new(array.as_boolean().clone()),
        DataType::Int8 => number::<Int8Type>(array),
        DataType::Int16 => number::<Int16Type>(array),
        DataType::Int32 => number::<Int32Type>(array),
        DataType::Int64 => number::<Int64Type>(array),
        DataType::UInt8 => number::<UInt8Type>(array),
        DataType::UInt16 => number::<UInt16Type>(array),
        DataType::UInt32 => number::<UInt32Type>(array),
        DataType::UInt64 => number::<UInt64Type>(array),
        DataType::Float16 => Box::new(array.as_primitive::<Float16Type>().clone()),
        DataType::Float32 => number::<Float32Type>(array),
        DataType::Float64 => number::<Float64Type>(array),
        DataType::Decimal32(..) => decimal::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimal::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimal::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimal::<Decimal256Type>(array),
        _ => return moment(array),
    })
}

/// The array as values of which is known only that they are there.
pub(crate) fn sign(array: &dyn Array) -> Box<dyn Leaf> {
    Box::new(Sign(array.logical_nulls()))
}

#[derive(Debug)]
struct Sign(Option<NullBuffer>);

impl Leaf for Sign {
    fn is_null(&self, row: usize) -> bool {
        self.0.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    fn write(&self, _: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(b"true");
    }
}

fn moment(array: &dyn Array) -> Option<Box<dyn Leaf>> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    Some(match array.data_type() {
        DataType::Date32 => date::<Date32Type>(array),
        DataType::Date64 => date::<Date64Type>(array),
        DataType::Time32(Second) => time::<Time32SecondType>(array),
        DataType::Time32(Millisecond) => time::<Time32MillisecondType>(array),
        DataType::Time64(Microsecond) => time::<Time64MicrosecondType>(array),
        DataType::Time64(Nanosecond) => time::<Time64NanosecondType>(array),
        DataType::Timestamp(Second, _) => timestamp::<TimestampSecondType>(array),
        DataType::Timestamp(Millisecond, _) => timestamp::<TimestampMillisecondType>(array),
        DataType::Timestamp(Microsecond, _) => timestamp::<TimestampMicrosecondType>(array),
        DataType::Timestamp(Nanosecond, _) => timestamp::<TimestampNanosecondType>(array),
        _ => return None,
    })
}

impl Leaf for BooleanArray {
    fn is_null(&self, row: usize) -> bool {
        Array::is_null(self, row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.value(row) { b"true" } else { b"false" });
    }
}

impl Leaf for Float16Array {
    fn is_null(&self, row: usize) -> bool {
        Array::is_null(self, row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        write_number(self.value(row).to_f32(), out);
    }
}

#[derive(Debug)]
struct Number<T: ArrowPrimitiveType>(PrimitiveArray<T>);

fn number<T: ArrowPrimitiveType + Debug>(array: &dyn Array) -> Box<dyn Leaf>
where
    T::Native: Serialize,
{
    Box::new(Number(array.as_primitive::<T>().clone()))
}

impl<T: ArrowPrimitiveType + Debug> Leaf for Number<T>
where
    T::Native: Serialize,
{
    fn is_null(&self, row: usize) -> bool {
        self.0.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        write_number(self.0.value(row), out);
    }
}

fn write_number(number: impl Serialize, out: &mut Vec<u8>) {
    // A number is never refused, and neither is a write to memory.
    serde_json::to_writer(out, &number).ok();
}

/// Values that are first written as text.
struct Worded<T: ArrowPrimitiveType> {
    array: PrimitiveArray<T>,
    /// The JSON of a row, unless the value is out of range.
    json: fn(&PrimitiveArray<T>, usize) -> Option<String>,
}

impl<T: ArrowPrimitiveType> Debug for Worded<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.array.fmt(f)
    }
}

impl<T: ArrowPrimitiveType> Leaf for Worded<T> {
    fn is_null(&self, row: usize) -> bool {
        self.array.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let json = (self.json)(&self.array, row);
        out.extend_from_slice(json.as_deref().unwrap_or("null").as_bytes());
    }

    fn unwritable(&self) -> Option<usize> {
        let mut rows = 0..self.array.len();
        rows.find(|&row| self.array.is_valid(row) && (self.json)(&self.array, row).is_none())
    }
}

fn worded<T: ArrowPrimitiveType>(
    array: &dyn Array,
    json: fn(&PrimitiveArray<T>, usize) -> Option<String>,
) -> Box<dyn Leaf> {
    Box::new(Worded { array: array.as_primitive::<T>().clone(), json })
}

fn decimal<T: DecimalType>(array: &dyn Array) -> Box<dyn Leaf> {
    worded::<T>(array, |array, row| {
        let value = array.value(row);
        // Arrow would cut the digits that are too many, and write zeros before a zero.
        let fits = T::is_valid_decimal_precision(value, array.precision());
        let zero = array.scale() < 0 && value == T::Native::default();
        fits.then(|| if zero { "0".to_owned() } else { array.value_as_string(row) })
    })
}

/// What chrono writes for people who debug is ISO 8601.
fn quoted(value: impl Debug, zone: &str) -> String {
    let mut text = String::new();
    write!(text, "\"{value:?}{zone}\"").ok();
    text
}

fn date<T: ArrowTemporalType>(array: &dyn Array) -> Box<dyn Leaf>
where
    i64: From<T::Native>,
{
    worded::<T>(array, |array, row| in_four_digits(quoted(array.value_as_date(row)?, "")))
}

fn time<T: ArrowTemporalType>(array: &dyn Array) -> Box<dyn Leaf>
where
    i64: From<T::Native>,
{
    worded::<T>(array, |array, row| {
        // Arrow would take what is left of the value in 32 bits.
        let within_day =
            (0..DAY * per_second(array.data_type())).contains(&array.value(row).into());
        array.value_as_time(row).filter(|_| within_day).map(|time| quoted(time, ""))
    })
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Units of a type in a second.
fn per_second(data_type: &DataType) -> i64 {
    match data_type {
        DataType::Time32(TimeUnit::Millisecond) => 1_000,
        DataType::Time64(TimeUnit::Microsecond) => 1_000_000,
        DataType::Time64(TimeUnit::Nanosecond) => 1_000_000_000,
        _ => 1,
    }
}

fn timestamp<T: ArrowTimestampType>(array: &dyn Array) -> Box<dyn Leaf> {
    worded::<T>(array, |array, row| {
        let zone = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
        in_four_digits(quoted(array.value_as_datetime(row)?, if zone { "Z" } else { "" }))
    })
}

/// A time, unless its year is before 0 or of five digits: then it has a sign, which hardly anybody reads.
fn in_four_digits(moment: String) -> Option<String> {
    (!moment.trim_start_matches('"').starts_with(['+', '-'])).then_some(moment)
}
