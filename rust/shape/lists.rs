//! Lists of a record: what is compiled for each of their entries, and for those that plain records have.

use serde_json::{Map, Value as Json};

use super::SYSTEM;
use super::plan::Condition;
use super::skeleton::Compiler;
use super::tree::{Item, Part};
use super::vocabulary::{Answer, Meaning, Scope};
use super::wrong::{Inside, Result, Wrong};
use crate::entries::{Detail, List};

impl Compiler<'_> {
    /// Compiles something for each entry that plain records have in a list, and for any entry.
    pub(super) fn each<T: Conditional>(
        &mut self,
        list: List,
        mut compile: impl FnMut(&mut Self) -> Result<Vec<T>>,
    ) -> Result<(Vec<T>, Vec<T>)> {
        if self.scope.is_some() {
            return Err("'$each' may not stand in another".into());
        }
        if !self.lists.contains(&list) {
            self.lists.push(list);
        }
        let mut single = Vec::new();
        for (details, asked) in self.single(list)? {
            self.scope = Some(Scope::Single(list, details));
            self.conditions += usize::from(asked.is_some());
            let compiled = compile(self);
            self.conditions -= usize::from(asked.is_some());
            self.scope = None;
            match asked {
                None => single.extend(compiled?),
                Some(condition) => single.extend(T::only_if(condition, compiled?)),
            }
        }
        self.scope = Some(Scope::Many(list));
        self.conditions += 1;
        let many = compile(self);
        self.conditions -= 1;
        self.scope = None;
        Ok((single, many?))
    }

    /// The entries of a list that all plain records have, and what has to hold for them: the system
    /// message if there is one, the one question and the one answer.
    fn single(&mut self, list: List) -> Result<Vec<(Details, Option<Condition>)>> {
        match list {
            List::Messages => Ok([self.system()?, self.user()?, self.assistant()?].concat()),
            List::Prompt => Ok([self.system()?, self.user()?].concat()),
            List::Turns => Ok([self.user()?, self.assistant()?].concat()),
            List::Pairs => {
                let (user, assistant) =
                    (self.expected("instruction", &[])?, self.expected("cot_answer", &[])?);
                let is = || Meaning::fixed("1");
                let pair = vec![
                    (Detail::Content, user),
                    (Detail::Assistant, assistant),
                    (Detail::First, is()),
                    (Detail::Last, is()),
                ];
                Ok(vec![(pair, None)])
            }
            List::Spans => self.expected("cot_answer", &[]).map(|_| Vec::new()),
            List::History | List::Documents | List::Quotes => Ok(Vec::new()),
        }
    }

    /// The system message, unless the consumer has no such role.
    fn system(&mut self) -> Result<Vec<(Details, Option<Condition>)>> {
        if self.roles.as_ref().is_some_and(|roles| roles.name(SYSTEM).is_none()) {
            return Ok(Vec::new());
        }
        let content = self.meaning(SYSTEM)?;
        match content.truthy() {
            Answer::Known(false) => Ok(Vec::new()),
            Answer::Known(true) => Ok(self.turn("system", content, None)),
            Answer::Asked(condition) => Ok(self.turn("system", content, Some(condition))),
        }
    }

    fn user(&mut self) -> Result<Vec<(Details, Option<Condition>)>> {
        let content = self.expected("instruction", &[])?;
        Ok(self.turn("user", content, None))
    }

    fn assistant(&mut self) -> Result<Vec<(Details, Option<Condition>)>> {
        let content = self.expected("cot_answer", &[])?;
        Ok(self.turn("assistant", content, None))
    }

    fn turn(
        &self,
        role: &str,
        content: Meaning,
        asked: Option<Condition>,
    ) -> Vec<(Details, Option<Condition>)> {
        let name = self.roles.as_ref().map_or(Some(role), |roles| roles.name(role));
        let details = |name: &str| {
            let is = (Detail::Is, Meaning::fixed(role));
            let end = match role {
                "user" => Some((Detail::First, Meaning::fixed("1"))),
                "assistant" => Some((Detail::Last, Meaning::fixed("1"))),
                _ => None,
            };
            let turn = [(Detail::Role, Meaning::fixed(name)), (Detail::Content, content), is];
            turn.into_iter().chain(end).collect()
        };
        name.map(|name| (details(name), asked)).into_iter().collect()
    }
}

/// The details of an entry and what they stand for.
type Details = Vec<(Detail, Meaning)>;

/// What can be left out by the record.
pub(super) trait Conditional: Sized {
    fn only_if(condition: Condition, these: Vec<Self>) -> Vec<Self>;
}

impl Conditional for Item {
    fn only_if(condition: Condition, these: Vec<Self>) -> Vec<Self> {
        let choice = |item| {
            let then = Some(Box::new(item));
            Self::Choice { condition: condition.clone(), then, otherwise: None }
        };
        these.into_iter().map(choice).collect()
    }
}

impl Conditional for Part {
    fn only_if(condition: Condition, these: Vec<Self>) -> Vec<Self> {
        vec![Self::Choice { condition, then: these, otherwise: Vec::new() }]
    }
}

/// The list and what is to be done for each of its entries.
pub(super) fn each(members: &Map<String, Json>) -> Result<(List, &Json)> {
    let (Some(Json::String(name)), Some(what), 2) =
        (members.get("$each"), members.get("do"), members.len())
    else {
        return Err("'$each' takes the name of a list, and a 'do' beside it".into());
    };
    let unknown = || {
        let known = List::ALL.map(List::name).join(", ");
        Wrong::from(format!("unknown list '{name}'; there are {known}"))
    };
    Ok((List::named(name).ok_or_else(unknown).of_member("$each")?, what))
}
