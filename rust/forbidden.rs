//! Texts that no content may hold, looked for at the speed of reading.
//!
//! Each has an anchor, a character that is rare in prose, such as `<` or `:`, and is looked for by a pair
//! of neighbours up to it, or by it and the next. Only where such a pair stands, or what may be the escape of an
//! anchor, is more looked at, character by character, so that escapes hide neither the anchor nor what
//! follows it. Letters before it that are spelled as `\uXXXX` are not seen through; nothing writes them
//! so.

use crate::mask::{FINAL, QUOTE};
use crate::scan::{Pairs, find};
use crate::text::{Text, splits_escape, unescaped};

/// Some texts, prepared.
#[derive(Debug)]
pub(crate) struct Forbidden {
    texts: Vec<String>,
    pairs: Pairs,
    clues: Vec<Clue>,
    /// Whether some text has no pair to be looked for.
    unpaired: bool,
}

/// What stands around a pair where a text may stand. Pairs are frequent, `<\/` before each end of a
/// document for one; a clue is compared at once, and tells nearly all of them from what is looked for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Clue {
    mask: u64,
    bytes: u64,
    /// The text, and how many bytes before the second of the pair it starts; nothing for the escape of an
    /// anchor, which may stand anywhere in a text.
    text: Option<(usize, usize)>,
}

/// Characters that make good anchors, the best first.
const RARE: &[u8] = b"<[|{:#@^~`$%&*_=+;!?QXZJKVWY";

/// How the mark of a document's end starts. It stands in each row a few times, so a text that starts with
/// it is looked for by what follows.
const MARK: &str = "</";

/// Tags that stand in each answer. Looked for by `r:`, `User:` was asked about wherever one has its
/// `##Answer:`.
const TAGS: [&str; 5] = ["##Reason:", FINAL.0, FINAL.1, QUOTE.0, QUOTE.1];

/// Bytes from the `u` of an escape to the last of its digits; as many of those before the second of a pair
/// are compared with a clue. The digits before it make a bad pair: `03` and `05` stand in many dates.
const REACH: usize = 4;

/// Bytes that are compared with a clue.
const WINDOW: usize = 8;

impl Forbidden {
    /// Prepares the search; `None` if there is nothing to look for.
    pub(crate) fn new(texts: &[String]) -> Option<Self> {
        let texts: Vec<_> = texts.iter().filter(|text| !text.is_empty()).cloned().collect();
        let anchors: Vec<_> = texts.iter().map(|text| anchor_of(text.as_bytes())).collect();
        let mut clues: Vec<_> = texts
            .iter()
            .zip(&anchors)
            .enumerate()
            .filter_map(|(number, (text, anchor))| Some(Clue::all(number, text, (*anchor)?)))
            .flatten()
            .collect();
        // Texts of one anchor have its escapes in common.
        clues.sort_unstable();
        clues.dedup();
        let pairs: Vec<_> = clues.iter().map(Clue::pair).collect();
        let unpaired = anchors.contains(&None);
        (!texts.is_empty()).then(|| Self { texts, pairs: Pairs::new(&pairs), clues, unpaired })
    }

    /// Whether a text holds one of them.
    pub(crate) fn are_in(&self, text: Text<'_>) -> bool {
        match text {
            Text::Plain(plain) => self.are_in_plain(plain),
            Text::Escaped(_) if self.unpaired => self.are_in_plain(&text.to_plain()),
            Text::Escaped(raw) => self.are_in_escaped(raw),
        }
    }

    /// Where an anchor may be escaped, the text is decoded, and that settles it: HTML whose every `<` is an
    /// escape was decoded once for each.
    fn are_in_escaped(&self, raw: &[u8]) -> bool {
        let mut decoded = None;
        let found = find(raw, &self.pairs, |place| {
            let around = around(raw, place);
            let mut clues = self.clues.iter().filter(|clue| around & clue.mask == clue.bytes);
            clues.any(|clue| {
                if let Some((text, back)) = clue.text {
                    return self.stands_at(text, place.checked_sub(back), raw);
                }
                decoded = Some(self.are_in_plain(&Text::Escaped(raw).to_plain()));
                true
            })
        });
        decoded.unwrap_or(found)
    }

