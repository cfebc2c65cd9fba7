//! What of an answer is trained on, and how its text is cut for that.

use crate::text::{Cuts, Tag, Text};
use crate::value::Absence;

/// What is trained on: the rest of a row is read and not learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// The whole answer, that is the last one of a conversation.
    Answer,
    /// The final answer only: what follows the last `<ANSWER>: ` of the answer, or the last `##Answer:`.
    Final,
    /// The answer but for what stands between `##begin_quote##` and `##end_quote##`. The tags are
    /// trained on: a model must write them itself, and only what they hold is copied.
    NotQuotes,
}

impl Mask {
    /// All masks, by the names that options and targets have for them.
    pub const ALL: [(&'static str, Self); 3] =
        [("answer", Self::Answer), ("final", Self::Final), ("not-quotes", Self::NotQuotes)];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, mask)| *mask == self).map_or("", |(name, _)| name)
    }

    /// The mask of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, mask)| mask)
    }
}

/// Where the final answer of a text begins: after the last `<ANSWER>: ` (ShishirPatil/gorilla:raft/format.py),
/// or after the last `##Answer:` of the paper's prompt (its issue 288) and the white space there.
#[derive(Clone, Debug)]
pub(crate) struct FinalAnswer {
    tag: Tag,
    of_paper: Tag,
}

impl Default for FinalAnswer {
    fn default() -> Self {
        Self { tag: Tag::new(FINAL.0), of_paper: Tag::new(FINAL.1) }
    }
}

impl FinalAnswer {
    /// The reasoning, with the tag, and the final answer; `None` if there is no tag. Of the two tags the one
    /// that comes later counts.
    pub(crate) fn cut<'a>(&self, text: Text<'a>) -> Option<(Text<'a>, Text<'a>)> {
        let of_raft = text.cut_after_last(&self.tag).map(|(_, answer)| answer);
        let of_paper = of_raft.unwrap_or(text).cut_after_last(&self.of_paper);
        let of_paper = of_paper.map(|(_, answer)| answer.trim_start());
        let answer = of_paper.or(of_raft)?;
        Some((text.up_to(answer), answer))
    }
}

/// What stands before the final answer in RAFT, and in the paper's prompt.
pub(crate) const FINAL: (&str, &str) = ("<ANSWER>: ", "##Answer:");

/// What stands around a quote (ShishirPatil/gorilla:raft/raft.py).
pub(crate) const QUOTE: (&str, &str) = ("##begin_quote##", "##end_quote##");

/// A mask, prepared to cut texts.
#[derive(Clone, Debug)]
pub(crate) enum Cutter {
    Answer,
    Final(FinalAnswer),
    NotQuotes(Tag, Tag),
}

impl Cutter {
    pub(crate) fn new(mask: Mask) -> Self {
        match mask {
            Mask::Answer => Self::Answer,
            Mask::Final => Self::Final(FinalAnswer::default()),
            Mask::NotQuotes => Self::NotQuotes(Tag::new(QUOTE.0), Tag::new(QUOTE.1)),
        }
    }

    /// Whether an answer begins with what is trained on.
    pub(crate) fn starts_trained(&self) -> bool {
        !matches!(self, Self::Final(_))
    }

    /// The way in which an answer has no final answer, if only that is trained on. White space is none:
    /// templates take it away at the end, and the tag with it.
    pub(crate) fn absence(&self, answer: Text<'_>) -> Option<Absence> {
        let Self::Final(found) = self else { return None };
        match found.cut(answer) {
            None => Some(Absence::Missing),
            Some((_, answer)) => answer.trim().is_empty().then_some(Absence::Empty),
        }
    }

    /// Does something with each part of a text, and whether it is trained on, until one fails. No part is
    /// empty, neighbours differ, and together they are the text.
    pub(crate) fn cut<'a, E>(
        &self,
        text: Text<'a>,
        mut put: impl FnMut(bool, Text<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut part = |trained, part: Text<'a>| {
            if part.is_empty() { Ok(()) } else { put(trained, part) }
        };
        match self {
            Self::Answer => part(true, text),
            Self::Final(found) => match found.cut(text) {
                Some((head, answer)) => part(false, head).and_then(|()| part(true, answer)),
                None => part(true, text),
            },
            Self::NotQuotes(begin, end) => {
                without_quotes(text, begin, end, &mut |trained, text| part(trained, text))
            }
        }
    }
}

