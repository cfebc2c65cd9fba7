//! A decoder alone: what a compressed file holds, to nowhere, on one core.
//!
//! ```text
//! cargo bench --bench decode -- corpus.jsonl.gz corpus.jsonl.zst
//! ```
//!
//! It is the yardstick for reading compressed inputs: nothing that converts can be faster.

// A bench prints, and may stop at what a program has to report.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::fs::File;
use std::io::{BufReader, Read};
use std::time::Instant;

use raftfast::source::decode::{Codec, decoded};

/// Bytes that are read and made at once, as in a conversion.
const COMPRESSED: usize = 128 << 10;
const DECODED: usize = 512 << 10;

fn main() {
    for path in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let times = [(); 3].map(|()| decode(&path));
        println!("{path}: {:.0} ms", times.iter().copied().fold(f64::INFINITY, f64::min));
    }
}

/// Milliseconds.
fn decode(path: &str) -> f64 {
    let start = Instant::now();
    let mut first = [0; 6];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).expect("a file");
    let codec = Codec::of(&first).expect("a compressed file");
    let file = BufReader::with_capacity(COMPRESSED, File::open(path).expect("a file"));
    let mut bytes = decoded(codec, Box::new(file), false).expect("memory");
    let mut buffer = vec![0; DECODED];
    while bytes.read(&mut buffer).expect("whole members") > 0 {}
    start.elapsed().as_secs_f64() * 1e3
}
