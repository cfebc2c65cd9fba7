//! Where a target was read from, for messages: the file, and the line of it that is at fault.

use std::sync::Arc;

use crate::error::Error;

/// What a target was read from.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// The path of the file, or the name of what is built in.
    path: String,
    text: Arc<str>,
}

impl Origin {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.into() }
    }

    /// An error at a line, in a target that is called `name` if it was read from nothing.
    #[cold]
    pub(super) fn error(&self, name: &str, line: Option<usize>, message: &str) -> Error {
        let path = if self.path.is_empty() { name } else { &self.path };
        Error::usage(match line {
            Some(line) => format!("target {path}: line {line}: {message}"),
            None => format!("target {path}: {message}"),
        })
    }

    /// The line on which stands what a message names first, from the table on that it tells of.
    pub(super) fn line_of(&self, message: &str) -> Option<usize> {
        let tables = ["[rules.names]", "needs", "[[train]]"];
        let table = tables.into_iter().find(|table| message.contains(*table));
        let start = table.and_then(|table| self.text.find(table)).unwrap_or(0);
        let at = place_of(named(message)?, &self.text[start..])?;
        Some(self.line_at(start + at))
    }

    /// The line of a row, counted from 1, as a line of the file. Of a row that the file spells with escapes
    /// it is the first one, if there is one row only.
    pub(super) fn line_in(&self, row: &str, line: usize) -> Option<usize> {
        let mut places = self.text.match_indices(row).map(|(start, _)| start);
        if let Some(start) = places.find(|start| is_after_key(&self.text[..*start])) {
            return Some(self.line_at(start) + line - 1);
        }
        let is_row = |line: &str| line.split_once('=').is_some_and(|(key, _)| key.trim() == ROW);
        let mut rows = self.text.lines().enumerate().filter(|(_, line)| is_row(line));
        rows.next().filter(|_| rows.next().is_none()).map(|(at, _)| at + 1)
    }

    fn line_at(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }
}

const ROW: &str = "row";

/// Whether the next text is the value of the key of a row.
fn is_after_key(before: &str) -> bool {
    let before = before.trim_end_matches(['\'', '"', '\n', '\r']).trim_end();
    before.strip_suffix('=').is_some_and(|key| key.trim_end().ends_with(ROW))
}

/// Where a name stands in a text: between quotes, if it does, or else anywhere.
fn place_of(name: &str, text: &str) -> Option<usize> {
    let spelled = [format!("\"{name}\""), format!("'{name}'")];
    spelled.iter().find_map(|spelled| text.find(spelled)).or_else(|| text.find(name))
}

/// What a message names first, between quotes.
fn named(message: &str) -> Option<&str> {
    message.split('\'').nth(1).filter(|name| !name.is_empty())
}
