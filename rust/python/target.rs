//! Targets and dialects as Python lists them.

use std::collections::BTreeMap;

use pyo3::prelude::*;

use crate::convert::Converter as Core;
use crate::dialect::{Dialect as DialectFile, Reading};
use crate::error::Error;
use crate::oracle::Oracle;
use crate::shape::{Options, Shape};
use crate::target::Target as TargetFile;

#[pyclass(frozen, get_all, module = "raftfast")]
pub(super) struct Target {
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
    pub(super) fn of(file: TargetFile) -> Result<Self, Error> {
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
pub(super) struct Dialect {
    name: String,
    about: String,
    source: String,
    repairs: Vec<String>,
}

impl Dialect {
    pub(super) fn of(file: DialectFile) -> Self {
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
