//! The border to Python: take arguments, let go of the interpreter, call, map errors.
#![expect(clippy::needless_pass_by_value, reason = "arguments from Python are owned")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::{PyBlockingIOError, PyMemoryError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyType};
use pyo3_arrow::input::AnyRecordBatch;
use pyo3_arrow::{PyRecordBatchReader, PySchema};

use crate::columnar;
use crate::convert::{Converter as Core, DEFAULT_BLOCK_BYTES, DEFAULT_MAX_RECORD_BYTES, OnError};
use crate::dialect::{self, AUTO, Answer, Dialect as DialectFile, Reading, Rejected, Several};
use crate::engine::compress::Compression;
use crate::engine::{self, Destination, Form, Outcome, Progress, Settings};
use crate::error::{Error, ErrorKind, FaultKind, caught};
use crate::ledger::{Ledger as Account, Reasons};
use crate::mask::Mask;
use crate::oracle::Oracle;
use crate::pool::NO_OTHER;
use crate::record::{Absence, Field};
use crate::rules::{self, Check, Rules};
use crate::sample::Style;
use crate::shape::{Options, Shape};
use crate::source::{self, Input};
use crate::survey::Survey;
use crate::target::{TEXT, Target as TargetFile, TextAs};
use crate::text::Escape;
use crate::validate;

/// The compiled core of raftfast.
#[pymodule]
mod _raftfast {
    #[pymodule_export]
    use super::{
        Converter, Dialect, Findings, Ledger, Reader, Schema, Strings, Target, Validator,
        beginning, convert_files, cpu_path, default_threads, digest, read_batches, survey,
        validate_files, write_sample,
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

/// Does some work without the interpreter. What panics in it is an error, because pyo3's own exception for
/// panics is none that `except Exception` would catch.
fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    py.detach(|| caught(work))
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
        error.path().map(str::to_owned),
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
    /// The account of each input, where there are inputs.
    inputs: Vec<(String, Account)>,
    /// The fields in use that were in no record.
    missing: Vec<&'static str>,
    /// How many rows went to each output of a split.
    split: Vec<u64>,
    /// The rules that rows broke, and where each first was in each input.
    broken: Vec<Broken>,
}

/// The rule that a row broke, its input and its line.
type Broken = (&'static str, String, u64);

impl Ledger {
    fn new(account: Account, elapsed: Duration) -> Self {
        Self {
            account,
            elapsed,
            inputs: Vec::new(),
            missing: Vec::new(),
            split: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// The account of a run.
    fn of(outcome: Outcome, elapsed: Duration) -> Self {
        Self {
            account: outcome.ledger,
            elapsed,
            inputs: outcome.inputs,
            missing: outcome.missing.map_or(Vec::new(), |missing| missing.fields),
            split: Vec::new(),
            broken: outcome.broken,
        }
    }

    /// Where each rule was broken first, as plain values.
    fn places<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let places = PyDict::new(py);
        for (rule, (input, line)) in self.first_warned() {
            let place = PyDict::new(py);
            place.set_item("input", input)?;
            place.set_item("line", line)?;
            places.set_item(rule, place)?;
        }
        Ok(places)
    }

    /// Whether a record was read that was not malformed.
    fn has_records(&self) -> bool {
        self.account.read + self.account.added > self.account.rejected.total()
    }
}

#[pymethods]
impl Ledger {
    #[getter]
    fn read(&self) -> u64 {
        self.account.read
    }

    #[getter]
    fn added(&self) -> u64 {
        self.account.added
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
    fn warned(&self) -> BTreeMap<&'static str, u64> {
        self.account.warned.sorted().into_iter().collect()
    }

    #[getter]
    fn first_warned(&self) -> BTreeMap<&'static str, (String, u64)> {
        let mut first = BTreeMap::new();
        for (rule, input, line) in &self.broken {
            first.entry(*rule).or_insert_with(|| (input.clone(), *line));
        }
        first
    }

    #[getter]
    fn dialects(&self) -> BTreeMap<&'static str, u64> {
        self.account.dialects.sorted().into_iter().collect()
    }

    #[getter]
    fn also_fits(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        let fits = self.account.also_fits.iter().filter(|(_, others)| !others.is_empty());
        fits.cloned().collect()
    }

    #[getter]
    fn repaired(&self) -> BTreeMap<&'static str, u64> {
        self.account.repaired.sorted().into_iter().collect()
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

    #[getter]
    fn inputs(&self) -> Vec<(String, Self)> {
        let part = |name: &String, account: &Account| {
            let of_this = self.broken.iter().filter(|(_, input, _)| input == name);
            let broken = of_this.cloned().collect();
            Self { broken, ..Self::new(account.clone(), self.elapsed) }
        };
        let inputs = self.inputs.iter();
        inputs.map(|(name, account)| (name.clone(), part(name, account))).collect()
    }

    #[getter]
    fn split(&self) -> Vec<u64> {
        self.split.clone()
    }

    #[getter]
    fn missing(&self) -> Option<&'static str> {
        self.missing.first().copied()
    }

