//! Tree to plan: the steps that write a row as JSON, with all that is the same in every row made
//! one.

use std::mem::take;
use std::sync::Arc;

use super::plan::{Condition, FIRST_SEGMENT, Plan, Step};
use super::tree::{Item, Node, Part};
use crate::entries::{Detail, List};
use crate::text::{Escape, Text};

/// Which records a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Those that are as Gorilla writes them: one question, one answer, no system message of their own.
    /// More is known of them, so that there is less to ask.
    Plain,
    /// Any.
    All,
}

/// The plan for a row with its line end.
pub(super) fn row(tree: &Node, escape: Escape, records: For) -> Plan {
    let mut steps = Flattener { escape, records }.value(tree);
    steps.push(Step::Literal(b"\n".to_vec()));
    Plan::new(merged(steps))
}

/// The plan for a value, without any line end.
pub(crate) fn value(node: &Node, escape: Escape) -> Plan {
    Plan::new(merged(Flattener { escape, records: For::All }.value(node)))
}

#[derive(Clone, Copy)]
struct Flattener {
    escape: Escape,
    records: For,
}

impl Flattener {
    fn value(self, node: &Node) -> Vec<Step> {
        match node {
            Node::Object(members) => self.object(members),
            Node::Array(items) => self.array(items),
            Node::Text(parts) => {
                let mut steps = literal("\"");
                steps.extend(self.parts(parts));
                steps.extend(literal("\""));
                steps
            }
            Node::Segments(parts) => {
                let mut steps = literal(FIRST_SEGMENT);
                steps.extend(self.parts(parts));
                steps.push(Step::Close);
                steps
            }
            Node::Field(source) => vec![Step::String(source.clone())],
            Node::Json(slot) => vec![Step::Json(*slot)],
            Node::Value(slot) => vec![Step::Value(*slot)],
            Node::Record => vec![Step::Record],
            Node::Literal(scalar) => literal(scalar.to_string()),
        }
    }

    fn object(self, members: &[(String, Item)]) -> Vec<Step> {
        let mut list = Elements::new("{", self);
        for (name, item) in members {
            list.push(&[b"\"", self.escaped(name).as_slice(), b"\":"].concat(), item);
        }
        list.close("}")
    }

    fn array(self, items: &[Item]) -> Vec<Step> {
        let mut list = Elements::new("[", self);
        for item in items {
            list.push(&[], item);
        }
        list.close("]")
    }

    fn parts(self, parts: &[Part]) -> Vec<Step> {
        merged(parts.iter().flat_map(|part| self.part(part)).collect())
    }

    fn part(self, part: &Part) -> Vec<Step> {
        match part {
            Part::Literal(text) => literal(self.escaped(text)),
            Part::Field(source) => vec![Step::Text(source.clone())],
            Part::Json(source) => vec![Step::Told(source.clone())],
            Part::Own(_, text) if self.records == For::Plain => literal(self.escaped(text)),
            Part::Own(source, text) => vec![Step::Own(source.clone(), self.escaped(text))],
            Part::Label(trained) => vec![Step::Label(*trained)],
            Part::Spans(source, cutter) => vec![Step::Spans(source.clone(), Arc::clone(cutter))],
            Part::Cut => Vec::new(),
            Part::Choice { condition, then, otherwise } => match self.known(condition) {
                Some(holds) => self.parts(if holds { then } else { otherwise }),
                None => vec![Step::Choice {
                    condition: condition.clone(),
                    then: self.parts(then),
                    otherwise: self.parts(otherwise),
                }],
            },
            Part::Each { single, .. } if self.records == For::Plain => self.parts(single),
            Part::Each { list, single, many } => {
                let (single, mut many) = (self.parts(single), self.parts(many));
                let between = take_between(*list, &mut many);
                vec![Step::Each { list: *list, single, many, between }]
            }
        }
    }

    /// The answer to a question that is the same for all of the records.
    fn known(self, condition: &Condition) -> Option<bool> {
        match condition {
            Condition::Own(_, default) | Condition::SaysOwn(_, default)
                if self.records == For::Plain =>
            {
                Some(*default)
            }
            _ => None,
        }
    }

