//! Conversations as they stand in a record, to entries.

use std::collections::TryReserveError;

use super::Of;
use super::calls;
use super::make::bytes;
use super::preference;
use super::unread::Unread;
use crate::entries::{CALLS, Detail, Entry, ROLES};
use crate::error::FaultKind;
use crate::made::Lists;
use crate::record::Record;
use crate::scan::Span;
use crate::text::{Escape, Text};
use crate::walk::{Token, Walk, decoded};

/// Reads the turns of one dialect.
#[derive(Debug)]
pub(super) struct Parser {
    turns: &'static super::Turns,
    /// The arrays, one after the other.
    arrays: Vec<Place>,
    /// Where the rejected answer stands, if it is wanted.
    rejected: Option<Place>,
    /// The slot of the first question with its documents.
    asked: Option<usize>,
    /// Whether texts keep their starts.
    keeps_starts: bool,
}

/// Where turns stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub slot: usize,
    pub key: &'static str,
    /// The key of the object there under which they do, if it is not the turns themselves.
    pub inside: Option<&'static str>,
    /// Whether it is one turn, of the system.
    pub is_system: bool,
}

/// Calls that were told as text so far: they have no ids, so that they and their answers get some.
#[derive(Debug, Default)]
struct Called<'a> {
    calls: usize,
    answered: usize,
    /// Whether the turn that is read is the system's.
    is_system: bool,
    /// Whether the turns that are read come before what is trained on.
    is_context: bool,
    /// Whether a question that is a text stands before the turns.
    is_asked: bool,
    /// Turns of another conversation that were read before.
    others: usize,
    /// The first question with its documents, until that is read.
    asked: Option<Text<'a>>,
}

impl Called<'_> {
    /// Gives a turn of calls what a message has for it, and the turn of a tool the call that it answers;
    /// gives the role that then speaks.
    fn note(
        &mut self,
        role: &'static str,
        entry: &mut Entry,
        lists: &mut Lists,
    ) -> Result<&'static str, Unread> {
        if role == "tool" && self.answered < self.calls {
            self.answered += 1;
            let id = calls::id(self.answered);
            entry.set(Detail::ToolCallId, lists.keep(&[id.as_bytes()])?);
        }
        if role != CALLS {
            return Ok(role);
        }
        let said = lists.bytes(entry.get(Detail::Content));
        let said = said.strip_prefix(b"\"").and_then(|said| said.strip_suffix(b"\""));
        let numbers = (self.calls + 1..).inspect(|number| self.calls = *number);
        let json = calls::of_text(said.unwrap_or_default(), numbers);
        let json = json.map_err(|none| none.or(wrong("says no calls of tools in JSON")))?;
        entry.set(Detail::ToolCalls, lists.keep(&[&json])?);
        entry.set(Detail::Content, Span::default());
        Ok("assistant")
    }
}

/// Keys of messages that no row has a place for, and that would be lost in silence. `true` is what
/// axolotl takes `train` of an answer for where it is not said.
const NOT_CONVERTED: [(&str, &str); 13] = [
    ("function_call", "has a function_call, the form before tool_calls, which is not converted"),
    ("train", "has a loss mask (train), which is not converted"),
    ("train_detail", "has a loss mask (train_detail), which is not converted"),
    ("reasoning_content", "has a reasoning_content, which is not converted"),
    ("reasoning", "has a reasoning, which is not converted"),
    ("thinking", "has a thinking, which is not converted"),
    ("refusal", "has a refusal, which is not converted"),
    ("image", "has a picture, which is not converted"),
    ("images", "has pictures, which are not converted"),
    ("video", "has a video, which is not converted"),
    ("videos", "has videos, which are not converted"),
    ("audio", "has a sound, which is not converted"),
    ("audios", "has sounds, which are not converted"),
];

/// The bytes of a value that is missing or null.
pub(super) const NULL: &[u8] = b"null";

impl Parser {
    pub(super) fn new(
        turns: &'static super::Turns,
        arrays: Vec<Place>,
        rejected: Option<Place>,
        asked: Option<usize>,
        keeps_starts: bool,
    ) -> Self {
        Self { turns, arrays, rejected, asked, keeps_starts }
    }

