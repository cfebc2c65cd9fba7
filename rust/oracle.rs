//! Whether the document that holds the answer is among those that the question is asked about. In RAFT
//! it is left out of some records, so that a model learns what it does not find (arXiv 2403.10131, 3).

use std::cell::LazyCell;

use memchr::memmem;
use serde::Deserialize;

use crate::entries::{Detail, List};
use crate::record::{Record, Value};
use crate::text::Text;

/// What a target asks of the document that holds the answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Oracle {
    /// That some document is it, or holds it.
    Among,
    /// That none does: the documents do not answer the question.
    Absent,
}

impl Oracle {
    /// All, for messages and listings.
    pub const ALL: [Self; 2] = [Self::Among, Self::Absent];

    /// The name in a target file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Among => "among",
            Self::Absent => "absent",
        }
    }

    /// Why a record is filtered that is not what is asked for.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Among => "oracle absent",
            Self::Absent => "oracle among documents",
        }
    }

    /// Why a record is filtered, if it is; its oracle is at a slot.
    pub(crate) fn objection(self, record: &Record<'_>, slot: usize) -> Option<&'static str> {
        let Value::Text(oracle) = record.value(slot) else { return None };
        let found = if is_among(record, oracle) { Self::Among } else { Self::Absent };
        (found != self).then(|| self.reason())
    }
}

fn is_among(record: &Record<'_>, oracle: Text<'_>) -> bool {
    let plain = LazyCell::new(|| oracle.to_plain());
    let mut documents = record.list(List::Documents).into_iter().flatten();
    documents.any(|document| match document.value(Detail::Content.slot()) {
        Value::Text(text) => {
            as_spelled(text, oracle) || holds(text.to_plain().as_bytes(), plain.as_bytes())
        }
        _ => false,
    })
}

/// Whether a text holds another in the same spelling, which is nearly always how it does.
fn as_spelled(text: Text<'_>, part: Text<'_>) -> bool {
    matches!((text, part), (Text::Escaped(text), Text::Escaped(part)) if holds(text, part))
}

/// Whether bytes hold others. Documents are long, and to prepare the search for one takes longer than to
/// see that its start is nowhere in another.
fn holds(bytes: &[u8], part: &[u8]) -> bool {
    const START: usize = 16;
    let start = &part[..part.len().min(START)];
    let rest = memmem::find(bytes, start).map_or(&bytes[..0], |at| &bytes[at..]);
    rest.len() >= part.len() && (rest.starts_with(part) || memmem::find(rest, part).is_some())
}
