//! Answers in a text: `{"$answer": A}` marks what a model says, so that a row can tell what of the text is
//! trained on, or stand in two parts.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::placeholder::Operation;
use super::plan::Condition;
use super::skeleton::Compiler;
use super::tree::{Part, cut};
use super::vocabulary::{Meaning, Scope};
use super::wrong::{Inside, Result};
use crate::entries::{Detail, List};
use crate::mask::Cutter;
use crate::record::Field;

/// What becomes of the answers of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Marks {
    /// They are text like all else.
    #[default]
    None,
    /// They are labelled, and so is all else.
    Labels,
    /// The text is cut before the last one.
    Cuts,
}

/// Which answers of a text are marked.
enum Marked {
    Never,
    Always,
    If(Condition),
}

const ASSISTANT: &str = "assistant";

impl Compiler<'_> {
    /// The parts of a text in which something becomes of the answers.
    pub(super) fn marked(
        &mut self,
        members: &Map<String, Json>,
        key: &str,
        marks: Marks,
    ) -> Result<Vec<Part>> {
        (self.marks, self.answers) = (marks, 0);
        let parts = self.pieces(members, key);
        self.marks = Marks::None;
        match self.answers {
            0 => parts.and(Err(format!("'{key}' takes a text with an '$answer' in it").into())),
            _ => parts,
        }
    }

    /// What stands before the answer of a text, and the rest.
    pub(super) fn halves(
        &mut self,
        members: &Map<String, Json>,
        key: &str,
    ) -> Result<(Vec<Part>, Vec<Part>)> {
        if matches!(self.cutter.as_deref(), Some(Cutter::NotQuotes(..))) {
            let what = format!("'{key}' is one part of two, and cannot leave quotes out");
            return Err(what.into());
        }
        self.cuts = true;
        self.marked(members, key, Marks::Cuts).map(cut)
    }

    /// Refuses names of roles among which is none for a question or an answer, in rows that have turns of both:
    /// all records have them.
    pub(super) fn check_roles(&self) -> std::result::Result<(), String> {
        let Some(roles) = &self.roles else { return Ok(()) };
        let has = |lists: &[List]| lists.iter().any(|list| self.lists.contains(list));
        let user = has(&[List::Messages, List::Turns, List::Prompt]).then_some("user");
        let assistant = has(&[List::Messages, List::Turns]).then_some(ASSISTANT);
        let missing = user.into_iter().chain(assistant).find(|role| roles.name(role).is_none());
        missing.map_or(Ok(()), |role| {
            Err(format!("the roles have no name for '{role}', who has turns in all records"))
        })
    }

    /// Refuses a row that says nothing of what inside of the answer is trained on, if that is asked for.
    pub(super) fn check_mask(&self) -> Result<()> {
        let is_asked = !matches!(self.cutter.as_deref(), None | Some(Cutter::Answer));
        if is_asked && !self.divides && !self.lists.contains(&List::Spans) {
            let what = "'train' says what of an answer is learnt, and its row has neither an '$answer' \
                        that holds the answer right inside, nor its 'spans'";
            return Err(what.into());
        }
        Ok(())
    }

    /// An answer in a text, marked as what is asked for.
    pub(super) fn answer_parts(&mut self, members: &Map<String, Json>) -> Result<Vec<Part>> {
        let (Some(what), 1) = (members.get("$answer"), members.len()) else {
            return Err("'$answer' takes a text, and nothing beside it".into());
        };
        if self.inside > 0 {
            return Err("'$answer' may stand neither in a question nor in another one".into());
        }
        let marked = self.is_marked()?;
        self.inside += 1;
        let parts = self.text(what).of_member("$answer");
        self.inside -= 1;
        self.answers += usize::from(!matches!(marked, Marked::Never));
        match marked {
            Marked::Never => parts,
            Marked::Always => self.as_marked(parts?),
            Marked::If(_) if self.marks == Marks::None => parts,
            Marked::If(condition) => {
                let otherwise = parts?;
                let then = self.as_marked(otherwise.clone())?;
                Ok(vec![Part::Choice { condition, then, otherwise }])
            }
        }
    }

    fn as_marked(&mut self, parts: Vec<Part>) -> Result<Vec<Part>> {
        match self.marks {
            Marks::None => Ok(parts),
            Marks::Labels => Ok(self.labelled(parts)),
            Marks::Cuts => self.with_cut(parts),
        }
    }

    /// Whether what is said at this place is an answer that is asked for: all of them or, if the caller
    /// says what is trained on, the last one.
    fn is_marked(&self) -> Result<Marked> {
        match &self.scope {
            None => Ok(Marked::Always),
            Some(Scope::Many(list)) => self.is_marked_in(*list),
            Some(scope @ Scope::Single(..)) => match scope.meaning(Detail::Is, None) {
                Some(Meaning::Fixed(Some(is))) if is != ASSISTANT => Ok(Marked::Never),
                _ => Ok(Marked::Always),
            },
        }
    }

    fn is_marked_in(&self, list: List) -> Result<Marked> {
        let last = || Marked::If(Condition::Truthy(Detail::Last.slot()));
        let is_answer = || Marked::If(Condition::Is(Detail::Is.slot(), ASSISTANT.to_owned()));
        let only_last = self.cutter.is_some() || self.marks == Marks::Cuts;
        match list {
            List::Prompt | List::History if only_last => Ok(Marked::Never),
            // The cut itself is made in the last entry.
            List::Messages | List::Turns | List::Pairs if self.marks == Marks::Cuts => {
                Ok(Marked::Always)
            }
            List::Messages | List::Turns | List::Pairs if only_last => Ok(last()),
            List::Messages | List::Turns | List::Prompt => Ok(is_answer()),
            List::Pairs | List::History => Ok(Marked::Always),
            List::Documents | List::Quotes | List::Spans => {
                Err("'$answer' stands in no '$each' but one of turns".into())
            }
        }
    }

    /// The parts of an answer between labels, its text cut at what is trained on.
    fn labelled(&mut self, mut parts: Vec<Part>) -> Vec<Part> {
        let starts_trained = match &self.cutter {
            Some(cutter) if !matches!(**cutter, Cutter::Answer) => {
                let cuts = self.cut_spans(&mut parts, cutter);
                self.divides |= cuts;
                !cuts || cutter.starts_trained()
            }
            _ => true,
        };
        let start = starts_trained.then_some(Part::Label(true));
        start.into_iter().chain(parts).chain([Part::Label(false)]).collect()
    }

    /// Cuts the texts of answers among parts; tells whether there are any.
    fn cut_spans(&self, parts: &mut [Part], cutter: &Arc<Cutter>) -> bool {
        let mut found = false;
        for part in parts {
            found |= match part {
                Part::Field(source) if self.is_answer(source.slot) => {
                    *part = Part::Spans(source.clone(), Arc::clone(cutter));
                    true
                }
                Part::Choice { then, otherwise, .. } => {
                    self.cut_spans(then, cutter) | self.cut_spans(otherwise, cutter)
                }
                _ => false,
            };
        }
        found
    }

    /// The parts of an answer with the cut before what is trained on.
    fn with_cut(&mut self, mut parts: Vec<Part>) -> Result<Vec<Part>> {
        let Some(Cutter::Final(found)) = self.cutter.as_deref() else {
            parts.insert(0, Part::Cut);
            return Ok(parts);
        };
        let is_answer =
            |part: &Part| matches!(part, Part::Field(source) if self.is_answer(source.slot));
        let at = parts.iter().position(is_answer).ok_or_else(|| {
            "an '$answer' that is cut at the final answer holds it right inside".to_owned()
        })?;
        let (mut head, mut rest) = (parts[at].clone(), parts.split_off(at));
        if let (Part::Field(head), Some(Part::Field(rest))) = (&mut head, rest.first_mut()) {
            head.operations.push(Operation::Reasoning(found.clone()));
            rest.operations.push(Operation::FinalAnswer(found.clone()));
        }
        self.divides = true;
        parts.extend([head, Part::Cut]);
        parts.extend(rest);
        Ok(parts)
    }

    /// Whether a slot holds an answer, at this place.
    fn is_answer(&self, slot: usize) -> bool {
        let of_entry = match self.scope {
            Some(Scope::Many(List::Pairs | List::History)) => Detail::Assistant,
            _ => Detail::Content,
        };
        let field = self.fields().get(slot);
        matches!(field, Some(Field::CotAnswer | Field::RenderedAnswer)) || of_entry.slot() == slot
    }
}
