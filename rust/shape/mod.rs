//! A target, compiled once: what to look for, what to filter, and how a row is written.

mod placeholder;
mod plan;
mod skeleton;

use std::collections::BTreeMap;

use crate::error::{Error, Fault};
use crate::record::{Absence, Field, Record};
use crate::scan::Keys;
use crate::target::Target;
use crate::text::Escape;

/// What a caller can choose about the rows of a target.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Settings of the target by name, instead of its defaults.
    pub settings: BTreeMap<String, String>,
    /// How strings are written.
    pub escape: Escape,
}

/// A compiled target.
///
/// ```
/// use raftfast::shape::{Options, Shape};
/// use raftfast::target::Target;
///
/// let shape = Shape::compile(&Target::named("chat")?, &Options::default())?;
/// assert_eq!(shape.keys().names(), ["instruction", "cot_answer"]);
/// # Ok::<(), raftfast::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Shape {
    keys: Keys,
    /// The fields in use; those that the target needs come first.
    fields: Vec<Field>,
    needs: usize,
    /// Bit k is set if field k must be in some record at least.
    expected: u64,
    steps: Vec<plan::Step>,
    escape: Escape,
}

impl Shape {
    /// Compiles a target with the settings of the caller.
    ///
    /// # Errors
    ///
    /// A usage error that names what the target does not know, or what does not fit together.
    pub fn compile(target: &Target, options: &Options) -> Result<Self, Error> {
        let wrong = |message: String| Error::usage(format!("target {}: {message}", target.name));
        let settings = settings(target, options)?;
        let skeleton = serde_json::from_str(&target.row)
            .map_err(|error| wrong(format!("the row is not JSON: {error}")))?;
        let mut compiler = skeleton::Compiler::new(&settings, options.escape);
        for need in &target.needs {
            let field = Field::named(need).ok_or_else(|| {
                let known = Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>();
                wrong(format!("unknown field '{need}' in needs; there are {}", known.join(", ")))
            })?;
            compiler.slot(field);
            compiler.expected.push(field);
        }
        let needs = compiler.fields.len();
        let steps = compiler.row(&skeleton).map_err(wrong)?;
        let fields = compiler.fields;
        let expected = fields.iter().map(|field| compiler.expected.contains(field));
        Ok(Self {
            keys: Keys::new(fields.iter().map(|field| field.name())),
            needs,
            expected: bits(expected),
            steps,
            escape: options.escape,
            fields,
        })
    }

    /// The keys that a scanner must look for.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The fields that a record has, as bits in the order of the keys.
    #[inline]
    #[must_use]
    pub fn present(&self, record: &Record<'_>) -> u64 {
        bits((0..self.fields.len()).map(|slot| record.raw_len(slot) > 0))
    }

    /// The fields that some record at least must have, as bits.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.expected
    }

    /// The first expected field that is missing, if `present` tells what all records have.
    #[must_use]
    pub fn missing(&self, present: u64) -> Option<&'static str> {
        let missing = self.expected & !present;
        let slot = missing.trailing_zeros() as usize;
        self.fields.get(slot).map(|field| field.name())
    }

    /// Decides whether a record becomes a row; if not, gives the reason for which the target drops
    /// it.
    ///
    /// # Errors
    ///
    /// A fault if a field in use holds another type than it should.
    #[inline]
    pub fn filter(&self, record: &Record<'_>) -> Result<Option<&'static str>, Fault> {
        for (slot, &field) in self.fields.iter().enumerate() {
            record.check(slot, field)?;
        }
        Ok(self.absent_need(record).map(|(field, absence)| field.reason(absence)))
    }

    /// Writes a record as a row with its line end.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is written.
    #[inline]
    pub fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.try_reserve(plan::bound(&self.steps, record, self.escape))?;
        plan::write(&self.steps, record, self.escape, out);
        Ok(())
    }

    #[inline]
    fn absent_need(&self, record: &Record<'_>) -> Option<(Field, Absence)> {
        let mut needs = self.fields[..self.needs].iter().enumerate();
        needs.find_map(|(slot, &field)| Some((field, record.value(slot).absence()?)))
    }
}

/// The settings of a target, with those of the caller in their place.
fn settings(target: &Target, options: &Options) -> Result<BTreeMap<String, String>, Error> {
    let mut settings = target.settings.clone();
    for (name, value) in &options.settings {
        let Some(setting) = settings.get_mut(name) else {
            let known = target.settings.keys().map(String::as_str).collect::<Vec<_>>();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Error::usage(format!(
                "target {} has no setting '{name}'; its settings: {known}",
                target.name
            )));
        };
        setting.clone_from(value);
    }
    Ok(settings)
}

fn bits(set: impl Iterator<Item = bool>) -> u64 {
    set.enumerate().fold(0, |bits, (place, set)| bits | u64::from(set) << place)
}
