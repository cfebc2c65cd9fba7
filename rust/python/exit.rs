//! The end of the interpreter. Threads that it does not wait for must not come back to it: before
//! Python 3.14 it ends them where they stand (`PyEval_RestoreThread`), and the frames of Rust that are
//! unwound then abort the process.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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
        (!is_over()).then_some(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // A forked child begins at none, also one that was forked by a thread in here.
        let _ =
            INSIDE.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |inside| inside.checked_sub(1));
    }
}

/// Whether the interpreter ends and this is not the thread that ends it.
fn is_over() -> bool {
    ENDING.get().is_some_and(|ending| *ending != thread::current().id())
}

/// How long the interpreter waits for them: one may wait for a pipe.
const PATIENCE: Duration = Duration::from_millis(500);

/// When this was loaded.
static LOADED: OnceLock<Instant> = OnceLock::new();

/// Milliseconds after that, by which the threads that went from here to others' code have the GIL
/// again, which such code takes by itself.
static BACK: AtomicU64 = AtomicU64::new(0);

/// Milliseconds that they may take. The interpreter ends this much later at most.
const WAY_BACK: u64 = 20;

/// How long a thread is kept from such code once the interpreter ends: longer than ends take, and not
/// for ever, since it may be one that holds the GIL or that C++ waits for.
const KEPT: Duration = Duration::from_secs(2);

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
    let is_awaited = || INSIDE.load(Ordering::SeqCst) > 0 || BACK.load(Ordering::SeqCst) > millis();
    while is_awaited() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
}

fn millis() -> u64 {
    let loaded = LOADED.get_or_init(Instant::now);
    u64::try_from(loaded.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// What is told of what the end of the interpreter has left undone.
pub(super) fn ending() -> io::Error {
    io::Error::other("the interpreter is ending")
}

/// Does something in the interpreter, unless that ends.
pub(super) fn attached<T>(act: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Python::try_attach(act)
}

/// Does something without the interpreter, for others' code that may be in it, unless that ends.
pub(super) fn released<T: Send>(act: impl FnOnce() -> T + Send) -> Option<T> {
    let done = Inside::enter().and_then(|inside| {
        Python::try_attach(|py| {
            drop(inside);
            detached(py, act)
        })
    });
    leave();
    done
}

/// Goes back to others' code. Where that takes the GIL it may stand in a function which must not be
/// unwound: pyarrow frees its `RecordBatchReader` in one, and beside sixteen threads that read to the
/// end 4 to 8 % of all interpreters ended with SIGABRT.
fn leave() {
    BACK.store(millis() + WAY_BACK, Ordering::SeqCst);
    if is_over() {
        thread::sleep(KEPT);
    }
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
