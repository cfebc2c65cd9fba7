//! The conversation that the question, the answer and the turns of a record come to, and what of it rows
//! have no place for.

use std::collections::{TryReserveError, VecDeque};
use std::ops::Range;

use super::calls;
use super::make::{A_SYSTEM_MESSAGE, add, is_there, mark_ends};
use super::reader::{Known, Reader, Scratch};
use super::reading::Several;
use super::turns::Parser;
use super::unread::Unread;
use crate::entries::{CALLS, Detail, Entry, List, ROLES};
use crate::error::FaultKind;
use crate::made::{Fields, Lists};
use crate::mask::FinalAnswer;
use crate::record::Record;
use crate::scan::Span;
use crate::value::Value;

impl Reader {
    /// Puts the lists of turns together, unless one question and its answer are all that is said: rows are
    /// then made of these as they are.
    pub(super) fn converse(
        &self,
        known: &Known,
        record: &Record<'_>,
        turns: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        let Scratch { lists, fields, .. } = scratch;
        let mut said = lists.range(turns).to_vec();
        let has_history = known.parser.as_ref().is_some_and(Parser::is_history);
        let untold = self.takes_no_turns() || self.takes_pair_as_it_is(fields, record);
        if said.is_empty() && !has_history && untold {
            lists.leave_turns_untold();
            return Ok(());
        }
        if said.is_empty() || has_history {
            self.add_pair(&mut said, fields, record, lists)?;
        }
        let is_first = said.first().is_some_and(|first| lists.is(first, "system"));
        let own = is_first.then(|| said.remove(0));
        let own_system =
            own.is_some_and(|own| is_there(Value::of(lists.bytes(own.get(Detail::Content)))));
        if let Some(found) = &self.final_answer {
            shorten_answers(&mut said, found, lists)?;
            self.take_final(&mut said, fields, record, lists)?;
        }
        if !self.room.takes(Detail::ToolCallId) {
            check_results(&said, lists)?;
        }
        if self.room.roles.contains(&CALLS) {
            said.iter_mut().try_for_each(|turn| say_calls(turn, lists))?;
        }
        if has_history && !self.is_complete(fields, record) {
            // Who has turns before a question or an answer that is not there has no row.
            lists.leave_turns_untold();
            return Ok(());
        }
        let start = lists.len();
        self.add_system(own, fields, record, lists)?;
        self.check_turns(&said, own_system, lists)?;
        self.check_silence(&said, fields, record, lists)?;
        self.list_turns(&said, start, lists)
    }

    /// Refuses a turn that says nothing, where rows cannot have one.
    fn check_silence(
        &self,
        said: &[Entry],
        fields: &Fields,
        record: &Record<'_>,
        lists: &Lists,
    ) -> Result<(), Unread> {
        let hears_all = self.takes_silence || !self.room.turns;
        if !hears_all
            && self.is_complete(fields, record)
            && said.iter().any(|turn| is_silent(turn, lists))
        {
            return Err(Unread::Kind(FaultKind::Unfit { what: "a turn that says nothing" }));
        }
        Ok(())
    }

    /// Makes the lists of what was said, after a system message that may stand at `start`.
    fn list_turns(&self, said: &[Entry], start: usize, lists: &mut Lists) -> Result<(), Unread> {
        let first = lists.len();
        said.iter().try_for_each(|turn| lists.push(*turn))?;
        let end = lists.len();
        let answered = said.last().is_some_and(|last| lists.is(last, "assistant"));
        lists.set(List::Messages, start..end);
        lists.set(List::Turns, first..end);
        lists.set(List::Prompt, start..end - usize::from(answered));
        mark_ends(lists, List::Turns);
        if self.lists.contains(&List::Pairs) || self.lists.contains(&List::History) {
            pair_up(said, lists)?;
        }
        Ok(())
    }

    /// Adds the question and the answer of a record that has them beside its turns, or no turns.
    fn add_pair(
        &self,
        said: &mut Vec<Entry>,
        fields: &Fields,
        record: &Record<'_>,
        lists: &mut Lists,
    ) -> Result<(), TryReserveError> {
        for (role, slot) in [("user", self.instruction), ("assistant", self.cot_answer)] {
            let content = slot.map_or(Value::Missing, |slot| record.value_in(fields, slot));
            if is_there(content) {
                said.push(turn(role, content, lists)?);
            }
        }
        Ok(())
    }

    /// Lists the system message: that of the caller, or of the record, whose own turn of it is given.
    fn add_system(
        &self,
        own: Option<Entry>,
        fields: &Fields,
        record: &Record<'_>,
        lists: &mut Lists,
    ) -> Result<(), TryReserveError> {
        let given = Value::of(&self.system.text);
        let system = self.system.slot.map_or(given, |slot| record.value_in(fields, slot));
        if is_there(system) {
            let system = turn("system", system, lists)?;
            return lists.push(system);
        }
        // A template tells an empty system message from none, unless the caller wants none.
        let tells = self.jinja.is_some() && self.system.slot.is_some();
        own.filter(|_| tells).map_or(Ok(()), |silent| lists.push(silent))
    }

