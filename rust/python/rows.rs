//! Rows that are there already, checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use pyo3::prelude::*;

use super::caller::Caller;
use super::converter::limits_of;
use super::inputs::inputs_of;
use super::ledger::Ledger;
use super::outputs::settings_of;
use super::{detached, exception};
use crate::convert::{DEFAULT_BLOCK_BYTES, DEFAULT_MAX_RECORD_BYTES};
use crate::engine::{self, Form};
use crate::shape::Options;
use crate::target::Target as TargetFile;
use crate::validate;

/// A target compiled to check rows.
#[pyclass(frozen, module = "raftfast")]
pub(super) struct Validator {
    core: Arc<validate::Validator>,
}

#[pymethods]
impl Validator {
    #[new]
    #[pyo3(
        signature = (to, *, settings = BTreeMap::new()),
        text_signature = "(to, *, settings={})"
    )]
    pub(super) fn new(
        py: Python<'_>,
        to: PathBuf,
        settings: BTreeMap<String, String>,
    ) -> PyResult<Self> {
        let options = Options { settings, ..Options::default() };
        let target = TargetFile::of_rows(&to.to_string_lossy());
        let core = target.and_then(|target| validate::Validator::new(&target, &options));
        let core = core.map_err(|error| exception(py, &error))?;
        Ok(Self { core: Arc::new(core) })
    }

    #[getter]
    fn limits(&self) -> BTreeMap<&'static str, u64> {
        limits_of(self.core.rules())
    }

    #[getter]
    fn bom(&self) -> Option<bool> {
        self.core.rules().bom
    }

    #[getter]
    fn array(&self) -> Option<bool> {
        self.core.rules().array
    }

    #[getter]
    fn files(&self) -> Vec<String> {
        self.core.rules().files.clone()
    }

    pub(super) fn name(&self, rule: &str) -> &'static str {
        self.core.rules().name(rule)
    }
}

/// What was found in rows.
#[pyclass(frozen, module = "raftfast")]
pub(super) struct Findings {
    findings: validate::Findings,
    #[pyo3(get)]
    ledger: Py<Ledger>,
}

#[pymethods]
impl Findings {
    #[getter]
    fn wrong(&self) -> Vec<(String, u64)> {
        self.findings.wrong().to_vec()
    }

    #[getter]
    fn broken(&self) -> BTreeMap<&'static str, u64> {
        self.findings.rules().collect()
    }

    #[getter]
    fn first(&self) -> BTreeMap<&'static str, Vec<(String, u64, String)>> {
        let place = |found: &validate::Found| {
            let validate::Found { input, line, message } = found.clone();
            (input, line, message)
        };
        let first = self.findings.first();
        first.map(|(rule, places)| (rule, places.iter().map(place).collect())).collect()
    }
}

#[pyfunction]
#[pyo3(
    signature = (
        inputs,
        validator,
        *,
        limit = 10,
        threads = None,
        block_bytes = DEFAULT_BLOCK_BYTES,
        max_record_bytes = DEFAULT_MAX_RECORD_BYTES,
        long = false,
        tick = None,
    ),
    text_signature = "(inputs, validator, *, limit=10, threads=None, block_bytes=524288, \
        max_record_bytes=268435456, long=False, tick=None)"
)]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(super) fn validate_files(
    py: Python<'_>,
    inputs: Vec<Bound<'_, PyAny>>,
    validator: &Validator,
    limit: usize,
    threads: Option<usize>,
    block_bytes: usize,
    max_record_bytes: usize,
    long: bool,
    tick: Option<Py<PyAny>>,
) -> PyResult<Findings> {
    let settings = settings_of(threads, block_bytes, Form::default(), long);
    let settings = settings.map_err(|error| exception(py, &error))?;
    let mut caller = Caller::new(tick);
    let inputs = inputs_of(&inputs, &caller.raised)?;
    let started = Instant::now();
    let checked = detached(py, || {
        let tick = &mut |progress| caller.tick(progress);
        engine::validate(&validator.core, &inputs, limit, max_record_bytes, settings, tick)
    });
    let (outcome, findings) = checked.map_err(|error| caller.exception(py, &error))?;
    let ledger = Py::new(py, Ledger::of(outcome, started.elapsed()))?;
    Ok(Findings { findings, ledger })
}
