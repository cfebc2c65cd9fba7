//! Strings in the three layouts that Arrow has for them.

use arrow_array::{Array, LargeStringArray, OffsetSizeTrait, StringArray, StringViewArray};

/// An array of strings, checked.
#[derive(Debug)]
pub(super) enum Strings {
    Small(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
}

impl Strings {
    /// The string of a row; `None` is null.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// Checks that the offsets of strings rise within their bytes and cut whole characters from valid
/// UTF-8.
///
/// Arrow's own check reads all bytes that the array refers to, also those of rows that were sliced
/// away: many slices of one array would each pay for the whole of it.
pub(super) fn check<O: OffsetSizeTrait>(offsets: &[O], bytes: &[u8]) -> Result<(), String> {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
    if !offsets.is_sorted() || first < O::zero() {
        return Err("the offsets of its strings do not rise".to_owned());
    }
    let bytes = bytes.get(first.as_usize()..last.as_usize());
    let bytes = bytes.ok_or("the offsets of its strings end after its bytes")?;
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let whole = |offset: &O| text.is_char_boundary(offset.as_usize() - first.as_usize());
    if !offsets.iter().all(whole) {
        return Err("one of its strings ends inside a character".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_strings_within_the_bytes_are_taken() {
        let bytes = "a\u{fc}\u{20ac}".as_bytes();
        let rows: [(&[i32], &[u8], &str); 10] = [
            (&[], b"", ""),
            (&[0], b"", ""),
            (&[0, 1, 3, 6], bytes, ""),
            (&[3, 3, 6], bytes, ""),
            (&[3, 6], b"a\xc3(\xe2\x82\xac", ""),
            (&[0, 2, 6], bytes, "ends inside a character"),
            (&[0, 3, 1], bytes, "do not rise"),
            (&[-1, 3], bytes, "do not rise"),
            (&[0, 7], bytes, "end after its bytes"),
            (&[0, 3], b"a\xc3(", "invalid utf-8"),
        ];
        for (offsets, bytes, expected) in rows {
            let error = check(offsets, bytes).err().unwrap_or_default();
            assert!(error.contains(expected) && error.is_empty() == expected.is_empty(), "{error}");
            let large: Vec<_> = offsets.iter().map(|&offset| i64::from(offset)).collect();
            assert_eq!(check(&large, bytes).err().unwrap_or_default(), error);
        }
    }
}
