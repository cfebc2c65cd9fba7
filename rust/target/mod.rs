//! The targets: files that say what a row looks like, and nothing that only built-in ones can say.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::error::Error;
use crate::jinja::Jinja;
use crate::rules::Rules;

/// A target file, read but not compiled.
///
/// ```
/// use raftfast::target::Target;
///
/// assert_eq!(Target::named("chat")?.needs, ["instruction", "cot_answer"]);
/// # Ok::<(), raftfast::error::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The name, for messages and listings.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub about: String,
    /// Where the consumer's rules are written down.
    #[serde(default)]
    pub source: String,
    /// Fields that must be there and not empty; a record without them is filtered.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What the consumer calls the roles; those that are not here it does not take. Without this table
    /// all roles keep their names.
    pub roles: Option<std::collections::BTreeMap<String, String>>,
    /// What the consumer asks of rows beside their shape.
    #[serde(default)]
    pub rules: Rules,
    /// What a caller can set, and the defaults.
    #[serde(default)]
    pub settings: std::collections::BTreeMap<String, String>,
    /// The file that the consumer wants beside the rows.
    pub beside: Option<Beside>,
    /// The row, as JSON whose strings hold placeholders.
    pub row: String,
    /// A chat template in Jinja that the field `text` is rendered by.
    #[serde(skip)]
    pub jinja: Option<Arc<Jinja>>,
}

/// A file beside the rows, which says of each output what it is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Its name.
    pub file: String,
    /// What it says of an output: a JSON object in which `{name}` stands for the name of the output
    /// without its ending, and `{file}` for the name with it.
    pub entry: String,
}

impl Beside {
    /// What is wrong with it, if something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.file.is_empty() || self.file.contains('/') {
            return Err("the file beside the rows has the name of a file, without a folder".into());
        }
        match serde_json::from_str(&self.entry) {
            Ok(serde_json::Value::Object(_)) => Ok(()),
            Ok(_) => Err("the entry of the file beside the rows is not a JSON object".to_owned()),
            Err(error) => Err(format!("the entry of the file beside the rows: {error}")),
        }
    }
}

// The built-in targets and the chat templates, each with its name: `TARGETS` and `TEMPLATES`.
include!(concat!(env!("OUT_DIR"), "/targets.rs"));

/// The target of rendered text, which is one of the chat templates.
pub const TEXT: &str = "text";

/// Its rows, whatever renders them.
const TEXT_ROWS: &str = include_str!("../jinja.toml");

impl Target {
    /// A built-in target by its name, or a user's own by the path of its file: whatever ends in
    /// `.toml` or has a folder in it is a path.
    ///
    /// # Errors
    ///
    /// When there is no such target, or its file cannot be read or understood.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some((_, text)) = TARGETS.iter().find(|(built_in, _)| *built_in == name) {
            return Self::parse(name, text);
        }
        if name == TEXT {
            let known = TEMPLATES.map(|(name, _)| name).join(", ");
            return Err(Error::usage(format!("target text needs --template, one of {known}")));
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|ending| ending == "toml") || name.contains('/') {
            let text = std::fs::read_to_string(path).map_err(|error| Error::io(name, error))?;
            return Self::parse(name, &text);
        }
        let known = TARGETS.map(|(name, _)| name).join(", ");
        Err(Error::usage(format!(
            "no target '{name}'; there are {known}, text, and files that end in .toml"
        )))
    }

    /// The built-in targets.
    ///
    /// # Errors
    ///
    /// None that a test would not have found.
    pub fn built_in() -> Result<Vec<Self>, Error> {
        TARGETS.iter().map(|(name, text)| Self::parse(name, text)).collect()
    }

    /// A chat template by its name: a target whose rows are text as a model reads it.
    ///
    /// # Errors
    ///
    /// When there is no such template.
    pub fn template(name: &str) -> Result<Self, Error> {
        let found = TEMPLATES.iter().find(|(built_in, _)| *built_in == name);
        let known = || TEMPLATES.map(|(name, _)| name).join(", ");
        let (_, text) = found
            .ok_or_else(|| Error::usage(format!("no template '{name}'; there are {}", known())))?;
        Self::parse(name, text)
    }

    /// A target by its name or the path of its file, of rows that are there already: what template texts
    /// were rendered by makes no difference to them.
    ///
    /// # Errors
    ///
    /// Those of [`Target::named`].
    pub fn of_rows(name: &str) -> Result<Self, Error> {
        if name == TEXT { Self::parse(TEXT, TEXT_ROWS) } else { Self::named(name) }
    }

    /// Rows of text by a template of the user's own: a Jinja file or a `tokenizer_config.json`.
    ///
    /// # Errors
    ///
    /// When it cannot be read or understood.
    pub fn jinja(path: &str, date: Option<&str>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        let mut target = Self::parse(TEXT, TEXT_ROWS)?;
        target.jinja = Some(Arc::new(Jinja::new(path, &text, date)?));
        Ok(target)
    }

    /// The chat templates.
    ///
    /// # Errors
    ///
    /// None that a test would not have found.
    pub fn templates() -> Result<Vec<Self>, Error> {
        TEMPLATES.iter().map(|(name, text)| Self::parse(name, text)).collect()
    }

    /// The text of a built-in target or chat template, to start one's own from.
    #[must_use]
    pub fn text_of(name: &str) -> Option<&'static str> {
        let mut all = TARGETS.iter().chain(&TEMPLATES);
        all.find(|(built_in, _)| *built_in == name).map(|(_, text)| *text)
    }

    /// Reads the text of a target file; `origin` says in messages where it is from.
    ///
    /// # Errors
    ///
    /// When it cannot be understood.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Error::usage(format!("target {origin}: line {line}: {}", error.message()))
        })
    }
}
