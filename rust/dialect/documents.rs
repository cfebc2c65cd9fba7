//! The documents of a record, in all the shapes that generators write, and the quotes of its answer.

use std::collections::TryReserveError;
use std::sync::LazyLock;

use crate::entries::{Detail, Entry, List};
use crate::made::Lists;
use crate::mask::QUOTE;
use crate::record::Value;
use crate::scan::Span;
use crate::text::{Cuts, Tag, Text};
use crate::walk::{Token, Walk, is_key};

/// What stands around documents and quotes (ShishirPatil/gorilla:raft/raft.py).
struct Tags {
    open: Tag,
    close: Tag,
    between: Tag,
    quote: (Tag, Tag),
}

static TAGS: LazyLock<Tags> = LazyLock::new(|| Tags {
    open: Tag::new("<DOCUMENT>"),
    close: Tag::new("</DOCUMENT>"),
    between: Tag::new("</DOCUMENT>\n<DOCUMENT>"),
    quote: (Tag::new(QUOTE.0), Tag::new(QUOTE.1)),
});

/// Whether documents stand right in their list, and not in one list of all inside it.
pub(super) fn are_flat(value: Value<'_>) -> bool {
    let Value::Json([b'{', inside @ ..]) = value else { return false };
    let Some(colon) = memchr::memchr(b':', inside) else { return false };
    let mut tokens = inside[colon + 1..].iter().filter(|byte| !byte.is_ascii_whitespace());
    matches!((tokens.next(), tokens.next()), (Some(b'['), Some(b'"')))
}

/// What documents may be, for messages.
pub(super) const ARE: &str =
    "a string, an array of strings, or an object with an array of sentences";

/// Adds the documents of a value: of an object with titles and sentences, of an array, or of a text.
/// A text is cut where Gorilla's `raft.py` puts tags; one without tags is `whole` a document, or none.
/// Those that are texts of their own are left standing in the line, if the value stands there, `at` some byte.
/// Gives `None` if there are other things where texts should be: they are not known to be documents.
pub(super) fn documents(
    json: &[u8],
    at: Option<usize>,
    whole: bool,
    lists: &mut Lists,
) -> Result<Option<()>, TryReserveError> {
    let mut walk = Walk::new(json);
    let mut found = Vec::new();
    let known = match walk.value() {
        Some(Token::Text(raw)) => return of_text(raw, whole, lists).map(Some),
        Some(Token::Object) => texts_of_object(walk, &mut found),
        Some(Token::List) => texts_of_list(&mut walk, &mut found),
        Some(Token::Null) | None => Some(()),
        Some(_) => None,
    };
    match at {
        Some(at) => leave_standing(found, at, json, lists)?,
        None => found.into_iter().try_for_each(|text| push(text, lists))?,
    }
    Ok(known)
}

fn texts_of_object<'a>(mut walk: Walk<'a>, found: &mut Vec<&'a [u8]>) -> Option<()> {
    let mut has_others = false;
    let mut has_sentences = false;
    while walk.more(b'}')? {
        let key = walk.key()?;
        if is_key(key, "sentences") || is_key(key, "documents") {
            has_sentences = true;
            found.clear();
            texts(&mut walk, found)?;
        } else {
            has_others = true;
            walk.whole()?;
        }
    }
    (has_sentences || !has_others).then_some(())
}

/// Passes a value and finds all texts in it, however deep they stand, as the bytes between their quotes.
/// Each is passed once: documents are most of a record.
fn texts<'a>(walk: &mut Walk<'a>, found: &mut Vec<&'a [u8]>) -> Option<()> {
    match walk.value()? {
        Token::Text(raw) => found.push(raw),
        Token::List => texts_of_list(walk, found)?,
        Token::Null => {}
        Token::Object | Token::Number(_) | Token::Boolean(_) => return None,
    }
    Some(())
}

fn texts_of_list<'a>(walk: &mut Walk<'a>, found: &mut Vec<&'a [u8]>) -> Option<()> {
    while walk.more(b']')? {
        texts(walk, found)?;
    }
    Some(())
}

/// Adds texts of `json`, which stands `at` some byte of the line, without a copy: documents are most of a record.
fn leave_standing(
    texts: Vec<&[u8]>,
    at: usize,
    json: &[u8],
    lists: &mut Lists,
) -> Result<(), TryReserveError> {
    if !texts.is_empty() {
        lists.leave_standing(List::Documents);
    }
    for text in texts {
        let start = at + text.as_ptr().addr() - json.as_ptr().addr();
        let mut entry = Entry::default();
        entry.set(Detail::Content, Span { start: start - 1, end: start + text.len() + 1 });
        lists.push(entry)?;
    }
    Ok(())
}

/// The documents between the tags of an instruction, the last of which ends at the last tag.
fn of_text(raw: &[u8], whole: bool, lists: &mut Lists) -> Result<(), TryReserveError> {
    let tags = &*TAGS;
    let mut cuts = Cuts::new(Text::Escaped(raw), &[&tags.open, &tags.close, &tags.between]);
    if cuts.keep_inside(&tags.open, &tags.close).is_none() {
        return if whole && !raw.is_empty() { push(raw, lists) } else { Ok(()) };
    }
    while let Some(document) = cuts.before(&tags.between) {
        push(document.bytes(), lists)?;
        cuts.with(&tags.between);
    }
    push(cuts.rest().bytes(), lists)
}

/// Adds what a text quotes between Gorilla's tags.
pub(super) fn quotes(json: &[u8], lists: &mut Lists) -> Result<(), TryReserveError> {
    let Some(Token::Text(raw)) = Walk::new(json).value() else { return Ok(()) };
    let (begin, end) = &TAGS.quote;
    let mut cuts = Cuts::new(Text::Escaped(raw), &[begin, end]);
    while cuts.with(begin).is_some() {
        let Some(quote) = cuts.before(end) else { break };
        push(quote.bytes(), lists)?;
        cuts.with(end);
    }
    Ok(())
}

/// Adds an escaped text.
fn push(raw: &[u8], lists: &mut Lists) -> Result<(), TryReserveError> {
    let mut entry = Entry::default();
    entry.set(Detail::Content, lists.keep(&[b"\"", raw, b"\""])?);
    lists.push(entry)
}
