//! Parquet: row groups, one after the other, and a footer that says where they are.

use std::fmt;
use std::mem::take;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Fields, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::seconds::Seconds;
use super::{Codec, internal};
use crate::error::Error;

/// What compression sees at once. Each page is compressed for itself, so four times the usual 1 MiB
/// makes files of RAFT text 10 to 15 % smaller, for the same time: 35 MB of chat rows become 5.1 MB
/// instead of 6.0 MB, in 101 ms instead of 104 ms of one core.
const PAGE: usize = 4 << 20;

/// How large the dictionary of a column may get before its texts are written as they are. Enough
/// for what repeats (roles, types, tags); long texts do not repeat and leave it at once. Whether
/// they have a dictionary of 64 KiB, 1 MiB or none makes no difference in size or time beyond the
/// noise of 5 %, but the smaller one is read and written sooner.
const DICTIONARY: usize = 64 << 10;

/// Groups around a value, of which an object is one and an array two, and the value itself: one
/// more, with the root counted, is refused by pyarrow.
const DEPTH: usize = 99;

/// The row groups that the 16 bits of their number allow for.
const ROW_GROUPS: usize = 32_767;

pub(super) struct Encoder {
    properties: WriterProperties,
    seconds: Seconds,
    columns: ArrowRowGroupWriterFactory,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("seconds", &self.seconds).finish_non_exhaustive()
    }
}

impl Encoder {
    pub(super) fn new(codec: Codec, schema: &SchemaRef) -> Result<Self, Error> {
        if schema.fields().is_empty() {
            let what = "Parquet has no rows without columns: objects without any keys, or none at \
                        all, go into an Arrow file";
            return Err(Error::usage(what));
        }
        refuse_what_cannot_be_read(schema.fields())?;
        let properties = properties(codec, schema)?;
        let seconds = Seconds::of(schema);
        let (_, columns) = writer(seconds.schema(), &properties)?;
        Ok(Self { properties, seconds, columns })
    }

    /// The column chunks of a row group.
    ///
    /// # Errors
    ///
    /// `Usage` if a time is out of range.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Vec<ArrowColumnChunk>, Error> {
        let columns = self.seconds.columns(batch).map_err(|error| {
            Error::usage(format!("Parquet cannot hold this: {error}; write an Arrow file instead"))
        })?;
        let mut writers = self.columns.create_column_writers(0).map_err(internal)?.into_iter();
        let mut chunks = Vec::with_capacity(writers.len());
        for (field, column) in self.seconds.schema().fields().iter().zip(&columns) {
            let leaves = compute_leaves(field, column).map_err(internal)?;
            for (leaf, mut writer) in leaves.iter().zip(writers.by_ref()) {
                writer.write(leaf).map_err(internal)?;
                chunks.push(writer.close().map_err(internal)?);
            }
        }
        Ok(chunks)
    }

    pub(super) fn assembler(&self) -> Result<Assembler, Error> {
        let (file, _) = writer(self.seconds.schema(), &self.properties)?;
        Ok(Assembler { file })
    }
}

/// The bytes of a row group.
pub(super) fn bytes(chunks: &[ArrowColumnChunk]) -> usize {
    let sizes = chunks.iter().map(|chunk| chunk.close().bytes_written);
    sizes.map(|size| usize::try_from(size).unwrap_or(usize::MAX)).sum()
}

/// What writes the parts of a file, and what makes writers for its columns.
///
/// The root of the schema is called what pyarrow calls it.
fn writer(
    schema: &SchemaRef,
    properties: &WriterProperties,
) -> Result<(SerializedFileWriter<Vec<u8>>, ArrowRowGroupWriterFactory), Error> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties.clone())
        .with_schema_root("schema".to_owned());
    ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)
        .and_then(ArrowWriter::into_serialized_writer)
        .map_err(|error| Error::usage(format!("Parquet cannot hold this: {error}")))
}

/// `coerce_types` gives the elements of lists the name that the format asks for and that pyarrow
/// writes; none of the types that it would change otherwise is among ours.
fn properties(codec: Codec, schema: &Schema) -> Result<WriterProperties, Error> {
    Ok(WriterProperties::builder()
        .set_compression(compression(codec)?)
        .set_coerce_types(true)
        .set_data_page_size_limit(PAGE)
        .set_dictionary_page_size_limit(DICTIONARY)
        .set_key_value_metadata(Some(metadata(schema)))
        .build())
}

fn compression(codec: Codec) -> Result<Compression, Error> {
    Ok(match codec {
        Codec::None => Compression::UNCOMPRESSED,
        Codec::Zstd(level) => Compression::ZSTD(ZstdLevel::try_new(level).map_err(internal)?),
        Codec::Snappy => Compression::SNAPPY,
        Codec::Lz4 => Compression::LZ4_RAW,
    })
}

/// The metadata of the schema as that of the file too, as pyarrow does: `datasets` looks for its
/// features there. In the order of the keys, which the map does not keep.
fn metadata(schema: &Schema) -> Vec<KeyValue> {
    let mut pairs: Vec<_> = schema.metadata().iter().collect();
    pairs.sort();
    pairs.into_iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect()
}

/// Parquet has no groups without members, and its readers have a limit of depth.
fn refuse_what_cannot_be_read(fields: &Fields) -> Result<(), Error> {
    fields.iter().try_for_each(|field| refuse_in(field.data_type(), field.name(), 1))
}

fn refuse_in(data_type: &DataType, path: &str, depth: usize) -> Result<(), Error> {
    let refused =
        |why| Err(Error::usage(format!("column '{path}' {why}; write an Arrow file instead")));
    match data_type {
        _ if depth > DEPTH => refused("is nested deeper than readers of Parquet take it"),
        DataType::Struct(members) if members.is_empty() => {
            refused("holds objects without any keys, which Parquet does not know")
        }
        DataType::Struct(members) => members.iter().try_for_each(|member| {
            refuse_in(member.data_type(), &format!("{path}.{}", member.name()), depth + 1)
        }),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::FixedSizeList(element, _)
        | DataType::Map(element, _) => refuse_in(element.data_type(), path, depth + 2),
        DataType::Union(..) => refused("holds a union of types, which Parquet does not know"),
        _ => Ok(()),
    }
}

pub(super) struct Assembler {
    /// Counts what it has written itself, so that its buffer may be taken away at any time.
    file: SerializedFileWriter<Vec<u8>>,
}

impl Assembler {
    pub(super) fn start(&mut self) -> Result<Vec<u8>, Error> {
        self.file.flush().map_err(internal)?;
        Ok(take(self.file.inner_mut()))
    }

    pub(super) fn append(&mut self, chunks: Vec<ArrowColumnChunk>) -> Result<Vec<u8>, Error> {
        if self.file.flushed_row_groups().len() == ROW_GROUPS {
            return Err(Error::usage(format!(
                "a Parquet file cannot have more than {ROW_GROUPS} row groups; use shards"
            )));
        }
        self.file.inner_mut().try_reserve(bytes(&chunks))?;
        self.write(chunks).map_err(internal)?;
        Ok(take(self.file.inner_mut()))
    }

    fn write(&mut self, chunks: Vec<ArrowColumnChunk>) -> parquet::errors::Result<()> {
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(self.file.flush()?)
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.file.finish().map_err(internal)?;
        Ok(take(self.file.inner_mut()))
    }
}
