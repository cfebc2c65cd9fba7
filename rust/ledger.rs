//! The account of a run: every row that a record gives is written, filtered or rejected.

/// How often each reason applied. There are a handful, so looking one up is a walk, which is several
/// times faster than a map for corpora of tiny records.
#[derive(Clone, Debug, Default)]
pub struct Reasons(Vec<(&'static str, u64)>);

impl Reasons {
    /// Counts a reason `count` times.
    #[inline]
    pub fn add(&mut self, reason: &'static str, count: u64) {
        match self.0.iter_mut().find(|(known, _)| std::ptr::eq(*known, reason) || *known == reason)
        {
            Some((_, total)) => *total += count,
            None => self.0.push((reason, count)),
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
    /// Records by their dialect.
    pub dialects: Reasons,
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

    /// Takes for the rows of one record what was counted as so many records.
    pub fn join(&mut self, rows: u64) {
        let added = rows.saturating_sub(1);
        self.read -= added;
        self.added += added;
    }

    /// Counts a record of a dialect.
    #[inline]
    pub fn tell(&mut self, dialect: &'static str) {
        if !dialect.is_empty() {
            self.dialects.add(dialect, 1);
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
        other.warned.0.iter().for_each(|&(name, count)| self.warned.add(name, count));
        other.dialects.0.iter().for_each(|&(name, count)| self.dialects.add(name, count));
        other.repaired.0.iter().for_each(|&(name, count)| self.repaired.add(name, count));
        other.filtered.0.iter().for_each(|&(reason, count)| self.filtered.add(reason, count));
        other.rejected.0.iter().for_each(|&(reason, count)| self.rejected.add(reason, count));
    }

    /// Whether every row that a record gave is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.read + self.added == self.written + self.filtered.total() + self.rejected.total()
    }
}
