"""The figures of a comparison as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raftfast.compare.results import Figure, Race, Results

METHOD = (
    "Whole processes, input in the page cache, a new output file each time; medians of {rounds}, "
    "interleaved. GB/s are of the corpus as JSONL. All rows were compared and are equal."
)


def table(results: Results) -> str:
    """Write a table for each corpus, and under them what they were measured on."""
    parts = [*map(race_table, results.races), notes(results)]
    return "\n".join(parts)


def race_table(race: Race) -> str:
    """Write the table of one corpus; the last columns say by how much raftfast is faster."""
    ours = [figure for figure in race.figures if figure.name.startswith("raftfast-")]
    floor = f"of `{race.floor.name}`" if race.floor else ""
    head = ["", "ms", "GB/s", floor, "peak MB"]
    head += [f"times faster: {figure.label}" for figure in ours]
    rows = [cells(figure, race, ours) for figure in race.figures]
    return f"**{race.corpus}** ({sizes(race)})\n\n{markdown([head, *rows])}"


def sizes(race: Race) -> str:
    """Say how large the corpus is, and the files if they are of another form."""
    corpus, read, written = (
        f"{size / 1e6:,.0f} MB" for size in (race.bytes, race.bytes_read, race.bytes_written)
    )
    came = "" if race.bytes_read == race.bytes else f", read as {read}"
    return f"{corpus}{came}, written as {written}"


def cells(figure: Figure, race: Race, ours: Sequence[Figure]) -> list[str]:
    """Write the row of one engine."""
    return [
        f"**{figure.label}**" if figure in ours else figure.label,
        f"{figure.seconds * 1000:,.0f}",
        short(figure.gb_per_second),
        short(race.floor.seconds / figure.seconds) if race.floor else "",
        peak(figure, race),
        *(short(figure.seconds / our.seconds) for our in ours),
    ]


def short(number: float) -> str:
    """Write a figure with as many digits as it deserves."""
    if number >= 10:  # noqa: PLR2004 - two digits are enough before the point
        return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"  # noqa: PLR2004
    return f"{number:.2f}" if number >= 0.1 else f"{number:.3f}"  # noqa: PLR2004


def peak(figure: Figure, race: Race) -> str:
    """Write the peak memory, which cannot be told below that of the launcher."""
    if figure.peak_mb <= race.least_peak_mb * 1.05:
        return f"≤ {race.least_peak_mb:.0f}"
    return f"{figure.peak_mb:,.0f}"


def markdown(rows: Iterable[Sequence[str]]) -> str:
    """Lay out rows, the first of which is the head, with all columns but the first to the right."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    rule = "| --- |" + " ---: |" * (head.count(" | "))
    return "\n".join([head, rule, *body]) + "\n"


def notes(results: Results) -> str:
    """Say how the figures came about, and what is not as it should be."""
    about = results.machine
    versions = ", ".join(
        f"{name} {about[name]}" for name in about if name not in ("cpu", "cores", "memory")
    )
    lines = [
        METHOD.format(rounds=results.rounds),
        f"{about['cpu']}, {about['cores']} cores, {about['memory']}; {versions}.",
    ]
    if results.missing:
        lines.append(f"Not installed: {'; '.join(results.missing)}.")
    if disturbed := disturbances(results):
        lines.append(f"Another process was busy during samples of: {'; '.join(disturbed)}.")
    return "\n".join(lines) + "\n"


def disturbances(results: Results) -> list[str]:
    """Name the engines with samples that stayed disturbed however often they were taken again."""
    return [
        f"{figure.label} on {race.corpus} ({figure.disturbed} of {len(figure.samples)})"
        for race in results.races
        for figure in race.figures
        if figure.disturbed
    ]
