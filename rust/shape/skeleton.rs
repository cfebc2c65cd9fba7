//! Skeleton to tree: walks the JSON of a target once and leaves to the record what is the record's.
//!
//! Some objects are questions and not rows, spelled as json-e (taskcluster/json-e) does:
//! `{"$if": NAME, "then": A, "else": B}` asks whether a setting or field is there and not empty,
//! `{"$has": FIELD, "then": A, "else": B}` whether the record has the key at all, and `{"$role": ROLE,
//! ...}` whether a turn has a role. Without an `else`, the member or element that the question stands
//! for is left out. `{"$each": LIST, "do": A}` stands for an element for each entry of a list, and
//! `{"$concat": [...]}` for a string of several. `{"$answer": A}` marks in a text what a model says:
//! `{"$segments": [...]}` is the text as an array of segments, which say whether they are that,
//! `{"$prompt": [...]}` what stands before it and `{"$completion": [...]}` the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::SYSTEM;
use super::answers::Marks;
use super::lists::each;
use super::placeholder::{self, Operation, Piece};
use super::plan::Condition;
use super::tree::{Item, Node, Part};
use super::vocabulary::{Answer, Meaning, Names, Roles, Scope};
use super::wrong::{Inside, Result};
use crate::entries::{Detail, List, ROLES};
use crate::mask::Cutter;
use crate::record::Field;

/// Compiles the skeletons of one target or dialect.
pub(super) struct Compiler<'a> {
    settings: &'a BTreeMap<String, String>,
    /// Those that nothing in a record goes before.
    given: &'a BTreeMap<String, String>,
    pub(super) roles: Option<Roles>,
    pub names: Names,
    /// The fields that rows use whatever the record holds.
    pub expected: Vec<Field>,
    /// The lists in use.
    pub lists: Vec<List>,
    /// The details of their entries that are in use, and the role of the turns that they are in use for, if
    /// that is one only.
    pub details: BTreeSet<(Detail, Option<String>)>,
    /// How many conditions on the record surround the place being compiled.
    pub(super) conditions: usize,
    /// The entry of a list that the place being compiled is about.
    pub(super) scope: Option<Scope>,
    /// The role of the turns that it is about, if that is one only.
    role: Option<String>,
    /// What is trained on, if the caller says so.
    pub cutter: Option<Arc<Cutter>>,
    /// What becomes of the answers of the text being compiled.
    pub(super) marks: Marks,
    /// How many answers it has.
    pub(super) answers: usize,
    /// How many questions and answers surround the place being compiled.
    pub(super) inside: usize,
    /// Whether rows hold a text that is cut at its answer.
    pub cuts: bool,
    /// Whether they say what inside of an answer is trained on.
    pub(super) divides: bool,
    /// Whether they may hold what a template renders.
    pub is_rendered: bool,
}

const QUESTIONS: [&str; 3] = ["$if", "$has", OF_ROLE];

const OF_ROLE: &str = "$role";

const THEN: &str = "then";

const ELSE: &str = "else";

impl<'a> Compiler<'a> {
    /// For skeletons in which names stand for what `names` says. Settings that are `given` are those of
    /// the caller.
    pub(super) fn new(
        settings: &'a BTreeMap<String, String>,
        given: &'a BTreeMap<String, String>,
        roles: Option<Roles>,
        names: Names,
    ) -> Self {
        let (expected, lists, details) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self {
            settings,
            given,
            roles,
            names,
            expected,
            lists,
            details,
            conditions: 0,
            scope: None,
            role: None,
            cutter: None,
            marks: Marks::None,
            answers: 0,
            inside: 0,
            cuts: false,
            divides: false,
            is_rendered: false,
        }
    }

    /// The fields in use, in the order in which they were first named.
    pub(super) fn fields(&self) -> &[Field] {
        if let Names::Fields(fields) = &self.names { fields } else { &[] }
    }

    /// Compiles a whole row.
    pub(super) fn row(&mut self, skeleton: &Json) -> Result<Node> {
        match self.item(skeleton)? {
            Some(Item::Always(node)) => Ok(node),
            _ => Err("the row itself cannot be left out".into()),
        }
    }

    /// Compiles a value of its own: a question is one of two texts.
    pub(super) fn expression(&mut self, skeleton: &Json) -> Result<Node> {
        match skeleton {
            Json::Object(members) if is_question(members) => {
                Ok(Node::Text(self.text_choice(members)?))
            }
            _ => self.row(skeleton),
        }
    }

