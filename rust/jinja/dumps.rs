//! JSON as Python's `json.dumps` writes it, which is the `tojson` of transformers.

use std::fmt::Write;

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};
use serde_json::Value as Json;

/// How JSON is laid out.
struct Layout {
    ensure_ascii: bool,
    /// What a line starts with for each level; `None` writes all on one line.
    indent: Option<String>,
    separators: [String; 2],
    sort_keys: bool,
}

/// The filter, with transformers' arguments and defaults: nothing is escaped for HTML, nor to be ASCII.
pub(super) fn tojson(value: &Value, arguments: &Kwargs) -> Result<Value, Error> {
    let json = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    let layout = Layout::of(arguments)?;
    let mut out = String::new();
    layout.write(&json, 0, &mut out);
    Ok(Value::from_safe_string(out))
}

/// A number as Python's `repr` writes it: with an exponent of two digits and its sign if it is below
/// 0.0001, or has more than 16 digits before its point.
fn float(number: f64) -> String {
    let shortest = format!("{number:e}");
    let Some((digits, Ok(exponent))) =
        shortest.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>()))
    else {
        return shortest;
    };
    if (-4..16).contains(&exponent) || number == 0.0 {
        return format!("{number:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

impl Layout {
    fn of(arguments: &Kwargs) -> Result<Self, Error> {
        let indent: Option<Value> = arguments.get("indent")?;
        let indent = indent.filter(|indent| !indent.is_none()).map(|indent| {
            let spaces = usize::try_from(indent.clone()).map(|count| " ".repeat(count.min(64)));
            spaces.unwrap_or_else(|_| indent.to_string())
        });
        let separators: Option<Vec<String>> = arguments.get("separators")?;
        let item = if indent.is_some() { "," } else { ", " };
        let separators = match separators.map(<[String; 2]>::try_from) {
            Some(Ok(separators)) => separators,
            None => [item.to_owned(), ": ".to_owned()],
            Some(Err(_)) => {
                let what = "separators of tojson are two: between elements, and after keys";
                return Err(Error::new(ErrorKind::InvalidOperation, what));
            }
        };
        let flag = |name| arguments.get::<Option<bool>>(name).map(Option::unwrap_or_default);
        let (ensure_ascii, sort_keys) = (flag("ensure_ascii")?, flag("sort_keys")?);
        arguments.assert_all_used()?;
        Ok(Self { ensure_ascii, indent, separators, sort_keys })
    }

    fn write(&self, json: &Json, level: usize, out: &mut String) {
        match json {
            Json::Array(elements) => {
                self.all(['[', ']'], elements, level, out, |element, out| {
                    self.write(element, level + 1, out);
                });
            }
            Json::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self.sort_keys {
                    members.sort_by_key(|(name, _)| *name);
                }
                self.all(['{', '}'], &members, level, out, |(name, value), out| {
                    self.text(name, out);
                    out.push_str(&self.separators[1]);
                    self.write(value, level + 1, out);
                });
            }
            Json::String(text) => self.text(text, out),
            Json::Number(number) if number.is_f64() => {
                out.push_str(&float(number.as_f64().unwrap_or_default()));
            }
            scalar => out.push_str(&scalar.to_string()),
        }
    }

    fn all<T>(
        &self,
        [open, close]: [char; 2],
        items: &[T],
        level: usize,
        out: &mut String,
        write: impl Fn(&T, &mut String),
    ) {
        out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(&self.separators[0]);
            }
            self.line(level + 1, out);
            write(item, out);
        }
        if !items.is_empty() {
            self.line(level, out);
        }
        out.push(close);
    }

    fn line(&self, level: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(level));
        }
    }

    fn text(&self, text: &str, out: &mut String) {
        let json = Json::from(text).to_string();
        for character in json.chars() {
            if character.is_ascii() || !self.ensure_ascii {
                out.push(character);
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        let rows = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (5.0, "5.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (1e15, "1000000000000000.0"),
            (1_234_567_890_123_456.0, "1234567890123456.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
        ];
        for (number, expected) in rows {
            assert_eq!(float(number), expected);
        }
    }
}
