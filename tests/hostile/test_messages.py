"""No data, whatever it holds, is obeyed by a terminal or fills it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pytest
from cases import GOOD
from tables import arrows, table
from verdicts import clear

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from forked import Command

pytest_plugins = ["forked"]

# A terminal's commands in 7 and 8 bits, line ends of all sorts, all that reorders text.
OBEYED = (
    "\x1b]0;t\x07\x1b[2J\x9b31m\r\n\x85\u2028\u2029\u061c\u200e\u200f\u202a\u202e\u2066\u2069\x7f\0"
)
ESCAPED = json.dumps(OBEYED)[1:-1].encode()
LEGAL = "\x7f\x9b\x85\u2028\u061c\u202e\u2066".encode()
LONG = OBEYED * 50_000


class Speaker(NamedTuple):
    """Data that gets into a message.

    Attributes:
        data: The input.
        arguments: What is done with it.
        ending: That of its name.
        words: What the message says beside it.

    """

    data: bytes | Callable[[], bytes]
    words: str
    arguments: tuple[str, ...] = ("convert", "-o", "rows")
    ending: str = ".jsonl"


HF = ("convert", "--to", "hf", "-o", "rows")
HF_COLUMNS = ("convert", "--to", "hf", "-o", "rows.parquet")
VALIDATE = ("validate", "--to", "openai")


def row(**members: object) -> bytes:
    """Write a row for OpenAI, with members in place of the right ones."""
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", **members}]
    return json.dumps({"messages": turns}).encode() + b"\n"


SPEAKERS = {
    "beside a fault": Speaker(b'{"instruction":"%s",NaN' % (LEGAL * 9), "NaN"),
    "beside a fault, long": Speaker(b'{"a":NaN,"b":"%s"}' % (LEGAL * 99_999), "NaN"),
    "as the fault": Speaker(b'{"instruction":"%s"}' % OBEYED.encode(), "control character"),
    "as a whole line": Speaker(OBEYED.encode() * 99, "expected"),
    "in a key beside a fault": Speaker(b'{"%s":01}' % (LEGAL * 9), "expected"),
    "in keys of a record of no dialect": Speaker(b'{"%s":1,"b":2}\n' % ESCAPED, "no known dialect"),
    "in a long key of a record of no dialect": Speaker(b'{"%s":1}\n' % (ESCAPED * 9999), "no known dialect"),
    "beside turns that are none": Speaker(GOOD + b'{"type":"%s","messages":1}' % ESCAPED, "array"),
    "in a role": Speaker(b'{"messages":[{"role":"%s","content":"q"}]}' % ESCAPED, "turn 1"),
    "in a key of mixed types": Speaker(b'{"%s":1}\n{"%s":[]}\n' % (ESCAPED, ESCAPED), "holds", HF_COLUMNS),
    "in a long key of mixed types": Speaker(b'{"%s":1}\n{"%s":[]}\n' % ((ESCAPED * 9999,) * 2), "holds", HF_COLUMNS),
    "in a role of a row": Speaker(row(role=OBEYED), "wrong", VALIDATE),
    "in a long role of a row": Speaker(row(role=LONG), "wrong", VALIDATE),
    "in a key of a row": Speaker(row(**{OBEYED: 1}), "wrong", VALIDATE),
    "in a long key of a row": Speaker(row(**{LONG: 1}), "wrong", VALIDATE),
    "in a row that is no JSON": Speaker(b'{"messages":"%s\x1b' % LEGAL, "wrong", VALIDATE),
    "in the name of a column": Speaker(lambda: arrows(table(**{OBEYED: [b"", b""]})), "Binary", HF, ".arrows"),
    "in the long name of a column": Speaker(lambda: arrows(table(**{LONG: [b"", b""]})), "Binary", HF, ".arrows"),
    "in the name of a column twice": Speaker(
        lambda: arrows(pa.table([["q"], ["a"]], [OBEYED, OBEYED])), "several columns", HF, ".arrows"
    ),
    "in the long name of a column twice": Speaker(
        lambda: arrows(pa.table([["q"], ["a"]], [LONG, LONG])), "several columns", HF, ".arrows"
    ),
    "in the type of a column": Speaker(
        lambda: arrows(table(instruction=[{LONG: 1}, {LONG: 2}])), "found Struct", ending=".arrows"
    ),
}  # fmt: skip


@pytest.mark.parametrize("speaker", SPEAKERS.values(), ids=SPEAKERS)
def test_data_in_a_message_is_harmless(speaker: Speaker, command: Command, tmp_path: Path) -> None:
    source = tmp_path / f"corpus{speaker.ending}"
    source.write_bytes(speaker.data if isinstance(speaker.data, bytes) else speaker.data())
    verb, *arguments = speaker.arguments
    outputs = [str(tmp_path / word) if word.startswith("rows") else word for word in arguments]
    ended = command(verb, source, *outputs)
    assert ended.code == 1, ended.said
    assert speaker.words in ended.said
    for line in ended.said.removesuffix("\n").split("\n"):
        clear(line + "\n", source)
    assert verb == "validate" or ended.said.count("\n") == 1
