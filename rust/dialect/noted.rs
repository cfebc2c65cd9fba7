//! Documents by the quotes that a scanner noted: where they are texts in lists, as nearly all generators write
//! them, what stands between two texts tells the rest.

use std::collections::TryReserveError;

use crate::entries::{Detail, Entry};
use crate::made::{Lists, Mark};
use crate::scan::Span;
use crate::walk::is_key;

/// What stands between two texts but for white space: its last four bytes, as a number.
type Signs = u32;

const OBJECT: Signs = Signs::from_be_bytes(*b"\0\0\0{");
const NEXT: Signs = Signs::from_be_bytes(*b"\0\0\0,");
const LIST: Signs = Signs::from_be_bytes(*b"\0\0:[");
const LIST_IN_LIST: Signs = Signs::from_be_bytes(*b"\0:[[");
const LIST_ENDS: Signs = Signs::from_be_bytes(*b"\0\0\0]");
const BOTH_END: Signs = Signs::from_be_bytes(*b"\0\0]]");

/// Where a value stands, and the closing quotes of the first strings in it.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub at: usize,
    pub quotes: &'a [usize],
}

/// The keys of documents, in an object of them.
pub(super) const SENTENCES: [&str; 2] = ["sentences", "documents"];

/// An entry that is a text which stands in the line, its quotes included.
pub(super) fn standing_text(start: usize, end: usize) -> Entry {
    let mut entry = Entry::default();
    entry.set(Detail::Content, Span { start, end });
    entry
}

/// Adds the documents of an object whose values are lists of texts, or lists of one such list, as `raft.py`
/// and most others write it; tells whether it is one, and adds nothing otherwise. Nothing is looked at but
/// the noted quotes and what stands between two texts: to walk over all that may stand there took a quarter
/// longer.
pub(super) fn documents(
    json: &[u8],
    standing: Standing<'_>,
    lists: &mut Lists,
) -> Result<bool, TryReserveError> {
    let mark = lists.mark();
    let are_all = add(json, standing, mark, lists)?;
    if !are_all {
        lists.forget(mark);
    }
    Ok(are_all)
}

fn add(
    json: &[u8],
    Standing { at, quotes }: Standing<'_>,
    before: Mark,
    lists: &mut Lists,
) -> Result<bool, TryReserveError> {
    let (mut from, mut closing) = (0, 0);
    let (mut has_sentences, mut are_sentences) = (false, false);
    for quote in quotes {
        let (signs, start) = next_text(json, from);
        let Some(end) = quote.checked_sub(at) else { return Ok(false) };
        from = end + 1;
        match signs {
            NEXT => {}
            LIST => closing = LIST_ENDS,
            LIST_IN_LIST => closing = BOTH_END,
            _ if signs == OBJECT || signs == followed(closing, b',') => {
                let Some(key) = json.get(start + 1..end) else { return Ok(false) };
                are_sentences = is_key(key, &SENTENCES);
                if are_sentences {
                    has_sentences = true;
                    lists.forget(before);
                }
                continue;
            }
            _ => return Ok(false),
        }
        if are_sentences {
            lists.push(standing_text(at + start, at + from))?;
        }
    }
    Ok(has_sentences && next_text(json, from).0 == followed(closing, b'}'))
}

fn followed(signs: Signs, by: u8) -> Signs {
    signs << 8 | Signs::from(by)
}

