//! Whether the document that holds the answer is among those that the question is asked about. In RAFT
//! it is left out of some records, so that a model learns what it does not find (arXiv 2403.10131, 3).

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
    let mut documents = record.list(List::Documents).into_iter().flatten();
    documents.any(|document| match document.value(Detail::Content.slot()) {
        Value::Text(text) => holds(text, oracle),
        _ => false,
    })
}

/// Whether a text holds another, however each is spelled.
fn holds(text: Text<'_>, part: Text<'_>) -> bool {
    if let (Text::Escaped(text), Text::Escaped(part)) = (text, part)
        && memmem::find(text, part).is_some()
    {
        return true;
    }
    text.to_plain().contains(&part.to_plain())
}
