//! Calls of tools, as `OpenAI` has them in a message and as others tell them in a text: of each its name
//! and its arguments, one alone or several in an array (hiyouga/LLaMA-Factory:data/README.md and
//! src/llamafactory/data/formatter.py, `FunctionFormatter`).

use std::borrow::Cow;
use std::collections::{TryReserveError, VecDeque};

use serde::de::IgnoredAny;

use super::make::add;
use super::unread::Unread;
use crate::text::{Text, write_json_string};
use crate::value::Value;
use crate::walk::{Token, Walk, elements, member};

/// A call: the JSON of its name, and that of its arguments, an object.
struct Call<'a> {
    name: &'a [u8],
    arguments: Cow<'a, [u8]>,
}

/// Why there are no calls.
#[derive(Debug)]
pub(super) enum NoCalls {
    /// What was given is something else.
    Other,
    /// They are more than there is memory for.
    TooMany(TryReserveError),
}

impl NoCalls {
    /// What that means for a record in which something else is unfit.
    pub(super) fn or(self, unfit: Unread) -> Unread {
        match self {
            Self::Other => unfit,
            Self::TooMany(error) => error.into(),
        }
    }
}

impl From<TryReserveError> for NoCalls {
    fn from(error: TryReserveError) -> Self {
        Self::TooMany(error)
    }
}

/// The calls of a message, functions with arguments, as a JSON string whose text is JSON.
pub(super) fn as_text(tool_calls: &[u8]) -> Result<Vec<u8>, NoCalls> {
    let of_message = |call| Call::of(member(call, "function").ok_or(NoCalls::Other)?);
    let mut walk = Walk::new(tool_calls);
    let calls = match walk.value() {
        Some(Token::List) => all(walk, of_message)?,
        _ => return Err(NoCalls::Other),
    };
    let mut json = Vec::new();
    match &calls[..] {
        [one] => one.tell(&mut json)?,
        several => write_array(several, &mut json, Call::tell)?,
    }
    Ok(as_string(&json)?)
}

/// The text of an id, unless it is empty or none.
pub(super) fn id_of(json: &[u8]) -> Option<String> {
    let Value::Text(text) = Value::of(json) else { return None };
    Some(text.to_plain()).filter(|id| !id.is_empty())
}

/// The ids of the calls of a message, where they have one.
pub(super) fn ids(tool_calls: &[u8]) -> Result<VecDeque<Option<String>>, TryReserveError> {
    let mut ids = VecDeque::new();
    for call in elements(tool_calls) {
        ids.try_reserve(1)?;
        ids.push_back(member(call, "id").and_then(id_of));
    }
    Ok(ids)
}

/// The calls that a text tells as JSON, as those of a message, with ids of which `numbers` are next.
pub(super) fn of_text(
    raw: &[u8],
    mut numbers: impl Iterator<Item = usize>,
) -> Result<Vec<u8>, NoCalls> {
    let text = json_in(raw)?;
    let mut walk = Walk::new(text.as_bytes());
    let calls = match walk.value() {
        Some(Token::Object) => vec![Call::of(text.as_bytes())?],
        Some(Token::List) => all(walk, Call::of)?,
        _ => return Err(NoCalls::Other),
    };
    let mut json = Vec::new();
    let number = |call: &Call<'_>, out: &mut _| {
        call.write_for_message(numbers.next().unwrap_or_default(), out)
    };
    write_array(&calls, &mut json, number)?;
    Ok(json)
}

/// The id of a call that has none of its own, as a JSON string: of nine letters and digits, as Mistral's
/// validator wants it.
pub(super) fn id(number: usize) -> String {
    format!("\"call{number:05}\"")
}

/// JSON as the text of a JSON string.
pub(super) fn as_string(json: &[u8]) -> Result<Vec<u8>, TryReserveError> {
    let mut string = Vec::new();
    write_json_string(&String::from_utf8_lossy(json), &mut string)?;
    Ok(string)
}

impl<'a> Call<'a> {
    fn of(json: &'a [u8]) -> Result<Self, NoCalls> {
        // What is in a text was seen by no scanner: half of a surrogate pair must not come into a row.
        let is_text = |name: &&[u8]| serde_json::from_slice::<String>(name).is_ok();
        let name = member(json, "name").filter(is_text).ok_or(NoCalls::Other)?;
        let arguments = member(json, "arguments").ok_or(NoCalls::Other)?;
        let arguments = match Walk::new(arguments).value() {
            Some(Token::Object) => Cow::Borrowed(arguments),
            Some(Token::Text(raw)) => Cow::Owned(object_in(raw)?),
            _ => return Err(NoCalls::Other),
        };
        Ok(Self { name, arguments })
    }

    fn tell(&self, out: &mut Vec<u8>) -> Result<(), TryReserveError> {
        write_all(&[br#"{"name":"#, self.name, br#","arguments":"#, &self.arguments, b"}"], out)
    }

    fn write_for_message(&self, number: usize, out: &mut Vec<u8>) -> Result<(), TryReserveError> {
        let id = id(number);
        let function = br#","type":"function","function":{"name":"#;
        let arguments = as_string(&self.arguments)?;
        let told = [function, self.name, br#","arguments":"#, &arguments, b"}}"];
        write_all(&[br#"{"id":"#, id.as_bytes()], out)?;
        write_all(&told, out)
    }
}

/// The calls of an array, which has been entered.
fn all<'a>(
    mut walk: Walk<'a>,
    of: impl Fn(&'a [u8]) -> Result<Call<'a>, NoCalls>,
) -> Result<Vec<Call<'a>>, NoCalls> {
    let mut calls = Vec::new();
    while walk.more(b']').ok_or(NoCalls::Other)? {
        calls.try_reserve(1)?;
        calls.push(of(walk.whole().ok_or(NoCalls::Other)?)?);
    }
    Ok(calls)
}

fn write_array<'a>(
    calls: &[Call<'a>],
    out: &mut Vec<u8>,
    mut write: impl FnMut(&Call<'a>, &mut Vec<u8>) -> Result<(), TryReserveError>,
) -> Result<(), TryReserveError> {
    for (index, call) in calls.iter().enumerate() {
        add(out, if index == 0 { b"[" } else { b"," })?;
        write(call, out)?;
    }
    add(out, if calls.is_empty() { b"[]" } else { b"]" })
}

fn write_all(parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), TryReserveError> {
    parts.iter().try_for_each(|part| add(out, part))
}

/// The text of a string, which is to be JSON.
fn json_in(raw: &[u8]) -> Result<String, NoCalls> {
    let text = Text::Escaped(raw).try_to_plain()?;
    let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
    if is_json { Ok(text) } else { Err(NoCalls::Other) }
}

/// The JSON object that the text of a string is.
fn object_in(raw: &[u8]) -> Result<Vec<u8>, NoCalls> {
    let mut json = json_in(raw)?;
    json.truncate(json.trim_end().len());
    json.drain(..json.len() - json.trim_start().len());
    if json.starts_with('{') { Ok(json.into_bytes()) } else { Err(NoCalls::Other) }
}
