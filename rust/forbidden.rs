//! Texts that no content may hold, looked for at the speed of reading.
//!
//! Each has an anchor, a character that is rare in prose, such as `<` or `:`, and is looked for by the
//! pair of the anchor and a neighbour. Only where such a pair stands, or what may be the escape of an
//! anchor, is more looked at, character by character, so that escapes hide neither the anchor nor what
//! follows it. Letters before it that are spelled as `\uXXXX` are not seen through; nothing writes them
//! so.

use crate::scan::{Pairs, find};
use crate::text::Text;

/// Some texts, prepared.
#[derive(Debug)]
pub(crate) struct Forbidden {
    texts: Vec<Paired>,
    pairs: Pairs,
    /// Whether some text has no pair to be looked for.
    unpaired: bool,
}

#[derive(Debug)]
struct Paired {
    text: String,
    /// Where its anchor is; what stands before it has one spelling but for `\uXXXX`.
    anchor: Option<usize>,
}

/// Characters that make good anchors, the best first.
const RARE: &[u8] = b"<[|{:#@^~`$%&*_=+;!?QXZJKVWY";

/// Bytes from the start of an escape to the third of its digits.
const REACH: usize = 4;

impl Forbidden {
    /// Prepares the search; `None` if there is nothing to look for.
    pub(crate) fn new(texts: &[String]) -> Option<Self> {
        let texts = texts.iter().filter(|text| !text.is_empty());
        let texts: Vec<_> = texts.map(|text| Paired::new(text)).collect();
        let pairs: Vec<_> = texts.iter().flat_map(Paired::pairs).collect();
        let unpaired = texts.iter().any(|text| text.anchor.is_none());
        (!texts.is_empty()).then(|| Self { texts, pairs: Pairs::new(&pairs), unpaired })
    }

    /// Whether a text holds one of them.
    pub(crate) fn are_in(&self, text: Text<'_>) -> bool {
        match text {
            Text::Plain(plain) => self.are_in_plain(plain),
            Text::Escaped(_) if self.unpaired => self.are_in_plain(&text.to_plain()),
            Text::Escaped(raw) => find(raw, &self.pairs, |place| {
                self.stands_around(raw, place)
                    || ends_escape(raw, place) && self.are_in_plain(&text.to_plain())
            }),
        }
    }

    fn stands_around(&self, raw: &[u8], place: usize) -> bool {
        let stands = |one: &Paired| {
            let start = one.second().and_then(|second| place.checked_sub(second));
            start.is_some_and(|start| one.starts(&raw[start..]))
        };
        self.texts.iter().any(stands)
    }

    fn are_in_plain(&self, text: &str) -> bool {
        self.texts.iter().any(|one| text.contains(&one.text))
    }
}

/// Whether the third digit of an escape of ASCII stands there.
fn ends_escape(raw: &[u8], place: usize) -> bool {
    place.checked_sub(REACH).is_some_and(|start| raw[start..place] == *br"\u00")
}

impl Paired {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), anchor: anchor_of(text.as_bytes()) }
    }

    /// The pairs by which it is found, however it is spelled.
    fn pairs(&self) -> Vec<(u8, u8)> {
        let Some(anchor) = self.anchor else { return Vec::new() };
        let bytes = self.text.as_bytes();
        let escaped = (b'0', b"0123456789abcdef"[usize::from(bytes[anchor] >> 4)]);
        match anchor.checked_sub(1) {
            Some(last) => vec![(bytes[last], bytes[anchor]), escaped],
            // What follows may be spelled as an escape.
            None => vec![(bytes[0], bytes[1]), (bytes[0], b'\\'), escaped],
        }
    }

    /// Where the second byte of its pair is.
    fn second(&self) -> Option<usize> {
        self.anchor.map(|anchor| anchor.max(1))
    }

    /// Whether an escaped text starts with it.
    fn starts(&self, raw: &[u8]) -> bool {
        let mut pairs = self.text.bytes().zip(raw);
        // Only a backslash can stand for another character.
        let differs = pairs.find(|(wanted, found)| wanted != *found);
        differs.is_none_or(|(_, found)| *found == b'\\')
            && Text::Escaped(raw).starts_with(&self.text)
    }
}

/// Where the best anchor of a text is: what stands before it must be letters and signs that JSON never
/// escapes by a backslash, and it must have a neighbour.
fn anchor_of(text: &[u8]) -> Option<usize> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"\\/".contains(byte);
    let plain = text.iter().take_while(|byte| is_plain(byte)).count();
    let has_pair = |at: usize| at > 0 || text.get(1).is_some_and(u8::is_ascii);
    let rank = |at: usize| RARE.iter().position(|&rare| rare == text[at]);
    (0..plain)
        .filter(|&at| has_pair(at))
        .filter_map(|at| Some((rank(at)?, at)))
        .min()
        .map(|best| best.1)
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
        let rows: [(&[&str], &[u8], bool); 20] = [
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
            (&["|"], b"ends in |", true),
            (&["|", "a<b"], b"a < b |", true),
            (&["a<b", "<c"], b"a<c", true),
            (&["a<b", "<c"], b"<b b<d", false),
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
