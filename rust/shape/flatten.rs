//! Tree to plan: the steps that write a row as JSON, with all that is the same in every row made
//! one.

use super::plan::{Condition, Step};
use super::tree::{Item, Node, Part};
use crate::text::{Escape, Text};

/// The plan for a row with its line end.
pub(super) fn row(tree: &Node, escape: Escape) -> Vec<Step> {
    let mut steps = value(tree, escape);
    steps.push(Step::Literal(b"\n".to_vec()));
    merged(steps)
}

/// The steps that write a value, without any line end.
pub(crate) fn value(node: &Node, escape: Escape) -> Vec<Step> {
    match node {
        Node::Object(members) => object(members, escape),
        Node::Array(items) => array(items, escape),
        Node::Text(parts) => text(parts, escape),
        Node::Field(source) => vec![Step::String(source.clone())],
        Node::Documents(slot) => vec![Step::Json(*slot)],
        Node::Record => vec![Step::Record],
        Node::Literal(scalar) => literal(scalar.to_string()),
    }
}

fn object(members: &[(String, Item)], escape: Escape) -> Vec<Step> {
    let mut list = List::new("{", escape);
    for (name, item) in members {
        let mut key = quoted(name, escape);
        key.push(b':');
        list.push(&key, item);
    }
    list.close("}")
}

fn array(items: &[Item], escape: Escape) -> Vec<Step> {
    let mut list = List::new("[", escape);
    for item in items {
        list.push(&[], item);
    }
    list.close("]")
}

fn text(parts: &[Part], escape: Escape) -> Vec<Step> {
    let mut steps = literal("\"");
    for part in parts {
        steps.push(match part {
            Part::Literal(text) => Step::Literal(escaped(text, escape)),
            Part::Field(source) => Step::Text(source.clone()),
        });
    }
    steps.extend(literal("\""));
    steps
}

fn literal(text: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Literal(text.into())]
}

fn escaped(text: &str, escape: Escape) -> Vec<u8> {
    let mut bytes = Vec::new();
    Text::Plain(text).write_json(escape, &mut bytes);
    bytes
}

fn quoted(text: &str, escape: Escape) -> Vec<u8> {
    [b"\"", escaped(text, escape).as_slice(), b"\""].concat()
}

/// The items of an object or array, with commas where there is something to part.
struct List {
    escape: Escape,
    steps: Vec<Step>,
    /// Whether an item stands before the next one in some rows, and in all.
    before: (bool, bool),
}

impl List {
    fn new(open: &str, escape: Escape) -> Self {
        Self { escape, steps: literal(open), before: (false, false) }
    }

    fn push(&mut self, key: &[u8], item: &Item) {
        match item {
            Item::Always(node) => {
                let steps = self.item(key, node);
                self.steps.extend(steps);
                self.before = (true, true);
            }
            Item::Choice { condition, then, otherwise } => {
                self.choice(key, *condition, then.as_ref(), otherwise.as_ref());
            }
        }
    }

    fn choice(
        &mut self,
        key: &[u8],
        condition: Condition,
        then: Option<&Node>,
        otherwise: Option<&Node>,
    ) {
        let always = then.is_some() && otherwise.is_some();
        let steps = |node: Option<&Node>| node.map_or_else(Vec::new, |node| self.item(key, node));
        let (then, otherwise) = (merged(steps(then)), merged(steps(otherwise)));
        self.steps.push(Step::Choice { condition, then, otherwise });
        self.before = (true, self.before.1 || always);
    }

    /// The comma, the key and the value.
    fn item(&self, key: &[u8], node: &Node) -> Vec<Step> {
        let mut steps = Vec::from_iter(self.comma());
        if !key.is_empty() {
            steps.extend(literal(key));
        }
        steps.extend(value(node, self.escape));
        steps
    }

    fn comma(&self) -> Option<Step> {
        match self.before {
            (false, _) => None,
            (true, true) => Some(Step::Literal(b",".to_vec())),
            (true, false) => Some(Step::Comma),
        }
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
