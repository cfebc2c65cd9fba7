//! Calls of tools: how many, their ids and their arguments, held against what a consumer takes for them.

use super::Turn;
use crate::value::Value;
use crate::walk::{elements, member};

/// What Mistral's tokenizers take for no id.
const NO_ID: &str = "null";

/// Whether all ids of a turn are of so many ASCII letters and digits. Calls of the last turn, which no
/// tool answers, need none (mistral-common, `_validate_tool_call_id`).
pub(super) fn are_of(chars: u64, turn: &Turn<'_>, is_last: bool) -> bool {
    let answers = turn.role != "tool" || is_of(chars, turn.answers);
    let is_none = |id: Value<'_>| match id {
        Value::Missing => true,
        Value::Text(text) => text.is(NO_ID),
        _ => false,
    };
    let needs_none = |id: Value<'_>| is_last && is_none(id);
    answers && calls_have(turn.tool_calls, |id| needs_none(id) || is_of(chars, id))
}

fn is_of(chars: u64, id: Value<'_>) -> bool {
    let Value::Text(text) = id else { return false };
    text.try_to_plain().is_ok_and(|plain| {
        plain.len() as u64 == chars && plain.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether something holds for the id of each call.
fn calls_have(calls: Value<'_>, holds: impl Fn(Value<'_>) -> bool) -> bool {
    elements_of(calls).all(|call| holds(member(call, "id").map_or(Value::Missing, Value::of)))
}

/// Whether the arguments of each call are a text.
pub(super) fn are_as_text(calls: Value<'_>) -> bool {
    let arguments = |call| member(member(call, "function")?, "arguments");
    elements_of(calls).all(|call| !matches!(arguments(call).map(Value::of), Some(Value::Json(_))))
}

/// How many calls there are.
pub(super) fn calls_in(calls: Value<'_>) -> usize {
    elements_of(calls).count()
}

fn elements_of(calls: Value<'_>) -> impl Iterator<Item = &[u8]> {
    elements(if let Value::Json(json) = calls { json } else { b"" })
}
