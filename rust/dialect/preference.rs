//! Conversations with a chosen and a rejected answer, whose turns may stand there once or twice.

use std::ops::Range;

use super::turns::is_something;
use super::unread::Unread;
use crate::entries::{Detail, Entry};
use crate::error::FaultKind;
use crate::made::Lists;
use crate::scan::Span;
use crate::value::Value;

const TOLD_ANEW: &str = "a rejected conversation that differs before its last turn";
const ASKED_ANEW: &str = "a prompt that the chosen conversation does not ask";
const NO_ANSWER: &str = "a rejected conversation that does not end with an answer in words";
const MORE: &str = "a name or a weight of the rejected answer";

/// The rejected answer: what the turns end with that stand behind all others. Those before it must be the
/// same as in the `chosen` ones.
pub(super) fn answer_after(chosen: Range<usize>, lists: &Lists) -> Result<Span, Unread> {
    let turns = lists.range(0..lists.len());
    let Some((last, before)) = turns[chosen.end..].split_last() else {
        return Ok(Span::default());
    };
    let asked = turns[chosen].split_last().map_or(&[][..], |(_, asked)| asked);
    let unfit = |what| Err(Unread::Kind(FaultKind::Unfit { what }));
    if !are_same(before, asked, lists) {
        return unfit(TOLD_ANEW);
    }
    if !lists.is(last, "assistant") || is_something(lists.bytes(last.get(Detail::ToolCalls))) {
        return unfit(NO_ANSWER);
    }
    if [Detail::Name, Detail::Weight].iter().any(|&detail| last.get(detail) != Span::default()) {
        return unfit(MORE);
    }
    Ok(last.get(Detail::Content))
}

/// Forgets a prompt that is told again by the turns after it: one of messages, all of which they start with,
/// or one in words, which they ask, as in `HuggingFaceH4`'s sets. Gives how many turns are left before them.
pub(super) fn tell_once(prompt: usize, in_words: bool, lists: &mut Lists) -> Result<usize, Unread> {
    let (asked, turns) = lists.range(0..lists.len()).split_at(prompt);
    if turns.len() < 2 || asked.is_empty() {
        return Ok(prompt);
    }
    let is_told_again = if in_words {
        let said = |turn: &Entry| value(turn, Detail::Content, lists).plain();
        let words = said(&asked[0]);
        turns.iter().any(|turn| lists.is(turn, "user") && said(turn) == words)
    } else {
        turns.get(..prompt).is_some_and(|start| are_same(start, asked, lists))
    };
    if is_told_again {
        lists.forget_first(prompt);
        return Ok(0);
    }
    if in_words { Err(Unread::Kind(FaultKind::Unfit { what: ASKED_ANEW })) } else { Ok(prompt) }
}

fn are_same(some: &[Entry], others: &[Entry], lists: &Lists) -> bool {
    let mut pairs = some.iter().zip(others);
    some.len() == others.len() && pairs.all(|(one, other)| is_same(one, other, lists))
}

/// What two turns have in common that are one; whether it is trained on is said of the chosen one.
const TOLD: [Detail; 5] =
    [Detail::Is, Detail::Content, Detail::Name, Detail::ToolCallId, Detail::ToolCalls];

/// Whether two turns are one, however their texts are spelled.
pub(super) fn is_same(one: &Entry, other: &Entry, lists: &Lists) -> bool {
    TOLD.iter().all(|&detail| match (value(one, detail, lists), value(other, detail, lists)) {
        (one @ Value::Text(_), other @ Value::Text(_)) => one.plain() == other.plain(),
        (one, other) => one == other,
    })
}

fn value<'a>(turn: &Entry, detail: Detail, lists: &'a Lists) -> Value<'a> {
    Value::of(lists.bytes(turn.get(detail)))
}