    fn escaped(self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        Text::Plain(text).write_json(self.escape, &mut bytes);
        bytes
    }
}

/// Takes the bytes away that entries end with unless they are the last: to write them between two entries
/// takes less time than the question. Lists of turns may leave out their last entry.
fn take_between(list: List, many: &mut Vec<Step>) -> Vec<u8> {
    if let Some(Step::Choice { condition: Condition::Truthy(asked), then, otherwise }) =
        many.last_mut()
        && *asked == Detail::Last.slot()
        && !list.is_of_turns()
        && let ([], [Step::Literal(bytes)]) = (&then[..], &mut otherwise[..])
    {
        let between = take(bytes);
        many.pop();
        return between;
    }
    Vec::new()
}

fn literal(text: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Literal(text.into())]
}

/// Whether an element stands before the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Never,
    InSomeRows,
    Always,
}

/// The elements of an object or array, with commas where there is something to part.
struct Elements {
    flattener: Flattener,
    steps: Vec<Step>,
    before: Before,
}

impl Elements {
    fn new(open: &str, flattener: Flattener) -> Self {
        Self { flattener, steps: literal(open), before: Before::Never }
    }

    /// Adds an item, with its key if it is a member.
    fn push(&mut self, key: &[u8], item: &Item) {
        match item {
            Item::Always(node) => self.element(key, node),
            Item::Choice { condition, then, otherwise } => match self.flattener.known(condition) {
                Some(holds) => {
                    let chosen = if holds { then } else { otherwise };
                    if let Some(item) = chosen {
                        self.push(key, item);
                    }
                }
                None => self.choice(key, condition, then.as_deref(), otherwise.as_deref()),
            },
            Item::Each { single, .. } if self.flattener.records == For::Plain => {
                for item in single {
                    self.push(&[], item);
                }
            }
            Item::Each { list, single, many } => {
                // What comes before is told by the output when there may be any number of elements.
                let before =
                    if self.before == Before::Never { Before::Never } else { Before::InSomeRows };
                let single =
                    self.apart(before, |list| single.iter().for_each(|i| list.push(&[], i)));
                let many = self
                    .apart(Before::InSomeRows, |list| many.iter().for_each(|i| list.push(&[], i)));
                let (single, many) = (single.0, many.0);
                self.steps.push(Step::Each { list: *list, single, many, between: Vec::new() });
                self.before = Before::InSomeRows;
            }
        }
    }

    fn element(&mut self, key: &[u8], node: &Node) {
        match self.before {
            Before::Never => {}
            Before::InSomeRows => self.steps.push(Step::Comma),
            Before::Always => self.steps.extend(literal(",")),
        }
        if !key.is_empty() {
            self.steps.extend(literal(key));
        }
        self.steps.extend(self.flattener.value(node));
        self.before = Before::Always;
    }

    fn choice(
        &mut self,
        key: &[u8],
        condition: &Condition,
        then: Option<&Item>,
        otherwise: Option<&Item>,
    ) {
        let branch = |item: Option<&Item>| {
            self.apart(self.before, |list| item.into_iter().for_each(|item| list.push(key, item)))
        };
        let (then, otherwise) = (branch(then), branch(otherwise));
        self.before = if then.1 == otherwise.1 { then.1 } else { Before::InSomeRows };
        let condition = condition.clone();
        self.steps.push(Step::Choice { condition, then: then.0, otherwise: otherwise.0 });
    }

    /// Steps of their own that continue this list, and what then stands before the next element.
    fn apart(&self, before: Before, add: impl FnOnce(&mut Self)) -> (Vec<Step>, Before) {
        let mut list = Self { flattener: self.flattener, steps: Vec::new(), before };
        add(&mut list);
        (merged(list.steps), list.before)
    }

    fn close(mut self, close: &str) -> Vec<Step> {
        self.steps.extend(literal(close));
        self.steps
    }
}

/// The same steps with neighbouring literals made one.
fn merged(steps: Vec<Step>) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        match (merged.last_mut(), step) {
            (Some(Step::Literal(before)), Step::Literal(bytes)) => before.extend(bytes),
            (_, step) => merged.push(step),
        }
    }
    merged
}
