//! A target, compiled once: what to look for, what to filter, and how a row is written.

pub(crate) mod flatten;
mod placeholder;
pub(crate) mod plan;
mod skeleton;
pub(crate) mod tree;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::batch::Batch;
use crate::error::{Error, Fault};
use crate::record::{Field, Record, Value};
use crate::scan::Keys;
use crate::target::Target;
use crate::text::Escape;
use tree::Node;

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
    name: String,
    keys: Keys,
    /// The fields in use; those that the target needs come first.
    fields: Vec<Field>,
    needs: usize,
    /// Bit k is set if field k must be in some record at least.
    expected: u64,
    tree: Arc<Node>,
    steps: Vec<plan::Step>,
    escape: Escape,
}

/// What a shape says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The fields that the record has, as bits in the order of the keys.
    pub present: u64,
    /// Why the target drops the record, if it does.
    pub dropped: Option<&'static str>,
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
        let mut compiler = skeleton::Compiler::new(&settings);
        for need in &target.needs {
            let field = Field::named(need).ok_or_else(|| {
                let known = Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>();
                wrong(format!("unknown field '{need}' in needs; there are {}", known.join(", ")))
            })?;
            compiler.slot(field);
            compiler.expected.push(field);
        }
        let needs = compiler.fields.len();
        let tree = compiler.row(&skeleton).map_err(wrong)?;
        let fields = compiler.fields;
        let expected = fields.iter().map(|field| compiler.expected.contains(field));
        Ok(Self {
            name: target.name.clone(),
            keys: Keys::new(fields.iter().map(|field| field.name())),
            needs,
            expected: bits(expected),
            steps: flatten::row(&tree, options.escape),
            tree: Arc::new(tree),
            escape: options.escape,
            fields,
        })
    }

    /// The keys that a scanner must look for.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The fields in use, in the order of the keys.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether rows hold whole records.
    #[must_use]
    pub fn takes_whole(&self) -> bool {
        plan::takes_whole(&self.steps)
    }

    /// Takes a batch of the input called `path` for this target: see [`Batch::new`].
    ///
    /// # Errors
    ///
    /// Those of [`Batch::new`].
    pub fn batch(&self, path: &str, batch: &RecordBatch) -> Result<Batch, Error> {
        Batch::new(path, batch, &self.fields, self.takes_whole())
    }

    /// The name of the target.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields that a record must have to become a row.
    pub(crate) fn needs(&self) -> &[Field] {
        &self.fields[..self.needs]
    }

    /// The row as a tree.
    pub(crate) fn tree(&self) -> &Arc<Node> {
        &self.tree
    }

    /// Whether every field in use is one that some record at least must have.
    #[must_use]
    pub fn all_expected(&self) -> bool {
        self.expected.count_ones() as usize == self.fields.len()
    }

    /// Bytes of the values in use, as JSON.
    #[must_use]
    pub fn used_bytes(&self, record: &Record<'_>) -> u64 {
        (0..self.fields.len()).map(|slot| record.raw_len(slot) as u64).sum()
    }

    /// The fields that a record has, as bits in the order of the keys.
    #[must_use]
    pub fn present(&self, record: &Record<'_>) -> u64 {
        bits((0..self.fields.len()).map(|slot| record.has(slot)))
    }

    /// The first field that some record at least must have and that is missing in what is `present`.
    #[must_use]
    pub fn missing(&self, present: u64) -> Option<&'static str> {
        let missing = self.expected & !present;
        let slot = missing.trailing_zeros() as usize;
        self.fields.get(slot).map(|field| field.name())
    }

    /// All fields that some record at least must have and that are missing in what is `present`.
    #[must_use]
    pub fn all_missing(&self, present: u64) -> Vec<&'static str> {
        let missing = |slot: &usize| (self.expected & !present) >> slot & 1 == 1;
        (0..self.fields.len()).filter(missing).map(|slot| self.fields[slot].name()).collect()
    }

    /// Decides whether a record becomes a row.
    ///
    /// # Errors
    ///
    /// A fault if a field in use holds another type than it should.
    #[inline]
    pub fn judge(&self, record: &Record<'_>) -> Result<Verdict, Fault> {
        let mut verdict = Verdict { present: 0, dropped: None };
        for (slot, &field) in self.fields.iter().enumerate() {
            let value = record.value(slot);
            if !value.fits(field.holds()) {
                return Err(record.wrong_type(slot, field));
            }
            verdict.present |= u64::from(value != Value::Missing) << slot;
            if slot < self.needs && verdict.dropped.is_none() {
                verdict.dropped = value.absence().map(|absence| field.reason(absence));
            }
        }
        Ok(verdict)
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
