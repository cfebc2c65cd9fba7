//! A plan: what a skeleton comes to once everything that does not depend on the record is done.

use super::placeholder::Operation;
use crate::record::{Record, Value};
use crate::text::{Escape, Text};

/// One step of writing a row.
#[derive(Debug)]
pub(crate) enum Step {
    /// Bytes of JSON that are the same in every row.
    Literal(Vec<u8>),
    /// A comma, unless an array or object has just been opened: for what may be left out.
    Comma,
    /// A field as part of a string; nothing if it is missing or null.
    Text(Source),
    /// A field as a string of its own, quotes and all; null if it is missing or null.
    String(Source),
    /// A field as the JSON that it is; null if it is missing.
    Json(usize),
    /// The whole record.
    Record,
    /// One of two ways, by the record.
    Choice { condition: Condition, then: Vec<Step>, otherwise: Vec<Step> },
}

/// A field, by its place among the shape's fields, and what is done to its text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub slot: usize,
    pub(super) operations: Vec<Operation>,
}

impl Source {
    /// The text; `None` is null.
    #[inline]
    pub(crate) fn text<'a>(&self, record: &Record<'a>) -> Option<Text<'a>> {
        let Value::Text(text) = record.value(self.slot) else { return None };
        self.operations.iter().try_fold(text, |text, operation| operation.apply(text))
    }
}

/// A question to the record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Condition {
    /// The field is there and not empty.
    Truthy(usize),
    /// The record has the key, whatever it holds.
    Has(usize),
}

impl Condition {
    /// The answer.
    #[inline]
    pub(crate) fn holds(self, record: &Record<'_>) -> bool {
        match self {
            Self::Truthy(slot) => record.value(slot).absence().is_none(),
            Self::Has(slot) => record.has(slot),
        }
    }
}

/// Writes a row.
pub(crate) fn write(steps: &[Step], record: &Record<'_>, escape: Escape, out: &mut Vec<u8>) {
    for step in steps {
        match step {
            Step::Literal(bytes) => out.extend_from_slice(bytes),
            Step::Comma if matches!(out.last(), Some(b'[' | b'{')) => {}
            Step::Comma => out.push(b','),
            Step::Text(source) => {
                if let Some(text) = source.text(record) {
                    text.write_json(escape, out);
                }
            }
            Step::String(source) => write_string(source.text(record), escape, out),
            Step::Json(slot) => record.value(*slot).write_json(escape, out),
            Step::Record => record.whole().write_json(escape, out),
            Step::Choice { condition, then, otherwise } => {
                let steps = if condition.holds(record) { then } else { otherwise };
                write(steps, record, escape, out);
            }
        }
    }
}

fn write_string(text: Option<Text<'_>>, escape: Escape, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.extend_from_slice(b"null") };
    out.push(b'"');
    text.write_json(escape, out);
    out.push(b'"');
}

/// Bytes of a row at most, so that memory is asked for once and fallibly.
pub(crate) fn bound(steps: &[Step], record: &Record<'_>, escape: Escape) -> usize {
    let growth = record.growth(escape);
    let field = |slot: usize| 4 + growth * record.raw_len(slot);
    let of_step = |step: &Step| match step {
        Step::Literal(bytes) => bytes.len(),
        Step::Comma => 1,
        Step::Text(source) | Step::String(source) => field(source.slot),
        Step::Json(slot) => field(*slot),
        Step::Record => growth * record.whole().json_len(),
        Step::Choice { then, otherwise, .. } => {
            bound(then, record, escape) + bound(otherwise, record, escape)
        }
    };
    steps.iter().map(of_step).sum()
}

/// Whether some row holds the whole record.
pub(super) fn takes_whole(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Record => true,
        Step::Choice { then, otherwise, .. } => takes_whole(then) || takes_whole(otherwise),
        _ => false,
    })
}
