//! Whether the document that holds the answer is among those that the question is asked about. In RAFT
//! it is left out of some records, so that a model learns what it does not find (arXiv 2403.10131, 3).

use std::cell::LazyCell;

use memchr::memmem;
use serde::Deserialize;

use crate::entries::{Detail, List};
use crate::record::{Record, Value};
use crate::text::{Tag, Text};

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
    let part =
        Part { text: oracle, probe: probe(oracle), plain: LazyCell::new(|| oracle.to_plain()) };
    let mut documents = record.list(List::Documents).into_iter().flatten();
    documents.any(|document| match document.value(Detail::Content.slot()) {
        Value::Text(text) => part.is_in(text),
        _ => false,
    })
}

/// A text that is looked for in others.
struct Part<'a, F> {
    text: Text<'a>,
    probe: Option<Tag>,
    plain: LazyCell<String, F>,
}

impl<F: FnOnce() -> String> Part<'_, F> {
    /// Whether a text holds it. Most do not hold its probe either, which needs no decoding: that took more
    /// time than all else.
    fn is_in(&self, text: Text<'_>) -> bool {
        self.probe.as_ref().is_none_or(|probe| probe.is_in(text))
            && (self.is_as_spelled_in(text) || text.to_plain().contains(&**self.plain))
    }

    /// Whether a text holds it in the same spelling, which is nearly always how it does.
    fn is_as_spelled_in(&self, text: Text<'_>) -> bool {
        let both = (text, self.text);
        matches!(both, (Text::Escaped(text), Text::Escaped(part)) if holds(text, part))
    }
}

/// Whether bytes hold others. To prepare the search for a long text takes longer than to look for its start.
fn holds(bytes: &[u8], part: &[u8]) -> bool {
    const START: usize = 16;
    let start = &part[..part.len().min(START)];
    let rest = memmem::find(bytes, start).map_or(&bytes[..0], |at| &bytes[at..]);
    rest.len() >= part.len() && (rest.starts_with(part) || memmem::find(rest, part).is_some())
}

/// Some characters of a text, none of which is spelled as an escape there.
fn probe(text: Text<'_>) -> Option<Tag> {
    const LENGTH: usize = 16;
    // What follows a backslash may be part of an escape, of five bytes at most.
    const ESCAPE: usize = 5;
    let mut runs = text.bytes().split(|byte| *byte == b'\\' || !byte.is_ascii());
    let found = runs.find_map(|run| run.get(ESCAPE..ESCAPE + LENGTH))?;
    std::str::from_utf8(found).ok().map(Tag::new)
}
