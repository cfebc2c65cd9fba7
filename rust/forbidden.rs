//! Texts that no content may hold, looked for at the speed of reading.
//!
//! Each has an anchor, a character that is rare in prose, such as `<` or `:`. Only where an anchor
//! stands beside the character that it stands beside in a text is more looked at, character by
//! character, so that escapes hide neither it nor what follows it. Letters before it that are spelled
//! as `\uXXXX` are not seen through; nothing writes them so.

use crate::scan::{Anchors, find};
use crate::text::Text;

/// Some texts, prepared.
#[derive(Debug)]
pub(crate) struct Forbidden {
    texts: Vec<Anchored>,
    anchors: Anchors,
    /// Bit k of entry b: the anchor k stands behind the byte b in a text.
    behind: [u8; 256],
    /// The same for anchors that stand before it.
    before: [u8; 256],
    /// Whether some text has no anchor.
    unanchored: bool,
}

#[derive(Debug)]
struct Anchored {
    text: String,
    /// Where its anchor is; what stands before it has one spelling but for `\uXXXX`.
    at: Option<usize>,
}

impl Anchored {
    /// Whether an escaped text starts with it.
    fn starts(&self, raw: &[u8]) -> bool {
        let mut pairs = self.text.bytes().zip(raw);
        // Only a backslash can stand for another character.
        let differs = pairs.find(|(wanted, found)| wanted != *found);
        differs.is_none_or(|(_, found)| *found == b'\\')
            && Text::Escaped(raw).starts_with(&self.text)
    }
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
        let bytes = [0, 1, 2].map(|place| chosen.get(place).copied().unwrap_or(first));
        let digits = bytes.map(|byte| b"0123456789abcdef"[usize::from(byte >> 4)]);
        let (behind, before) = neighbours(&texts, bytes);
        let anchors = Anchors { bytes, digits };
        (!texts.is_empty()).then_some(Self { texts, anchors, behind, before, unanchored })
    }

    /// Whether a text holds one of them.
    pub(crate) fn are_in(&self, text: Text<'_>) -> bool {
        match text {
            Text::Plain(plain) => self.are_in_plain(plain),
            Text::Escaped(_) if self.unanchored => self.are_in_plain(&text.to_plain()),
            Text::Escaped(raw) => find(raw, &self.anchors, |place| {
                if raw[place] == b'\\' {
                    return self.are_in_plain(&text.to_plain());
                }
                self.stands_beside(raw, place) && self.stands_around(raw, place)
            }),
        }
    }

    /// Whether the anchor has a neighbour that it has in a text.
    #[inline]
    fn stands_beside(&self, raw: &[u8], place: usize) -> bool {
        let byte = raw[place];
        let is_it = |k: usize| u8::from(self.anchors.bytes[k] == byte) << k;
        let it = is_it(0) | is_it(1) | is_it(2);
        let behind = place.checked_sub(1).map_or(0, |at| self.behind[usize::from(raw[at])]);
        let before = raw.get(place + 1).map_or(u8::MAX, |&next| self.before[usize::from(next)]);
        it & (behind | before) != 0
    }

    fn stands_around(&self, raw: &[u8], place: usize) -> bool {
        let stands = |one: &Anchored| {
            let start = one.at.and_then(|at| place.checked_sub(at));
            start.is_some_and(|start| one.starts(&raw[start..]))
        };
        self.texts.iter().any(stands)
    }

    fn are_in_plain(&self, text: &str) -> bool {
        self.texts.iter().any(|one| text.contains(&one.text))
    }
}

/// Which bytes the anchors stand behind and before.
fn neighbours(texts: &[Anchored], anchors: [u8; 3]) -> ([u8; 256], [u8; 256]) {
    let (mut behind, mut before) = ([0; 256], [0; 256]);
    for Anchored { text, at } in texts {
        let Some(at) = *at else { continue };
        let bytes = text.as_bytes();
        let mark = |table: &mut [u8; 256], byte: u8| {
            let bits = [0, 1, 2].map(|k| u8::from(anchors[k] == bytes[at]) << k);
            table[usize::from(byte)] |= bits[0] | bits[1] | bits[2];
        };
        match (at.checked_sub(1), bytes.get(at + 1)) {
            (Some(last), _) => mark(&mut behind, bytes[last]),
            // What follows may be spelled as an escape.
            (None, Some(&next)) => [next, b'\\'].iter().for_each(|&byte| mark(&mut before, byte)),
            (None, None) => (0..=u8::MAX).for_each(|byte| mark(&mut before, byte)),
        }
    }
    (behind, before)
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
