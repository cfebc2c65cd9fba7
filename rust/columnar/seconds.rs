//! Times in whole seconds, which Parquet has no unit for: they become milliseconds, as with pyarrow.
//! Its writer would leave numbers of them, of which nobody knows that they are times.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

/// The columns of a schema, of which some are written with another unit.
#[derive(Debug)]
pub(super) struct Seconds {
    schema: SchemaRef,
    /// The columns whose type is not that of the batches.
    changed: Vec<usize>,
}

impl Seconds {
    pub(super) fn of(schema: &Schema) -> Self {
        let fields: Vec<_> = schema.fields().iter().map(in_millis).collect();
        let pairs = fields.iter().zip(schema.fields()).enumerate();
        let changed = pairs.filter(|(_, (new, old))| new != old).map(|(at, _)| at).collect();
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        Self { schema: Arc::new(schema), changed }
    }

    /// The schema that is written.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The columns of a batch as they are written.
    ///
    /// # Errors
    ///
    /// A time that is too far from 1970 to be told in milliseconds.
    pub(super) fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut columns = batch.columns().to_vec();
        for &at in &self.changed {
            let exact = CastOptions { safe: false, ..CastOptions::default() };
            columns[at] =
                cast_with_options(&columns[at], self.schema.field(at).data_type(), &exact)?;
        }
        Ok(columns)
    }
}

fn in_millis(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Struct(members) => DataType::Struct(members.iter().map(in_millis).collect()),
        DataType::List(element) => DataType::List(in_millis(element)),
        DataType::LargeList(element) => DataType::LargeList(in_millis(element)),
        DataType::FixedSizeList(element, length) => {
            DataType::FixedSizeList(in_millis(element), *length)
        }
        DataType::Map(entries, sorted) => DataType::Map(in_millis(entries), *sorted),
        _ => return Arc::clone(field),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int64Type, TimestampMillisecondType};
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StructArray, TimestampSecondArray};

    use super::{ArrowError, Seconds};

    fn batch(seconds: i64) -> Result<RecordBatch, ArrowError> {
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(seconds), None]));
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let inner = StructArray::try_from(vec![("when", times)])?;
        let columns = [("count", counts), ("nested", Arc::new(inner) as ArrayRef)];
        RecordBatch::try_from_iter(columns)
    }

    #[test]
    fn times_are_told_in_milliseconds_wherever_they_stand() -> Result<(), ArrowError> {
        let batch = batch(1_577_836_800)?;
        let columns = Seconds::of(&batch.schema()).columns(&batch)?;
        let times = columns[1].as_struct().column(0).as_primitive::<TimestampMillisecondType>();
        assert_eq!(times.iter().collect::<Vec<_>>(), [Some(1_577_836_800_000), None]);
        assert_eq!(columns[0].as_primitive::<Int64Type>().values(), &[1, 2]);
        Ok(())
    }

    #[test]
    fn a_time_that_does_not_fit_is_an_error_and_not_null() -> Result<(), ArrowError> {
        let batch = batch(i64::MAX / 10)?;
        assert!(Seconds::of(&batch.schema()).columns(&batch).is_err());
        Ok(())
    }
}
