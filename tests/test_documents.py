"""Documents are the same texts, in the same spelling, wherever and however a record has them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import raftfast as library
from pyarrow import parquet
from raftfast import Converter

if TYPE_CHECKING:
    from pathlib import Path

TAGGED = r'"<DOCUMENT>A\u00e9</DOCUMENT>\n<DOCUMENT>B</DOCUMENT>\nQ"'
CONTEXTS = {
    "one list of all": r'{"title": [["t", "t"]], "sentences": [["A\u00e9", "B"]]}',
    "a list": r'{"title": ["t", "t"], "sentences": ["A\u00e9", "B"]}',
    "lists of one": r'{"sentences": [["A\u00e9"], ["B"]]}',
    "beside nulls": r'{"sentences": [null, ["A\u00e9", null, "B"]]}',
    "apart": '{ "title" : [ ] ,\t"sentences" : [ [ "A\\u00e9" ,\r "B" ] ] }',
    "before titles": r'{"sentences": [["A\u00e9", "B"]], "title": [["]}", "\"]"]]}',
    "after titles with quotes": r'{"t": ["\"]", "\\", "\\\""], "sentences": [["A\u00e9", "B"]]}',
    "after many titles": f'{{"title": {json.dumps(["t"] * 99)}, "sentences": [["A\\u00e9", "B"]]}}',
    "in a list of their own": r'["A\u00e9", "B"]',
    "instead of others": r'{"sentences": ["C"]}, "context": {"sentences": ["A\u00e9", "B"]}',
    "instead of a text": r'"<DOCUMENT>C</DOCUMENT>", "context": ["A\u00e9", "B"]',
    "under a key in another spelling": r'{"sent\u0065nces": [["A\u00e9", "B"]]}',
    "under a key that is there twice": r'{"sentences": [["C"]], "sentences": [["A\u00e9", "B"]]}',
    "in the instruction, not here": '{"title": [[]], "sentences": [[]]}',
    "tagged": TAGGED,
}
"""Contexts whose documents are two, the first with an escape."""


def line(context: str) -> bytes:
    instruction = TAGGED.encode()
    members = b'"question": "Q", "instruction": %s, "cot_answer": "C", "context": %s'
    return b"{" + members % (instruction, context.encode()) + b"}\n"


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_documents_are_written_as_they_are_spelled(context: str) -> None:
    row = Converter("context-qa").convert_bytes(line(context))
    assert row == b'{"context":"A\\u00e9\\n\\nB","question":"Q","answer":"C"}\n'


PARTED = {
    "by nothing": "",
    "by a line end": r"\n",
    "by an empty line": r"\n\n",
    "by a line end of Windows": r"\r\n",
    "by one in another spelling": r"\u000a",
    "by spaces": "  ",
    "in another spelling": r"<\/DOCUMENT>\n\u003cDOCUMENT>",
    "after another end": r"</DOCUMENT> and </DOCUMENT>\n<DOCUMENT>",
    "before another start": r"</DOCUMENT>\n<DOCUMENT> and <DOCUMENT>",
}


# Only a line end parted them: an empty line made one document of two, tags and all.
@pytest.mark.parametrize("between", PARTED.values(), ids=PARTED)
def test_documents_of_an_instruction_are_parted_by_their_tags(between: str) -> None:
    parted = between if "DOCUMENT" in between else f"</DOCUMENT>{between}<DOCUMENT>"
    instruction = f'"<DOCUMENT>A{parted}B</DOCUMENT>\\nQ"'
    line = f'{{"prompt": {instruction}, "completion": "C"}}\n'.encode()
    row = json.loads(Converter("raft").convert_bytes(line))
    said = json.loads(instruction).removeprefix("<DOCUMENT>").removesuffix("</DOCUMENT>\nQ")
    (documents,) = row["context"]["sentences"]
    assert documents == re.split(r"</DOCUMENT>\s*<DOCUMENT>", said)
    assert len(documents) == 2
    assert row["question"] == "Q"


def test_a_document_ends_with_the_last_tag_before_the_question() -> None:
    line = b'{"prompt": "<DOCUMENT>A</DOCUMENT>, not B</DOCUMENT>Q", "completion": "C"}\n'
    row = json.loads(Converter("raft").convert_bytes(line))
    assert row["context"]["sentences"] == [["A</DOCUMENT>, not B"]]


@pytest.mark.parametrize("count", [1, 62, 63, 64, 65, 200])
def test_documents_are_found_however_many_there_are(count: int) -> None:
    documents = [f'"{number}"\\' for number in range(count)]
    context = json.dumps({"title": [["t", '"']], "sentences": [documents]})
    row = json.loads(Converter("context-qa").convert_bytes(line(context)))
    assert row["context"] == "\n\n".join(documents)


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_documents_of_one_record_are_not_taken_for_those_of_the_next(context: str) -> None:
    others = [one for one in CONTEXTS.values() if one != context]
    rows = Converter("context-qa").convert_bytes(b"".join(map(line, [context, *others, context])))
    assert len(set(rows.splitlines())) == 1
    assert rows.count(b"\n") == len(CONTEXTS) + 1


@pytest.mark.parametrize("name", ["one list of all", "a list", "lists of one", "tagged"])
def test_documents_of_a_table_are_those_of_its_lines(name: str, tmp_path: Path) -> None:
    record = json.loads(line(CONTEXTS[name]))
    parquet.write_table(pa.Table.from_pylist([record]), tmp_path / "in.parquet")
    library.convert(tmp_path / "in.parquet", tmp_path / "out", "context-qa")
    row = {"context": "A\u00e9\n\nB", "question": "Q", "answer": "C"}
    assert json.loads((tmp_path / "out").read_bytes()) == row


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize(
    ("oracle", "reason"),
    [
        (r'"A\u00e9"', "oracle among documents"),
        ('"A\u00e9"', "oracle among documents"),
        (r'"\u00e9"', "oracle among documents"),
        ('"B"', "oracle among documents"),
        ('"C"', None),
        ('"u00e9"', None),
        ('"0e9"', None),
    ],
    ids=[
        "the first",
        "in another spelling",
        "a part of one",
        "the last",
        "none",
        *("an escape",) * 2,
    ],
)
def test_a_document_that_holds_the_answer_is_seen(
    context: str, oracle: str, reason: str | None
) -> None:
    converter = Converter("context-404")
    converter.convert_bytes(line(context)[:-2] + b', "oracle_context": %s}\n' % oracle.encode())
    assert converter.ledger.filtered == ({} if reason is None else {reason: 1})


ESCAPES = {
    "a tab": ("the end", r"col\the end", False),
    "a tab, and then": ("the end", r"col\the end, the end", True),
    "a backslash": ("the end", r"col\\the end", True),
    "a line end": (r"\nthe end", r"col\\nthe end", False),
    "a character": ("00e9", r"\u00e9", False),
    "a character, and then": ("00e9", r"\u00e9 00e9", True),
}


@pytest.mark.parametrize(("oracle", "document", "is_among"), ESCAPES.values(), ids=ESCAPES)
def test_an_escape_is_no_text_that_could_hold_the_answer(
    oracle: str, document: str, *, is_among: bool
) -> None:
    text = f'{{"sentences": ["{document}"]}}'
    converter = Converter("context-404")
    converter.convert_bytes(line(text)[:-2] + b', "oracle_context": "%s"}\n' % oracle.encode())
    assert bool(converter.ledger.filtered) is is_among


BESIDE_TURNS = """
name = "mine"
row = '''{
    "documents": [{"$each": "documents", "do": "{text}"}],
    "messages": [{"$each": "messages", "do": {"role": "{role}", "content": "{content}"}}]
}'''

[roles]
user = "user"
assistant = "assistant"
"""


def test_beside_documents_only_turns_are_listed_that_say_something(tmp_path: Path) -> None:
    target = tmp_path / "mine.toml"
    target.write_text(BESIDE_TURNS)
    said = b'{"context": ["A"], "question": "Q", "instruction": "I", "cot_answer": null}\n'
    row = {"documents": ["A"], "messages": [{"role": "user", "content": "I"}]}
    assert json.loads(Converter(str(target)).convert_bytes(said)) == row
