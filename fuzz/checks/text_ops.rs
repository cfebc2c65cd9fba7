//! What is done to escaped text gives what the standard library does to the characters.

use raftfast::text::{Cuts, Escape, Tag, Text};

/// Tags of one character and of several, such as escapes are made of, and such as need them.
const TAGS: [&str; 12] =
    ["<ANSWER>: ", "<AN", ": ", "n", "u", "0", "/", "\"", "\\", "\n", "\u{fc}", "\u{1f600}"];

/// Checks all operations: the first byte says which tag, the second one how the others are spelled.
pub fn text_ops(data: &[u8]) {
    let [tag, way, bytes @ ..] = data else { return };
    let text = String::from_utf8_lossy(bytes);
    let raw = spelled(&text, *way);
    let escaped = Text::Escaped(raw.as_bytes());
    let tag = TAGS[usize::from(*tag) % TAGS.len()];
    assert_basics(escaped, &text);
    assert_cuts(escaped, &text, tag);
    assert_tags(escaped, &text, [tag, TAGS[usize::from(*way) % TAGS.len()]]);
    assert_ends(escaped, &text, tag);
    assert_json(escaped, &text);
    assert_harmless(bytes, tag);
}

/// The text as JSON may have it between quotes, each character in one of four ways.
fn spelled(text: &str, way: u8) -> String {
    let ways = (0..).map(|place: usize| (place * 7 + usize::from(way)) % 5);
    text.chars().zip(ways).map(|(character, way)| spell(character, way)).collect()
}

fn spell(character: char, way: usize) -> String {
    let units = |one: fn(u16) -> String| {
        character.encode_utf16(&mut [0; 2]).iter().copied().map(one).collect::<String>()
    };
    match way {
        0 => units(|unit| format!("\\u{unit:04x}")),
        1 => units(|unit| format!("\\u{unit:04X}")),
        2 if character == '/' => "\\/".to_owned(),
        _ => {
            let quoted = serde_json::to_string(&character).unwrap();
            quoted[1..quoted.len() - 1].to_owned()
        }
    }
}

fn assert_basics(escaped: Text<'_>, text: &str) {
    assert_eq!(escaped.to_plain(), text);
    assert_eq!(escaped.is_empty(), text.is_empty());
    assert_eq!(escaped.characters(), text.chars().count());
    assert_eq!(escaped.trim().to_plain(), text.trim_matches(is_space));
    assert_eq!(escaped.trim_start().to_plain(), text.trim_start_matches(is_space));
    assert_eq!(escaped.trim_end().to_plain(), text.trim_end_matches(is_space));
    let head = text.rsplit_once('\n').map_or("", |(head, _)| head);
    assert_eq!(escaped.without_last_line().to_plain(), head);
}

fn assert_cuts(escaped: Text<'_>, text: &str, tag: &str) {
    let prepared = Tag::new(tag);
    let cut = text.rfind(tag).map(|at| text.split_at(at + tag.len()));
    let plain = |(head, rest): (Text<'_>, Text<'_>)| (head.to_plain(), rest.to_plain());
    let cut_of = |text: Text<'_>| text.cut_after_last(&prepared).map(plain);
    for same in [escaped, Text::Plain(text)] {
        assert_eq!(same.before_first(&prepared).to_plain(), text.split(tag).next().unwrap());
        assert_eq!(same.after_last(&prepared).to_plain(), text.rsplit(tag).next().unwrap());
        assert_eq!(cut_of(same), cut.map(|(head, rest)| (head.to_owned(), rest.to_owned())));
        assert_eq!(prepared.is_in(same), text.contains(tag));
    }
}

