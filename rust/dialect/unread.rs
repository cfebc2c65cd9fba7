//! Why a record was not made.

use std::collections::TryReserveError;

use crate::error::{Error, Fault, FaultKind};
use crate::record::Record;

/// Why a record was not made.
#[derive(Debug)]
pub enum Unread {
    /// It has what its dialect does not allow.
    Fault(Fault),
    /// The same, the place of which is not known yet.
    Kind(FaultKind),
    /// The run cannot go on.
    Run(Error),
}

impl Unread {
    /// Says which turn it is about.
    pub(super) fn in_turn(self, turns: usize) -> Self {
        match self {
            Self::Kind(FaultKind::Turn { what, .. }) => {
                Self::Kind(FaultKind::Turn { turn: turns + 1, what })
            }
            other => other,
        }
    }

    /// Says where the record is.
    pub(super) fn of(self, record: &Record<'_>) -> Self {
        match self {
            Self::Kind(kind) => Self::Fault(record.fault(kind)),
            other => other,
        }
    }
}

impl From<TryReserveError> for Unread {
    fn from(error: TryReserveError) -> Self {
        Self::Run(error.into())
    }
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}
