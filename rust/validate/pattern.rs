//! What rows of a target may be: its tree, without what depends on the record that a row was made of.
//!
//! Rows that others wrote need not hold what raftfast would have written: a member is needed only where
//! it holds what the target needs, and where the target adds something to a text, any text will do.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::entries::{CALLS, Detail, List, ROLES};
use crate::record::Field;
use crate::scan::MAX_KEYS;
use crate::shape::plan::{Condition, Source};
use crate::shape::tree::{Item, Node, Part};
use crate::shape::{Operation, Shape};
use crate::value::Holds;

/// What a value may be.
#[derive(Debug)]
pub(super) enum Pattern {
    /// An object that has these members; whether it may have others is up to the rules.
    Object {
        members: Vec<Member>,
        is_turn: bool,
    },
    /// An array of exactly these.
    Tuple(Vec<Pattern>),
    /// An array of parts of what is said: objects like this one, or of other kinds, such as pictures.
    Parts(Box<Pattern>),
    /// An array of any number of values, each of which is one of these.
    List {
        of: Vec<Pattern>,
        is_needed: bool,
    },
    /// A string.
    Text {
        says: Says,
        is_needed: bool,
    },
    /// This string.
    Exactly(String),
    /// `true` or `false`.
    Boolean,
    Number,
    Null,
    /// Any object.
    Record,
    Anything,
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub name: String,
    pub of: Vec<Pattern>,
    pub is_needed: bool,
    /// The role that only has it.
    pub only: Option<String>,
    /// What of a turn it is, if that is more than who says what.
    pub detail: Option<Detail>,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Who speaks.
    Role,
    /// What somebody says, whose role stands beside it.
    Content,
    /// What the user says.
    User,
    /// What the assistant says.
    Assistant,
    /// Something else that needs to be there, or need not.
    Something,
    /// The same, but cut out of another text or made of a list: it may be empty where that is not.
    Made,
}

