//! Chat templates in Jinja, as Hugging Face's tokenizers have them, through minijinja.
//!
//! What transformers adds to Jinja is added here: methods of Python's strings and dicts,
//! `raise_exception`, `strftime_now` (of a date that is given, so that a run can be repeated), a
//! `tojson` that escapes nothing, and the `generation` tags, which make no text.

mod dumps;
mod methods;

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{Environment, ErrorKind, context};
use serde::Serialize;
use serde_json::Value as Json;

use crate::error::Error;
use crate::text::is_python_space;

/// A turn as templates see it.
#[derive(Debug, Default, Serialize)]
pub struct Turn {
    /// Who speaks.
    pub role: String,
    /// What is said, or null; `None` if the turn has no content at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Option<String>>,
    /// The rest of it, by key.
    #[serde(flatten)]
    pub rest: BTreeMap<&'static str, Json>,
}

/// A conversation as templates see it.
#[derive(Debug, Default)]
pub struct Conversation {
    /// Its turns.
    pub messages: Vec<Turn>,
    /// The definitions of the tools that may be called.
    pub tools: Option<Json>,
}

/// A chat template, compiled.
#[derive(Debug)]
pub struct Jinja {
    /// The path of the file, for messages.
    origin: String,
    environment: Environment<'static>,
    tokens: BTreeMap<String, String>,
}

/// Instructions that a template is tried for: a thousand times what those of models take.
const TRIAL: u64 = 1_000_000;

/// Instructions that it may take for a conversation: those of models take about a hundred for each turn. Without an
/// end, a signal would not be heard before the template comes to its own.
const LONGEST: u64 = 20_000_000;

/// The names of the template and of that for conversations with tools, as transformers knows them.
const NAMES: [&str; 2] = ["default", "tool_use"];

impl Jinja {
    /// Compiles the text of a Jinja file, or of a `tokenizer_config.json`.
    ///
    /// # Errors
    ///
    /// When it cannot be understood, or asks an ordinary conversation for a filter or test that there is
    /// not, with the line.
    pub fn new(origin: &str, text: &str, date: Option<&str>) -> Result<Self, Error> {
        let wrong = |what: String| Error::usage(format!("template {origin}: {what}"));
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (sources, tokens) = match serde_json::from_str(text) {
            Ok(config) => (templates(&config).map_err(wrong)?, tokens(&config)),
            Err(error) if is_json(origin) => return Err(wrong(error.to_string())),
            Err(_) => (vec![text.to_owned()], BTreeMap::new()),
        };
        let mut environment = environment(date).map_err(|error| wrong(told(&error)))?;
        for (name, source) in NAMES.into_iter().zip(sources) {
            // Jinja2's `newline_sequence`.
            let source = source.replace("\r\n", "\n").replace('\r', "\n");
            environment
                .add_template_owned(name, without_generation(&source))
                .map_err(|error| wrong(told(&error)))?;
        }
        environment.set_fuel(Some(TRIAL));
        let mut jinja = Self { origin: origin.to_owned(), environment, tokens };
        let lacks = jinja.lacks();
        jinja.environment.set_fuel(Some(LONGEST));
        lacks.map_or(Ok(jinja), |error| Err(wrong(told(&error))))
    }

    /// The filter or test that a question and its answer lead it to and that there is not. Jinja2 finds
    /// such when it compiles a template, outside of conditions; minijinja, where it comes to them.
    fn lacks(&self) -> Option<minijinja::Error> {
        let turn = |role: &str| {
            let content = Some(Some(role.to_owned()));
            Turn { role: role.to_owned(), content, ..Turn::default() }
        };
        let messages = ["user", "assistant"].map(turn).into();
        let found = self.text(&Conversation { messages, tools: None }, false).err()?;
        matches!(found.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest).then_some(found)
    }

    /// The text of a finished conversation, or of one that is to be `continued` with an answer.
    ///
    /// # Errors
    ///
    /// What the template says against it, or why it cannot be rendered.
    pub fn render(&self, told_of: &Conversation, continued: bool) -> Result<String, String> {
        self.text(told_of, continued).map_err(|error| format!("{}: {}", self.origin, told(&error)))
    }

