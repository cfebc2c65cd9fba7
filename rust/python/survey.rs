//! What inputs hold, before anything is converted; and sample records.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3_arrow::PySchema;

use super::caller::Caller;
use super::inputs::inputs_of;
use super::outputs::settings_of;
use super::{detached, exception};
use crate::convert::DEFAULT_BLOCK_BYTES;
use crate::engine::{self, Form, Progress};
use crate::error::Error;
use crate::printable::name_of;
use crate::sample::Style;
use crate::source;
use crate::survey::Survey;

#[pyfunction]
#[pyo3(
    signature = (path, *, long = false),
    text_signature = "(path, *, long=False)"
)]
pub(super) fn beginning(
    py: Python<'_>,
    path: PathBuf,
    long: bool,
) -> PyResult<Option<(bool, bool)>> {
    let found = detached(py, || {
        let found = source::Beginning::of(&path, long);
        found.map_err(|error| Error::io(name_of(&path), error))
    });
    let found = found.map_err(|error| exception(py, &error))?;
    Ok(found.map(|found| (found.mark, found.array)))
}

/// What records hold, for whoever takes Arrow schemas.
#[pyclass(frozen, module = "raftfast")]
pub(super) struct Schema {
    survey: Survey,
}

#[pymethods]
impl Schema {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let schema = self.survey.schema().map_err(|error| exception(py, &error))?;
        let schema = Bound::new(py, PySchema::new(Arc::new(schema)))?;
        schema.call_method0("__arrow_c_schema__")
    }

    #[getter]
    fn names(&self) -> Vec<&str> {
        self.survey.keys().map(|(name, _)| name).collect()
    }

    #[getter]
    fn nulls(&self) -> Vec<&str> {
        self.survey.keys().filter(|(_, null)| *null).map(|(name, _)| name).collect()
    }

    #[getter]
    fn exact(&self) -> bool {
        self.survey.is_exact()
    }
}

#[pyfunction]
#[pyo3(
    signature = (inputs, *, threads = None, long = false, tick = None),
    text_signature = "(inputs, *, threads=None, long=False, tick=None)"
)]
pub(super) fn survey(
    py: Python<'_>,
    inputs: Vec<Bound<'_, PyAny>>,
    threads: Option<usize>,
    long: bool,
    tick: Option<Py<PyAny>>,
) -> PyResult<Schema> {
    let settings = settings_of(threads, DEFAULT_BLOCK_BYTES, Form::default(), long);
    let settings = settings.map_err(|error| exception(py, &error))?;
    let mut caller = Caller::new(tick);
    let inputs = inputs_of(&inputs, &caller.raised)?;
    let surveyed =
        detached(py, || engine::survey(&inputs, settings, &mut |progress| caller.tick(progress)));
    let survey = surveyed.map_err(|error| caller.exception(py, &error))?;
    Ok(Schema { survey })
}

#[pyfunction]
#[pyo3(signature = (path, *, tick = None))]
pub(super) fn digest(py: Python<'_>, path: PathBuf, tick: Option<Py<PyAny>>) -> PyResult<String> {
    let mut caller = Caller::new(tick);
    let digest = detached(py, || {
        source::digest(&path, &mut |done| caller.tick(Progress { done, total: None }))
    });
    digest.map_err(|error| caller.exception(py, &error))
}

#[pyfunction]
#[pyo3(signature = (output, size, *, style = "escaped", seed = 0, tick = None))]
pub(super) fn write_sample(
    py: Python<'_>,
    output: PathBuf,
    size: u64,
    style: &str,
    seed: u64,
    tick: Option<Py<PyAny>>,
) -> PyResult<u64> {
    let Some(style) = Style::from_name(style) else {
        let what = format!("no style '{style}'; there are escaped and utf8");
        return Err(exception(py, &Error::usage(what)));
    };
    let mut caller = Caller::new(tick);
    let written = detached(py, || {
        let mut tick = |done| caller.tick(Progress { done, total: Some(size) });
        engine::write_sample(&output, size, style, seed, &mut tick)
    });
    written.map_err(|error| caller.exception(py, &error))
}