    #[staticmethod]
    fn total(ledgers: Vec<PyRef<'_, Self>>, seconds: f64) -> PyResult<Self> {
        let mut total = Self::new(Account::default(), elapsed_of(seconds)?);
        for ledger in &ledgers {
            total.account.add(&ledger.account);
            total.inputs.extend(ledger.inputs.iter().cloned());
            for first in &ledger.broken {
                let is_same = |known: &&Broken| (known.0, &known.1) == (first.0, &first.1);
                if !total.broken.iter().any(|known| is_same(&known)) {
                    total.broken.push(first.clone());
                }
            }
        }
        // A part without records lacks nothing, and says nothing of the others.
        let told: Vec<_> = ledgers.iter().filter(|ledger| ledger.has_records()).collect();
        if let Some(first) = told.first() {
            let lacks = |field| told.iter().all(|ledger| ledger.missing.contains(field));
            total.missing = first.missing.iter().filter(|field| lacks(field)).copied().collect();
        }
        Ok(total)
    }

    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let account = PyDict::new(py);
        account.set_item("read", self.read())?;
        account.set_item("added", self.added())?;
        account.set_item("written", self.written())?;
        account.set_item("filtered", self.filtered())?;
        account.set_item("rejected", self.rejected())?;
        account.set_item("warned", self.warned())?;
        account.set_item("first_warned", self.places(py)?)?;
        account.set_item("dialects", self.dialects())?;
        account.set_item("also_fits", self.also_fits())?;
        account.set_item("repaired", self.repaired())?;
        account.set_item("blank", self.blank())?;
        account.set_item("bytes_in", self.bytes_in())?;
        account.set_item("bytes_out", self.bytes_out())?;
        account.set_item("seconds", self.seconds())?;
        Ok(account)
    }

    #[staticmethod]
    fn from_dict(account: &Bound<'_, PyDict>) -> PyResult<Self> {
        let read = Account {
            read: number_in(account, "read")?,
            added: number_in(account, "added")?,
            written: number_in(account, "written")?,
            filtered: reasons_in(account, "filtered", reason_named)?,
            rejected: reasons_in(account, "rejected", reason_named)?,
            warned: reasons_in(account, "warned", rules::known_name)?,
            dialects: reasons_in(account, "dialects", dialect::name_of)?,
            also_fits: fits_in(account)?,
            repaired: reasons_in(account, "repaired", dialect::repair_named)?,
            blank: number_in(account, "blank")?,
            bytes_in: number_in(account, "bytes_in")?,
            bytes_out: number_in(account, "bytes_out")?,
        };
        let seconds = member_of(account, "seconds")?.extract()?;
        if !read.adds_up() {
            return Err(PyValueError::new_err("the account does not add up"));
        }
        let broken = places_in(account)?;
        Ok(Self { broken, ..Self::new(read, elapsed_of(seconds)?) })
    }

    fn __repr__(&self) -> String {
        let Account { read, added, written, filtered, rejected, .. } = &self.account;
        let added = if *added == 0 { String::new() } else { format!(" added={added},") };
        format!(
            "Ledger(read={read},{added} written={written}, filtered={}, rejected={})",
            filtered.total(),
            rejected.total()
        )
    }
}

fn elapsed_of(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| PyValueError::new_err(format!("seconds: {error}")))
}

fn member_of<'py>(account: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    account.get_item(name)?.ok_or_else(|| PyValueError::new_err(format!("there is no '{name}'")))
}

fn number_in(account: &Bound<'_, PyDict>, name: &str) -> PyResult<u64> {
    believable(member_of(account, name)?.extract()?)
}

/// Refuses a number with which sums over many accounts could overflow.
fn believable(number: u64) -> PyResult<u64> {
    if number < 1 << 48 {
        return Ok(number);
    }
    Err(PyValueError::new_err(format!("{number} is too large")))
}

fn reasons_in(
    account: &Bound<'_, PyDict>,
    name: &str,
    named: impl Fn(&str) -> Option<&'static str>,
) -> PyResult<Reasons> {
    let counts: BTreeMap<String, u64> = member_of(account, name)?.extract()?;
    let mut reasons = Reasons::default();
    for (reason, count) in counts {
        let known = named(&reason);
        let known = known.ok_or_else(|| PyValueError::new_err(format!("no reason '{reason}'")))?;
        reasons.add(known, believable(count)?);
    }
    Ok(reasons)
}

