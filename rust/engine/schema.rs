//! The columns of rows, found out before the first row is made.
//!
//! Most targets say by themselves what their columns are. Where rows hold what only the data knows the
//! type of, or columns that are there only if some record has a field, the inputs are read twice.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_schema::{DataType, Schema, SchemaRef};

use super::compress::Compression;
use super::frame::{BATCH, Encoding};
use super::framing::Framing;
use super::{Destination, Form, Progress, Settings, run};
use crate::batch::Column;
use crate::columnar::Encoder;
use crate::columns::Known;
use crate::convert::Converter;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::record::Field;
use crate::shape::Options;
use crate::source::Input;
use crate::survey::Survey;

/// What a columnar form asks for.
struct Columnar {
    /// The name of a list's elements, as Arrow libraries have it or as Parquet does.
    element: &'static str,
    /// Rows that a batch or a row group should have at least, on the average, where it is bounded in cells.
    least_rows: u64,
}

impl Encoding {
    /// How the rows of a conversion are encoded.
    pub(super) fn new(
        converter: &Converter,
        inputs: &[Input],
        settings: Settings,
        tick: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Self, Error> {
        let mut schema = |of: Columnar| {
            let (records, mean) = records(converter, inputs, settings, tick)?;
            let absent = absent(converter, inputs, records.as_deref(), settings, tick)?;
            let schema = converter.shape().schema(&Known {
                absent: &absent,
                records: records.as_deref(),
                portion_bytes: usize::try_from(BATCH).unwrap_or(usize::MAX),
                record_bytes: converter.record_limit(),
                element: of.element,
            })?;
            let portion = of.portion(&schema, mean);
            Ok::<_, Error>((Arc::new(schema), portion))
        };
        match settings.form {
            Form::Lines(compression) => {
                let framing = Framing::of(converter.shape().rules());
                if framing.is_array() && compression != Compression::None {
                    let name = converter.shape().name();
                    let what = format!("{name} takes one JSON array, which is not compressed");
                    return Err(Error::usage(what));
                }
                Ok(Self::Lines(compression, framing))
            }
            Form::Batches => {
                let (schema, portion) = schema(Columnar::ARROW)?;
                Ok(Self::Batches(schema, portion))
            }
            Form::File(form, codec) => {
                let is_parquet = form == crate::columnar::Form::Parquet;
                let (schema, portion) =
                    schema(if is_parquet { Columnar::PARQUET } else { Columnar::ARROW })?;
                Ok(Self::File(Box::new(Encoder::new(form, codec, schema)?), portion))
            }
        }
    }
}

/// What whole records hold: the keys of all of them in the order in which they first appear, and the
/// types that hold all their values.
///
/// # Errors
///
/// When a record is malformed, or when an input can be read only once.
pub fn survey(
    inputs: &[Input],
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Survey, Error> {
    let converter = Converter::new("hf", &Options::default())?;
    surveyed(&converter, inputs, settings, tick).map(|(survey, _)| survey)
}

/// The columns of whole records, by the policies of a converter of them, and the account of reading them.
fn surveyed(
    converter: &Converter,
    inputs: &[Input],
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<(Survey, Ledger), Error> {
    let found = Arc::new(Mutex::new(Survey::default()));
    let output = Destination::Survey(Arc::clone(&found));
    let outcome = run(converter, &Encoding::Survey, inputs, output, None, settings, tick)?;
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((std::mem::take(&mut *found), outcome.ledger))
}

/// Cells of a batch at most, on the average. Records of few bytes with few of many keys would come to many
/// times their length as columns: 56 MB of lines with one of 100 keys took 600 MB.
const CELLS: u64 = 1 << 20;

impl Columnar {
    const ARROW: Self = Self { element: "item", least_rows: 1 };

    /// Each column of a row group has its own encoder, and an entry in the footer: where 9,000 had a hundred rows
    /// each, these took more memory than the rows.
    const PARQUET: Self = Self { element: "element", least_rows: 1 << 13 };

    /// Bytes of input whose rows are one batch, if it is known what records are like.
    fn portion(&self, schema: &Schema, records: Option<Mean>) -> u64 {
        let Some(Mean { bytes, objects }) = records else { return BATCH };
        let (cells, widest) = cells(&DataType::Struct(schema.fields().clone()));
        let cells = cells.saturating_add(objects.saturating_mul(widest));
        let rows = (CELLS / cells.max(1)).max(self.least_rows / (objects + 1));
        bytes.saturating_mul(rows).clamp(1, BATCH)
    }
}

/// What a record has on the average.
#[derive(Clone, Copy)]
struct Mean {
    bytes: u64,
    /// Objects inside of it.
    objects: u64,
}

impl Mean {
    fn of(survey: &Survey, ledger: &Ledger) -> Self {
        let records = ledger.read.max(1);
        let objects = survey.objects().saturating_sub(records) / records;
        Self { bytes: (ledger.bytes_in / records).max(1), objects }
    }
}

/// The arrays of a column that have something for each of its rows, and most of those that have something for
/// each object of a list.
fn cells(data_type: &DataType) -> (u64, u64) {
    match data_type {
        DataType::Struct(fields) => {
            let inner = fields.iter().map(|field| cells(field.data_type()));
            inner.fold((0, 0), |(sum, widest), (cells, listed)| (sum + cells, widest.max(listed)))
        }
        DataType::List(item) => {
            let (inner, listed) = cells(item.data_type());
            (1, inner.max(listed))
        }
        _ => (1, 0),
    }
}

/// The columns of the records, if the rows hold something of a type that only they know; and what records are
/// like, if they were read for that.
fn records(
    converter: &Converter,
    inputs: &[Input],
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<(Option<SchemaRef>, Option<Mean>), Error> {
    if !converter.shape().columns_need_survey() {
        return Ok((None, None));
    }
    let schemas: Option<Vec<_>> = inputs.iter().map(Input::schema).collect();
    if let Some([first, others @ ..]) = schemas.as_deref()
        && others.iter().all(|schema| schema.fields() == first.fields())
    {
        return Ok((Some(SchemaRef::clone(first)), None));
    }
    if let Some(once) = inputs.iter().find(|input| !input.can_be_read_again()) {
        let why = if once.schema().is_some() {
            "its columns are not those of all inputs; convert it to lines first (to hf)"
        } else {
            "the columns of these rows are known only after reading all records, and this can be read \
             only once; put it into a file"
        };
        return Err(once.read_once(why));
    }
    let (survey, ledger) = surveyed(&converter.of_whole_records()?, inputs, settings, tick)?;
    Ok((Some(Arc::new(survey.schema()?)), Some(Mean::of(&survey, &ledger))))
}

/// The fields that are in no record, as far as that is known before reading.
fn absent(
    converter: &Converter,
    inputs: &[Input],
    records: Option<&Schema>,
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Vec<Field>, Error> {
    let shape = converter.shape();
    let fields = shape.fields();
    let without = |has: &dyn Fn(usize) -> bool| {
        let fields = fields.iter().copied().enumerate();
        fields.filter(|&(slot, _)| !has(slot)).map(|(_, field)| field).collect()
    };
    let keys = converter.reader().keys().names();
    let in_schema = |schema: &Schema, slot: usize| schema.column_with_name(&keys[slot]).is_some();
    let makes = |schema: &Schema, slot: usize| {
        converter.reader().makes_field(&Column::all_of(schema), slot)
    };
    let has = |schema: &Schema, slot: usize| in_schema(schema, slot) || makes(schema, slot);
    if let Some(schema) = records {
        return Ok(without(&|slot| has(schema, slot)));
    }
    if shape.all_expected() {
        return Ok(Vec::new());
    }
    let schemas: Option<Vec<_>> = inputs.iter().map(Input::schema).collect();
    if let Some(schemas) = schemas {
        return Ok(without(&|slot| schemas.iter().any(|schema| has(schema, slot))));
    }
    if !inputs.iter().all(Input::can_be_read_again) {
        return Ok(Vec::new());
    }
    let outcome =
        run(converter, &Encoding::Nothing, inputs, Destination::Nowhere, None, settings, tick)?;
    Ok(without(&|slot| outcome.present >> slot & 1 == 1))
}