    fn stands_at(&self, text: usize, start: Option<usize>, raw: &[u8]) -> bool {
        start.is_some_and(|start| {
            starts_with(&raw[start..], &self.texts[text]) && !splits_escape(raw, start)
        })
    }

    fn are_in_plain(&self, text: &str) -> bool {
        self.texts.iter().any(|one| text.contains(one))
    }
}

impl Clue {
    /// The clues by which a text is found, however it is spelled.
    fn all(number: usize, text: &str, anchor: usize) -> Vec<Self> {
        let bytes = text.as_bytes();
        let escaped = escapes(bytes[anchor]).map(|escape| Self::new(&escape, REACH, None));
        let spelled = match (anchor, text.strip_prefix(MARK).and_then(|rest| rest.bytes().next())) {
            (0, Some(third)) if third.is_ascii() => Self::after_mark(number, third),
            (0, _) => Self::from_start(number, bytes),
            (anchor, _) => vec![Self::up_to(number, &bytes[..=anchor])],
        };
        spelled.into_iter().chain(escaped).collect()
    }

    /// The clue of what a text has up to its anchor, all of which has one spelling: the pair that is the
    /// rarest in rows of RAFT.
    fn up_to(number: usize, spelled: &[u8]) -> Self {
        let is_in_tag =
            |pair: &[u8]| TAGS.iter().any(|tag| tag.as_bytes().windows(2).any(|two| two == pair));
        let frequency = |second: usize| {
            let pair = &spelled[second - 1..=second];
            (is_in_tag(pair), Pairs::frequency(pair[0], pair[1]))
        };
        let second = (1..spelled.len()).rev().min_by_key(|&at| frequency(at)).unwrap_or_default();
        let start = second.saturating_sub(REACH);
        let end = spelled.len().min(second + WINDOW - REACH);
        Self::new(&spelled[start..end], second - start, Some((number, second)))
    }

    /// The clues of a text that starts with a mark and then this byte.
    fn after_mark(number: usize, third: u8) -> Vec<Self> {
        let spelled = [MARK.as_bytes(), br"<\/"].into_iter().flat_map(|mark| {
            [third, b'\\'].map(|next| {
                Self::new(&[mark, &[next]].concat(), mark.len(), Some((number, mark.len())))
            })
        });
        spelled.chain(Self::escaped_second(number, b'/')).collect()
    }

    /// The clues of a text that starts with its anchor.
    fn from_start(number: usize, text: &[u8]) -> Vec<Self> {
        let short =
            br#""\/bfnrt"#.iter().filter(|letter| unescaped(**letter) == char::from(text[1]));
        let next = short.map(|letter| vec![b'\\', *letter]).chain([vec![text[1]]]);
        let next_to = |next: &[u8]| Self::new(&[&text[..1], next].concat(), 1, Some((number, 1)));
        let mut clues: Vec<_> = next.map(|next| next_to(&next)).collect();
        if MARK.as_bytes().starts_with(&text[..1]) {
            clues.extend(Self::escaped_second(number, text[1]));
        } else {
            clues.push(next_to(br"\u"));
        }
        clues
    }

    /// The clues of a text that starts as the mark does and whose second character is escaped. The pair is
    /// in the digits, for that of `<` and a backslash is the mark's, too, where `/` is escaped.
    fn escaped_second(number: usize, second: u8) -> [Self; 2] {
        let back = br"<\u0000".len() - 1;
        escapes(second).map(|escape| Self::new(&escape, REACH, Some((number, back))))
    }

    /// A clue of some bytes, of which one is the second of a pair.
    fn new(bytes: &[u8], second: usize, text: Option<(usize, usize)>) -> Self {
        let start = REACH - second;
        let (mut window, mut mask) = ([0; WINDOW], [0; WINDOW]);
        window[start..start + bytes.len()].copy_from_slice(bytes);
        mask[start..start + bytes.len()].fill(u8::MAX);
        Self { mask: u64::from_le_bytes(mask), bytes: u64::from_le_bytes(window), text }
    }

