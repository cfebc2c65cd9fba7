//! The kernel alone: bytes to bytes on one core, each block brought into the cache first.
//!
//! ```text
//! cargo bench --bench kernel                          every class on the best CPU path
//! cargo bench --bench kernel -- escaped utf8          some of them
//! RAFTFAST_CPU=avx2 cargo bench --bench kernel        another CPU path
//! cargo bench --bench kernel -- --once escaped        one pass over 8 MB, for callgrind
//! ```
//!
//! The two corpora are over 100 MB of distinct data, because a block that is converted again and again
//! teaches the branch predictor its content and shows speeds that no user will see.

// A bench prints, and may stop at what a program has to report.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use raftfast::convert::{Converted, Converter, DEFAULT_BLOCK_BYTES, OnError, chosen_scanner};
use raftfast::sample::{Style, write_sample};
use raftfast::scan::Buffer;
use raftfast::shape::Options;

const MB: usize = 1_000_000;

/// A class of input: its name, and how many megabytes of it to make.
struct Class {
    name: &'static str,
    make: fn(usize) -> Vec<u8>,
    megabytes: usize,
}

const CLASSES: [Class; 17] = [
    Class { name: "escaped", make: |size| corpus(Style::Escaped, size), megabytes: 128 },
    Class { name: "utf8", make: |size| corpus(Style::Utf8, size), megabytes: 128 },
    Class { name: "prose", make: |size| repeat(size, |i| record(&prose(i, 2500))), megabytes: 32 },
    Class {
        name: "1 MB records",
        make: |size| repeat(size, |i| record(&prose(i, 500_000))),
        megabytes: 32,
    },
    Class {
        name: "all \\n and \\\"",
        make: |size| repeat(size, |_| record(&"\\n\\\"".repeat(600))),
        megabytes: 32,
    },
    Class {
        name: "all \\uXXXX",
        make: |size| repeat(size, |i| record(&format!("\\u{:04x}", i % 0x700 + 0x80).repeat(400))),
        megabytes: 32,
    },
    Class {
        name: "surrogate pairs",
        make: |size| repeat(size, |_| record(&"\\ud83d\\ude00".repeat(200))),
        megabytes: 32,
    },
    Class {
        name: "runs of \\\\",
        make: |size| repeat(size, |i| record(&"\\\\".repeat(800 + i % 64))),
        megabytes: 32,
    },
    Class { name: "dense CJK", make: |size| repeat(size, |i| record(&cjk(i, 800))), megabytes: 32 },
    Class {
        name: "5 % cut lines",
        make: |size| repeat(size, |i| cut_every_twentieth(i, &record(&prose(i, 2500)))),
        megabytes: 32,
    },
    Class {
        name: "400 short strings",
        make: |size| repeat(size, |i| with_extra(&array(400, |k| format!("\"s{:05}\"", i + k)))),
        megabytes: 32,
    },
    Class { name: "400 small keys", make: |size| repeat(size, small_keys), megabytes: 32 },
    Class {
        name: "37-byte records",
        make: |size| {
            repeat(size, |_| "{\"instruction\":\"abc\",\"cot_answer\":\"d\"}\n".to_owned())
        },
        megabytes: 32,
    },
    Class {
        name: "8-byte records",
        make: |size| repeat(size, |_| "{\"a\":1}\n".to_owned()),
        megabytes: 32,
    },
    Class {
        name: "500 nested arrays",
        make: |size| {
            repeat(size, |_| with_extra(&format!("{}{}", "[".repeat(500), "]".repeat(500))))
        },
        megabytes: 32,
    },
    Class {
        name: "200 floats",
        make: |size| {
            repeat(size, |i| with_extra(&array(200, |k| format!("-{}.{}e-7", i % 977, k + 1000))))
        },
        megabytes: 32,
    },
    Class {
        name: "white space",
        make: |size| {
            repeat(size, |i| with_extra(&array(60, |k| format!("{}\"{}\"", " ".repeat(20), i + k))))
        },
        megabytes: 32,
    },
];

