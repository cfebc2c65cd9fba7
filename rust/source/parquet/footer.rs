//! Where the parts of a Parquet file end. The file itself is read by pyarrow, which follows the places in
//! the footer and does not ask what else there is: of several files, one after the other, the rows of the
//! last may be looked for in the first.
//!
//! The footer is a struct of Thrift in its compact protocol (apache/thrift:doc/specs/thrift-compact-protocol.md;
//! apache/parquet-format:src/main/thrift/parquet.thrift). A few of its numbers are taken in a walk that keeps
//! nothing of the rest: readers of all of it make room for as many row groups as a hostile one announces.

/// How deep values may stand in one another. Those of a footer are 9 deep.
const MAX_DEPTH: usize = 32;

/// Bytes before the end of the last part that a footer tells of; 0 if it tells of none.
///
/// Gives nothing for a footer that is not understood.
#[must_use]
pub fn end_of_parts(footer: &[u8]) -> Option<u64> {
    let mut walk =
        Walk { rest: footer, path: Vec::new(), depth: 0, column: Column::default(), end: 0 };
    walk.fields()?;
    Some(walk.end)
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

struct Walk<'a> {
    rest: &'a [u8],
    /// The numbers of the fields that lead to the place that is read.
    path: Vec<i16>,
    depth: usize,
    column: Column,
    end: u64,
}

impl Walk<'_> {
    /// Passes a struct.
    fn fields(&mut self) -> Option<()> {
        let mut number = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                break;
            }
            number = match head >> 4 {
                0 => i16::try_from(self.number()?).ok()?,
                more => number.checked_add(more.into())?,
            };
            self.path.push(number);
            // Of a boolean, the kind is the value.
            let passed =
                if matches!(head & 0xf, 1 | 2) { Some(()) } else { self.value(head & 0xf) };
            self.path.pop();
            passed?;
        }
        if self.path == [4, 1] {
            self.end = self.end.max(std::mem::take(&mut self.column).end());
        }
        Some(())
    }

    /// Passes a value of some kind.
    fn value(&mut self, kind: u8) -> Option<()> {
        match kind {
            1..=3 => self.pass(1),
            4..=6 => {
                let number = self.number()?;
                self.note(number);
                Some(())
            }
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9..=12 if self.depth < MAX_DEPTH => {
                self.depth += 1;
                let passed = match kind {
                    11 => self.map(),
                    12 => self.fields(),
                    _ => self.list(),
                };
                self.depth -= 1;
                passed
            }
            13 => self.pass(16),
            _ => None,
        }
    }

    fn list(&mut self) -> Option<()> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            few => few.into(),
        };
        (0..count).try_for_each(|_| self.value(head & 0xf))
    }

    fn map(&mut self) -> Option<()> {
        let count = self.varint()?;
        let kinds = if count > 0 { self.byte()? } else { 0 };
        (0..count).try_for_each(|_| {
            self.value(kinds >> 4)?;
            self.value(kinds & 0xf)
        })
    }

    /// Keeps a number, if it is about places: fields of `FileMetaData`, `RowGroup`, `ColumnChunk` and
    /// `ColumnMetaData`.
    fn note(&mut self, number: i64) {
        let column = &mut self.column;
        let place = match self.path[..] {
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

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    /// Seven bits a byte, the lowest first, as long as the eighth is set.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The same with the sign in the lowest bit.
    fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::end_of_parts;

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
}
