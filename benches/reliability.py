"""How raftfast and other tools take hostile inputs and a hostile system, as a table.

``python benches/reliability.py --out docs/benchmark`` makes the table of the README: the cases of
``tests/hostile`` and the hazards of ``hazards.py``, for the thin scripts of ``contestants.py``. It
takes five minutes. ``--tool raftfast --check full --megabytes 20`` tries a part of it.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import raftfast
from contestants import TOOLS
from hazards import HAZARDS, Ended, Found, Scene, ended, start
from raftfast.compare.results import machine
from raftfast.compare.table import markdown

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/hostile"))

from cases import GOOD, LARGE, LINES, TEXT, Case, Refused
from containers import CONTAINERS
from verdicts import OBEYED, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CASES = [case for case in (*LINES, *LARGE, *CONTAINERS) if not case.is_choice]
LABELS = {"orjson": "orjson loop", "duckdb": "DuckDB", "polars": "Polars", "raftfast": "raftfast"}
MEMORY = 8 << 30
"""Bytes of addresses that a case may take."""

NOTES = """\
Each cell counts trials that went wrong. {count} inputs are jsonl, gz and zst: {refused} must be
refused, because a line is not one JSON object (RFC 8259) in valid UTF-8, the file is cut, damaged
or followed by something else (RFC 1952, RFC 8878), or text is asked for and another type is there;
the others must be taken, row for row. What no standard decides, as doubled names, byte order marks
or blank lines, is left out. Every tool is a thin script as its documentation shows it
([contestants.py]), orjson with `gzip` and `zstandard`; raftfast is its command. The hazards are
those of [hazards.py], on {megabytes} MB. A full disk is a tmpfs with room for 0 to 95 % of the
rows, or `RLIMIT_FSIZE` where nothing can be mounted; `ulimit -v` goes from 48 to 2,048 MB, and
a run of half a minute hangs. What each trial showed is in [reliability.json].

[contestants.py]: ../../benches/contestants.py
[hazards.py]: ../../benches/hazards.py
[reliability.json]: reliability.json
"""


# Inputs -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a tool made of a case."""

    case: Case
    ended: Ended
    rows: bytes | None
    """The file under the final name, if there is one."""

    @property
    def is_taken(self) -> bool:
        """Whether the tool said that all is well."""
        return self.ended.code == 0

    def has_pairs(self, pairs: tuple[tuple[str, str], ...]) -> bool:
        """Compare questions and answers."""
        try:
            return pairs_of(self.rows or b"") == pairs
        except (ValueError, KeyError, TypeError):
            return False


def took_bad(one: Outcome) -> bool:
    """Tell an input that is no JSON or no whole file, and was taken."""
    verdict = one.case.verdict
    return one.is_taken and isinstance(verdict, Refused) and not verdict.words.startswith(TEXT)


def made_wrong_rows(one: Outcome) -> bool:
    """Tell other rows than there have to be, such as text out of a number."""
    verdict = one.case.verdict
    if isinstance(verdict, Refused):
        return one.is_taken and verdict.words.startswith(TEXT)
    return one.is_taken and not one.has_pairs(verdict.pairs)


def refused_good(one: Outcome) -> bool:
    """Tell an input that is right, and was not taken."""
    return not one.is_taken and not isinstance(one.case.verdict, Refused)


def left_partial(one: Outcome) -> bool:
    """Tell an output that is there though the run failed."""
    return not one.is_taken and one.rows is not None


def obeyed(one: Outcome) -> bool:
    """Tell messages in which data reaches a terminal as a command to it."""
    said = one.ended.said.decode(errors="surrogateescape")
    return OBEYED.search(said.replace("\n", "").replace("\t", "")) is not None


def crashed(one: Outcome) -> bool:
    """Tell a run that a signal ended, or that had to be ended."""
    return one.ended.code is None or one.ended.code < 0


INPUTS: dict[str, Callable[[Outcome], bool]] = {
    "took what must be refused": took_bad,
    "wrong rows": made_wrong_rows,
    "refused what is right": refused_good,
    "partial output left after a refused input": left_partial,
    "control bytes from the data on the terminal": obeyed,
    "crash or hang": crashed,
}


