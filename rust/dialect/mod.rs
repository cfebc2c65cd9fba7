//! The dialects of RAFT: files that say how to tell one, and what its records are in RAFT's own fields.

mod calls;
mod compile;
mod converse;
mod documents;
mod each;
mod fitting;
mod make;
mod noted;
mod preference;
mod reader;
mod reading;
mod render;
mod turns;
mod unread;
mod when;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::Error;

pub use each::Answers;
pub use reader::{Read, Reader, Scratch};
pub use reading::{AUTO, Answer, Reading, Rejected, Several};
pub use unread::Unread;

/// A dialect, read but not compiled.
///
/// ```
/// use raftfast::dialect::Dialect;
///
/// let messages = Dialect::named("messages")?;
/// assert_eq!(messages.when.has, ["messages"]);
/// # Ok::<(), raftfast::error::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// The name.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// Who writes it, and where that can be read.
    pub source: String,
    /// How to tell a record of this dialect.
    #[serde(default)]
    pub when: When,
    /// RAFT's fields, each as the skeleton of a value over the keys of this dialect. A field that is
    /// not here has the key that is its name.
    #[serde(default)]
    pub fields: BTreeMap<String, Json>,
    /// What a field repairs, by field: a name under which it is counted and can be switched off.
    #[serde(default)]
    pub fixes: BTreeMap<String, String>,
    /// The same fields as they are where they are not to be repaired; by default, what has their name.
    #[serde(default)]
    pub unrepaired: BTreeMap<String, Json>,
    /// Keys whose values would be lost, because no row has a place for them: what they hold, in words.
    #[serde(default)]
    pub refuses: BTreeMap<String, String>,
    /// Keys of answers that stand beside turns, and would be lost where these end with a question.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Where the turns of a conversation stand, if records hold one.
    pub turns: Option<Turns>,
    /// The documents, or the text that they stand in between `<DOCUMENT>` tags.
    #[serde(default = "context")]
    pub documents: Json,
    /// The text whose quotes are wanted.
    #[serde(default = "cot_answer")]
    pub quotes: Json,
    /// The short answer, where that will do.
    #[serde(default = "answer")]
    pub short: Json,
    /// What is another thing in the rows of earlier answers, where each answer gives a row.
    #[serde(default)]
    pub earlier: Earlier,
    /// The dialect with that in its place, if records hold turns.
    #[serde(skip)]
    before: Option<Box<Self>>,
}

/// What of a dialect is about the last answer of a conversation, and what it is for those before.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Earlier {
    /// These fields.
    pub fields: BTreeMap<String, Json>,
    /// The documents.
    pub documents: Option<Json>,
    /// The text whose quotes are wanted.
    pub quotes: Option<Json>,
}

/// The documents where most dialects have them.
const CONTEXT: &str = "{context}";

/// The text that documents stand in where they stand nowhere else.
const INSTRUCTION: &str = "{instruction}";

fn context() -> Json {
    CONTEXT.into()
}

/// The text whose quotes are wanted in most dialects.
const COT_ANSWER: &str = "{cot_answer}";

/// The short answer of most dialects.
const ANSWER: &str = "{answer}";

fn cot_answer() -> Json {
    COT_ANSWER.into()
}

fn answer() -> Json {
    ANSWER.into()
}

/// How to tell a record of a dialect: all of it must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Keys that are there with something else than null.
    pub has: Vec<String>,
    /// Keys of which one is.
    pub any: Vec<String>,
    /// Keys that are there, with null or something else.
    pub keys: Vec<String>,
    /// Keys that are not there.
    pub lacks: Vec<String>,
    /// How the texts of some keys start.
    pub starts: BTreeMap<String, String>,
    /// What the texts of some keys contain. This is looked for only where it makes a difference.
    pub contains: BTreeMap<String, String>,
    /// What kind of value some keys have.
    pub is: BTreeMap<String, Kind>,
}

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A string.
    Text,
    /// Documents of which each is a string, as against one list of all in another.
    Flat,
    /// An array.
    List,
    /// An array that starts with an object.
    Turns,
    /// An object.
    Object,
    /// Anything but an array, or nothing.
    #[serde(rename = "not-list")]
    NotList,
    /// Not null: tables have all columns in all rows.
    Something,
    /// Null, or no key at all.
    Nothing,
}

