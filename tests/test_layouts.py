"""No layout of a run shows in its results: block sizes, threads, sources, CPU paths."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
import raftfast
from corpora import (
    ESCAPES,
    EVERY_CPU,
    MACHINE,
    TARGETS,
    Fault,
    Run,
    converter,
    is_strict_object,
    lines_of,
    outcome,
    run,
    seeded,
    some_line,
    source,
    values_of,
)
from raftfast import _raftfast, reference

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = (1 << 10, 4 << 10, 256 << 10)
THREADS = (1, 2, 3, 16)
RNG = seeded(20240826)
LINE = b'{"question":"q","context":"c","cot_answer":"c","instruction":"%s"}'


def made(count: int, size: int) -> list[bytes]:
    return [some_line(RNG, number, RNG.randrange(size)) for number in range(count)]


def padded(length: int) -> bytes:
    """Make a line of this many bytes, its end not counted."""
    return LINE % (b"i" * (length + 2 - len(LINE)))


def ends_around_powers_of_two(distance: int) -> bytes:
    """Make lines that end at, just before or just after each power of two."""
    ends = [0, *((1 << power) + distance for power in range(7, 20))]
    return b"".join(padded(end - start - 1) + b"\n" for start, end in itertools.pairwise(ends))


def damaged(lines: list[bytes], *places: int) -> bytes:
    """Cut some of the lines."""
    return b"".join(
        (line[: len(line) // 2] if number in places else line) + b"\n"
        for number, line in enumerate(lines)
    )


SMALL, MIXED = made(600, 300), made(100, 8000)
LONG = [LINE % b"a", padded(300_000), LINE % b"b", padded(5000), padded(700_000), LINE % b"c"]
GOOD = {
    "small records": b"\n".join(SMALL) + b"\n",
    "records of all sizes": b"\n".join(MIXED) + b"\n",
    "records longer than a block": b"\n".join(LONG) + b"\n",
    "no final newline": b"\n".join(SMALL),
    "no final newline after a long record": b"\n".join(LONG[:2]),
    "CRLF": b"\r\n".join(SMALL) + b"\r\n",
    "CRLF and no final newline": b"\r\n".join(MIXED),
    "blank lines": b"\n \n\n\t\r\n".join(SMALL) + b"\n\n\n",
    "blank lines longer than a block": (b" " * 9000 + b"\n").join(SMALL[:9]) + b"\n" * 3000,
    "BOM": b"\xef\xbb\xbf" + b"\n".join(SMALL),
    "BOM and blank line": b"\xef\xbb\xbf\r\n" + b"\n".join(SMALL),
    "empty": b"",
    "only a newline": b"\n",
    "only blank lines": b" \t\r\n" * 5000,
    "only a BOM": b"\xef\xbb\xbf",
    "one record": SMALL[0],
    "one long record": LONG[4],
    "all filtered": b'{"question":"","context":"","cot_answer":"","instruction":""}\n' * 3000,
    **{
        f"lines that end {distance:+} around powers of two": ends_around_powers_of_two(distance)
        for distance in (-2, -1, 0, 1, 2)
    },
}
FAULTY = {
    "cut in the middle": damaged(MIXED, 70),
    "cut at the start": damaged(MIXED, 0),
    "cut at the end": damaged(MIXED, 99)[:-1],
    "two faults": damaged(MIXED, 20, 90),
    "faults side by side": damaged(SMALL, 500, 501, 502),
    "every third line": damaged(SMALL, *range(0, 600, 3)),
    "a fault in a long record": damaged(LONG, 4),
    "a fault after a long record": damaged(LONG, 5),
    "a fault after blank lines and BOM": b"\xef\xbb\xbf\n\n\r\n" + damaged(SMALL, 3),
    "a wrong type": b"\n".join([*SMALL, b'{"instruction":1}', *SMALL]),
    "a NUL tail": b"\n".join(SMALL) + b"\n" + b"\0" * 5000,
    "not JSON at all": b"\x80" * 3000 + b"\n" + b"[" * 300,
    "BOM in the middle": b"\n".join([*SMALL, b"\xef\xbb\xbf" + SMALL[0], *SMALL]),
}
LAYOUTS = list(itertools.product(BLOCKS, THREADS))


def runs(data: bytes, kind: str, folder: Path, core: raftfast.Converter) -> list[Run]:
    """Run over every block size and thread count."""
    found = []
    for block, threads in LAYOUTS:
        with source(data, kind, folder) as path:
            found.append(run(core, [path], folder, threads=threads, block_bytes=block))
    return found


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("kind", ["file", "fifo"])
@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_rows_and_ledger_depend_on_the_input_only(
    data: bytes, kind: str, cpu: str, tmp_path: Path
) -> None:
    rows, counts = reference.convert_lines(data, "chat", escape="ascii")
    ledger = {
        "read": counts.read,
        "added": 0,
        "written": counts.written,
        "filtered": dict(counts.filtered),
        "rejected": {},
        "blank": counts.blank,
        "bytes_in": len(data),
        "bytes_out": len(rows),
    }
    core = converter(cpu, "chat", escape="ascii")
    for layout, found in zip(LAYOUTS, runs(data, kind, tmp_path, core), strict=True):
        assert found == Run(rows, ledger, []), layout


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("kind", ["file", "fifo"])
@pytest.mark.parametrize("data", FAULTY.values(), ids=FAULTY)
def test_the_first_error_depends_on_the_input_only(
    data: bytes, kind: str, cpu: str, tmp_path: Path
) -> None:
    fault = outcome(converter("portable", "chat"), data)
    assert isinstance(fault, Fault)
    first = next(
        number
        for number, line in enumerate(lines_of(data.removeprefix(b"\xef\xbb\xbf")), 1)
        if line.strip() and (not is_strict_object(line) or b'"instruction":1' in line)
    )
    assert fault.line == first
    for layout, found in zip(
        LAYOUTS, runs(data, kind, tmp_path, converter(cpu, "chat")), strict=True
    ):
        assert found.rows == fault, layout


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("kind", ["file", "fifo"])
@pytest.mark.parametrize("data", FAULTY.values(), ids=FAULTY)
def test_rejects_depend_on_the_input_only(data: bytes, kind: str, cpu: str, tmp_path: Path) -> None:
    rows, counts = reference.convert_lines(data, "chat", escape="ascii", on_error="skip")
    places = list(rejected_lines(data))
    core = converter(cpu, "chat", escape="ascii", on_error="skip")
    first, *others = runs(data, kind, tmp_path, core)
    assert first.rows == rows
    assert first.ledger["written"] == counts.written
    assert first.ledger["filtered"] == counts.filtered
    assert [(each["line"], each["start"]) for each in first.rejects] == [
        (place.number, place.start) for place in places
    ]
    for each, place in zip(first.rejects, places, strict=True):
        raw = base64.b64decode(str(each["raw"]))
        assert raw.rstrip(b"\r\n") == place.line.rstrip(b"\r")
        assert isinstance(each["offset"], int)
        assert place.start <= each["offset"] <= place.start + len(place.line)
    kinds = [each["reason"] for each in first.rejects]
    assert first.ledger["rejected"] == {kind: kinds.count(kind) for kind in kinds}
    for layout, found in zip(LAYOUTS[1:], others, strict=True):
        assert found == first, layout


class Place(NamedTuple):
    number: int
    start: int
    line: bytes


def rejected_lines(data: bytes) -> list[Place]:
    """Find the lines that a skipping run rejects, by the standard library."""
    places, start = [], 3 if data.startswith(b"\xef\xbb\xbf") else 0
    for number, line in enumerate(lines_of(data[start:]), 1):
        if line.strip(b" \t\r") and (not is_strict_object(line) or b'"instruction":1' in line):
            places.append(Place(number, start, line))
        start += len(line) + 1
    return places


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("escape", ESCAPES)
def test_all_targets_are_the_same_on_every_path(to: str, escape: str, tmp_path: Path) -> None:
    data = GOOD["records of all sizes"]
    rows, _ = reference.convert_lines(data, to, escape=escape)
    found = {
        each.rows
        for cpu in MACHINE
        for kind in ("file", "fifo")
        for each in runs(data, kind, tmp_path, converter(cpu, to, escape=escape))
    }
    assert len(found) == 1
    same = found.pop()
    assert isinstance(same, bytes)
    assert values_of(same) == values_of(rows)
    assert escape == "keep" or same == rows


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("name", ["records of all sizes", "records longer than a block", "empty"])
def test_standard_input_and_output_carry_the_same_bytes(name: str, threads: int) -> None:
    program = (
        "from raftfast import Converter, _raftfast\n"
        "core = Converter('chat', escape='ascii')\n"
        f"_raftfast.convert_files(['-'], '-', core, threads={threads}, block_bytes=4096)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=GOOD[name], check=True, capture_output=True
    )
    assert done.stdout == reference.convert_lines(GOOD[name], "chat", escape="ascii")[0]


@pytest.mark.parametrize(("block", "threads"), LAYOUTS)
def test_several_inputs_become_one_output_in_order(
    block: int, threads: int, tmp_path: Path
) -> None:
    parts = [GOOD["BOM"], b"", GOOD["no final newline"], GOOD["only blank lines"], GOOD["CRLF"]]
    paths = [tmp_path / f"{number}.jsonl" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        path.write_bytes(part)
    found = run(
        converter(MACHINE[-1], escape="ascii"), paths, tmp_path, threads=threads, block_bytes=block
    )
    whole = b"".join(reference.convert_lines(part, escape="ascii")[0] for part in parts)
    assert found.rows == whole
    assert found.ledger["bytes_in"] == sum(map(len, parts))


@pytest.mark.parametrize("to", TARGETS)
def test_convert_is_the_same_road(to: str, tmp_path: Path) -> None:
    source_path, output = tmp_path / "corpus.jsonl", tmp_path / "rows.jsonl"
    source_path.write_bytes(GOOD["records of all sizes"])
    ledger = raftfast.convert(source_path, output, to=to, escape="pandas", block_bytes=4096)
    rows, counts = reference.convert_lines(GOOD["records of all sizes"], to, escape="pandas")
    assert output.read_bytes() == rows
    assert (ledger.read, ledger.written) == (counts.read, counts.written)
    assert ledger.filtered == counts.filtered


LIMIT = 5000
WITHIN_THE_LIMIT = {
    "below": padded(LIMIT - 1),
    "at": padded(LIMIT),
    "at, with its blanks": b" " + padded(LIMIT - 2) + b"\r",
}
OVER_THE_LIMIT = {
    "by one byte": padded(LIMIT + 1),
    "by a CR": padded(LIMIT) + b"\r",
    "by far": padded(700_000),
    "and malformed": b"[" * 700_000,
    "and blank": b" " * 700_000,
}


@pytest.mark.parametrize("kind", ["file", "fifo"])
@pytest.mark.parametrize("line", WITHIN_THE_LIMIT.values(), ids=WITHIN_THE_LIMIT)
def test_a_record_within_the_limit_is_taken(line: bytes, kind: str, tmp_path: Path) -> None:
    data = b"\n".join([SMALL[0], line, *SMALL, line])
    core = converter(MACHINE[-1], "hf", max_record_bytes=LIMIT)
    for layout, found in zip(LAYOUTS, runs(data, kind, tmp_path, core), strict=True):
        assert found.rows == reference.convert_lines(data, "hf")[0], layout


@pytest.mark.parametrize("kind", ["file", "fifo"])
@pytest.mark.parametrize("line", OVER_THE_LIMIT.values(), ids=OVER_THE_LIMIT)
def test_a_record_over_the_limit_is_rejected(line: bytes, kind: str, tmp_path: Path) -> None:
    data = b"\n".join([SMALL[0], line, *SMALL, line])
    rows, _ = reference.convert_lines(b"\n".join([SMALL[0], *SMALL]), "hf")
    skip = converter(MACHINE[-1], "hf", on_error="skip", max_record_bytes=LIMIT)
    first, *others = runs(data, kind, tmp_path, skip)
    assert first.rows == rows
    assert first.ledger["rejected"] == {"record-too-long": 2}
    assert first.ledger["bytes_in"] == len(data)
    assert [each["line"] for each in first.rejects] == [2, 3 + len(SMALL)]
    for each in first.rejects:
        raw = base64.b64decode(str(each["raw"]))
        assert line.startswith(raw)
        assert each.get("cut", False) == (len(raw) < len(line))
    for layout, found in zip(LAYOUTS[1:], others, strict=True):
        assert found == first, layout
    fail = converter(MACHINE[-1], "hf", max_record_bytes=LIMIT)
    faults = {found.rows for found in runs(data, kind, tmp_path, fail)}
    assert len(faults) == 1
    fault = faults.pop()
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.line, fault.offset) == ("record-too-long", 2, len(SMALL[0]) + 1)


def test_rejects_keep_the_first_mebibyte_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    whole, cut = b"x" * (1 << 20), b"x" * ((1 << 20) + 1)
    path.write_bytes(whole + b"\n" + cut + b"\n{}\n")
    found = run(converter(MACHINE[-1], "hf", on_error="skip"), [path], tmp_path)
    assert found.rows == b"{}\n"
    assert [base64.b64decode(str(each["raw"])) for each in found.rejects] == [whole, whole]
    assert [each.get("cut", False) for each in found.rejects] == [False, True]


@pytest.mark.parametrize("threads", THREADS)
def test_an_error_names_its_own_input_and_counts_its_lines(threads: int, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("good.jsonl", "bad.jsonl", "worse.jsonl")]
    data = [GOOD["small records"], FAULTY["cut in the middle"], FAULTY["not JSON at all"]]
    for path, content in zip(paths, data, strict=True):
        path.write_bytes(content)
    alone = outcome(converter(MACHINE[-1], "chat"), data[1])
    core = converter(MACHINE[-1], "chat")
    with pytest.raises(raftfast.Error) as caught:
        _raftfast.convert_files(paths, os.devnull, core, threads=threads, block_bytes=4096)
    assert caught.value.path == str(paths[1])
    assert Fault.of(caught.value) == alone


# Fields that no record has ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "field"),
    [
        ("chat", "instruction"),
        ("chat", "cot_answer"),
        ("completion", "cot_answer"),
        ("eval", "question"),
        ("eval", "context"),
    ],
)
@pytest.mark.parametrize("threads", THREADS)
def test_a_field_that_no_record_has_is_an_error_that_lists_the_keys(
    to: str, field: str, threads: int, tmp_path: Path
) -> None:
    path = tmp_path / "corpus.jsonl"
    record = {"cot_answer": "c", "instruction": "i", "context": "c", "question": "q", "more": 1}
    del record[field]
    path.write_bytes(json.dumps(record).encode() + b"\n\n" + b'{"other":1}\n' * 3000)
    found = run(converter(MACHINE[-1], to), [path], tmp_path, threads=threads, block_bytes=1024)
    assert isinstance(found.rows, Fault)
    assert found.rows.kind == "missing-field"
    assert field in found.rows.message
    assert all(key in found.rows.message for key in record)


@pytest.mark.parametrize("threads", THREADS)
def test_a_field_that_one_record_has_is_not_missing(threads: int, tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b"{}\n" * 3000 + LINE % b"i" + b"\n" + b"{}\n" * 3000)
    found = run(converter(MACHINE[-1], "eval"), [path], tmp_path, threads=threads, block_bytes=1024)
    assert found.ledger["filtered"] == {"cot_answer missing": 6000}
    assert found.ledger["written"] == 1


def test_the_keys_of_a_missing_field_are_told_on_one_short_line(tmp_path: Path) -> None:
    keys = ["\x1b[31m", "two\nlines", "\u202e", *(f"key {number}" for number in range(20_000))]
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps(dict.fromkeys(keys)))
    fault = run(converter(MACHINE[-1], "chat"), [path], tmp_path, threads=1, block_bytes=1024).rows
    assert isinstance(fault, Fault)
    assert fault.kind == "missing-field"
    assert fault.message.isprintable()
    assert len(fault.message) < 5000
