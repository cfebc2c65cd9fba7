//! The text of a target's row, read as JSON of which nothing gets lost: what a parser would leave out or
//! change in silence is refused.

use std::borrow::Cow;

use serde_json::{Number, Value as Json};

use crate::walk::{Token, Walk, decoded};

/// The JSON of a row, or what is wrong with it, and on which of its lines, if that is known.
pub(super) fn row(text: &str) -> Result<Json, (Option<usize>, String)> {
    let json = serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        let what = told.rsplit_once(" at line ").map_or(told.as_str(), |(what, _)| what);
        (Some(error.line()), format!("the row is not JSON: {what} (column {})", error.column()))
    })?;
    keeps_all(&mut Walk::new(text.as_bytes())).map_err(|what| (None, what))?;
    Ok(json)
}

/// Refuses members of one name, of which the last would be taken, and numbers that would be written in
/// another way. The parser has bounded the depth.
fn keeps_all(walk: &mut Walk<'_>) -> Result<(), String> {
    match walk.value() {
        Some(Token::List) => {
            while walk.more(b']') == Some(true) {
                keeps_all(walk)?;
            }
        }
        Some(Token::Object) => {
            let mut names: Vec<Cow<'_, str>> = Vec::new();
            while walk.more(b'}') == Some(true) {
                let Some(name) = walk.key().and_then(decoded) else { break };
                if names.contains(&name) {
                    return Err(format!("two members of one object are named '{name}'"));
                }
                names.push(name);
                keeps_all(walk)?;
            }
        }
        Some(Token::Number(raw)) => return keeps_number(&String::from_utf8_lossy(raw)),
        _ => {}
    }
    Ok(())
}

fn keeps_number(text: &str) -> Result<(), String> {
    match serde_json::from_str::<Number>(text) {
        Ok(number) if number.to_string() != text => Err(format!(
            "the number {text} would be written as {number}: say so, or make it a text"
        )),
        _ => Ok(()),
    }
}
