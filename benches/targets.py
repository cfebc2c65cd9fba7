"""Time every built-in target beside ``chat``, on one thread to ``/dev/null``, or into files.

``python benches/targets.py`` makes the figures of docs/targets.md, with ``--files`` those from file
to file with two threads. Each round runs all of them once, in another order. Targets that need a
rejected answer take the question for one, and once more the answers of other records, which are
read before. Rows of text are timed with each chat template, targets with rules once more without a
check, and ``chat`` once more of a dialect that is named, which shows what it takes to tell it.
"""

from __future__ import annotations

import argparse
import random
import time
import warnings
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, NamedTuple

import raftfast
from raftfast.compare.table import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHAT = "chat"


class Case(NamedTuple):
    """A target, and how records become its rows."""

    target: str
    rejected: str | None = None
    template: str | None = None
    dialect: Literal["auto", "gorilla"] = "auto"
    check: Literal["warn", "off"] = "warn"

    @property
    def name(self) -> str:
        """What the table calls it: options that are not the defaults."""
        options = {
            "--rejected": self.rejected,
            "--template": self.template,
            "--from": self.dialect if self.dialect != "auto" else None,
            "--check": self.check if self.check != "warn" else None,
        }
        told = [f"{option} {value}" for option, value in options.items() if value]
        return " ".join([self.target, *told])


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=600, help="of the corpus (600)")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each target (9)")
    parser.add_argument("--style", default="escaped", choices=("escaped", "utf8"))
    parser.add_argument("--files", action="store_true", help="write into files, on two threads")
    parser.add_argument("--only", nargs="+", metavar="TARGET", help="time these beside chat")
    parser.add_argument("--scratch", type=Path, help="folder for the corpus (temporary)")
    return parser.parse_args()


def cases(only: list[str] | None) -> list[Case]:
    """List what is timed, ``chat`` first."""
    found = [Case(CHAT), Case(CHAT, dialect="gorilla")]
    for target in raftfast.Converter.targets():
        if target.name == CHAT:
            continue
        ways = ("question", "other") if "rejected" in target.needs else (None,)
        found += [Case(target.name, way) for way in ways]
        if target.rules:
            found.append(Case(target.name, ways[0], check="off"))
    found += [Case("text", template=template.name) for template in raftfast.Converter.templates()]
    return [case for case in found if not only or case.target in {CHAT, *only}]


class Run(NamedTuple):
    """What one conversion took and wrote."""

    seconds: float
    written: int


def run(corpus: Path, case: Case, *, files: bool) -> Run:
    """Convert the corpus once."""
    rows = corpus.with_name("rows.jsonl") if files else Path("/dev/null")
    threads = 2 if files else 1
    start = time.perf_counter()
    ledger = raftfast.convert(
        corpus,
        rows,
        case.target,
        threads=threads,
        dialect=case.dialect,
        rejected=case.rejected,
        check=case.check,
        template=case.template,
    )
    spent = time.perf_counter() - start
    if files:
        rows.unlink()
    return Run(spent, ledger.bytes_out)


def main() -> None:
    """Write the corpus, time, print the table."""
    options = arguments()
    warnings.simplefilter("ignore", raftfast.RuleWarning)  # files that are too long for a consumer
    orders = random.Random(0)  # noqa: S311 - an order, and no secret
    everything = cases(options.only)
    runs: dict[Case, list[Run]] = {case: [] for case in everything}
    if options.scratch:
        options.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="raftfast-targets-", dir=options.scratch) as folder:
        corpus = Path(folder) / "corpus.jsonl"
        raftfast.sample(corpus, options.megabytes * 1_000_000, style=options.style)
        size = corpus.stat().st_size
        for number in range(options.rounds + 1):
            for case in orders.sample(everything, len(everything)):
                done = run(corpus, case, files=options.files)
                if number > 0:  # the first warms up
                    runs[case].append(done)
    print(table(runs, size))


def table(runs: Mapping[Case, Sequence[Run]], size: int) -> str:
    """Lay out the speeds, the fastest first."""
    middle = {case: median(run.seconds for run in done) for case, done in runs.items()}
    least = {case: min(run.seconds for run in done) for case, done in runs.items()}
    yardstick = Case(CHAT)
    rows: list[tuple[str, ...]] = [
        ("rows", "GB/s", "times `chat`, medians", "minima", "bytes written")
    ]
    for case in sorted(runs, key=middle.__getitem__):
        ratios = [
            middle[case] / middle[yardstick],
            least[case] / least[yardstick],
            runs[case][0].written / runs[yardstick][0].written,
        ]
        speed = size / middle[case] / 1e9
        rows.append((case.name, f"{speed:.2f}", *(f"{ratio:.2f}" for ratio in ratios)))
    return markdown(rows)


if __name__ == "__main__":
    main()
