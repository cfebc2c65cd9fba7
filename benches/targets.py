"""Time every built-in target beside ``chat``, on one thread and to ``/dev/null``.

``python benches/targets.py`` makes the figures of docs/targets.md. Each round runs all of them
once, in another order. Targets that need a rejected answer take the question for one, and once more
the answers of other records, which are read before.
"""

from __future__ import annotations

import argparse
import random
import time
import warnings
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import raftfast
from raftfast.compare.table import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHAT = "chat"


class Case(NamedTuple):
    """A target, and where its rejected answers come from."""

    target: str
    rejected: str | None

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.target} --rejected {self.rejected}" if self.rejected else self.target


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=600, help="of the corpus (600)")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each target (9)")
    parser.add_argument("--style", default="escaped", choices=("escaped", "utf8"))
    parser.add_argument("--only", nargs="+", metavar="TARGET", help="time these beside chat")
    parser.add_argument("--scratch", type=Path, help="folder for the corpus (temporary)")
    return parser.parse_args()


def cases(only: list[str] | None) -> list[Case]:
    """List what is timed, ``chat`` first."""
    found = [Case(CHAT, None)]
    for target in raftfast.Converter.targets():
        if target.name == CHAT or (only and target.name not in only):
            continue
        ways = ("question", "other") if "rejected" in target.needs else (None,)
        found += [Case(target.name, way) for way in ways]
    return found


def seconds(corpus: Path, case: Case) -> float:
    """Convert the corpus once."""
    start = time.perf_counter()
    raftfast.convert(corpus, "/dev/null", case.target, threads=1, rejected=case.rejected)
    return time.perf_counter() - start


def main() -> None:
    """Write the corpus, time, print the table."""
    options = arguments()
    warnings.simplefilter("ignore", raftfast.RuleWarning)  # files that are too long for a consumer
    orders = random.Random(0)  # noqa: S311 - an order, and no secret
    everything = cases(options.only)
    times: dict[Case, list[float]] = {case: [] for case in everything}
    if options.scratch:
        options.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="raftfast-targets-", dir=options.scratch) as folder:
        corpus = Path(folder) / "corpus.jsonl"
        raftfast.sample(corpus, options.megabytes * 1_000_000, style=options.style)
        size = corpus.stat().st_size
        for number in range(options.rounds + 1):
            for case in orders.sample(everything, len(everything)):
                spent = seconds(corpus, case)
                if number > 0:  # the first warms up
                    times[case].append(spent)
    print(table(times, size))


def table(times: Mapping[Case, Sequence[float]], size: int) -> str:
    """Lay out the speeds, the fastest first."""
    middle = {case: median(spent) for case, spent in times.items()}
    yardstick = Case(CHAT, None)
    rows = [("rows", "GB/s", "times `chat`, medians", "minima")]
    for case in sorted(times, key=middle.__getitem__):
        ratio = middle[case] / middle[yardstick]
        least = min(times[case]) / min(times[yardstick])
        rows.append((case.name, f"{size / middle[case] / 1e9:.2f}", f"{ratio:.2f}", f"{least:.2f}"))
    return markdown(rows)


if __name__ == "__main__":
    main()
