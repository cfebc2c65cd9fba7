//! The border to Python: take arguments, let go of the interpreter, call, map errors.
#![expect(clippy::needless_pass_by_value, reason = "arguments from Python are owned")]

mod batches;
mod caller;
mod converter;
mod exit;
mod files;
mod inputs;
mod ledger;
mod outputs;
mod rows;
mod survey;
mod target;

use std::io;

use pyo3::exceptions::{PyMemoryError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::convert::{DEFAULT_BLOCK_BYTES, DEFAULT_MAX_RECORD_BYTES};
use crate::engine;
use crate::error::{Error, ErrorKind, caught};

/// The compiled core of raftfast. It needs no GIL, and an interpreter without one stays so: what its classes
/// hold is frozen or behind a lock.
#[pymodule(gil_used = false)]
mod _raftfast {
    #[pymodule_export]
    use super::batches::{Reader, read_batches};
    #[pymodule_export]
    use super::converter::{Converter, restored_converter};
    #[pymodule_export]
    use super::files::convert_files;
    #[pymodule_export]
    use super::inputs::{Parquet, Strings, end_of_parts};
    #[pymodule_export]
    use super::ledger::{Ledger, restored_ledger};
    #[pymodule_export]
    use super::rows::{Findings, Validator, validate_files};
    #[pymodule_export]
    use super::survey::{Schema, beginning, digest, survey, write_sample};
    #[pymodule_export]
    use super::target::{Dialect, Target};
    use super::{DEFAULT_BLOCK_BYTES, DEFAULT_MAX_RECORD_BYTES};
    #[pymodule_export]
    use super::{cpu_path, default_threads};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("DEFAULT_BLOCK_BYTES", DEFAULT_BLOCK_BYTES)?;
        module.add("DEFAULT_MAX_RECORD_BYTES", DEFAULT_MAX_RECORD_BYTES)?;
        super::exit::watch(module.py())?;
        super::warn_if_slow(module.py())
    }
}

/// Nobody should measure, or suffer, a build without optimisation.
fn warn_if_slow(py: Python<'_>) -> PyResult<()> {
    if cfg!(debug_assertions) {
        let warning = py.get_type::<pyo3::exceptions::PyRuntimeWarning>();
        let text = c"raftfast was built without optimisation and is many times slower than it should be; build it with --release";
        PyErr::warn(py, &warning, text, 1)?;
    }
    Ok(())
}

/// Does some work without the interpreter. What panics in it is an error, because pyo3's own exception for
/// panics is none that `except Exception` would catch.
fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    exit::detached(py, || caught(work))
}

/// Maps an error to the exception that Python users expect.
fn exception(py: Python<'_>, error: &Error) -> PyErr {
    match error.kind() {
        ErrorKind::Io { path, source } => os_error(py, path, source),
        ErrorKind::OutOfMemory => PyMemoryError::new_err(error.to_string()),
        ErrorKind::Usage(_) => own_error(py, "UsageError", error),
        _ => own_error(py, "Error", error),
    }
}

/// `OSError` picks the child that belongs to the number, `FileNotFoundError` for one.
fn os_error(py: Python<'_>, path: &str, source: &io::Error) -> PyErr {
    let Some(number) = source.raw_os_error() else {
        return PyOSError::new_err(format!("{path}: {source}"));
    };
    let text = py.import("os").and_then(|os| os.call_method1("strerror", (number,)));
    let text = text.map_or_else(|_| source.to_string(), |text| text.to_string());
    PyOSError::new_err((number, text, path.to_owned()))
}

/// An exception of `raftfast.errors`.
fn own_error(py: Python<'_>, class: &str, error: &Error) -> PyErr {
    let arguments = (
        error.to_string(),
        error.name(),
        error.path().map(str::to_owned),
        error.line(),
        error.place().map(|place| place.offset),
        error.row(),
    );
    let class = py.import("raftfast.errors").and_then(|errors| errors.getattr(class));
    match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
        Ok(class) => PyErr::from_type(class, arguments),
        Err(failure) => failure,
    }
}

#[pyfunction]
fn cpu_path(py: Python<'_>) -> PyResult<&'static str> {
    let scanner = crate::convert::chosen_scanner().map_err(|error| exception(py, &error))?;
    Ok(scanner.cpu().name())
}

#[pyfunction]
fn default_threads() -> usize {
    engine::default_threads()
}
