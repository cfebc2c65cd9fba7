//! The strings of a target: text with placeholders, such as `"{cot_answer}{stop}"` or
//! `"{cot_answer|after('<ANSWER>: ')}"`. Braces that are meant are doubled.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mask::FinalAnswer;
use crate::text::{Tag, Text};

/// A piece of a string.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text as it stands.
    Literal(String),
    /// A name in braces, and what is done to its value, in order.
    Name { name: String, operations: Vec<Operation> },
}

/// Something done to a text.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// `after('tag')`: what follows the last tag, or the whole text.
    After(Tag),
    /// `until('tag')`: what stands up to the last tag and with it, or nothing.
    Until(Tag),
    /// `final_answer`: what follows the tag of the final answer, or the whole text.
    FinalAnswer(FinalAnswer),
    /// `reasoning`: what stands up to the tag of the final answer and with it, or nothing.
    Reasoning(FinalAnswer),
    /// `without_last_line`: all lines but the last.
    WithoutLastLine,
    /// `trim`: no white space around it.
    Trim,
    /// `trim_start`: no white space before it.
    TrimStart,
    /// `trim_end`: no white space after it.
    TrimEnd,
    /// `null_if_empty`: null instead of an empty text.
    NullIfEmpty,
    /// `before('tag')`: what stands before the first tag, or the whole text.
    Before(Tag),
    /// `without_start('text')`: the text without that start, if it has it.
    WithoutStart(String),
    /// `without_end('text')`: the text without that end, if it has it.
    WithoutEnd(String),
    /// `after_documents`: what follows the last document tag and its line end, or the whole text.
    AfterDocuments(Tag),
    /// `json`: a value that is no text as JSON; a text is one already.
    Json,
    /// `value`: the JSON that a text is; a text that is none stays one, as does what is no text.
    Value,
    /// One name instead of another; a name that is not among them stays.
    Renamed(Arc<BTreeMap<String, String>>),
}

/// What can be written after a `|`, for messages.
const OPERATIONS: &str = "after('tag'), until('tag'), before('tag'), without_start('text'), without_end('text'), \
     after_documents, final_answer, reasoning, without_last_line, trim, trim_start, trim_end, null_if_empty, json, value";

/// What ends a document in an instruction (ShishirPatil/gorilla:raft/raft.py).
const DOCUMENT_END: &str = "</DOCUMENT>";