    fn pair(&self) -> (u8, u8) {
        let bytes = self.bytes.to_le_bytes();
        (bytes[REACH - 1], bytes[REACH])
    }
}

/// What follows the backslash of the two escapes of a character.
fn escapes(character: u8) -> [Vec<u8>; 2] {
    [format!("u{character:04x}"), format!("u{character:04X}")].map(String::into_bytes)
}

/// Whether an escaped text starts with these characters. A mark of a document's end is compared with a
/// text or two in each row, so what is no escape of digits is not decoded by the general way.
fn starts_with(raw: &[u8], text: &str) -> bool {
    let mut rest = raw;
    for (at, wanted) in text.bytes().enumerate() {
        let (found, after) = match rest {
            [b'\\', b'u', ..] => return Text::Escaped(rest).starts_with(&text[at..]),
            [b'\\', letter, after @ ..] => (unescaped(*letter), after),
            [byte, after @ ..] => (char::from(*byte), after),
            [] => return false,
        };
        if found != char::from(wanted) {
            return false;
        }
        rest = after;
    }
    true
}

/// The bytes around the second of a pair; zeros where there are none.
#[inline]
fn around(raw: &[u8], second: usize) -> u64 {
    let start = second.checked_sub(REACH);
    let inside = start.and_then(|start| raw[start..].first_chunk::<WINDOW>());
    u64::from_le_bytes(inside.copied().unwrap_or_else(|| {
        let byte = |at: usize| raw.get((second + at).checked_sub(REACH)?).copied();
        std::array::from_fn(|at| byte(at).unwrap_or_default())
    }))
}

