//! What was found in the rows of inputs: counts by rule, and the first places.

use super::{Problem, Validator};
use crate::error::FaultKind;

/// Counts of what is wrong in the rows of some inputs, in order.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Rows with a problem, by input.
    wrong: Vec<(String, u64)>,
    rules: Vec<Rule>,
}

/// A rule that rows break.
#[derive(Clone, Debug)]
struct Rule {
    name: &'static str,
    rows: u64,
    first: Vec<Found>,
}

/// Where a rule is broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The input.
    pub input: String,
    /// The line in it, from 1.
    pub line: u64,
    /// How the row breaks the rule, in words.
    pub message: String,
}

impl Findings {
    /// Takes in a row that was read. Of each rule, the first `limit` places are kept.
    pub(crate) fn row(&mut self, validator: &Validator, raw: &[u8], line: u64, limit: usize) {
        let problems = validator.row(raw);
        if !problems.is_empty() {
            self.count_row();
        }
        for problem in problems {
            self.add(problem, line, limit);
        }
    }

    /// Takes in a line that is no row at all.
    pub(crate) fn fault(&mut self, rule: &'static str, fault: &FaultKind, line: u64, limit: usize) {
        self.count_row();
        self.add(Problem { rule, message: fault.to_string() }, line, limit);
    }

    fn count_row(&mut self) {
        match self.wrong.last_mut() {
            Some((_, rows)) => *rows += 1,
            None => self.wrong.push((String::new(), 1)),
        }
    }

    fn add(&mut self, problem: Problem, line: u64, limit: usize) {
        let found = Found { input: String::new(), line, message: problem.message };
        self.merge_rule(Rule { name: problem.rule, rows: 1, first: vec![found] }, limit);
    }

    fn merge_rule(&mut self, mut later: Rule, limit: usize) {
        let Some(rule) = self.rules.iter_mut().find(|rule| rule.name == later.name) else {
            later.first.truncate(limit);
            self.rules.push(later);
            return;
        };
        rule.rows += later.rows;
        let room = limit.saturating_sub(rule.first.len());
        rule.first.extend(later.first.into_iter().take(room));
    }

    /// Says where the rows are: in which input, and after how many lines of it.
    pub(crate) fn locate(&mut self, input: &str, lines: u64) {
        for (name, _) in &mut self.wrong {
            input.clone_into(name);
        }
        for found in self.rules.iter_mut().flat_map(|rule| &mut rule.first) {
            input.clone_into(&mut found.input);
            found.line += lines;
        }
    }

    /// Takes in what was found after this.
    pub(crate) fn merge(&mut self, later: Self, limit: usize) {
        for (input, rows) in later.wrong {
            match self.wrong.last_mut() {
                Some((last, total)) if *last == input => *total += rows,
                _ => self.wrong.push((input, rows)),
            }
        }
        later.rules.into_iter().for_each(|rule| self.merge_rule(rule, limit));
    }

    /// How many rows are wrong in each input that has such, in the order of the inputs.
    #[must_use]
    pub fn wrong(&self) -> &[(String, u64)] {
        &self.wrong
    }

    /// How many rows break each rule, by the consumer's names.
    pub fn rules(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.rules.iter().map(|rule| (rule.name, rule.rows))
    }

    /// Where each rule is broken first.
    pub fn first(&self) -> impl Iterator<Item = (&'static str, &[Found])> {
        self.rules.iter().map(|rule| (rule.name, &rule.first[..]))
    }
}
