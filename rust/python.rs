//! The border to Python: take arguments, let go of the interpreter, call, map errors.
#![expect(clippy::needless_pass_by_value, reason = "arguments from Python are owned")]

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyMemoryError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyType};

use crate::convert::{Converter as Core, DEFAULT_BLOCK_BYTES, DEFAULT_MAX_RECORD_BYTES, OnError};
use crate::engine::{self, Progress, Settings};
use crate::error::{Error, ErrorKind};
use crate::ledger::Ledger as Account;
use crate::sample::Style;
use crate::shape::Options;
use crate::source::Input;
use crate::target::Target as TargetFile;
use crate::text::Escape;

/// The compiled core of raftfast.
#[pymodule]
mod _raftfast {
    #[pymodule_export]
    use super::{
        Converter, Ledger, Target, convert_files, cpu_path, default_threads, write_sample,
    };
    use super::{DEFAULT_BLOCK_BYTES, DEFAULT_MAX_RECORD_BYTES};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("DEFAULT_BLOCK_BYTES", DEFAULT_BLOCK_BYTES)?;
        module.add("DEFAULT_MAX_RECORD_BYTES", DEFAULT_MAX_RECORD_BYTES)?;
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
    let place = error.place();
    let arguments = (
        error.to_string(),
        error.name(),
        place.map(|place| place.path.clone()),
        place.map(|place| place.line),
        place.map(|place| place.offset),
    );
    let class = py.import("raftfast.errors").and_then(|errors| errors.getattr(class));
    match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
        Ok(class) => PyErr::from_type(class, arguments),
        Err(failure) => failure,
    }
}

#[pyclass(frozen, module = "raftfast")]
struct Ledger {
    account: Account,
    elapsed: Duration,
}

#[pymethods]
impl Ledger {
    #[getter]
    fn read(&self) -> u64 {
        self.account.read
    }

    #[getter]
    fn written(&self) -> u64 {
        self.account.written
    }

    #[getter]
    fn filtered(&self) -> BTreeMap<&'static str, u64> {
        self.account.filtered.sorted().into_iter().collect()
    }

    #[getter]
    fn rejected(&self) -> BTreeMap<&'static str, u64> {
        self.account.rejected.sorted().into_iter().collect()
    }

    #[getter]
    fn blank(&self) -> u64 {
        self.account.blank
    }

    #[getter]
    fn bytes_in(&self) -> u64 {
        self.account.bytes_in
    }

    #[getter]
    fn bytes_out(&self) -> u64 {
        self.account.bytes_out
    }

    #[getter]
    fn seconds(&self) -> f64 {
        self.elapsed.as_secs_f64()
    }

    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let account = PyDict::new(py);
        account.set_item("read", self.read())?;
        account.set_item("written", self.written())?;
        account.set_item("filtered", self.filtered())?;
        account.set_item("rejected", self.rejected())?;
        account.set_item("blank", self.blank())?;
        account.set_item("bytes_in", self.bytes_in())?;
        account.set_item("bytes_out", self.bytes_out())?;
        account.set_item("seconds", self.seconds())?;
        Ok(account)
    }

    fn __repr__(&self) -> String {
        let Account { read, written, filtered, rejected, .. } = &self.account;
        format!(
            "Ledger(read={read}, written={written}, filtered={}, rejected={})",
            filtered.total(),
            rejected.total()
        )
    }
}

#[pyclass(frozen, get_all, module = "raftfast")]
struct Target {
    name: String,
    about: String,
    needs: Vec<String>,
    settings: BTreeMap<String, String>,
    source: String,
    example: String,
}

impl Target {
    fn of(file: TargetFile) -> Result<Self, Error> {
        let example = Core::new(&file.name, &Options::default())?.example()?;
        let TargetFile { name, about, needs, settings, source, .. } = file;
        Ok(Self { name, about, needs, settings, source, example })
    }
}

#[pymethods]
impl Target {
    fn __repr__(&self) -> String {
        format!(
            "Target(name={:?}, needs={:?}, settings={:?})",
            self.name, self.needs, self.settings
        )
    }
}

#[pyclass(frozen, module = "raftfast")]
struct Converter {
    core: Core,
    /// What `convert_bytes` has done so far.
    total: Mutex<(Account, Duration)>,
}

