//! Where the parts of a Parquet file end. Who reads it follows the places in the footer and does not ask what
//! else there is: of several files, one after the other, the rows of the last may be looked for in the first.

use super::MAGIC;
use super::thrift::{MAX_DEPTH, Noted, walk};

/// Bytes before the end of the last part that a footer tells of; 0 if it tells of none.
///
/// Gives nothing for a footer that is not understood.
#[must_use]
pub fn end_of_parts(footer: &[u8]) -> Option<u64> {
    let mut parts = Parts::default();
    walk(footer, &mut parts)?;
    parts.schema.is_whole().then_some(parts.end)
}

/// Whether a footer that starts at `start` holds all that it announces, and tells of nothing that is encrypted
/// and of all that stands before it: nothing else is there, such as another file.
pub(super) fn is_plain(footer: &[u8], start: u64) -> bool {
    let mut parts = Parts::default();
    let is_walked = walk(footer, &mut parts).is_some();
    let tells_all = parts.end.max(MAGIC.len() as u64) == start;
    is_walked && parts.schema.is_whole() && !parts.is_encrypted && tells_all
}

/// What a footer says of the places of a column: where something starts, and how long it is.
#[derive(Default)]
struct Column {
    data: (Option<i64>, Option<i64>),
    dictionary: Option<i64>,
    offsets: (Option<i64>, Option<i64>),
    index: (Option<i64>, Option<i64>),
    filter: (Option<i64>, Option<i64>),
}

impl Column {
    /// Where all of it ends.
    fn end(&self) -> u64 {
        let first = self.dictionary.filter(|&at| at > 0).into_iter().chain(self.data.0).min();
        let parts = [(first, self.data.1), self.offsets, self.index, self.filter];
        let end = |(start, length): (Option<i64>, Option<i64>)| start?.checked_add(length?);
        parts.into_iter().filter_map(end).filter_map(|end| end.try_into().ok()).max().unwrap_or(0)
    }
}

/// What is noted of a footer.
#[derive(Default)]
struct Parts {
    column: Column,
    end: u64,
    schema: Schema,
    is_encrypted: bool,
}

/// The elements of a schema, each of which says how many of those that follow are its own. Who reads them
/// makes room for as many, and goes into each as deep as it is.
#[derive(Default)]
struct Schema {
    /// Of the last element and those around it: how many are still to come.
    open: Vec<i64>,
    /// What the element that is read says of that.
    own: i64,
    elements: usize,
    is_wrong: bool,
}

impl Schema {
    fn element(&mut self) {
        let own = std::mem::take(&mut self.own);
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
        match self.open.last_mut() {
            Some(left) => *left -= 1,
            None => self.is_wrong |= self.elements > 0,
        }
        self.elements += 1;
        self.open.push(own);
        self.is_wrong |= own < 0 || self.open.len() > MAX_DEPTH;
        self.open.truncate(MAX_DEPTH + 1);
    }

    fn is_whole(&self) -> bool {
        !self.is_wrong && self.open.iter().all(|&left| left == 0)
    }
}

impl Noted for Parts {
    /// Keeps a number, if it is about places or the schema: fields of `FileMetaData`, `SchemaElement`, `RowGroup`,
    /// `ColumnChunk` and `ColumnMetaData`.
    fn number(&mut self, path: &[i16], number: i64) {
        let column = &mut self.column;
        let place = match path {
            [2, 5] => {
                self.schema.own = number;
                return;
            }
            [4, 1, 3, 9] => &mut column.data.0,
            [4, 1, 3, 7] => &mut column.data.1,
            [4, 1, 3, 11] => &mut column.dictionary,
            [4, 1, 3, 14] => &mut column.filter.0,
            [4, 1, 3, 15] => &mut column.filter.1,
            [4, 1, 4] => &mut column.offsets.0,
            [4, 1, 5] => &mut column.offsets.1,
            [4, 1, 6] => &mut column.index.0,
            [4, 1, 7] => &mut column.index.1,
            _ => return,
        };
        *place = Some(number);
    }