/// The other dialects that records fit.
fn fits_in(account: &Bound<'_, PyDict>) -> PyResult<Vec<(&'static str, Vec<&'static str>)>> {
    let fits: BTreeMap<String, Vec<String>> = member_of(account, "also_fits")?.extract()?;
    let named = |name: &String| {
        let none = || PyValueError::new_err(format!("no dialect '{name}'"));
        dialect::name_of(name).ok_or_else(none)
    };
    let each = |(told, others): (&String, &Vec<String>)| {
        Ok((named(told)?, others.iter().map(named).collect::<PyResult<_>>()?))
    };
    fits.iter().map(each).collect()
}

/// Where rules were broken first.
fn places_in(account: &Bound<'_, PyDict>) -> PyResult<Vec<Broken>> {
    let places: BTreeMap<String, BTreeMap<String, Bound<'_, PyAny>>> =
        member_of(account, "first_warned")?.extract()?;
    let place = |(rule, place): (&String, &BTreeMap<String, Bound<'_, PyAny>>)| {
        let member = |name: &str| {
            let none = || PyValueError::new_err(format!("there is no '{name}'"));
            place.get(name).ok_or_else(none)
        };
        let line = believable(member("line")?.extract()?)?;
        Ok((rules::interned(rule), member("input")?.extract()?, line))
    };
    places.iter().map(place).collect()
}

/// The reason of this name, for which a record can be filtered or rejected.
fn reason_named(name: &str) -> Option<&'static str> {
    let absences = [Absence::Missing, Absence::Null, Absence::Empty];
    let filtered = Field::ALL.iter().flat_map(|field| absences.map(|way| field.reason(way)));
    filtered
        .chain([NO_OTHER])
        .chain(Oracle::ALL.map(Oracle::reason))
        .chain(FaultKind::NAMES.iter().copied())
        .find(|known| *known == name)
}

#[pyclass(frozen, get_all, module = "raftfast")]
struct Target {
    name: String,
    about: String,
    needs: Vec<String>,
    oracle: Option<&'static str>,
    settings: BTreeMap<String, String>,
    source: String,
    rules: BTreeMap<String, String>,
    train: Vec<String>,
    beside: Option<String>,
    example: String,
}

impl Target {
    fn of(file: TargetFile) -> Result<Self, Error> {
        let shape = Shape::compile(&file, &Options::default())?;
        let example = Core::with_shape(shape, &Reading::default())?.example()?;
        let rules = file.rules.told();
        let train = file.masks().map(str::to_owned).collect();
        let TargetFile { name, about, needs, oracle, settings, source, beside, .. } = file;
        let oracle = oracle.map(Oracle::name);
        let beside = beside.map(|beside| beside.file);
        Ok(Self { name, about, needs, oracle, settings, source, rules, train, beside, example })
    }
}

#[pyclass(frozen, get_all, module = "raftfast")]
struct Dialect {
    name: String,
    about: String,
    source: String,
    repairs: Vec<String>,
}

impl Dialect {
    fn of(file: DialectFile) -> Self {
        let repairs = file.repairs().map(str::to_owned).collect();
        let DialectFile { name, about, source, .. } = file;
        Self { name, about, source, repairs }
    }
}

#[pymethods]
impl Dialect {
    fn __repr__(&self) -> String {
        format!("Dialect(name={:?}, repairs={:?})", self.name, self.repairs)
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

/// The options of a converter that every target has.
struct Policies<'a> {
    escape: &'a str,
    on_error: &'a str,
    max_record_bytes: usize,
    dialect: &'a str,
    answer: &'a str,
    turns: &'a str,
    rejected: Option<&'a str>,
    seed: u64,
    unrepaired: Vec<String>,
    check: &'a str,
    train: Option<&'a str>,
    text_as: &'a str,
}

impl Policies<'_> {
    fn compile(
        self,
        target: TargetFile,
        settings: BTreeMap<String, String>,
    ) -> Result<Converter, Error> {
        let target = target.text_as(one_of("text_as", self.text_as, &TextAs::ALL)?)?;
        let train = self.train.map(|train| one_of("train", train, &Mask::ALL)).transpose()?;
        let options = Options { settings, escape: escape_named(self.escape)?, train };
        let reading = Reading {
            from: self.dialect.to_owned(),
            answer: one_of("answer", self.answer, &Answer::ALL)?,
            turns: one_of("turns", self.turns, &Several::ALL)?,
            rejected: Rejected::named(self.rejected, self.seed)?,
            unrepaired: self.unrepaired,
        };
        let core = Core::with_shape(Shape::compile(&target, &options)?, &reading)?
            .on_error(policy_named(self.on_error)?)
            .check(one_of("check", self.check, &Check::ALL)?)
            .max_record_bytes(self.max_record_bytes);
        Ok(Converter { core: Arc::new(core), total: Mutex::default() })
    }
}

