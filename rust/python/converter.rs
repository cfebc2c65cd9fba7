//! A compiled target with the policies of a caller.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};

use super::caller::Caller;
use super::inputs::inputs_of;
use super::ledger::Ledger;
use super::outputs::settings_of;
use super::target::{Dialect, Target};
use super::{detached, exception};
use crate::batch::Column;
use crate::convert::{Converter as Core, DEFAULT_BLOCK_BYTES, DEFAULT_MAX_RECORD_BYTES, OnError};
use crate::dialect::{AUTO, Answer, Dialect as DialectFile, Reading, Rejected, Several};
use crate::engine::{self, Form};
use crate::error::Error;
use crate::ledger::Ledger as Account;
use crate::mask::Mask;
use crate::printable::name_of;
use crate::rules::{Check, Rules};
use crate::shape::{Options, Shape};
use crate::source;
use crate::target::{TEXT, Target as TargetFile, TextAs};
use crate::text::Escape;

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
    /// The converter of a target, and its options as they are passed by name.
    fn made(
        self,
        py: Python<'_>,
        target: Result<TargetFile, Error>,
        settings: BTreeMap<String, String>,
    ) -> PyResult<(Core, Bound<'_, PyDict>)> {
        let options = self.by_name(py)?;
        options.set_item("settings", &settings)?;
        let compiled = target.and_then(|target| self.compile(target, settings));
        Ok((compiled.map_err(|error| exception(py, &error))?, options))
    }

    fn by_name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let options = PyDict::new(py);
        options.set_item("escape", self.escape)?;
        options.set_item("on_error", self.on_error)?;
        options.set_item("max_record_bytes", self.max_record_bytes)?;
        options.set_item("dialect", self.dialect)?;
        options.set_item("answer", self.answer)?;
        options.set_item("turns", self.turns)?;
        options.set_item("rejected", self.rejected)?;
        options.set_item("seed", self.seed)?;
        options.set_item("unrepaired", &self.unrepaired)?;
        options.set_item("check", self.check)?;
        options.set_item("train", self.train)?;
        options.set_item("text_as", self.text_as)?;
        Ok(options)
    }

    fn compile(
        self,
        target: TargetFile,
        settings: BTreeMap<String, String>,
    ) -> Result<Core, Error> {
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
        Ok(Core::with_shape(Shape::compile(&target, &options)?, &reading)?
            .on_error(policy_named(self.on_error)?)
            .check(one_of("check", self.check, &Check::ALL)?)
            .max_record_bytes(self.max_record_bytes))
    }
}

/// How a converter was made, which is what `pickle` takes of it.
struct Making {
    /// Whether the target was given as the text of a file.
    of_text: bool,
    target: Py<PyAny>,
    options: Py<PyDict>,
    /// The files of the target and of the template, and their digests.
    files: Vec<(PathBuf, String)>,
}

impl Making {
    /// Of a named target and perhaps a template, either of which may be a file: another process has another
    /// current folder, and another file there tells a cache that the converter is another one.
    fn of_names(to: &Path, template: Option<&str>, options: Bound<'_, PyDict>) -> PyResult<Self> {
        let py = options.py();
        let target = kept(py, to)?;
        let template = template.map(|path| kept(py, Path::new(path))).transpose()?.flatten();
        let files = target.iter().chain(&template).cloned().collect();
        if let Some((path, _)) = template {
            options.set_item("template", path.as_os_str())?;
        }
        let target = target.map_or(to.to_owned(), |(path, _)| path);
        // As a string: a path would be a `pathlib.Path`, and to import that takes 10 ms.
        let target = target.as_os_str().into_pyobject(py)?.into_any().unbind();
        Ok(Self { of_text: false, target, options: options.unbind(), files })
    }
}

/// The whole path of a file and its digest; nothing of a name that is built in, or of no file.
fn kept(py: Python<'_>, path: &Path) -> PyResult<Option<(PathBuf, String)>> {
    if TargetFile::text_of(&path.to_string_lossy()).is_some() || !path.is_file() {
        return Ok(None);
    }
    let whole = std::path::absolute(path)?;
    let digest = source::digest(&whole, &mut |_| true).map_err(|error| exception(py, &error))?;
    Ok(Some((whole, digest)))
}

#[pyclass(frozen, module = "raftfast")]
pub(super) struct Converter {
    pub(super) core: Arc<Core>,
    /// What `convert_bytes` has done so far.
    total: Mutex<(Account, Duration)>,
    /// Nothing if answers of other records were taken in since.
    making: Option<Making>,
}