fn corpus(style: Style, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + MB);
    write_sample(&mut bytes, size as u64, style, 1, &mut |_| true).expect("memory to write to");
    bytes
}

fn repeat(size: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + MB);
    for index in 0.. {
        if bytes.len() >= size {
            break;
        }
        bytes.extend_from_slice(line(index).as_bytes());
    }
    bytes
}

fn record(text: &str) -> String {
    format!(
        "{{\"oracle_context\":\"{text}\",\"instruction\":\"{text}\",\"cot_answer\":\"{text}\"}}\n"
    )
}

fn with_extra(value: &str) -> String {
    format!("{{\"extra\":{value},\"instruction\":\"q\",\"cot_answer\":\"a\"}}\n")
}

fn array(length: usize, item: impl Fn(usize) -> String) -> String {
    format!("[{}]", (0..length).map(item).collect::<Vec<_>>().join(","))
}

fn cut_every_twentieth(index: usize, line: &str) -> String {
    if index.is_multiple_of(20) {
        format!("{}\n", &line[..line.len() / 2])
    } else {
        line.to_owned()
    }
}

fn small_keys(index: usize) -> String {
    let members: Vec<_> = (0..400).map(|k| format!("\"k{k}\":{}", index % 10)).collect();
    format!("{{{},\"instruction\":\"q\",\"cot_answer\":\"a\"}}\n", members.join(","))
}

fn prose(index: usize, length: usize) -> String {
    let words = ["the ", "documents ", "say that ", "a model ", "answers ", "with care, "];
    (index..).map(|i| words[(i * 7 + i / 5) % words.len()]).take(length / 8).collect()
}

fn cjk(index: usize, length: usize) -> String {
    (0..length).filter_map(|i| char::from_u32(0x4e00 + ((index + i * 31) % 20000) as u32)).collect()
}

/// What is measured, under a name that callgrind can be told: `--toggle-collect='*measured*'`.
#[inline(never)]
fn measured(converter: &Converter, buffer: &Buffer, rows: &mut Vec<u8>) -> Converted {
    converter.block(black_box(buffer), 0, rows, false)
}

/// Converts all blocks once; the time is that of converting alone.
fn pass(converter: &Converter, input: &[u8]) -> (Duration, u64) {
    let (mut spent, mut rows, mut written) = (Duration::ZERO, Vec::new(), 0);
    let mut buffer = Buffer::default();
    let mut rest = input;
    while !rest.is_empty() {
        let block = &rest[..rest.len().min(DEFAULT_BLOCK_BYTES)];
        let end = memchr::memrchr(b'\n', block).or_else(|| memchr::memchr(b'\n', rest));
        let (lines, after) = rest.split_at(end.expect("lines") + 1);
        buffer.reset(usize::MAX);
        buffer.append(lines).expect("memory");
        rows.clear();
        let started = Instant::now();
        let converted = measured(converter, &buffer, &mut rows);
        spent += started.elapsed();
        assert!(converted.ledger.adds_up() && converted.failure.is_none());
        written += converted.ledger.written;
        rest = after;
    }
    (spent, written)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let once = arguments.iter().any(|argument| argument == "--once");
    let wanted: Vec<_> = arguments.iter().filter(|argument| *argument != "--once").collect();
    let converter = Converter::new("chat", &Options::default()).expect("a target");
    let converter = converter.on_error(OnError::Skip);
    println!("{}", chosen_scanner().expect("a CPU path").cpu().name());
    for class in &CLASSES {
        if !wanted.is_empty() && !wanted.iter().any(|name| **name == class.name) {
            continue;
        }
        let input = (class.make)(if once { 8 * MB } else { class.megabytes * MB });
        let passes = if once { 1 } else { 5 };
        let mut times: Vec<_> = (0..passes).map(|_| pass(&converter, &input)).collect();
        times.sort();
        let (median, written) = times[passes / 2];
        let speed = input.len() as f64 / median.as_nanos() as f64;
        println!("{:>18}  {speed:6.2} GB/s  {written:8} rows  {} bytes", class.name, input.len());
    }
}
