//! Conversations with a chosen and a rejected answer, whose turns may stand there once or twice.

use super::unread::Unread;
use crate::entries::{Detail, Entry};
use crate::error::FaultKind;
use crate::made::Lists;
use crate::record::Value;
use crate::scan::Span;

const TOLD_ANEW: &str = "a rejected conversation that differs before its last turn";
const ASKED_ANEW: &str = "a prompt that the chosen conversation does not ask";
const NO_ANSWER: &str = "a rejected conversation that does not end with an answer in words";

/// The rejected answer: what the turns end with that stand after so many of the chosen conversation. All
/// others of them must be those before the chosen answer, if they are there.
pub(super) fn answer_after(chosen: usize, lists: &Lists) -> Result<Span, Unread> {
    let turns = lists.range(0..lists.len());
    let Some((last, before)) = turns[chosen..].split_last() else { return Ok(Span::default()) };
    let asked = &turns[..chosen.saturating_sub(1)];
    let is_same = |(one, other): (&Entry, &Entry)| {
        let differs =
            |detail| said(one, detail, lists).plain() != said(other, detail, lists).plain();
        !differs(Detail::Is) && !differs(Detail::Content)
    };
    let is_told_again = before.len() == asked.len() && before.iter().zip(asked).all(is_same);
    if !before.is_empty() && !is_told_again {
        return Err(Unread::Kind(FaultKind::Unfit { what: TOLD_ANEW }));
    }
    if !lists.is(last, "assistant") || last.get(Detail::ToolCalls) != Span::default() {
        return Err(Unread::Kind(FaultKind::Unfit { what: NO_ANSWER }));
    }
    Ok(last.get(Detail::Content))
}

fn said<'a>(turn: &Entry, detail: Detail, lists: &'a Lists) -> Value<'a> {
    Value::of(lists.bytes(turn.get(detail)))
}

/// Forgets a question that stands before turns which ask it themselves, as in `HuggingFaceH4`'s sets.
pub(super) fn tell_once(lists: &mut Lists) -> Result<(), Unread> {
    let Some(([question], turns)) = lists.range(0..lists.len()).split_at_checked(1) else {
        return Ok(());
    };
    if turns.len() < 2 {
        return Ok(());
    }
    let said = |turn: &Entry| said(turn, Detail::Content, lists).plain();
    let asks = |turn: &Entry| lists.is(turn, "user") && said(turn) == said(question);
    if !turns.iter().any(asks) {
        return Err(Unread::Kind(FaultKind::Unfit { what: ASKED_ANEW }));
    }
    lists.forget_first();
    Ok(())
}
