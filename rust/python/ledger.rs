//! The account of a run, and how it is pickled.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::dialect;
use crate::engine::Outcome;
use crate::error::FaultKind;
use crate::ledger::{Ledger as Account, Reasons};
use crate::oracle::Oracle;
use crate::pool::NO_OTHER;
use crate::record::Field;
use crate::rules;
use crate::value::Absence;

#[pyclass(frozen, module = "raftfast")]
pub(super) struct Ledger {
    account: Account,
    elapsed: Duration,
    /// The account of each input, where there are inputs.
    inputs: Vec<(String, Account)>,
    /// The fields in use that were in no record.
    missing: Vec<&'static str>,
    /// How many rows each of several outputs got.
    rows: Vec<u64>,
    /// The rules that rows broke, and where each first was in each input.
    broken: Vec<Broken>,
}

/// An account, those of the inputs, the rows of the outputs, and the missing fields.
type Parts<'py> = (Bound<'py, PyDict>, Vec<(String, Bound<'py, PyDict>)>, Vec<u64>, Vec<String>);

/// The rule that a row broke, its input and its line.
type Broken = (&'static str, String, u64);

impl Ledger {
    pub(super) fn new(account: Account, elapsed: Duration) -> Self {
        Self {
            account,
            elapsed,
            inputs: Vec::new(),
            missing: Vec::new(),
            rows: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// The same with how many rows went to each output.
    pub(super) fn with_rows(self, rows: Vec<u64>) -> Self {
        Self { rows, ..self }
    }

    /// The account of a run.
    pub(super) fn of(outcome: Outcome, elapsed: Duration) -> Self {
        Self {
            account: outcome.ledger,
            elapsed,
            inputs: outcome.inputs,
            missing: outcome.missing.map_or(Vec::new(), |missing| missing.fields),
            rows: Vec::new(),
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
    fn rejected_rules(&self) -> BTreeMap<&'static str, u64> {
        self.account.rejected_rules.sorted().into_iter().collect()
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
        let mut broken = HashMap::<&str, Vec<Broken>>::new();
        for first in &self.broken {
            broken.entry(&first.1).or_default().push(first.clone());
        }
        let part = |name: &String, account: &Account| {
            let broken = broken.get(name.as_str()).cloned().unwrap_or_default();
            Self { broken, ..Self::new(account.clone(), self.elapsed) }
        };
        let inputs = self.inputs.iter();
        inputs.map(|(name, account)| (name.clone(), part(name, account))).collect()
    }

    #[getter]
    fn rows(&self) -> Vec<u64> {
        self.rows.clone()
    }

    #[getter]
    fn missing(&self) -> Option<&'static str> {
        self.missing.first().copied()
    }

    #[staticmethod]
    fn total(ledgers: Vec<PyRef<'_, Self>>, seconds: f64) -> PyResult<Self> {
        let mut total = Self::new(Account::default(), elapsed_of(seconds)?);
        let mut known = HashSet::new();
        for ledger in &ledgers {
            total.account.add(&ledger.account);
            total.inputs.extend(ledger.inputs.iter().cloned());
            let first = ledger.broken.iter().filter(|first| known.insert((first.0, &first.1)));
            total.broken.extend(first.cloned());
        }
        if let [only] = ledgers.as_slice() {
            total.rows.clone_from(&only.rows);
        }
        // A part without records lacks nothing, and says nothing of the others.
        let told: Vec<_> = ledgers.iter().filter(|ledger| ledger.has_records()).collect();
        if let Some(first) = told.first() {
            let lacks = |field| told.iter().all(|ledger| ledger.missing.contains(field));
            total.missing = first.missing.iter().filter(|field| lacks(field)).copied().collect();
        }
        Ok(total)
    }

    fn of_input(&self, name: String) -> Self {
        Self {
            account: self.account.clone(),
            elapsed: self.elapsed,
            inputs: vec![(name, self.account.clone())],
            missing: self.missing.clone(),
            rows: self.rows.clone(),
            broken: self.broken.clone(),
        }
    }

    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let account = PyDict::new(py);
        account.set_item("read", self.read())?;
        account.set_item("added", self.added())?;
        account.set_item("written", self.written())?;
        account.set_item("filtered", self.filtered())?;
        account.set_item("rejected", self.rejected())?;
        account.set_item("rejected_rules", self.rejected_rules())?;
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

    /// What `pickle` takes: a ledger goes back to whoever asked another process for the run.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Parts<'py>)> {
        let restored = py.import("raftfast._raftfast")?.getattr("restored_ledger")?;
        let input = |(name, ledger): (String, Self)| Ok((name, ledger.as_dict(py)?));
        let inputs = self.inputs().into_iter().map(input).collect::<PyResult<_>>()?;
        let missing = self.missing.iter().map(|&field| field.to_owned()).collect();
        Ok((restored, (self.as_dict(py)?, inputs, self.rows.clone(), missing)))
    }

    #[staticmethod]
    fn from_dict(account: &Bound<'_, PyDict>) -> PyResult<Self> {
        // Consumers have names of their own for their rules: any may be one.
        let rule = |name: &str| Some(rules::interned(name));
        let read = Account {
            read: number_in(account, "read")?,
            added: number_in(account, "added")?,
            written: number_in(account, "written")?,
            filtered: reasons_in(account, "filtered", reason_named)?,
            rejected: reasons_in(account, "rejected", reason_named)?,
            rejected_rules: reasons_in(account, "rejected_rules", rule)?,
            warned: reasons_in(account, "warned", rule)?,
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

/// The ledger that was taken apart into these.
#[pyfunction]
pub(super) fn restored_ledger(
    account: &Bound<'_, PyDict>,
    inputs: Vec<(String, Bound<'_, PyDict>)>,
    rows: Vec<u64>,
    missing: Vec<String>,
) -> PyResult<Ledger> {
    let input =
        |(name, dict): (String, Bound<'_, PyDict>)| Ok((name, Ledger::from_dict(&dict)?.account));
    let inputs = inputs.into_iter().map(input).collect::<PyResult<_>>()?;
    let missing = missing.iter().filter_map(|name| Field::named(name)).map(Field::name).collect();
    Ok(Ledger { inputs, missing, rows, ..Ledger::from_dict(account)? })
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
