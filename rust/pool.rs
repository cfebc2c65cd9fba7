//! Answers of other records, from which the rejected ones are taken.
//!
//! A corpus may have more answers than fit into memory, and is read by many threads. So a [`Pool`] is a
//! sample whose members depend on nothing but the answers and a seed: each answer has a number that looks
//! random, and those of the lowest numbers are kept. Pools of parts can be merged in any order.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::text::Escape;
use crate::value::Value;

/// Answers that are kept at most.
pub const ANSWERS: usize = 1000;

/// Bytes of text of all of them together.
pub const BYTES: usize = 64 << 20;

/// Bytes of text of one: longer answers are nobody's rejected one.
pub const LONGEST: usize = 1 << 20;

/// Questions that are known of an answer: that of a refusal may be the answer to all.
const QUESTIONS: usize = 1000;

/// Why a record is filtered for which there is no answer but its own.
pub const NO_OTHER: &str = "no other answer";

/// A sample of the answers of many records.
///
/// ```
/// use raftfast::pool::Pool;
/// use raftfast::value::Value;
/// use raftfast::text::Text;
///
/// let text = |text| Value::Text(Text::Plain(text));
/// let mut pool = Pool::new(0);
/// pool.add(text("Who?"), text("Ada."));
/// pool.add(text("When?"), text("In 1843."));
/// assert_eq!(pool.other(text("Who?"), text("Ada.")), Some(&b"\"In 1843.\""[..]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pool {
    seed: u64,
    /// By their numbers.
    answers: Vec<Answer>,
    /// Bytes of their texts.
    bytes: usize,
    /// From this number on nothing is kept, whenever it comes: there was no room for it, here or in the pool
    /// that this one is a part of.
    ceiling: Option<u64>,
}

#[derive(Clone, Debug)]
struct Answer {
    number: u64,
    /// Bytes of the text, however it is spelled.
    length: usize,
    /// As a JSON string: of several spellings the shortest, and of those the first, so that it does not
    /// matter which was found first.
    json: Vec<u8>,
    /// The numbers of questions that it answers, the lowest ones.
    questions: BTreeSet<u64>,
}

impl Pool {
    /// An empty pool; another seed gives another sample and other choices.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// An empty pool for answers that are to be merged into this one, which takes none that cannot stay here:
    /// of many answers, nearly all.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { seed: self.seed, ceiling: self.bound(), ..Self::default() }
    }

    /// How many answers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Takes in the answer of a record, unless it is empty or too long.
    pub fn add(&mut self, question: Value<'_>, answer: Value<'_>) {
        let text = answer.plain();
        if text.is_empty() || text.len() > LONGEST {
            return;
        }
        let number = self.number(&text);
        if self.is_beyond(number) {
            return;
        }
        let mut json = Vec::with_capacity(answer.json_len() + 2);
        answer.write_json(Escape::Keep, &mut json);
        let questions = BTreeSet::from([self.number(&question.plain())]);
        self.put(Answer { number, length: text.len(), json, questions });
    }

    /// Takes in the answers of other records.
    pub fn merge(&mut self, other: Self) {
        other.answers.into_iter().for_each(|answer| self.put(answer));
        other.ceiling.into_iter().for_each(|number| self.lower(number));
    }

    /// An answer of another record, as a JSON string: never the text of the record's own, and none to
    /// the same question as long as there are others. The choice depends on the record and the pool.
    #[must_use]
    pub fn other(&self, question: Value<'_>, answer: Value<'_>) -> Option<&[u8]> {
        let (own, asked) = (self.number(&answer.plain()), self.number(&question.plain()));
        let pair = (u128::from(asked) << u64::BITS | u128::from(own)).to_le_bytes();
        let start = below(xxh3_64_with_seed(&pair, self.seed), self.answers.len());
        let (before, after) = self.answers.split_at(start);
        let others = || after.iter().chain(before).filter(|other| other.number != own);
        let found = others().find(|other| !other.questions.contains(&asked));
        found.or_else(|| others().next()).map(|other| &other.json[..])
    }

    /// Whether an answer of this number cannot be among the lowest.
    fn is_beyond(&self, number: u64) -> bool {
        self.bound().is_some_and(|bound| bound <= number)
    }

    /// From which number on no answer is kept, whichever come.
    fn bound(&self) -> Option<u64> {
        let last = self.answers.last().filter(|_| self.len() == ANSWERS);
        let after = last.and_then(|last| last.number.checked_add(1));
        self.ceiling.into_iter().chain(after).min()
    }

    /// Keeps nothing from this number on.
    fn lower(&mut self, ceiling: u64) {
        self.ceiling = Some(self.ceiling.map_or(ceiling, |known| known.min(ceiling)));
        while let Some(last) = self.answers.pop_if(|last| last.number >= ceiling) {
            self.bytes -= last.length;
        }
    }

    fn put(&mut self, answer: Answer) {
        if self.is_beyond(answer.number) {
            return;
        }
        match self.answers.binary_search_by_key(&answer.number, |known| known.number) {
            Ok(place) => self.answers[place].join(answer),
            Err(place) => {
                self.bytes += answer.length;
                self.answers.insert(place, answer);
                self.shrink();
            }
        }
    }

    /// Leaves the answers of the lowest numbers that there is room for. Whichever answers come, one that
    /// is left out here would be left out in the end, and so would all behind it.
    fn shrink(&mut self) {
        while self.len() > ANSWERS || self.bytes > BYTES {
            let Some(last) = self.answers.last() else { return };
            self.lower(last.number);
        }
    }

    /// The number of a text, which looks random.
    fn number(&self, text: &str) -> u64 {
        xxh3_64_with_seed(text.as_bytes(), self.seed)
    }
}

