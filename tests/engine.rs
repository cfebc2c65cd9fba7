//! The same bytes for every block size, number of threads and kind of source; the first error in the
//! order of the input; and an end to every wait.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "common/folder.rs"]
mod folder;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use folder::Folder;
use raftfast::convert::{Converter, OnError};
use raftfast::engine::{Destination, Progress, Settings};
use raftfast::error::{Error, ErrorKind};
use raftfast::ledger::Ledger;
use raftfast::sample::Style;
use raftfast::scan::Buffer;
use raftfast::shape::Options;
use raftfast::source::{Cut, Feed, Input, Wanted};

const BLOCKS: [usize; 5] = [1, 100, 1 << 10, 4 << 10, 256 << 10];
const THREADS: [usize; 4] = [1, 2, 3, 16];

fn fifo(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.0.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn converter(on_error: OnError) -> Converter {
    Converter::new("completion", &Options::default()).unwrap().on_error(on_error)
}

/// Lines of all lengths from a few bytes to several blocks, blank ones and a byte order mark among
/// them, and no line end at the end.
fn corpus() -> Vec<u8> {
    let mut lines = b"\xef\xbb\xbf".to_vec();
    for index in 0..300_usize {
        let text = "x".repeat((index * 37) % 900 + if index % 50 == 0 { 9000 } else { 0 });
        let end = if index % 3 == 0 { "\r\n" } else { "\n" };
        let blank = if index % 7 == 0 { " \t\n" } else { "" };
        write!(lines, "{{\"instruction\":\"{text}\",\"cot_answer\":\"{index}\"}}{end}{blank}")
            .unwrap();
    }
    lines.truncate(lines.len() - 1);
    lines
}

/// The same with malformed lines here and there.
fn broken_corpus() -> Vec<u8> {
    let lines = String::from_utf8(corpus()).unwrap();
    let broken = |(index, line): (usize, &str)| match index % 40 {
        39 => line.replacen(':', " ", 1),
        _ => line.to_owned(),
    };
    lines.split_inclusive('\n').enumerate().map(broken).collect::<String>().into_bytes()
}

/// Converts from files to a file; a field that no record has is an error, as for the command.
fn convert(
    converter: &Converter,
    inputs: &[Input],
    output: &Path,
    rejects: Option<&Path>,
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Ledger, Error> {
    let output = Destination::Path(output.to_owned());
    let outcome = raftfast::engine::convert(converter, inputs, output, rejects, settings, tick)?;
    outcome.missing.map_or(Ok(outcome.ledger), |missing| Err(missing.into()))
}

struct Run {
    result: Result<Ledger, Error>,
    rows: Vec<u8>,
    rejects: Vec<u8>,
}

impl Run {
    fn new(converter: &Converter, inputs: &[&Path], folder: &Folder, settings: Settings) -> Self {
        let (rows, rejects) = (folder.file("rows", ""), folder.file("rejects", ""));
        let inputs: Vec<_> = inputs.iter().map(Input::new).collect();
        let result = convert(converter, &inputs, &rows, Some(&rejects), settings, &mut |_| true);
        Self { result, rows: fs::read(rows).unwrap(), rejects: fs::read(rejects).unwrap() }
    }
}

fn every_setting() -> impl Iterator<Item = Settings> {
    BLOCKS.into_iter().flat_map(|block_bytes| {
        THREADS.into_iter().map(move |threads| Settings {
            threads,
            block_bytes,
            ..Settings::default()
        })
    })
}

/// Opens a FIFO for writing on a thread of its own and writes `bytes`, in pieces.
fn feed(fifo: &Path, bytes: &[u8]) -> thread::JoinHandle<()> {
    let (fifo, bytes) = (fifo.to_owned(), bytes.to_owned());
    thread::spawn(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(fifo).unwrap();
        bytes.chunks(4097).for_each(|chunk| pipe.write_all(chunk).unwrap());
    })
}

#[test]
fn rows_and_ledger_are_the_same_whatever_the_settings_and_the_source() {
    let folder = Folder::new("same");
    let (first, second) = (folder.file("first", corpus()), folder.file("second", corpus()));
    let fifo = fifo(&folder, "fifo");
    let converter = converter(OnError::Fail);
    let (mut expected, ledger) = converter.convert_bytes(&corpus()).unwrap();
    expected.extend_from_within(..);
    for settings in every_setting() {
        let run = Run::new(&converter, &[&first, &second], &folder, settings);
        assert!(run.rows == expected, "{settings:?}");
        let mut account = run.result.unwrap();
        assert_eq!(
            (account.bytes_in, account.bytes_out),
            (2 * ledger.bytes_in, 2 * ledger.bytes_out)
        );
        assert_eq!((account.read, account.blank), (2 * ledger.read, 2 * ledger.blank));
        let writer = feed(&fifo, &corpus());
        let piped = Run::new(&converter, &[&first, &fifo], &folder, settings);
        writer.join().unwrap();
        assert!(piped.rows == expected, "{settings:?}");
        account.bytes_in = piped.result.as_ref().unwrap().bytes_in;
        assert_eq!(piped.result.unwrap(), account);
    }
}

#[test]
fn the_first_error_in_the_input_is_the_error_whatever_the_settings() {
    let folder = Folder::new("first-error");
    let path = folder.file("broken", broken_corpus());
    let converter = converter(OnError::Fail);
    let expected = converter.convert_bytes(&broken_corpus()).unwrap_err().to_string();
    assert!(expected.starts_with("<bytes>: line 40, byte "), "{expected}");
    let expected = expected.replace("<bytes>", &path.to_string_lossy());
    let first = Run::new(&converter, &[&path], &folder, Settings::default());
    for settings in every_setting() {
        let run = Run::new(&converter, &[&path], &folder, settings);
        assert_eq!(run.result.unwrap_err().to_string(), expected, "{settings:?}");
        assert!(run.rows == first.rows, "rows before the error: {settings:?}");
    }
}

#[test]
fn rejects_are_the_same_whatever_the_settings() {
    let folder = Folder::new("rejects");
    let path = folder.file("broken", broken_corpus());
    let converter = converter(OnError::Skip);
    let first = Run::new(&converter, &[&path], &folder, Settings::default());
    assert_eq!(first.rejects.split(|&byte| byte == b'\n').count(), 9);
    assert_eq!(first.result.unwrap().rejected.sorted(), [("syntax", 8)]);
    for settings in every_setting() {
        let run = Run::new(&converter, &[&path], &folder, settings);
        assert!(run.rejects == first.rejects && run.rows == first.rows, "{settings:?}");
        assert!(run.result.unwrap().adds_up());
    }
}

#[test]
fn a_record_over_the_limit_is_an_error_and_not_a_lost_line() {
    let folder = Folder::new("limit");
    let line = |length: usize| {
        format!("{{\"instruction\":\"{}\",\"cot_answer\":\"a\"}}", "x".repeat(length))
    };
    let lines =
        [line(10), line(5000), line(20), format!("{}{}", " ".repeat(5000), line(1)), line(30)]
            .join("\n");
    let path = folder.file("long", &lines);
    let fifo = fifo(&folder, "fifo");
    let skip = converter(OnError::Skip).max_record_bytes(4000);
    for settings in every_setting() {
        let writer = feed(&fifo, lines.as_bytes());
        let runs = [&path, &fifo].map(|input| Run::new(&skip, &[input], &folder, settings));
        writer.join().unwrap();
        let [from_file, from_pipe] = [0, 1].map(|of| {
            let name = [&path, &fifo][of].to_string_lossy().into_owned();
            String::from_utf8_lossy(&runs[of].rejects).replace(&name, "input")
        });
        assert_eq!(from_file, from_pipe, "{settings:?}");
        for run in runs {
            let ledger = run.result.unwrap();
            assert_eq!((ledger.read, ledger.written), (5, 3), "{settings:?}");
            assert_eq!(ledger.rejected.sorted(), [("record-too-long", 2)]);
            let rejects = String::from_utf8(run.rejects).unwrap();
            assert!(
                rejects.contains("\"line\":2,") && rejects.contains("\"line\":4,"),
                "{rejects}"
            );
        }
    }
    let long = line(5000);
    let exact =
        |limit| converter(OnError::Fail).max_record_bytes(limit).convert_bytes(long.as_bytes());
    assert!(exact(long.len()).is_ok());
    assert_eq!(exact(long.len() - 1).unwrap_err().name(), "record-too-long");
}

#[test]
fn a_field_that_no_record_has_is_an_error_that_lists_the_keys() {
    let folder = Folder::new("missing");
    let path = folder.file("other", "{\"prompt\":\"a\",\"cot_answer\":\"b\"}\n".repeat(1000));
    for settings in every_setting() {
        let error =
            Run::new(&converter(OnError::Fail), &[&path], &folder, settings).result.unwrap_err();
        let text = "no record has the field 'instruction'; the keys seen are: prompt, cot_answer";
        assert_eq!(error.to_string(), text);
    }
    let empty = folder.file("empty", "");
    assert_eq!(
        Run::new(&converter(OnError::Fail), &[&empty], &folder, Settings::default())
            .result
            .unwrap()
            .read,
        0
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = Folder::new("unreadable");
    let good = folder.file("good", corpus());
    for (path, kind) in [
        (folder.0.join("absent"), std::io::ErrorKind::NotFound),
        (folder.0.clone(), std::io::ErrorKind::IsADirectory),
    ] {
        let run =
            Run::new(&converter(OnError::Skip), &[&good, &path], &folder, Settings::default());
        let error = run.result.unwrap_err();
        let ErrorKind::Io { path: named, source } = error.kind() else { panic!("{error}") };
        assert_eq!((Path::new(named), source.kind()), (path.as_path(), kind));
    }
}

#[test]
fn a_wait_for_a_pipe_can_be_cancelled() {
    let folder = Folder::new("cancel");
    let (silent, unread) = (fifo(&folder, "silent"), fifo(&folder, "unread"));
    let input = folder.file("input", corpus().repeat(50));
    let rows = folder.file("rows", "");
    // Held open, so that the reader waits for more and the writer for room.
    let held = fs::OpenOptions::new().read(true).write(true).open(&silent).unwrap();
    let stuck = fs::OpenOptions::new().read(true).write(true).open(&unread).unwrap();
    for (input, output) in [(&silent, &rows), (&input, &unread)] {
        let started = Instant::now();
        let mut ticks = 0;
        let mut tick = |_: Progress| {
            ticks += 1;
            ticks < 4
        };
        let inputs = [Input::new(input)];
        let run = convert(
            &converter(OnError::Fail),
            &inputs,
            output,
            None,
            Settings::default(),
            &mut tick,
        );
        assert!(matches!(run.unwrap_err().kind(), ErrorKind::Cancelled));
        assert!(started.elapsed() < Duration::from_secs(2));
    }
    drop((held, stuck));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let folder = Folder::new("changed");
    let lines = [corpus(), b"\n".to_vec()].concat();
    let path = folder.file("input", lines[3..].repeat(20));
    let rows = fifo(&folder, "rows");
    let output = fs::OpenOptions::new().read(true).write(true).open(&rows).unwrap();
    // Nobody reads the rows until the input has grown, so it has not been read to its end by then.
    let mut drained = None;
    let mut tick = |progress: Progress| {
        if drained.is_none() && progress.done > 0 {
            assert!(progress.done < progress.total.unwrap());
            fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\n").unwrap();
            let mut pipe = fs::OpenOptions::new().read(true).open(&rows).unwrap();
            drained = Some(thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink())));
        }
        true
    };
    let inputs = [Input::new(&path)];
    let settings = Settings { threads: 2, block_bytes: 1 << 10, ..Settings::default() };
    let run = convert(&converter(OnError::Fail), &inputs, &rows, None, settings, &mut tick);
    assert_eq!(run.unwrap_err().name(), "input-changed");
    drop(output);
    drained.unwrap().join().unwrap().unwrap();
}