    fn ended(&mut self, path: &[i16]) {
        match path {
            [2] => self.schema.element(),
            [4, 1] => self.end = self.end.max(std::mem::take(&mut self.column).end()),
            [8] | [4, 1, 8] => self.is_encrypted = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{end_of_parts, is_plain};

    #[test]
    fn of_what_is_no_footer_no_end_is_known() {
        let nested = [vec![0x49], vec![0x19; 1 << 20]].concat();
        let footers: [&[u8]; 5] = [b"", b"PAR1", &[0x19; 64], &[0x1c; 64], &nested];
        for footer in footers {
            assert_eq!(end_of_parts(footer), None);
        }
        assert_eq!(end_of_parts(&[0]), Some(0));
    }

    /// One row group of one column, as bytes of its fields.
    fn footer(column: &[u8]) -> Vec<u8> {
        [&[0x49, 0x1c, 0x19, 0x1c], column, &[0, 0, 0]].concat()
    }

    #[test]
    fn the_end_is_that_of_whatever_stands_last() {
        // Field 3 is a struct of size (7, 100), place of the data (9, 20) and of the dictionary (11, 4).
        let data = [0x3c, 0x76, 0xc8, 1, 0x26, 40, 0x26, 8, 0];
        // Fields 4 and 5: an index at 300 of 11 bytes.
        let index = [0x16, 0xd8, 4, 0x15, 22];
        assert_eq!(end_of_parts(&footer(&data)), Some(104));
        assert_eq!(end_of_parts(&footer(&[&data[..], &index].concat())), Some(311));
    }

    // A list that is announced to be huge; it was room for as many that the system refused.
    #[test]
    fn no_room_is_made_for_what_is_announced() {
        let row_groups =
            [0x46, 0xfc, 0xff, 0xff, 0xff, 0xff, 7, 9, 8, 0xfc, 0xff, 0xff, 0xff, 0xff, 7, 0];
        assert_eq!(end_of_parts(&row_groups), None);
    }

    /// A schema of elements that say how many are their own.
    fn schema(children: &[u8]) -> Vec<u8> {
        let count = u8::try_from(children.len()).unwrap_or(0);
        let elements = children.iter().flat_map(|&own| [0x55, 2 * own, 0]);
        [0x29, count << 4 | 0xc].into_iter().chain(elements).chain([0]).collect()
    }

    #[test]
    fn a_schema_has_the_elements_that_it_announces() {
        let whole: [&[u8]; 5] = [&[], &[0], &[2, 0, 0], &[2, 1, 0, 0], &[1, 1, 1, 1, 0]];
        for children in whole {
            assert_eq!(end_of_parts(&schema(children)), Some(0), "{children:?}");
        }
        let wrong: [&[u8]; 5] = [&[1], &[2, 0], &[0, 0], &[1, 0, 0], &[60, 0, 0]];
        for children in wrong {
            assert_eq!(end_of_parts(&schema(children)), None, "{children:?}");
        }
        // Those that go into one another overflowed the stack; the list has a length of two bytes.
        let deep =
            [&[0x29, 0xfc, 0x80, 1][..], &[0x55, 2, 0].repeat(127), &[0x55, 0, 0, 0]].concat();
        assert_eq!(end_of_parts(&deep), None);
    }

    #[test]
    fn what_is_encrypted_is_not_plain() {
        // Field 8 of the file, a union.
        assert!(is_plain(&[0], 4));
        assert!(!is_plain(&[0x8c, 0, 0], 4));
    }

    #[test]
    fn what_stands_before_the_footer_and_is_no_part_is_not_plain() {
        let data = footer(&[0x3c, 0x76, 0xc8, 1, 0x26, 40, 0x26, 8, 0]);
        assert!(is_plain(&data, 104));
        assert!(!is_plain(&data, 105));
        assert!(!is_plain(&[0], 5));
    }
}
