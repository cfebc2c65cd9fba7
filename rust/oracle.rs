//! Whether the document that holds the answer is among those that the question is asked about. In RAFT
//! it is left out of some records, so that a model learns what it does not find (arXiv 2403.10131, 3).

use std::cell::{LazyCell, OnceCell};

use memchr::memmem::Finder;
use serde::Deserialize;

use crate::entries::{Detail, List};
use crate::record::Record;
use crate::text::{Text, may_hold, splits_escape};
use crate::value::Value;

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

/// Whether a document holds the oracle. Where one does, it nearly always is it, to the byte, or holds it as
/// it is spelled; where none does, most do not hold its probe either. What is left is decoded.
fn is_among(record: &Record<'_>, oracle: Text<'_>) -> bool {
    let documents = || record.list(List::Documents).into_iter().flatten().filter_map(text_of);
    if documents().any(|document| document == oracle) {
        return true;
    }
    if let Text::Escaped(raw) = oracle {
        let spelled = Part::new(raw);
        if documents().any(|document| is_spelled_in(&spelled, document)) {
            return true;
        }
    }
    let probe = probe(&oracle);
    let plain = LazyCell::new(|| oracle.to_plain());
    let part = LazyCell::new(|| Part::new(plain.as_bytes()));
    documents()
        .filter(|&document| probe.as_ref().is_none_or(|probe| may_hold(document, probe)))
        .any(|document| part.first_in(document.to_plain().as_bytes()).is_some())
}

/// Whether a document holds a part in the same spelling. Where the first is found inside of an escape, as
/// `the` in `\the`, there may be another one: that is left for the decoding to find.
fn is_spelled_in(part: &Part<'_>, document: Text<'_>) -> bool {
    let Text::Escaped(raw) = document else { return false };
    part.first_in(raw).is_some_and(|at| !splits_escape(raw, at))
}

fn text_of(document: Record<'_>) -> Option<Text<'_>> {
    match document.value(Detail::Content.slot()) {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Bytes to look for. To prepare the search for a long text takes longer than to look for its start, so that is
/// done once, and only if a document needs it.
struct Part<'a> {
    start: Finder<'a>,
    whole: &'a [u8],
    finder: OnceCell<Finder<'a>>,
}

impl<'a> Part<'a> {
    fn new(whole: &'a [u8]) -> Self {
        const START: usize = 16;
        let start = Finder::new(&whole[..whole.len().min(START)]);
        Self { start, whole, finder: OnceCell::new() }
    }

    fn first_in(&self, bytes: &[u8]) -> Option<usize> {
        let at = self.start.find(bytes)?;
        let rest = &bytes[at..];
        if rest.starts_with(self.whole) {
            return Some(at);
        }
        let finder = self.finder.get_or_init(|| Finder::new(self.whole));
        finder.find(rest).map(|after| at + after)
    }
}

/// Some characters of ASCII of a text, none of which is spelled as an escape there, nor need be. They are from
/// its middle: documents of one source begin and end alike.
fn probe<'a>(text: &'a Text<'_>) -> Option<Finder<'a>> {
    const LENGTH: usize = 16;
    // What follows a backslash may be part of an escape, of five bytes at most.
    const ESCAPE: usize = 5;
    let is_escaped = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'\\' | b'"');
    let bytes = text.bytes();
    let mut runs = bytes[bytes.len() / 2..].split(is_escaped);
    runs.find_map(|run| run.get(ESCAPE..ESCAPE + LENGTH)).map(Finder::new)
}