/// Makes patterns of the tree of a shape.
#[derive(Clone, Copy)]
pub(super) struct Compiler<'a> {
    shape: &'a Shape,
    /// The list that the place being compiled is about an entry of.
    list: Option<List>,
    /// The member that the place being compiled is right inside of.
    inside: Option<&'a str>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(shape: &'a Shape) -> Self {
        Self { shape, list: None, inside: None }
    }

    pub(super) fn pattern(&self, node: &'a Node) -> Pattern {
        match node {
            Node::Object(members) => self.object(members),
            Node::Array(items) => self.array(items),
            Node::Text(parts) => self.text(parts),
            Node::Field(source) => self.field(source),
            Node::Json(slot) | Node::Value(slot) => self.json(*slot),
            Node::Record => Pattern::Record,
            Node::Segments(_) => segments(),
            Node::Literal(Json::Bool(_)) => Pattern::Boolean,
            Node::Literal(Json::Number(_)) => Pattern::Number,
            Node::Literal(_) => Pattern::Null,
        }
    }

    fn object(&self, members: &'a [(String, Item)]) -> Pattern {
        let members: Vec<_> = members.iter().map(|(name, item)| self.member(name, item)).collect();
        let is_turn = members
            .iter()
            .flat_map(|member| &member.of)
            .any(|pattern| matches!(pattern, Pattern::Text { says: Says::Role, .. }));
        Pattern::Object { members, is_turn }
    }

    fn member(&self, name: &'a str, item: &'a Item) -> Member {
        if self.is_ignored(name) {
            return Member::of(name, Pattern::Anything, false);
        }
        let needed = if let Item::Always(node) = item { self.needs(node) } else { false };
        Member {
            name: name.to_owned(),
            of: Self { inside: Some(name), ..*self }.any_of(std::slice::from_ref(item)),
            is_needed: needed,
            only: only_role(item),
            detail: detail(item),
        }
    }

    /// Whether the consumer takes no notice of a member.
    fn is_ignored(&self, name: &str) -> bool {
        let path = self.inside.map_or_else(|| name.to_owned(), |inside| format!("{inside}.{name}"));
        self.shape.rules().ignores.contains(&path)
    }

    /// The patterns of all that some items can come to, for any record.
    fn any_of(&self, items: &'a [Item]) -> Vec<Pattern> {
        items.iter().flat_map(|item| self.each_of(item)).collect()
    }

    fn each_of(&self, item: &'a Item) -> Vec<Pattern> {
        match item {
            Item::Each { list, many, .. } => Self { list: Some(*list), ..*self }.any_of(many),
            Item::Choice { then, otherwise, .. } => {
                let both = [then, otherwise].into_iter().flatten();
                both.flat_map(|item| self.each_of(item)).collect()
            }
            Item::Always(node) => vec![self.pattern(node)],
        }
    }

    fn array(&self, items: &'a [Item]) -> Pattern {
        match items.iter().map(fixed).collect::<Option<Vec<_>>>() {
            Some(nodes) if self.takes_parts() && is_one_object(&nodes) => {
                Pattern::Parts(Box::new(self.pattern(nodes[0])))
            }
            Some(nodes) if !nodes.is_empty() => {
                Pattern::Tuple(nodes.into_iter().map(|node| self.pattern(node)).collect())
            }
            _ => {
                Pattern::List { of: self.any_of(items), is_needed: items.iter().any(needs_entries) }
            }
        }
    }

    /// Whether there may be several parts where the target writes one.
    fn takes_parts(&self) -> bool {
        let rules = self.shape.rules();
        let is_said = self.list.is_some_and(List::is_of_turns);
        rules.parts || (is_said && !rules.other_parts.is_empty())
    }

    fn text(&self, parts: &[Part]) -> Pattern {
        if let Some(text) = literal(parts)
            && !text.is_empty()
        {
            // What is the same for every document stands for what is not known of it.
            let is_known = !matches!(self.list, Some(List::Documents | List::Quotes));
            return if is_known {
                Pattern::Exactly(text)
            } else {
                Pattern::Text { says: Says::Something, is_needed: false }
            };
        }
        let says = parts.iter().find_map(|part| match part {
            Part::Field(source) => Some(self.says(source)),
            _ => None,
        });
        let is_needed = parts.iter().any(|part| self.needs_part(part));
        let is_made = parts.iter().any(|part| matches!(part, Part::Each { .. }));
        let other = if is_made { Says::Made } else { Says::Something };
        Pattern::Text { says: says.unwrap_or(other), is_needed }
    }

    fn field(&self, source: &Source) -> Pattern {
        Pattern::Text { says: self.says(source), is_needed: self.needs_source(source) }
    }

    fn json(&self, slot: usize) -> Pattern {
        let holds = self.shape.fields().get(slot).map(|field| field.holds());
        match holds {
            Some(Holds::Text) => Pattern::Text { says: Says::Something, is_needed: false },
            _ => Pattern::Anything,
        }
    }

    fn says(&self, source: &Source) -> Says {
        let slot = source.slot;
        if slot == Detail::Role.slot() {
            return Says::Role;
        }
        if source.operations.iter().any(Operation::cuts) {
            return Says::Made;
        }
        match self.shape.fields().get(slot) {
            Some(Field::Instruction) => Says::User,
            Some(Field::CotAnswer) => Says::Assistant,
            None if slot == Detail::Content.slot() => self.content(),
            None if slot == Detail::Assistant.slot() => Says::Assistant,
            _ => Says::Something,
        }
    }

    /// What the content of an entry is.
    fn content(&self) -> Says {
        match self.list {
            Some(List::Pairs | List::History) => Says::User,
            Some(List::Messages | List::Turns | List::Prompt) => Says::Content,
            Some(List::Documents | List::Quotes | List::Spans) | None => Says::Something,
        }
    }

    /// Whether no row goes without a value.
    fn needs(&self, node: &Node) -> bool {
        match node {
            Node::Object(members) => members.iter().any(|(_, item)| self.needs_item(item)),
            Node::Array(items) => {
                items.iter().any(|item| self.needs_item(item) || needs_entries(item))
            }
            Node::Text(parts) => {
                parts.iter().any(|part| self.needs_part(part))
                    || literal(parts).is_some_and(|text| !text.is_empty())
            }
            Node::Field(source) => self.needs_source(source),
            Node::Json(slot) | Node::Value(slot) => self.needs_slot(*slot),
            Node::Record | Node::Segments(_) => true,
            Node::Literal(json) => !json.is_null(),
        }
    }

    fn needs_item(&self, item: &Item) -> bool {
        matches!(item, Item::Always(node) if self.needs(node))
    }

    fn needs_part(&self, part: &Part) -> bool {
        match part {
            Part::Field(source) | Part::Spans(source, _) => self.needs_source(source),
            Part::Each { list, .. } => is_never_empty(*list),
            Part::Literal(_)
            | Part::Json(_)
            | Part::Own(..)
            | Part::Choice { .. }
            | Part::Label(_)
            | Part::Cut => false,
        }
    }

    fn needs_source(&self, source: &Source) -> bool {
        self.needs_slot(source.slot)
    }

    fn needs_slot(&self, slot: usize) -> bool {
        match self.shape.fields().get(slot) {
            Some(field) => field.is_rendered() || self.shape.needs().contains(field),
            None if matches!(self.list, Some(List::Documents | List::Quotes | List::Spans)) => {
                false
            }
            None => [Detail::Role, Detail::Content, Detail::Assistant]
                .iter()
                .any(|detail| slot == detail.slot()),
        }
    }
}

