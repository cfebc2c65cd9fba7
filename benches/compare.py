"""Time raftfast, ``cat`` and other tools side by side on sample corpora of both styles.

``python benches/compare.py --out docs/benchmark`` makes the table of the README, and with
``--road all`` those of the roads between other forms of files.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import raftfast
from raftfast.compare import run

STYLES: tuple[Literal["escaped", "utf8"], ...] = ("escaped", "utf8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2000, help="of each corpus (2000)")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each engine (5)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of raftfast (1 2)")
    parser.add_argument("--only", nargs="+", metavar="ENGINE", help="time these only")
    parser.add_argument("--road", nargs="+", metavar="ROAD", help="such as gz-jsonl, or all")
    parser.add_argument("--style", nargs="+", default=STYLES, choices=STYLES, help="of the corpora")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--scratch", type=Path, help="folder on the disk to measure (temporary)")
    return parser.parse_args()


def main() -> None:
    """Write the corpora, compare, print the table."""
    options = arguments()
    if options.scratch:
        options.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="raftfast-compare-", dir=options.scratch) as folder:
        corpora: dict[str, Path] = {}
        for style in options.style:
            corpora[style] = Path(folder) / f"{style}.jsonl"
            raftfast.sample(corpora[style], options.megabytes * 1_000_000, style=style)
        table = run(
            corpora,
            rounds=options.rounds,
            threads=options.threads,
            out=options.out,
            only=options.only,
            roads=options.road,
            say=lambda line: print(line, file=sys.stderr),
        )
    print(table)


if __name__ == "__main__":
    try:
        main()
    except raftfast.Error as error:
        sys.exit(f"compare.py: {error}")
