//! What phrases are written on: the inside of a JSON string, with the line breaks of a PDF file.

use std::ops::Range;

use crate::random::Random;

/// A chunk of source text, ready to be copied into records.
#[derive(Default)]
pub(super) struct Document {
    /// Escaped.
    pub(super) text: Vec<u8>,
    /// Its sentences, as ranges of `text`; never empty once it is written.
    pub(super) passages: Vec<Range<usize>>,
    /// Its length in characters, the same in both styles.
    pub(super) width: usize,
}

/// The end of a growing buffer, and what writing there needs.
pub(super) struct Page<'a> {
    out: &'a mut Vec<u8>,
    random: &'a mut Random,
    oracle: Option<&'a Document>,
    /// The column from which the next chance to break the line is taken.
    margin: Option<usize>,
    column: usize,
    width: usize,
}

impl<'a> Page<'a> {
    /// A page with margin, for documents.
    pub(super) const fn narrow(out: &'a mut Vec<u8>, random: &'a mut Random) -> Self {
        Self { out, random, oracle: None, margin: Some(MARGIN), column: 0, width: 0 }
    }

    /// A page without margin, where quotes are taken from `oracle`.
    pub(super) const fn wide(
        out: &'a mut Vec<u8>,
        random: &'a mut Random,
        oracle: Option<&'a Document>,
    ) -> Self {
        Self { out, random, oracle, margin: None, column: 0, width: 0 }
    }

    /// Where the next byte goes in the page's buffer.
    pub(super) const fn position(&self) -> usize {
        self.out.len()
    }

    /// Characters written on this page.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// A random number below `bound`.
    pub(super) const fn choose(&mut self, bound: usize) -> usize {
        self.random.below(bound)
    }

    /// Writes escaped bytes that stand for `width` characters.
    pub(super) fn text(&mut self, escaped: &[u8], width: usize) {
        self.out.extend_from_slice(escaped);
        self.column += width;
        self.width += width;
    }

    /// Writes a space, and breaks a full line after it.
    pub(super) fn space(&mut self) {
        self.text(b" ", 1);
        if self.line_is_full() {
            self.line_break();
        }
    }

    /// Hyphenates the word if the line is full.
    pub(super) fn soft_hyphen(&mut self) {
        if self.line_is_full() {
            self.text(b"-", 1);
            self.line_break();
        }
    }

    /// Begins a line, of a margin of its own, but not at the top of the page.
    pub(super) fn line_break(&mut self) {
        if self.width > 0 {
            self.text(b"\\n", 1);
            self.column = 0;
            self.margin = self.margin.map(|_| MARGIN + self.random.below(RAGGED));
        }
    }

    /// Copies one passage of the oracle.
    pub(super) fn quote(&mut self) {
        if let Some(oracle) = self.oracle {
            let passage = self.choose(oracle.passages.len());
            let bytes = &oracle.text[oracle.passages[passage].clone()];
            self.out.extend_from_slice(bytes);
        }
    }

    fn line_is_full(&self) -> bool {
        self.margin.is_some_and(|margin| self.column >= margin)
    }
}

/// The narrowest margin. With it, a kilobyte of document has the line breaks of real PDF text.
const MARGIN: usize = 60;

/// How many margins there are.
const RAGGED: usize = 14;
