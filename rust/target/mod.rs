//! The targets: files that say what a row looks like, and nothing that only built-in ones can say.

use std::path::Path;

use serde::Deserialize;

use crate::error::Error;

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
    /// What a caller can set, and the defaults.
    #[serde(default)]
    pub settings: std::collections::BTreeMap<String, String>,
    /// The row, as JSON whose strings hold placeholders.
    pub row: String,
}

/// The built-in targets by name.
const BUILT_IN: [(&str, &str); 4] = [
    ("chat", include_str!("chat.toml")),
    ("completion", include_str!("completion.toml")),
    ("eval", include_str!("eval.toml")),
    ("hf", include_str!("hf.toml")),
];

impl Target {
    /// A built-in target by its name, or a user's own by the path of its file: whatever ends in
    /// `.toml` or has a folder in it is a path.
    ///
    /// # Errors
    ///
    /// When there is no such target, or its file cannot be read or understood.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|ending| ending == "toml") || name.contains('/') {
            let text = std::fs::read_to_string(path).map_err(|error| Error::io(name, error))?;
            return Self::parse(name, &text);
        }
        let known = BUILT_IN.map(|(name, _)| name).join(", ");
        Err(Error::usage(format!(
            "no target '{name}'; there are {known}, and files that end in .toml"
        )))
    }

    /// The built-in targets.
    ///
    /// # Errors
    ///
    /// None that a test would not have found.
    pub fn built_in() -> Result<Vec<Self>, Error> {
        BUILT_IN.iter().map(|(name, text)| Self::parse(name, text)).collect()
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
