"""One corpus, one road, all engines, round after round."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from raftfast.compare.inputs import prepare
from raftfast.compare.measure import Sample, heat, least_peak, take, take_quiet, warm
from raftfast.compare.results import Race, summarise
from raftfast.compare.roads import PLAIN, Road
from raftfast.compare.rows import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from raftfast.compare.engines import Engine


class Course:
    """What the engines read, and a folder where they write.

    Attributes:
        source: The corpus, in the form that the road begins with.
        folder: The folder.
        bytes: The size of the corpus as JSONL, in which all speeds are told.

    """

    def __init__(self, corpus: Path, road: Road, folder: Path) -> None:
        """Take a corpus and an empty folder on the same file system."""
        self.source = prepare(corpus.resolve(), road.source, folder)
        self.folder = folder
        self.bytes = corpus.stat().st_size
        self._output = f"rows{road.output}"

    @contextmanager
    def lap(self, engine: Engine) -> Iterator[tuple[Sample, Path]]:
        """Run an engine on the warm input, to a name never used before; then remove its rows."""
        # Writing onto an existing file makes ext4 flush it, which costs most of the speed.
        scratch = Path(mkdtemp(dir=self.folder))
        output = scratch / self._output
        paths = {"input": str(self.source), "output": str(output), "folder": str(scratch)}
        warm(self.source)
        heat(self.folder, self.bytes)
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


def race(name: str, corpus: Path, plan: Plan, road: Road = PLAIN) -> Race:
    """Check that the engines agree on a corpus, then time them."""
    with TemporaryDirectory(prefix=".raftfast-bench-", dir=corpus.resolve().parent) as folder:
        plan.say(f"{name}: warming up, and comparing the rows")
        course = Course(corpus, road, Path(folder))
        samples, written = rehearse(course, plan.engines)
        for number in range(plan.rounds):
            plan.say(f"{name}: round {number + 1} of {plan.rounds}")
            for engine in line_up(plan.engines, number):
                once = partial(course.sample, engine)
                samples[engine.name].append(take_quiet(once, plan.retakes))
        least = least_peak(course.folder)
        read = course.source.stat().st_size
    figures = [summarise(engine, samples[engine.name], course.bytes) for engine in plan.engines]
    return Race(name, course.bytes, read, written, least / 1e6, figures)


def line_up(engines: Sequence[Engine], number: int) -> Iterator[Engine]:
    """Order the engines for a round: forwards and backwards in turn."""
    timed = [engine for engine in engines if not engine.once]
    return reversed(timed) if number % 2 else iter(timed)


def rehearse(course: Course, engines: Sequence[Engine]) -> tuple[dict[str, list[Sample]], int]:
    """Run each engine once, to warm up and to compare its rows with those of the first.

    Returns:
        The samples by engine, of which only those that are timed once have one already, and how
        many bytes the first engine wrote.

    """
    first, *others = sorted(engines, key=lambda engine: not engine.converts)
    samples: dict[str, Sample] = {}
    with course.lap(first) as (samples[first.name], expected):
        written = size(expected)
        for engine in others:
            with course.lap(engine) as (samples[engine.name], output):
                if engine.converts:
                    compare(expected, output, f"{engine.label} and {first.label}")
    kept = {engine.name: [samples[engine.name]] if engine.once else [] for engine in engines}
    return kept, written


def size(output: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; none if nothing was written."""
    files = output.iterdir() if output.is_dir() else [output]
    return sum(file.stat().st_size for file in files if file.is_file())
