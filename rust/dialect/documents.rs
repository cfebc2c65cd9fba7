//! The documents of a record, in all the shapes that generators write, and the quotes of its answer.

use std::collections::TryReserveError;
use std::sync::LazyLock;

use super::noted::{self, SENTENCES, Standing, standing_text};
use crate::entries::{Detail, Entry, List};
use crate::made::{Lists, Mark};
use crate::mask::QUOTE;
use crate::text::{Cuts, Tag, Text, closing_quote};
use crate::value::Value;
use crate::walk::{Token, Walk, is_key};

/// What stands around documents and quotes (ShishirPatil/gorilla:raft/raft.py).
struct Tags {
    open: Tag,
    close: Tag,
    quote: (Tag, Tag),
}

static TAGS: LazyLock<Tags> = LazyLock::new(|| Tags {
    open: Tag::new("<DOCUMENT>"),
    close: Tag::new("</DOCUMENT>"),
    quote: (Tag::new(QUOTE.0), Tag::new(QUOTE.1)),
});

/// Whether documents stand right in their list, and not in one list of all inside it.
pub(super) fn are_flat(value: Value<'_>) -> bool {
    match value {
        Value::Json(json) => starts_with_a_text(json).is_some(),
        Value::Nested(nested) => nested.is_flat(),
        _ => false,
    }
}

/// Whether the first member of an object is an array whose first element is a text. That is asked of every
/// record with documents: no more is looked at than it takes.
fn starts_with_a_text(json: &[u8]) -> Option<()> {
    let key = after(after(json, b'{')?, b'"')?;
    let value = after(&key[end_of_key(key)? + 1..], b':')?;
    after(after(value, b'[')?, b'"').map(|_| ())
}

/// What follows a byte, if that is next.
#[inline]
fn after(json: &[u8], next: u8) -> Option<&[u8]> {
    let next = [next];
    json.strip_prefix(&next).or_else(|| json.trim_ascii_start().strip_prefix(&next))
}

/// Where a key ends. It is short: to call for a search took longer than the rest.
#[inline]
fn end_of_key(raw: &[u8]) -> Option<usize> {
    let quote = raw.iter().position(|&byte| byte == b'"')?;
    if raw[..quote].ends_with(b"\\") { closing_quote(raw) } else { Some(quote) }
}

/// What documents may be, for messages.
pub(super) const ARE: &str =
    "a string, an array of strings, or an object with an array of sentences";

/// Why documents were not added.
pub(super) enum NotAdded {
    /// There are other things where texts should be: they are not known to be documents.
    Unknown,
    Memory(TryReserveError),
}

impl From<TryReserveError> for NotAdded {
    fn from(error: TryReserveError) -> Self {
        Self::Memory(error)
    }
}

/// Adds the documents of a value: of an object with titles and sentences, of an array, or of a text.
/// A text is cut where Gorilla's `raft.py` puts tags; one without tags is `whole` a document, or none.
/// Those that are texts of their own are left standing in the line, if the value stands there.
pub(super) fn documents(
    json: &[u8],
    standing: Option<Standing<'_>>,
    whole: bool,
    lists: &mut Lists,
) -> Result<(), NotAdded> {
    if let Some(standing) = standing
        && noted::documents(json, standing, lists)?
    {
        lists.leave_standing(List::Documents);
        return Ok(());
    }
    let (at, quotes) = standing.map(|Standing { at, quotes }| (at, quotes)).unzip();
    let mut walk = Walk::with_quotes(json, at.unwrap_or_default(), quotes.unwrap_or_default());
    let before = lists.len();
    match walk.value() {
        Some(Token::Text(raw)) => return Ok(of_text(raw, whole, lists)?),
        Some(Token::Object) => Found::new(json, at, lists).add_of_object(walk)?,
        Some(Token::List) => Found::new(json, at, lists).add_of_list(&mut walk)?,
        Some(Token::Null) | None => {}
        Some(_) => return Err(NotAdded::Unknown),
    }
    if at.is_some() && lists.len() > before {
        lists.leave_standing(List::Documents);
    }
    Ok(())
}

/// The documents of a value as they are found.
struct Found<'a> {
    lists: &'a mut Lists,
    /// How much the lists held before.
    mark: Mark,
    json: &'a [u8],
    at: Option<usize>,
}

impl<'a> Found<'a> {
    fn new(json: &'a [u8], at: Option<usize>, lists: &'a mut Lists) -> Self {
        Self { mark: lists.mark(), lists, json, at }
    }

    fn add_of_object(&mut self, mut walk: Walk<'a>) -> Result<(), NotAdded> {
        let mut has_others = false;
        let mut has_sentences = false;
        while walk.more(b'}').ok_or(NotAdded::Unknown)? {
            let key = walk.key().ok_or(NotAdded::Unknown)?;
            if is_key(key, &SENTENCES) {
                has_sentences = true;
                self.lists.forget(self.mark);
                self.add_all(&mut walk)?;
            } else {
                has_others = true;
                walk.whole();
            }
        }
        if has_sentences || !has_others { Ok(()) } else { Err(NotAdded::Unknown) }
    }

    /// Passes a value and adds all texts in it. Each is passed once: documents are most of a record.
    fn add_all(&mut self, walk: &mut Walk<'a>) -> Result<(), NotAdded> {
        match walk.value() {
            Some(Token::Text(raw)) => Ok(self.add(raw)?),
            Some(Token::List) => self.add_of_list(walk),
            Some(Token::Null) => Ok(()),
            _ => Err(NotAdded::Unknown),
        }
    }

    /// Texts beside lists are no documents: `HotpotQA` has titles beside lists of sentences.
    fn add_of_list(&mut self, walk: &mut Walk<'a>) -> Result<(), NotAdded> {
        let (mut has_texts, mut has_lists) = (false, false);
        while walk.more(b']').ok_or(NotAdded::Unknown)? {
            if let Some(raw) = walk.text() {
                has_texts = true;
                self.add(raw)?;
                continue;
            }
            match walk.value() {
                Some(Token::List) => {
                    has_lists = true;
                    self.add_of_list(walk)?;
                }
                Some(Token::Null) => {}
                _ => return Err(NotAdded::Unknown),
            }
        }
        if has_texts && has_lists { Err(NotAdded::Unknown) } else { Ok(()) }
    }

    fn add(&mut self, text: &[u8]) -> Result<(), TryReserveError> {
        let Some(at) = self.at else { return push(text, self.lists) };
        let start = at + text.as_ptr().addr() - self.json.as_ptr().addr();
        self.lists.push(standing_text(start - 1, start + text.len() + 1))
    }
}

/// The documents between the tags of an instruction, the last of which ends at the last tag.
fn of_text(raw: &[u8], whole: bool, lists: &mut Lists) -> Result<(), TryReserveError> {
    let tags = &*TAGS;
    let mut cuts = Cuts::new(Text::Escaped(raw), &[&tags.open, &tags.close]);
    if cuts.keep_inside(&tags.open, &tags.close).is_none() {
        return if whole && !raw.is_empty() { push(raw, lists) } else { Ok(()) };
    }
    while let Some(document) = cuts.before_next(&tags.close, &tags.open) {
        push(document.bytes(), lists)?;
    }
    push(cuts.rest().bytes(), lists)
}

/// Adds what a text quotes between Gorilla's tags.
pub(super) fn quotes(json: &[u8], lists: &mut Lists) -> Result<(), TryReserveError> {
    let Value::Text(text) = Value::of(json) else { return Ok(()) };
    let (begin, end) = &TAGS.quote;
    let mut cuts = Cuts::new(text, &[begin, end]);
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
