//! Memory that runs out ends a run in words, wherever that is: not in an abort and not in wrong rows.
//!
//! Only allocations whose size comes from the data are refused. Parquet is left out: its library asks
//! for memory in a way that cannot fail.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]
#![allow(unsafe_code, reason = "an allocator cannot be made otherwise")]

#[path = "common/folder.rs"]
mod folder;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use folder::Folder;
use raftfast::columnar;
use raftfast::convert::{Converter, DEFAULT_MAX_RECORD_BYTES, OnError};
use raftfast::engine::compress::Compression;
use raftfast::engine::{Destination, Form, Settings, convert};
use raftfast::error::Error;
use raftfast::shape::Options;
use raftfast::source::{Input, Strings};
use raftfast::text::Escape;

/// More than any buffer whose size is fixed: the largest is the state of the compressor of gzip.
const FROM_DATA: usize = 400 << 10;

/// Characters of a text for which memory can be refused.
const LONG: usize = 500 << 10;

const BLOCK: usize = 64 << 10;

/// No allocation is refused.
const NEVER: RangeInclusive<usize> = usize::MAX..=usize::MAX;

/// Refuses the allocations of that size from one to another, as they are counted.
struct Scarce;

static COUNTED: AtomicUsize = AtomicUsize::new(0);
static FIRST: AtomicUsize = AtomicUsize::new(usize::MAX);
static LAST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static MEMORY: Scarce = Scarce;

impl Scarce {
    fn refuses(size: usize) -> bool {
        let order = Ordering::SeqCst;
        size >= FROM_DATA
            && (FIRST.load(order)..=LAST.load(order)).contains(&COUNTED.fetch_add(1, order))
    }
}

// SAFETY: everything is left to the allocator of the system, or refused with a null pointer.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Self::refuses(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: what the caller promises us is what we promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Self::refuses(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: what the caller promises us is what we promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if Self::refuses(size) {
            return ptr::null_mut();
        }
        // SAFETY: what the caller promises us is what we promise.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: what the caller promises us is what we promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// A run: its input and how that is opened, and what it becomes.
struct Road {
    name: &'static str,
    input: Vec<u8>,
    open: fn(PathBuf) -> Input,
    to: &'static str,
    escape: Escape,
    form: Form,
    limit: usize,
    split: bool,
    frame_bytes: Option<u64>,
}

impl Road {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            input: lines(),
            open: Input::new,
            to: "completion",
            escape: Escape::Keep,
            form: Form::default(),
            limit: DEFAULT_MAX_RECORD_BYTES,
            split: false,
            frame_bytes: None,
        }
    }

    /// The rows of a run in which such allocations are refused, and how many it asked for.
    fn run(
        &self,
        folder: &Folder,
        refused: RangeInclusive<usize>,
    ) -> (Result<Vec<u8>, Error>, usize) {
        let options = Options { escape: self.escape, ..Options::default() };
        let converter = Converter::new(self.to, &options).unwrap().on_error(OnError::Skip);
        let converter = converter.max_record_bytes(self.limit);
        let settings = Settings {
            threads: 2,
            block_bytes: BLOCK,
            form: self.form,
            frame_bytes: self.frame_bytes,
            ..Settings::default()
        };
        let input = [(self.open)(folder.file("input", &self.input))];
        let outputs = ["rows", "other rows"].map(|name| folder.file(name, ""));
        let to = self.destination(&outputs);
        let (result, asked) =
            scarce(refused, || convert(&converter, &input, to, None, settings, &mut |_| true));
        let rows = outputs.map(|output| fs::read(output).unwrap()).concat();
        (result.map(|_| rows), asked)
    }

    fn destination(&self, outputs: &[PathBuf; 2]) -> Destination {
        if self.split {
            let outputs = outputs.iter().map(|output| (output.clone(), 1.0)).collect();
            Destination::Split { outputs, seed: 0, rows: Arc::default() }
        } else {
            Destination::Path(outputs[0].clone())
        }
    }
}

/// Does something with little memory, and says how often it asked for much.
fn scarce<T>(refused: RangeInclusive<usize>, work: impl FnOnce() -> T) -> (T, usize) {
    let order = Ordering::SeqCst;
    COUNTED.store(0, order);
    LAST.store(*refused.end(), order);
    FIRST.store(*refused.start(), order);
    let done = work();
    FIRST.store(usize::MAX, order);
    (done, COUNTED.load(order))
}

/// Records that are longer than a block, among short ones, with texts that cannot be compressed much.
fn lines() -> Vec<u8> {
    let mut random = 1_u64;
    let mut letter = || {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        char::from(b'#' + u8::try_from(random >> 58).unwrap() % 57)
    };
    let mut text = |length: usize| (0..length).map(|_| letter()).collect::<String>();
    let lengths = [10, LONG, 10, LONG, 10];
    let line =
        |length| format!("{{\"instruction\":\"\\n{}\",\"cot_answer\":\"a\"}}\n", text(length));
    lengths.map(line).concat().into_bytes()
}

