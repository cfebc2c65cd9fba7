//! What must hold for any bytes: the bodies of the fuzz targets, which `tests/fuzz.rs` runs as well.

mod arrow;
mod batch;
mod blocks;
mod cpu_paths;
mod dialect;
mod files;
mod gz_zst;
mod line;
mod parquet;
mod recipe;
mod shape;
mod text_ops;

pub use arrow::arrow;
pub use batch::batch;
pub use blocks::blocks;
pub use cpu_paths::cpu_paths;
pub use dialect::dialect;
pub use gz_zst::gz_zst;
pub use line::line;
pub use parquet::parquet;
pub use shape::shape;
pub use text_ops::text_ops;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use raftfast::convert::Converter;
use raftfast::engine::{Destination, Settings, convert};
use raftfast::error::ErrorKind;
use raftfast::ledger::Ledger;
use raftfast::source::Input;
use serde::de::IgnoredAny;

/// A file that is removed when it is no longer used.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(bytes: &[u8]) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("raftfast-fuzz-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

/// Rows that are kept in memory.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<Vec<u8>>>);

impl Write for Rows {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a run came to: its rows, and its account or its error without the name of the input.
#[derive(Debug, PartialEq)]
struct Outcome {
    rows: Vec<u8>,
    result: Result<Ledger, String>,
}

impl Outcome {
    fn of(converter: &Converter, input: Input, settings: Settings) -> Self {
        let (rows, name) = (Rows::default(), input.name().to_owned());
        let output = Destination::Object("rows".to_owned(), Box::new(rows.clone()));
        let run = convert(converter, &[input], output, None, settings, &mut |_| true);
        let result = run.and_then(|outcome| match outcome.missing {
            Some(missing) => Err(missing.into()),
            None => Ok(outcome.ledger),
        });
        // How many bytes an input has is counted before it is decompressed where that can be done.
        let result = result.map(|ledger| Ledger { bytes_in: 0, ..ledger });
        let result = result.map_err(|error| {
            assert!(!matches!(error.kind(), ErrorKind::Internal(_)), "{error}");
            error.to_string().replace(&name, "input")
        });
        // Of Arrow files, columns that nobody uses are not read, and are not told either.
        let result = result.map_err(|told| told.split("; the keys seen").take(1).collect());
        let rows = std::mem::take(&mut *rows.0.lock().unwrap());
        Self { rows, result }
    }
}

/// Says that each row is one JSON value, and that there are as many as were counted.
fn assert_rows(rows: &[u8], ledger: &Ledger) {
    let lines: Vec<_> = rows.split_inclusive(|&byte| byte == b'\n').collect();
    for line in &lines {
        let row = serde_json::from_str::<IgnoredAny>(std::str::from_utf8(line).unwrap());
        assert!(row.is_ok() && line.ends_with(b"\n"), "{}", line.escape_ascii());
    }
    assert_eq!(lines.len() as u64, ledger.written);
    assert!(ledger.adds_up(), "{ledger:?}");
}
