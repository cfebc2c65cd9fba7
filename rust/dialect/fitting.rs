//! The dialects that the keys of a record allow, remembered from one record to the next.

use super::reader::Known;
use super::when::{Needs, Start, Test};
use crate::record::Record;
use crate::scan::KeySet;

/// The dialects that records with certain keys may be of. Nearly all records of a file have the same, so
/// that each is held against few of the dialects: against all, telling them took a twentieth of a
/// conversion.
#[derive(Debug, Default)]
pub(super) struct Fitting {
    /// The keys, once a record has been told.
    keys: Option<KeySet>,
    /// Those that must not be null, if the record is to be of one of the dialects.
    asked: KeySet,
    fit: Vec<Fit>,
}

/// One of the dialects.
#[derive(Debug)]
struct Fit {
    /// Its place among all.
    place: usize,
    /// What it needs: copied, so that of the dialects which a record is not of nothing else is read.
    needs: Needs,
    /// How some value starts that it is told by: nearly all records that are of another show it.
    start: Option<Start>,
}

impl Fitting {
    /// The first of the dialects that a record is of; these are the same at each call.
    #[inline]
    pub(super) fn first<'a>(
        &mut self,
        dialects: &'a [Known],
        record: &Record<'_>,
    ) -> Option<&'a Known> {
        let found = record.found();
        if self.keys != Some(found) {
            self.learn(dialects, found);
        }
        let told = record.told(self.asked);
        let fit = self.fit.iter().filter(|fit| fit.may_be_of(told, record));
        let mut candidates = fit.map(|fit| &dialects[fit.place]);
        candidates.find(|known| known.passes(record))
    }

    #[cold]
    fn learn(&mut self, dialects: &[Known], found: KeySet) {
        self.keys = Some(found);
        self.asked = 0;
        self.fit.clear();
        for (place, known) in dialects.iter().enumerate() {
            if known.has_its_keys(found, found) && !known.is_never_told() {
                self.asked |= found & known.needs.keys();
                let start = known.tests.iter().find_map(Test::start);
                self.fit.push(Fit { place, needs: known.needs, start });
            }
        }
    }
}

impl Fit {
    /// Whether a record of which these keys are `told` may be of it, as far as the start of one value shows.
    #[inline(always)]
    fn may_be_of(&self, told: KeySet, record: &Record<'_>) -> bool {
        self.needs.are_met(told) && self.start.is_none_or(|start| start.may_be_of(record))
    }
}
