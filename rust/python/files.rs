//! Conversion from files to files.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;

use super::caller::Caller;
use super::converter::Converter;
use super::inputs::inputs_of;
use super::ledger::Ledger;
use super::outputs::{destination_of, form_named, settings_of};
use super::{detached, exception};
use crate::convert::DEFAULT_BLOCK_BYTES;
use crate::engine::{self, Destination, Full, RowsOfEach, Settings};

#[pyfunction]
#[pyo3(
    signature = (
        inputs,
        output,
        converter,
        *,
        threads = None,
        block_bytes = DEFAULT_BLOCK_BYTES,
        rejects = None,
        tick = None,
        form = "jsonl",
        compression = None,
        level = None,
        long = false,
        part = None,
        only = None,
        shard_bytes = None,
        shard_rows = None,
        frame_bytes = None,
        split = None,
        lenient = false,
    ),
    text_signature = "(inputs, output, converter, *, threads=None, block_bytes=524288, \
        rejects=None, tick=None, form='jsonl', compression=None, level=None, long=False, \
        part=None, only=None, shard_bytes=None, shard_rows=None, frame_bytes=None, split=None, \
        lenient=False)"
)]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(super) fn convert_files(
    py: Python<'_>,
    inputs: Vec<Bound<'_, PyAny>>,
    output: Bound<'_, PyAny>,
    converter: &Converter,
    threads: Option<usize>,
    block_bytes: usize,
    rejects: Option<PathBuf>,
    tick: Option<Py<PyAny>>,
    form: &str,
    compression: Option<&str>,
    level: Option<i32>,
    long: bool,
    part: Option<(u64, u64)>,
    only: Option<(usize, usize)>,
    shard_bytes: Option<u64>,
    shard_rows: Option<Vec<u64>>,
    frame_bytes: Option<u64>,
    split: Option<(Vec<f64>, u64)>,
    lenient: bool,
) -> PyResult<Ledger> {
    let form = form_named(form, compression, level).map_err(|error| exception(py, &error))?;
    let settings = settings_of(threads, block_bytes, form, long);
    let settings = settings.map_err(|error| exception(py, &error))?;
    let settings = Settings { part, only, frame_bytes, ..settings };
    let mut caller = Caller::new(tick);
    let inputs = inputs_of(&inputs, &caller.raised)?;
    let by_rows = shard_rows.filter(|ends| !ends.is_empty()).map(Full::Rows);
    let full = by_rows.or(shard_bytes.map(Full::Bytes));
    let rows = RowsOfEach::default();
    let output = match split {
        Some((shares, seed)) => {
            let outputs: Vec<PathBuf> = output.extract()?;
            let outputs = outputs.into_iter().zip(shares).collect();
            Destination::Split { outputs, seed, rows: Arc::clone(&rows) }
        }
        None => destination_of(&output, full, &rows, &caller.raised)?,
    };
    let started = Instant::now();
    let converted = detached(py, || {
        let tick = &mut |progress| caller.tick(progress);
        let core = &converter.core;
        match output {
            Destination::Nowhere => engine::count(core, &inputs, settings, tick),
            _ => engine::convert(core, &inputs, output, rejects.as_deref(), settings, tick),
        }
    });
    let outcome = converted.map_err(|error| caller.exception(py, &error))?;
    if let Some(missing) = outcome.missing.clone().filter(|_| !lenient) {
        return Err(exception(py, &missing.into()));
    }
    let rows = std::mem::take(&mut *rows.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Ledger::of(outcome, started.elapsed()).with_rows(rows))
}
