//! Conversations as chat templates of the caller's own see them, and the texts that come of it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::reader::{Reader, Scratch};
use super::unread::Unread;
use crate::entries::{Detail, Entry, List};
use crate::error::FaultKind;
use crate::jinja::{Conversation, Jinja, Turn};
use crate::made::Lists;
use crate::text::{Text, write_json_string};
use crate::value::Value;
use crate::walk::Walk;

impl Reader {
    /// Renders the conversation, and tells the template of the `tools`, whose JSON is given.
    pub(super) fn render(
        &self,
        jinja: &Jinja,
        tools: Option<&[u8]>,
        scratch: &mut Scratch,
    ) -> Result<(), Unread> {
        let tools = tools.map(|json| value_of("tools", json)).transpose()?;
        let Scratch { lists, fields, .. } = scratch;
        let turns = lists.entries(List::Messages).iter().map(|turn| spoken(turn, lists));
        let told = Conversation { messages: turns.collect::<Result<_, _>>()?, tools };
        let whole = jinja.render(&told, false).map_err(|what| refused(&what))?;
        if let Some(slot) = self.rendered.whole {
            fields.put(slot, |out| write_json_string(&whole, out))?;
        }
        let Some((prompt, answer)) = self.rendered.halves else { return Ok(()) };
        let (asked, answered) = self.halves(jinja, told, &whole)?;
        fields.put(prompt, |out| write_json_string(asked, out))?;
        Ok(fields.put(answer, |out| write_json_string(answered, out))?)
    }

    /// What stands in a text before the last answer, and the rest. Without an answer there will be no
    /// row.
    fn halves<'t>(
        &self,
        jinja: &Jinja,
        mut told: Conversation,
        whole: &'t str,
    ) -> Result<(&'t str, &'t str), Unread> {
        let Some(last) = told.messages.pop_if(|last| last.role == "assistant") else {
            return Ok((whole, ""));
        };
        let asked = jinja.render(&told, true).map_err(|what| refused(&what))?;
        let answered = whole.strip_prefix(&asked).ok_or_else(|| refused(NOT_BEFORE))?;
        let lacks_final = |text: &str| self.cutter.absence(Text::Plain(text)).is_some();
        let said = last.content.flatten().unwrap_or_default();
        if !lacks_final(&said) && lacks_final(answered) {
            return Err(refused("its text has no final answer"));
        }
        Ok((whole.strip_suffix(answered).unwrap_or_default(), answered))
    }
}

/// Why a text is not cut at the answer.
const NOT_BEFORE: &str =
    "its text does not begin with what it makes of the turns before the answer";

/// The fault of a conversation that a template does not take.
#[cold]
fn refused(what: &str) -> Unread {
    Unread::Kind(FaultKind::Template { what: what.into() })
}

/// A turn as templates see it, which is refused with what they cannot see of it.
fn spoken(turn: &Entry, lists: &Lists) -> Result<Turn, Unread> {
    let text = |detail: Detail| match Value::of(lists.bytes(turn.get(detail))) {
        Value::Text(text) => Some(Some(text.to_plain())),
        Value::Missing => None,
        _ => Some(None),
    };
    let mut rest = BTreeMap::new();
    for (key, detail) in Detail::OF_MESSAGES {
        let json = lists.bytes(turn.get(detail));
        if !json.is_empty() {
            rest.insert(key, value_of(key, json)?);
        }
    }
    let role = text(Detail::Is).flatten().unwrap_or_default();
    Ok(Turn { role, content: text(Detail::Content), rest })
}

/// A value as templates see it. Python holds integers of any length, and floats as they are held here.
fn value_of(key: &str, json: &[u8]) -> Result<Json, Unread> {
    let mut walk = Walk::new(json);
    let mut numbers = std::iter::from_fn(|| walk.next_number());
    if let Some(number) = numbers.find(|number| is_held_as_float(number)) {
        let number = String::from_utf8_lossy(number);
        return Err(refused(&format!(
            "{key}: {number} is an integer that a template would see as another"
        )));
    }
    serde_json::from_slice(json).map_err(|error| refused(&format!("{key}: {error}")))
}

/// Whether a number is an integer that would be held as a float.
fn is_held_as_float(number: &[u8]) -> bool {
    let text = std::str::from_utf8(number).unwrap_or_default();
    number == b"-0"
        || !text.contains(['.', 'e', 'E'])
            && text.parse::<i64>().is_err()
            && text.parse::<u64>().is_err()
}
