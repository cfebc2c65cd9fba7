//! Where the rows of a call go, what they become, and how it runs.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use super::caller::{FileObject, Raised, keep};
use super::exit::attached;
use crate::columnar;
use crate::engine::compress::Compression;
use crate::engine::{self, Destination, Form, Full, RowsOfEach, Settings};
use crate::error::{Error, ErrorKind};

/// Where the rows of a call go.
pub(super) fn destination_of(
    output: &Bound<'_, PyAny>,
    full: Option<Full>,
    rows: &RowsOfEach,
    raised: &Raised,
) -> PyResult<Destination> {
    if let Some(full) = full {
        let next = NextOutput { name: output.clone().unbind(), raised: Arc::clone(raised) };
        let (next, rows) = (Box::new(move || next.call()), Arc::clone(rows));
        return Ok(Destination::Rolling { full, next, rows });
    }
    if output.is_none() {
        return Ok(Destination::Nowhere);
    }
    if output.hasattr("write")? {
        let object = FileObject { object: output.clone().unbind(), raised: Arc::clone(raised) };
        return Ok(Destination::Object(output.to_string(), Box::new(object)));
    }
    Ok(Destination::Path(output.extract()?))
}

/// A callable of Python that names outputs.
struct NextOutput {
    name: Py<PyAny>,
    raised: Raised,
}

impl NextOutput {
    fn call(&self) -> Result<PathBuf, Error> {
        match attached(|py| self.name.call0(py)?.extract::<PathBuf>(py)) {
            Some(Ok(name)) => Ok(name),
            Some(Err(raised)) => {
                keep(&self.raised, raised);
                Err(ErrorKind::Cancelled.into())
            }
            // The interpreter is ending.
            None => Err(ErrorKind::Cancelled.into()),
        }
    }
}

/// What the rows become, by the words of the options.
pub(super) fn form_named(
    form: &str,
    compression: Option<&str>,
    level: Option<i32>,
) -> Result<Form, Error> {
    use columnar::Form as File;
    match form {
        "jsonl" => lines_named(compression, level).map(Form::Lines),
        "arrow" => file_named(File::IpcFile, compression, level),
        "arrows" => file_named(File::IpcStream, compression, level),
        "parquet" => file_named(File::Parquet, compression, level),
        _ => Err(Error::usage(format!(
            "no form '{form}' of output; there are jsonl, arrow, arrows and parquet"
        ))),
    }
}

fn file_named(
    form: columnar::Form,
    compression: Option<&str>,
    level: Option<i32>,
) -> Result<Form, Error> {
    use columnar::Codec;
    let codec = match (compression, level, form.codec()) {
        (None, Some(level), Codec::Zstd(_)) => Codec::Zstd(level),
        (None, _, codec) => codec,
        (Some("none"), ..) => Codec::None,
        (Some("zst" | "zstd"), ..) => Codec::Zstd(level.unwrap_or(Compression::ZSTD_LEVEL)),
        (Some("snappy"), ..) => Codec::Snappy,
        (Some("lz4"), ..) => Codec::Lz4,
        (Some(other), ..) => {
            let known = "none, zst, snappy and lz4";
            return Err(Error::usage(format!("no compression '{other}'; there are {known}")));
        }
    };
    Ok(Form::File(form, codec))
}

fn lines_named(compression: Option<&str>, level: Option<i32>) -> Result<Compression, Error> {
    match compression {
        None | Some("none") => Ok(Compression::None),
        Some("gz" | "gzip") => {
            let levels = Compression::GZIP_LEVELS;
            match level.map_or(Ok(Compression::GZIP_LEVEL), u32::try_from) {
                Ok(level) if levels.contains(&level) => Ok(Compression::Gzip(level)),
                _ => Err(no_level("gzip", &levels)),
            }
        }
        Some("zst" | "zstd") => zstd(level).map(Compression::Zstd),
        Some(other) => {
            let known = "none, gz and zst";
            Err(Error::usage(format!("no compression '{other}' for jsonl; there are {known}")))
        }
    }
}

/// A level of zstd.
fn zstd(level: Option<i32>) -> Result<i32, Error> {
    let levels = Compression::ZSTD_LEVELS;
    let level = level.unwrap_or(Compression::ZSTD_LEVEL);
    if levels.contains(&level) { Ok(level) } else { Err(no_level("zstd", &levels)) }
}

fn no_level<T: Display>(what: &str, levels: &RangeInclusive<T>) -> Error {
    Error::usage(format!("{what} has the levels {} to {}", levels.start(), levels.end()))
}

/// How a call runs, with what cannot help beyond measure made smaller.
pub(super) fn settings_of(
    threads: Option<usize>,
    block_bytes: usize,
    form: Form,
    long: bool,
) -> Result<Settings, Error> {
    if threads == Some(0) || block_bytes == 0 {
        return Err(Error::usage("threads and block_bytes must be at least 1"));
    }
    // Beyond these, more cannot help: a thread per block of a terabyte, and a block of a gigabyte.
    let threads = threads.unwrap_or_else(engine::default_threads).min(1 << 12);
    Ok(Settings {
        threads,
        block_bytes: block_bytes.min(1 << 30),
        form,
        long,
        part: None,
        only: None,
        frame_bytes: None,
    })
}
