//! The targets: files that say what a row looks like, and nothing that only built-in ones can say.

mod origin;

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::entries::{CALLS, ROLES};
use crate::error::Error;
use crate::jinja::Jinja;
use crate::mask::Mask;
use crate::oracle::Oracle;
use crate::rules::Rules;
use origin::Origin;

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
    /// What is asked of the document that holds the answer; a record that has none, or where it is
    /// otherwise, is filtered.
    pub oracle: Option<Oracle>,
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
    /// The rows that say what is trained on, and what each can say.
    #[serde(default)]
    pub train: Vec<Train>,
    /// A chat template in Jinja that the field `text` is rendered by.
    #[serde(skip)]
    pub jinja: Option<Arc<Jinja>>,
    /// Whether its rows hold what a template renders, which no file says of itself.
    #[serde(skip)]
    pub(crate) is_rendered: bool,
    #[serde(skip)]
    origin: Origin,
}

/// A row that says what of the answer is trained on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The names of what it can say: those of [`Mask::ALL`].
    pub masks: Vec<String>,
    /// The row; by default that of the target.
    pub row: Option<String>,
}

impl Train {
    fn of(masks: &[Mask]) -> Self {
        Self { masks: masks.iter().map(|mask| mask.name().to_owned()).collect(), row: None }
    }
}

/// What becomes of a row that is one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextAs {
    /// It stays one text: the default, for trainers that learn all of it.
    #[default]
    Text,
    /// What stands before the last answer is a prompt, and the rest its completion.
    Completion,
    /// It is cut in segments, of which the answers are those that are trained on.
    Segments,
}

impl TextAs {
    /// All ways, by the names that options take.
    pub const ALL: [(&'static str, Self); 3] =
        [("text", Self::Text), ("completion", Self::Completion), ("segments", Self::Segments)];

    /// What can be said then of what is trained on.
    fn masks(self) -> &'static [Mask] {
        match self {
            Self::Text => &[],
            Self::Completion => &[Mask::Answer, Mask::Final],
            Self::Segments => &[Mask::Answer, Mask::Final, Mask::NotQuotes],
        }
    }

    /// The row, if the pieces of a text are these.
    fn row(self, pieces: &Json) -> Json {
        match self {
            Self::Text => json!({"text": {"$concat": pieces}}),
            Self::Completion => {
                json!({"prompt": {"$prompt": pieces}, "completion": {"$completion": pieces}})
            }
            Self::Segments => json!({"segments": {"$segments": pieces}}),
        }
    }
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
        let known = TARGETS.iter().map(|(name, _)| *name);
        let known: Vec<_> = known.chain([TEXT, "and files that end in .toml"]).collect();
        Err(Error::unknown("target", name, &known))
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
        let known = TEMPLATES.map(|(name, _)| name);
        let (_, text) = found.ok_or_else(|| Error::unknown("template", name, &known))?;
        Self::parse(name, text)
    }

    /// A chat template by its name, or a target by its name or the path of its file.
    ///
    /// # Errors
    ///
    /// Those of [`Target::named`].
    pub fn named_or_template(name: &str) -> Result<Self, Error> {
        if TEMPLATES.iter().any(|(built_in, _)| *built_in == name) {
            return Self::template(name);
        }
        Self::named(name)
    }

    /// A target by its name or the path of its file, of rows that are there already: what template texts
    /// were rendered by makes no difference to them.
    ///
    /// # Errors
    ///
    /// Those of [`Target::named`].
    pub fn of_rows(name: &str) -> Result<Self, Error> {
        if name == TEXT { Self::rendered() } else { Self::named(name) }
    }

    /// Rows of text by a template of the user's own: a Jinja file or a `tokenizer_config.json`.
    ///
    /// # Errors
    ///
    /// When it cannot be read or understood.
    pub fn jinja(path: &str, date: Option<&str>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        let mut target = Self::rendered()?;
        target.jinja = Some(Arc::new(Jinja::new(path, &text, date)?));
        Ok(target)
    }

    /// Rows of text, whatever renders it.
    fn rendered() -> Result<Self, Error> {
        let target = Self::parse(TEXT, TEXT_ROWS)?;
        Ok(Self { is_rendered: true, ..target })
    }

    /// The chat templates.
    ///
    /// # Errors
    ///
    /// None that a test would not have found.
    pub fn templates() -> Result<Vec<Self>, Error> {
        TEMPLATES.iter().map(|(name, text)| Self::parse(name, text)).collect()
    }

    /// The same target with a row of another form; its row must be one text, with its answers marked.
    ///
    /// # Errors
    ///
    /// When the row is something else.
    pub fn text_as(mut self, form: TextAs) -> Result<Self, Error> {
        if form == TextAs::Text {
            return Ok(self);
        }
        if self.jinja.is_some() {
            return self.rendered_as(form);
        }
        let row: Option<Json> = serde_json::from_str(&self.row).ok();
        let mut members = row.as_ref().and_then(Json::as_object).into_iter().flatten();
        let (Some((_, text)), None) = (members.next(), members.next()) else {
            return Err(self.not_one_text());
        };
        let pieces = text.get("$concat").ok_or_else(|| self.not_one_text())?;
        self.row = form.row(pieces).to_string();
        self.train = vec![Train::of(form.masks())];
        Ok(self)
    }