/// White space as Python has it.
fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Two tags by turns, which may overlap, from the start and then the last of each.
fn assert_tags(escaped: Text<'_>, text: &str, both: [&str; 2]) {
    let tags = both.map(Tag::new);
    for same in [escaped, Text::Plain(text)] {
        let (mut cuts, mut rest) = (Cuts::new(same, &tags.each_ref()), text);
        for (prepared, tag) in tags.iter().zip(both).cycle().take(7) {
            let found = rest.find(tag).map(|at| (&rest[..at], rest.split_at(at + tag.len())));
            let mut ahead = cuts;
            let before = ahead.before(prepared).map(Text::to_plain);
            assert_eq!(before.as_deref(), found.map(|(before, _)| before));
            let cut = cuts.with(prepared).map(Text::to_plain);
            assert_eq!(cut.as_deref(), found.map(|(_, (cut, _))| cut));
            rest = found.map_or(rest, |(_, (_, rest))| rest);
            assert_eq!(cuts.rest().to_plain(), rest);
        }
        let mut left = cuts.rest();
        for (prepared, tag) in tags.iter().zip(both) {
            let found = rest.rfind(tag).map(|at| rest.split_at(at + tag.len()));
            let cut = left.cut_after_last(prepared);
            assert_eq!(cut.map(|(cut, _)| cut.to_plain()).as_deref(), found.map(|(cut, _)| cut));
            (left, rest) =
                (cut.map_or(left, |(_, left)| left), found.map_or(rest, |(_, rest)| rest));
        }
        let mut cuts = Cuts::new(same, &tags.each_ref());
        let before = cuts.before_next(&tags[0], &tags[1]).map(Text::to_plain);
        let next = next(text, both);
        assert_eq!(before.as_deref(), next.map(|(before, _)| before));
        assert_eq!(cuts.rest().to_plain(), next.map_or(text, |(_, after)| after));
        let (first, last) = (text.find(both[0]), text.rfind(both[1]));
        let inside = first.zip(last).map(|(first, last)| first + both[0].len()..last);
        let mut cuts = Cuts::new(same, &tags.each_ref());
        assert_eq!(cuts.keep_inside(&tags[0], &tags[1]).is_some(), inside.is_some());
        let kept = inside.map_or(text, |inside| text.get(inside).unwrap_or_default());
        assert_eq!(cuts.rest().to_plain(), kept);
    }
}

/// What stands before the first tag that nothing but white space parts from the second, and after both.
fn next<'a>(text: &'a str, [close, open]: [&str; 2]) -> Option<(&'a str, &'a str)> {
    text.match_indices(close).find_map(|(at, _)| {
        let after = text[at + close.len()..].trim_start_matches(is_space);
        Some((&text[..at], after.strip_prefix(open)?))
    })
}

fn assert_ends(escaped: Text<'_>, text: &str, tag: &str) {
    let middle = text.chars().count() / 2;
    let at = text.char_indices().nth(middle).map_or(text.len(), |(at, _)| at);
    for part in [tag, &text[..at], &text[at..], text, ""] {
        for same in [escaped, Text::Plain(text)] {
            let (start, end) = (text.strip_prefix(part), text.strip_suffix(part));
            assert_eq!(same.starts_with(part), start.is_some());
            assert_eq!(same.without_start(part).to_plain(), start.unwrap_or(text));
            assert_eq!(same.without_end(part).to_plain(), end.unwrap_or(text));
            assert_eq!(same.is(part), text == part);
        }
    }
}

fn assert_json(escaped: Text<'_>, text: &str) {
    for (_, escape) in Escape::ALL {
        for same in [escaped, Text::Plain(text)] {
            let mut json = vec![b'"'];
            same.write_json(escape, &mut json);
            json.push(b'"');
            assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
            assert!(escape == Escape::Keep || json.is_ascii());
        }
    }
}

/// Bytes that are no escaped text do no harm.
fn assert_harmless(bytes: &[u8], tag: &str) {
    let (broken, prepared) = (Text::Escaped(bytes), Tag::new(tag));
    let parts = [
        broken.trim(),
        broken.without_last_line(),
        broken.before_first(&prepared),
        broken.after_last(&prepared),
        broken.without_start(tag),
        broken.without_end(tag),
    ];
    let mut cuts = Cuts::new(broken, &[&prepared]);
    while cuts.with(&prepared).is_some() {}
    for part in parts {
        assert!(part.to_plain().len() <= 3 * bytes.len());
        part.write_json(Escape::Ascii, &mut Vec::new());
    }
}
