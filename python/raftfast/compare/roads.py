"""The roads between forms of files: what goes in, what comes out, and who can take them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raftfast.compare.engines import COPY, GORILLA, Engine, program, raftfast, threads_text
from raftfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RIVALS = str(Path(__file__).with_name("road_rivals.py"))


@dataclass(frozen=True)
class Road:
    """From records in one form to chat rows in another.

    Attributes:
        name: The name for ``--road`` and in ``roads.json``.
        source: The ending of the input.
        output: The ending of the output.

    """

    name: str
    source: str
    output: str

    @property
    def label(self) -> str:
        """The name for people."""
        return self.name.replace("-", " → ")


PLAIN = Road("jsonl-jsonl", ".jsonl", ".jsonl")
ROADS = (
    Road("jsonl-arrow", ".jsonl", ".arrow"),
    Road("jsonl-parquet", ".jsonl", ".parquet"),
    Road("arrow-jsonl", ".arrow", ".jsonl"),
    Road("parquet-jsonl", ".parquet", ".jsonl"),
    Road("gz-jsonl", ".jsonl.gz", ".jsonl"),
    Road("zst-jsonl", ".jsonl.zst", ".jsonl"),
    Road("jsonl-gz", ".jsonl", ".jsonl.gz"),
    Road("jsonl-zst", ".jsonl", ".jsonl.zst"),
)


def find_roads(names: Iterable[str]) -> list[Road]:
    """Return the roads of these names; ``all`` stands for each."""
    wanted = list(names)
    known = {road.name: road for road in ROADS}
    for name in wanted:
        if name not in known and name != "all":
            raise UsageError(f"no road is called {name!r}; there are {', '.join(known)}, all")
    return [road for road in ROADS if road.name in wanted or "all" in wanted]


# Who takes a road ---------------------------------------------------------------------------------


def travellers(road: Road, threads: Sequence[int]) -> list[Engine]:
    """Return all that can be compared on a road; the rivals get the most threads of raftfast."""
    return [*map(raftfast, threads), *floors(road), *frames(max(threads)), datasets(road)]


def floors(road: Road) -> list[Engine]:
    """Return what no tool can be faster than: decoding alone, or else a copy of the input."""
    decompress = {".jsonl.gz": "gzip", ".jsonl.zst": "zstd"}.get(road.source)
    if decompress is None:
        return [COPY]
    alone = Engine(
        name=decompress,
        label=f"`{decompress} -dc in > /dev/null`",
        command=("sh", "-c", f'exec {decompress} -dc "$1" > /dev/null', "sh", "{input}"),
        programs=(decompress,),
        converts=False,
    )
    decoder = Engine(
        name="decoder",
        label="pyarrow decompresses to nowhere",
        command=program("decoder", "1", file=RIVALS),
        packages=("pyarrow",),
        converts=False,
    )
    return [alone, decoder]


def frames(threads: int) -> list[Engine]:
    """Return the tools that work on columns, on that many threads."""
    count = str(threads)
    named = threads_text(threads)
    return [
        Engine(
            name="polars",
            label=f"Polars scan → sink, {named}",
            command=program("polars", count, file=RIVALS),
            packages=("polars",),
            environment={"POLARS_MAX_THREADS": count},
        ),
        Engine(
            name="duckdb",
            label=f"DuckDB, {named}",
            command=program("duckdb", count, file=RIVALS),
            packages=("duckdb", "pyarrow"),
        ),
        Engine(
            name="pyarrow",
            label=f"pyarrow and Python, {named}",
            command=program("pyarrow", count, file=RIVALS),
            packages=("pyarrow", "orjson"),
            environment={"OMP_NUM_THREADS": count},  # by which pyarrow counts the threads it takes
        ),
    ]


def datasets(road: Road) -> Engine:
    """Return Hugging Face datasets, which needs a package more for zstd."""
    zstd = ("zstandard",) if road.name in ("zst-jsonl", "jsonl-zst") else ()
    return Engine(
        name="datasets",
        label="datasets load → map → save, once",
        command=program("datasets", "1", file=RIVALS),
        packages=("datasets", *zstd),
        environment=GORILLA.environment,
        once=True,
    )
