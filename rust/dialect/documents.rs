//! The documents of a record, in all the shapes that generators write, and the quotes of its answer.

use std::collections::TryReserveError;

use memchr::memmem;

use crate::entries::{Detail, Entry};
use crate::made::Lists;
use crate::mask::QUOTE;
use crate::record::Value;
use crate::text::{Escape, Text};
use crate::walk::{Token, Walk, decoded};

const OPEN: &str = "<DOCUMENT>";
const CLOSE: &str = "</DOCUMENT>";

/// Whether documents stand right in their list, and not in one list of all inside it.
pub(super) fn are_flat(value: Value<'_>) -> bool {
    let Value::Json([b'{', inside @ ..]) = value else { return false };
    let Some(colon) = memchr::memchr(b':', inside) else { return false };
    let mut tokens = inside[colon + 1..].iter().filter(|byte| !byte.is_ascii_whitespace());
    matches!((tokens.next(), tokens.next()), (Some(b'['), Some(b'"')))
}

/// Adds the documents of a value: of an object with titles and sentences, of an array, or of a text.
/// A text is cut where Gorilla's `raft.py` puts tags; one without tags is `whole` a document, or none.
pub(super) fn documents(
    json: &[u8],
    whole: bool,
    lists: &mut Lists,
) -> Result<(), TryReserveError> {
    let mut walk = Walk::new(json);
    match walk.value() {
        Some(Token::Object) => of_object(walk, lists),
        Some(Token::List) => {
            let mut found = Vec::new();
            texts_of_list(&mut walk, &mut found);
            push_all(found, lists)
        }
        Some(Token::Text(raw)) => of_text(raw, whole, lists),
        _ => Ok(()),
    }
}

fn of_object(mut walk: Walk<'_>, lists: &mut Lists) -> Result<(), TryReserveError> {
    let mut sentences = Vec::new();
    while walk.more(b'}') == Some(true) {
        let Some(key) = walk.key() else { break };
        let passed = match decoded(key).as_deref() {
            Some("sentences" | "documents") => {
                sentences.clear();
                texts(&mut walk, &mut sentences)
            }
            _ => walk.whole().map(drop),
        };
        if passed.is_none() {
            break;
        }
    }
    push_all(sentences, lists)
}

/// Passes a value and finds all texts in it that are in no object, however deep they stand, as the bytes
/// between their quotes. Each is passed once: documents are most of a record.
fn texts<'a>(walk: &mut Walk<'a>, found: &mut Vec<&'a [u8]>) -> Option<()> {
    match walk.value()? {
        Token::Text(raw) => found.push(raw),
        Token::List => texts_of_list(walk, found)?,
        Token::Object => walk.close()?,
        _ => {}
    }
    Some(())
}

fn texts_of_list<'a>(walk: &mut Walk<'a>, found: &mut Vec<&'a [u8]>) -> Option<()> {
    while walk.more(b']')? {
        texts(walk, found)?;
    }
    Some(())
}

fn push_all(texts: Vec<&[u8]>, lists: &mut Lists) -> Result<(), TryReserveError> {
    texts.into_iter().try_for_each(|text| push(&[b"\"", text, b"\""], lists))
}

/// The documents between the tags of an instruction, the last of which ends at the last tag.
fn of_text(raw: &[u8], whole: bool, lists: &mut Lists) -> Result<(), TryReserveError> {
    with_plain_tags(raw, |text| {
        let bytes = text.bytes();
        let first = memmem::find(bytes, OPEN.as_bytes());
        let last = memmem::rfind(bytes, CLOSE.as_bytes());
        let (Some(first), Some(last)) = (first, last) else {
            return if whole && !bytes.is_empty() { keep(text, bytes, lists) } else { Ok(()) };
        };
        let mut rest = bytes.get(first + OPEN.len()..last).unwrap_or_default();
        let line_end: &[u8] = if matches!(text, Text::Plain(_)) { b"\n" } else { b"\\n" };
        let between = [CLOSE.as_bytes(), line_end, OPEN.as_bytes()].concat();
        while let Some(at) = memmem::find(rest, &between) {
            keep(text, &rest[..at], lists)?;
            rest = &rest[at + between.len()..];
        }
        keep(text, rest, lists)
    })
}

/// Adds what a text quotes between Gorilla's tags.
pub(super) fn quotes(json: &[u8], lists: &mut Lists) -> Result<(), TryReserveError> {
    let Some(Token::Text(raw)) = Walk::new(json).value() else { return Ok(()) };
    with_plain_tags(raw, |text| {
        let mut rest = text.bytes();
        while let Some(start) = memmem::find(rest, QUOTE.0.as_bytes()) {
            rest = &rest[start + QUOTE.0.len()..];
            let Some(end) = memmem::find(rest, QUOTE.1.as_bytes()) else { break };
            keep(text, &rest[..end], lists)?;
            rest = &rest[end + QUOTE.1.len()..];
        }
        Ok(())
    })
}

/// Does something with a text in which tags have one spelling: as it is, or else unescaped.
fn with_plain_tags<T>(raw: &[u8], act: impl FnOnce(Text<'_>) -> T) -> T {
    let spelled = |code: &[u8]| memmem::find(raw, code).is_some();
    if spelled(b"\\/") || spelled(b"\\u00") {
        return act(Text::Plain(&Text::Escaped(raw).to_plain()));
    }
    act(Text::Escaped(raw))
}

/// Adds a part of a text.
fn keep(text: Text<'_>, part: &[u8], lists: &mut Lists) -> Result<(), TryReserveError> {
    match text {
        Text::Escaped(_) => push(&[b"\"", part, b"\""], lists),
        Text::Plain(_) => {
            let mut escaped = Vec::new();
            Text::Plain(&String::from_utf8_lossy(part)).write_json(Escape::Keep, &mut escaped);
            push(&[b"\"", &escaped, b"\""], lists)
        }
    }
}

fn push(json: &[&[u8]], lists: &mut Lists) -> Result<(), TryReserveError> {
    let mut entry = Entry::default();
    entry.set(Detail::Content, lists.keep(json)?);
    lists.push(entry)
}
