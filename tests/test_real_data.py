"""Files with known rows: those kept here, and Gorilla's own where they are at hand.

The rows kept here were not made by the code under test: those of ``ascii`` are by `json.dumps`,
those of ``pandas`` by pandas, and those of ``keep`` are cut from the lines by hand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from corpora import ESCAPES, EVERY_CPU, TARGETS, converter, converters, lines_of, one_outcome
from raftfast import reference

GOLDENS = Path(__file__).parent / "goldens"
CORPORA = ("plain", "unicode", "edges")


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("name", CORPORA)
def test_rows_are_those_that_gorilla_wrote(name: str, to: str, escape: str) -> None:
    lines = (GOLDENS / name / "input.jsonl").read_bytes()
    rows = (GOLDENS / name / f"{to}.{escape}.jsonl").read_bytes()
    assert one_outcome(converters(to, escape=escape), lines) == rows


@pytest.mark.parametrize("escape", ["ascii", "pandas"])
@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("name", CORPORA)
def test_the_reference_gives_the_rows_that_gorilla_wrote(name: str, to: str, escape: str) -> None:
    lines = (GOLDENS / name / "input.jsonl").read_bytes()
    rows = (GOLDENS / name / f"{to}.{escape}.jsonl").read_bytes()
    assert reference.convert_lines(lines, to, escape=escape)[0] == rows


# Gorilla's own files are not part of this project: the variable names the folder that has
# my_test.jsonl, its my_test_chat.jsonl and ds4.jsonl, from the history of ShishirPatil/gorilla.
REAL_DATA = Path(os.environ.get("RAFTFAST_REAL_DATA", "/nonexistent"))
needs_real_data = pytest.mark.skipif(
    not (REAL_DATA / "my_test.jsonl").exists(), reason="RAFTFAST_REAL_DATA names no folder with it"
)


def real(name: str) -> bytes:
    return (REAL_DATA / name).read_bytes()


@needs_real_data
@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("escape", ESCAPES)
def test_gorillas_records_become_gorillas_chat(escape: str, cpu: str) -> None:
    rows = converter(cpu, "chat", escape=escape).convert_bytes(real("my_test.jsonl"))
    expected = [json.loads(line) for line in lines_of(real("my_test_chat.jsonl"))]
    assert [json.loads(line) for line in lines_of(rows)] == expected
    assert len(expected) == 532


@needs_real_data
@pytest.mark.parametrize("cpu", EVERY_CPU)
def test_pandas_gives_gorillas_bytes_but_for_key_order(cpu: str) -> None:
    rows = converter(cpu, "chat", escape="pandas").convert_bytes(real("my_test.jsonl"))
    for row, expected in zip(lines_of(rows), lines_of(real("my_test_chat.jsonl")), strict=True):
        messages = json.loads(row)["messages"]
        texts = [
            b'{"content":%s,"role":"%s"}'
            % (reference.row_bytes(each["content"], "pandas"), each["role"].encode())
            for each in messages
        ]
        assert b'{"messages":[%s]}' % b",".join(texts) == expected
        for text in texts:
            content, role = text.removeprefix(b'{"content":')[:-1].rsplit(b',"role":', 1)
            assert b'{"role":%s,"content":%s}' % (role, content) in row


@needs_real_data
@pytest.mark.parametrize("name", ["my_test.jsonl", "ds4.jsonl"])
@pytest.mark.parametrize("escape", ESCAPES)
def test_hf_gives_gorillas_records_back(escape: str, name: str) -> None:
    rows = one_outcome(converters("hf", escape=escape), real(name))
    assert rows == reference.convert_lines(real(name), "hf", escape=escape)[0]
    if escape == "pandas":
        assert rows == real(name)


@needs_real_data
@pytest.mark.parametrize("escape", ["ascii", "pandas"])
@pytest.mark.parametrize("to", ["completion", "eval"])
def test_gorillas_records_become_the_rows_of_the_reference(to: str, escape: str) -> None:
    rows, _ = reference.convert_lines(real("my_test.jsonl"), to, escape=escape)
    assert one_outcome(converters(to, escape=escape), real("my_test.jsonl")) == rows