    /// Takes for what the last answer says the final answer that the record has elsewhere.
    fn take_final(
        &self,
        said: &mut [Entry],
        fields: &Fields,
        record: &Record<'_>,
        lists: &mut Lists,
    ) -> Result<(), TryReserveError> {
        let found = self.cot_answer.map_or(Value::Missing, |slot| record.value_in(fields, slot));
        let last = said.iter_mut().rfind(|turn| lists.is(turn, "assistant"));
        if let Some(last) = last
            && is_there(found)
            && is_there(Value::of(lists.bytes(last.get(Detail::Content))))
        {
            last.set(Detail::Content, lists.keep_value(found)?);
        }
        Ok(())
    }

    /// Whether the question and the answer that rows ask for are there: without, a record is filtered.
    fn is_complete(&self, fields: &Fields, record: &Record<'_>) -> bool {
        let mut asked = [self.instruction, self.cot_answer].into_iter().flatten();
        asked.all(|slot| is_there(record.value_in(fields, slot)))
    }

    /// Whether rows are made of neither turns nor a prompt, whatever there is to say.
    fn takes_no_turns(&self) -> bool {
        self.instruction.is_none() && !self.lists.iter().any(|list| list.is_of_turns())
    }

    /// Whether a question and an answer are there, and nothing is to be made of them but rows.
    fn takes_pair_as_it_is(&self, fields: &Fields, record: &Record<'_>) -> bool {
        let said =
            |slot: Option<usize>| slot.is_some_and(|slot| is_there(record.value_in(fields, slot)));
        let changes = self.final_answer.is_some() || self.jinja.is_some();
        !changes && said(self.instruction) && said(self.cot_answer)
    }

    /// Refuses what rows have no place for.
    pub(super) fn check_turns(
        &self,
        said: &[Entry],
        own_system: bool,
        lists: &Lists,
    ) -> Result<(), Unread> {
        let unfit = |what| Err(Unread::Kind(FaultKind::Unfit { what }));
        let is_answer = |turn: &Entry| lists.is(turn, "assistant");
        let answers = said.iter().filter(|turn| is_answer(turn)).count();
        let takes_one = !self.room.turns && self.several == Several::Error;
        if takes_one && answers > 1 {
            return Err(Unread::Kind(FaultKind::ManyTurns { answers }));
        }
        if own_system && !self.room.system {
            return unfit(A_SYSTEM_MESSAGE);
        }
        let takes = |role: &&'static str| {
            if self.room.turns {
                self.room.roles.contains(role)
            } else {
                matches!(*role, "user" | "assistant")
            }
        };
        let roles = said.iter().filter_map(|turn| named(turn, lists));
        if let Some(role) = roles.into_iter().find(|role| !takes(role)) {
            return unfit(turn_of(role));
        }
        if takes_one && said.len() > 2 {
            return unfit("more than one question and its answer");
        }
        if self.room.answer && answers > 0 && !said.last().is_some_and(is_answer) {
            return unfit("a question without an answer at the end");
        }
        let lost = LOST.iter().find(|(detail, _)| self.loses(*detail, said, lists));
        lost.map_or(Ok(()), |(_, what)| unfit(what))
    }

    /// Whether rows have no place for a detail that some turn has.
    fn loses(&self, detail: Detail, said: &[Entry], lists: &Lists) -> bool {
        let says_nothing = |json: &[u8]| matches!(json, [] | b"1" | b"1.0" | b"[]");
        let has = |turn: &Entry| !says_nothing(lists.bytes(turn.get(detail)));
        let last_only = detail == Detail::Weight && self.trains_on_last;
        let seen = if last_only { said.len().saturating_sub(1) } else { 0 };
        // The weight of a turn that has none in a row is left to the rules.
        let role_of = |turn: &Entry| named(turn, lists).filter(|_| detail != Detail::Weight);
        let has_room = |turn: &Entry| match role_of(turn) {
            Some(role) => self.room.details.contains(&(detail, role)),
            None => self.room.takes(detail),
        };
        said[seen..].iter().any(|turn| has(turn) && !has_room(turn))
    }
}

/// Whether a turn has no content where rows have a text: not even an empty one, nor calls instead.
fn is_silent(turn: &Entry, lists: &Lists) -> bool {
    let content = Value::of(lists.bytes(turn.get(Detail::Content)));
    matches!(content, Value::Missing | Value::Null)
        && !is_there(Value::of(lists.bytes(turn.get(Detail::ToolCalls))))
}

