//! A plan: what a skeleton comes to once everything that does not depend on the record is done.

use std::collections::TryReserveError;
use std::convert::Infallible;
use std::iter::once;
use std::sync::Arc;

use super::bound::Bound;
use super::placeholder::Operation;
use crate::entries::List;
use crate::mask::Cutter;
use crate::record::Record;
use crate::scan::MAX_KEYS;
use crate::text::{Escape, Text, write_json_compact};
use crate::value::{Holds, Value};
use crate::walk::{elements, member};

/// The steps that write a row, or a value, and how much they write at most.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    bound: Bound,
}

impl Plan {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self { bound: Bound::of(&steps), steps }
    }

    /// The key whose value is written as it is, if that is all.
    pub(crate) fn copied(&self) -> Option<usize> {
        match &self.steps[..] {
            [Step::Json(slot)] if *slot < MAX_KEYS => Some(*slot),
            _ => None,
        }
    }

    /// Writes what the steps come to.
    ///
    /// # Errors
    ///
    /// When memory runs out; then nothing is written.
    #[inline]
    pub(crate) fn write(
        &self,
        record: &Record<'_>,
        escape: Escape,
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        out.try_reserve(self.bound.bytes(record, record.growth(escape)))?;
        write(&self.steps, once(*record), &[], escape, out);
        Ok(())
    }

    /// How many characters it comes to at most.
    pub(super) fn most_characters(&self, record: &Record<'_>) -> usize {
        self.bound.bytes(record, 1)
    }

    /// Adds the slots that it is about.
    pub(crate) fn add_slots(&self, slots: &mut Vec<usize>) {
        add_slots(&self.steps, slots);
    }

    /// The slot of what is no text, and would be left out of the text that it is to be part of.
    pub(crate) fn left_out(&self, record: &Record<'_>) -> Option<usize> {
        left_out(&self.steps, record)
    }

    /// The slots of the fields that decide what a row holds.
    pub(super) fn asked(&self) -> Vec<usize> {
        let mut slots = Vec::new();
        add_asked(&self.steps, &mut slots);
        slots
    }

    /// Whether some row holds the whole record.
    pub(super) fn takes_whole(&self) -> bool {
        takes_whole(&self.steps)
    }
}

/// One step of writing a row.
#[derive(Debug)]
pub(crate) enum Step {
    /// Bytes of JSON that are the same in every row.
    Literal(Vec<u8>),
    /// A comma, unless an array or object has just been opened: for what may be left out.
    Comma,
    /// A field as part of a string; nothing if it is missing or null.
    Text(Source),
    /// A field as JSON in a string; nothing if it is missing or null. A text is told as it is.
    Told(Source),
    /// What the record has of its own as part of a string, or else these bytes.
    Own(Source, Vec<u8>),
    /// A field as a string of its own, quotes and all; null if it is missing or null.
    String(Source),
    /// A field as the JSON that it is; null if it is missing.
    Json(usize),
    /// The same, or the JSON that the text is.
    Value(usize),
    /// The whole record.
    Record,
    /// One of two ways, by the record.
    Choice { condition: Condition, then: Vec<Step>, otherwise: Vec<Step> },
    /// The same for each entry of a list, with these bytes between two of them; if the record has none of
    /// its own, `single`.
    Each { list: List, single: Vec<Step>, many: Vec<Step>, between: Vec<u8> },
    /// The end of the segment before, if it is not empty, and the start of one that is trained on or
    /// not.
    Label(bool),
    /// A field in segments.
    Spans(Source, Arc<Cutter>),
    /// The end of the last segment and of their array.
    Close,
}

/// How a segment starts: what axolotl's `input_output` type reads
/// (axolotl-ai-cloud/axolotl:src/axolotl/prompt_strategies/input_output.py). No text can end so, because
/// its quotes are escaped.
const STARTS: [&[u8]; 2] = [br#"{"label":false,"text":""#, br#"{"label":true,"text":""#];

/// How segments start: with one that is not trained on.
pub(super) const FIRST_SEGMENT: &str = r#"[{"label":false,"text":""#;

/// A field, by its slot, and what is done to its text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub slot: usize,
    pub operations: Vec<Operation>,
}

impl Source {
    /// The text; `None` is null.
    #[inline(always)]
    pub(crate) fn text<'a>(&'a self, record: &Record<'a>) -> Option<Text<'a>> {
        let text = record.text(self.slot)?;
        if self.operations.is_empty() { Some(text) } else { self.after_operations(text) }
    }

    #[inline(never)]
    fn after_operations<'a>(&'a self, text: Text<'a>) -> Option<Text<'a>> {
        self.operations.iter().try_fold(text, |text, operation| operation.apply(text))
    }
}

/// A question to the record.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// The field is there and not empty.
    Truthy(usize),
    /// The record has the key, whatever it holds.
    Has(usize),
    /// The field is there and not empty, or the record has none of its own and the target says so.
    Own(usize, bool),
    /// The field is this text, printable ASCII.
    Is(usize, String),
    /// The field is there and not empty, nor a text that tells an empty array or object.
    Tells(usize),
    /// The field is a text that is not empty after what is done to it.
    Says(Source),
    /// The same, or the record has none of its own and the target says so.
    SaysOwn(Source, bool),
}

