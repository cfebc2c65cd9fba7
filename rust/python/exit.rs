//! The end of the interpreter. Threads that it does not wait for must not come back to it: before
//! Python 3.14 it ends them where they stand (`PyEval_RestoreThread`), and the frames of Rust that are
//! unwound then abort the process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyCFunction};

/// The thread that ends the interpreter, once it does.
static ENDING: OnceLock<ThreadId> = OnceLock::new();

/// Threads that are in the interpreter or on the way to it.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// A thread that is in the interpreter or on the way to it, for as long as this lives.
struct Inside;

impl Inside {
    /// Enters, unless the interpreter ends.
    fn enter() -> Option<Self> {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let inside = Self;
        let is_over = ENDING.get().is_some_and(|ending| *ending != thread::current().id());
        (!is_over).then_some(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // A forked child begins at none, also one that was forked by a thread in here.
        let _ =
            INSIDE.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |inside| inside.checked_sub(1));
    }
}

/// How long the interpreter waits for them: one may wait for a pipe.
const PATIENCE: Duration = Duration::from_millis(500);

/// Lets the interpreter tell when it ends, and when it was forked: no other thread is in the child.
pub(super) fn watch(py: Python<'_>) -> PyResult<()> {
    let leave = PyCFunction::new_closure(py, None, None, |arguments, _| {
        let _ = ENDING.set(thread::current().id());
        arguments.py().detach(wait);
    })?;
    py.import("atexit")?.call_method1("register", (leave,))?;
    let forked =
        PyCFunction::new_closure(py, None, None, |_, _| INSIDE.store(0, Ordering::SeqCst))?;
    let after = [("after_in_child", forked)].into_py_dict(py)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&after)).map(|_| ())
}

fn wait() {
    let start = Instant::now();
    while INSIDE.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Does something in the interpreter, unless that ends.
pub(super) fn attached<T>(act: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Python::try_attach(act)
}

/// Does something without the interpreter, in a thread that may be in it, unless that ends.
pub(super) fn released<T: Send>(act: impl FnOnce() -> T + Send) -> Option<T> {
    let inside = Inside::enter()?;
    Python::try_attach(|py| {
        drop(inside);
        detached(py, act)
    })
}

/// Does something without the interpreter, and comes back to it unless that ends: then it stays away.
pub(super) fn detached<T: Send>(py: Python<'_>, act: impl FnOnce() -> T + Send) -> T {
    let (done, _inside) = py.detach(|| (act(), Inside::enter().unwrap_or_else(stay_away)));
    done
}

fn stay_away() -> Inside {
    loop {
        thread::park();
    }
}
