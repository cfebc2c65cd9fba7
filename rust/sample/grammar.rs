//! What the sample corpus says: a grammar of phrases, escaped and compiled once per corpus, so that
//! writing text is choosing and copying.

use std::ops::Range;

use super::{Style, page::Page};

const WORDS: &str = include_str!("words.txt");

/// An index into the pieces of a grammar, from the first piece of a phrase to its end.
pub(super) type Phrase = Range<usize>;

/// The rules of `words.txt`, their text already escaped in one style.
///
/// Which phrases are chosen, and where lines break, does not depend on the style: both styles of a
/// corpus hold the same records.
pub(super) struct Grammar {
    style: Style,
    names: Vec<&'static str>,
    /// One entry per name; a phrase of weight 3 is listed three times.
    rules: Vec<Vec<Phrase>>,
    pieces: Vec<Piece>,
    text: Vec<u8>,
}

enum Piece {
    /// Bytes of `Grammar::text`, and how many characters they are for the reader.
    Text {
        bytes: Range<usize>,
        width: usize,
    },
    Space,
    SoftHyphen,
    Break,
    Rule(usize),
    Quote,
}

impl Grammar {
    /// Compiles the built-in grammar.
    pub(super) fn new(style: Style) -> Self {
        let names: Vec<_> = WORDS.lines().filter_map(rule_name).collect();
        let mut grammar =
            Self { style, names, rules: Vec::new(), pieces: Vec::new(), text: Vec::new() };
        for line in WORDS.lines() {
            grammar.read_line(line);
        }
        grammar
    }

    fn read_line(&mut self, line: &str) {
        if rule_name(line).is_some() {
            self.rules.push(Vec::new());
        } else if !line.is_empty() && !line.starts_with("# ") {
            let (weight, source) = weighted(line);
            let phrase = self.compile(source);
            if let Some(rule) = self.rules.last_mut() {
                rule.extend(std::iter::repeat_n(phrase, weight));
            }
        }
    }

    /// Compiles one phrase in the notation of `words.txt`. An unknown name stays as it is written.
    pub(super) fn compile(&mut self, source: &str) -> Phrase {
        let start = self.pieces.len();
        let mut rest = source;
        while !rest.is_empty() {
            let (piece, length) = self.piece(rest);
            self.pieces.push(piece);
            rest = &rest[length..];
        }
        start..self.pieces.len()
    }

    /// The first piece of `source`, which is not empty, and its length there.
    fn piece(&mut self, source: &str) -> (Piece, usize) {
        let marks = [
            (" ", Piece::Space),
            ("\\s", Piece::Space),
            ("\\n", Piece::Break),
            ("|", Piece::SoftHyphen),
        ];
        for (mark, piece) in marks {
            if source.starts_with(mark) {
                return (piece, mark.len());
            }
        }
        self.reference(source).unwrap_or_else(|| {
            let length = text_length(source);
            (self.literal(&source[..length]), length)
        })
    }

    fn reference(&self, source: &str) -> Option<(Piece, usize)> {
        let (name, _) = source.strip_prefix('{')?.split_once('}')?;
        let piece = match self.names.iter().position(|known| *known == name) {
            Some(rule) => Piece::Rule(rule),
            None if name == "quote" => Piece::Quote,
            None => return None,
        };
        Some((piece, name.len() + 2))
    }

    fn literal(&mut self, source: &str) -> Piece {
        let start = self.text.len();
        self.text.extend(self.style.escaped(source));
        Piece::Text { bytes: start..self.text.len(), width: source.chars().count() }
    }

    /// Writes `phrase` on `page`, choosing one phrase of every rule it names.
    pub(super) fn write(&self, phrase: &Phrase, page: &mut Page<'_>) {
        for piece in &self.pieces[phrase.clone()] {
            match piece {
                Piece::Text { bytes, width } => page.text(&self.text[bytes.clone()], *width),
                Piece::Space => page.space(),
                Piece::SoftHyphen => page.soft_hyphen(),
                Piece::Break => page.line_break(),
                Piece::Rule(rule) => {
                    let phrases = &self.rules[*rule];
                    self.write(&phrases[page.choose(phrases.len())], page);
                }
                Piece::Quote => page.quote(),
            }
        }
    }
}

fn rule_name(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']')
}

/// Splits `3* phrase` into weight and phrase.
fn weighted(line: &str) -> (usize, &str) {
    line.split_once('*')
        .and_then(|(weight, phrase)| Some((weight.parse().ok()?, phrase.trim_start())))
        .unwrap_or((1, line))
}

/// Where the text at the start of `source` ends: at the next mark after its first character.
fn text_length(source: &str) -> usize {
    let mark = source.char_indices().skip(1).find(|(_, character)| " \\|{".contains(*character));
    mark.map_or(source.len(), |(position, _)| position)
}