impl Operation {
    /// The text after this operation; `None` is null.
    #[inline]
    pub(super) fn apply<'a>(&'a self, text: Text<'a>) -> Option<Text<'a>> {
        match self {
            Self::After(tag) => Some(text.after_last(tag)),
            Self::Until(tag) => {
                Some(text.cut_after_last(tag).map_or(Text::Plain(""), |(head, _)| head))
            }
            Self::FinalAnswer(found) => Some(found.cut(text).map_or(text, |(_, answer)| answer)),
            Self::Reasoning(found) => {
                Some(found.cut(text).map_or(Text::Plain(""), |(reasoning, _)| reasoning))
            }
            Self::WithoutLastLine => Some(text.without_last_line()),
            Self::Json | Self::Value => Some(text),
            Self::Trim => Some(text.trim()),
            Self::TrimStart => Some(text.trim_start()),
            Self::TrimEnd => Some(text.trim_end()),
            Self::NullIfEmpty => (!text.is_empty()).then_some(text),
            Self::Before(tag) => Some(text.before_first(tag)),
            Self::WithoutStart(start) => Some(text.without_start(start)),
            Self::WithoutEnd(end) => Some(text.without_end(end)),
            Self::AfterDocuments(tag) => Some(match text.after_last(tag) {
                whole if whole == text => whole,
                rest => rest.without_start("\n"),
            }),
            Self::Renamed(names) => Some(match names.get(&text.to_plain()) {
                Some(name) => Text::Plain(name),
                None => text,
            }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "final_answer" => Ok(Self::FinalAnswer(FinalAnswer::default())),
            "reasoning" => Ok(Self::Reasoning(FinalAnswer::default())),
            "without_last_line" => Ok(Self::WithoutLastLine),
            "trim" => Ok(Self::Trim),
            "trim_start" => Ok(Self::TrimStart),
            "trim_end" => Ok(Self::TrimEnd),
            "null_if_empty" => Ok(Self::NullIfEmpty),
            "json" => Ok(Self::Json),
            "value" => Ok(Self::Value),
            "after_documents" => Ok(Self::AfterDocuments(Tag::new(DOCUMENT_END))),
            "" => Err(format!("no operation after a '|'; there are {OPERATIONS}")),
            _ => Self::parse_call(text)
                .ok_or_else(|| format!("unknown operation '{text}'; there are {OPERATIONS}")),
        }
    }

    fn parse_call(text: &str) -> Option<Self> {
        let (name, quoted) = text.strip_suffix(')')?.split_once('(')?;
        let quoted = quoted.trim().strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
        match name {
            _ if quoted.is_empty() => None,
            "after" => Some(Self::After(Tag::new(&quoted))),
            "until" => Some(Self::Until(Tag::new(&quoted))),
            "before" => Some(Self::Before(Tag::new(&quoted))),
            "without_start" => Some(Self::WithoutStart(quoted)),
            "without_end" => Some(Self::WithoutEnd(quoted)),
            _ => None,
        }
    }

    /// Whether it takes a part of a text, which may be empty.
    pub(crate) fn cuts(&self) -> bool {
        matches!(
            self,
            Self::After(_)
                | Self::Until(_)
                | Self::Before(_)
                | Self::FinalAnswer(_)
                | Self::Reasoning(_)
                | Self::WithoutLastLine
                | Self::AfterDocuments(_)
        )
    }

    /// Bytes that it adds to a text at most.
    pub(super) fn growth(&self) -> usize {
        match self {
            Self::Renamed(names) => names.values().map(String::len).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// What is done to the value that a string with one placeholder and nothing else is.
pub(crate) fn operations_of(text: &str) -> Vec<Operation> {
    match parse(text).map(|mut pieces| (pieces.pop(), pieces.len())) {
        Ok((Some(Piece::Name { operations, .. }), 0)) => operations,
        _ => Vec::new(),
    }
}

/// Splits a string into its pieces.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        literal.push_str(&rest[..brace]);
        let tail = &rest[brace..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            literal.push_str(&tail[..1]);
            rest = &tail[2..];
        } else if tail.starts_with('}') {
            return Err(format!("'}}' without '{{' in \"{text}\"; write '}}}}' for a brace"));
        } else {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            let end = closing_brace(tail).ok_or_else(|| {
                format!("'{{' without '}}' in \"{text}\"; write '{{{{' for a brace")
            })?;
            let (name, operations) = name(&tail[1..end])?;
            pieces.push(Piece::Name { name, operations });
            rest = &tail[end + 1..];
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// The brace that ends a placeholder: the first one outside quotes.
fn closing_brace(text: &str) -> Option<usize> {
    unquoted(text).find(|&(_, character)| character == '}').map(|(at, _)| at)
}

/// The characters outside single quotes.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quoted = false;
    text.char_indices().filter(move |&(_, character)| {
        quoted ^= character == '\'';
        !quoted
    })
}

/// A name and what is done to its value, as they stand between braces.
pub(super) fn name(text: &str) -> Result<(String, Vec<Operation>), String> {
    let mut parts = split_operations(text).into_iter().map(str::trim);
    let name = parts.next().unwrap_or_default().to_owned();
    if name.is_empty() {
        let what = format!("no name in '{{{text}}}'; write '{{{{' and '}}}}' for braces");
        return Err(what);
    }
    Ok((name, parts.map(Operation::parse).collect::<Result<_, _>>()?))
}

fn split_operations(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in unquoted(text).filter(|&(_, character)| character == '|') {
        parts.push(&text[start..at]);
        start = at + 1;
    }
    parts.push(&text[start..]);
    parts
}
