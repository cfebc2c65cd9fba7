//! The end of the interpreter. Threads that it does not wait for must not come back to it: before
//! Python 3.14 it ends them where they stand (`PyEval_RestoreThread`), and the frames of Rust that are
//! unwound then abort the process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

/// The thread that ends the interpreter, once it does.
static ENDING: OnceLock<ThreadId> = OnceLock::new();

/// Threads that are in the interpreter or on the way to it.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// How long the interpreter waits for them: one may wait for a pipe.
const PATIENCE: Duration = Duration::from_millis(500);

/// Lets the interpreter tell when it ends.
pub(super) fn watch(py: Python<'_>) -> PyResult<()> {
    let leave = PyCFunction::new_closure(py, None, None, |arguments, _| {
        let _ = ENDING.set(thread::current().id());
        arguments.py().detach(wait);
    })?;
    py.import("atexit")?.call_method1("register", (leave,)).map(|_| ())
}

fn wait() {
    let start = Instant::now();
    while INSIDE.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Does something in the interpreter, unless that ends.
pub(super) fn attached<T>(act: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let done = if is_over() { None } else { Python::try_attach(act) };
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    done
}

/// Does something without the interpreter, and comes back to it unless that ends: then it stays away.
pub(super) fn detached<T: Send>(py: Python<'_>, act: impl FnOnce() -> T + Send) -> T {
    let done = py.detach(|| {
        let done = act();
        INSIDE.fetch_add(1, Ordering::SeqCst);
        if is_over() {
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            loop {
                thread::park();
            }
        }
        done
    });
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    done
}

fn is_over() -> bool {
    ENDING.get().is_some_and(|ending| *ending != thread::current().id())
}
