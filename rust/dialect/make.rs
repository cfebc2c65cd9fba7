//! A record of some dialect made anew as RAFT has it: its lists first, because fields may be made of
//! them, then its fields, then the conversation that both come to.

use std::borrow::Cow;
use std::collections::TryReserveError;
use std::ops::Range;

use super::calls;
use super::documents::{self, NotAdded};
use super::each::Answers;
use super::noted::Standing;
use super::reader::{Known, Other, Reader, Scratch};
use super::reading::Answer;
use super::turns::{NULL, joined_parts};
use super::unread::Unread;
use crate::entries::{Detail, Entry, List};
use crate::error::FaultKind;
use crate::made::{Lists, add_json};
use crate::mask::Cutter;
use crate::record::Record;
use crate::rules::interned;
use crate::scan::Span;
use crate::shape::plan::{Plan, tells};
use crate::text::{Escape, Text};
use crate::value::{Holds, Value};

impl Reader {
    /// Makes a record anew, or tells that it gives several, one for each answer.
    pub(super) fn make<'a>(
        &'a self,
        known: &'a Known,
        record: &Record<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<Box<Answers<'a>>>, Unread> {
        self.made(known, record, scratch).map_err(|unread| unread.of(record))
    }

    fn made<'a>(
        &'a self,
        known: &'a Known,
        record: &Record<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<Box<Answers<'a>>>, Unread> {
        scratch.clear();
        let mut refused = known.refuses.iter();
        if let Some((_, what)) = refused.find(|(slot, _)| tells(record.value(*slot))) {
            return Err(Unread::Kind(FaultKind::Unfit { what }));
        }
        let mut said = Entry::default();
        if let Some(parser) = &known.parser {
            let before = parser.parse(record, &mut scratch.json, &mut scratch.lists)?;
            scratch.fixes.extend(parser.repair().filter(|_| scratch.lists.len() > 0));
            check_answers(known, record, &scratch.lists)?;
            let rejected =
                parser.rejected(before, record, &mut scratch.json, &mut scratch.lists)?;
            said.set(Detail::Rejected, rejected);
        }
        if let Some(earlier) = &known.earlier
            && let Some(answers) =
                self.answers(known, earlier, record, &said, &mut scratch.lists)?
        {
            return Ok(Some(answers));
        }
        let turns = 0..scratch.lists.len();
        summary(&mut scratch.lists, turns.clone(), &mut said)?;
        self.join_system(known, record, &mut said, &mut scratch.lists)?;
        self.fill(known, record, &said, turns, scratch)?;
        Ok(None)
    }

    /// Makes all that a record has of what was `said` and of its turns. Without turns, its question and
    /// its answer are the conversation.
    pub(super) fn fill(
        &self,
        known: &Known,
        record: &Record<'_>,
        said: &Entry,
        turns: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        self.texts(known, record, said, scratch)?;
        self.fields(known, record, said, scratch)?;
        self.choose_answer(known, record, said, scratch)?;
        self.choose_rejected(known, record, said, scratch)?;
        self.choose_system(record, scratch)?;
        self.cut_answer(record, scratch)?;
        self.converse(known, record, turns, scratch)?;
        check_system(known, record, said, &scratch.lists)?;
        let tools = tools(known, record, said, &scratch.lists)?;
        match &self.jinja {
            Some(jinja) => self.render(jinja, tools.as_deref(), scratch),
            None if tools.is_some() => {
                Err(Unread::Kind(FaultKind::Unfit { what: "definitions of tools" }))
            }
            None => Ok(()),
        }
    }

    /// Lists the texts of a record that is as a shape takes it in all else.
    pub(super) fn list(
        &self,
        known: &Known,
        record: &Record<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        scratch.clear();
        scratch.lists.leave_turns_untold();
        let listed = self.texts(known, record, &Entry::default(), scratch);
        listed.map_err(|unread| unread.of(record))
    }

    /// Adds the documents and the quotes, if somebody wants them.
    fn texts(
        &self,
        known: &Known,
        record: &Record<'_>,
        said: &Entry,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        let Scratch { lists, .. } = scratch;
        if known.uses_documents || self.lists.contains(&List::Documents) {
            let start = lists.len();
            self.add_documents(known, record, said, lists)?;
            lists.set(List::Documents, start..lists.len());
            mark_ends(lists, List::Documents);
        }
        if self.lists.contains(&List::Quotes) {
            let start = lists.len();
            let text = found(&known.quotes, record, said, lists)?;
            documents::quotes(&text, lists)?;
            lists.set(List::Quotes, start..lists.len());
            mark_ends(lists, List::Quotes);
        }
        Ok(())
    }

    /// Adds the documents of the first place that has some. Those at another place that are not those of an
    /// instruction are not taken for them.
    fn add_documents(
        &self,
        known: &Known,
        record: &Record<'_>,
        said: &Entry,
        lists: &mut Lists,
    ) -> Result<(), Unread> {
        let start = lists.len();
        for (place, (plan, whole)) in known.documents.iter().enumerate() {
            if lists.len() > start {
                break;
            }
            let text = found(plan, record, said, lists)?;
            if place > 0 && !text.starts_with(b"\"") {
                continue;
            }
            let standing = plan.copied().and_then(|slot| {
                let at = record.span(slot)?.start;
                Some(Standing { at, quotes: record.quotes(slot) })
            });
            match documents::documents(&text, standing, *whole, lists) {
                Ok(()) => {}
                Err(NotAdded::Memory(error)) => return Err(error.into()),
                Err(NotAdded::Unknown) => {
                    let slot = plan.copied().unwrap_or_default();
                    return Err(self.mistyped(record, slot, documents::ARE));
                }
            }
        }
        Ok(())
    }

    /// Takes the message that stands beside turns as parts, all of which are texts, for the one at their
    /// start (Bedrock's Nova has it so). Where there are both, they must say the same.
    pub(super) fn join_system(
        &self,
        known: &Known,
        record: &Record<'_>,
        said: &mut Entry,
        lists: &mut Lists,
    ) -> Result<(), Unread> {
        if known.parser.is_none() || self.own_system == 0 {
            return Ok(());
        }
        let beside = record.value(self.own_system.trailing_zeros() as usize);
        if !is_there(beside) {
            return Ok(());
        }
        let mut json = Vec::new();
        let joined = match beside {
            Value::Text(_) => None,
            parts => joined_parts(bytes(parts, &mut json)?)?,
        };
        let beside = joined.as_deref().map_or(beside, Value::of);
        let own = Value::of(lists.bytes(said.get(Detail::Name)));
        if is_there(own) && own.plain() != beside.plain() {
            return Err(Unread::Kind(FaultKind::Unfit { what: "two system messages" }));
        }
        if !is_there(own)
            && let Some(text) = joined
        {
            said.set(Detail::Name, lists.keep(&[&text])?);
        }
        Ok(())
    }

    /// The fault of a key that holds something else than it should.
    #[cold]
    fn mistyped(&self, record: &Record<'_>, slot: usize, expected: &'static str) -> Unread {
        Unread::Fault(record.mistyped(slot, interned(&self.keys.names()[slot]), expected))
    }

    /// Makes the fields in use.
    fn fields(
        &self,
        known: &Known,
        record: &Record<'_>,
        said: &Entry,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        let Scratch { lists, fields, fixes, .. } = scratch;
        let source = record.with_lists(lists, said);
        for made in &known.fields {
            // What is mended is compared with what it was, so both are written in the same way.
            if let Some(from) = made.plan.copied().filter(|_| made.fix.is_none()) {
                fields.keep(made.slot, from);
                continue;
            }
            if let Some(slot) = made.plan.left_out(&source) {
                return Err(self.mistyped(record, slot, Holds::Text.name()));
            }
            fields.put(made.slot, |out| made.plan.write(&source, Escape::Keep, out))?;
            if let Some(fix) = &made.fix {
                let before = found(&fix.without, record, said, lists)?;
                let after = record.value_in(fields, made.slot);
                if Value::of(&before) != after && is_there(after) && !fixes.contains(&fix.name) {
                    fixes.push(fix.name);
                }
            }
        }
        Ok(())
    }

    /// Takes the short answer where there is no chain of thought, if that is asked for.
    fn choose_answer(
        &self,
        known: &Known,
        record: &Record<'_>,
        said: &Entry,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        let Some(slot) = self.cot_answer.filter(|_| self.answer == Answer::Either) else {
            return Ok(());
        };
        if is_there(record.value_in(&scratch.fields, slot)) {
            return Ok(());
        }
        let short = found(&known.short, record, said, &scratch.lists)?;
        if is_there(Value::of(&short)) {
            scratch.fields.put_value(slot, Value::of(&short))?;
            scratch.fixes.push(ANSWER_USED);
        }
        Ok(())
    }

    /// Takes the answer of another record for the rejected one, if that is asked for. As long as no others
    /// are known, anything will do.
    fn choose_rejected(
        &self,
        known: &Known,
        record: &Record<'_>,
        said: &Entry,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        let Some(Other { slot, answer, .. }) = self.other else { return Ok(()) };
        let Scratch { lists, fields, about, others, .. } = scratch;
        let own = found(&known.question, record, said, lists)?;
        let instruction = self.instruction.filter(|_| !is_there(Value::of(&own)));
        let question = instruction.map_or(Value::of(&own), |slot| record.value_in(fields, slot));
        let answer = record.value_in(fields, answer);
        let other = if let Some(others) = others {
            others.other(question, answer).unwrap_or(b"null")
        } else {
            about.set(Detail::Content, lists.keep_value(question)?);
            about.set(Detail::Assistant, lists.keep_value(answer)?);
            b"\"-\""
        };
        Ok(fields.put_value(slot, Value::of(other))?)
    }

    /// Adds the spans of the answer, if somebody wants them.
    fn cut_answer(&self, record: &Record<'_>, scratch: &mut Scratch) -> Result<(), Unread> {
        let Some(slot) = self.cot_answer.filter(|_| self.lists.contains(&List::Spans)) else {
            return Ok(());
        };
        let Scratch { lists, fields, .. } = scratch;
        let start = lists.len();
        if let Value::Text(text) = record.value_in(fields, slot) {
            spans(text, &self.cutter, lists)?;
        }
        lists.set(List::Spans, start..lists.len());
        mark_ends(lists, List::Spans);
        Ok(())
    }

    /// Takes the target's system message where the record has none.
    fn choose_system(&self, record: &Record<'_>, scratch: &mut Scratch) -> Result<(), Unread> {
        let Some(slot) = self.system.slot else { return Ok(()) };
        if !is_there(record.value_in(&scratch.fields, slot)) {
            scratch.fields.put_value(slot, Value::of(&self.system.text))?;
        }
        Ok(())
    }
}

