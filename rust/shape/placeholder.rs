//! The strings of a target: text with placeholders, such as `"{cot_answer}{stop}"` or
//! `"{cot_answer|after('<ANSWER>: ')}"`. Braces that are meant are doubled.

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
    /// `without_last_line`: all lines but the last.
    WithoutLastLine,
    /// `trim`: no white space around it.
    Trim,
    /// `null_if_empty`: null instead of an empty text.
    NullIfEmpty,
}

/// What can be written after a `|`, for messages.
const OPERATIONS: &str = "after('tag'), without_last_line, trim, null_if_empty";

impl Operation {
    /// The text after this operation; `None` is null.
    #[inline]
    pub(super) fn apply<'a>(&self, text: Text<'a>) -> Option<Text<'a>> {
        match self {
            Self::After(tag) => Some(text.after_last(tag)),
            Self::WithoutLastLine => Some(text.without_last_line()),
            Self::Trim => Some(text.trim()),
            Self::NullIfEmpty => (!text.is_empty()).then_some(text),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "without_last_line" => Ok(Self::WithoutLastLine),
            "trim" => Ok(Self::Trim),
            "null_if_empty" => Ok(Self::NullIfEmpty),
            _ => Self::parse_after(text)
                .ok_or_else(|| format!("unknown operation '{text}'; there are {OPERATIONS}")),
        }
    }

    fn parse_after(text: &str) -> Option<Self> {
        let quoted = text.strip_prefix("after(")?.strip_suffix(')')?.trim();
        let tag = quoted.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
        (!tag.is_empty()).then(|| Self::After(Tag::new(&tag)))
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
            pieces.push(parse_name(&tail[1..end])?);
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

fn parse_name(text: &str) -> Result<Piece, String> {
    let mut parts = split_operations(text).into_iter().map(str::trim);
    let name = parts.next().unwrap_or_default().to_owned();
    let operations = parts.map(Operation::parse).collect::<Result<_, _>>()?;
    Ok(Piece::Name { name, operations })
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
