//! Columns of strings straight out of Parquet files.
//!
//! What most targets need of a Parquet file is two columns of strings. Their row groups, unless they are large,
//! are decoded by those who convert the rows, several at once, and without a library that takes 0.1 s to load.
//! Everything else (nested columns, encodings and codecs that are rare, encryption), and files in which anything
//! is wrong, is left to pyarrow, which is stricter: the parquet crate takes levels, prefixes and runs that are
//! not as their definitions have them, and gives other rows than the file has.

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

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{Compression, ConvertedType, Encoding};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};

use crate::batch::{ALL_COLUMNS, Column, Form};
use attempt::attempt;
use file::Shared;
pub use footer::end_of_parts;
use footer::is_plain;
use groups::Group;
pub use groups::Groups;
pub(super) use groups::{Part, Parts, Taken};

/// What a file begins and ends with.
const MAGIC: &[u8] = b"PAR1";

/// A file, and what its footer says.
#[derive(Debug)]
pub struct Parquet {
    file: Shared,
    metadata: ArrowReaderMetadata,
}

impl Parquet {
    /// Looks into a file.
    ///
    /// Gives nothing if it is not one of Parquet, if something in its footer is wrong, or if that does not tell of
    /// all that is there.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = Shared::new(File::open(path)?)?;
        let Some((start, footer)) = file.footer()? else { return Ok(None) };
        // Who reads a footer makes room for as many things as it announces: here they are all there.
        if !is_plain(&footer, start) {
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
    /// nothing if one of them is not of strings that can be decoded here, or if two have one name.
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
        let is_one =
            |&place: &usize| fields.get(place).is_some_and(|one| is_text(one) && once(one));
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

/// Whether a column is of strings, and nothing else is told of them.
fn is_text(field: &Field) -> bool {
    let text = matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8);
    text && Form::of_field(field) == Form::Text
}

/// What is known of the wanted columns of a row group, if they can be decoded here.
fn size_of(group: &RowGroupMetaData, leaves: &[usize]) -> Option<Group> {
    let rows = u64::try_from(group.num_rows()).ok()?;
    let mut size = Group { rows, encoded: 0, decoded: Some(0), ratio: 0 };
    for &leaf in leaves {
        let column = group.columns().get(leaf).filter(|column| is_decoded_here(column))?;
        let ratio = ratio_of(column.compression())?;
        if size.ratio != 0 && size.ratio != ratio {
            return None;
        }
        size.ratio = ratio;
        let encoded = u64::try_from(column.uncompressed_size()).ok()?;
        let told = column.unencoded_byte_array_data_bytes().and_then(|told| told.try_into().ok());
        size.encoded = size.encoded.checked_add(encoded)?;
        size.decoded = size.decoded.zip(told).and_then(|(sum, told)| sum.checked_add(told));
    }
    Some(size)
}

/// Whether a column can be decoded here. Of bytes only those that are called UTF-8 are checked for that when
/// they are decoded; others may be anything, JSON among them.
fn is_decoded_here(column: &ColumnChunkMetaData) -> bool {
    use Encoding::{PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY};
    let described = column.column_descr();
    let known = |encoding| matches!(encoding, PLAIN | PLAIN_DICTIONARY | RLE | RLE_DICTIONARY);
    described.converted_type() == ConvertedType::UTF8
        && described.max_rep_level() == 0
        && described.max_def_level() <= 1
        && column.encodings().all(known)
}

/// The most bytes that a codec makes of one, unless it takes no room for those that a page only announces. The
/// codecs that are not known here need libraries of their own, or have no bound.
fn ratio_of(codec: Compression) -> Option<i64> {
    match codec {
        Compression::UNCOMPRESSED => Some(1),
        Compression::SNAPPY => Some(32),
        Compression::LZ4_RAW => Some(256),
        Compression::ZSTD(_) => Some(i64::MAX),
        _ => None,
    }
}