/// Refuses an answer that stands beside turns which end with a question.
fn check_answers(known: &Known, record: &Record<'_>, lists: &Lists) -> Result<(), Unread> {
    let asked = lists.range(0..lists.len()).last().is_some_and(|last| lists.is(last, "user"));
    if asked && known.answers.iter().any(|slot| tells(record.value(*slot))) {
        let what = "an answer that stands beside the turns, which end with a question";
        return Err(Unread::Kind(FaultKind::Unfit { what }));
    }
    Ok(())
}

/// Refuses a system message that rows have no place for.
pub(super) fn check_system(
    known: &Known,
    record: &Record<'_>,
    said: &Entry,
    lists: &Lists,
) -> Result<(), Unread> {
    if let Some(system) = &known.lost_system
        && is_there(Value::of(&found(system, record, said, lists)?))
    {
        return Err(Unread::Kind(FaultKind::Unfit { what: A_SYSTEM_MESSAGE }));
    }
    Ok(())
}

/// The definitions of tools that rows do not name, as JSON, if there are some.
fn tools<'a>(
    known: &Known,
    record: &Record<'a>,
    said: &Entry,
    lists: &Lists,
) -> Result<Option<Cow<'a, [u8]>>, Unread> {
    let Some(tools) = &known.tools else { return Ok(None) };
    let tools = found(tools, record, said, lists)?;
    Ok(is_there(Value::of(&tools)).then_some(tools))
}

