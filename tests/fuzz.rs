//! The fuzz targets without a fuzzer: the inputs that are kept, and the same changes to them each time.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../fuzz/checks/mod.rs"]
mod checks;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

/// What the formats are made of, so that changes get past their first bytes.
static TOKENS: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"\\u003c",
    b"\\ud83d",
    b"\\ude00",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\n",
    b"\xc3",
    b"\xed\xa0\x80",
    b"1e400",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
];

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Edit {
    Set(u8),
    Flip(u32),
    Put(&'static [u8]),
    Remove(usize),
    Repeat(usize),
    Cut,
}

impl Edit {
    fn any() -> impl Strategy<Value = (Index, Self)> {
        let edit = prop_oneof![
            2 => any::<u8>().prop_map(Self::Set),
            2 => (0..8_u32).prop_map(Self::Flip),
            4 => select(&TOKENS[..]).prop_map(Self::Put),
            2 => (1..20_usize).prop_map(Self::Remove),
            2 => (1..100_usize).prop_map(Self::Repeat),
            1 => Just(Self::Cut),
        ];
        (any::<Index>(), edit)
    }

    fn make(self, at: usize, data: &mut Vec<u8>) {
        let piece = |length: usize| at..data.len().min(at + length);
        match self {
            Self::Set(byte) => data[at] = byte,
            Self::Flip(bit) => data[at] ^= 1 << bit,
            Self::Put(token) => drop(data.splice(at..at, token.iter().copied())),
            Self::Remove(length) => drop(data.drain(piece(length))),
            Self::Repeat(length) => data.extend_from_within(piece(length)),
            Self::Cut => data.truncate(at),
        }
    }
}

fn changed(kept: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (select(kept), prop::collection::vec(Edit::any(), 1..8)).prop_map(|(mut data, edits)| {
        for (place, edit) in edits {
            if !data.is_empty() {
                edit.make(place.index(data.len()), &mut data);
            }
        }
        data
    })
}

fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs a target on what is kept of it, and on so many changes of that.
fn run(target: &str, check: fn(&[u8]), cases: u32) {
    let kept = kept(target);
    for data in &kept {
        check(data);
    }
    let cases = if cfg!(miri) { cases / 100 } else { cases };
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    };
    let ran = TestRunner::new(config).run(&changed(kept), |data| {
        check(&data);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn a_line_is_a_record_where_serde_json_says_so() {
    run("line", checks::line, 4000);
}

#[test]
fn cpu_paths_agree() {
    run("cpu_paths", checks::cpu_paths, 4000);
}

#[test]
fn text_is_treated_as_its_characters_are() {
    run("text_ops", checks::text_ops, 2000);
}

#[test]
fn blocks_threads_and_sources_make_no_difference() {
    run("blocks", checks::blocks, 500);
}

#[test]
fn compressed_inputs_are_taken_where_their_libraries_take_them() {
    run("gz_zst", checks::gz_zst, 3000);
}

#[test]
fn a_target_file_is_refused_or_makes_json() {
    run("shape", checks::shape, 2000);
}

#[test]
fn records_of_any_dialect_become_json_or_are_accounted_for() {
    run("dialect", checks::dialect, 1000);
}

#[test]
fn arrow_files_are_read_as_their_library_wrote_them() {
    run("arrow", checks::arrow, 1000);
}

#[test]
fn parquet_files_are_read_as_their_library_wrote_them() {
    run("parquet", checks::parquet, 1000);
}

#[test]
fn arrays_that_hold_no_strings_are_refused() {
    run("batch", checks::batch, 4000);
}
