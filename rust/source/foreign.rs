//! Files of other kinds than those that are read: told by name, because "expected a value" helps nobody
//! who has a pointer of Git LFS in his hands. None of them can start a line of JSON.

use super::ReadError;
use crate::scan::byte_order_mark;

/// Refuses bytes that start a file of another kind.
///
/// # Errors
///
/// What the file holds, and what to do.
pub(super) fn refuse(first: &[u8]) -> Result<(), ReadError> {
    let starts = |kind: &&Kind| kind.starts.iter().any(|start| begins(kind.of(first), start));
    let found = KINDS.iter().find(starts);
    let found = found.map(|kind| (kind.name, kind.advice)).or_else(|| is_tar(first).then_some(TAR));
    found.map_or(Ok(()), |(name, advice)| Err(ReadError::Broken(format!("holds {name}, {advice}"))))
}

struct Kind {
    /// How its files start; letters may be of either case.
    starts: &'static [&'static [u8]],
    name: &'static str,
    /// What to do, to go on a sentence that ends with the name.
    advice: &'static str,
}

const SOUGHT: &str = "which is read from a path or an object that can be sought";
const UNPACK: &str = "which is to be unpacked first";
const RECODE: &str = "and JSON is UTF-8: `iconv -t UTF-8 -f`, with that name, makes it so";

const KINDS: &[Kind] = &[
    Kind { starts: &[b"PAR1"], name: "Parquet", advice: SOUGHT },
    Kind {
        starts: &[b"ARROW1"],
        name: "an Arrow file",
        advice: "which is read from a path only; an object may hold an Arrow stream",
    },
    Kind { starts: &[&[0xff; 4]], name: "an Arrow stream", advice: SOUGHT },
    Kind {
        starts: &[b"version https://git-lfs.github.com/"],
        name: "a pointer of Git LFS",
        advice: "not the file that it stands for: `git lfs pull` gets that",
    },
    Kind {
        starts: &[b"<!doctype", b"<html", b"<!--", b"<?xml"],
        name: "a page of HTML or XML",
        advice: "so a download may have gone wrong",
    },
    Kind { starts: &[b"PK\x03\x04", b"PK\x05\x06"], name: "a zip archive", advice: UNPACK },
    Kind { starts: &[b"7z\xbc\xaf\x27\x1c"], name: "a 7z archive", advice: UNPACK },
    Kind { starts: &[b"\x04\x22\x4d\x18"], name: "an LZ4 file", advice: UNPACK },
    Kind { starts: UTF_32, name: "UTF-32", advice: RECODE },
    Kind { starts: UTF_16, name: "UTF-16", advice: RECODE },
];

/// A mark, or none, and what JSON may start with: a line that starts with a mark alone is a broken one.
const UTF_32: &[&[u8]] = &[
    b"\xff\xfe\0\0{\0\0\0",
    b"\xff\xfe\0\0[\0\0\0",
    b"\0\0\xfe\xff\0\0\0{",
    b"\0\0\xfe\xff\0\0\0[",
    b"{\0\0\0",
    b"[\0\0\0",
    b"\0\0\0{",
    b"\0\0\0[",
];
const UTF_16: &[&[u8]] = &[
    b"\xff\xfe{\0",
    b"\xff\xfe[\0",
    b"\xfe\xff\0{",
    b"\xfe\xff\0[",
    b"{\0\"\0",
    b"{\0 \0",
    b"[\0{\0",
    b"\0{\0\"",
    b"\0{\0 ",
    b"\0[\0{",
];

impl Kind {
    /// What its files start with: text may stand behind a mark and white space.
    fn of<'a>(&self, first: &'a [u8]) -> &'a [u8] {
        let is_text = self.starts.iter().any(|start| start.starts_with(b"<"));
        if is_text { first[byte_order_mark(first)..].trim_ascii_start() } else { first }
    }
}

/// Whether bytes may turn out to be of another kind when more of them are there.
pub(super) fn is_begun(first: &[u8]) -> bool {
    let longer = |start: &&[u8]| start.len() > first.len() && begins(start, first);
    KINDS.iter().any(|kind| kind.starts.iter().any(longer))
}

fn begins(first: &[u8], start: &[u8]) -> bool {
    first.get(..start.len()).is_some_and(|first| first.eq_ignore_ascii_case(start))
}

const TAR: (&str, &str) = ("a tar archive", UNPACK);

/// Whether the header of an archive says what it is (POSIX.1-2017, `pax`: ustar Interchange Format).
fn is_tar(first: &[u8]) -> bool {
    first.get(257..262) == Some(b"ustar") && first[..100].contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(first: &[u8]) -> Option<String> {
        refuse(first).err().map(|error| format!("{error:?}"))
    }

    #[test]
    fn files_of_other_kinds_are_told_by_name() {
        let mut tar = b"train.jsonl".to_vec();
        tar.resize(257, 0);
        tar.extend_from_slice(b"ustar\x0000");
        let rows: [(&[u8], &str); 18] = [
            (b"PAR1\x15", "Parquet"),
            (b"ARROW1\0\0", "an Arrow file"),
            (b"\xff\xff\xff\xff\x10", "an Arrow stream"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
            (b"<!DOCTYPE html>\n", "a page of HTML or XML"),
            (b"\xef\xbb\xbf\r\n<HTML lang=", "a page of HTML or XML"),
            (b"<?xml version", "a page of HTML or XML"),
            (b"PK\x03\x04\x14", "a zip archive"),
            (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
            (b"\x04\x22\x4d\x18\x64", "an LZ4 file"),
            (b"\xff\xfe{\0\"\0", "UTF-16"),
            (b"\xfe\xff\0{\0\"", "UTF-16"),
            (b"\0{\0\"", "UTF-16"),
            (b"[\0{\0", "UTF-16"),
            (b"\xff\xfe\0\0{\0\0\0", "UTF-32"),
            (b"\0\0\xfe\xff\0\0\0[", "UTF-32"),
            (b"{\0\0\0\"\0\0\0", "UTF-32"),
            (&tar, "a tar archive"),
        ];
        for (first, name) in rows {
            let told = refusal(first);
            assert!(
                told.as_deref().is_some_and(|told| told.contains(&format!("holds {name}, "))),
                "{told:?}"
            );
        }
    }

    #[test]
    fn what_may_be_a_line_is_left_to_the_scanner() {
        let mut long = vec![b' '; 257];
        long.extend_from_slice(b"ustar");
        let rows: [&[u8]; 11] = [
            b"",
            b"{",
            b"{\"a\": 1}",
            b"[{\"a\": 1}]",
            b"PK",
            b"version",
            b"\xef\xbb\xbf{}",
            b"{\0}\n{}",
            b"\xff\xfe broken\n{}",
            b"< broken\n{}",
            &long,
        ];
        for first in rows {
            assert_eq!(refusal(first), None, "{}", first.escape_ascii());
        }
    }

    #[test]
    fn bytes_are_waited_for_as_long_as_they_may_be_of_another_kind() {
        for first in [&b"ver"[..], b"P", b"<!DOC", b"\xff\xfe", b"7z\xbc"] {
            assert!(is_begun(first), "{}", first.escape_ascii());
        }
        for first in [&b"{\""[..], b"[{", b"very", b"\n{", b"{}"] {
            assert!(!is_begun(first), "{}", first.escape_ascii());
        }
    }
}