#[pyclass(frozen, module = "raftfast")]
struct Converter {
    core: Arc<Core>,
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
            settings = BTreeMap::new(),
            dialect = AUTO,
            answer = "cot",
            turns = "error",
            rejected = None,
            seed = 0,
            unrepaired = Vec::new(),
            check = "warn",
            train = None,
            template = None,
            text_as = "text",
            date = None,
            escape = "keep",
            on_error = "fail",
            max_record_bytes = DEFAULT_MAX_RECORD_BYTES,
        ),
        text_signature = "(to='chat', *, system=None, prompt_key=None, completion_key=None, \
            stop=None, settings={}, dialect='auto', answer='cot', turns='error', rejected=None, \
            seed=0, unrepaired=(), check='warn', train=None, template=None, text_as='text', \
            date=None, escape='keep', on_error='fail', max_record_bytes=268435456)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        to: PathBuf,
        system: Option<String>,
        prompt_key: Option<String>,
        completion_key: Option<String>,
        stop: Option<String>,
        mut settings: BTreeMap<String, String>,
        dialect: &str,
        answer: &str,
        turns: &str,
        rejected: Option<&str>,
        seed: u64,
        unrepaired: Vec<String>,
        check: &str,
        train: Option<&str>,
        template: Option<String>,
        text_as: &str,
        date: Option<String>,
        escape: &str,
        on_error: &str,
        max_record_bytes: usize,
    ) -> PyResult<Self> {
        let named = [
            ("system", system),
            ("prompt_key", prompt_key),
            ("completion_key", completion_key),
            ("stop", stop),
        ];
        settings.extend(named.into_iter().filter_map(|(name, value)| Some((name.into(), value?))));
        let target = target_named(&to.to_string_lossy(), template.as_deref(), date.as_deref());
        let policies = Policies {
            escape,
            on_error,
            max_record_bytes,
            dialect,
            answer,
            turns,
            rejected,
            seed,
            unrepaired,
            check,
            train,
            text_as,
        };
        let compiled = target.and_then(|target| policies.compile(target, settings));
        compiled.map_err(|error| exception(py, &error))
    }

    #[staticmethod]
    #[pyo3(
        signature = (
            text,
            *,
            settings = BTreeMap::new(),
            dialect = AUTO,
            answer = "cot",
            turns = "error",
            rejected = None,
            seed = 0,
            unrepaired = Vec::new(),
            check = "warn",
            train = None,
            text_as = "text",
            escape = "keep",
            on_error = "fail",
            max_record_bytes = DEFAULT_MAX_RECORD_BYTES,
        ),
        text_signature = "(text, *, settings={}, dialect='auto', answer='cot', turns='error', \
            rejected=None, seed=0, unrepaired=(), check='warn', train=None, text_as='text', \
            escape='keep', on_error='fail', max_record_bytes=268435456)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn from_toml(
        py: Python<'_>,
        text: &str,
        settings: BTreeMap<String, String>,
        dialect: &str,
        answer: &str,
        turns: &str,
        rejected: Option<&str>,
        seed: u64,
        unrepaired: Vec<String>,
        check: &str,
        train: Option<&str>,
        text_as: &str,
        escape: &str,
        on_error: &str,
        max_record_bytes: usize,
    ) -> PyResult<Self> {
        let policies = Policies {
            escape,
            on_error,
            max_record_bytes,
            dialect,
            answer,
            turns,
            rejected,
            seed,
            unrepaired,
            check,
            train,
            text_as,
        };
        let target = TargetFile::parse("text", text);
        let compiled = target.and_then(|target| policies.compile(target, settings));
        compiled.map_err(|error| exception(py, &error))
    }

    fn convert_bytes<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = data.py();
        let data = bytes_of(data)?;
        let started = Instant::now();
        let converted = detached(py, || self.core.convert_bytes(&data));
        let (rows, account) = converted.map_err(|error| exception(py, &error))?;
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        total.0.add(&account);
        total.1 += started.elapsed();
        Ok(PyBytes::new(py, &rows))
    }

    #[getter]
    fn takes_others(&self) -> bool {
        self.core.lacks_others().is_some()
    }

    #[pyo3(
        signature = (inputs, *, threads = None, long = false, tick = None),
        text_signature = "($self, inputs, *, threads=None, long=False, tick=None)"
    )]
    fn with_others(
        &self,
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyAny>>,
        threads: Option<usize>,
        long: bool,
        tick: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let settings = settings_of(threads, DEFAULT_BLOCK_BYTES, Form::default(), long)?;
        let mut caller = Caller::new(tick);
        let inputs = inputs_of(&inputs, &caller.raised)?;
        let core = detached(py, || {
            let tick = &mut |progress| caller.tick(progress);
            engine::with_others(&self.core, &inputs, settings, tick)
        });
        let core = core.map_err(|error| caller.exception(py, &error))?;
        Ok(Self { core: Arc::new(core), total: Mutex::default() })
    }

    #[getter]
    fn limits(&self) -> BTreeMap<&'static str, u64> {
        limits_of(self.core.shape().rules())
    }

    #[getter]
    fn files(&self) -> Vec<String> {
        self.core.shape().rules().files.clone()
    }

    #[getter]
    fn beside(&self) -> Option<(String, String)> {
        let beside = self.core.shape().beside()?;
        Some((beside.file.clone(), beside.entry.clone()))
    }

    fn wanted(&self, columns: Vec<String>) -> Vec<String> {
        if self.core.shape().takes_whole() {
            return columns;
        }
        self.core.reader().wanted(&columns).into_iter().map(str::to_owned).collect()
    }

    #[getter]
    fn ledger(&self) -> Ledger {
        let total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        Ledger::new(total.0.clone(), total.1)
    }

    #[staticmethod]
    fn dialects(py: Python<'_>) -> PyResult<Vec<Dialect>> {
        let dialects = DialectFile::built_in().map_err(|error| exception(py, &error))?;
        Ok(dialects.iter().cloned().map(Dialect::of).collect())
    }

    #[staticmethod]
    fn templates(py: Python<'_>) -> PyResult<Vec<Target>> {
        let targets = TargetFile::templates().and_then(|t| t.into_iter().map(Target::of).collect());
        targets.map_err(|error| exception(py, &error))
    }

    #[staticmethod]
    fn target_file(py: Python<'_>, name: &str) -> PyResult<&'static str> {
        let none = || Error::usage(format!("no target or template '{name}'"));
        TargetFile::text_of(name).ok_or_else(none).map_err(|error| exception(py, &error))
    }

    #[staticmethod]
    fn targets(py: Python<'_>) -> PyResult<Vec<Target>> {
        let targets = TargetFile::built_in().and_then(|t| t.into_iter().map(Target::of).collect());
        targets.map_err(|error| exception(py, &error))
    }
}

