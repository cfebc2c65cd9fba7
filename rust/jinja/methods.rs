//! Methods of Python's strings that minijinja's pycompat does not have, or not as Python does.

use minijinja::value::Value;
use minijinja::{Error, ErrorKind, State};
use minijinja_contrib::pycompat;

use crate::text::is_python_space;

/// A method of Python's strings, lists or dicts.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let own = match (value.as_str(), arguments) {
        (Some(text), []) => of_text(text, name),
        (Some(text), [other]) => other.as_str().and_then(|other| of_two(text, name, other)),
        (Some(text), [other, count]) if name == "rsplit" => {
            other.as_str().zip(count.as_i64()).map(|(by, most)| split_from_the_end(text, by, most))
        }
        _ => None,
    };
    match own {
        Some(own) => own,
        None => pycompat::unknown_method_callback(state, value, name, arguments),
    }
}

/// White space is what Python strips: that is more than what Rust does.
fn of_text(text: &str, name: &str) -> Option<Result<Value, Error>> {
    Some(Ok(match name {
        "strip" => Value::from(text.trim_matches(is_python_space)),
        "lstrip" => Value::from(text.trim_start_matches(is_python_space)),
        "rstrip" => Value::from(text.trim_end_matches(is_python_space)),
        "swapcase" => Value::from(text.chars().flat_map(swapped).collect::<String>()),
        _ => return None,
    }))
}

fn of_two(text: &str, name: &str, other: &str) -> Option<Result<Value, Error>> {
    Some(match name {
        "index" => place(text, text.find(other)),
        "rindex" => place(text, text.rfind(other)),
        "rsplit" => split_from_the_end(text, other, -1),
        "partition" | "rpartition" if other.is_empty() => Err(wrong("empty separator")),
        "partition" => Ok(around(text, text.split_once(other).unwrap_or((text, "")))),
        "rpartition" => Ok(around(text, text.rsplit_once(other).unwrap_or(("", text)))),
        "removeprefix" => Ok(Value::from(text.strip_prefix(other).unwrap_or(text))),
        "removesuffix" => Ok(Value::from(text.strip_suffix(other).unwrap_or(text))),
        _ => return None,
    })
}

/// The parts of a text, the last of which are split off at most so many times; a negative number is any.
fn split_from_the_end(text: &str, by: &str, most: i64) -> Result<Value, Error> {
    if by.is_empty() {
        return Err(wrong("empty separator"));
    }
    let most = usize::try_from(most).map_or(usize::MAX, |most| most.saturating_add(1));
    let mut parts: Vec<Value> = text.rsplitn(most, by).map(Value::from).collect();
    parts.reverse();
    Ok(Value::from(parts))
}

/// A text in three: what stands before, what between, and what after.
fn around(text: &str, (before, after): (&str, &str)) -> Value {
    let between = &text[before.len()..text.len() - after.len()];
    Value::from([before, between, after].map(str::to_owned).to_vec())
}

/// The characters before a place in bytes.
fn place(text: &str, at: Option<usize>) -> Result<Value, Error> {
    let at = at.ok_or_else(|| wrong("substring not found"))?;
    Ok(Value::from(text[..at].chars().count()))
}

fn swapped(character: char) -> impl Iterator<Item = char> {
    let (lower, upper) = (character.to_lowercase(), character.to_uppercase());
    let is_upper = character.is_uppercase();
    lower.filter(move |_| is_upper).chain(upper.filter(move |_| !is_upper))
}

fn wrong(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}