impl Member {
    fn of(name: &str, pattern: Pattern, is_needed: bool) -> Self {
        let of = vec![pattern];
        Self { name: name.to_owned(), of, is_needed, only: None, detail: None }
    }
}

/// Texts, each with whether it is trained on.
fn segments() -> Pattern {
    let text = Pattern::Text { says: Says::Something, is_needed: false };
    let members = vec![Member::of("label", Pattern::Boolean, true), Member::of("text", text, true)];
    Pattern::List { of: vec![Pattern::Object { members, is_turn: false }], is_needed: true }
}

/// What of a turn an item is.
fn detail(item: &Item) -> Option<Detail> {
    let mut slots = item.nodes().into_iter().filter_map(|node| match node {
        Node::Json(slot) => Some(*slot),
        Node::Field(source) => Some(source.slot),
        _ => None,
    });
    let details = [Detail::ToolCalls, Detail::Weight, Detail::ToolCallId];
    slots.find_map(|slot| details.into_iter().find(|detail| detail.slot() == slot))
}

/// The role without which an item comes to nothing.
fn only_role(item: &Item) -> Option<String> {
    match item {
        Item::Choice { condition: Condition::Is(slot, role), otherwise: None, .. }
            if *slot == Detail::Is.slot() && *slot >= MAX_KEYS =>
        {
            Some(role.clone())
        }
        _ => None,
    }
}

/// The value that an item comes to for every record.
fn fixed(item: &Item) -> Option<&Node> {
    if let Item::Always(node) = item { Some(node) } else { None }
}

fn is_one_object(nodes: &[&Node]) -> bool {
    matches!(nodes, [Node::Object(_)])
}

/// The text of parts that do not depend on the record.
fn literal(parts: &[Part]) -> Option<String> {
    parts
        .iter()
        .map(|part| if let Part::Literal(text) = part { Some(text.as_str()) } else { None })
        .collect()
}

fn needs_entries(item: &Item) -> bool {
    matches!(item, Item::Each { list, .. } if is_never_empty(*list))
}

fn is_never_empty(list: List) -> bool {
    matches!(list, List::Messages | List::Turns | List::Prompt | List::Pairs)
}

/// raftfast's name for each name that a consumer has for a role, those that only others write included.
pub(super) fn roles(
    names: Option<&BTreeMap<String, String>>,
    others: &BTreeMap<String, String>,
) -> BTreeMap<String, &'static str> {
    let called = |role: &str| match names {
        Some(names) => names.get(role).cloned(),
        None => Some(role.to_owned()),
    };
    let calls = names.and_then(|names| names.get(CALLS)).map(|name| (name.clone(), CALLS));
    let named = ROLES.iter().filter_map(|role| Some((called(role)?, *role)));
    let others = ROLES.iter().filter_map(|role| Some((others.get(*role)?.clone(), *role)));
    others.chain(named).chain(calls).collect()
}