impl Condition {
    /// The slot that it is about.
    fn slot(&self) -> usize {
        match self {
            Self::Truthy(slot)
            | Self::Has(slot)
            | Self::Own(slot, _)
            | Self::Is(slot, _)
            | Self::Tells(slot)
            | Self::Says(Source { slot, .. })
            | Self::SaysOwn(Source { slot, .. }, _) => *slot,
        }
    }

    /// The answer.
    #[inline(always)]
    pub(crate) fn holds(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Truthy(slot) => record.is_there(*slot),
            other => other.holds_as_asked(record),
        }
    }

    /// Apart, because whether something is there is asked for each entry of a list.
    #[inline(never)]
    fn holds_as_asked(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Truthy(slot) => record.is_there(*slot),
            Self::Has(slot) => record.has(*slot),
            Self::Tells(slot) => tells(record.value(*slot)),
            Self::Own(slot, default) => match record.own(*slot) {
                Some(value) => value.absence().is_none(),
                None => *default,
            },
            Self::Is(slot, text) => {
                matches!(record.value(*slot), Value::Text(found) if found.is(text))
            }
            Self::Says(source) => source.text(record).is_some_and(|text| !text.is_empty()),
            Self::SaysOwn(source, default) => match record.own(source.slot) {
                Some(_) => source.text(record).is_some_and(|text| !text.is_empty()),
                None => *default,
            },
        }
    }
}

/// Writes what the steps come to for each of some records, and these bytes between two of them: for the
/// entries of a list, to come here anew for each took as long as what is then done. Long, because each step
/// that rows mostly have has its line.
fn write<'a>(
    steps: &'a [Step],
    records: impl Iterator<Item = Record<'a>>,
    between: &[u8],
    escape: Escape,
    out: &mut Vec<u8>,
) {
    for (place, record) in records.enumerate() {
        if place > 0 {
            out.extend_from_slice(between);
        }
        for step in steps {
            match step {
                Step::Literal(bytes) => out.extend_from_slice(bytes),
                Step::Comma if matches!(out.last(), Some(b'[' | b'{')) => {}
                Step::Comma => out.push(b','),
                Step::Text(source) => {
                    if let Some(text) = source.text(&record) {
                        text.write_json(escape, out);
                    }
                }
                Step::String(source) => write_string(source.text(&record), escape, out),
                Step::Json(slot) => record.value(*slot).write_json(escape, out),
                Step::Choice { condition, then, otherwise } => {
                    // Most come to nothing, or to bytes that are the same in every row.
                    match &(if condition.holds(&record) { then } else { otherwise })[..] {
                        [] => {}
                        [Step::Literal(bytes)] => out.extend_from_slice(bytes),
                        steps => write(steps, once(record), &[], escape, out),
                    }
                }
                Step::Each { list, single, many, between } => match record.list(*list) {
                    None => write(single, once(record), &[], escape, out),
                    Some(entries) => write(many, entries, between, escape, out),
                },
                other => write_other(other, &record, escape, out),
            }
        }
    }
}

/// Writes one of the steps that few rows have. Apart, because for each entry of a list the rest is called
/// anew, and should not make room for these.
#[inline(never)]
fn write_other<'a>(step: &'a Step, record: &Record<'a>, escape: Escape, out: &mut Vec<u8>) {
    match step {
        Step::Told(source) => {
            tell(record.value(source.slot), |text| text.write_json(escape, out));
        }
        Step::Own(source, default) => match record.own(source.slot) {
            Some(_) => source.text(record).into_iter().for_each(|t| t.write_json(escape, out)),
            None => out.extend_from_slice(default),
        },
        Step::Value(slot) => write_value(record.value(*slot), escape, out),
        Step::Record => record.whole().write_json(escape, out),
        Step::Label(trained) => write_label(*trained, out),
        Step::Spans(source, cutter) => {
            if let Some(text) = source.text(record) {
                write_spans(text, cutter, escape, out);
            }
        }
        Step::Close => close_segments(out),
        // These are what is not other.
        Step::Literal(_)
        | Step::Comma
        | Step::Text(_)
        | Step::String(_)
        | Step::Json(_)
        | Step::Choice { .. }
        | Step::Each { .. } => {}
    }
}

/// Does something with a value as a text: as it is if it is one, and else as JSON.
pub(crate) fn tell<T>(value: Value<'_>, act: impl FnOnce(Text<'_>) -> T) -> Option<T> {
    match value {
        Value::Missing | Value::Null => None,
        Value::Text(text) => Some(act(text)),
        Value::Json(raw) => Some(act(Text::Plain(&String::from_utf8_lossy(raw)))),
        Value::Nested(nested) => {
            let mut json = Vec::new();
            nested.write_json(Escape::Keep, &mut json);
            Some(act(Text::Plain(&String::from_utf8_lossy(&json))))
        }
    }
}

