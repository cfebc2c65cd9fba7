//! Values made of the keys of a record in some dialect, in the language of targets.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::flatten;
use super::plan::Plan;
use super::skeleton::Compiler;
use super::vocabulary::Names;
use crate::entries::{Detail, List};
use crate::text::Escape;

/// Compiles expressions, and notes the keys that they are about.
#[derive(Debug)]
pub(crate) struct Expressions {
    keys: Vec<String>,
    lists: Vec<List>,
}

impl Expressions {
    /// With keys that have their slots already.
    pub(crate) fn new(keys: Vec<String>) -> Self {
        Self { keys, lists: Vec::new() }
    }

    /// The keys, by their slots.
    pub(crate) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The lists that the expressions since the last call are about.
    pub(crate) fn take_lists(&mut self) -> Vec<List> {
        std::mem::take(&mut self.lists)
    }

    /// The slot of a key, or of what was found among the turns of a record.
    pub(crate) fn slot(&mut self, name: &str) -> usize {
        if let Some(detail) = of_turns(name) {
            return detail.slot();
        }
        self.key(name)
    }

    /// The slot of a key, whatever its name.
    pub(crate) fn key(&mut self, name: &str) -> usize {
        self.keys.iter().position(|key| key == name).unwrap_or_else(|| {
            self.keys.push(name.to_owned());
            self.keys.len() - 1
        })
    }

    /// The plan for a value.
    pub(crate) fn compile(&mut self, skeleton: &Json) -> Result<Plan, String> {
        let none = BTreeMap::new();
        let mut compiler =
            Compiler::new(&none, &none, None, Names::Keys(std::mem::take(&mut self.keys)));
        let node = compiler.expression(skeleton);
        self.lists.append(&mut compiler.lists);
        if let Names::Keys(keys) = compiler.names {
            self.keys = keys;
        }
        let node = node.map_err(|wrong| wrong.what)?;
        Ok(flatten::value(&node, Escape::Keep))
    }
}

/// What is told of the turns of a record: the last question, its answer, the rejected one, the system
/// message.
pub(super) fn of_turns(name: &str) -> Option<Detail> {
    match name.strip_prefix("turn.")? {
        "user" => Some(Detail::Content),
        "assistant" => Some(Detail::Assistant),
        "system" => Some(Detail::Name),
        "rejected" => Some(Detail::Rejected),
        _ => None,
    }
}