/// What a turn may have and a row may have no place for. A weight of 1 says nothing.
const LOST: [(Detail, &str); 3] = [
    (Detail::ToolCalls, "calls of tools"),
    (Detail::Weight, "the weight of a turn"),
    (Detail::Name, "the name of a speaker"),
];

/// The role of a turn, by raftfast's name.
fn named(turn: &Entry, lists: &Lists) -> Option<&'static str> {
    ROLES.into_iter().find(|role| lists.is(turn, role))
}

/// A turn of a role, in words.
fn turn_of(role: &str) -> &'static str {
    match role {
        "system" => "a system message after the first turn",
        "developer" => "a turn of the developer",
        "tool" => "a turn of a tool",
        "function" => "a turn of a function",
        _ => "a turn of this role",
    }
}

/// Refuses results of tools in another order than their calls: without ids, that is all that tells whose
/// they are.
fn check_results(said: &[Entry], lists: &Lists) -> Result<(), Unread> {
    let mut called = VecDeque::new();
    for turn in said {
        let calls = lists.bytes(turn.get(Detail::ToolCalls));
        if !calls.is_empty() {
            called = calls::ids(calls)?;
        }
        if lists.is(turn, "tool") {
            let answered = calls::id_of(lists.bytes(turn.get(Detail::ToolCallId)));
            if let Some((next, answered)) = called.pop_front().flatten().zip(answered)
                && next != answered
            {
                let what = "results of tools in another order than their calls";
                return Err(Unread::Kind(FaultKind::Unfit { what }));
            }
        }
    }
    Ok(())
}

/// Lets a turn that calls tools say so.
fn say_calls(turn: &mut Entry, lists: &mut Lists) -> Result<(), Unread> {
    let unfit = |what| Unread::Kind(FaultKind::Unfit { what });
    let json = lists.bytes(turn.get(Detail::ToolCalls));
    if !is_there(Value::of(json)) {
        return Ok(());
    }
    if is_there(Value::of(lists.bytes(turn.get(Detail::Content)))) {
        return Err(unfit("a text beside calls of tools"));
    }
    let told = calls::as_text(json)
        .map_err(|none| none.or(unfit("calls of tools that are no functions with arguments")))?;
    turn.set(Detail::Content, lists.keep(&[&told])?);
    turn.set(Detail::Is, lists.keep(&[b"\"", CALLS.as_bytes(), b"\""])?);
    turn.set(Detail::ToolCalls, Span::default());
    Ok(())
}

/// Leaves of all answers the final ones.
fn shorten_answers(
    said: &mut [Entry],
    found: &FinalAnswer,
    lists: &mut Lists,
) -> Result<(), TryReserveError> {
    for turn in said {
        if lists.is(turn, "assistant") {
            let Value::Text(text) = Value::of(lists.bytes(turn.get(Detail::Content))) else {
                continue;
            };
            let Some((_, answer)) = found.cut(text) else { continue };
            let answer = copied(answer.bytes())?;
            turn.set(Detail::Content, lists.keep(&[b"\"", &answer, b"\""])?);
        }
    }
    Ok(())
}

/// Pairs questions with their answers. What was never answered has no pairs, and is left to what the
/// target needs.
fn pair_up(said: &[Entry], lists: &mut Lists) -> Result<(), Unread> {
    if !said.iter().any(|turn| lists.is(turn, "assistant")) {
        return Ok(());
    }
    let (pairs, rest) = said.as_chunks::<2>();
    let is_pair =
        |[user, assistant]: &[Entry; 2]| lists.is(user, "user") && lists.is(assistant, "assistant");
    if !rest.is_empty() || !pairs.iter().all(is_pair) {
        let what = "turns that are not questions and answers in turn";
        return Err(Unread::Kind(FaultKind::Unfit { what }));
    }
    let start = lists.len();
    for [user, assistant] in pairs {
        let mut pair = Entry::default();
        pair.set(Detail::Content, user.get(Detail::Content));
        pair.set(Detail::Assistant, assistant.get(Detail::Content));
        lists.push(pair)?;
    }
    let end = lists.len();
    lists.set(List::Pairs, start..end);
    lists.set(List::History, start..end - 1);
    mark_ends(lists, List::Pairs);
    Ok(())
}

/// A turn of somebody.
fn turn(role: &str, content: Value<'_>, lists: &mut Lists) -> Result<Entry, TryReserveError> {
    let mut turn = Entry::default();
    turn.set(Detail::Is, lists.keep(&[b"\"", role.as_bytes(), b"\""])?);
    turn.set(Detail::Content, lists.keep_value(content)?);
    Ok(turn)
}

fn copied(bytes: &[u8]) -> Result<Vec<u8>, TryReserveError> {
    let mut copy = Vec::new();
    add(&mut copy, bytes)?;
    Ok(copy)
}
