//! Operations on escaped text give what they give on the decoded text.

#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use raftfast::text::{Cuts, Escape, Tag, Text};

/// A text and one of its spellings in JSON.
fn spelled() -> impl Strategy<Value = (String, String)> {
    let character = prop_oneof![
        4 => prop::sample::select(vec!['<', 'A', 'N', '>', ':', ' ', '\n', '\\', '"', '/', 'n', 'u', '0']),
        1 => any::<char>(),
        1 => prop::sample::select(vec!['\u{fc}', '\u{1f600}', '\u{7f}', '\u{2028}', '\u{a0}', '\t']),
    ];
    proptest::collection::vec((character, 0..4_u8), 0..60).prop_map(|characters| {
        characters.into_iter().map(|(character, way)| (character, spell(character, way))).unzip()
    })
}

/// A text in which tags and halves of them stand, and one of its spellings.
fn tagged() -> impl Strategy<Value = (String, String)> {
    let pieces = ["##q##", "##end##", "##", "q", "end", " ", "\\", "\n", "/", "\u{fc}"];
    let ways = prop_oneof![3 => Just(3_u8), 1 => 0..4_u8];
    let pieces = proptest::collection::vec((prop::sample::select(pieces.to_vec()), ways), 0..70);
    pieces.prop_map(|pieces| {
        let spell = |(piece, way): &(&str, u8)| {
            piece.chars().map(|character| spell(character, *way)).collect::<String>()
        };
        let escaped = pieces.iter().map(spell).collect();
        (pieces.iter().map(|(piece, _)| *piece).collect(), escaped)
    })
}

fn spell(character: char, way: u8) -> String {
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units);
    match way {
        0 => spell_units(units),
        1 => spell_units(units).to_uppercase().replace("\\U", "\\u"),
        2 if character == '/' => "\\/".to_owned(),
        _ => {
            let quoted = serde_json::to_string(&character.to_string()).unwrap();
            quoted[1..quoted.len() - 1].to_owned()
        }
    }
}

fn spell_units(units: &[u16]) -> String {
    units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn escaped_text_behaves_like_the_text_it_spells((text, raw) in spelled()) {
        let escaped = Text::Escaped(raw.as_bytes());
        let plain = Text::Plain(&text);
        prop_assert_eq!(escaped.to_plain(), text.clone());
        prop_assert_eq!(escaped.is_empty(), text.is_empty());
        let tags = [
            "<AN", ": ", "n", "0", "/", "\"", "\\", "\u{fc}", "\n", "A/", "A\n", "0u", "0\\", "\nu", "\\u",
            "\"n", "/A", "A\u{fc}", "u0", "\tn",
        ];
        for tag in tags {
            let (first, last) = (text.split(tag).next().unwrap(), text.rsplit(tag).next().unwrap());
            let (is_there, tag) = (text.contains(tag), Tag::new(tag));
            for same in [escaped, plain] {
                prop_assert_eq!(tag.is_in(same), is_there);
                prop_assert_eq!(same.before_first(&tag).to_plain(), first);
                prop_assert_eq!(same.after_last(&tag).to_plain(), last);
            }
        }
        let head = text.rsplit_once('\n').map_or("", |(head, _)| head);
        prop_assert_eq!(escaped.without_last_line().to_plain(), head);
        prop_assert_eq!(escaped.trim().to_plain(), plain.trim().to_plain());
        for (place, _) in text.char_indices() {
            let (head, end) = text.split_at(place);
            prop_assert_eq!(escaped.without_end(end).to_plain(), head);
            prop_assert_eq!(plain.without_end(end).to_plain(), head);
        }
        for end in ["", "n", "0", "/", "u", "\"", "\\", "00", "\u{fc}", "\u{1f600}"] {
            let expected = text.strip_suffix(end).unwrap_or(&text);
            prop_assert_eq!(escaped.without_end(end).to_plain(), expected);
        }
    }

    #[test]
    fn a_text_is_cut_at_the_same_tags_however_many_and_however_spelled((text, raw) in tagged()) {
        let (open, close) = &(Tag::new("##q##"), Tag::new("##end##"));
        for same in [Text::Escaped(raw.as_bytes()), Text::Plain(&text)] {
            let (mut cuts, mut rest) = (Cuts::new(same, &[open, close]), text.as_str());
            while let Some((before, after)) = rest.split_once("##q##") {
                prop_assert!(cuts.before(open).is_some_and(|text| text.is(before)));
                prop_assert!(cuts.with(open).is_some_and(|tag| tag.is("##q##")));
                rest = after;
            }
            prop_assert_eq!(cuts.with(open), None);
            prop_assert_eq!(cuts.rest().to_plain(), rest);
            let last = cuts.rest().cut_after_last(close).map(|(_, after)| after.to_plain());
            prop_assert_eq!(last.as_deref(), rest.rsplit_once("##end##").map(|(_, after)| after));
        }
    }

    #[test]
    fn every_way_of_escaping_is_json_for_the_same_text((text, raw) in spelled()) {
        for (_, escape) in Escape::ALL {
            let (mut from_escaped, mut from_plain) = (vec![b'"'], vec![b'"']);
            Text::Escaped(raw.as_bytes()).write_json(escape, &mut from_escaped);
            Text::Plain(&text).write_json(escape, &mut from_plain);
            from_escaped.push(b'"');
            from_plain.push(b'"');
            prop_assert_eq!(&serde_json::from_slice::<String>(&from_escaped).unwrap(), &text);
            prop_assert_eq!(&serde_json::from_slice::<String>(&from_plain).unwrap(), &text);
            if escape != Escape::Keep {
                prop_assert!(from_escaped.is_ascii());
                prop_assert_eq!(from_escaped, from_plain);
            }
        }
    }
}

#[test]
fn a_text_is_written_whole_however_much_room_there_was() {
    let plain = "a\u{fc}bc\n\u{1f600}/\"d\u{7f}\u{2028}".repeat(60);
    let mut escaped = Vec::new();
    Text::Plain(&plain).write_json(Escape::Ascii, &mut escaped);
    for (name, escape) in Escape::ALL {
        for text in [Text::Plain(&plain), Text::Escaped(&escaped)] {
            let mut whole = Vec::with_capacity(1 << 16);
            text.write_json(escape, &mut whole);
            for room in 0..600 {
                let mut out = Vec::with_capacity(room);
                text.write_json(escape, &mut out);
                assert_eq!(
                    out.escape_ascii().to_string(),
                    whole.escape_ascii().to_string(),
                    "{name}"
                );
            }
        }
    }
}