    /// Takes the whole conversation into use.
    pub(super) fn conversation(&mut self) -> Result<()> {
        let content = |compiler: &mut Self| compiler.text(&Json::from("{content}"));
        self.each::<Part>(List::Messages, content).map(|_| ())
    }

    /// Takes the documents into use.
    pub(super) fn documents(&mut self) -> Result<()> {
        self.each::<Part>(List::Documents, |_| Ok(Vec::new())).map(|_| ())
    }

    /// Takes a field into use, which some record at least must have.
    pub(super) fn need(&mut self, field: Field) {
        self.names.meaning(field.name());
        self.expected.push(field);
    }

    /// A value or a question; nothing if it is left out of every row.
    fn item(&mut self, skeleton: &Json) -> Result<Option<Item>> {
        let node = match skeleton {
            Json::Object(members) if is_question(members) => return self.choice(members),
            Json::Object(members) if members.contains_key("$concat") => {
                Node::Text(self.pieces(members, "$concat")?)
            }
            Json::Object(members) if members.contains_key("$segments") => {
                Node::Segments(self.marked(members, "$segments", Marks::Labels)?)
            }
            Json::Object(members) if members.contains_key("$prompt") => {
                Node::Text(self.halves(members, "$prompt")?.0)
            }
            Json::Object(members) if members.contains_key("$completion") => {
                Node::Text(self.halves(members, "$completion")?.1)
            }
            Json::Object(members) if members.contains_key("$each") => {
                return Err("'$each' stands in an array only".into());
            }
            Json::Object(members) => self.object(members)?,
            Json::Array(elements) => Node::Array(self.elements(elements)?),
            Json::String(text) => self.string(text)?,
            Json::Null | Json::Bool(_) | Json::Number(_) => Node::Literal(skeleton.clone()),
        };
        Ok(Some(Item::Always(node)))
    }

    fn object(&mut self, members: &Map<String, Json>) -> Result<Node> {
        let mut names = Vec::new();
        let mut items = Vec::new();
        for (spelled, value) in members {
            let name = self.member(spelled, &names).of_member(spelled)?;
            names.push(name.clone());
            let item = self.item(value).of_member(spelled)?;
            items.extend(item.map(|item| (name, item)));
        }
        Ok(Node::Object(items))
    }

    /// The name of a member beside others.
    fn member(&self, spelled: &str, others: &[String]) -> Result<String> {
        let name = self.fixed(literal(spelled)?)?;
        if others.contains(&name) {
            return Err(format!("two members of one object are named '{name}'").into());
        }
        Ok(name)
    }

