//! Calls of tools, as `OpenAI` has them in a message and as others tell them in a text: of each its name
//! and its arguments, one alone or several in an array (hiyouga/LLaMA-Factory:data/README.md and
//! src/llamafactory/data/formatter.py, `FunctionFormatter`).

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::text::{Escape, Text};
use crate::walk::{Token, Walk, decoded};

/// A call: the JSON of its name, and that of its arguments, an object.
struct Call<'a> {
    name: &'a [u8],
    arguments: Cow<'a, [u8]>,
}

/// The calls of a message as a JSON string whose text is JSON; `None` if they are no calls of functions
/// with arguments.
pub(super) fn as_text(tool_calls: &[u8]) -> Option<Vec<u8>> {
    let mut told = Vec::new();
    let mut walk = Walk::new(tool_calls);
    let Token::List = walk.value()? else { return None };
    while walk.more(b']')? {
        let call = member(walk.whole()?, "function").and_then(Call::of)?;
        told.push([br#"{"name":"#, call.name, br#","arguments":"#, &call.arguments, b"}"].concat());
    }
    let json = match &told[..] {
        [one] => one.clone(),
        several => [b"[", several.join(&b","[..]).as_slice(), b"]"].concat(),
    };
    as_string(&json)
}

/// The calls that a text tells as JSON, as those of a message, with ids of which `numbers` are next;
/// `None` if it is no such text.
pub(super) fn of_text(raw: &[u8], numbers: &mut impl Iterator<Item = usize>) -> Option<Vec<u8>> {
    let text = Text::Escaped(raw).to_plain();
    serde_json::from_str::<IgnoredAny>(&text).ok()?;
    let mut walk = Walk::new(text.as_bytes());
    let mut calls = Vec::new();
    match walk.value()? {
        Token::Object => calls.push(Call::of(text.as_bytes())?.of_message(numbers.next()?)?),
        Token::List => {
            while walk.more(b']')? {
                calls.push(Call::of(walk.whole()?)?.of_message(numbers.next()?)?);
            }
        }
        _ => return None,
    }
    Some([b"[", calls.join(&b","[..]).as_slice(), b"]"].concat())
}

/// The id of a call that has none of its own, as a JSON string.
pub(super) fn id(number: usize) -> String {
    format!("\"call_{number}\"")
}

impl<'a> Call<'a> {
    fn of(json: &'a [u8]) -> Option<Self> {
        // What is in a text was seen by no scanner: half of a surrogate pair must not come into a row.
        let is_text = |name: &&[u8]| serde_json::from_slice::<String>(name).is_ok();
        let name = member(json, "name").filter(is_text)?;
        let arguments = member(json, "arguments")?;
        let arguments = match Walk::new(arguments).value()? {
            Token::Object => Cow::Borrowed(arguments),
            Token::Text(raw) => Cow::Owned(object_in(raw)?),
            _ => return None,
        };
        Some(Self { name, arguments })
    }

    fn of_message(&self, number: usize) -> Option<Vec<u8>> {
        let (id, arguments) = (id(number), as_string(&self.arguments)?);
        let parts: [&[u8]; 7] = [
            br#"{"id":"#,
            id.as_bytes(),
            br#","type":"function","function":{"name":"#,
            self.name,
            br#","arguments":"#,
            &arguments,
            b"}}",
        ];
        Some(parts.concat())
    }
}

/// The JSON object that the text of a string is.
fn object_in(raw: &[u8]) -> Option<Vec<u8>> {
    let text = Text::Escaped(raw).to_plain();
    serde_json::from_str::<IgnoredAny>(&text).ok()?;
    let json = text.trim();
    json.starts_with('{').then(|| json.as_bytes().to_vec())
}

/// JSON as the text of a JSON string.
pub(super) fn as_string(json: &[u8]) -> Option<Vec<u8>> {
    let mut string = vec![b'"'];
    Text::Plain(std::str::from_utf8(json).ok()?).write_json(Escape::Keep, &mut string);
    string.push(b'"');
    Some(string)
}

/// The last value of a key of an object.
fn member<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut walk = Walk::new(json);
    let Token::Object = walk.value()? else { return None };
    let mut found = None;
    while walk.more(b'}')? {
        let (key, value) = (walk.key()?, walk.whole()?);
        if decoded(key).as_deref() == Some(name) {
            found = Some(value.trim_ascii());
        }
    }
    found
}
