//! Whether bytes are UTF-8, and the strings that offsets cut from them: what Arrow asks of a column.
//!
//! The standard library's check reads a character after the other where text is not ASCII: it was a
//! quarter of the time of writing columns. This one is simdutf8's, after Keiser and Lemire (see
//! `string`). Of a column it reads only what the offsets refer to: many slices of one array would each
//! pay for the whole of it.
#![allow(unsafe_code)]

use arrow_array::{GenericStringArray, OffsetSizeTrait};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};

/// Makes a string of bytes; U+FFFD stands for what is not UTF-8.
#[must_use]
pub fn to_string(bytes: Vec<u8>) -> String {
    if simdutf8::basic::from_utf8(&bytes).is_err() {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    // SAFETY: they are UTF-8, as was just checked.
    unsafe { String::from_utf8_unchecked(bytes) }
}

/// Checks that offsets rise within bytes and cut whole characters from valid UTF-8.
///
/// # Errors
///
/// What is wrong, in words.
pub fn check_strings<O: OffsetSizeTrait>(offsets: &[O], bytes: &[u8]) -> Result<(), String> {
    check_rest(offsets, bytes, 0)
}

/// Does what [`check_strings`] does, where so many bytes are known to be whole characters.
pub(super) fn check_rest<O: OffsetSizeTrait>(
    offsets: &[O],
    bytes: &[u8],
    known: usize,
) -> Result<(), String> {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
    if !offsets.is_sorted() || first < O::zero() {
        return Err("the offsets of its strings do not rise".to_owned());
    }
    let (first, last) = (first.as_usize(), last.as_usize());
    let text = bytes.get(..last).ok_or("the offsets of its strings end after its bytes")?;
    let rest = &text[first.max(known).min(last)..];
    if simdutf8::basic::from_utf8(rest).is_err() {
        // Says where.
        std::str::from_utf8(rest).map_err(|error| error.to_string())?;
    }
    // What is not known and ends inside a character is not UTF-8.
    let ends_whole = last >= known || is_boundary(bytes, last);
    if !ends_whole || !offsets.iter().all(|offset| is_boundary(text, offset.as_usize())) {
        return Err("one of its strings ends inside a character".to_owned());
    }
    Ok(())
}

/// Whether no character goes on at a place in valid UTF-8.
#[inline]
pub(super) fn is_boundary(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
}

/// Checks that there are as many nulls as strings.
pub(super) fn check_nulls(strings: usize, nulls: Option<&NullBuffer>) -> Result<(), String> {
    match nulls {
        Some(nulls) if nulls.len() != strings => {
            Err("its nulls are not as many as its strings".to_owned())
        }
        _ => Ok(()),
    }
}

/// Makes a column of strings, whose bytes and offsets are checked.
///
/// # Errors
///
/// What is wrong, in words.
pub fn strings<O: OffsetSizeTrait>(
    offsets: OffsetBuffer<O>,
    values: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<GenericStringArray<O>, String> {
    check_strings(&offsets, &values)?;
    check_nulls(offsets.len() - 1, nulls.as_ref())?;
    // SAFETY: every string is UTF-8 within the bytes, and there are as many nulls as strings: these
    // are the checks of `try_new`.
    Ok(unsafe { GenericStringArray::new_unchecked(offsets, values, nulls) })
}

/// The first character of valid UTF-8, and its bytes.
#[inline]
pub(crate) fn decode_utf8(rest: &[u8]) -> (char, usize) {
    let tail = |byte: u8| u32::from(byte & 0x3f);
    let (code, length) = match *rest {
        [a @ 0..0xe0, b, ..] => (u32::from(a & 0x1f) << 6 | tail(b), 2),
        [a @ 0xe0..0xf0, b, c, ..] => (u32::from(a & 0xf) << 12 | tail(b) << 6 | tail(c), 3),
        [a @ 0xf0..=0xff, b, c, d, ..] => {
            (u32::from(a & 7) << 18 | tail(b) << 12 | tail(c) << 6 | tail(d), 4)
        }
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_becomes_the_replacement_character() {
        for (bytes, expected) in [
            (&b""[..], ""),
            ("\u{fc}\u{20ac}".as_bytes(), "\u{fc}\u{20ac}"),
            (b"a\xc3(", "a\u{fffd}("),
        ] {
            assert_eq!(to_string(bytes.to_vec()), expected);
        }
    }

    #[test]
    fn only_whole_strings_within_the_bytes_are_taken() {
        let bytes = "a\u{fc}\u{20ac}".as_bytes();
        let rows: [(&[i32], &[u8], &str); 11] = [
            (&[], b"", ""),
            (&[0], b"", ""),
            (&[0, 1, 3, 6], bytes, ""),
            (&[3, 3, 6], bytes, ""),
            // Nothing of the character is read.
            (&[2, 2], bytes, ""),
            (&[3, 6], b"a\xc3(\xe2\x82\xac", ""),
            (&[0, 2, 6], bytes, "ends inside a character"),
            (&[0, 3, 1], bytes, "do not rise"),
            (&[-1, 3], bytes, "do not rise"),
            (&[0, 7], bytes, "end after its bytes"),
            (&[0, 3], b"a\xc3(", "invalid utf-8"),
        ];
        for (offsets, bytes, expected) in rows {
            let error = check_strings(offsets, bytes).err().unwrap_or_default();
            assert!(error.contains(expected) && error.is_empty() == expected.is_empty(), "{error}");
            let large: Vec<_> = offsets.iter().map(|&offset| i64::from(offset)).collect();
            assert_eq!(check_strings(&large, bytes).err().unwrap_or_default(), error);
        }
    }

    #[test]
    fn a_column_of_strings_has_as_many_nulls_as_strings() {
        let values = || Buffer::from_slice_ref("ab");
        let offsets = || OffsetBuffer::<i32>::from_lengths([1, 1]);
        assert!(strings(offsets(), values(), Some(NullBuffer::new_null(2))).is_ok());
        assert!(strings(offsets(), values(), Some(NullBuffer::new_null(1))).is_err());
    }
}