    fn elements(&mut self, elements: &[Json]) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for (at, element) in elements.iter().enumerate() {
            items.extend(self.element(element).of_element(at)?);
        }
        Ok(items)
    }

    fn element(&mut self, element: &Json) -> Result<Option<Item>> {
        match element {
            Json::Object(members) if members.contains_key("$each") => {
                let (list, what) = each(members)?;
                let entry =
                    |compiler: &mut Self| compiler.item(what).map(Vec::from_iter).of_member("do");
                let (single, many) = self.each(list, entry)?;
                Ok(Some(Item::Each { list, single, many }))
            }
            _ => self.item(element),
        }
    }

    fn choice(&mut self, members: &Map<String, Json>) -> Result<Option<Item>> {
        let role = members.get(OF_ROLE).and_then(Json::as_str);
        let branch = |compiler: &mut Self, name: &str| {
            let Some(value) = members.get(name) else { return Ok(None) };
            let role = role.filter(|_| name == THEN);
            compiler.of_role(role, |compiler| compiler.item(value)).of_member(name)
        };
        let condition = match self.answer(members)? {
            Answer::Known(holds) => return branch(self, if holds { THEN } else { ELSE }),
            Answer::Asked(condition) => condition,
        };
        self.conditions += 1;
        let (then, otherwise) = (branch(self, THEN)?, branch(self, ELSE)?);
        let (then, otherwise) = (then.map(Box::new), otherwise.map(Box::new));
        self.conditions -= 1;
        let condition = match (condition, then.as_deref()) {
            (Condition::Truthy(slot), Some(Item::Always(Node::Value(of)))) if *of == slot => {
                Condition::Tells(slot)
            }
            (condition, _) => condition,
        };
        Ok(Some(Item::Choice { condition, then, otherwise }))
    }

    /// Compiles what turns of one role have, if it is one.
    fn of_role<T>(&mut self, role: Option<&str>, compile: impl FnOnce(&mut Self) -> T) -> T {
        let Some(role) = role else { return compile(self) };
        let outer = self.role.replace(role.to_owned());
        let compiled = compile(self);
        self.role = outer;
        compiled
    }

    /// The answer to a question.
    fn answer(&mut self, members: &Map<String, Json>) -> Result<Answer> {
        let known = |name: &&String| {
            QUESTIONS.contains(&name.as_str()) || matches!(name.as_str(), THEN | ELSE)
        };
        if let Some(name) = members.keys().find(|name| !known(name)) {
            let what = format!("'{name}' beside a question; there are 'then' and 'else'");
            return Err(what.into()).of_member(name);
        }
        let mut asked = members.iter().filter(|(name, _)| QUESTIONS.contains(&name.as_str()));
        let (Some((question, Json::String(name))), None) = (asked.next(), asked.next()) else {
            return Err("a question is one of '$if', '$has' and '$role', with a name".into());
        };
        let answer = match question.as_str() {
            "$if" => self.is_there(name),
            "$has" => self.meaning(name).map(|meaning| meaning.present()),
            _ => self.has_role(name),
        };
        answer.of_member(question)
    }

    /// Whether a name stands for something that is not empty, also after some operations.
    fn is_there(&mut self, question: &str) -> Result<Answer> {
        let (name, operations) = placeholder::name(question)?;
        let meaning = self.meaning(&name)?;
        if operations.is_empty() {
            return Ok(meaning.truthy());
        }
        match meaning.after(&name, &operations)? {
            Meaning::Text(source) => Ok(Answer::Asked(Condition::Says(source))),
            Meaning::Own(source, text) => {
                Ok(Answer::Asked(Condition::SaysOwn(source, !text.is_empty())))
            }
            other @ (Meaning::Fixed(_) | Meaning::Told(_)) => Ok(other.truthy()),
            _ => {
                Err(format!("'{question}' in '$if' is not what becomes of a text of the record")
                    .into())
            }
        }
    }

    /// Whether the turn that this place is about has a role, by raftfast's name for it.
    fn has_role(&self, role: &str) -> Result<Answer> {
        let names = ROLES.join(", ");
        if !ROLES.contains(&role) {
            return Err(format!("unknown role '{role}'; there are {names}").into());
        }
        match self.scope.as_ref().and_then(|scope| scope.meaning(Detail::Is, None)) {
            Some(Meaning::Fixed(found)) => {
                Ok(Answer::Known(found.is_some_and(|found| found == role)))
            }
            Some(Meaning::Text(source)) => {
                Ok(Answer::Asked(Condition::Is(source.slot, role.to_owned())))
            }
            _ => Err("'$role' stands in an '$each' of turns only".into()),
        }
    }

    /// The parts of a text whose pieces stand under a key.
    pub(super) fn pieces(&mut self, members: &Map<String, Json>, key: &str) -> Result<Vec<Part>> {
        match (members.get(key), members.len()) {
            (Some(Json::Array(pieces)), 1) => self.parts(pieces).of_member(key),
            _ => Err(format!("'{key}' takes an array, and nothing beside it").into()),
        }
    }

    fn parts(&mut self, pieces: &[Json]) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            for part in self.text(piece).of_element(at)? {
                join(&mut parts, part);
            }
        }
        Ok(parts)
    }

    /// A piece of a text: a string, a question, one for each entry of a list, or several.
    pub(super) fn text(&mut self, piece: &Json) -> Result<Vec<Part>> {
        match piece {
            Json::String(text) => self.string_parts(text),
            Json::Array(pieces) => self.parts(pieces),
            Json::Object(members) if is_question(members) => self.text_choice(members),
            Json::Object(members) if members.contains_key("$concat") => {
                self.pieces(members, "$concat")
            }
            Json::Object(members) if members.contains_key("$answer") => self.answer_parts(members),
            Json::Object(members) if members.contains_key("$each") => {
                let (list, what) = each(members)?;
                let entry = |compiler: &mut Self| compiler.text(what).of_member("do");
                let (single, many) = self.each(list, entry)?;
                Ok(vec![Part::Each { list, single, many }])
            }
            other => Err(format!("{other} in '$concat', which takes texts").into()),
        }
    }

    fn text_choice(&mut self, members: &Map<String, Json>) -> Result<Vec<Part>> {
        let branch = |compiler: &mut Self, name: &str| match members.get(name) {
            Some(value) => compiler.text(value).of_member(name),
            None => Ok(Vec::new()),
        };
        let condition = match self.answer(members)? {
            Answer::Known(holds) => return branch(self, if holds { THEN } else { ELSE }),
            Answer::Asked(condition) => condition,
        };
        self.conditions += 1;
        self.inside += 1;
        let (then, otherwise) = (branch(self, THEN)?, branch(self, ELSE)?);
        self.inside -= 1;
        self.conditions -= 1;
        Ok(vec![Part::Choice { condition, then, otherwise }])
    }

    /// A string: a field of its own, or parts between quotes.
    fn string(&mut self, text: &str) -> Result<Node> {
        let pieces = placeholder::parse(text)?;
        if let [Piece::Name { name, operations }] = pieces.as_slice() {
            return Ok(self.expected(name, operations)?.node());
        }
        Ok(Node::Text(self.joined(pieces)?))
    }

    fn string_parts(&mut self, text: &str) -> Result<Vec<Part>> {
        self.joined(placeholder::parse(text)?)
    }

    fn joined(&mut self, pieces: Vec<Piece>) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for piece in pieces {
            let part = match piece {
                Piece::Literal(text) => Part::Literal(text),
                Piece::Name { name, operations } => {
                    self.expected(&name, &operations)?.part(&name)?
                }
            };
            join(&mut parts, part);
        }
        Ok(parts)
    }

    /// A text that does not depend on the record: the name of a member.
    fn fixed(&self, text: &str) -> Result<String> {
        let mut fixed = String::new();
        for piece in placeholder::parse(text)? {
            match piece {
                Piece::Literal(text) => fixed.push_str(&text),
                Piece::Name { name, operations } if operations.is_empty() => {
                    let setting = self.settings.get(&name);
                    fixed.push_str(setting.ok_or_else(|| {
                        format!(
                            "'{{{name}}}' in the name of a member; only settings can stand there"
                        )
                    })?);
                }
                Piece::Name { name, .. } => {
                    let what = format!("nothing can be done to '{name}' in the name of a member");
                    return Err(what.into());
                }
            }
        }
        Ok(fixed)
    }

    /// What a name stands for after some operations, where rows hold it: outside conditions, in every row.
    pub(super) fn expected(&mut self, name: &str, operations: &[Operation]) -> Result<Meaning> {
        let meaning = self.meaning(name)?.after(name, operations)?;
        if let Some(field) = Field::named(name)
            && self.conditions == 0
            && matches!(meaning, Meaning::Text(_) | Meaning::Json(_))
            && !self.expected.contains(&field)
        {
            self.expected.push(field);
        }
        Ok(meaning)
    }

    /// What a name stands for: a detail of the entry of a list, a setting, or a field.
    pub(super) fn meaning(&mut self, name: &str) -> Result<Meaning> {
        if let Some((detail, scope)) = Detail::named(name).zip(self.scope.as_ref())
            && let Some(meaning) = scope.meaning(detail, self.roles.as_ref())
        {
            self.details.insert((detail, self.role.clone()));
            return Ok(meaning);
        }
        let setting = self.settings.get(name);
        if let Some(text) = setting
            && (name != SYSTEM || self.given.contains_key(name))
        {
            return Ok(Meaning::fixed(text));
        }
        if Field::named(name).is_some_and(Field::is_rendered) && !self.is_rendered {
            return Err(self.unknown(name).into());
        }
        match (self.names.meaning(name), setting) {
            (Some(Meaning::Text(source)), _) if name == SYSTEM => {
                Ok(Meaning::Own(source, setting.cloned().unwrap_or_default()))
            }
            (Some(meaning), _) => Ok(meaning),
            (None, _) => Err(self.unknown(name).into()),
        }
    }

    fn unknown(&self, name: &str) -> String {
        let settings = self.settings.keys().map(String::as_str);
        let known = self.names.known().into_iter().chain(settings).collect::<Vec<_>>().join(", ");
        format!("unknown placeholder '{name}'; there are {known}")
    }
}

/// What asks for something, and is no name of a member.
const ASKING: [&str; 9] =
    ["$if", "$has", "$role", "$each", "$concat", "$answer", "$segments", "$prompt", "$completion"];

/// The name of a member, of which two `$` at the start stand for one, as in json-e.
fn literal(name: &str) -> std::result::Result<&str, String> {
    match name.strip_prefix('$') {
        None => Ok(name),
        Some(rest) if rest.starts_with('$') => Ok(rest),
        Some(_) if ASKING.contains(&name) => Err(format!("'{name}' stands in a text only")),
        Some(_) => {
            let known = ASKING.join(", ");
            Err(format!("unknown '{name}'; there are {known}, and '${name}' for a member '{name}'"))
        }
    }
}

fn is_question(members: &Map<String, Json>) -> bool {
    QUESTIONS.iter().any(|question| members.contains_key(*question))
}

/// Adds a part, with neighbouring literals made one.
fn join(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
        (_, part) => parts.push(part),
    }
}
