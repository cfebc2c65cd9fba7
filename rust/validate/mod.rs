//! Rows that are there already, held against what their consumer takes: the form of the rows of a
//! target, and its rules.
//!
//! ```
//! use raftfast::target::Target;
//! use raftfast::validate::Validator;
//!
//! let validator = Validator::new(&Target::named("openai")?, &Default::default())?;
//! let row = br#"{"messages": [{"role": "narrator", "content": "Once."}]}"#;
//! let problems = validator.row(row);
//! assert_eq!(problems[0].rule, "unrecognized_role");
//! assert_eq!(problems[0].message, "messages[0].role is \"narrator\"");
//! # Ok::<(), raftfast::error::Error>(())
//! ```

mod findings;
mod fit;
mod pattern;

use std::collections::BTreeMap;

use crate::checker::{Broken, Checker};
use crate::error::Error;
use crate::rules::Rules;
use crate::shape::{Options, Shape};
use crate::target::Target;
use fit::Fit;
use pattern::{Compiler, Pattern};

pub use findings::{Findings, Found};

/// A target compiled to check rows that others wrote.
#[derive(Debug)]
pub struct Validator {
    pattern: Pattern,
    names: Names,
    checker: Checker,
    rules: Rules,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The rule that is broken, by the consumer's name for it.
    pub rule: &'static str,
    /// How, in words.
    pub message: String,
}

/// The consumer's names for what can be wrong with the form of a row, and what it leaves open.
#[derive(Debug)]
struct Names {
    missing_key: &'static str,
    turn_missing_key: &'static str,
    extra_keys: &'static str,
    turn_extra_keys: &'static str,
    wrong_type: &'static str,
    wrong_value: &'static str,
    unknown_role: &'static str,
    content: &'static str,
    /// raftfast's names for roles by the consumer's.
    roles: BTreeMap<String, &'static str>,
    /// Whether there may be other keys, of rows and of turns, and which may be there all the same.
    others: bool,
    turn_others: bool,
    other_keys: Vec<String>,
    /// Keys that do not all stand beside one another, and the name of that rule.
    apart: (Vec<Vec<String>>, &'static str),
    /// Whether a content may be in parts, and the keys of parts that are no texts, by role.
    parts: bool,
    other_parts: BTreeMap<String, Vec<String>>,
}

impl Validator {
    /// Compiles a target with the settings of the caller.
    ///
    /// # Errors
    ///
    /// Those of [`Shape::compile`].
    pub fn new(target: &Target, options: &Options) -> Result<Self, Error> {
        let shape = Shape::compile(target, options)?;
        Ok(Self {
            pattern: Compiler::new(&shape).pattern(shape.tree()),
            names: Names::new(shape.rules(), shape.roles()),
            checker: Checker::compiled(shape.rules()),
            rules: shape.rules().clone(),
        })
    }

    /// What is wrong with a row, which is JSON that has been validated: each rule that it breaks, once.
    #[must_use]
    pub fn row(&self, raw: &[u8]) -> Vec<Problem> {
        let mut fit = Fit::new(&self.names);
        fit.value(&self.pattern, raw);
        let Fit { mut problems, turns, texts, is_plain, .. } = fit;
        if is_plain && !turns.is_empty() {
            self.checker.hold(turns.into_iter(), &mut |broken| problems.push(broken.into()));
        }
        let forbidden = texts.into_iter().find_map(|text| self.checker.forbids(text));
        let forbidden = forbidden.map(|rule| (rule, "a text that may not be there stands in it"));
        let long = self.checker.is_too_long(raw).map(|rule| (rule, "it has too many characters"));
        let told = |(rule, what): (&'static str, &str)| Problem { rule, message: what.to_owned() };
        problems.extend([forbidden, long].into_iter().flatten().map(told));
        once_each(problems)
    }

    /// What the consumer asks of rows and files.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// The first problem of each rule.
fn once_each(problems: Vec<Problem>) -> Vec<Problem> {
    let mut told: Vec<Problem> = Vec::new();
    for problem in problems {
        if !told.iter().any(|known| known.rule == problem.rule) {
            told.push(problem);
        }
    }
    told
}

impl From<Broken> for Problem {
    fn from(broken: Broken) -> Self {
        let Broken { name: rule, turn, what } = broken;
        let message = turn.map_or_else(|| what.to_owned(), |turn| format!("turn {turn} {what}"));
        Self { rule, message }
    }
}

impl Names {
    /// Whether a rule is about keys that there need not be.
    fn is_extra(&self, rule: &str) -> bool {
        rule == self.extra_keys || rule == self.turn_extra_keys
    }

    fn new(rules: &Rules, roles: Option<&BTreeMap<String, String>>) -> Self {
        let in_turn = |rule: &str, of_row: &str| {
            if rules.names.contains_key(rule) { rules.name(rule) } else { rules.name(of_row) }
        };
        Self {
            missing_key: rules.name("missing_key"),
            turn_missing_key: in_turn("turn_missing_key", "missing_key"),
            extra_keys: rules.name("extra_keys"),
            turn_extra_keys: in_turn("turn_extra_keys", "extra_keys"),
            wrong_type: rules.name("wrong_type"),
            wrong_value: rules.name("wrong_value"),
            unknown_role: rules.name("roles"),
            content: rules.name("content"),
            roles: pattern::roles(roles, &rules.other_roles),
            others: rules.extra_keys != Some(false),
            turn_others: rules.turn_extra_keys.or(rules.extra_keys) != Some(false),
            other_keys: rules.other_keys.clone(),
            apart: (rules.apart.clone(), rules.name("apart")),
            parts: rules.parts,
            other_parts: rules.other_parts.clone(),
        }
    }
}
