//! Targets are data: what a target file can say, and what it is told when it is wrong.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use raftfast::convert::Converter;
use raftfast::dialect::Reading;
use raftfast::error::Error;
use raftfast::mask::Mask;
use raftfast::shape::{Options, Shape};
use raftfast::target::Target;

fn target(row: &str) -> Target {
    let settings = "[settings]\nstop = '</s>'\nnone = ''\nkey = 'stop'\n";
    let text = format!("name = 'mine'\nneeds = ['cot_answer']\nrow = ''\n{settings}");
    let mut target = Target::parse("mine", &text).unwrap();
    row.clone_into(&mut target.row);
    target
}

/// A row of the target for a record.
fn row(skeleton: &str, record: &str) -> String {
    let shape = Shape::compile(&target(skeleton), &Options::default()).unwrap();
    let (rows, _) = Converter::with_shape(shape, &Reading::default())
        .unwrap()
        .convert_bytes(record.as_bytes())
        .unwrap();
    String::from_utf8(rows).unwrap().trim_end().to_owned()
}

#[test]
fn a_skeleton_says_what_a_row_looks_like() {
    let record =
        r#"{"cot_answer":"a\u00fc <X>b\n c ","question":null,"context":{"t": [1.50]},"answer":""}"#;
    let rows = [
        (r#"{"a": "{cot_answer}"}"#, r#"{"a":"a\u00fc <X>b\n c "}"#),
        (
            r#"["{cot_answer}{stop}", 1.5, true, null]"#,
            r#"["a\u00fc <X>b\n c </s>",1.5,true,null]"#,
        ),
        (r#""{cot_answer|after('<X>')|trim}""#, r#""b\n c""#),
        (r#""{cot_answer|without_last_line}""#, r#""a\u00fc <X>b""#),
        (r#"{"q": "{question}", "in": "<{question}>"}"#, r#"{"q":null,"in":"<>"}"#),
        (r#"{"c": "{context}"}"#, r#"{"c":{"t": [1.50]}}"#),
        (r#""{record}""#, record),
        (r#"{"{key}": "{{{answer}}}"}"#, r#"{"stop":"{}"}"#),
        (r#"["{answer}", "{answer|null_if_empty}"]"#, r#"["",null]"#),
        (r#"["{none}", "{none|null_if_empty}", "{stop|trim}"]"#, r#"["",null,"</s>"]"#),
        (r#"[{"$if": "none", "then": 1}, {"$if": "stop", "then": 2, "else": 3}]"#, "[2]"),
        (r#"[{"$if": "question", "then": 1}, 2]"#, "[2]"),
        (r#"[{"$if": "cot_answer", "then": 1}, 2]"#, "[1,2]"),
        (r#"[{"$has": "question", "then": 1}, {"$has": "id", "then": 2}]"#, "[1]"),
        (
            r#"{"a": {"$if": "id", "then": 1}, "b": {"$if": "answer", "then": 2, "else": 3}}"#,
            r#"{"b":3}"#,
        ),
        (
            r#"{"a": {"$has": "id", "then": "{id}"}, "b": {"$has": "answer", "then": "x{answer}"}, "c": 1}"#,
            r#"{"b":"x","c":1}"#,
        ),
        ("\"\u{fc}\"", "\"\u{fc}\""),
        (r#""{cot_answer|after('''')}""#, r#""a\u00fc <X>b\n c ""#),
        (r#"["{cot_answer|until('<X>')}", "{cot_answer|until('<Y>')}"]"#, r#"["a\u00fc <X>",""]"#),
        (
            r#"{"$segments": ["Q", {"$answer": "{cot_answer}{stop}"}, "{none}"]}"#,
            r#"[{"label":false,"text":"Q"},{"label":true,"text":"a\u00fc <X>b\n c </s>"}]"#,
        ),
        (r#"{"$segments": [{"$answer": "{answer}"}, "{none}"]}"#, "[]"),
        (
            r#"{"$segments": [{"$answer": "1"}, "2", {"$answer": "3"}]}"#,
            r#"[{"label":true,"text":"1"},{"label":false,"text":"2"},{"label":true,"text":"3"}]"#,
        ),
        (
            r#"[{"$prompt": ["Q", {"$answer": "A"}, "R", {"$answer": "{stop}"}, "E"]},
                {"$completion": ["Q", {"$answer": "A"}, "R", {"$answer": "{stop}"}, "E"]}]"#,
            r#"["QAR","</s>E"]"#,
        ),
    ];
    for (skeleton, expected) in rows {
        assert_eq!(row(skeleton, record), expected, "{skeleton}");
    }
}

#[test]
fn a_wrong_target_is_told_what_is_wrong_and_what_there_is() {
    let rows = [
        (
            r#"{"a": "{instrution}"}"#,
            "unknown placeholder 'instrution'; there are id, type, question",
        ),
        (r#"{"a": "{id|shout}"}"#, "unknown operation 'shout'; there are after('tag')"),
        (r#"{"a": "{id"}"#, "'{' without '}'"),
        (r#"{"a": "id}"}"#, "'}' without '{'"),
        (r#"{"{id}": 1}"#, "only settings can stand there"),
        (r#"{"stop": 1, "{key}": 2}"#, "two members of one object are named 'stop'"),
        (r#"{"a": "x{context}"}"#, "'{context}' is not a text; it must be the whole string"),
        (r#"{"a": "{context|trim}"}"#, "'context' is not a text"),
        (r#"{"a": "x{record}"}"#, "'{record}' is not a text"),
        (r#"{"$if": "id", "then": 1}"#, "the row itself cannot be left out"),
        (r#"[{"$if": "id", "than": 1}]"#, "'than' beside a question"),
        (r#"[{"$if": "nothing", "then": 1}]"#, "unknown placeholder 'nothing'"),
        (r#"[{"$if": "id", "$has": "id", "then": 1}]"#, "a question is one of"),
        (r#"[{"$if": 1, "then": 1}]"#, "a question is one of"),
        (r#"{"a": "#, "the row is not JSON"),
        (r#"{"a": {"$foo": 1}}"#, "unknown '$foo'; there are $if, $has, $role, $each, $concat"),
        (r#"{"a": {"$answer": "x"}}"#, "'$answer' stands in a text only"),
        (r#"{"a": "{text}"}"#, "unknown placeholder 'text'; there are id, type, question"),
        (r#"{"a": 1, "\u0061": 2}"#, "two members of one object are named 'a'"),
        (r#"{"a": [{"b": 1, "b": 1}]}"#, "two members of one object are named 'b'"),
        (r#"{"a": [0, 1e3]}"#, "the number 1e3 would be written as 1000.0: say so"),
        (
            r#"{"a": 12345678901234567890123}"#,
            "the number 12345678901234567890123 would be written as 1.2345678901234568e+22",
        ),
    ];
    for (skeleton, expected) in rows {
        let error = Shape::compile(&target(skeleton), &Options::default()).unwrap_err();
        assert_eq!(error.name(), "usage");
        assert!(error.to_string().contains(expected), "{skeleton}: {error}");
    }
}

#[test]
fn settings_and_needs_must_be_known() {
    let options = Options {
        settings: BTreeMap::from([("speed".to_owned(), "1".to_owned())]),
        ..Options::default()
    };
    let error = Shape::compile(&target("1"), &options).unwrap_err().to_string();
    assert_eq!(error, "target mine has no setting 'speed'; its settings: key, none, stop");
    let mut needy = target("1");
    for name in ["answers", "text", "text_prompt"] {
        needy.needs = vec![name.to_owned()];
        let error = Shape::compile(&needy, &Options::default()).unwrap_err().to_string();
        let expected = format!("unknown field '{name}' in needs; there are id,");
        assert!(
            error.contains(&expected) && error.ends_with("tools, parallel_tool_calls"),
            "{error}"
        );
    }
}

#[test]
fn a_member_may_be_named_like_a_question() {
    assert_eq!(row(r#"{"$$if": "{id}", "$$$x": 1}"#, r#"{"cot_answer":"c","id":"1"}"#), {
        r#"{"$if":"1","$$x":1}"#
    });
}

#[test]
fn a_question_may_be_about_what_becomes_of_a_text() {
    let asks = |name: &str, record: &str| {
        row(&format!(r#"[{{"$if": "{name}", "then": 1, "else": 0}}]"#), record)
    };
    for (name, record, expected) in [
        ("question|after('Q: ')", r#"{"cot_answer":"c","question":"a Q: b"}"#, "[1]"),
        ("question|after('Q: ')", r#"{"cot_answer":"c","question":"a Q: "}"#, "[0]"),
        ("question|trim", r#"{"cot_answer":"c","question":" \n"}"#, "[0]"),
        ("question|trim", r#"{"cot_answer":"c","question":null}"#, "[0]"),
        ("stop|before('/')", r#"{"cot_answer":"c"}"#, "[1]"),
        ("stop|before('<')", r#"{"cot_answer":"c"}"#, "[0]"),
        ("context|json", r#"{"cot_answer":"c","context":["d"]}"#, "[1]"),
        ("system|trim", r#"{"cot_answer":"c","system":"s"}"#, "[1]"),
        ("system|trim", r#"{"cot_answer":"c","system":" "}"#, "[0]"),
    ] {
        assert_eq!(asks(name, record), expected, "{name} {record}");
    }
}

#[test]
fn a_row_that_cannot_say_what_is_trained_on_is_no_row_for_it() {
    let rest = "[[train]]\nmasks = ['answer', 'final', 'not-quotes']\n";
    let cut = r#"{"a": {"$segments": ["x", {"$answer": "{cot_answer}"}]}}"#;
    let spans = r#"{"a": [{"$each": "spans", "do": "{text}"}]}"#;
    for (row, mask, is_right) in [
        (r#"{"a": "{cot_answer}"}"#, Mask::Answer, true),
        (r#"{"a": "{cot_answer}"}"#, Mask::Final, false),
        (r#"{"a": "{cot_answer}"}"#, Mask::NotQuotes, false),
        (r#"{"a": {"$concat": [{"$answer": "{cot_answer}"}]}}"#, Mask::Final, false),
        (r#"{"a": {"$completion": ["x", {"$answer": "{cot_answer}"}]}}"#, Mask::Final, true),
        (cut, Mask::Final, true),
        (cut, Mask::NotQuotes, true),
        (spans, Mask::NotQuotes, true),
    ] {
        let text = format!("name = 'mine'\nrow = '''{row}'''\n{rest}");
        let options = Options { train: Some(mask), ..Options::default() };
        let compiled = Shape::compile(&Target::parse("mine", &text).unwrap(), &options);
        assert_eq!(compiled.is_ok(), is_right, "{row} {mask:?}");
    }
}

#[test]
fn a_target_file_is_used_like_a_built_in_target() {
    let file = TemporaryFile::new("mine.toml", "name = \"mine\"\nrow = '[\"{question}\"]'\n");
    let converter = Converter::new(file.path(), &Options::default()).unwrap();
    assert_eq!(converter.convert_bytes(br#"{"question":"q"}"#).unwrap().0, b"[\"q\"]\n");
}

#[test]
fn what_is_wrong_in_a_row_is_told_with_the_line_of_the_value() {
    let rows = [
        (r#""{question""#, "'{' without '}'"),
        (r#""question}""#, "'}' without '{'"),
        (r#""{}""#, "no name in '{}'; write '{{' and '}}' for braces"),
        (r#""{|trim}""#, "no name in '{|trim}'"),
        (r#""{question|}""#, "no operation after a '|'; there are after('tag')"),
        (r#""{question|after()}""#, "unknown operation 'after()'"),
        (r#""{quest}""#, "unknown placeholder 'quest'"),
        (r#""\n{question""#, "'{' without '}'"),
        (r#""x{record}""#, "'{record}' is not a text"),
        (r#"{"{question}": 1}"#, "'{question}' in the name of a member; only settings"),
        (r#"{"$x": 1}"#, "unknown '$x'"),
        (r#"{"a": 1, "\u0061": 2}"#, "two members of one object are named 'a'"),
        (r"[0, 1e3]", "the number 1e3 would be written as 1000.0"),
        (r#"[{"b": ["", {"$concat": ["{question}", "{quest}"]}]}]"#, "unknown placeholder 'quest'"),
        (r#"{"$if": "{question}", "then": 1}"#, "unknown placeholder '{question}'"),
        (r#"{"$if": "question", "then": "{quest}"}"#, "unknown placeholder 'quest'"),
        (r#"{"$if": "question", "then": 1, "else": "{quest}"}"#, "unknown placeholder 'quest'"),
        (r#"{"$role": "user", "then": 1}"#, "'$role' stands in an '$each' of turns only"),
        (r#"[{"$each": "turns", "do": "{quest}"}]"#, "unknown placeholder 'quest'"),
        (r#"[{"$each": "turn", "do": "{question}"}]"#, "unknown list 'turn'"),
        (r#"{"$segments": ["{question}"]}"#, "'$segments' takes a text with an '$answer' in it"),
        (r#"{"$segments": [{"$answer": "{quest}"}]}"#, "unknown placeholder 'quest'"),
        (r#"{"$concat": [1]}"#, "1 in '$concat', which takes texts"),
        ("question", "the row is not JSON"),
    ];
    // The value stands on line 6. What is named stands before it, too, where nothing is wrong with it.
    let about = "quest turn $x {question} {record} {} $role";
    let before = r#"["{question}", "{record}", "quest", [{"$each": "turns", "do": "quest"}]]"#;
    for (value, expected) in rows {
        let row = format!("\n{{\n\"a\": {before},\n\"b\": {value}\n}}");
        let text = format!("name = 'x'\nabout = '{about}'\nrow = '''{row}'''\n");
        let target = Target::parse("wrong.toml", &text).unwrap();
        let error = Shape::compile(&target, &Options::default()).unwrap_err().to_string();
        let expected = format!("target wrong.toml: line 6: {expected}");
        assert!(error.starts_with(&expected), "{value}: {error}");
    }
}

#[test]
fn a_target_file_that_cannot_be_understood_is_named_with_its_line() {
    let rows = [
        ("name = \"x\"\nrow = [1]\n", "line 2: invalid type"),
        ("name = \"x\"\nrow = '1'\nspeed = 2\n", "line 3: unknown field `speed`"),
        ("name = ", "line 1: "),
        ("name = \"x\"\n", "missing field `row`"),
        (
            "name = 'x'\nrow = '''\n{\n  \"a\": x\n}'''\n",
            "line 4: the row is not JSON: expected value",
        ),
        ("name = 'x'\nrow = '''{\n\"a\": \"{idd}\"\n}'''\n", "line 3: unknown placeholder 'idd'"),
        (
            "name = 'x'\nrow = \"\"\"\n{\"a\": \"\\u007bidd}\"}\"\"\"",
            "wrong.toml: line 2: unknown placeholder",
        ),
        (
            "name = 'x'\nabout = '\"{idd}\"'\nrow = '\"{idd}\"'\n",
            "line 3: unknown placeholder 'idd'",
        ),
        (
            "name = 'x'\nabout = '''\nrowing along'''\nrow = \"\\\"{idd}\\\"\"\n",
            "line 4: unknown placeholder 'idd'",
        ),
        (
            "name = 'x'\nrow = '''[{\n\"$each\": \"turns\",\n\"do\": [\n{\"$each\": \"turns\",\n\"do\": 1}]}]'''\n",
            "line 5: '$each' may not stand in another",
        ),
        (
            "name = 'x'\nrow = '''{\n\"instruction\": \"{instruction}\",\n\"b\": \"{ns}\"}'''\n",
            "line 4: unknown placeholder 'ns'",
        ),
        (
            "name = 'foo'\nabout = 'foo'\nrow = '1'\n[rules.names]\nfoo = 'bar'\n",
            "line 5: unknown rule 'foo'",
        ),
        ("name = 'x'\nneeds = ['idd']\nrow = '1'\n", "line 2: unknown field 'idd' in needs"),
        ("name = 'x'\nrow = '1'\n[rules]\nhas = ['bot']\n", "line 4: unknown role 'bot'"),
        (
            "name = 'x'\nrow = '1'\n[rules.names]\nfoo = 'bar'\n",
            "line 4: unknown rule 'foo' in [rules.names]; there are first, last",
        ),
        ("name = 'x'\nrow = '1'\n[[train]]\nmasks = ['all']\n", "line 4: unknown mask 'all'"),
        (
            "name = 'x'\nrow = '1'\n[beside]\nfile = 'a/b'\nentry = '{}'\n",
            "wrong.toml: the file beside the rows",
        ),
    ];
    for (text, expected) in rows {
        let file = TemporaryFile::new("wrong.toml", text);
        let error: Error = Converter::new(file.path(), &Options::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert!(error.to_string().contains("wrong.toml"), "{error}");
    }
    let error = Converter::new("nowhere/none.toml", &Options::default()).unwrap_err();
    assert_eq!(error.name(), "io");
    let error = Converter::new("chatt", &Options::default()).unwrap_err().to_string();
    let told = error;
    assert!(
        told.starts_with("no target 'chatt' (did you mean chat?); there are alpaca, "),
        "{told}"
    );
    assert!(told.ends_with(", and files that end in .toml"), "{told}");
}

/// A file in a folder of its own that is removed with it.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str, text: &str) -> Self {
        let unique = format!("raftfast-{}-{:?}", std::process::id(), std::thread::current().id());
        let folder = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
        Self(folder.join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
    }
}