/// Where the best anchor of a text is: what stands before it must be letters and signs that no writer of
/// JSON escapes, not even for HTML, and it must have a neighbour.
fn anchor_of(text: &[u8]) -> Option<usize> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"\\/<>&'+`".contains(byte);
    let plain = text.iter().take_while(|byte| is_plain(byte)).count();
    let has_pair = |at: usize| at > 0 || text.get(1).is_some_and(u8::is_ascii);
    let rank = |at: usize| RARE.iter().position(|rare| text.get(at) == Some(rare));
    (0..=plain)
        .filter(|&at| has_pair(at))
        .filter_map(|at| Some((rank(at)?, at)))
        .min()
        .map(|best| best.1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;

    /// Texts with an anchor at their start, and after few and many other characters.
    const TEXTS: [&str; 16] = [
        "System:", "USER: a", "note:", "c:", "</s>", "</", "</\u{fc}", "[INST]", "a&<b", "+[x",
        "'::", "<\ts", "<<", "::", "=\u{fc}", "</\n",
    ];

    /// Characters as writers of JSON spell them, and what they are.
    fn spelled() -> impl Strategy<Value = (String, String)> {
        let part = prop_oneof![
            2 => select(&TEXTS[..]).prop_map(str::to_owned),
            8 => (select(&TEXTS[..]), 0..3_usize, 1..6_usize)
                .prop_map(|(text, from, count)| text.chars().skip(from).take(count).collect()),
            2 => "[\n\t\u{8}\"\\\\/<:u03c \u{fc}]{1,4}",
            1 => "[a-z ]{1,140}",
        ];
        let part = (part, 0..3_usize).prop_map(|(text, way)| {
            (text.chars().map(|character| spell(character, way)).collect::<String>(), text)
        });
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.into_iter().unzip())
    }

    fn spell(character: char, way: usize) -> String {
        let is_plain = matches!(character, ' '..='~') && !"\"\\/<>&'+`".contains(character);
        match (way, character) {
            (0, '/') => "\\/".to_owned(),
            (0 | 1, _) if !is_plain => format!("\\u{:04x}", u32::from(character)),
            _ => {
                let quoted = serde_json::to_string(&character).unwrap_or_default();
                quoted[1..quoted.len() - 1].to_owned()
            }
        }
    }

    proptest! {
        #[test]
        fn a_text_is_found_where_the_characters_hold_it(
            (raw, text) in spelled(), texts in subsequence(TEXTS.to_vec(), 1..4)
        ) {
            let expected = texts.iter().any(|one| text.contains(one));
            prop_assert_eq!(holds(&texts, raw.as_bytes()), expected, "{:?} in {}", texts, raw);
        }
    }

    fn holds(texts: &[&str], raw: &[u8]) -> bool {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        Forbidden::new(&texts).is_some_and(|forbidden| forbidden.are_in(Text::Escaped(raw)))
    }

    /// Each escape had the whole text decoded again.
    #[test]
    fn a_text_of_escapes_is_decoded_once() {
        let html = r"a\u003c".repeat(200_000);
        assert!(!holds(&["</s>"], html.as_bytes()));
        assert!(holds(&["</s>"], [html.as_bytes(), b"/s>"].concat().as_slice()));
    }

    #[test]
    fn a_text_is_found_however_it_is_spelled() {
        let nova = ["System:", "SYSTEM:", "Bot:", "[EOS]", "<image>"];
        let rows: [(&[&str], &[u8], bool); 39] = [
            (&["[INST]", "</s>"], b"an [INST] in", true),
            (&["[INST]", "</s>"], br"a<\/s>", true),
            (&["[INST]", "</s>"], b"a</s>", true),
            (&["[INST]", "</s>"], br"a<\u002fs>", true),
            (&["[INST]", "</s>"], br"a<\u002Fs>", true),
            (&["[INST]", "</s>"], br"a<\/\u0073>", true),
            (&["[INST]", "</s>"], br"a</\u0073>", true),
            (&["[INST]", "</s>"], br"a<\u002f\u0073\u003e", true),
            (&["</"], br"a<\u002f", true),
            (&["</\n"], br"a<\/\n", true),
            (&["[INST]", "</s>"], br"a<\\/s> \\u003c/s> <u002fs>", false),
            (&["[INST]", "</s>"], b"a [INST < / s> [/INST", false),
            (&["[INST]", "</s>"], br"<\/DOCUMENT> <\/s", false),
            (&["[INST]", "</s>"], br"<\u002fs\u003e", true),
            (&["[INST]", "<\ts"], br"<\ts", true),
            (&["[INST]", "<\ts"], br"<\\ts <ts", false),
            (&["[INST]", "</s>"], br"\u003c/s>", true),
            (&["[INST]", "</s>"], br"\u003C\/s\u003e", true),
            (&["[INST]", "</s>"], br"[\u0049NST]", true),
            (&["[INST]", "</s>"], br"\\u003c/s>", false),
            (&nova, b"System: no", true),
            (&nova, b"System no: a [EOS <image", false),
            (&nova, b"x [EOS]", true),
            (&nova, br"Syst\u0065m:", false),
            (&nova, br"a <\u0069mage>", true),
            (&nova, br"a \u003cimage\u003E", true),
            (&["|"], b"ends in |", true),
            (&["|", "a<b"], b"a < b |", true),
            (&["a<b", "<c"], b"a<c", true),
            (&["a<b", "<c"], b"<b b<d", false),
            (&["plain words"], b"some plain words", true),
            (&["two\nlines"], br"two\nlines", true),
            (&["\u{fc}ber|"], "a\u{fc}ber|".as_bytes(), true),
            (&nova, b"stem: a tail of one at the start", false),
            (&["note:"], br"a line\note: none", false),
            (&["c:"], br"\u003c: none", false),
            (&["'::"], br"\u0027::", true),
            (&["a&<b"], br"a\u0026<b", true),
            (&[], b"anything", false),
        ];
        for (texts, raw, expected) in rows {
            assert_eq!(holds(texts, raw), expected, "{texts:?} in {}", raw.escape_ascii());
        }
    }
}