    /// The slots of what it reads.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        let places = self.arrays.iter().chain(&self.rejected).map(|place| place.slot);
        places.chain(self.asked)
    }

    /// What is counted when turns are repaired.
    pub(super) fn repair(&self) -> Option<&'static str> {
        self.turns.fix.as_deref().filter(|_| !self.keeps_starts)
    }

    /// Whether the turns stand before a question and an answer in fields of their own.
    pub(super) fn is_history(&self) -> bool {
        self.turns.of == Of::Pairs
    }

    /// Adds the turns of a record. What did not come as JSON is written to `json`. Gives how many stand before
    /// those of the last place.
    pub(super) fn parse(
        &self,
        record: &Record<'_>,
        json: &mut Vec<u8>,
        lists: &mut Lists,
    ) -> Result<usize, Unread> {
        let asked = self.asked.and_then(|slot| record.text(slot));
        let mut called = Called { asked, ..Called::default() };
        let mut before = 0;
        for (index, place) in self.arrays.iter().enumerate() {
            before = lists.len();
            called.is_context = index + 1 < self.arrays.len();
            called.is_system = place.is_system;
            self.add(place, record, json, &mut called, lists)?;
        }
        if self.turns.rejected.is_some() {
            return preference::tell_once(before, called.is_asked, lists);
        }
        if !self.turns.first.is_empty() {
            one_system(lists)?;
        }
        Ok(before)
    }

    /// Adds the turns of one place: an array of them; beside a rejected answer also one turn alone, or a
    /// question in words. Tables have structs in all rows, so those of nulls are nothing.
    fn add(
        &self,
        place: &Place,
        record: &Record<'_>,
        json: &mut Vec<u8>,
        called: &mut Called<'_>,
        lists: &mut Lists,
    ) -> Result<(), Unread> {
        let raw = bytes(record.value(place.slot), json)?;
        let raw = place.inside.map_or(Ok(raw), |key| inside(raw, key))?;
        let may_be_one = place.is_system || self.turns.rejected.is_some();
        let mut walk = Walk::new(raw);
        match walk.value() {
            None | Some(Token::Null) => Ok(()),
            Some(Token::List) if !place.is_system => {
                while walk.more(b']') == Some(true) {
                    let Some(turn) = walk.whole() else { break };
                    self.turn(turn, called, lists)?;
                }
                Ok(())
            }
            Some(Token::Object) if may_be_one && is_nothing(raw) => Ok(()),
            Some(Token::Object) if may_be_one => self.turn(raw, called, lists),
            Some(Token::Text(said)) if may_be_one && called.is_context && !place.is_system => {
                called.is_asked = !said.is_empty();
                if called.is_asked { Self::ask(raw, lists) } else { Ok(()) }
            }
            _ => {
                let expected = if place.is_system { "an object" } else { "an array" };
                Err(Unread::Fault(record.mistyped(place.slot, place.key, expected)))
            }
        }
    }

    fn ask(question: &[u8], lists: &mut Lists) -> Result<(), Unread> {
        let mut entry = Entry::default();
        entry.set(Detail::Content, lists.keep(&[question])?);
        Self::push("user", entry, lists)
    }

    /// The rejected answer, if it is wanted, where so many turns stand before those that the chosen answer
    /// ends.
    pub(super) fn rejected(
        &self,
        before: usize,
        record: &Record<'_>,
        json: &mut Vec<u8>,
        lists: &mut Lists,
    ) -> Result<Span, Unread> {
        let Some(place) = &self.rejected else { return Ok(Span::default()) };
        let chosen = lists.len();
        let mut called = Called { others: chosen, ..Called::default() };
        self.add(place, record, json, &mut called, lists)?;
        let rejected = preference::answer_after(before..chosen, lists)?;
        lists.leave(chosen);
        Ok(rejected)
    }

    /// Adds a turn, or says which one has something wrong with it.
    fn turn(&self, json: &[u8], called: &mut Called<'_>, lists: &mut Lists) -> Result<(), Unread> {
        let others = called.others;
        let added = self.one(json, called, lists);
        added.map_err(|unread| unread.in_turn(lists.len() - others))
    }

    fn one(&self, json: &[u8], called: &mut Called<'_>, lists: &mut Lists) -> Result<(), Unread> {
        let mut walk = Walk::new(json);
        match (walk.value(), self.turns.of) {
            (Some(Token::Object), Of::Objects) => self.object(walk, called, lists),
            (Some(Token::Text(raw)), Of::Texts) => self.text(raw, called, lists),
            (Some(Token::List), Of::Pairs) => Self::pair(walk, lists),
            (_, Of::Objects) => Err(wrong("is not an object")),
            (_, Of::Texts) => Err(wrong("is not a text")),
            (_, Of::Pairs) => Err(wrong("is not a pair")),
        }
    }

    fn object(
        &self,
        mut walk: Walk<'_>,
        called: &mut Called<'_>,
        lists: &mut Lists,
    ) -> Result<(), Unread> {
        let mut entry = Entry::default();
        let mut role = OneOf::new(&self.turns.role);
        let mut content = OneOf::new(&self.turns.content);
        let mut is_learnt = false;
        while walk.more(b'}') == Some(true) {
            let (Some(key), Some(value)) = (walk.key(), walk.whole()) else { break };
            let Some(key) = decoded(key) else { break };
            if role.takes(&key, value) || content.takes(&key, value) {
                continue;
            }
            if let Some((_, what)) = NOT_CONVERTED.iter().find(|(name, _)| *name == key) {
                is_learnt |= key == "train" && value == b"true";
                if !matches!(value, b"null" | b"true" | b"[]" | b"\"\"") {
                    return Err(wrong(what));
                }
            } else if let Some(detail) = detail(&key) {
                entry.set(detail, said(detail, value, lists)?);
            }
        }
        if called.is_system && content.found.is_none_or(|content| content == NULL) {
            return Err(wrong("has no content"));
        }
        if let Some(content) = content.found {
            entry.set(Detail::Content, said(Detail::Content, content, lists)?);
        }
        let role = match role.found {
            _ if called.is_system => "system",
            Some(role) => self.role(role)?,
            None => return Err(wrong("has no role")),
        };
        let role = called.note(role, &mut entry, lists)?;
        if is_learnt && role != "assistant" {
            return Err(wrong("is no answer and to be trained on (train), which is not converted"));
        }
        if called.is_context && role == "assistant" && entry.get(Detail::Weight) == Span::default()
        {
            entry.set(Detail::Weight, lists.keep(&[b"0"])?);
        }
        Self::push(role, entry, lists)
    }

    fn text(&self, raw: &[u8], called: &mut Called<'_>, lists: &mut Lists) -> Result<(), Unread> {
        let text = Text::Escaped(raw);
        let marked = self.turns.starts.iter().find(|(start, _)| text.starts_with(start));
        let is_asked =
            lists.range(0..lists.len()).last().is_some_and(|turn| lists.is(turn, "user"));
        let unmarked = self.turns.unmarked.as_ref().filter(|_| is_asked);
        let (start, role) = marked
            .map(|(start, role)| (start.as_str(), role))
            .or_else(|| unmarked.map(|role| ("", role)))
            .ok_or_else(|| wrong("does not say who speaks"))?;
        let mut content = Vec::new();
        let said = if self.keeps_starts { text } else { text.without_start(start) };
        said.write_json(Escape::Keep, &mut content);
        let asked = if role == "user" { called.asked.take() } else { None };
        let mut documents = Vec::new();
        if let Some(asked) = asked {
            // The question follows them as it stands among the turns.
            let before = asked.without_end(&text.to_plain());
            let before = if before == asked { Text::Plain("") } else { before };
            before.write_json(Escape::Keep, &mut documents);
        }
        let mut entry = Entry::default();
        entry.set(Detail::Content, lists.keep(&[b"\"", &documents, &content, b"\""])?);
        Self::push(role, entry, lists)
    }

    fn pair(mut walk: Walk<'_>, lists: &mut Lists) -> Result<(), Unread> {
        for role in ["user", "assistant"] {
            walk.more(b']');
            let Some(text) = walk.whole().filter(|text| text.starts_with(b"\"")) else {
                return Err(wrong("is not a question and its answer"));
            };
            let mut entry = Entry::default();
            entry.set(Detail::Content, lists.keep(&[text])?);
            Self::push(role, entry, lists)?;
        }
        if walk.more(b']') == Some(true) {
            return Err(wrong("is not a question and its answer"));
        }
        Ok(())
    }

    fn push(role: &str, mut entry: Entry, lists: &mut Lists) -> Result<(), Unread> {
        entry.set(Detail::Is, lists.keep(&[b"\"", role.as_bytes(), b"\""])?);
        Ok(lists.push(entry)?)
    }

    /// raftfast's name for a role.
    fn role(&self, json: &[u8]) -> Result<&'static str, Unread> {
        let raw = json.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
        let name = raw.map_or_else(String::new, |raw| Text::Escaped(raw).to_plain());
        let own = self.turns.roles.get(&name);
        let calls = own.is_some_and(|own| own == CALLS).then_some(CALLS);
        let known = ROLES.into_iter().find(|role| role == own.unwrap_or(&name));
        calls.or(known).ok_or_else(|| wrong("has an unknown role"))
    }
}