pub(super) const A_SYSTEM_MESSAGE: &str = "a system message (--no-system leaves it out)";

/// Adds the spans of a text.
fn spans(text: Text<'_>, cutter: &Cutter, lists: &mut Lists) -> Result<(), Unread> {
    let mut begin = 0;
    cutter.cut(text, |trained, part| {
        let end = begin + part.characters();
        let mut span = Entry::default();
        span.set(Detail::Content, lists.keep(&[b"\"", part.bytes(), b"\""])?);
        let offsets = [(Detail::Begin, begin), (Detail::End, end), (Detail::Through, end - 1)];
        for (detail, offset) in offsets {
            span.set(detail, lists.keep(&[offset.to_string().as_bytes()])?);
        }
        if trained {
            span.set(Detail::Train, Lists::IS_THERE);
        }
        begin = end;
        Ok(lists.push(span)?)
    })
}

/// What is counted when the short answer of a record is taken.
pub(super) const ANSWER_USED: &str = "answer used";

/// Says the last question that has an answer, that answer, and the system message at the start of some
/// turns; if nothing was answered, the last question.
fn summary(lists: &mut Lists, turns: Range<usize>, said: &mut Entry) -> Result<(), Unread> {
    let turns = lists.range(turns);
    if let Some(first) = turns.first().filter(|turn| lists.is(turn, "system")) {
        said.set(Detail::Name, first.get(Detail::Content));
    }
    let answer = turns.iter().rposition(|turn| lists.is(turn, "assistant"));
    let asked = &turns[..answer.unwrap_or(turns.len())];
    if let Some(question) = asked.iter().rfind(|turn| lists.is(turn, "user")) {
        said.set(Detail::Content, question.get(Detail::Content));
    }
    if let Some(answer) = answer.and_then(|answer| turns.get(answer).copied()) {
        said.set(Detail::Assistant, answer_of(&answer, lists)?);
    }
    Ok(())
}

