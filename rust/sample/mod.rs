//! A corpus of RAFT records made up on the spot, for demonstrations and measurements.
//!
//! Sizes, strings and escapes are like those of 532 records that Gorilla's `raft.py` wrote. Documents
//! come back ten times less often than there, so that no cache and no compressor finds the corpus
//! easy. `words.txt` holds its text, as a grammar.

mod grammar;
mod page;

use std::io::{Error, ErrorKind, Result, Write};

use crate::random::Random;
use grammar::{Grammar, Phrase};
use page::{Document, Page};

/// How the strings of a sample corpus are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Pure ASCII, as pandas' `to_json` writes: `\u00fc` and `\/`.
    Escaped,
    /// UTF-8 as it is, as orjson writes.
    Utf8,
}

impl Style {
    /// The style that users call `escaped` or `utf8`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "escaped" => Some(Self::Escaped),
            "utf8" => Some(Self::Utf8),
            _ => None,
        }
    }

    fn escaped(self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for character in text.chars() {
            self.escape(character, &mut out);
        }
        out
    }

    /// Appends `character` as it stands in a JSON string. No text here has control characters other
    /// than the line break.
    fn escape(self, character: char, out: &mut Vec<u8>) {
        match character {
            '\n' => out.extend_from_slice(b"\\n"),
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            '/' if self == Self::Escaped => out.extend_from_slice(b"\\/"),
            _ if self == Self::Escaped && !character.is_ascii() => escape_utf16(character, out),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn escape_utf16(character: char, out: &mut Vec<u8>) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
    }
}

/// Writes at least `size` bytes of whole records to `out` and returns how many records they are.
///
/// The bytes depend on `style` and `seed` only, on any machine; `size` says where they end, which
/// is after the first record that reaches it. The corpora of both styles of one seed hold the same
/// records, as far as they go. Writes are of at most 512 KiB, and after each of them `tick` is told
/// how many bytes have been written.
///
/// # Errors
///
/// Whatever `out` answers, and [`ErrorKind::Interrupted`] once `tick` returns `false`.
///
/// # Examples
///
/// ```
/// use raftfast::sample::{Style, write_sample};
///
/// let mut corpus = Vec::new();
/// let records = write_sample(&mut corpus, 20_000, Style::Utf8, 0, &mut |_| true)?;
/// let lines = corpus.iter().filter(|byte| **byte == b'\n').count();
/// assert_eq!(u64::try_from(lines), Ok(records));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_sample(
    out: &mut impl Write,
    size: u64,
    style: Style,
    seed: u64,
    tick: &mut dyn FnMut(u64) -> bool,
) -> Result<u64> {
    let mut corpus = Corpus::new(style, seed);
    let mut sink = Sink { out, tick, written: 0 };
    let mut buffer = Vec::with_capacity(2 * CHUNK);
    let mut records = 0;
    while sink.written + (buffer.len() as u64) < size {
        corpus.write_record(&mut buffer);
        records += 1;
        if buffer.len() >= CHUNK {
            sink.write(&buffer[..CHUNK])?;
            buffer.drain(..CHUNK);
        }
    }
    sink.write(&buffer)?;
    Ok(records)
}

/// The size of a write, in bytes.
const CHUNK: usize = 512 << 10;

struct Sink<'a, W> {
    out: &'a mut W,
    tick: &'a mut dyn FnMut(u64) -> bool,
    written: u64,
}

impl<W: Write> Sink<'_, W> {
    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.out.write_all(chunk)?;
        self.written += chunk.len() as u64;
        if (self.tick)(self.written) { Ok(()) } else { Err(Error::from(ErrorKind::Interrupted)) }
    }
}

/// Documents that records draw on. Each record renews [`RENEWED`] of them and holds [`DRAWN`], so a
/// document is used in two records on average.
const POOL: usize = 1024;

/// New documents per record; the last of them is its oracle.
const RENEWED: usize = 2;

/// Documents per record.
const DRAWN: usize = 4;

/// The most characters that the documents of a record may add to it, which keeps the largest record
/// near 27 KB, as in the real data.
const RECORD_WIDTH: usize = 22_300;

/// Lengths of documents in characters: the twentieths of the real distribution.
const LENGTHS: [usize; 21] = [
    2, 13, 16, 31, 52, 75, 94, 111, 123, 150, 178, 206, 297, 381, 443, 605, 692, 965, 1596, 2432,
    4081,
];

/// Documents meant to be shorter than this are one fragment, the others are sentences.
const SENTENCE: usize = 80;

/// A document is finished when it lacks no more characters than this, because its last sentence
/// goes beyond its length by more than that.
const TOLERANCE: usize = 20;

/// One answer in so many is null.
const NULLS: usize = 500;

struct Corpus {
    author: Author,
    pool: Vec<Document>,
    /// The oldest document of the pool, which is the next to be replaced.
    oldest: usize,
    question: Vec<u8>,
}

impl Corpus {
    fn new(style: Style, seed: u64) -> Self {
        let mut author = Author::new(style, seed);
        let mut pool: Vec<_> = std::iter::repeat_with(Document::default).take(POOL).collect();
        for document in &mut pool {
            author.write_document(document);
        }
        Self { author, pool, oldest: 0, question: Vec::new() }
    }