/// What stands in a turn under the first of some keys that it has. Tables have all keys in all turns, so
/// others may be null.
struct OneOf<'a> {
    keys: &'a [String],
    found: Option<&'a [u8]>,
    key: usize,
}

impl<'a> OneOf<'a> {
    fn new(keys: &'a [String]) -> Self {
        Self { keys, found: None, key: 0 }
    }

    /// Whether the key is one of them; its value is then noted.
    fn takes(&mut self, key: &str, value: &'a [u8]) -> bool {
        let Some(at) = self.keys.iter().position(|known| known == key) else { return false };
        let is_better = |found| found == NULL || value != NULL && at < self.key;
        if at == self.key || self.found.is_none_or(is_better) {
            (self.found, self.key) = (Some(value), at);
        }
        true
    }
}

/// What a key of a turn holds besides, if that is converted.
fn detail(key: &str) -> Option<Detail> {
    Detail::OF_MESSAGES.iter().find(|(name, _)| *name == key).map(|&(_, detail)| detail)
}

/// Refuses two system messages that differ, one of which stands beside the turns; of two that are one, one is
/// forgotten.
fn one_system(lists: &mut Lists) -> Result<(), Unread> {
    let turns = lists.range(0..lists.len());
    let systems = turns.iter().take_while(|turn| lists.is(turn, "system")).count();
    let mut pairs = turns[..systems].windows(2);
    if !pairs.all(|pair| preference::is_same(&pair[0], &pair[1], lists)) {
        return Err(Unread::Kind(FaultKind::Unfit { what: "two system messages" }));
    }
    lists.forget_first(systems.saturating_sub(1));
    Ok(())
}