impl Kind {
    /// Whether it is asked for whatever rows are made of.
    fn is_always_seen(self) -> bool {
        !matches!(self, Self::Text | Self::Flat)
    }

    /// The first byte of all values of this kind in JSON, if it is the same.
    fn first_byte(self) -> Option<u8> {
        match self {
            Self::Text => Some(b'"'),
            Self::Flat | Self::Object => Some(b'{'),
            Self::List | Self::Turns => Some(b'['),
            Self::NotList | Self::Something | Self::Nothing => None,
        }
    }
}

/// Where the turns of a conversation stand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    /// The key of the array; with a point and another key, that of an object which holds it under that one.
    pub list: String,
    /// The keys of a turn before them, which is the system's whatever it says.
    #[serde(default)]
    pub first: Vec<String>,
    /// The key of another one in which they go on, if they do, or of the turn that is left.
    pub rest: Option<String>,
    /// The key of a conversation with the same turns but for its last, which is the rejected answer, or of
    /// that turn alone.
    pub rejected: Option<String>,
    /// What stands in it.
    #[serde(default)]
    pub of: Of,
    /// The keys of the role in a turn: what it has of them first.
    #[serde(default = "role")]
    pub role: Vec<String>,
    /// The keys of what is said.
    #[serde(default = "content")]
    pub content: Vec<String>,
    /// raftfast's names for the roles that are called something else. What a turn of `calls` says are the
    /// calls of an assistant, as JSON.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// How the turns of each role start, where turns are texts.
    #[serde(default)]
    pub starts: BTreeMap<String, String>,
    /// The role of a text that starts with none of these, where it follows a question.
    pub unmarked: Option<String>,
    /// The key of the first question with its documents before it: they belong to that turn.
    pub asked: Option<String>,
    /// The name of the repair that takes these starts away.
    pub fix: Option<String>,
}

/// What the turns of a dialect are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// Objects with a role and a content.
    #[default]
    Objects,
    /// Texts that start with who speaks.
    Texts,
    /// Arrays of a question and an answer, which come before those of the record's own fields.
    Pairs,
}

fn role() -> Vec<String> {
    vec!["role".to_owned()]
}

fn content() -> Vec<String> {
    vec!["content".to_owned()]
}

/// The built-in dialects, those first that are told by more.
const BUILT_IN: [&str; 25] = [
    include_str!("built_in/raft-llm.toml"),
    include_str!("built_in/openai-preference.toml"),
    include_str!("built_in/trl-preference.toml"),
    include_str!("built_in/sharegpt-preference.toml"),
    include_str!("built_in/axolotl-preference.toml"),
    include_str!("built_in/autotrain-preference.toml"),
    include_str!("built_in/messages.toml"),
    include_str!("built_in/sharegpt.toml"),
    include_str!("built_in/autotrain.toml"),
    include_str!("built_in/gemini.toml"),
    include_str!("built_in/curator.toml"),
    include_str!("built_in/eval-rows.toml"),
    include_str!("built_in/trl.toml"),
    include_str!("built_in/preference.toml"),
    include_str!("built_in/completion.toml"),
    include_str!("built_in/alpaca.toml"),
    include_str!("built_in/input-output.toml"),
    include_str!("built_in/refusal.toml"),
    include_str!("built_in/llamaindex.toml"),
    include_str!("built_in/raft-toolkit.toml"),
    include_str!("built_in/raft-local.toml"),
    include_str!("built_in/legacy.toml"),
    include_str!("built_in/eval-output.toml"),
    include_str!("built_in/paper.toml"),
    include_str!("built_in/gorilla.toml"),
];

/// What dialects say that are `like` one of these, if they do not say something else.
const LIKE: [(&str, &str); 2] = [
    ("conversation", include_str!("built_in/like/conversation.toml")),
    ("history", include_str!("built_in/like/history.toml")),
];

