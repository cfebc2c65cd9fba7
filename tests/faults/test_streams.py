"""Standard streams: closed ones, slow ones, and those whose other end goes away."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from raftfast import Converter
from verdict import FAILED, ROADS, Done, Place, Road, give_rows, inputs, judge, judge_words, seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest_generate_tests = give_rows

CLOSED = {
    " and ".join(map(str, closed)): closed
    for count in (1, 2, 3)
    for closed in combinations((0, 1, 2), count)
}


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
def test_closed_descriptors_are_not_taken_for_files(
    closed: tuple[int, ...], road: Road, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", road, old=True)
    closing = " ".join(f"{descriptor}>&-" for descriptor in closed)
    done = place.run("/bin/sh", "-c", f'exec "$@" {closing}', "sh", stdout=subprocess.DEVNULL)
    assert seen(place.folder) == place.complete
    assert done.code == road.code
    assert bool(done.said) == (2 not in closed)


TAKEN = (0, 1, 1000, 100_000)
STREAMED = {
    "lines": "in.jsonl",
    "gz": "in.jsonl --compression gz --level 1",
    "zst": "in.jsonl --compression zst",
    "arrow": "in.jsonl --output-type arrow",
    "parquet": "in.jsonl --output-type parquet",
    "an array": "in.jsonl --to fastchat",
}


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("arguments", STREAMED.values(), ids=STREAMED)
def test_a_reader_that_has_enough_ends_the_run_quietly(
    arguments: str, taken: int, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", ROADS["jsonl"]._replace(arguments=arguments))
    with place.start(stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert len(process.stdout.read(taken)) == taken
        process.stdout.close()
        said = process.stderr.read()
    judge(place, Done(process.returncode, said), codes=[141])


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "lines": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
WRITES = (1, 7, 4096, 65537)
PIPED = Road("- -o to/out", ("to/out",))


@pytest.mark.parametrize("size", WRITES)
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_standard_input_may_come_in_any_pieces(
    pack: Callable[[bytes], bytes], size: int, tmp_path: Path
) -> None:
    lines = some_lines(30_000 if size < WRITES[2] else 600_000)
    place = Place(tmp_path / "place", PIPED)
    done = fed(place, pack(lines), size)
    assert done.code == 0, done
    judge_words(done)
    assert (place.folder / "to/out").read_bytes() == Converter("chat").convert_bytes(lines)


CUTS: dict[str, Callable[[bytes], int]] = {
    "in the first record": lambda _: 100,
    "in a record": lambda data: len(data) // 2,
    "before the end": lambda data: len(data) - 2,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_producer_that_dies_inside_a_record(
    pack: Callable[[bytes], bytes], cut: Callable[[bytes], int], tmp_path: Path
) -> None:
    data = pack(some_lines(600_000))
    place = Place(tmp_path / "place", PIPED, old=True)
    judge(place, fed(place, data[: cut(data)], 65537), codes=[FAILED])


def some_lines(size: int) -> bytes:
    """Give whole lines of about that many bytes."""
    data = inputs()["in.jsonl"]
    return data[: data.index(b"\n", size) + 1]


def fed(place: Place, data: bytes, size: int) -> Done:
    """Run on standard input that comes in writes of a size."""
    with place.start(stdin=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stderr
        with suppress(BrokenPipeError):  # an error ends the run before the input ends
            for start in range(0, len(data), size):
                process.stdin.write(data[start : start + size])
        process.stdin.close()
        said = process.stderr.read()
    return Done(process.returncode, said)