/// What stands before the next text, and where that starts.
#[inline(always)]
fn next_text(json: &[u8], from: usize) -> (Signs, usize) {
    let rest = json.get(from..).unwrap_or_default();
    match rest {
        [b',', b'"', ..] => return (NEXT, from + 1),
        [b',', b' ', b'"', ..] => return (NEXT, from + 2),
        _ => {}
    }
    let mut signs = 0;
    for (place, &byte) in rest.iter().enumerate() {
        match byte {
            b'"' => return (signs, from + place),
            b' ' | b'\t' | b'\r' => {}
            _ => signs = followed(signs, byte),
        }
    }
    (signs, json.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::documents;
    use crate::record::Record;
    use crate::scan::{Buffer, Keys, Scanner, Spans};

    /// The documents of a value in a line, if they are told by its quotes.
    fn by_quotes(json: &str) -> Option<Vec<String>> {
        let line = format!("{{\"context\": {json}}}\n");
        let buffer = Buffer::from_bytes(line.as_bytes()).ok()?;
        let mut spans = Spans::default();
        Scanner::best().line(&buffer, 0, &Keys::new(["context"]).noting(0), &mut spans);
        let record = Record::new(buffer.content(), 0, line.len() - 1, &spans);
        let (mut lists, at) = (Lists::default(), record.span(0)?.start);
        let standing = Standing { at, quotes: record.quotes(0) };
        let are_told = documents(record.json(0)?, standing, &mut lists).ok()?;
        let texts = lists.range(0..lists.len()).iter().map(|entry| entry.get(Detail::Content));
        let texts = texts.map(|text| line[text.start..text.end].to_owned()).collect::<Vec<_>>();
        assert!(are_told || texts.is_empty(), "{json}");
        are_told.then_some(texts)
    }

    /// The same by a walk, whatever the value is.
    fn by_walk(json: &str) -> Option<Vec<String>> {
        let mut lists = Lists::default();
        documents::documents(json.as_bytes(), None, false, &mut lists).ok()?;
        let texts = lists.range(0..lists.len()).iter().map(|entry| entry.get(Detail::Content));
        Some(texts.map(|text| String::from_utf8_lossy(lists.bytes(text)).into_owned()).collect())
    }

    #[test]
    fn documents_in_lists_of_texts_are_told_by_their_quotes() {
        let long =
            |count: usize| format!(r#"{{"sentences":[["a"{}]]}}"#, r#","b""#.repeat(count - 1));
        let (most, too_many) = (long(63), long(64));
        let rows = [
            (r#"{"title":[["t","t"]],"sentences":[["a","b"]]}"#, true),
            (r#"{"title": [["t", "t"]], "sentences": [["a", "b"]]}"#, true),
            ("{\t\"sentences\" : [\r[ \"a\"  ,\t\"b\" ] ] }", true),
            (r#"{"sentences":["a","b"],"title":["t"]}"#, true),
            (r#"{"documents":["a"],"id":[["1"]]}"#, true),
            (r#"{"sentences":["a"],"sentences":["b"]}"#, true),
            (r#"{"sentences":["a"],"documents":[["b"]]}"#, true),
            (r#"{"s\u0065ntences":["a"]}"#, true),
            (r#"{"sentences":["", "a \" ],[ b\\", "]]}"]}"#, true),
            (most.as_str(), true),
            (too_many.as_str(), false),
            (r#"{"sentences":[["a"],["b"]]}"#, false),
            (r#"{"sentences":[["a"],"b"]}"#, false),
            (r#"{"sentences":["a",["b"]]}"#, false),
            (r#"{"sentences":[[["a"]]]}"#, false),
            (r#"{"sentences":"a"}"#, false),
            (r#"{"sentences":["a",1]}"#, false),
            (r#"{"sentences":[null,"a"]}"#, false),
            (r#"{"sentences":[]}"#, false),
            (r#"{"sentences":[{"text":"a"}]}"#, false),
            (r#"{"title":["t"],"sentences":[]}"#, false),
            (r#"{"title":[["t"]]}"#, false),
            (r#"{"sentences":["a"],"n":1}"#, false),
            (r#"{"sentences":["a"],"n":1,"title":["t"]}"#, false),
            (r#"{"sentences":["a"],"x":{"sentences":["b"]}}"#, false),
            (r#"["a"]"#, false),
            (r#""a""#, false),
            ("{}", false),
            ("null", false),
        ];
        for (json, are_told) in rows {
            let told = by_quotes(json);
            assert_eq!(told.is_some(), are_told, "{json}");
            assert!(told.is_none() || told == by_walk(json), "{json}: {told:?}");
        }
    }

    /// Values like those of documents, with more in them than there should be.
    fn values() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![8 => Just(r#""a""#), 2 => Just(r#""]""#), 1 => Just("1"), 1 => Just("null")];
        let leaf = leaf.prop_map(str::to_owned);
        leaf.prop_recursive(3, 12, 3, |inner| {
            let key = prop_oneof![Just("sentences"), Just("documents"), Just("title")];
            let members = proptest::collection::vec((key, inner.clone()), 0..3);
            let object = members.prop_map(|members| {
                let members = members.iter().map(|(key, value)| format!(r#""{key}": {value}"#));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            });
            let list = proptest::collection::vec(inner, 0..3);
            prop_oneof![1 => object, 3 => list.prop_map(|list| format!("[{}]", list.join(",")))]
        })
    }

    proptest! {
        #[test]
        fn quotes_tell_no_documents_that_a_walk_would_not(
            members in proptest::collection::vec(("title|sentences|documents", values()), 1..4)
        ) {
            let members = members.iter().map(|(key, value)| format!(r#""{key}":{value}"#));
            let json = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
            if let Some(told) = by_quotes(&json) {
                prop_assert_eq!(Some(told), by_walk(&json), "{}", json);
            }
        }
    }
}
