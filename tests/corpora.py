"""Corpora, oracles and the few verbs that the differential tests share."""

from __future__ import annotations

import itertools
import json
import os
import string
import threading
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest
from raftfast import _raftfast
from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

CPU_PATHS = ("portable", "avx2", "avx512")
TARGETS = ("chat", "completion", "eval", "hf")
ESCAPES = ("keep", "ascii", "pandas")


# CPU paths ----------------------------------------------------------------------------------------


def _paths_of_this_machine() -> tuple[str, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAFTFAST_CPU", raising=False)
        best = _raftfast.cpu_path()
    return CPU_PATHS[: CPU_PATHS.index(best) + 1]


MACHINE = _paths_of_this_machine()
EVERY_CPU = [
    pytest.param(
        path, marks=pytest.mark.skipif(path not in MACHINE, reason=f"no {path} on this machine")
    )
    for path in CPU_PATHS
]


def converter(cpu: str, to: str = "chat", **options: Any) -> _raftfast.Converter:  # noqa: ANN401
    """Make a converter that scans on the given CPU path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAFTFAST_CPU", cpu)
        return _raftfast.Converter(to, dialect="gorilla", **options)


def converters(to: str = "chat", **options: Any) -> list[_raftfast.Converter]:  # noqa: ANN401
    """Make one converter for each CPU path of this machine."""
    return [converter(cpu, to, **options) for cpu in MACHINE]


# Outcomes -----------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """All that an error says, but for the name of the input."""

    kind: str
    line: int | None
    offset: int | None
    message: str

    @classmethod
    def of(cls, error: Error) -> Fault:
        """Leave the name of the input out of the message."""
        message = str(error).removeprefix(f"{error.path}: ")
        return cls(error.kind, error.line, error.offset, message)


def outcome(converter: _raftfast.Converter, data: bytes) -> bytes | Fault:
    """Convert lines in memory: the rows, or the error."""
    try:
        return converter.convert_bytes(data)
    except Error as error:
        return Fault.of(error)


def one_outcome(converters: Iterable[_raftfast.Converter], data: bytes) -> bytes | Fault:
    """Convert on every CPU path; they must agree to the last word of the error."""
    outcomes = {outcome(each, data) for each in converters}
    assert len(outcomes) == 1, (data, outcomes)
    return outcomes.pop()


def lines_of(data: bytes) -> list[bytes]:
    """Split at LF only, as JSONL is."""
    *lines, rest = data.split(b"\n")
    return [*lines, rest] if rest else lines


def values_of(data: bytes) -> list[object]:
    """Parse rows with the standard library."""
    return [json.loads(line) for line in lines_of(data)]


# The oracle of the grammar: the standard library, made strict -------------------------------------


class Pairs(list[tuple[str, object]]):
    """An object with all of its keys, doubled ones too."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def is_strict_object(line: bytes) -> bool:
    """Tell whether ``json`` takes the line as an object without NaN and lone surrogates.

    It recurses, so lines of depth have tables of their own and are not for this oracle.
    """
    try:
        value = json.loads(
            line.decode(), object_pairs_hook=Pairs, parse_constant=_refuse, parse_int=float
        )
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return False
    return isinstance(value, Pairs)


# Sources ------------------------------------------------------------------------------------------


@contextmanager
def source(data: bytes, kind: str, folder: Path) -> Iterator[Path]:
    """Offer the bytes as a file or as a FIFO that is filled in pieces of odd sizes."""
    path = folder / f"corpus-{kind}.jsonl"
    if kind == "file":
        path.write_bytes(data)
        yield path
        return
    os.mkfifo(path)
    writer = threading.Thread(target=_feed, args=(path, data), daemon=True)
    writer.start()
    yield path
    writer.join(10)
    assert not writer.is_alive(), "the FIFO was never read to its end nor closed"
    path.unlink()


def _feed(path: Path, data: bytes) -> None:
    sizes = itertools.cycle([1, 7, 4096, 65537, 300_000])
    try:
        with path.open("wb", buffering=0) as fifo:
            rest = memoryview(data)
            while rest:
                written = fifo.write(rest[: next(sizes)])
                rest = rest[written or 0 :]
    except BrokenPipeError:
        pass  # an error ends the run before the input ends


class Run(NamedTuple):
    """What a run over files left behind."""

    rows: bytes | Fault
    ledger: dict[str, object]
    rejects: list[dict[str, object]]


def run(
    converter: _raftfast.Converter,
    inputs: Sequence[Path],
    folder: Path,
    **options: Any,  # noqa: ANN401
) -> Run:
    """Convert files into new files; what differs from run to run by right is left out."""
    output, rejects = folder / "rows.jsonl", folder / "rejects.jsonl"
    output.write_bytes(b"")
    rejects.write_bytes(b"")
    try:
        ledger = _raftfast.convert_files(inputs, output, converter, rejects=rejects, **options)
    except Error as error:
        return Run(Fault.of(error), {}, [])
    beyond_reference = {
        "seconds",
        "dialects",
        "also_fits",
        "repaired",
        "warned",
        "first_warned",
        "rejected_rules",
    }
    account = {k: value for k, value in ledger.as_dict().items() if k not in beyond_reference}
    reports = [json.loads(line) for line in lines_of(rejects.read_bytes())]
    return Run(output.read_bytes(), account, [{**each, "file": "-"} for each in reports])


# JSON in any spelling -----------------------------------------------------------------------------

SHORT = {
    '"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b",
    "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
}  # fmt: skip


def spell_char(char: str, rng: Random) -> str:
    """Write a character in one of the ways that JSON has for it."""
    raw_is_legal = char not in '"\\' and char >= " "
    ways = [char] * 4 if raw_is_legal else []
    if char in SHORT:
        ways += [SHORT[char]] * 2
    return rng.choice([*ways, _as_hex(char, rng)])


def _as_hex(char: str, rng: Random) -> str:
    units = char.encode("utf-16-be")
    escapes = (f"{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    return "".join("\\u" + rng.choice([hexes, hexes.upper()]) for hexes in escapes)


def spell_text(text: str, rng: Random) -> str:
    """Write a string, every character spelled on its own."""
    return '"' + "".join(spell_char(char, rng) for char in text) + '"'


def blank(rng: Random) -> str:
    """Write the white space between two tokens."""
    return rng.choice(["", "", "", " ", "\t", "\r", "  \t "])


def spell_pairs(pairs: Iterable[tuple[str, object]], rng: Random) -> str:
    """Write an object, whose keys may be doubled."""
    members = (f"{spaced(key, rng)}:{spaced(value, rng)}" for key, value in pairs)
    return "{" + (",".join(members) or blank(rng)) + "}"


def spaced(value: object, rng: Random) -> str:
    """Write a value between white space."""
    return f"{blank(rng)}{spell(value, rng)}{blank(rng)}"


def spell(value: object, rng: Random) -> str:
    """Write any value, with every freedom that the grammar leaves."""
    if isinstance(value, str):
        return spell_text(value, rng)
    if isinstance(value, dict):
        return spell_pairs(value.items(), rng)
    if isinstance(value, list):
        return "[" + (",".join(spaced(item, rng) for item in value) or blank(rng)) + "]"
    return json.dumps(value)


# Made corpora -------------------------------------------------------------------------------------

LETTERS = string.ascii_letters + string.digits + "      ,.;:!?/<>&'\"\\\n\t\x7fäßéœ€—文字😀\u2028"


def seeded(seed: int) -> Random:
    """Give the dice that fall the same way in every run."""
    return Random(seed)  # noqa: S311 - no secret depends on it


def some_text(rng: Random, length: int) -> str:
    """Write prose of a sort."""
    return "".join(rng.choices(LETTERS, k=length))


def some_record(rng: Random, number: int, size: int) -> dict[str, object]:
    """Make a record of about ``size`` characters."""
    documents = [some_text(rng, size // 8) for _ in range(4)]
    question = some_text(rng, 40)
    marked = "".join(f"<DOCUMENT>{document}</DOCUMENT>\n" for document in documents)
    record: dict[str, object] = {
        "id": f"seed_task_{number}",
        "type": "general",
        "question": question,
        "context": {"sentences": [documents], "title": [["placeholder_title"] * 4]},
        "cot_answer": f"{some_text(rng, 60)}\n<ANSWER>: {some_text(rng, 20)}",
        "instruction": marked + question,
        "score": rng.choice([0, -1.5, 1e21, True, None]),
    }
    if number % 3 == 0:
        record["answer"] = rng.choice([None, "", "no tag", "a <ANSWER>: b <ANSWER>: c"])
    if number % 17 == 5:
        record[rng.choice(["cot_answer", "instruction", "context"])] = rng.choice([None, ""])
    return record


def some_line(rng: Random, number: int, size: int) -> bytes:
    """Write a made record on a line, spelled at random, without the line end."""
    pairs = list(some_record(rng, number, size).items())
    rng.shuffle(pairs)
    return spell_pairs(pairs, rng).encode()
