"""Compare raftfast with other ways to make chat rows: ``raftfast bench``, ``benches/compare.py``.

The main job reads and writes JSONL; on a road, one of both is another form of file.

Every engine is a whole process timed from outside. In each round they run one after the other, so
that a slow minute of the machine meets them all, and the rounds alternate in direction, so that
none always follows the same neighbour. The table holds medians. Before the first round each engine
runs once to warm up, and the rows of that run are compared with those of the first engine: a row
that differs ends the comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raftfast.compare.chart import chart, road_chart
from raftfast.compare.engines import choose, engines
from raftfast.compare.race import Plan, race
from raftfast.compare.results import Results, machine
from raftfast.compare.roads import PLAIN, find_roads, travellers
from raftfast.compare.table import table
from raftfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from raftfast.compare.engines import Engine
    from raftfast.compare.roads import Road

__all__ = ["run"]


def run(  # noqa: PLR0913 - each option is one of the command's, and has a default
    corpora: Mapping[str, Path],
    *,
    rounds: int = 5,
    threads: Sequence[int] = (1, 2),
    out: Path | None = None,
    only: Iterable[str] | None = None,
    roads: Iterable[str] | None = None,
    retakes: int = 10,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Time the engines on the corpora and return the figures as a Markdown table.

    Args:
        corpora: RAFT records as JSONL, by the name that the table gives them. The engines write
            beside each corpus, about as much as it holds, and everything is removed again.
        rounds: Samples of each engine, at least 1; believe a median of 5 or more.
        threads: How many threads raftfast gets, one row each; Polars and DuckDB get the most.
        out: A folder for ``results.json``, ``table.md`` and ``chart.svg``, or for ``roads.json``,
            ``roads.md`` and ``roads.svg``; made if missing.
        only: Names of engines (``raftfast`` means all of its rows); by default all.
        roads: Names of roads such as ``"jsonl-parquet"``, or ``"all"``; by default the main job.
        retakes: How often a sample is taken again because another process was busy meanwhile.
        say: Told what is going on, a line at a time.

    Raises:
        Error: An engine failed, or its rows are not those of the others.
        UsageError: There is no such engine or road, or nothing to compare.

    """
    entries = list(enter(roads, threads))
    chosen = choose([engine for _, all_engines in entries for engine in all_engines], only)
    present = [engine for engine in chosen if engine.installed]
    if not (corpora and present and rounds > 0):
        raise UsageError("a comparison needs a corpus, an engine and a round")
    races = []
    for road, all_engines in entries:
        plan = Plan([one for one in all_engines if one in present], rounds, retakes, say)
        for name, corpus in corpora.items():
            if plan.engines:
                title = name if road is PLAIN else f"{name}, {road.label}"
                races.append(race(title, corpus, plan, road))
    missing = dict.fromkeys(engine.label for engine in chosen if not engine.installed)
    results = Results(machine(), rounds, list(missing), races)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (save if roads is None else save_roads)(results, out)
    return table(results)


def enter(
    roads: Iterable[str] | None, threads: Sequence[int]
) -> Iterator[tuple[Road, list[Engine]]]:
    """List who takes part in the main job, or on each of the roads."""
    if roads is None:
        yield PLAIN, engines(threads)
        return
    for road in find_roads(roads):
        yield road, travellers(road, threads)


def save(results: Results, out: Path) -> None:
    """Write the figures of the main job, as data, table and chart."""
    (out / "results.json").write_text(results.as_json())
    (out / "table.md").write_text(table(results))
    (out / "chart.svg").write_text(chart(results))


def save_roads(results: Results, out: Path) -> None:
    """Write the figures of roads, as data, table and chart."""
    (out / "roads.json").write_text(results.as_json())
    (out / "roads.md").write_text(table(results))
    (out / "roads.svg").write_text(road_chart(results))
