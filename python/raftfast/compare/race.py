"""One corpus, all engines, round after round."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from raftfast.compare.measure import Sample, heat, least_peak, take, take_quiet, warm
from raftfast.compare.results import Race, summarise
from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from raftfast.compare.engines import Engine


class Course:
    """A corpus, and a folder beside it where the engines write."""

    def __init__(self, corpus: Path, folder: str) -> None:
        """Take a corpus and an empty folder on the same file system."""
        self.corpus = corpus.resolve()
        self.folder = Path(folder)

    @contextmanager
    def lap(self, engine: Engine) -> Iterator[tuple[Sample, Path]]:
        """Run an engine on the warm corpus, to a name never used before; then remove its rows."""
        # Writing onto an existing file makes ext4 flush it, which costs most of the speed.
        scratch = Path(mkdtemp(dir=self.folder))
        output = scratch / "rows.jsonl"
        paths = {"input": str(self.corpus), "output": str(output), "folder": str(scratch)}
        warm(self.corpus)
        heat(self.folder, self.corpus.stat().st_size)
        try:
            yield take(*engine.call(paths), self.folder), output
        finally:
            shutil.rmtree(scratch)

    def sample(self, engine: Engine) -> Sample:
        """Run an engine for its figures only."""
        with self.lap(engine) as (sample, _):
            return sample


@dataclass(frozen=True)
class Plan:
    """Who runs, and how often."""

    engines: Sequence[Engine]
    rounds: int
    retakes: int
    say: Callable[[str], None]


def race(name: str, corpus: Path, plan: Plan) -> Race:
    """Check that the engines agree on a corpus, then time them."""
    with TemporaryDirectory(prefix=".raftfast-bench-", dir=corpus.resolve().parent) as folder:
        course = Course(corpus, folder)
        plan.say(f"{name}: warming up, and comparing the rows")
        samples = rehearse(course, plan.engines)
        for number in range(plan.rounds):
            plan.say(f"{name}: round {number + 1} of {plan.rounds}")
            for engine in line_up(plan.engines, number):
                once = partial(course.sample, engine)
                samples[engine.name].append(take_quiet(once, plan.retakes))
        least = least_peak(course.folder)
    size = corpus.stat().st_size
    figures = [summarise(engine, samples[engine.name], size) for engine in plan.engines]
    return Race(name, size, least / 1e6, figures)


def line_up(engines: Sequence[Engine], number: int) -> Iterator[Engine]:
    """Order the engines for a round: forwards and backwards in turn."""
    timed = [engine for engine in engines if not engine.once]
    return reversed(timed) if number % 2 else iter(timed)


def rehearse(course: Course, engines: Sequence[Engine]) -> dict[str, list[Sample]]:
    """Run each engine once, to warm up and to compare its rows with those of the first.

    Returns:
        The samples by engine: only those that are timed once have one already.

    """
    first, *others = sorted(engines, key=lambda engine: not engine.converts)
    samples: dict[str, Sample] = {}
    with course.lap(first) as (samples[first.name], expected):
        for engine in others:
            with course.lap(engine) as (samples[engine.name], output):
                if engine.converts:
                    compare(expected, output, f"{engine.label} and {first.label}")
    return {engine.name: [samples[engine.name]] if engine.once else [] for engine in engines}


def compare(expected: Path, output: Path, who: str) -> None:
    """Raise an Error unless both files hold the same rows as JSON, in the same order."""
    with expected.open("rb") as left, output.open("rb") as right:
        for number, (one, other) in enumerate(zip_longest(left, right), 1):
            if one != other and not equal_rows(one, other):
                raise Error(f"{who} differ in row {number}")


def equal_rows(one: bytes | None, other: bytes | None) -> bool:
    """Tell whether two lines are the same row; ``None`` is the end of a file."""
    return one is not None and other is not None and bool(json.loads(one) == json.loads(other))
