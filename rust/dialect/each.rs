//! A conversation of several answers as several rows, one for each answer.

use super::make::check_system;
use super::reader::{Known, Reader, Scratch};
use super::turns::Parser;
use super::unread::Unread;
use crate::entries::{Detail, Entry};
use crate::made::{Lists, Mark};
use crate::record::Record;

/// The answers of a record, for each of which it is made anew.
#[derive(Debug)]
pub struct Answers<'a> {
    /// How the row of the last answer is made, and those before it.
    last: &'a Known,
    earlier: &'a Known,
    /// What the lists hold of the record itself: its turns, so many.
    mark: Mark,
    turns: usize,
    /// The turn to look at next.
    next: usize,
    /// Answers still to come.
    left: usize,
    /// The system message, the last question so far, and its answer.
    said: Entry,
}

impl Reader {
    /// The answers of a conversation that has several, with the rejected one; all of it is checked before
    /// the first.
    pub(super) fn answers<'a>(
        &self,
        last: &'a Known,
        earlier: &'a Known,
        record: &Record<'_>,
        rejected: &Entry,
        lists: &mut Lists,
    ) -> Result<Option<Box<Answers<'a>>>, Unread> {
        let turns = lists.range(0..lists.len());
        // After a history, the record has an answer of its own.
        let own = last.parser.as_ref().is_some_and(Parser::is_history);
        let left = turns.iter().filter(|turn| lists.is(turn, "assistant")).count();
        let left = left + usize::from(own);
        if left < 2 {
            return Ok(None);
        }
        let mut said = *rejected;
        let own_system = turns.first().filter(|first| lists.is(first, "system"));
        if let Some(system) = own_system {
            said.set(Detail::Name, system.get(Detail::Content));
        }
        let first = usize::from(own_system.is_some());
        self.check_turns(&turns[first..], own_system.is_some(), lists)?;
        let turns = turns.len();
        self.join_system(last, record, &mut said, lists)?;
        check_system(last, record, &said, lists)?;
        let mark = lists.mark();
        // In a box, so that what is told of a plain record stays small.
        Ok(Some(Box::new(Answers { last, earlier, mark, turns, next: first, left, said })))
    }
}

impl Answers<'_> {
    /// Makes the record of the next answer; false if there is none.
    ///
    /// # Errors
    ///
    /// A fault, if that answer has what its dialect or the target does not allow.
    pub fn next(
        &mut self,
        reader: &Reader,
        record: &Record<'_>,
        scratch: &mut Scratch,
    ) -> Result<bool, Unread> {
        scratch.rewind(self.mark);
        if self.left == 0 {
            return Ok(false);
        }
        self.advance(&scratch.lists);
        self.left -= 1;
        let known = if self.left == 0 { self.last } else { self.earlier };
        let filled = reader.fill(known, record, &self.said, 0..0, scratch);
        filled.map_err(|unread| unread.of(record))?;
        Ok(true)
    }

    /// Passes the turns up to the next answer. Each is passed once, so that a conversation takes time
    /// in proportion to its length.
    fn advance(&mut self, lists: &Lists) {
        for turn in lists.range(self.next..self.turns) {
            self.next += 1;
            if lists.is(turn, "user") {
                self.said.set(Detail::Content, turn.get(Detail::Content));
            }
            if lists.is(turn, "assistant") {
                self.said.set(Detail::Assistant, turn.get(Detail::Content));
                return;
            }
        }
    }
}