    /// The same for a Jinja template, of which nobody knows where the answers before the last one end.
    fn rendered_as(mut self, form: TextAs) -> Result<Self, Error> {
        if form == TextAs::Segments {
            let what = "a Jinja file does not say where each answer ends: \
                        --text-as segments takes a built-in template; completion takes any";
            return Err(Error::usage(what));
        }
        self.row = form.row(&json!(["{text_prompt}", {"$answer": "{text_answer}"}])).to_string();
        self.train = vec![Train::of(form.masks())];
        Ok(self)
    }

    fn not_one_text(&self) -> Error {
        Error::usage(format!(
            "target {} cannot be taken apart (--text-as): its row is not one text made by '$concat'; \
             those of chat templates are",
            self.name
        ))
    }

    /// The row that says that this is trained on, or the one of the target.
    ///
    /// # Errors
    ///
    /// When rows of this target cannot say so, with those that can.
    pub fn row_for(&self, mask: Option<Mask>) -> Result<&str, Error> {
        let Some(mask) = mask else { return Ok(&self.row) };
        let train = self.says(mask).ok_or_else(|| self.cannot_say(mask))?;
        Ok(train.row.as_deref().unwrap_or(&self.row))
    }

    /// The names of what its rows can say is trained on.
    pub fn masks(&self) -> impl Iterator<Item = &str> {
        self.train.iter().flat_map(|train| &train.masks).map(String::as_str)
    }

    fn says(&self, mask: Mask) -> Option<&Train> {
        self.train.iter().find(|train| train.masks.iter().any(|name| name == mask.name()))
    }

    #[cold]
    fn cannot_say(&self, mask: Mask) -> Error {
        let built_in = Self::built_in().unwrap_or_default();
        let others = built_in.iter().filter(|target| target.says(mask).is_some());
        let mut known = others.map(|target| target.name.clone()).collect::<Vec<_>>();
        for (name, form) in TextAs::ALL {
            if form.masks().contains(&mask) {
                known.push(format!("text with --text-as {name}"));
            }
        }
        let (name, mask, known) = (&self.name, mask.name(), known.join(", "));
        Error::usage(format!("target {name} cannot say --train {mask}; these can: {known}"))
    }

    /// The text of a built-in target or chat template, to start one's own from.
    #[must_use]
    pub fn text_of(name: &str) -> Option<&'static str> {
        let mut all = TARGETS.iter().chain(&TEMPLATES);
        all.find(|(built_in, _)| *built_in == name).map(|(_, text)| *text)
    }

    /// The error of one that has no such text: files of your own have it already.
    #[must_use]
    pub fn unknown_text(name: &str) -> Error {
        let known: Vec<_> = TARGETS.iter().chain(&TEMPLATES).map(|(name, _)| *name).collect();
        Error::unknown("built-in target or template", name, &known)
    }

    /// Reads the text of a target file; `origin` says in messages where it is from.
    ///
    /// # Errors
    ///
    /// When it cannot be understood.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Error> {
        let mut target: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Error::usage(format!("target {origin}: line {line}: {}", error.message()))
        })?;
        target.origin = Origin::new(origin, text);
        target.unknown_name().map_or(Ok(()), |message| Err(target.wrong(&message)))?;
        Ok(target)
    }

    /// What is wrong with it, at the place of what the message names first.
    pub(crate) fn wrong(&self, message: &str) -> Error {
        self.origin.error(&self.name, self.origin.line_of(message), message)
    }

    /// What is wrong with a line of a row of it, counted from 1.
    pub(crate) fn wrong_in(&self, row: &str, line: usize, message: &str) -> Error {
        self.origin.error(&self.name, self.origin.line_in(row, line), message)
    }

    /// A name that stands for nothing.
    fn unknown_name(&self) -> Option<String> {
        if let Some(unknown) = self.masks().find(|name| Mask::named(name).is_none()) {
            let known = Mask::ALL.map(|(name, _)| name).join(", ");
            return Some(format!("unknown mask '{unknown}' in train; there are {known}"));
        }
        if let Some(unknown) = self.unknown_role() {
            let known = ROLES.join(", ");
            return Some(format!(
                "unknown role '{unknown}'; there are {known}, and {CALLS} in [roles]"
            ));
        }
        let unknown = self.rules.unknown_name()?;
        let known = Rules::NAMED.join(", ");
        Some(format!("unknown rule '{unknown}' in [rules.names]; there are {known}"))
    }

    /// A name in the target that is no role.
    fn unknown_role(&self) -> Option<&str> {
        let called = self.roles.iter().flatten().map(|(role, _)| role.as_str());
        let called = called.filter(|role| *role != CALLS);
        called.chain(self.rules.named_roles()).find(|role| !ROLES.contains(role))
    }
}
