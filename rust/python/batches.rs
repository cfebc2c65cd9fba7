//! Conversion into Arrow batches.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::{PyRecordBatchReader, PySchema};

use super::caller::{Caller, Raised, keep};
use super::converter::Converter;
use super::exit::{attached, ending, released};
use super::inputs::inputs_of;
use super::ledger::Ledger;
use super::outputs::settings_of;
use super::{detached, exception};
use crate::convert::DEFAULT_BLOCK_BYTES;
use crate::engine::{self, Form};

/// A reader that is read and dropped without the GIL, by whoever holds it: the workers may need it to
/// read from objects of Python. It keeps alive what they belong to.
struct Detached {
    reader: Option<engine::Reader>,
    held: Option<Py<PyAny>>,
    /// What a signal handler raised while a batch was waited for.
    interrupt: Raised,
}

/// How long signals may have to wait.
const LOOK: Duration = Duration::from_millis(50);

impl Detached {
    /// Runs the signal handlers. If one raises, nobody goes on: libraries that read the batches tell of it in
    /// their words, and [`Reader::check`] in its own.
    fn hear(&self) -> Result<(), ArrowError> {
        let told = attached(|py| {
            py.check_signals().map_err(|raised| {
                let text = raised.to_string();
                keep(&self.interrupt, raised);
                text
            })
        });
        told.unwrap_or(Ok(())).map_err(|text| ArrowError::ExternalError(text.into()))
    }
}

impl Iterator for Detached {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let reader = self.reader.as_mut()?;
            match released(|| reader.next_within(LOOK)) {
                Some(Poll::Ready(batch)) => return batch,
                Some(Poll::Pending) => {}
                None => return Some(Err(ending().into())),
            }
            if let Err(error) = self.hear() {
                self.reader.as_ref()?.stop();
                return Some(Err(error));
            }
        }
    }
}

impl RecordBatchReader for Detached {
    fn schema(&self) -> SchemaRef {
        self.reader
            .as_ref()
            .map_or_else(|| Arc::new(arrow_schema::Schema::empty()), RecordBatchReader::schema)
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let (reader, held) = (self.reader.take(), self.held.take());
        released(|| {
            drop(reader);
            attached(|_| drop(held));
        });
    }
}

/// Batches of rows for whoever takes Arrow streams.
#[pyclass(frozen, module = "raftfast")]
pub(super) struct Reader {
    batches: Mutex<Option<Detached>>,
    schema: SchemaRef,
    account: engine::Account,
    caller: Caller,
    interrupt: Raised,
    started: Instant,
}

#[pymethods]
impl Reader {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let schema = Bound::new(py, PySchema::new(SchemaRef::clone(&self.schema)))?;
        schema.call_method0("__arrow_c_schema__")
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let reader = self.batches.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reader = reader.ok_or_else(|| PyValueError::new_err("the rows can be read once"))?;
        let reader = Bound::new(py, PyRecordBatchReader::new(Box::new(reader)))?;
        reader.call_method1("__arrow_c_stream__", (requested_schema,))
    }

    #[getter]
    fn ledger(&self) -> Option<Ledger> {
        let outcome = self.account.get()?.as_ref().ok()?.clone();
        Some(Ledger::of(outcome, self.started.elapsed()))
    }

    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let interrupt = self.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interrupt) = interrupt.as_ref() {
            return Err(interrupt.clone_ref(py));
        }
        match self.account.get() {
            Some(Err(error)) => Err(self.caller.exception(py, error)),
            _ => Ok(()),
        }
    }
}

#[pyfunction]
#[pyo3(
    signature = (
        inputs,
        converter,
        *,
        threads = None,
        block_bytes = DEFAULT_BLOCK_BYTES,
        long = false,
        held = None,
        tick = None,
    ),
    text_signature = "(inputs, converter, *, threads=None, block_bytes=524288, long=False, held=None, tick=None)"
)]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(super) fn read_batches(
    py: Python<'_>,
    inputs: Vec<Bound<'_, PyAny>>,
    converter: &Converter,
    threads: Option<usize>,
    block_bytes: usize,
    long: bool,
    held: Option<Py<PyAny>>,
    tick: Option<Py<PyAny>>,
) -> PyResult<Reader> {
    let settings = settings_of(threads, block_bytes, Form::Batches, long);
    let settings = settings.map_err(|error| exception(py, &error))?;
    let mut caller = Caller::new(tick);
    let inputs = inputs_of(&inputs, &caller.raised)?;
    let started = Instant::now();
    let core = &converter.core;
    let reading = detached(py, || {
        engine::read(core, inputs, settings, &mut |progress| caller.tick(progress))
    });
    let reader = reading.map_err(|error| caller.exception(py, &error))?;
    let (schema, account) = (reader.schema(), reader.account());
    let interrupt = Raised::default();
    let detached = Detached { reader: Some(reader), held, interrupt: Arc::clone(&interrupt) };
    let batches = Mutex::new(Some(detached));
    Ok(Reader { batches, schema, account, caller, interrupt, started })
}
