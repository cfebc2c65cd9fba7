//! The account of a run: every row that a record gives is written, filtered or rejected.

use crate::error::FaultKind;

/// How often each reason applied. There are a handful, so looking one up is a walk, which is several
/// times faster than a map for corpora of tiny records.
#[derive(Clone, Debug, Default)]
pub struct Reasons(Vec<(&'static str, u64)>);

impl Reasons {
    /// Counts a reason `count` times; says whether it is the first time.
    #[inline]
    pub fn add(&mut self, reason: &'static str, count: u64) -> bool {
        let is_it = |known: &&'static str| std::ptr::eq(*known, reason) || **known == *reason;
        if let Some((_, total)) = self.0.iter_mut().find(|(known, _)| is_it(known)) {
            *total += count;
            return false;
        }
        self.0.push((reason, count));
        true
    }

    /// Counts what others have counted.
    pub fn add_all(&mut self, others: &Self) {
        for &(reason, count) in &others.0 {
            self.add(reason, count);
        }
    }

    /// The sum of all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Reasons and counts in the order of their names.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&'static str, u64)> {
        let mut reasons = self.0.clone();
        reasons.sort_unstable();
        reasons
    }
}

impl PartialEq for Reasons {
    fn eq(&self, other: &Self) -> bool {
        self.sorted() == other.sorted()
    }
}

impl Eq for Reasons {}

/// Counts and reasons of a run; `read + added = written + filtered + rejected`, always.
///
/// A record gives one row, so that `added` is 0, unless each answer of a conversation is to give one.
///
/// ```
/// use raftfast::ledger::Ledger;
///
/// let mut ledger = Ledger::default();
/// ledger.write_row();
/// ledger.filter("cot_answer null");
/// assert!(ledger.adds_up());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Records read; blank lines are not records.
    pub read: u64,
    /// Rows that records gave beyond their first.
    pub added: u64,
    /// Rows written.
    pub written: u64,
    /// Records dropped by the target's own rule, by reason.
    pub filtered: Reasons,
    /// Malformed records that were skipped, by the name of the error.
    pub rejected: Reasons,
    /// Of the records that were skipped, those that break a rule of the consumer, by its name for it.
    pub rejected_rules: Reasons,
    /// Records by their dialect.
    pub dialects: Reasons,
    /// The other dialects that the first record of a dialect fits, which are tried after it; also if
    /// there are none, because those of a later record do not count.
    pub also_fits: Vec<(&'static str, Vec<&'static str>)>,
    /// What was repaired in records, and how often.
    pub repaired: Reasons,
    /// Rows that break a rule of the consumer, by its name for it.
    pub warned: Reasons,
    /// Blank lines passed over.
    pub blank: u64,
    /// Bytes of input.
    pub bytes_in: u64,
    /// Bytes of output.
    pub bytes_out: u64,
}

impl Ledger {
    /// Counts a record that became a row.
    pub fn write_row(&mut self) {
        self.read += 1;
        self.written += 1;
    }

    /// Counts a record dropped by the target's rule.
    pub fn filter(&mut self, reason: &'static str) {
        self.read += 1;
        self.filtered.add(reason, 1);
    }

    /// Counts a malformed record.
    pub fn reject(&mut self, reason: &'static str) {
        self.read += 1;
        self.rejected.add(reason, 1);
    }

    /// Counts a record that is skipped because of a fault.
    pub fn skip(&mut self, kind: &FaultKind) {
        self.reject(kind.name());
        if let FaultKind::Rule { rule } = kind {
            self.rejected_rules.add(rule, 1);
        }
    }

    /// Takes for the rows of one record what was counted as so many records.
    pub fn join(&mut self, rows: u64) {
        let added = rows.saturating_sub(1);
        self.read -= added;
        self.added += added;
    }

    /// Counts a record of a dialect; says whether it is the first one.
    #[inline]
    pub fn tell(&mut self, dialect: &'static str) -> bool {
        !dialect.is_empty() && self.dialects.add(dialect, 1)
    }

    /// Notes which other dialects the first record of a dialect fits, unless that is known.
    pub fn note_fits(&mut self, dialect: &'static str, others: &[&'static str]) {
        if !self.also_fits.iter().any(|(known, _)| *known == dialect) {
            self.also_fits.push((dialect, others.to_vec()));
        }
    }

    /// Counts a repair.
    pub fn repair(&mut self, what: &'static str) {
        self.repaired.add(what, 1);
    }

    /// Adds the account of another part of the input.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.added += other.added;
        self.written += other.written;
        self.blank += other.blank;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        for (dialect, others) in &other.also_fits {
            self.note_fits(dialect, others);
        }
        self.warned.add_all(&other.warned);
        self.dialects.add_all(&other.dialects);
        self.repaired.add_all(&other.repaired);
        self.filtered.add_all(&other.filtered);
        self.rejected.add_all(&other.rejected);
        self.rejected_rules.add_all(&other.rejected_rules);
    }

    /// Whether every row that a record gave is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.read + self.added == self.written + self.filtered.total() + self.rejected.total()
    }
}
