//! The account of a run: every record read is written, filtered or rejected.

use std::collections::BTreeMap;

/// Counts and reasons of a run; `read = written + filtered + rejected`, always.
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
    /// Rows written.
    pub written: u64,
    /// Records dropped by the target's own rule, by reason.
    pub filtered: BTreeMap<&'static str, u64>,
    /// Malformed records that were skipped, by the name of the error.
    pub rejected: BTreeMap<&'static str, u64>,
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
        *self.filtered.entry(reason).or_default() += 1;
    }

    /// Counts a malformed record.
    pub fn reject(&mut self, reason: &'static str) {
        self.read += 1;
        *self.rejected.entry(reason).or_default() += 1;
    }

    /// Adds the account of another part of the input.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.written += other.written;
        self.blank += other.blank;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        for (reason, count) in &other.filtered {
            *self.filtered.entry(reason).or_default() += count;
        }
        for (reason, count) in &other.rejected {
            *self.rejected.entry(reason).or_default() += count;
        }
    }

    /// Whether every record read is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let dropped: u64 = self.filtered.values().chain(self.rejected.values()).sum();
        self.read == self.written + dropped
    }
}
