//! The text of a target's row, read as JSON of which nothing gets lost: what a parser would leave out or
//! change in silence is refused.

use std::borrow::Cow;

use serde_json::{Number, Value as Json};

use super::wrong::{Result, Wrong};
use crate::walk::{Token, Walk, decoded};

/// The JSON of a row, or what is wrong with it.
pub(super) fn row(text: &str) -> Result<Json> {
    let json = serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        let what = told.rsplit_once(" at line ").map_or(told.as_str(), |(what, _)| what);
        let what = format!("the row is not JSON: {what} (column {})", error.column());
        Wrong::on(error.line(), what)
    })?;
    match lost(&mut Walk::new(text.as_bytes())) {
        Some((at, what)) => Err(Wrong::at(at, what)),
        None => Ok(json),
    }
}

/// What gets lost, and at which byte: members of one name, of which the last would be taken, and numbers
/// that would be written in another way. The parser has bounded the depth.
fn lost(walk: &mut Walk<'_>) -> Option<(usize, String)> {
    let at = walk.place()?;
    match walk.value()? {
        Token::List => {
            while walk.more(b']')? {
                if let lost @ Some(_) = lost(walk) {
                    return lost;
                }
            }
            None
        }
        Token::Object => lost_member(walk),
        Token::Number(raw) => rewritten(&String::from_utf8_lossy(raw)).map(|what| (at, what)),
        _ => None,
    }
}

fn lost_member(walk: &mut Walk<'_>) -> Option<(usize, String)> {
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    while walk.more(b'}')? {
        let (at, name) = (walk.place()?, decoded(walk.key()?)?);
        if names.contains(&name) {
            return Some((at, format!("two members of one object are named '{name}'")));
        }
        names.push(name);
        if let lost @ Some(_) = lost(walk) {
            return lost;
        }
    }
    None
}

fn rewritten(text: &str) -> Option<String> {
    let number: Number = serde_json::from_str(text).ok()?;
    (number.to_string() != text).then(|| {
        format!("the number {text} would be written as {number}: say so, or make it a text")
    })
}