    /// Appends one line.
    fn write_record(&mut self, out: &mut Vec<u8>) {
        let oracle = self.renew();
        let documents = self.draw(oracle).map(|slot| &self.pool[slot]);
        let oracle = &self.pool[oracle];
        let author = &mut self.author;
        author.write_question(&mut self.question);

        out.extend_from_slice(b"{\"id\":\"");
        author.write_id(out);
        out.extend_from_slice(b"\",\"type\":\"general\",\"question\":\"");
        out.extend_from_slice(&self.question);
        write_context(&documents, out);
        out.extend_from_slice(b",\"oracle_context\":\"");
        out.extend_from_slice(&oracle.text);
        out.extend_from_slice(b"\",\"cot_answer\":");
        author.write_answer(oracle, out);
        out.extend_from_slice(b",\"instruction\":\"");
        author.write_documents(&documents, out);
        out.extend_from_slice(&self.question);
        out.extend_from_slice(b"\"}\n");
    }

    /// Replaces the oldest documents and returns the slot of the newest.
    fn renew(&mut self) -> usize {
        let mut newest = self.oldest;
        for _ in 0..RENEWED {
            newest = self.oldest;
            self.author.write_document(&mut self.pool[newest]);
            self.oldest = (newest + 1) % POOL;
        }
        newest
    }

    /// The oracle and its distractors, in random order.
    fn draw(&mut self, oracle: usize) -> [usize; DRAWN] {
        let mut drawn = [oracle; DRAWN];
        let mut width = 3 * self.pool[oracle].width;
        for index in 1..DRAWN {
            let start = self.author.random.below(POOL);
            drawn[index] = self.distractor(start, &drawn[..index], width);
            width += 2 * self.pool[drawn[index]].width;
        }
        drawn.swap(0, self.author.random.below(DRAWN));
        drawn
    }

    /// The first slot from `start` on that is not yet drawn and leaves the record small enough.
    fn distractor(&self, start: usize, drawn: &[usize], width: usize) -> usize {
        let fits = |slot: &usize| {
            !drawn.contains(slot) && width + 2 * self.pool[*slot].width <= RECORD_WIDTH
        };
        (start..start + POOL).map(|slot| slot % POOL).find(fits).unwrap_or(start)
    }
}

fn write_context(documents: &[&Document], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\",\"context\":{\"title\":[[");
    write_list(documents.iter().map(|_| &b"placeholder_title"[..]), out);
    out.extend_from_slice(b"]],\"sentences\":[[");
    write_list(documents.iter().map(|document| &document.text[..]), out);
    out.extend_from_slice(b"]]}");
}

fn write_list<'a>(strings: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (index, string) in strings.enumerate() {
        out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(string);
        out.push(b'"');
    }
}

/// Writes texts of every kind that a record has.
struct Author {
    random: Random,
    grammar: Grammar,
    item: Phrase,
    fragment: Phrase,
    question: Phrase,
    answer: Phrase,
    document_end: Vec<u8>,
}

impl Author {
    fn new(style: Style, seed: u64) -> Self {
        let mut grammar = Grammar::new(style);
        Self {
            random: Random::new(seed),
            item: grammar.compile("{item}"),
            fragment: grammar.compile("{fragment}"),
            question: grammar.compile("{question}"),
            answer: grammar.compile("{cot_answer}"),
            document_end: style.escaped("</DOCUMENT>\n"),
            grammar,
        }
    }

    fn write_document(&mut self, document: &mut Document) {
        let length = self.length();
        let phrase = if length < SENTENCE { &self.fragment } else { &self.item };
        document.text.clear();
        document.passages.clear();
        let mut page = Page::narrow(&mut document.text, &mut self.random);
        loop {
            let start = page.position();
            self.grammar.write(phrase, &mut page);
            document.passages.push(start..page.position());
            if length < SENTENCE || page.width() + TOLERANCE >= length {
                break;
            }
            page.space();
        }
        document.width = page.width();
    }

    /// How long the next document should be, in characters.
    fn length(&mut self) -> usize {
        let twentieth = self.random.below(LENGTHS.len() - 1);
        let (low, high) = (LENGTHS[twentieth], LENGTHS[twentieth + 1]);
        low + self.random.below(high - low)
    }

    fn write_question(&mut self, out: &mut Vec<u8>) {
        out.clear();
        self.grammar.write(&self.question, &mut Page::wide(out, &mut self.random, None));
    }

    fn write_answer(&mut self, oracle: &Document, out: &mut Vec<u8>) {
        if self.random.below(NULLS) == 0 {
            out.extend_from_slice(b"null");
        } else {
            out.push(b'"');
            self.grammar.write(&self.answer, &mut Page::wide(out, &mut self.random, Some(oracle)));
            out.push(b'"');
        }
    }

    fn write_documents(&self, documents: &[&Document], out: &mut Vec<u8>) {
        for document in documents {
            out.extend_from_slice(b"<DOCUMENT>");
            out.extend_from_slice(&document.text);
            out.extend_from_slice(&self.document_end);
        }
    }

    /// Writes a UUID of version 4.
    fn write_id(&mut self, out: &mut Vec<u8>) {
        let high = self.random.bits() & !0xf000 | 0x4000;
        let low = self.random.bits() & !(0xc000 << 48) | 0x8000 << 48;
        let id = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        );
        out.extend_from_slice(id.as_bytes());
    }
}

#[cfg(test)]
mod tests;
