//! What stands around the rows of a file of lines, where its consumer asks for it: a byte order mark, or
//! the brackets and commas of one JSON array.

use crate::rules::Rules;

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes of the brackets of an array and of their line ends, and of what ends it.
const BRACKETS: u64 = 5;
const END_BYTES: u64 = 3;

/// What ends a row, and what ends one in an array.
const LINE_END: &[u8] = b"\n";
const COMMA: &[u8] = b",\n";

/// What stands around the rows of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Framing {
    mark: bool,
    array: bool,
}

impl Framing {
    /// What a consumer asks for.
    pub(super) fn of(rules: &Rules) -> Self {
        Self { mark: rules.bom == Some(true), array: rules.array == Some(true) }
    }

    /// Whether files are one JSON array, whose rows cannot be compressed apart.
    pub(super) fn is_array(self) -> bool {
        self.array
    }

    /// Ends the row that has just been written as its consumer has it.
    #[inline]
    pub(super) fn end_row(self, rows: &mut Vec<u8>) {
        if self.array && rows.ends_with(LINE_END) {
            rows.truncate(rows.len() - LINE_END.len());
            rows.extend_from_slice(COMMA);
        }
    }

    /// Bytes that are kept free in a file of a given size, before its first rows and after.
    pub(super) fn around(self, is_first: bool) -> u64 {
        let mark = if self.mark && is_first { MARK.len() as u64 } else { 0 };
        let brackets = if is_first { BRACKETS } else { END_BYTES };
        mark + if self.array { brackets } else { 0 }
    }

    /// What comes before the next rows of a file. What follows the last row is taken off them: only at
    /// the end of the file it is known what that is.
    pub(super) fn before(self, is_first: bool, rows: &mut Vec<u8>) -> Vec<u8> {
        let mut before = Vec::new();
        if is_first && self.mark {
            before.extend_from_slice(MARK);
        }
        if self.array {
            rows.truncate(rows.len().saturating_sub(COMMA.len()));
            before.extend_from_slice(if is_first { b"[\n" } else { COMMA });
        }
        before
    }

    /// What ends a file, which has rows or has none.
    pub(super) fn after(self, has_rows: bool) -> Vec<u8> {
        let mut after = Vec::new();
        if !has_rows && self.mark {
            after.extend_from_slice(MARK);
        }
        if self.array {
            after.extend_from_slice(if has_rows { b"\n]\n" } else { b"[]\n" });
        }
        after
    }
}