/// Whether a value is there and not empty, also if it is a text of JSON.
pub(crate) fn tells(value: Value<'_>) -> bool {
    let is_empty = |text: Text<'_>| matches!(text.trim().bytes(), b"[]" | b"{}");
    value.absence().is_none() && !matches!(value, Value::Text(text) if is_empty(text))
}

/// Writes a value, or the JSON that it is as a text. What is in a text was seen by no scanner: it must be
/// of text that can be written, and may stand on many lines.
#[cold]
fn write_value(value: Value<'_>, escape: Escape, out: &mut Vec<u8>) {
    if let Value::Text(text) = value {
        let json = text.to_plain();
        if serde_json::from_str::<serde_json::Value>(&json).is_ok() {
            return write_definitions(json.as_bytes(), escape, out);
        }
    }
    value.write_json(escape, out);
}

/// Writes JSON with each function in an object of its type, as `OpenAI` has them: in a text, as LLaMA-Factory's sets
/// have it, they are told alone (hiyouga/LLaMA-Factory:data/README.md).
fn write_definitions(json: &[u8], escape: Escape, out: &mut Vec<u8>) {
    let is_alone = |function: &[u8]| {
        let has = |key| member(function, key).is_some();
        has("name") && !has("type") && !has("function")
    };
    if !elements(json).any(is_alone) {
        return write_json_compact(json, escape, out);
    }
    for (index, function) in elements(json).enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        if is_alone(function) {
            out.extend_from_slice(br#"{"type":"function","function":"#);
            write_json_compact(function, escape, out);
            out.push(b'}');
        } else {
            write_json_compact(function, escape, out);
        }
    }
    out.push(b']');
}

fn write_label(trained: bool, out: &mut Vec<u8>) {
    if !drop_empty_segment(out) {
        out.extend_from_slice(b"\"},");
    }
    out.extend_from_slice(STARTS[usize::from(trained)]);
}

fn close_segments(out: &mut Vec<u8>) {
    if !drop_empty_segment(out) {
        out.extend_from_slice(b"\"}");
    } else if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
}

/// Takes the segment at the end away if it has no text.
fn drop_empty_segment(out: &mut Vec<u8>) -> bool {
    let start = STARTS.iter().find(|start| out.ends_with(start));
    start.inspect(|start| out.truncate(out.len() - start.len())).is_some()
}

fn write_spans(text: Text<'_>, cutter: &Cutter, escape: Escape, out: &mut Vec<u8>) {
    let mut before = cutter.starts_trained();
    let written = cutter.cut(text, |trained, part| {
        if trained != before {
            write_label(trained, out);
            before = trained;
        }
        part.write_json(escape, out);
        Ok::<_, Infallible>(())
    });
    written.unwrap_or_else(|never| match never {});
}

fn write_string(text: Option<Text<'_>>, escape: Escape, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.extend_from_slice(b"null") };
    out.push(b'"');
    text.write_json(escape, out);
    out.push(b'"');
}

fn add_slots(steps: &[Step], slots: &mut Vec<usize>) {
    for step in steps {
        match step {
            Step::Text(source)
            | Step::String(source)
            | Step::Told(source)
            | Step::Own(source, _)
            | Step::Spans(source, _) => {
                slots.push(source.slot);
            }
            Step::Json(slot) | Step::Value(slot) => slots.push(*slot),
            Step::Choice { condition, then, otherwise } => {
                slots.push(condition.slot());
                add_slots(then, slots);
                add_slots(otherwise, slots);
            }
            Step::Each { single, many, .. } => {
                add_slots(single, slots);
                add_slots(many, slots);
            }
            Step::Literal(_) | Step::Comma | Step::Record | Step::Label(_) | Step::Close => {}
        }
    }
}

/// Entries of lists were looked at when they were made.
fn left_out(steps: &[Step], record: &Record<'_>) -> Option<usize> {
    let is_lost = |slot: &usize| {
        let is_no_text = |value: Value<'_>| !value.fits(Holds::Text) && value.absence().is_none();
        *slot < MAX_KEYS && is_no_text(record.value(*slot))
    };
    steps.iter().find_map(|step| match step {
        Step::Text(source) | Step::String(source) => Some(source.slot).filter(is_lost),
        Step::Choice { condition, then, otherwise } => {
            left_out(if condition.holds(record) { then } else { otherwise }, record)
        }
        _ => None,
    })
}

fn add_asked(steps: &[Step], slots: &mut Vec<usize>) {
    for step in steps {
        match step {
            Step::Choice { condition, then: one, otherwise: other } => {
                if let Condition::Truthy(slot)
                | Condition::Has(slot)
                | Condition::Says(Source { slot, .. }) = condition
                {
                    slots.push(*slot);
                }
                add_asked(one, slots);
                add_asked(other, slots);
            }
            Step::Each { single: one, many: other, .. } => {
                add_asked(one, slots);
                add_asked(other, slots);
            }
            _ => {}
        }
    }
}

fn takes_whole(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Record => true,
        Step::Choice { then: one, otherwise: other, .. }
        | Step::Each { single: one, many: other, .. } => takes_whole(one) || takes_whole(other),
        _ => false,
    })
}
