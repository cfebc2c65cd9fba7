//! What several tests make their inputs of.

use proptest::prelude::*;

/// A JSON string, escaped in some way, without its quotes.
pub fn spelled() -> impl Strategy<Value = String> {
    let short = ["\\n", "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\r", "\\t", "<ANSWER>: "];
    let unescaped = any::<char>().prop_filter("escaped", |&c| c >= ' ' && c != '"' && c != '\\');
    let part = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{1,40}",
        2 => prop::sample::select(short.to_vec()).prop_map(str::to_owned),
        2 => any::<char>().prop_map(spelled_out),
        1 => any::<char>().prop_map(|c| spelled_out(c).to_uppercase().replace("\\U", "\\u")),
        1 => unescaped.prop_map(String::from),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn spelled_out(character: char) -> String {
    let units = character.encode_utf16(&mut [0; 2]).to_vec();
    units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()
}