    fn text(&self, told_of: &Conversation, continued: bool) -> Result<String, minijinja::Error> {
        let [name, with_tools] = NAMES.map(|name| self.environment.get_template(name));
        let template = if told_of.tools.is_some() { with_tools.or(name) } else { name }?;
        let messages = Value::from(Serde(&told_of.messages));
        let tokens = Value::from(Serde(&self.tokens));
        let tools =
            told_of.tools.as_ref().map_or(Value::UNDEFINED, |tools| Value::from(Serde(tools)));
        let all = context! { messages, tools, add_generation_prompt => continued, ..tokens };
        template.render(all)
    }
}

/// Whether a file says by its name that it is JSON.
fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

/// The tokens of a `tokenizer_config.json` that its template may name.
fn tokens(config: &Json) -> BTreeMap<String, String> {
    let token = |name: &str| {
        let token = config.get(name)?;
        let text = token.as_str().or_else(|| token.get("content")?.as_str())?;
        Some((name.to_owned(), text.to_owned()))
    };
    ["bos_token", "eos_token", "unk_token", "pad_token"].into_iter().filter_map(token).collect()
}

/// The template of a `tokenizer_config.json`, and that for conversations with tools, if it has one of its
/// own, as `get_chat_template` of transformers chooses them (`tokenization_utils_base.py`).
fn templates(config: &Json) -> Result<Vec<String>, String> {
    match config.get("chat_template") {
        Some(Json::String(template)) => Ok(vec![template.clone()]),
        Some(Json::Array(several)) => {
            let told = |one: &Json, key: &str| one.get(key)?.as_str().map(str::to_owned);
            let named = |name: &str| {
                let found = several.iter().find(|one| told(one, "name").as_deref() == Some(name));
                found.and_then(|one| told(one, "template"))
            };
            let default = named(NAMES[0]).ok_or_else(|| {
                let names = several.iter().filter_map(|one| told(one, "name"));
                let names = names.collect::<Vec<_>>().join(", ");
                format!("none of its chat_templates ({names}) is called '{}'", NAMES[0])
            })?;
            Ok([default].into_iter().chain(named(NAMES[1])).collect())
        }
        _ => Err("it has no chat_template".to_owned()),
    }
}

fn environment(date: Option<&str>) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_unknown_method_callback(methods::call);
    environment.add_function("raise_exception", |what: String| -> Result<Value, _> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, what))
    });
    let date = date.map(str::to_owned);
    environment.add_function("strftime_now", move |_: String| {
        date.clone().ok_or_else(|| {
            let what = "it asks for today's date: pass --date as it should be written";
            minijinja::Error::new(ErrorKind::InvalidOperation, what)
        })
    });
    environment.add_filter("trim", |text: String, of: Option<String>| match of {
        Some(of) => text.trim_matches(|c| of.contains(c)).to_owned(),
        None => text.trim_matches(is_python_space).to_owned(),
    });
    environment.add_test("sequence", is_sequence);
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment
        .add_filter("tojson", |value: Value, arguments: Kwargs| dumps::tojson(&value, &arguments));
    Ok(environment)
}

/// Whether Python can tell the length of a value and take elements of it, which is so of texts, dicts,
/// slices and Jinja2's undefined, too.
fn is_sequence(value: &Value) -> bool {
    match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined => true,
        ValueKind::Iterable => value.len().is_some(),
        _ => false,
    }
}

/// A template without the tags that mark what a model says: blocks that are always there stand in
/// their place, so that the white space around them is what it was.
fn without_generation(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let tag = &rest[start + 2..start + length];
        let inside = tag.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        out.push_str(&rest[..start]);
        let instead = match inside {
            "generation" => tag.replace("generation", "if true"),
            "endgeneration" => tag.replace("endgeneration", "endif"),
            _ => tag.to_owned(),
        };
        out.push_str("{%");
        out.push_str(&instead);
        out.push_str("%}");
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

/// What minijinja says, on one line.
fn told(error: &minijinja::Error) -> String {
    let detail = match error.kind() {
        ErrorKind::OutOfFuel => format!("it takes more than {LONGEST} steps"),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    };
    match error.line() {
        Some(line) => format!("line {line}: {detail}"),
        None => detail,
    }
}
