//! What a call reads: paths, objects, columns of strings.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatchReader;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;

use super::caller::{FileObject, Raised};
use super::{detached, exception};
use crate::batch::Column;
use crate::error::Error;
use crate::printable::name_of;
use crate::source::{self, Input};

/// Columns of strings in Arrow files, which the core reads itself.
#[pyclass(frozen, module = "raftfast")]
pub(super) struct Strings(Mutex<Option<source::Columns>>);

/// Columns in a Parquet file, in the same way.
#[pyclass(frozen, module = "raftfast")]
pub(super) struct Parquet(Mutex<Option<source::Groups>>);

/// What can be read once.
fn taken<T>(once: &Mutex<Option<T>>) -> PyResult<T> {
    let found = once.lock().unwrap_or_else(PoisonError::into_inner).take();
    found.ok_or_else(|| PyValueError::new_err("the columns can be read once"))
}

#[pymethods]
impl Strings {
    #[staticmethod]
    fn open(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        wanted: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Self>> {
        let opened = detached(py, || {
            source::Strings::open(&paths).map_err(|error| Error::io("columns of strings", error))
        });
        let opened = opened.map_err(|error| exception(py, &error))?;
        let Some(strings) = opened else { return Ok(None) };
        let wanted: Vec<String> = wanted.call1((told(&strings.table()),))?.extract()?;
        Ok(strings.columns(&wanted).map(|columns| Self(Mutex::new(Some(columns)))))
    }

    #[staticmethod]
    fn is_one_file(py: Python<'_>, path: PathBuf) -> PyResult<bool> {
        let name = name_of(&path);
        let found = detached(py, || {
            source::Strings::is_one_file(&path).map_err(|error| Error::io(name, error))
        });
        found.map_err(|error| exception(py, &error))
    }
}

#[pymethods]
impl Parquet {
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, wanted: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let name = name_of(&path);
        let opened =
            detached(py, || source::Parquet::open(&path).map_err(|error| Error::io(name, error)));
        let opened = opened.map_err(|error| exception(py, &error))?;
        let Some(file) = opened else { return Ok(None) };
        let wanted: Vec<String> = wanted.call1((told(&file.table()),))?.extract()?;
        Ok(file.columns(&wanted).map(|groups| Self(Mutex::new(Some(groups)))))
    }
}

#[pyfunction]
pub(super) fn end_of_parts(py: Python<'_>, footer: &[u8]) -> PyResult<Option<u64>> {
    let found = detached(py, || Ok(source::end_of_parts(footer)));
    found.map_err(|error| exception(py, &error))
}

/// Columns as Python tells of them.
fn told(table: &[Column]) -> Vec<(&str, &str)> {
    table.iter().map(|column| (column.name.as_str(), column.form.name())).collect()
}

/// The inputs of a call: paths, and pairs of a name and an object to read from.
pub(super) fn inputs_of(inputs: &[Bound<'_, PyAny>], raised: &Raised) -> PyResult<Vec<Input>> {
    inputs.iter().map(|input| input_of(input, raised)).collect()
}

fn input_of(input: &Bound<'_, PyAny>, raised: &Raised) -> PyResult<Input> {
    let Ok((name, object)) = input.extract::<(String, Bound<'_, PyAny>)>() else {
        return Ok(Input::new(input.extract::<PathBuf>()?));
    };
    if let Ok(strings) = object.cast::<Strings>() {
        return Ok(Input::strings(name, taken(&strings.get().0)?));
    }
    if let Ok(parquet) = object.cast::<Parquet>() {
        return Ok(Input::groups(name, taken(&parquet.get().0)?));
    }
    if object.hasattr("__arrow_c_stream__")? || object.hasattr("__arrow_c_array__")? {
        return batches(&object)
            .map(|batches| Input::batches(&name, batches))
            .map_err(|error| no_table(object.py(), &name, error));
    }
    if object.hasattr("readinto")? || object.hasattr("read")? {
        let object = FileObject { object: object.unbind(), raised: Arc::clone(raised) };
        return Ok(Input::bytes(name, Box::new(object)));
    }
    Err(PyTypeError::new_err(format!("{name}: there is nothing to read from {object}")))
}

fn batches(object: &Bound<'_, PyAny>) -> PyResult<Box<dyn RecordBatchReader + Send>> {
    object.extract::<AnyRecordBatch>()?.into_reader()
}

/// What is wrong with columns that are those of no table, such as an array of strings.
#[cold]
fn no_table(py: Python<'_>, name: &str, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyValueError>(py) {
        return error;
    }
    let advice = "a table, a stream of record batches or an array of structs without nulls is";
    let what = format!("{name}: it is no table ({}): {advice}", error.value(py));
    exception(py, &Error::usage(what))
}