/// Whether all that an object holds is null.
fn is_nothing(json: &[u8]) -> bool {
    let mut walk = Walk::new(json);
    let Some(Token::Object) = walk.value() else { return false };
    while walk.more(b'}') == Some(true) {
        if !matches!((walk.key(), walk.whole()), (Some(_), Some(NULL))) {
            return false;
        }
    }
    true
}

/// Whether a value is more than null or an empty array.
pub(super) fn is_something(json: &[u8]) -> bool {
    let mut walk = Walk::new(json);
    match walk.value() {
        Some(Token::List) => walk.more(b']') == Some(true),
        Some(Token::Null) | None => false,
        Some(_) => true,
    }
}

/// What an object holds under a key. Definitions of tools beside it would be lost.
fn inside<'a>(json: &'a [u8], key: &str) -> Result<&'a [u8], Unread> {
    let mut walk = Walk::new(json);
    let mut found = NULL;
    let Some(Token::Object) = walk.value() else { return Ok(json) };
    while walk.more(b'}') == Some(true) {
        let (Some(name), Some(value)) = (walk.key(), walk.whole()) else { break };
        match decoded(name) {
            Some(name) if name == key => found = value,
            Some(name) if matches!(&*name, "tools" | "functions") && is_something(value) => {
                let what = "definitions of tools that stand beside the turns of a preference";
                return Err(Unread::Kind(FaultKind::Unfit { what }));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Keeps what a turn has for a detail of it: any JSON or a text, which may be in parts if it is the content.
fn said(detail: Detail, value: &[u8], lists: &mut Lists) -> Result<Span, Unread> {
    match (value, detail) {
        // Templates tell a content that is null from one that is not there.
        (NULL, Detail::Content) | ([b'"', ..], _) => Ok(lists.keep(&[value])?),
        (NULL, _) => Ok(Span::default()),
        ([b'[', ..], Detail::Content) => {
            let part = || wrong("has a part that is not a text, which is all that is converted");
            Ok(lists.keep(&[&joined_parts(value)?.ok_or_else(part)?])?)
        }
        _ if detail.is_json() => Ok(lists.keep(&[value])?),
        (_, Detail::Content) => Err(wrong("has a content that is not a text")),
        (_, Detail::Name) => Err(wrong("has a name that is not a text")),
        _ => Err(wrong("has a tool_call_id that is not a text")),
    }
}

/// The text of what is said in an array of parts, if all of them are texts.
pub(super) fn joined_parts(json: &[u8]) -> Result<Option<Vec<u8>>, TryReserveError> {
    let mut joined = Vec::new();
    joined.try_reserve(json.len())?;
    Ok(join(json, &mut joined).map(|()| joined))
}

/// Writes the text, which is not longer than the array, between quotes.
fn join(json: &[u8], joined: &mut Vec<u8>) -> Option<()> {
    let mut walk = Walk::new(json);
    let Token::List = walk.value()? else { return None };
    joined.push(b'"');
    while walk.more(b']')? {
        let mut part = Walk::new(walk.whole()?);
        let Token::Object = part.value()? else { return None };
        let mut text = None;
        while part.more(b'}')? {
            let (key, value) = (part.key()?, part.whole()?);
            match (decoded(key).as_deref(), value) {
                (Some("text"), [b'"', inside @ .., b'"']) => text = Some(inside),
                (Some("type"), [b'"', kind @ .., b'"']) if Text::Escaped(kind).is("text") => {}
                // Tables have all keys in all parts.
                (_, NULL) => {}
                _ => return None,
            }
        }
        joined.extend_from_slice(text?);
    }
    joined.push(b'"');
    Some(())
}

/// A fault of a turn whose place is not known here.
#[cold]
fn wrong(what: &'static str) -> Unread {
    Unread::Kind(FaultKind::Turn { turn: 0, what })
}
