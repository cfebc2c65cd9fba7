//! Columns straight out of Parquet files.
//!
//! Row groups are decoded by those who convert their rows, several at once, without a library that takes 0.1 s
//! to load. What is rare (codecs that need a library of their own, encryption), and files in which anything is
//! wrong, are left to those who can say what it is: then there is no reader here.

mod attempt;
mod file;
mod footer;
mod groups;
mod page;
mod thrift;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{Compression, ConvertedType, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};

use crate::batch::{ALL_COLUMNS, Column};
use attempt::attempt;
use file::Shared;
pub use footer::end_of_parts;
use footer::is_plain;
use groups::Group;
pub use groups::Groups;
pub(super) use groups::{Part, Parts, Taken};

/// A file, and what its footer says.
#[derive(Debug)]
pub struct Parquet {
    file: Shared,
    metadata: ArrowReaderMetadata,
}

impl Parquet {
    /// Looks into a file.
    ///
    /// Gives nothing if it is not one of Parquet, or if something in its footer is wrong.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = Shared::new(File::open(path)?)?;
        let Some(footer) = file.footer()? else { return Ok(None) };
        // Who reads a footer makes room for as many things as it announces: here they are all there.
        if !is_plain(&footer) {
            return Ok(None);
        }
        let load = || {
            let metadata = Arc::new(ParquetMetaDataReader::decode_metadata(&footer)?);
            ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new())
        };
        let loaded = attempt(load).and_then(Result::ok);
        Ok(loaded.map(|metadata| Self { file, metadata }))
    }

    /// The columns, in order.
    #[must_use]
    pub fn table(&self) -> Vec<Column> {
        Column::all_of(self.metadata.schema())
    }

    /// These columns, or the first one if there are none of these, for the rows must be counted. Gives
    /// nothing if one of them cannot be decoded here, or if two have one name.
    #[must_use]
    pub fn columns(self, wanted: &[String]) -> Option<Groups> {
        let chosen = self.chosen(wanted)?;
        let schema = Arc::new(self.schema_of(&chosen)?);
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), chosen);
        let sizes = self.sizes(&mask)?;
        Some(Groups { file: self.file, metadata: self.metadata, mask, schema, sizes })
    }

    /// The places of these columns.
    fn chosen(&self, wanted: &[String]) -> Option<Vec<usize>> {
        let fields = self.metadata.schema().fields();
        let is_wanted = |&place: &usize| wanted.contains(fields[place].name());
        let mut chosen: Vec<usize> = (0..fields.len()).filter(is_wanted).collect();
        if chosen.is_empty() {
            chosen.push(0);
        }
        let once =
            |field: &Field| fields.iter().filter(|one| one.name() == field.name()).count() == 1;
        let is_one = |&place: &usize| fields.get(place).is_some_and(|field| once(field));
        // Groups without fields are no columns of Arrow, and would be counted.
        let roots = self.metadata.parquet_schema().root_schema().get_fields().len();
        (roots == fields.len() && chosen.iter().all(is_one)).then_some(chosen)
    }

    /// The schema of these columns, which says of which table they are.
    fn schema_of(&self, chosen: &[usize]) -> Option<Schema> {
        let fields = self.metadata.schema().fields();
        let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
        let names = HashMap::from([(ALL_COLUMNS.to_owned(), serde_json::to_string(&names).ok()?)]);
        let own: Vec<_> = chosen.iter().map(|&place| Arc::clone(&fields[place])).collect();
        Some(Schema::new_with_metadata(own, names))
    }

    /// What is known of the row groups, which have all the rows of the file.
    fn sizes(&self, mask: &ProjectionMask) -> Option<Vec<Group>> {
        let columns = self.metadata.parquet_schema().num_columns();
        let leaves: Vec<usize> = (0..columns).filter(|&leaf| mask.leaf_included(leaf)).collect();
        let metadata = self.metadata.metadata();
        let sizes = metadata.row_groups().iter().map(|group| size_of(group, &leaves));
        let sizes = sizes.collect::<Option<Vec<_>>>()?;
        let rows = u64::try_from(metadata.file_metadata().num_rows()).ok()?;
        let there = sizes.iter().try_fold(0u64, |sum, group| sum.checked_add(group.rows));
        // Runs of nulls take next to nothing, so that few bytes may announce rows for ever.
        let is_likely = rows <= MOST_EMPTY.max(8 * self.file.length());
        (there == Some(rows) && is_likely).then_some(sizes)
    }
}

/// Rows without a bit in the file that may be read.
const MOST_EMPTY: u64 = 1 << 26;

/// What is known of the wanted columns of a row group, if they can be decoded here.
fn size_of(group: &RowGroupMetaData, leaves: &[usize]) -> Option<Group> {
    let rows = u64::try_from(group.num_rows()).ok()?;
    let mut size = Group { rows, encoded: 0, decoded: Some(0) };
    for &leaf in leaves {
        let column = group.columns().get(leaf).filter(|column| is_decoded_here(column))?;
        let decoded = size_of_values(column).and_then(|told| u64::try_from(told).ok());
        size.encoded = size.encoded.checked_add(u64::try_from(column.uncompressed_size()).ok()?)?;
        size.decoded = size.decoded.zip(decoded).and_then(|(sum, told)| sum.checked_add(told));
    }
    Some(size)
}

/// Bytes of all values of a column, if it says so.
fn size_of_values(column: &ColumnChunkMetaData) -> Option<i64> {
    let width = match column.column_type() {
        Type::BYTE_ARRAY => return column.unencoded_byte_array_data_bytes(),
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => i64::from(column.column_descr().type_length()),
    };
    column.num_values().checked_mul(width)
}

/// Whether a column can be decoded here. Of bytes only those that are called UTF-8 are checked for that when
/// they are decoded; others may be anything, JSON among them.
fn is_decoded_here(column: &ColumnChunkMetaData) -> bool {
    let is_text = column.column_descr().converted_type() == ConvertedType::UTF8;
    (is_text || column.column_type() != Type::BYTE_ARRAY) && is_known(column.compression())
}

/// Whether the codec is one that is decoded here, into no more bytes than a page announces. The others are rare.
fn is_known(codec: Compression) -> bool {
    use Compression::{LZ4_RAW, SNAPPY, UNCOMPRESSED, ZSTD};
    matches!(codec, UNCOMPRESSED | SNAPPY | ZSTD(_) | LZ4_RAW)
}
