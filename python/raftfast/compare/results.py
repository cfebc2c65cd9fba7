"""The figures of a comparison, as they go into ``results.json``."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raftfast.compare.engines import Engine
    from raftfast.compare.measure import Sample

FLOORS = ("cat", "gzip", "zstd", "decoder")
PACKAGES = ("raftfast", "polars", "duckdb", "pyarrow", "orjson", "datasets")


@dataclass(frozen=True)
class Figure:
    """What one engine did on one corpus."""

    name: str
    label: str
    seconds: float
    """The median."""
    gb_per_second: float
    """Of the corpus as JSONL, whatever the form that was read, in 10⁹ bytes."""
    peak_mb: float
    """The highest resident set of all samples, in 10⁶ bytes."""
    samples: list[Sample]

    @property
    def disturbed(self) -> int:
        """Samples during which another process was busy, and that stayed so when taken again."""
        return sum(not sample.quiet for sample in self.samples)


@dataclass(frozen=True)
class Race:
    """What all engines did on one corpus."""

    corpus: str
    """Its name, and that of the road."""
    bytes: int
    """The size of the corpus as JSONL."""
    bytes_read: int
    """The size of what the engines read."""
    bytes_written: int
    """The size of what the first of them wrote."""
    least_peak_mb: float
    """The smallest peak that can be told: a figure at it means that or less."""
    figures: list[Figure]

    @property
    def floor(self) -> Figure | None:
        """The figure of what does nothing but copy or decode the input, if it took part."""
        return next((figure for figure in self.figures if figure.name in FLOORS), None)


@dataclass(frozen=True)
class Results:
    """A whole comparison."""

    machine: dict[str, str]
    rounds: int
    missing: list[str]
    races: list[Race] = field(default_factory=list)

    def as_json(self) -> str:
        """Write everything down, every sample included."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def summarise(engine: Engine, samples: Sequence[Sample], size: int) -> Figure:
    """Make the figure of an engine out of its samples on ``size`` bytes."""
    seconds = median(sample.seconds for sample in samples)
    return Figure(
        name=engine.name,
        label=engine.label,
        seconds=seconds,
        gb_per_second=size / seconds / 1e9,
        peak_mb=max(sample.peak_bytes for sample in samples) / 1e6,
        samples=list(samples),
    )


def machine() -> dict[str, str]:
    """Describe the machine and the versions, for a reader of the figures."""
    return {
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **versions(PACKAGES),
    }


def cpu_model() -> str:
    """Name the CPU as the kernel does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {package: list(distributions(name=package)) for package in packages}
    return {package: copies[0].version for package, copies in found.items() if copies}