impl Converter {
    fn new_of(core: Core, making: Option<Making>) -> Self {
        Self { core: Arc::new(core), total: Mutex::default(), making }
    }
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
    pub(super) fn new(
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
        let (core, options) = policies.made(py, target, settings)?;
        options.set_item("template", &template)?;
        options.set_item("date", &date)?;
        Ok(Self::new_of(core, Some(Making::of_names(&to, template.as_deref(), options)?)))
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
        let (core, options) = policies.made(py, TargetFile::parse("text", text), settings)?;
        let target = text.into_pyobject(py)?.into_any().unbind();
        let making = Making { of_text: true, target, options: options.unbind(), files: Vec::new() };
        Ok(Self::new_of(core, Some(making)))
    }

    /// What `pickle` takes: another process makes the converter again.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Arguments<'py>)> {
        let Some(Making { of_text, target, options, files }) = &self.making else {
            let what = "a converter that holds answers of other records cannot be pickled";
            return Err(PyTypeError::new_err(what));
        };
        let restored = py.import("raftfast._raftfast")?.getattr("restored_converter")?;
        let files =
            files.iter().map(|(path, digest)| (path.as_os_str().to_owned(), digest.clone()));
        let options = options.bind(py).copy()?;
        Ok((restored, (*of_text, target.bind(py).clone(), options, files.collect())))
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
        let settings = settings_of(threads, DEFAULT_BLOCK_BYTES, Form::default(), long);
        let settings = settings.map_err(|error| exception(py, &error))?;
        let mut caller = Caller::new(tick);
        let inputs = inputs_of(&inputs, &caller.raised)?;
        let core = detached(py, || {
            let tick = &mut |progress| caller.tick(progress);
            engine::with_others(&self.core, &inputs, settings, tick)
        });
        let core = core.map_err(|error| caller.exception(py, &error))?;
        Ok(Self::new_of(core, None))
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

    fn wanted(&self, columns: Vec<(String, String)>) -> Vec<String> {
        if self.core.shape().takes_whole() {
            return columns.into_iter().map(|(name, _)| name).collect();
        }
        let table = columns.into_iter().map(|(name, form)| Column::of(name, &form));
        let wanted = self.core.reader().wanted(&table.collect::<Vec<_>>());
        wanted.into_iter().map(str::to_owned).collect()
    }

    #[getter]
    fn ledger(&self) -> Ledger {
        let total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        Ledger::new(total.0.clone(), total.1)
    }

    #[staticmethod]
    fn dialect(py: Python<'_>, name: &str) -> PyResult<Dialect> {
        let dialect = DialectFile::named(name).map_err(|error| exception(py, &error))?;
        Ok(Dialect::of(dialect.clone()))
    }

    #[staticmethod]
    fn target(py: Python<'_>, name: &str) -> PyResult<Target> {
        let target = TargetFile::named_or_template(name).and_then(Target::of);
        target.map_err(|error| exception(py, &error))
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
        let text = TargetFile::text_of(name).ok_or_else(|| TargetFile::unknown_text(name));
        text.map_err(|error| exception(py, &error))
    }

    #[staticmethod]
    fn targets(py: Python<'_>) -> PyResult<Vec<Target>> {
        let targets = TargetFile::built_in().and_then(|t| t.into_iter().map(Target::of).collect());
        targets.map_err(|error| exception(py, &error))
    }
}

/// What a converter was made of: whether of a text, the target, what was passed by name, and the files.
type Arguments<'py> = (bool, Bound<'py, PyAny>, Bound<'py, PyDict>, Vec<(OsString, String)>);

/// The converter that was taken apart into these.
#[pyfunction]
pub(super) fn restored_converter<'py>(
    of_text: bool,
    target: Bound<'py, PyAny>,
    options: Bound<'py, PyDict>,
    files: Vec<(PathBuf, String)>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = target.py();
    for (path, digest) in files {
        if kept(py, &path)?.is_none_or(|(_, now)| now != digest) {
            let what = "is not what it was when the converter was made";
            return Err(exception(py, &Error::usage(format!("{}: {what}", name_of(&path)))));
        }
    }
    let class = py.get_type::<Converter>();
    if of_text {
        return class.call_method("from_toml", (target,), Some(&options));
    }
    class.call((target,), Some(&options))
}

/// What is said of whole files in numbers, by rule.
pub(super) fn limits_of(rules: &Rules) -> BTreeMap<&'static str, u64> {
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
        _ if date.is_some() => {
            Err(Error::usage("a date is for a template of your own: no built-in one asks for it"))
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
