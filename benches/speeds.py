"""What the benchmarks share, as a plugin of pytest: sample corpora, and speeds in GB/s."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import raftfast

if TYPE_CHECKING:
    from pathlib import Path

Measure = Callable[..., None]
"""Called with a size in bytes and with the work; keeps the median speed for the summary."""

MEGABYTES = int(os.environ.get("RAFTFAST_BENCH_MB", "128"))
"""Of each corpus. Below 100 the branch predictor begins to learn the corpus by heart."""

STYLES = ("escaped", "utf8")
SPEEDS = pytest.StashKey[dict[str, float]]()


@pytest.fixture(scope="session", params=STYLES)
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a sample corpus of one style."""
    path: Path = tmp_path_factory.mktemp("corpus") / f"{request.param}.jsonl"
    raftfast.sample(path, MEGABYTES * 1_000_000, style=request.param)
    return path


@pytest.fixture
def measure(request: pytest.FixtureRequest, benchmark: Any) -> Measure:  # noqa: ANN401
    """Give what times some work on so many bytes: once to warm up, then five rounds."""

    def run(size: int, work: Callable[..., Any], **how: Any) -> None:  # noqa: ANN401
        benchmark.pedantic(work, rounds=5, warmup_rounds=1, **how)
        if benchmark.stats is not None:
            speed = round(size / benchmark.stats.stats.median / 1e9, 2)
            benchmark.extra_info["GB/s"] = speed
            request.config.stash.setdefault(SPEEDS, {})[request.node.name] = speed

    return run


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401
    """Print the speeds, which the table of seconds does not show."""
    speeds = config.stash.get(SPEEDS, {})
    if speeds:
        terminalreporter.section("GB of input per second, medians")
    for name, speed in speeds.items():
        terminalreporter.line(f"{speed:8.2f}  {name}")
