//! Strings in the three layouts that Arrow has for them.

use arrow_array::{Array, GenericStringArray, LargeStringArray, OffsetSizeTrait};
use arrow_array::{StringArray, StringViewArray};

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

/// Checks that the offsets of an array rise within its bytes and cut whole characters from valid
/// UTF-8.
///
/// Arrow's own check reads all bytes that the array refers to, also those of rows that were sliced
/// away: many slices of one array would each pay for the whole of it.
pub(super) fn check<O: OffsetSizeTrait>(array: &GenericStringArray<O>) -> Result<(), String> {
    let offsets = array.value_offsets();
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
    let place = |offset: O| offset.to_usize().unwrap_or(usize::MAX);
    if !offsets.is_sorted() || first < O::zero() {
        return Err("the offsets of its strings do not rise".to_owned());
    }
    let bytes = array.value_data().get(place(first)..place(last));
    let bytes = bytes.ok_or("the offsets of its strings end after its bytes")?;
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let whole = |&offset: &O| text.is_char_boundary(place(offset) - place(first));
    if offsets.iter().all(whole) {
        Ok(())
    } else {
        Err("a string ends inside a character".to_owned())
    }
}