impl Answer {
    /// Takes in the same answer of another record.
    fn join(&mut self, other: Self) {
        if (other.json.len(), &other.json) < (self.json.len(), &self.json) {
            self.json = other.json;
        }
        self.questions.extend(other.questions);
        while self.questions.len() > QUESTIONS {
            self.questions.pop_last();
        }
    }
}

/// A number below `bound`, as even as the random one.
fn below(random: u64, bound: usize) -> usize {
    let scaled = (u128::from(random) * bound as u128) >> u64::BITS;
    usize::try_from(scaled).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::text::Text;

    fn text(text: &str) -> Value<'_> {
        Value::Text(Text::Plain(text))
    }

    /// Questions and answers in an order that belongs to a number.
    fn records(count: usize, order: usize) -> Vec<(String, String)> {
        let record = |n: usize| (format!("q{}", n / 2), format!("a{}", n % 3000));
        (0..count).map(|n| record((n * order) % count)).collect()
    }

    fn pool(seed: u64, records: &[(String, String)]) -> Pool {
        let mut pool = Pool::new(seed);
        for (question, answer) in records {
            pool.add(text(question), text(answer));
        }
        pool
    }

    fn members(pool: &Pool) -> Vec<(&[u8], Vec<u64>)> {
        let answers = pool.answers.iter();
        answers.map(|one| (&one.json[..], one.questions.iter().copied().collect())).collect()
    }

    #[test]
    fn members_do_not_depend_on_the_order_nor_on_the_parts() {
        let whole = pool(1, &records(4001, 1));
        assert_eq!(whole.len(), ANSWERS);
        for order in [3, 1000, 4000] {
            assert_eq!(members(&pool(1, &records(4001, order))), members(&whole));
        }
        for size in [1, 7, 1500] {
            let mut merged = Pool::new(1);
            records(4001, 1).chunks(size).rev().for_each(|part| merged.merge(pool(1, part)));
            assert_eq!(members(&merged), members(&whole));
        }
    }

    /// Answers that fill the pool by their bytes.
    fn long_ones() -> Vec<(String, String)> {
        let length = |n: usize| (n * 7919 % 100 + 1) * LONGEST / 100;
        let record = |n| ("q".to_owned(), format!("{n}{}", "x".repeat(length(n) - 3)));
        (0..200).map(record).collect()
    }

    /// A shorter one behind an answer that there was no room for was kept, if it came later.
    #[test]
    fn members_of_all_lengths_do_not_depend_on_the_order() {
        let records = long_ones();
        let whole = pool(3, &records);
        assert!(whole.bytes > BYTES / 2 && whole.len() < records.len());
        let turned: Vec<_> = records.iter().rev().cloned().collect();
        assert_eq!(members(&pool(3, &turned)), members(&whole));
        let mut merged = Pool::new(3);
        records.chunks(30).rev().for_each(|part| merged.merge(pool(3, part)));
        assert_eq!(members(&merged), members(&whole));
    }

    /// Whichever of them were merged before, in whatever order.
    #[test]
    fn members_do_not_depend_on_what_was_known_before() {
        for records in [records(4001, 1), records(9, 1), long_ones()] {
            let whole = pool(1, &records);
            for size in [1, 7, 40, 400] {
                let mut found = Pool::new(1);
                // As of several threads: each pool is begun two before it is merged.
                let mut begun = VecDeque::from([found.part(), found.part()]);
                for records in records.chunks(size).rev() {
                    begun.push_back(found.part());
                    let mut part = begun.pop_front().unwrap();
                    for (question, answer) in records {
                        part.add(text(question), text(answer));
                    }
                    found.merge(part);
                }
                assert_eq!(members(&found), members(&whole), "{size}");
            }
        }
    }

    #[test]
    fn a_part_takes_no_answer_that_cannot_stay() {
        for records in [records(4001, 1), long_ones()] {
            let whole = pool(1, &records);
            let mut part = whole.part();
            let answers: Vec<_> = whole.answers.iter().map(|answer| answer.json.clone()).collect();
            for (question, answer) in &records {
                if !answers.contains(&format!("\"{answer}\"").into_bytes()) {
                    part.add(text(question), text(answer));
                }
            }
            assert_eq!(part.len(), 0);
        }
    }

    #[test]
    fn another_seed_gives_other_members_and_choices() {
        let records = records(4001, 1);
        let (one, two) = (pool(1, &records), pool(2, &records));
        assert_ne!(members(&one), members(&two));
        let choices = |pool: &Pool| -> Vec<Vec<u8>> {
            let chosen = records.iter().filter_map(|(q, a)| pool.other(text(q), text(a)));
            chosen.map(<[u8]>::to_vec).collect()
        };
        assert_ne!(choices(&one), choices(&two));
        assert_eq!(choices(&one), choices(&pool(1, &records)));
    }

    #[test]
    fn every_member_is_chosen_by_some_record() {
        let pool = pool(0, &records(40, 1));
        let mut chosen = BTreeSet::new();
        for n in 0..2000 {
            chosen.extend(pool.other(text(&format!("other {n}")), text("own")));
        }
        assert_eq!(chosen.len(), pool.len());
    }

    #[test]
    fn texts_are_the_same_however_they_are_spelled() {
        let spelled = Value::Text(Text::Escaped(br"\u0061"));
        let mut pool = Pool::new(0);
        pool.add(text("q"), spelled);
        assert_eq!(pool.other(text("r"), text("a")), None);
        assert_eq!(pool.other(text("r"), text("b")), Some(&br#""\u0061""#[..]));
        pool.add(text("q"), text("a"));
        assert_eq!(pool.other(text("r"), text("b")), Some(&br#""a""#[..]));
    }

    #[test]
    fn an_answer_to_the_same_question_is_the_last_resort() {
        for seed in 0..20 {
            let mut pool = Pool::new(seed);
            pool.add(text("q"), text("a"));
            pool.add(text("q"), text("b"));
            assert_eq!(pool.other(text("q"), text("a")), Some(&br#""b""#[..]));
            pool.add(text("r"), text("c"));
            assert_eq!(pool.other(text("q"), text("a")), Some(&br#""c""#[..]));
            // Now `c` answers that question too, and `d` does not.
            pool.add(text("q"), text("c"));
            pool.add(text("s"), text("d"));
            assert_eq!(pool.other(text("q"), text("a")), Some(&br#""d""#[..]));
        }
    }

    #[test]
    fn memory_is_bounded_and_long_answers_are_left_out() {
        let mut pool = Pool::new(0);
        pool.add(text("q"), text(&"x".repeat(LONGEST + 1)));
        assert!(pool.is_empty());
        for n in 0..200 {
            pool.add(text("q"), text(&format!("{n}{}", "x".repeat(LONGEST - 10))));
        }
        assert!(pool.bytes <= BYTES && pool.bytes > BYTES - 2 * LONGEST);
        for n in 0..3 * QUESTIONS {
            pool.add(text(&n.to_string()), text("the same"));
        }
        assert!(pool.answers.iter().all(|answer| answer.questions.len() <= QUESTIONS));
    }

    #[test]
    fn nothing_is_no_answer() {
        let mut pool = Pool::new(0);
        for nothing in [Value::Missing, Value::Null, text("")] {
            pool.add(text("q"), nothing);
        }
        assert!(pool.is_empty());
        assert_eq!(pool.other(text("q"), text("a")), None);
    }
}