fn without_quotes<'a, E>(
    text: Text<'a>,
    begin: &Tag,
    end: &Tag,
    put: &mut impl FnMut(bool, Text<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut cuts = Cuts::new(text, &[begin, end]);
    let mut said = text;
    while cuts.with(begin).is_some() {
        let before = cuts.rest();
        let Some(quote) = cuts.before(end) else { break };
        let after = cuts.rest();
        cuts.with(end);
        if !quote.is_empty() {
            put(true, said.up_to(before))?;
            put(false, quote)?;
            said = after;
        }
    }
    put(true, said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Escape;

    /// A mask, an escaped text, and its parts.
    type Row<'a> = (Mask, &'a [u8], &'a [(bool, &'a str)]);

    fn parts(mask: Mask, text: Text<'_>) -> Vec<(bool, String)> {
        let mut parts = Vec::new();
        let put = |trained, part: Text<'_>| {
            parts.push((trained, part.to_plain()));
            Ok::<_, ()>(())
        };
        assert_eq!(Cutter::new(mask).cut(text, put), Ok(()));
        parts
    }

    #[test]
    fn an_answer_is_cut_at_the_same_characters_however_it_is_spelled() {
        let rows: [Row<'_>; 22] = [
            (Mask::Answer, b"a <ANSWER>: b", &[(true, "a <ANSWER>: b")]),
            (Mask::Answer, b"", &[]),
            (Mask::Final, b"a <ANSWER>: b", &[(false, "a <ANSWER>: "), (true, "b")]),
            (
                Mask::Final,
                b"<ANSWER>: a <ANSWER>: b",
                &[(false, "<ANSWER>: a <ANSWER>: "), (true, "b")],
            ),
            (
                Mask::Final,
                br"a \u003cANSWER>: \ud83d\ude00",
                &[(false, "a <ANSWER>: "), (true, "\u{1f600}")],
            ),
            (Mask::Final, b"a <ANSWER>: ", &[(false, "a <ANSWER>: ")]),
            (Mask::Final, br"a ##Answer: \nb", &[(false, "a ##Answer: \n"), (true, "b")]),
            (
                Mask::Final,
                b"a ##Answer: <ANSWER>: b",
                &[(false, "a ##Answer: <ANSWER>: "), (true, "b")],
            ),
            (
                Mask::Final,
                b"a <ANSWER>: ##Answer:b",
                &[(false, "a <ANSWER>: ##Answer:"), (true, "b")],
            ),
            (Mask::Final, b"a ##Answer: ", &[(false, "a ##Answer: ")]),
            (Mask::Final, b"no tag", &[(true, "no tag")]),
            (Mask::NotQuotes, b"no quote", &[(true, "no quote")]),
            (
                Mask::NotQuotes,
                b"a ##begin_quote##b##end_quote## c",
                &[(true, "a ##begin_quote##"), (false, "b"), (true, "##end_quote## c")],
            ),
            (
                Mask::NotQuotes,
                b"##begin_quote##b##end_quote####begin_quote##c##end_quote##",
                &[
                    (true, "##begin_quote##"),
                    (false, "b"),
                    (true, "##end_quote####begin_quote##"),
                    (false, "c"),
                    (true, "##end_quote##"),
                ],
            ),
            (
                Mask::NotQuotes,
                b"##begin_quote####end_quote## c",
                &[(true, "##begin_quote####end_quote## c")],
            ),
            (
                Mask::NotQuotes,
                b"a ##begin_quote##b ##begin_quote##c##end_quote##",
                &[
                    (true, "a ##begin_quote##"),
                    (false, "b ##begin_quote##c"),
                    (true, "##end_quote##"),
                ],
            ),
            (Mask::NotQuotes, b"a ##begin_quote##b", &[(true, "a ##begin_quote##b")]),
            (Mask::NotQuotes, b"a##end_quote##b", &[(true, "a##end_quote##b")]),
            (
                Mask::NotQuotes,
                br"\u0023#begin_quote##\u00fc\n##end\u005fquote##",
                &[(true, "##begin_quote##"), (false, "\u{fc}\n"), (true, "##end_quote##")],
            ),
            (
                Mask::NotQuotes,
                br"##begin_quote##a##end_quote##b##begin_quote##c##end_quot\u0065##d",
                &[
                    (true, "##begin_quote##"),
                    (false, "a"),
                    (true, "##end_quote##b##begin_quote##"),
                    (false, "c"),
                    (true, "##end_quote##d"),
                ],
            ),
            (
                Mask::NotQuotes,
                b"##begin_quote##a##end_quote##begin_quote##b##end_quote##",
                &[
                    (true, "##begin_quote##"),
                    (false, "a"),
                    (true, "##end_quote##begin_quote##b##end_quote##"),
                ],
            ),
            (Mask::NotQuotes, b"", &[]),
        ];
        for (mask, raw, expected) in rows {
            let expected = expected
                .iter()
                .map(|&(trained, text)| (trained, text.to_owned()))
                .collect::<Vec<_>>();
            assert_eq!(parts(mask, Text::Escaped(raw)), expected, "{}", raw.escape_ascii());
            let plain = Text::Escaped(raw).to_plain();
            assert_eq!(parts(mask, Text::Plain(&plain)), expected, "{plain}");
        }
    }

    #[test]
    fn the_parts_of_an_answer_keep_the_spelling_of_its_characters() {
        let raw = br"\u0061##begin_quote##\u00e9##end_quote##\/ <ANSWER>: \u0062";
        for (_, mask) in Mask::ALL {
            let mut joined = Vec::new();
            let put = |_, part: Text<'_>| {
                part.write_json(Escape::Keep, &mut joined);
                Ok::<_, ()>(())
            };
            assert_eq!(Cutter::new(mask).cut(Text::Escaped(raw), put), Ok(()));
            assert_eq!(joined.escape_ascii().to_string(), raw.escape_ascii().to_string());
        }
    }
}