// Rows were of the new file, and columns or rejected answers of the one before it.
#[test]
fn a_file_that_changes_between_two_readings_is_an_error() {
    let folder = Folder::new("readings");
    let (path, new) = (folder.0.join("in.jsonl"), folder.0.join("new.jsonl"));
    let row = "{\"instruction\":\"Q\",\"cot_answer\":\"A\"}\n";
    let replace = || fs::rename(&new, &path).unwrap();
    let append = || fs::write(&path, row.repeat(3)).unwrap();
    for change in [&replace as &dyn Fn(), &append] {
        fs::write(&path, row.repeat(2)).unwrap();
        fs::write(&new, row.repeat(2)).unwrap();
        let inputs = [Input::new(&path)];
        let convert = || {
            let output = folder.0.join("out");
            let settings = Settings::default();
            convert(&converter(OnError::Skip), &inputs, &output, None, settings, &mut |_| true)
        };
        fs::write(folder.0.join("out"), "").unwrap();
        raftfast::engine::survey(&inputs, Settings::default(), &mut |_| true).unwrap();
        assert_eq!(convert().unwrap().written, 2);
        change();
        let error = convert().unwrap_err();
        assert_eq!(error.name(), "input-changed");
        assert_eq!(error.path(), path.to_str());
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_record_limit() {
    let folder = Folder::new("mark");
    let record = format!("{{\"instruction\":\"{}\",\"cot_answer\":\"a\"}}", "x".repeat(5000));
    let whole = folder.file("whole", format!("\u{feff}{record}\n{record}\n"));
    let followed = folder.file("followed", format!("\u{feff}{record}garbage\n{record}\n"));
    for settings in every_setting() {
        for limit in record.len()..record.len() + 8 {
            let skip = converter(OnError::Skip).max_record_bytes(limit);
            let run = Run::new(&skip, &[&whole], &folder, settings);
            assert_eq!(run.result.unwrap().written, 2, "{settings:?} {limit}");
            let run = Run::new(&skip, &[&followed], &folder, settings);
            assert_eq!(run.result.unwrap().rejected.total(), 1, "{settings:?} {limit}");
        }
    }
}

#[test]
fn a_field_of_the_wrong_type_is_not_a_missing_field() {
    let folder = Folder::new("wrong-type");
    let lines = "{\"instruction\":1,\"cot_answer\":\"a\"}\n{\"cot_answer\":\"b\"}\n";
    let path = folder.file("lines", lines);
    let run = Run::new(&converter(OnError::Skip), &[&path], &folder, Settings::default());
    let ledger = run.result.unwrap();
    assert_eq!(ledger.rejected.sorted(), [("wrong-type", 1)]);
    assert_eq!(ledger.filtered.sorted(), [("instruction missing", 1)]);
}

#[test]
fn a_sample_does_not_stay_in_memory() {
    let folder = Folder::new("sample");
    let path = folder.file("corpus", "");
    let size = 300_000_000;
    raftfast::engine::write_sample(&path, size, Style::Utf8, 0, &mut |_| true).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    assert!(peak * 1000 < size / 2, "{peak} kB");
}

/// Gives an error where there was to be more.
struct Gone;

impl Read for Gone {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("gone"))
    }
}

// Only one of eight workers could be started, and left with the error: the blocks that it had read before
// were lost, and the run was complete.
#[test]
fn blocks_before_the_end_of_reading_are_given_out_whoever_has_read_them() {
    let inputs = [Input::bytes("in", Box::new(io::Cursor::new(corpus()).chain(Gone)))];
    let wanted = Wanted { keys: &[], whole: false };
    let cut = Cut { block_bytes: 1 << 10, portion: None };
    let feed = Feed::new(&inputs, wanted, cut, 1 << 20, false, Arc::default()).workers(8);
    let (mut buffer, mut bytes, mut given) = (Buffer::default(), 0, 0);
    let (sequence, error) = loop {
        match feed.next(&mut buffer) {
            Ok(Some(ticket)) => {
                assert_eq!(ticket.sequence, given);
                (bytes, given) = (bytes + buffer.content().len(), given + 1);
            }
            Ok(None) => panic!("an end without an error"),
            Err(failed) => break failed,
        }
    };
    assert_eq!((sequence, error.name()), (given, "io"));
    assert!(bytes > corpus().len() - (64 << 10) && given > 1, "{bytes} bytes in {given} blocks");
    assert!(feed.next(&mut buffer).unwrap().is_none());
}