/// What a turn says, or the calls that it makes where it says nothing: it answers all the same.
fn answer_of(turn: &Entry, lists: &mut Lists) -> Result<Span, Unread> {
    let (content, made) = (turn.get(Detail::Content), lists.bytes(turn.get(Detail::ToolCalls)));
    if is_there(Value::of(lists.bytes(content))) || !is_there(Value::of(made)) {
        return Ok(content);
    }
    let told = calls::as_string(made)?;
    Ok(lists.keep(&[&told])?)
}

/// Marks the first and the last entry of a list.
pub(super) fn mark_ends(lists: &mut Lists, list: List) {
    let entries = lists.entries_mut(list);
    if let Some(first) = entries.first_mut() {
        first.set(Detail::First, Lists::IS_THERE);
    }
    if let Some(last) = entries.last_mut() {
        last.set(Detail::Last, Lists::IS_THERE);
    }
}

/// What a plan writes, or where that stands already.
fn found<'a>(
    plan: &Plan,
    record: &Record<'a>,
    said: &Entry,
    lists: &Lists,
) -> Result<Cow<'a, [u8]>, Unread> {
    if let Some(slot) = plan.copied() {
        match record.json(slot) {
            Some([]) => return Ok(Cow::Borrowed(NULL)),
            Some(json) => return Ok(Cow::Borrowed(json)),
            None if !record.has(slot) => return Ok(Cow::Borrowed(NULL)),
            None => {}
        }
    }
    let mut json = Vec::new();
    plan.write(&record.with_lists(lists, said), Escape::Keep, &mut json)?;
    Ok(Cow::Owned(json))
}

/// A value as JSON, written to `json` unless it stands somewhere already.
pub(super) fn bytes<'a>(value: Value<'a>, json: &'a mut Vec<u8>) -> Result<&'a [u8], Unread> {
    if let Value::Json(raw) = value {
        return Ok(raw);
    }
    json.clear();
    add_json(value, json)?;
    Ok(json)
}

/// Whether there is a value that is not empty.
pub(super) fn is_there(value: Value<'_>) -> bool {
    value.absence().is_none()
}

pub(super) fn add(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TryReserveError> {
    out.try_reserve(bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}