def outcomes(tool: str, cases: Sequence[Case], folder: Path) -> Iterator[Outcome]:
    """Convert each case."""
    output = folder / "rows.jsonl"
    for case in cases:
        source = folder / case.file
        source.write_bytes(without_blank(case.make()))
        done = ended(start(tool, "convert", source, output, {resource.RLIMIT_AS: MEMORY}))
        yield Outcome(case, done, output.read_bytes() if output.exists() else None)
        output.unlink(missing_ok=True)
        source.unlink()


def without_blank(data: bytes) -> bytes:
    """Take away the blank line before a value of the tests, which no standard allows or forbids."""
    return GOOD + data[len(GOOD) + 1 :] if data.startswith(GOOD + b"\n") else data


def found_in(outcomes: Sequence[Outcome]) -> dict[str, Found]:
    """Count what went wrong, by the row of the table."""
    return {
        row: Found.counted([one.case.name for one in outcomes if is_wrong(one)], len(outcomes))
        for row, is_wrong in INPUTS.items()
    }


# The table ----------------------------------------------------------------------------------------

Table = dict[str, dict[str, Found]]
"""What was found by tool and row."""


def measured(options: argparse.Namespace, folder: Path) -> Table:
    """Do everything that is asked for with each tool."""
    corpus = folder / "corpus.jsonl"
    raftfast.sample(corpus, options.megabytes * 1_000_000)
    table: Table = {}
    for tool in options.tool:
        say(f"{tool}: {options.cases} inputs")
        table[tool] = found_in(list(outcomes(tool, CASES[: options.cases], folder)))
        scene = Scene.of(tool, corpus, folder)
        for row, hazard in HAZARDS.items():
            if hazard.__name__ in options.check:
                say(f"{tool}: {row}")
                table[tool][row] = hazard(scene)
    return table


def say(line: str) -> None:
    """Tell what is going on."""
    print(line, file=sys.stderr, flush=True)


def rendered(table: Table, options: argparse.Namespace) -> str:
    """Write the table as Markdown, and how it came about."""
    head = ["", *(LABELS[tool] for tool in table)]
    rows = [
        [row, *(found[row].told for found in table.values())] for row in next(iter(table.values()))
    ]
    cases = CASES[: options.cases]
    refused = sum(isinstance(case.verdict, Refused) for case in cases)
    notes = NOTES.format(count=len(cases), refused=refused, megabytes=options.megabytes)
    versions = ", ".join(f"{name} {version}" for name, version in machine().items())
    return f"{markdown([head, *rows])}\n{notes}\nMeasured with: {versions}.\n"


def save(table: Table, options: argparse.Namespace) -> None:
    """Write the table, and each trial that went wrong."""
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "reliability.md").write_text(rendered(table, options))
    found = {tool: {row: asdict(one) for row, one in rows.items()} for tool, rows in table.items()}
    text = json.dumps({"machine": machine(), "found": found}, indent=1, ensure_ascii=False)
    (options.out / "reliability.json").write_text(text + "\n")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    checks = [hazard.__name__ for hazard in HAZARDS.values()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", nargs="+", default=list(TOOLS), choices=TOOLS)
    parser.add_argument("--check", nargs="*", default=checks, choices=checks, help="hazards (all)")
    parser.add_argument("--cases", type=int, default=len(CASES), help="the first inputs only")
    parser.add_argument("--megabytes", type=int, default=100, help="for the hazards (100)")
    parser.add_argument("--out", type=Path, help="folder for the results")
    return parser.parse_args()


def main() -> None:
    """Measure and print the table."""
    options = arguments()
    # Jobs in the background of a shell ignore it, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with TemporaryDirectory(prefix="raftfast-reliability-") as folder:
        table = measured(options, Path(folder))
    print(rendered(table, options))
    if options.out is not None:
        save(table, options)


if __name__ == "__main__":
    main()
