//! Where the parts of a Parquet file end. The file itself is read by pyarrow, which follows the places in
//! the footer and does not ask what else there is: of several files, one after the other, the rows of the
//! last may be looked for in the first.

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};

/// Bytes before the end of the last part that a footer tells of.
///
/// Gives nothing for a footer that is not understood.
#[must_use]
pub fn end_of_parts(footer: &[u8]) -> Option<u64> {
    let metadata = ParquetMetaDataReader::decode_metadata(footer).ok()?;
    let columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    Some(columns.flat_map(ends).max().unwrap_or_default())
}

/// Where the pages of a column end, and what helps to find them.
fn ends(column: &ColumnChunkMetaData) -> impl Iterator<Item = u64> {
    let first = column.dictionary_page_offset().filter(|&at| at > 0);
    let first = first.unwrap_or(column.data_page_offset()).min(column.data_page_offset());
    let parts = [
        (Some(first), Some(column.compressed_size())),
        (column.offset_index_offset(), column.offset_index_length().map(i64::from)),
        (column.column_index_offset(), column.column_index_length().map(i64::from)),
        (column.bloom_filter_offset(), column.bloom_filter_length().map(i64::from)),
    ];
    parts.into_iter().filter_map(|(start, length)| start?.checked_add(length?)?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::end_of_parts;

    #[test]
    fn of_what_is_no_footer_no_end_is_known() {
        let footers: [&[u8]; 4] = [b"", b"\0", b"PAR1", &[0x19; 64]];
        for footer in footers {
            assert_eq!(end_of_parts(footer), None, "{footer:?}");
        }
    }
}
