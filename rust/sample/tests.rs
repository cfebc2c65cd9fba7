//! The sample corpus is what its documentation says, in both styles.

use std::ops::RangeInclusive;

use memchr::memmem;
use serde_json::Value;

use super::{CHUNK, ErrorKind, Style, write_sample};

const STYLES: [Style; 2] = [Style::Escaped, Style::Utf8];

const SIZE: u64 = 2_000_000;

fn sample(size: u64, style: Style, seed: u64) -> Vec<u8> {
    let mut corpus = Vec::new();
    let records = write_sample(&mut corpus, size, style, seed, &mut |_| true);
    assert_eq!(records.ok(), Some(count(&corpus, b'\n') as u64));
    corpus
}

fn count(bytes: &[u8], wanted: u8) -> usize {
    memchr::memchr_iter(wanted, bytes).count()
}

fn lines(corpus: &[u8]) -> Vec<&[u8]> {
    corpus.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A malformed record becomes `null`, which has none of the expected fields.
fn record(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_default()
}

fn records(corpus: &[u8]) -> Vec<Value> {
    lines(corpus).into_iter().map(record).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

fn documents(record: &Value) -> Vec<&str> {
    let list = record["context"]["sentences"][0].as_array();
    list.map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn strings(value: &Value) -> usize {
    match value {
        Value::String(_) => 1,
        Value::Array(items) => items.iter().map(strings).sum(),
        Value::Object(fields) => fields.values().map(|field| 1 + strings(field)).sum(),
        _ => 0,
    }
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn bytes_never_change() {
    let hash = |style| fnv_1a(&sample(64 << 10, style, 1)[..64 << 10]);
    assert_eq!(STYLES.map(hash), [8_225_658_220_485_178_212, 17_441_749_961_144_205_681]);
}

#[test]
fn size_says_only_where_the_corpus_ends() {
    for style in STYLES {
        let corpus = sample(SIZE, style, 3);
        let end: usize = lines(&corpus).iter().take(20).map(|line| line.len()).sum();
        for size in [end as u64, end as u64 - 1] {
            assert!(sample(size, style, 3) == corpus[..end], "{style:?}, {size} bytes");
        }
        assert!(sample(0, style, 3).is_empty());
    }
}

#[test]
fn seeds_give_different_corpora() {
    assert_ne!(sample(1, Style::Utf8, 0), sample(1, Style::Utf8, 1));
}

#[test]
fn styles_hold_the_same_records() {
    let [escaped, utf8] = STYLES.map(|style| records(&sample(SIZE, style, 5)));
    assert!(escaped.len() > 250);
    for (left, right) in escaped.iter().zip(&utf8) {
        assert_eq!(left, right);
    }
}

#[test]
fn utf8_is_compact_json_as_a_serializer_writes_it() {
    for line in lines(&sample(SIZE, Style::Utf8, 6)) {
        assert_eq!(format!("{}\n", record(line)).as_bytes(), line);
    }
}

#[test]
fn escaped_is_ascii_without_a_plain_slash() {
    let corpus = sample(SIZE, Style::Escaped, 6);
    assert!(corpus.is_ascii());
    let escaped = corpus.windows(2).filter(|pair| pair == b"\\/").count();
    assert_eq!(escaped, count(&corpus, b'/'));
    assert!(corpus.windows(6).any(|escape| escape == b"\\ud83d"), "no surrogate pair");
}

#[test]
fn records_have_gorillas_fields() {
    let fields =
        ["id", "type", "question", "context", "oracle_context", "cot_answer", "instruction"];
    for record in records(&sample(SIZE, Style::Escaped, 8)) {
        assert_eq!(keys(&record), fields);
        assert_eq!(keys(&record["context"]), ["title", "sentences"]);
        assert_eq!(text(&record, "id").len(), 36);
        assert_eq!(record["type"], "general");
        assert_eq!(record["context"]["title"][0], Value::from(vec!["placeholder_title"; 4]));
        assert_eq!(documents(&record).len(), 4);
        assert!(documents(&record).contains(&text(&record, "oracle_context")));
        assert_eq!(text(&record, "instruction"), instruction(&record));
    }
}

fn instruction(record: &Value) -> String {
    let tagged = |document| format!("<DOCUMENT>{document}</DOCUMENT>\n");
    let documents: String = documents(record).into_iter().map(tagged).collect();
    documents + text(record, "question")
}

#[test]
fn quotes_are_passages_of_the_oracle() {
    let mut quotes = 0;
    for record in records(&sample(SIZE, Style::Utf8, 9)) {
        for quote in text(&record, "cot_answer").split("##begin_quote##").skip(1) {
            let quote = quote.split("##end_quote##").next().unwrap_or_default().trim();
            let quote = quote.strip_prefix('"').unwrap_or(quote);
            let quote = quote.strip_suffix('"').unwrap_or(quote).trim();
            assert!(text(&record, "oracle_context").contains(quote), "{quote}");
            quotes += 1;
        }
    }
    assert!(quotes > 250);
}

#[test]
fn every_name_in_the_grammar_is_a_rule() {
    for record in records(&sample(SIZE, Style::Utf8, 10)) {
        for field in ["instruction", "cot_answer"] {
            assert!(!text(&record, field).contains(['{', '}', '[', '|', '\\']), "{record}");
        }
    }
}

/// A statistic of a corpus of 40 MB, and where it must lie in each style. Rates of rare events have
/// three standard deviations to either side of the rate that is meant.
struct Statistic {
    name: &'static str,
    of: fn(&[u8]) -> usize,
    escaped: RangeInclusive<usize>,
    utf8: RangeInclusive<usize>,
}

const STATISTICS: [Statistic; 8] = [
    Statistic {
        name: "mean record, bytes",
        of: |corpus| corpus.len() / count(corpus, b'\n'),
        escaped: 6300..=6900,
        utf8: 6000..=6600,
    },
    Statistic {
        name: "99th percentile, bytes",
        of: |corpus| sorted_sizes(corpus)[count(corpus, b'\n') * 99 / 100],
        escaped: 17_000..=22_000,
        utf8: 16_000..=21_000,
    },
    Statistic {
        name: "largest record, bytes",
        of: |corpus| sorted_sizes(corpus).last().copied().unwrap_or_default(),
        escaped: 20_000..=28_000,
        utf8: 19_000..=27_000,
    },
    Statistic {
        name: "backslashes per 100 KB",
        of: |corpus| count(corpus, b'\\') * 100_000 / corpus.len(),
        escaped: 2750..=2950,
        utf8: 1530..=1650,
    },
    Statistic {
        name: "bytes outside ASCII per 100 KB",
        of: |corpus| corpus.iter().filter(|byte| !byte.is_ascii()).count() * 100_000 / corpus.len(),
        escaped: 0..=0,
        utf8: 2500..=2750,
    },
    Statistic {
        name: "strings in 500 records",
        of: |corpus| lines(corpus).into_iter().take(500).map(|line| strings(&record(line))).sum(),
        escaped: 11_490..=11_500,
        utf8: 11_490..=11_500,
    },
    Statistic {
        name: "null answers in 10000 records",
        of: |corpus| nulls(corpus) * 10_000 / count(corpus, b'\n'),
        escaped: 3..=37,
        utf8: 3..=37,
    },
    Statistic {
        name: "answers without a tag in 10000 records",
        of: |corpus| untagged(corpus) * 10_000 / count(corpus, b'\n'),
        escaped: 62..=138,
        utf8: 62..=138,
    },
];

fn sorted_sizes(corpus: &[u8]) -> Vec<usize> {
    let mut sizes: Vec<_> = lines(corpus).iter().map(|line| line.len()).collect();
    sizes.sort_unstable();
    sizes
}

fn nulls(corpus: &[u8]) -> usize {
    memmem::find_iter(corpus, "\"cot_answer\":null,").count()
}

fn untagged(corpus: &[u8]) -> usize {
    count(corpus, b'\n') - nulls(corpus) - memmem::find_iter(corpus, "<ANSWER>: ").count()
}

#[test]
fn statistics_are_those_of_real_data() {
    for style in STYLES {
        let corpus = sample(20 * SIZE, style, 11);
        for Statistic { name, of, escaped, utf8 } in STATISTICS {
            let range = if style == Style::Escaped { escaped } else { utf8 };
            let value = of(&corpus);
            assert!(range.contains(&value), "{style:?}: {name} is {value}, not in {range:?}");
        }
    }
}

#[test]
fn tick_hears_of_every_write_and_can_end_the_run() {
    let mut heard = Vec::new();
    let mut tick = |written| {
        heard.push(written);
        written < 1 << 20
    };
    let mut out = Vec::new();
    let result = write_sample(&mut out, SIZE, Style::Escaped, 0, &mut tick);
    assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Interrupted));
    assert_eq!(heard, [CHUNK as u64, 2 * CHUNK as u64]);
    assert_eq!(out.len(), 2 * CHUNK);
}

#[test]
fn style_names_are_those_of_the_command() {
    let named = ["escaped", "utf8", "UTF8"].map(Style::from_name);
    assert_eq!(named, [Some(Style::Escaped), Some(Style::Utf8), None]);
}