/// What is said of whole files in numbers, by rule.
fn limits_of(rules: &Rules) -> BTreeMap<&'static str, u64> {
    let all = [
        ("min_rows", rules.min_rows),
        ("max_rows", rules.max_rows),
        ("max_bytes", rules.max_bytes),
    ];
    all.into_iter().filter_map(|(rule, bound)| Some((rule, bound?))).collect()
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

/// A target, or the text of a chat template.
fn target_named(to: &str, template: Option<&str>, date: Option<&str>) -> Result<TargetFile, Error> {
    match template {
        Some(path)
            if to == TEXT && path.contains(['.', '/']) && TargetFile::text_of(path).is_none() =>
        {
            TargetFile::jinja(path, date)
        }
        Some(template) if to == TEXT => TargetFile::template(template),
        Some(_) => Err(Error::usage(format!("target {to} takes no template; text does"))),
        None => TargetFile::named(to),
    }
}

/// What an option stands for.
fn one_of<T: Copy>(option: &str, name: &str, all: &[(&'static str, T)]) -> Result<T, Error> {
    let found = all.iter().find(|(known, _)| *known == name);
    found.map(|&(_, value)| value).ok_or_else(|| {
        let known = all.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
        Error::usage(format!("{option} is '{name}'; it takes one of {known}"))
    })
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

/// The first exception that Python code raised while the core was at work.
type Raised = Arc<Mutex<Option<PyErr>>>;

/// A caller in Python that is told of the progress, and the exception it raised.
#[derive(Default)]
struct Caller {
    tick: Option<Py<PyAny>>,
    raised: Raised,
}

impl Caller {
    fn new(tick: Option<Py<PyAny>>) -> Self {
        Self { tick, raised: Raised::default() }
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
                keep(&self.raised, raised);
                false
            }
            // The interpreter is ending.
            None => false,
        }
    }

    /// The exception for an error: what Python code raised, if that is why the run ended.
    fn exception(&self, py: Python<'_>, error: &Error) -> PyErr {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        raised.unwrap_or_else(|| exception(py, error))
    }
}

fn keep(raised: &Raised, error: PyErr) {
    raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

/// An object of Python that is read or written like a file, from any thread.
struct FileObject {
    object: Py<PyAny>,
    raised: Raised,
}

/// Bytes that are asked of an object of Python at once.
const ASKED: usize = 512 << 10;

impl FileObject {
    /// Does something with the object; what it raises is kept, and ends the run.
    fn with<T>(&self, work: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> io::Result<T> {
        let done = Python::try_attach(|py| work(self.object.bind(py)));
        match done {
            Some(Ok(done)) => Ok(done),
            Some(Err(raised)) => {
                let told = io::Error::other(raised.to_string());
                keep(&self.raised, raised);
                Err(told)
            }
            None => Err(io::Error::other("the interpreter is ending")),
        }
    }
}

impl Read for FileObject {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let wanted = space.len().min(ASKED);
        self.with(|object| {
            if object.hasattr("readinto")? {
                let bytes = PyByteArray::new_with(object.py(), wanted, |_| Ok(()))?;
                let count: usize = object.call_method1("readinto", (&bytes,))?.extract()?;
                let read = bytes.to_vec();
                let count = count.min(wanted).min(read.len());
                space[..count].copy_from_slice(&read[..count]);
                return Ok(count);
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
                let waits = object.is_instance(&raw)?;
                return if waits { Err(PyBlockingIOError::new_err(())) } else { Ok(bytes.len()) };
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

/// Columns of strings in Arrow files, which the core reads itself.
#[pyclass(frozen, module = "raftfast")]
struct Strings(Mutex<Option<source::Columns>>);

impl Strings {
    fn take(&self) -> PyResult<source::Columns> {
        let columns = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        columns.ok_or_else(|| PyValueError::new_err("the columns can be read once"))
    }
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
        let wanted: Vec<String> = wanted.call1((strings.names(),))?.extract()?;
        Ok(strings.columns(&wanted).map(|columns| Self(Mutex::new(Some(columns)))))
    }
}

/// The inputs of a call: paths, and pairs of a name and an object to read from.
fn inputs_of(inputs: &[Bound<'_, PyAny>], raised: &Raised) -> PyResult<Vec<Input>> {
    inputs.iter().map(|input| input_of(input, raised)).collect()
}

fn input_of(input: &Bound<'_, PyAny>, raised: &Raised) -> PyResult<Input> {
    let Ok((name, object)) = input.extract::<(String, Bound<'_, PyAny>)>() else {
        return Ok(Input::new(input.extract::<PathBuf>()?));
    };
    if let Ok(strings) = object.cast::<Strings>() {
        return Ok(Input::strings(name, strings.get().take()?));
    }
    if object.hasattr("__arrow_c_stream__")? || object.hasattr("__arrow_c_array__")? {
        return Ok(Input::batches(name, object.extract::<AnyRecordBatch>()?.into_reader()?));
    }
    if object.hasattr("readinto")? || object.hasattr("read")? {
        let object = FileObject { object: object.unbind(), raised: Arc::clone(raised) };
        return Ok(Input::bytes(name, Box::new(object)));
    }
    Err(PyTypeError::new_err(format!("{name}: there is nothing to read from {object}")))
}

/// Where the rows of a call go.
fn destination_of(
    output: &Bound<'_, PyAny>,
    shard_bytes: Option<u64>,
    raised: &Raised,
) -> PyResult<Destination> {
    if let Some(bytes) = shard_bytes {
        let next = NextOutput { name: output.clone().unbind(), raised: Arc::clone(raised) };
        return Ok(Destination::Rolling { bytes, next: Box::new(move || next.call()) });
    }
    if output.hasattr("write")? {
        let object = FileObject { object: output.clone().unbind(), raised: Arc::clone(raised) };
        return Ok(Destination::Object(output.to_string(), Box::new(object)));
    }
    Ok(Destination::Path(output.extract()?))
}

/// A callable of Python that names outputs.
struct NextOutput {
    name: Py<PyAny>,
    raised: Raised,
}

impl NextOutput {
    fn call(&self) -> Result<PathBuf, Error> {
        let named = Python::try_attach(|py| self.name.call0(py)?.extract::<PathBuf>(py));
        named.unwrap_or_else(|| Ok(PathBuf::new())).map_err(|raised| {
            keep(&self.raised, raised);
            ErrorKind::Cancelled.into()
        })
    }
}

/// The level of zstd unless asked otherwise, which is its own.
const ZSTD_LEVEL: i32 = 3;

/// What the rows become, by the words of the options.
fn form_named(form: &str, compression: Option<&str>, level: Option<i32>) -> Result<Form, Error> {
    use columnar::Form as File;
    match form {
        "jsonl" => lines_named(compression, level).map(Form::Lines),
        "arrow" => file_named(File::IpcFile, compression, level),
        "arrows" => file_named(File::IpcStream, compression, level),
        "parquet" => file_named(File::Parquet, compression, level),
        _ => Err(Error::usage(format!(
            "no form '{form}' of output; there are jsonl, arrow, arrows and parquet"
        ))),
    }
}

fn file_named(
    form: columnar::Form,
    compression: Option<&str>,
    level: Option<i32>,
) -> Result<Form, Error> {
    use columnar::Codec;
    let codec = match (compression, level, form.codec()) {
        (None, Some(level), Codec::Zstd(_)) => Codec::Zstd(level),
        (None, _, codec) => codec,
        (Some("none"), ..) => Codec::None,
        (Some("zst" | "zstd"), ..) => Codec::Zstd(level.unwrap_or(ZSTD_LEVEL)),
        (Some("snappy"), ..) => Codec::Snappy,
        (Some("lz4"), ..) => Codec::Lz4,
        (Some(other), ..) => {
            let known = "none, zst, snappy and lz4";
            return Err(Error::usage(format!("no compression '{other}'; there are {known}")));
        }
    };
    Ok(Form::File(form, codec))
}

fn lines_named(compression: Option<&str>, level: Option<i32>) -> Result<Compression, Error> {
    match compression {
        None | Some("none") => Ok(Compression::None),
        Some("gz" | "gzip") => match level.map_or(Ok(6), u32::try_from) {
            Ok(level) if level <= 9 => Ok(Compression::Gzip(level)),
            _ => Err(Error::usage("gzip has the levels 0 to 9")),
        },
        Some("zst" | "zstd") => match level.unwrap_or(ZSTD_LEVEL) {
            level @ 1..=22 => Ok(Compression::Zstd(level)),
            _ => Err(Error::usage("zstd has the levels 1 to 22")),
        },
        Some(other) => {
            let known = "none, gz and zst";
            Err(Error::usage(format!("no compression '{other}' for jsonl; there are {known}")))
        }
    }
}

/// How a call runs, with what cannot help beyond measure made smaller.
fn settings_of(
    threads: Option<usize>,
    block_bytes: usize,
    form: Form,
    long: bool,
) -> PyResult<Settings> {
    if threads == Some(0) || block_bytes == 0 {
        return Err(PyValueError::new_err("threads and block_bytes must be at least 1"));
    }
    // Beyond these, more cannot help: a thread per block of a terabyte, and a block of a gigabyte.
    let threads = threads.unwrap_or_else(engine::default_threads).min(1 << 12);
    Ok(Settings { threads, block_bytes: block_bytes.min(1 << 30), form, long, part: None })
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
        form = "jsonl",
        compression = None,
        level = None,
        long = false,
        part = None,
        shard_bytes = None,
        split = None,
        lenient = false,
    ),
    text_signature = "(inputs, output, converter, *, threads=None, block_bytes=524288, \
        rejects=None, tick=None, form='jsonl', compression=None, level=None, long=False, \
        part=None, shard_bytes=None, split=None, lenient=False)"
)]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
fn convert_files(
    py: Python<'_>,
    inputs: Vec<Bound<'_, PyAny>>,
    output: Bound<'_, PyAny>,
    converter: &Converter,
    threads: Option<usize>,
    block_bytes: usize,
    rejects: Option<PathBuf>,
    tick: Option<Py<PyAny>>,
    form: &str,
    compression: Option<&str>,
    level: Option<i32>,
    long: bool,
    part: Option<(u64, u64)>,
    shard_bytes: Option<u64>,
    split: Option<(Vec<f64>, u64)>,
    lenient: bool,
) -> PyResult<Ledger> {
    let form = form_named(form, compression, level).map_err(|error| exception(py, &error))?;
    let settings = Settings { part, ..settings_of(threads, block_bytes, form, long)? };
    let mut caller = Caller::new(tick);
    let inputs = inputs_of(&inputs, &caller.raised)?;
    let dealt = Arc::default();
    let output = match split {
        Some((shares, seed)) => {
            let outputs: Vec<PathBuf> = output.extract()?;
            let outputs = outputs.into_iter().zip(shares).collect();
            Destination::Split { outputs, seed, rows: Arc::clone(&dealt) }
        }
        None => destination_of(&output, shard_bytes, &caller.raised)?,
    };
    let started = Instant::now();
    let converted = detached(py, || {
        let tick = &mut |progress| caller.tick(progress);
        let core = &converter.core;
        engine::convert(core, &inputs, output, rejects.as_deref(), settings, tick)
    });
    let outcome = converted.map_err(|error| caller.exception(py, &error))?;
    if let Some(missing) = outcome.missing.clone().filter(|_| !lenient) {
        return Err(exception(py, &missing.into()));
    }
    let split = std::mem::take(&mut *dealt.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Ledger { split, ..Ledger::of(outcome, started.elapsed()) })
}

/// A reader that is read and dropped without the GIL, by whoever holds it: the workers may need it to
/// read from objects of Python. It keeps alive what they belong to.
struct Detached {
    reader: Option<engine::Reader>,
    held: Option<Py<PyAny>>,
}

impl Iterator for Detached {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        Python::try_attach(|py| py.detach(|| reader.next())).flatten()
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
        Python::try_attach(|py| {
            py.detach(|| drop(reader));
            drop(held);
        });
    }
}

/// Batches of rows for whoever takes Arrow streams.
#[pyclass(frozen, module = "raftfast")]
struct Reader {
    batches: Mutex<Option<Detached>>,
    schema: SchemaRef,
    account: engine::Account,
    caller: Caller,
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
        let account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = account.as_ref()?.as_ref().ok()?.clone();
        Some(Ledger::of(outcome, self.started.elapsed()))
    }

    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        match account.as_ref() {
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
fn read_batches(
    py: Python<'_>,
    inputs: Vec<Bound<'_, PyAny>>,
    converter: &Converter,
    threads: Option<usize>,
    block_bytes: usize,
    long: bool,
    held: Option<Py<PyAny>>,
    tick: Option<Py<PyAny>>,
) -> PyResult<Reader> {
    let settings = settings_of(threads, block_bytes, Form::Batches, long)?;
    let mut caller = Caller::new(tick);
    let inputs = inputs_of(&inputs, &caller.raised)?;
    let started = Instant::now();
    let core = &converter.core;
    let reading = detached(py, || {
        engine::read(core, inputs, settings, &mut |progress| caller.tick(progress))
    });
    let reader = reading.map_err(|error| caller.exception(py, &error))?;
    let (schema, account) = (reader.schema(), reader.account());
    let batches = Mutex::new(Some(Detached { reader: Some(reader), held }));
    Ok(Reader { batches, schema, account, caller, started })
}

/// A target compiled to check rows.
#[pyclass(frozen, module = "raftfast")]
struct Validator {
    core: Arc<validate::Validator>,
}

#[pymethods]
impl Validator {
    #[new]
    #[pyo3(
        signature = (to, *, settings = BTreeMap::new()),
        text_signature = "(to, *, settings={})"
    )]
    fn new(py: Python<'_>, to: PathBuf, settings: BTreeMap<String, String>) -> PyResult<Self> {
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

    fn name(&self, rule: &str) -> &'static str {
        self.core.rules().name(rule)
    }
}

/// What was found in rows.
#[pyclass(frozen, module = "raftfast")]
struct Findings {
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
fn validate_files(
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
    let settings = settings_of(threads, block_bytes, Form::default(), long)?;
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

#[pyfunction]
#[pyo3(
    signature = (path, *, long = false),
    text_signature = "(path, *, long=False)"
)]
fn beginning(py: Python<'_>, path: PathBuf, long: bool) -> PyResult<Option<(bool, bool)>> {
    let found = detached(py, || {
        let found = source::Beginning::of(&path, long);
        found.map_err(|error| Error::io(path.to_string_lossy(), error))
    });
    let found = found.map_err(|error| exception(py, &error))?;
    Ok(found.map(|found| (found.mark, found.array)))
}

/// What records hold, for whoever takes Arrow schemas.
#[pyclass(frozen, module = "raftfast")]
struct Schema {
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
fn survey(
    py: Python<'_>,
    inputs: Vec<Bound<'_, PyAny>>,
    threads: Option<usize>,
    long: bool,
    tick: Option<Py<PyAny>>,
) -> PyResult<Schema> {
    let settings = settings_of(threads, DEFAULT_BLOCK_BYTES, Form::default(), long)?;
    let mut caller = Caller::new(tick);
    let inputs = inputs_of(&inputs, &caller.raised)?;
    let surveyed =
        detached(py, || engine::survey(&inputs, settings, &mut |progress| caller.tick(progress)));
    let survey = surveyed.map_err(|error| caller.exception(py, &error))?;
    Ok(Schema { survey })
}

#[pyfunction]
#[pyo3(signature = (path, *, tick = None))]
fn digest(py: Python<'_>, path: PathBuf, tick: Option<Py<PyAny>>) -> PyResult<String> {
    let mut caller = Caller::new(tick);
    let digest = detached(py, || {
        source::digest(&path, &mut |done| caller.tick(Progress { done, total: None }))
    });
    digest.map_err(|error| caller.exception(py, &error))
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
    let written = detached(py, || {
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