/// The name of a dialect, if there is one of that name.
#[must_use]
pub fn name_of(name: &str) -> Option<&'static str> {
    Dialect::named(name).ok().map(|dialect| dialect.name.as_str())
}

/// The name of a repair, if there is one of that name.
#[must_use]
pub fn repair_named(name: &str) -> Option<&'static str> {
    let built_in = Dialect::built_in().ok()?.iter();
    let repairs = built_in.flat_map(Dialect::repairs);
    repairs.chain([make::ANSWER_USED]).find(|known| *known == name)
}

impl Dialect {
    /// The built-in dialects, in the order in which a record is held against them.
    ///
    /// # Errors
    ///
    /// None that a test would not have found.
    pub fn built_in() -> Result<&'static [Self], Error> {
        static ALL: OnceLock<Result<Vec<Dialect>, String>> = OnceLock::new();
        let parsed = ALL.get_or_init(|| BUILT_IN.iter().map(|text| Dialect::parse(text)).collect());
        parsed.as_deref().map_err(Error::usage)
    }

    /// Whether documents, quotes or short answers stand elsewhere than in most dialects.
    fn has_own_texts(&self) -> bool {
        self.documents != CONTEXT || self.quotes != COT_ANSWER || self.short != ANSWER
    }

    /// Whether its records are rows that trainers take, beside which more may stand than RAFT has: those of
    /// generators are what their programs write.
    fn is_of_trainers(&self) -> bool {
        self.turns.is_some() || !self.refuses.is_empty()
    }

    /// The keys that say of an answer whether it is one to learn or one to avoid, as KTO takes both: those of
    /// LLaMA-Factory and of TRL. The second is a word that a record of a generator may have for anything.
    fn labels(&self) -> &'static [&'static str] {
        if self.is_of_trainers() { &["kto_tag", "label"] } else { &["kto_tag"] }
    }

    /// The names of what is repaired in its records.
    pub fn repairs(&self) -> impl Iterator<Item = &str> {
        let turns = self.turns.as_ref().and_then(|turns| turns.fix.as_ref());
        self.fixes.values().chain(turns).map(String::as_str)
    }

    /// A built-in dialect by its name.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        let all = Self::built_in()?;
        all.iter().find(|dialect| dialect.name == name).ok_or_else(|| {
            let known = all.iter().map(|dialect| dialect.name.as_str());
            let auto = [AUTO].into_iter().filter(|auto| *auto != name);
            Error::unknown("dialect", name, &auto.chain(known).collect::<Vec<_>>())
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut own = table_of(text)?;
        if let Some(toml::Value::String(like)) = own.remove("like") {
            let base = LIKE.iter().find(|(name, _)| *name == like);
            let (_, base) = base.ok_or_else(|| format!("a built-in dialect is like {like}"))?;
            own = merged(table_of(base)?, own);
        }
        let name = own.get("name").cloned();
        let mut dialect: Self = own.try_into().map_err(|error: toml::de::Error| {
            format!("the built-in dialect {name:?}: {}", error.message())
        })?;
        dialect.before = dialect.turns.is_some().then(|| Box::new(dialect.before()));
        Ok(dialect)
    }

    /// The same for the rows of earlier answers. The short answer is that of the last.
    fn before(&self) -> Self {
        let mut before = Self { short: "".into(), ..self.clone() };
        let Earlier { fields, documents, quotes } = std::mem::take(&mut before.earlier);
        before.fields.extend(fields);
        before.documents = documents.unwrap_or(before.documents);
        before.quotes = quotes.unwrap_or(before.quotes);
        before
    }
}

fn table_of(text: &str) -> Result<toml::Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("a built-in dialect: line {line}: {}", error.message())
    })
}

/// A table with what another one has beside it, and in its place.
fn merged(mut base: toml::Table, own: toml::Table) -> toml::Table {
    for (key, value) in own {
        let value = match (base.remove(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(own)) => merged(base, own).into(),
            (_, value) => value,
        };
        base.insert(key, value);
    }
    base
}
