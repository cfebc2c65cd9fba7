//! What is called back: whoever is told of the progress, and objects that are read and written.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyBlockingIOError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes};

use super::exception;
use super::exit::{attached, ending};
use crate::engine::Progress;
use crate::error::Error;

/// The first exception that Python code raised while the core was at work.
pub(super) type Raised = Arc<Mutex<Option<PyErr>>>;

/// A caller in Python that is told of the progress, and the exception it raised.
#[derive(Default)]
pub(super) struct Caller {
    tick: Option<Py<PyAny>>,
    pub(super) raised: Raised,
}

impl Caller {
    pub(super) fn new(tick: Option<Py<PyAny>>) -> Self {
        Self { tick, raised: Raised::default() }
    }

    /// Runs the signal handlers and the callback; false if one of them raised.
    pub(super) fn tick(&mut self, progress: Progress) -> bool {
        let told = attached(|py| {
            py.check_signals()?;
            if let Some(tick) = &self.tick {
                tick.call1(py, (progress.done, progress.total))?;
            }
            Ok(())
        });
        match told {
            Some(Ok(())) => true,
            Some(Err(raised)) => {
                keep(&self.raised, raised);
                false
            }
            // The interpreter is ending.
            None => false,
        }
    }

    /// The exception for an error: what Python code raised, if that is why the run ended. It is the same
    /// one when it is asked for again.
    pub(super) fn exception(&self, py: Python<'_>, error: &Error) -> PyErr {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        raised.as_ref().map_or_else(|| exception(py, error), |raised| raised.clone_ref(py))
    }
}

/// Keeps the first one. Another is dropped after the lock is, as arguments are: an exception may hold
/// objects with code of their own.
pub(super) fn keep(raised: &Raised, error: PyErr) {
    let mut first = raised.lock().unwrap_or_else(PoisonError::into_inner);
    if first.is_none() {
        *first = Some(error);
    }
}

/// An object of Python that is read or written like a file, from any thread.
pub(super) struct FileObject {
    pub(super) object: Py<PyAny>,
    pub(super) raised: Raised,
}

/// Bytes that are asked of an object of Python at once.
const ASKED: usize = 512 << 10;

impl FileObject {
    /// Does something with the object; what it raises is kept, and ends the run.
    fn with<T>(&self, work: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> io::Result<T> {
        let done = attached(|py| work(self.object.bind(py)));
        match done {
            Some(Ok(done)) => Ok(done),
            Some(Err(raised)) => {
                let told = io::Error::other(raised.to_string());
                keep(&self.raised, raised);
                Err(told)
            }
            None => Err(ending()),
        }
    }
}

/// What an object raises, or should, that would have to wait.
fn waits(method: &str) -> PyErr {
    let what =
        format!("{method}() gave None: the file would have to wait, and is not to be waited for");
    PyBlockingIOError::new_err((rustix::io::Errno::AGAIN.raw_os_error(), what))
}

impl Read for FileObject {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let wanted = space.len().min(ASKED);
        self.with(|object| {
            if object.hasattr("readinto")? {
                let bytes = PyByteArray::new_with(object.py(), wanted, |_| Ok(()))?;
                let count = object.call_method1("readinto", (&bytes,))?;
                if count.is_none() {
                    return Err(waits("readinto"));
                }
                let read = bytes.to_vec();
                let length = count.extract::<usize>().ok().filter(|length| *length <= wanted);
                let Some(read) = length.and_then(|length| read.get(..length)) else {
                    let what = format!("readinto() gave {count}, of {wanted} bytes at most");
                    return Err(PyValueError::new_err(what));
                };
                space[..read.len()].copy_from_slice(read);
                return Ok(read.len());
            }
            let read: PyBackedBytes = object.call_method1("read", (wanted,))?.extract()?;
            let Some(place) = space.get_mut(..read.len()) else {
                return Err(PyValueError::new_err("read() gave more bytes than it was asked for"));
            };
            place.copy_from_slice(&read);
            Ok(read.len())
        })
    }
}

impl Write for FileObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|object| {
            let written = object.call_method1("write", (PyBytes::new(object.py(), bytes),))?;
            if written.is_none() {
                // Raw files return nothing when they would have to wait, other objects when all is done.
                let raw = object.py().import("io")?.getattr("RawIOBase")?;
                let would_wait = object.is_instance(&raw)?;
                return if would_wait { Err(waits("write")) } else { Ok(bytes.len()) };
            }
            let written: usize = written.extract()?;
            if written > bytes.len() {
                return Err(PyValueError::new_err("write() wrote more than it was given"));
            }
            Ok(written)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|object| {
            if object.hasattr("flush")? {
                object.call_method0("flush")?;
            }
            Ok(())
        })
    }
}