/// The same as one JSON array.
fn array() -> Vec<u8> {
    let lines = String::from_utf8(lines()).unwrap();
    format!("[{}]", lines.trim_end().replace('\n', ",")).into_bytes()
}

/// The same as conversations, which are no records of RAFT until they are made such.
fn conversations() -> Vec<u8> {
    let lines = String::from_utf8(lines()).unwrap();
    let start = r#"{"messages":[{"role":"user","content":"#;
    let middle = r#"},{"role":"assistant","content":"#;
    let turns = lines.replace(r#"{"instruction":"#, start).replace(r#","cot_answer":"#, middle);
    turns.replace("\"}\n", "\"}]}\n").into_bytes()
}

fn compressed(compression: Compression) -> Vec<u8> {
    let mut file = Vec::new();
    compression.compress(&lines(), &mut file).unwrap();
    file
}

/// The same as a file of columns.
fn columns() -> Vec<u8> {
    let folder = Folder::new("allocator-columns");
    let form = Form::File(columnar::Form::IpcFile, columnar::Codec::None);
    Road { to: "hf", form, ..Road::new("columns") }.run(&folder, NEVER).0.unwrap()
}

fn strings(path: PathBuf) -> Input {
    let wanted = ["instruction", "cot_answer"].map(str::to_owned);
    let strings = Strings::open(&[path]).unwrap().unwrap();
    Input::strings("strings", strings.columns(&wanted).unwrap())
}

fn roads() -> Vec<Road> {
    let road = Road::new;
    let arrow = |form| Form::File(form, columnar::Codec::None);
    let (gzip, zstd) = (Compression::Gzip(1), Compression::Zstd(1));
    vec![
        road("lines"),
        Road {
            open: |path| Input::bytes("bytes", Box::new(File::open(path).unwrap())),
            ..road("stream")
        },
        Road { limit: LONG - 1, ..road("lines that are too long") },
        Road { input: array(), limit: LONG - 1, ..road("elements that are too long") },
        Road { input: array(), ..road("array") },
        Road { input: conversations(), ..road("conversations") },
        Road { input: conversations(), to: "chat", ..road("turns") },
        Road { input: compressed(gzip), ..road("gz in") },
        Road { input: compressed(zstd), ..road("zst in") },
        Road { input: columns(), open: strings, ..road("arrow in") },
        Road { to: "hf", ..road("whole records") },
        Road { escape: Escape::Pandas, ..road("escaped") },
        Road { split: true, ..road("split") },
        Road { form: Form::Lines(gzip), ..road("gz out") },
        Road { form: Form::Lines(zstd), ..road("zst out") },
        Road { form: arrow(columnar::Form::IpcFile), ..road("arrow out") },
        Road { form: arrow(columnar::Form::IpcStream), to: "chat", ..road("nested arrow out") },
    ]
}

/// Held by each test: allocations are counted of all threads.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn memory_that_runs_out_is_an_error_or_makes_no_difference() {
    let _alone = ALONE.lock();
    let folder = Folder::new("allocator");
    for road in roads() {
        let (expected, asked) = road.run(&folder, NEVER);
        let expected = expected.unwrap();
        assert!(asked > 0, "{}", road.name);
        for first in 0.. {
            let (once, asked) = road.run(&folder, first..=first);
            let (ever, _) = road.run(&folder, first..=usize::MAX);
            for (result, refused) in [(once, "once"), (ever, "from then on")] {
                let at = format!("{}: allocation {first}, {refused}", road.name);
                match result {
                    Ok(rows) => assert!(rows == expected, "{at}"),
                    Err(error) => assert_eq!(error.name(), "out-of-memory", "{at}: {error}"),
                }
            }
            if asked <= first {
                break;
            }
        }
    }
}

#[test]
fn batches_to_come_are_made_in_the_memory_of_those_that_are_written() {
    let _alone = ALONE.lock();
    let (question, answer) = ("a".repeat(20_000), "b".repeat(40_000));
    let line = format!("{{\"instruction\":\"{question}\",\"cot_answer\":\"{answer}\"}}\n");
    let folder = Folder::new("allocator-batches");
    for to in ["completion", "chat"] {
        // Of 35 lines each.
        let asked = [10, 40].map(|batches| {
            let input = line.repeat(35 * batches).into_bytes();
            let form = Form::File(columnar::Form::IpcFile, columnar::Codec::None);
            let (rows, asked) =
                Road { input, form, to, frame_bytes: Some(2 << 20), ..Road::new(to) }
                    .run(&folder, NEVER);
            rows.unwrap();
            asked
        });
        // Threads take turns as they like, so that now and then nothing is there yet.
        assert!(asked[1] < asked[0] + 30 / 2, "{to}: {asked:?}");
    }
}
