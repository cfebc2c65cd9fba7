//! Texts that no content may hold, looked for at the speed of reading.
//!
//! Each has an anchor, a character that is rare in prose, such as `<` or `:`. Only where an anchor
//! stands is more looked at, character by character, so that escapes hide neither it nor what follows
//! it. Letters before it that are spelled as `\uXXXX` are not seen through; nothing writes them so.

use memchr::memchr3_iter;
use memchr::memmem::Finder;

use crate::text::Text;

/// Some texts, prepared.
#[derive(Debug)]
pub(crate) struct Forbidden {
    texts: Vec<Anchored>,
    /// Their anchors; some may stand there twice.
    anchors: [u8; 3],
    /// How an escape starts that an anchor could be spelled by.
    hidden: Vec<Finder<'static>>,
    /// Whether some text has no anchor.
    unanchored: bool,
}

#[derive(Debug)]
struct Anchored {
    text: String,
    /// Where its anchor is; what stands before it has one spelling but for `\uXXXX`.
    at: Option<usize>,
}

/// Characters that make good anchors, the best first.
const RARE: &[u8] = b"<[|{:#@^~`$%&*_=+;!?QXZJKVWY";

impl Forbidden {
    /// Prepares the search; `None` if there is nothing to look for.
    pub(crate) fn new(texts: &[String]) -> Option<Self> {
        let chosen = anchors(texts);
        let texts: Vec<_> = texts
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| Anchored { at: anchor_of(text, &chosen), text: text.clone() })
            .collect();
        let unanchored = texts.iter().any(|text| text.at.is_none());
        let first = chosen.first().copied().unwrap_or(0);
        let anchor = |place: usize| chosen.get(place).copied().unwrap_or(first);
        let mut starts: Vec<_> =
            chosen.iter().map(|byte| format!("\\u00{:x}", byte >> 4)).collect();
        starts.sort_unstable();
        starts.dedup();
        let hidden = starts.iter().map(|start| Finder::new(start).into_owned()).collect();
        let anchors = [anchor(0), anchor(1), anchor(2)];
        (!texts.is_empty()).then_some(Self { texts, anchors, hidden, unanchored })
    }

    /// Whether a text holds one of them.
    pub(crate) fn are_in(&self, text: Text<'_>) -> bool {
        let raw = match text {
            Text::Plain(plain) => return self.are_in_plain(plain),
            Text::Escaped(raw) => raw,
        };
        if self.unanchored || self.hidden.iter().any(|start| start.find(raw).is_some()) {
            return self.are_in_plain(&text.to_plain());
        }
        let [a, b, c] = self.anchors;
        memchr3_iter(a, b, c, raw).any(|place| self.stands_around(raw, place))
    }

    fn stands_around(&self, raw: &[u8], place: usize) -> bool {
        let stands = |one: &Anchored| {
            let start = one.at.and_then(|at| place.checked_sub(at));
            start.is_some_and(|start| Text::Escaped(&raw[start..]).starts_with(&one.text))
        };
        self.texts.iter().any(stands)
    }

    fn are_in_plain(&self, text: &str) -> bool {
        self.texts.iter().any(|one| text.contains(&one.text))
    }
}

/// At most three characters of which each text has one, as far as that can be.
fn anchors(texts: &[String]) -> Vec<u8> {
    let mut chosen = Vec::new();
    for _ in 0..3 {
        let without = |byte: u8| {
            let is_new = |text: &&String| anchor_of(text, &chosen).is_none();
            texts.iter().filter(is_new).filter(|text| anchor_of(text, &[byte]).is_some()).count()
        };
        let best = RARE.iter().copied().rev().max_by_key(|&byte| without(byte));
        chosen.extend(best.filter(|&byte| without(byte) > 0));
    }
    chosen
}

/// Where the first anchor of a text is. What stands before it must be letters and signs that JSON
/// never escapes by a backslash.
fn anchor_of(text: &str, anchors: &[u8]) -> Option<usize> {
    let at = text.bytes().position(|byte| anchors.contains(&byte))?;
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\/".contains(&byte);
    text.bytes().take(at).all(is_plain).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(texts: &[&str], raw: &[u8]) -> bool {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        Forbidden::new(&texts).is_some_and(|forbidden| forbidden.are_in(Text::Escaped(raw)))
    }

    #[test]
    fn a_text_is_found_however_it_is_spelled() {
        let nova = ["System:", "SYSTEM:", "Bot:", "[EOS]", "<image>"];
        let rows: [(&[&str], &[u8], bool); 16] = [
            (&["[INST]", "</s>"], b"an [INST] in", true),
            (&["[INST]", "</s>"], br"a<\/s>", true),
            (&["[INST]", "</s>"], b"a</s>", true),
            (&["[INST]", "</s>"], b"a [INST < / s> [/INST", false),
            (&["[INST]", "</s>"], br"\u003c/s>", true),
            (&["[INST]", "</s>"], br"\u003C\/s\u003e", true),
            (&["[INST]", "</s>"], br"[\u0049NST]", true),
            (&["[INST]", "</s>"], br"\\u003c/s>", false),
            (&nova, b"System: no", true),
            (&nova, b"System no: a [EOS <image", false),
            (&nova, b"x [EOS]", true),
            (&nova, br"Syst\u0065m:", false),
            (&["plain words"], b"some plain words", true),
            (&["two\nlines"], br"two\nlines", true),
            (&["\u{fc}ber|"], "a\u{fc}ber|".as_bytes(), true),
            (&[], b"anything", false),
        ];
        for (texts, raw, expected) in rows {
            assert_eq!(holds(texts, raw), expected, "{texts:?} in {}", raw.escape_ascii());
        }
    }
}