#[pymethods]
impl Converter {
    #[new]
    #[pyo3(
        signature = (
            to = PathBuf::from("chat"),
            *,
            system = None,
            prompt_key = None,
            completion_key = None,
            stop = None,
            escape = "keep",
            on_error = "fail",
            max_record_bytes = DEFAULT_MAX_RECORD_BYTES,
        ),
        text_signature = "(to='chat', *, system=None, prompt_key=None, completion_key=None, \
            stop=None, escape='keep', on_error='fail', max_record_bytes=268435456)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        to: PathBuf,
        system: Option<String>,
        prompt_key: Option<String>,
        completion_key: Option<String>,
        stop: Option<String>,
        escape: &str,
        on_error: &str,
        max_record_bytes: usize,
    ) -> PyResult<Self> {
        let settings = [
            ("system", system),
            ("prompt_key", prompt_key),
            ("completion_key", completion_key),
            ("stop", stop),
        ];
        let settings = settings.into_iter().filter_map(|(name, value)| Some((name.into(), value?)));
        let compiled = escape_named(escape).and_then(|escape| {
            let options = Options { settings: settings.collect(), escape };
            let core = Core::new(&to.to_string_lossy(), &options)?;
            Ok(core.on_error(policy_named(on_error)?).max_record_bytes(max_record_bytes))
        });
        let core = compiled.map_err(|error| exception(py, &error))?;
        Ok(Self { core, total: Mutex::default() })
    }

    fn convert_bytes<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = data.py();
        let data = bytes_of(data)?;
        let started = Instant::now();
        let converted = py.detach(|| self.core.convert_bytes(&data));
        let (rows, account) = converted.map_err(|error| exception(py, &error))?;
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        total.0.add(&account);
        total.1 += started.elapsed();
        Ok(PyBytes::new(py, &rows))
    }

    #[getter]
    fn ledger(&self) -> Ledger {
        let total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        Ledger { account: total.0.clone(), elapsed: total.1 }
    }

    #[staticmethod]
    fn targets(py: Python<'_>) -> PyResult<Vec<Target>> {
        let targets = TargetFile::built_in().and_then(|t| t.into_iter().map(Target::of).collect());
        targets.map_err(|error| exception(py, &error))
    }
}

/// The bytes of any buffer: `bytes` as they are, everything else copied, since it may change while
/// the interpreter is let go of.
fn bytes_of(data: &Bound<'_, PyAny>) -> PyResult<PyBackedBytes> {
    if let Ok(bytes) = data.extract::<PyBackedBytes>() {
        return Ok(bytes);
    }
    let view = data.py().import("builtins")?.call_method1("memoryview", (data,))?;
    Ok(view.call_method0("tobytes")?.extract::<PyBackedBytes>()?)
}

fn escape_named(name: &str) -> Result<Escape, Error> {
    let found = Escape::ALL.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, escape)| escape).ok_or_else(|| {
        Error::usage(format!("no way '{name}' to escape; there are keep, ascii and pandas"))
    })
}

fn policy_named(name: &str) -> Result<OnError, Error> {
    match name {
        "fail" => Ok(OnError::Fail),
        "skip" => Ok(OnError::Skip),
        _ => Err(Error::usage(format!("on_error is '{name}'; it takes fail or skip"))),
    }
}

/// A caller in Python that is told of the progress, and the exception it raised.
struct Caller {
    tick: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

impl Caller {
    fn new(tick: Option<Py<PyAny>>) -> Self {
        Self { tick, raised: None }
    }

    /// Runs the signal handlers and the callback; false if one of them raised.
    fn tick(&mut self, progress: Progress) -> bool {
        let told = Python::try_attach(|py| {
            py.check_signals()?;
            if let Some(tick) = &self.tick {
                tick.call1(py, (progress.done, progress.total))?;
            }
            Ok(())
        });
        match told {
            Some(Ok(())) => true,
            Some(Err(raised)) => {
                self.raised.get_or_insert(raised);
                false
            }
            // The interpreter is ending.
            None => false,
        }
    }

    /// The exception for an error: what the caller raised, if that is why the run ended.
    fn exception(&mut self, py: Python<'_>, error: &Error) -> PyErr {
        self.raised.take().unwrap_or_else(|| exception(py, error))
    }
}

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
    ),
    text_signature = "(inputs, output, converter, *, threads=None, block_bytes=524288, \
        rejects=None, tick=None)"
)]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
fn convert_files(
    py: Python<'_>,
    inputs: Vec<PathBuf>,
    output: PathBuf,
    converter: &Converter,
    threads: Option<usize>,
    block_bytes: usize,
    rejects: Option<PathBuf>,
    tick: Option<Py<PyAny>>,
) -> PyResult<Ledger> {
    if threads == Some(0) || block_bytes == 0 {
        return Err(PyValueError::new_err("threads and block_bytes must be at least 1"));
    }
    // Beyond these, more cannot help: a thread per block of a terabyte, and a block of a gigabyte.
    let threads = threads.unwrap_or_else(engine::default_threads).min(1 << 12);
    let block_bytes = block_bytes.min(1 << 30);
    let inputs: Vec<Input> = inputs.into_iter().map(Input::new).collect();
    let mut caller = Caller::new(tick);
    let started = Instant::now();
    let converted = py.detach(|| {
        let settings = Settings { threads, block_bytes };
        let tick = &mut |progress| caller.tick(progress);
        engine::convert(&converter.core, &inputs, &output, rejects.as_deref(), settings, tick)
    });
    match converted {
        Ok(account) => Ok(Ledger { account, elapsed: started.elapsed() }),
        Err(error) => Err(caller.exception(py, &error)),
    }
}

#[pyfunction]
#[pyo3(signature = (output, size, *, style = "escaped", seed = 0, tick = None))]
fn write_sample(
    py: Python<'_>,
    output: PathBuf,
    size: u64,
    style: &str,
    seed: u64,
    tick: Option<Py<PyAny>>,
) -> PyResult<u64> {
    let Some(style) = Style::from_name(style) else {
        return Err(PyValueError::new_err("style is escaped or utf8"));
    };
    let mut caller = Caller::new(tick);
    let written = py.detach(|| {
        let mut tick = |done| caller.tick(Progress { done, total: Some(size) });
        engine::write_sample(&output, size, style, seed, &mut tick)
    });
    written.map_err(|error| caller.exception(py, &error))
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
