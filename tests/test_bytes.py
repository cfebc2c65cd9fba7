"""No position of a byte in its string, nor in the blocks of a scanner, changes the verdict."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from corpora import EVERY_CPU, Fault, converter, converters, is_strict_object, one_outcome
from raftfast import Converter, reference

OFFSETS = range(131)

# Where the string with the bytes in question stands; `%s` is its content.
PLACES = {
    "used": b'{"instruction":"%s","cot_answer":"c"}',
    "used, last": b'{"cot_answer":"c","instruction":"%s"}',
    "unused": b'{"id":"%s","instruction":"i","cot_answer":"c"}',
    "nested": b'{"context":{"sentences":[["%s"]]},"instruction":"i","cot_answer":"c"}',
    "key": b'{"%s":1,"instruction":"i","cot_answer":"c"}',
    "nested key": b'{"context":{"%s":[]},"instruction":"i","cot_answer":"c"}',
    "tail": b'{"instruction":"i","cot_answer":"c","tail":"%s"}',
}

BAD = {
    "raw NUL": (b"\0", "control-character"),
    "raw newline's neighbour": (b"\x0b", "control-character"),
    "raw tab": (b"\t", "control-character"),
    "raw CR": (b"\r", "control-character"),
    "raw U+001F": (b"\x1f", "control-character"),
    "escaped x": (b"\\x41", "invalid-escape"),
    "escaped zero": (b"\\0", "invalid-escape"),
    "escaped apostrophe": (b"\\'", "invalid-escape"),
    "escaped capital N": (b"\\N", "invalid-escape"),
    "escaped control": (b"\\\x01", "invalid-escape"),
    "escaped two-byte character": (b"\\\xc3\xa4", "invalid-escape"),
    "capital U": (b"\\U0041", "invalid-escape"),
    "G in the fourth digit": (b"\\u12G4", "invalid-escape"),
    "g in the last digit": (b"\\u123g", "invalid-escape"),
    "colon, after the digits": (b"\\u00:0", "invalid-escape"),
    "slash, before the digits": (b"\\u00/0", "invalid-escape"),
    "at sign, before the letters": (b"\\u@000", "invalid-escape"),
    "backquote, before the letters": (b"\\u000`", "invalid-escape"),
    "raw UTF-8 in the digits": (b"\\u00\xc3\xa4", "invalid-escape"),
    "pair cut in its low half": (b"\\ud83d\\ude0", "lone-surrogate"),
    "lone high surrogate": (b"\\ud800", "lone-surrogate"),
    "lone low surrogate": (b"\\udFFF", "lone-surrogate"),
    "swapped pair": (b"\\ude00\\ud83d", "lone-surrogate"),
    "two high surrogates": (b"\\uD83D\\uD83D\\uDE00", "lone-surrogate"),
    "high surrogate before another escape": (b"\\ud83d\\n", "lone-surrogate"),
    "high surrogate before another letter": (b"\\ud83d\\u0041", "lone-surrogate"),
    "high surrogate before an escaped backslash": (b"\\ud83d\\\\ude00", "lone-surrogate"),
    "low surrogate after a pair": (b"\\ud83d\\ude00\\ude00", "lone-surrogate"),
    "lone continuation": (b"\x80", "invalid-utf8"),
    "last continuation": (b"\xbf", "invalid-utf8"),
    "two-byte character, then a continuation": (b"\xc3\xa4\xa4", "invalid-utf8"),
    "overlong NUL": (b"\xc0\x80", "invalid-utf8"),
    "overlong DEL": (b"\xc1\xbf", "invalid-utf8"),
    "overlong in three bytes": (b"\xe0\x9f\xbf", "invalid-utf8"),
    "overlong in four bytes": (b"\xf0\x8f\xbf\xbf", "invalid-utf8"),
    "first surrogate": (b"\xed\xa0\x80", "invalid-utf8"),
    "last surrogate": (b"\xed\xbf\xbf", "invalid-utf8"),
    "above U+10FFFF": (b"\xf4\x90\x80\x80", "invalid-utf8"),
    "F5": (b"\xf5\x80\x80\x80", "invalid-utf8"),
    "FE": (b"\xfe", "invalid-utf8"),
    "FF": (b"\xff", "invalid-utf8"),
    "two bytes cut after 1": (b"\xc3", "invalid-utf8"),
    "three bytes cut after 1": (b"\xe2", "invalid-utf8"),
    "three bytes cut after 2": (b"\xe2\x82", "invalid-utf8"),
    "four bytes cut after 1": (b"\xf0", "invalid-utf8"),
    "four bytes cut after 2": (b"\xf0\x9f", "invalid-utf8"),
    "four bytes cut after 3": (b"\xf0\x9f\x98", "invalid-utf8"),
}

LEGAL = {
    "DEL": b"\x7f",
    "first of two bytes": b"\xc2\x80",
    "two bytes": b"\xc3\xa4",
    "last of two bytes": b"\xdf\xbf",
    "first of three bytes": b"\xe0\xa0\x80",
    "last before the surrogates": b"\xed\x9f\xbf",
    "first after the surrogates": b"\xee\x80\x80",
    "last of three bytes": b"\xef\xbf\xbf",
    "first of four bytes": b"\xf0\x90\x80\x80",
    "U+10FFFF": b"\xf4\x8f\xbf\xbf",
    "BOM": b"\xef\xbb\xbf",
    "U+2028": b"\xe2\x80\xa8",
    "U+0085": b"\xc2\x85",
    "surrogate pair": b"\\ud83D\\uDe00",
    "highest pair": b"\\udbff\\udfff",
    "two pairs": b"\\ud83d\\ude00\\ud83d\\ude01",
    "just below the surrogates": b"\\ud7ff",
    "just above the surrogates": b"\\ue000",
    "escaped NUL": b"\\u0000",
    "escaped quote": b'\\"',
    "quote by its number": b"\\u0022",
    "escaped backslash": b"\\\\",
    "backslash by its number": b"\\u005c",
    "escaped backslash, then u": b"\\\\ud800",
    "escaped backslash, then a quote": b'\\\\\\"',
    "all short escapes": b"\\b\\f\\n\\r\\t\\/",
    "brackets and commas": b"}],:{[",
}

# What follows the bytes in their string: the quote at once, or more than a block.
TAILS = (b"", b"t" * 70)


class Case(NamedTuple):
    line: bytes
    """A line with the bytes in question"""
    start: int
    """and where they start in it."""


def cases(place: str, content: bytes) -> list[Case]:
    """Move the content through every offset of its string."""
    before, after = PLACES[place].split(b"%s")
    return [
        Case(before + b"a" * offset + content + tail + after, len(before) + offset)
        for offset in OFFSETS
        for tail in TAILS
    ]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("content", "kind"), BAD.values(), ids=BAD)
def test_bad_bytes_are_rejected_alike_at_every_offset(
    content: bytes, kind: str, place: str
) -> None:
    every_cpu = converters("chat")
    found = set()
    for line, start in cases(place, content):
        fault = one_outcome(every_cpu, b"\n" + line + b"\n")
        assert isinstance(fault, Fault), line
        assert fault.offset is not None
        found.add((fault.kind, fault.line, fault.offset - 1 - start))
    assert len(found) == 1, found
    found_kind, found_line, distance = found.pop()
    assert (found_kind, found_line) == (kind, 2)
    assert 0 <= distance <= len(content)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("content", LEGAL.values(), ids=LEGAL)
def test_legal_bytes_are_taken_alike_at_every_offset(content: bytes, place: str) -> None:
    lines = b"\n".join(case.line for case in cases(place, content))
    rows, _ = reference.convert_lines(lines, "chat", escape="ascii")
    assert one_outcome(converters("chat", escape="ascii"), lines) == rows
    for each in converters("chat"):
        for case, row in zip(cases(place, content), rows.splitlines(), strict=True):
            assert json.loads(each.convert_bytes(case.line)) == json.loads(row)


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("content", LEGAL.values(), ids=LEGAL)
def test_keep_copies_the_very_bytes(content: bytes, cpu: str) -> None:
    core = converter(cpu, "completion", stop="")
    for place in ("used", "used, last"):
        before, after = PLACES[place].split(b"%s")
        for case in cases(place, content):
            text = case.line.removeprefix(before).removesuffix(after)
            row = b'{"prompt":"%s","completion":"c"}\n' % text
            assert core.convert_bytes(case.line) == row


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("place", PLACES)
def test_runs_of_backslashes_end_where_they_end(place: str, cpu: str) -> None:
    core = converter(cpu, "hf", on_error="skip")
    before, after = PLACES[place].split(b"%s")
    for length in range(1, 201):
        run = b"\\" * length
        # An odd run escapes what follows: a quote that then closes nothing, or one to spare.
        endings = (after, b'"' + after, b"n" + after, b"u0041" + after)
        lines = [
            before + b"a" * offset + run + ending
            for offset in (*range(0, 130, 13), *range(60, 68))
            for ending in endings
        ]
        taken = b"".join(line + b"\n" for line in lines if is_strict_object(line))
        assert core.convert_bytes(b"\n".join(lines)) == taken, length


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("place", ["used", "unused", "tail"])
def test_every_byte_after_every_offset_is_judged_as_json_does(place: str, cpu: str) -> None:
    core = converter(cpu, "hf", on_error="skip")
    for content in (bytes([byte]) for byte in range(256) if byte != ord("\n")):
        lines = [case.line for case in cases(place, content)]
        taken = b"".join(line + b"\n" for line in lines if is_strict_object(line))
        assert core.convert_bytes(b"\n".join(lines)) == taken, content


def wide_characters() -> list[str]:
    """Give the first and the last character of every UTF-8 length and of every lead byte."""
    leads = [
        *range(0x80, 0x800, 0x40),
        *range(0x800, 0x10000, 0x1000),
        *range(0x10000, 0x110000, 0x10000),
    ]
    edges = {code + step for code in leads for step in (-1, 0, 1)}
    return [chr(code) for code in sorted(edges) if not 0xD800 <= code <= 0xDFFF and code > 0x7F]


@pytest.mark.parametrize("cpu", EVERY_CPU)
def test_wide_characters_cross_every_block_boundary(cpu: str) -> None:
    core: Converter = converter(cpu, "completion", stop="", escape="ascii")
    for character in wide_characters():
        line = b"\n".join(
            PLACES["used"] % (b"a" * offset + character.encode() * 3) for offset in range(66)
        )
        assert (
            core.convert_bytes(line)
            == reference.convert_lines(line, "completion", stop="", escape="ascii")[0]
        )
