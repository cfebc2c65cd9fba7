"""The reference does what Gorilla's `format.py` does: every rule is a row here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from raftfast import reference
from raftfast.errors import Error

if TYPE_CHECKING:
    from pathlib import Path

RECORD = {
    "question": "Why?",
    "context": {"sentences": [["d"]]},
    "cot_answer": "c <ANSWER>: a",
    "instruction": "<DOCUMENT>d</DOCUMENT>\nWhy?",
}
WITHOUT = object()


def line_of(**changes: object) -> bytes:
    pairs = {**RECORD, **changes}.items()
    return json.dumps({key: value for key, value in pairs if value is not WITHOUT}).encode()


def row_of(to: str, line: bytes, **options: str) -> object:
    rows, _ = reference.convert_lines(line, to, **options)
    return json.loads(rows)


@pytest.mark.parametrize(
    ("to", "options", "row"),
    [
        pytest.param(
            "chat",
            {},
            {
                "messages": [
                    {"role": "system", "content": reference.SYSTEM},
                    {"role": "user", "content": RECORD["instruction"]},
                    {"role": "assistant", "content": RECORD["cot_answer"]},
                ]
            },
            id="chat with the default system prompt",
        ),
        pytest.param(
            "chat",
            {"system": ""},
            {
                "messages": [
                    {"role": "user", "content": RECORD["instruction"]},
                    {"role": "assistant", "content": RECORD["cot_answer"]},
                ]
            },
            id="chat without a system message",
        ),
        pytest.param(
            "completion",
            {},
            {"prompt": RECORD["instruction"], "completion": "c <ANSWER>: a<STOP>"},
            id="completion ends in the stop text",
        ),
        pytest.param(
            "completion",
            {"prompt_key": "p", "completion_key": "q", "stop": ""},
            {"p": RECORD["instruction"], "q": "c <ANSWER>: a"},
            id="completion with names of its own",
        ),
        pytest.param(
            "eval",
            {},
            {
                "question": "Why?",
                "gold_final_answer": "a",
                "context": "<DOCUMENT>d</DOCUMENT>",
            },
            id="eval without answers",
        ),
        pytest.param("hf", {}, RECORD, id="hf is the record"),
    ],
)
def test_the_row_of_each_target_is_what_its_formatter_makes(
    to: str, options: dict[str, str], row: dict[str, object]
) -> None:
    converted = row_of(to, line_of(), **options)
    assert converted == row
    assert isinstance(converted, dict)
    assert list(converted) == list(row)


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        pytest.param("x <ANSWER>: y", "y", id="what stands after the tag"),
        pytest.param("x", "x", id="no tag means the whole text"),
        pytest.param("1 <ANSWER>: 2 <ANSWER>: 3", "3", id="the last tag wins"),
        pytest.param("x <ANSWER>: ", "", id="nothing after the tag"),
        pytest.param("x <ANSWER>:y", "x <ANSWER>:y", id="a tag without its blank is none"),
        pytest.param("x <answer>: y", "x <answer>: y", id="a tag in lower case is none"),
        pytest.param("x <ANSWER>:  y <STOP>", " y <STOP>", id="nothing is stripped"),
    ],
)
def test_the_final_answer_is_what_follows_the_last_tag(answer: str, final: str) -> None:
    row = row_of("eval", line_of(cot_answer=answer, answer=answer))
    assert isinstance(row, dict)
    assert row["gold_final_answer"] == row["final_answer"] == final
    assert row["answer"] == answer


@pytest.mark.parametrize("answer", [None, ""], ids=["null", "empty"])
def test_an_answer_without_text_has_no_final_answer(answer: str | None) -> None:
    row = row_of("eval", line_of(answer=answer))
    assert isinstance(row, dict)
    assert (row["answer"], row["final_answer"]) == (answer, None)
    assert list(row) == ["question", "answer", "gold_final_answer", "final_answer", "context"]


@pytest.mark.parametrize(
    ("instruction", "context"),
    [
        pytest.param("one line", "", id="one line leaves nothing"),
        pytest.param("d\nq", "d", id="the last line is the question"),
        pytest.param("d\nq\n", "d\nq", id="a trailing newline leaks the question"),
        pytest.param("d\n\nq", "d\n", id="an empty line stays"),
        pytest.param("d\r\nq", "d\r", id="CRLF leaves the CR"),
        pytest.param("d\u2028q", "", id="U+2028 ends no line"),
    ],
)
def test_context_is_the_instruction_without_its_last_line(instruction: str, context: str) -> None:
    row = row_of("eval", line_of(instruction=instruction))
    assert isinstance(row, dict)
    assert row["context"] == context


def test_a_missing_question_is_null() -> None:
    lines = line_of() + b"\n" + line_of(question=WITHOUT)
    rows, _ = reference.convert_lines(lines, "eval")
    assert json.loads(rows.splitlines()[1])["question"] is None


@pytest.mark.parametrize(
    ("to", "changes", "reason"),
    [
        pytest.param("chat", {"instruction": None}, "instruction null", id="null"),
        pytest.param("chat", {"instruction": ""}, "instruction empty", id="empty"),
        pytest.param("completion", {"cot_answer": WITHOUT}, "cot_answer missing", id="missing"),
        pytest.param(
            "chat", {"instruction": "", "cot_answer": None}, "instruction empty", id="chat order"
        ),
        pytest.param(
            "eval", {"instruction": "", "cot_answer": None}, "cot_answer null", id="eval order"
        ),
        pytest.param("eval", {"context": ""}, "context empty", id="context as an empty string"),
        pytest.param("eval", {"context": []}, "context empty", id="context as an empty list"),
        pytest.param("eval", {"context": {}}, "context empty", id="context as an empty object"),
        pytest.param("eval", {"context": None}, "context null", id="context null"),
    ],
)
def test_filtered_by_the_first_need_that_fails(
    to: str, changes: dict[str, object], reason: str
) -> None:
    rows, counts = reference.convert_lines(line_of() + b"\n" + line_of(**changes), to)
    assert len(rows.splitlines()) == 1
    assert counts == reference.Counts(read=2, written=1, filtered=Counter([reason]))


@pytest.mark.parametrize(
    ("to", "changes"),
    [
        pytest.param("chat", {"instruction": " "}, id="a blank is text"),
        pytest.param("eval", {"context": {"sentences": []}}, id="an object with a key is full"),
        pytest.param("eval", {"context": [""]}, id="a list with an item is full"),
        pytest.param("eval", {"question": None}, id="the question is not needed"),
        pytest.param("chat", {"question": 1, "answer": [], "id": {}}, id="unused: any type"),
        pytest.param("hf", {"instruction": None, "cot_answer": 1}, id="hf keeps all"),
    ],
)
def test_what_is_no_reason_to_filter_filters_nothing(to: str, changes: dict[str, object]) -> None:
    _, counts = reference.convert_lines(line_of(**changes), to)
    assert counts == reference.Counts(read=1, written=1)


@pytest.mark.parametrize(
    ("to", "changes"),
    [
        pytest.param("chat", {"instruction": 1}, id="a number"),
        pytest.param("chat", {"cot_answer": False}, id="false"),
        pytest.param("completion", {"cot_answer": []}, id="a list"),
        pytest.param("completion", {"instruction": {}}, id="an object"),
        pytest.param("eval", {"question": 1}, id="the question"),
        pytest.param("eval", {"answer": 0}, id="the answer"),
        pytest.param("eval", {"context": 0}, id="context as a number"),
        pytest.param("eval", {"context": False}, id="context as false"),
        pytest.param("chat", {"instruction": "", "cot_answer": 1}, id="before any filter"),
    ],
)
def test_a_wrong_type_in_a_used_field_is_rejected(to: str, changes: dict[str, object]) -> None:
    with pytest.raises(Error) as caught:
        reference.convert_lines(b"\n" + line_of(**changes), to)
    assert (caught.value.kind, caught.value.line) == ("wrong-type", 2)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param(b"[]", "not-an-object", id="a list"),
        pytest.param(b"\x0c", "malformed", id="a form feed is no blank"),
        pytest.param(b'{"a":NaN}', "not-a-number", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "not-a-number", id="Infinity"),
        pytest.param(b'{"a":"\\ud800"}', "lone-surrogate", id="a lone high surrogate"),
        pytest.param(b'{"a":"\\\\\\ude00\\ud83d"}', "lone-surrogate", id="a swapped pair"),
        pytest.param(b'{"\\udc00":1}', "lone-surrogate", id="a lone surrogate in a key"),
        pytest.param(b'{"a":"\\ud800","a":1}', "lone-surrogate", id="in an overruled field"),
        pytest.param(b'{"a":"\xff"}', "malformed", id="not UTF-8"),
        pytest.param(b'{"a":' + b"[" * 1024 + b"]" * 1024 + b"}", "too-deep", id="depth 1025"),
        pytest.param(b"{}{}", "malformed", id="two values"),
        pytest.param(b'{"a":1e400', "malformed", id="cut off after 1e400"),
    ],
)
def test_malformed_lines_are_rejected(line: bytes, kind: str) -> None:
    lines = b"{}\n" + line + b"\n{}"
    rows, counts = reference.convert_lines(lines, "hf", on_error="skip")
    assert rows == b"{}\n{}\n"
    assert counts == reference.Counts(read=3, written=2, rejected=Counter([kind]))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"a":1e400}', id="1e400"),
        pytest.param(b'{"a":' + b"7" * 5000 + b"}", id="5000 digits"),
        pytest.param(b'{"a":1e400,"b":"\\ud83d\\ude00 \\\\ud800"}', id="1e400 beside a pair"),
        pytest.param(b'{"a":' + b"[" * 1023 + b"1e400" + b"]" * 1023 + b"}", id="depth 1024"),
        pytest.param(b'{"a":1e400,"b":"' + b"[" * 2000 + b'"}', id="brackets in a string"),
    ],
)
def test_what_orjson_refuses_but_json_allows_is_taken(line: bytes) -> None:
    assert reference.convert_lines(line, "hf")[0] == line + b"\n"


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param(b"", b"", id="an empty file"),
        pytest.param(b" \n\t\r\n\n", b"", id="only blank lines"),
        pytest.param(b"\xef\xbb\xbf", b"", id="only a BOM"),
        pytest.param(b"\xef\xbb\xbf{}\n", b"{}\n", id="a BOM before the first record"),
        pytest.param(b" {} \r\n\r\n\t{}", b"{}\n{}\n", id="CRLF, and no final newline"),
    ],
)
def test_blank_lines_and_marks_are_no_records(data: bytes, rows: bytes) -> None:
    assert reference.convert_lines(data, "hf")[0] == rows


def test_the_last_of_two_keys_wins_however_they_are_spelled() -> None:
    line = b'{"cot_answer":"c","instruction":"first","instr\\u0075ction":"last"}'
    assert row_of("completion", line) == {"prompt": "last", "completion": "c<STOP>"}


def test_a_field_that_no_record_has_is_an_error_that_lists_the_keys() -> None:
    lines = line_of(question=WITHOUT) + b"\n" + line_of(question=WITHOUT, id=1)
    with pytest.raises(Error, match="question, only context, cot_answer, inst") as caught:
        reference.convert_lines(lines, "eval")
    assert caught.value.kind == "missing-field"


@pytest.mark.parametrize(
    ("escape", "written"),
    [
        pytest.param("keep", '"ä/\x7f😀\u2028<\\"\\\\\\n\\u0001\\\\u007f"', id="keep"),
        pytest.param(
            "ascii",
            '"\\u00e4/\\u007f\\ud83d\\ude00\\u2028<\\"\\\\\\n\\u0001\\\\u007f"',
            id="ascii",
        ),
        pytest.param(
            "pandas",
            '"\\u00e4\\/\x7f\\ud83d\\ude00\\u2028<\\"\\\\\\n\\u0001\\\\u007f"',
            id="pandas",
        ),
    ],
)
def test_texts_are_escaped_as_python_and_pandas_escape_them(escape: str, written: str) -> None:
    text = 'ä/\x7f😀\u2028<"\\\n\x01\\u007f'
    assert reference.row_bytes(text, escape).decode() == written


@pytest.mark.parametrize(
    ("escape", "written"),
    [
        pytest.param("keep", b'{ "\\u00E4" : 1.50E2,\t"a\\/":[ "\xc3\xa4\\u002F" ] }', id="keep"),
        pytest.param("ascii", b'{ "\\u00e4" : 1.50E2,\t"a/":[ "\\u00e4/" ] }', id="ascii"),
        pytest.param("pandas", b'{"\\u00e4":1.50E2,"a\\/":["\\u00e4\\/"]}', id="pandas"),
    ],
)
def test_hf_escapes_strings_in_place_and_touches_no_number(escape: str, written: bytes) -> None:
    line = b' { "\\u00E4" : 1.50E2,\t"a\\/":[ "\xc3\xa4\\u002F" ] } \r\n'
    assert reference.convert_lines(line, "hf", escape=escape)[0] == written + b"\n"


def test_the_command_converts_a_file(tmp_path: Path) -> None:
    lines, rows = tmp_path / "lines.jsonl", tmp_path / "rows.jsonl"
    lines.write_bytes(line_of() + b"\n" + line_of(cot_answer=None) + b"\n")
    paths = [str(lines), str(rows)]
    command = [sys.executable, "-m", "raftfast.reference", *paths, "--to", "completion"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert rows.read_bytes() == reference.convert_lines(lines.read_bytes(), "completion")[0]
    assert "read=2, written=1" in done.stderr
