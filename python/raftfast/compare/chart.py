"""The figures of a comparison as a bar chart: an SVG that needs nothing but itself."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raftfast.compare.results import Figure, Race, Results

WIDTH = 800
LABELS = 250
"""Width of the column of labels."""
VALUES = 90
"""Width kept free at the right for the value of the longest bar."""
BAR = 13
GAP = 2
SPACE = 14
"""Height between the bars of two engines."""
TOP = 62
TITLE = "RAFT JSONL to chat rows, file to file: GB of input per second"
ROADS_TITLE = "RAFT records to chat rows, between other forms: GB of JSONL per second"

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  .title { font-size: 16px; font-weight: 600; fill: #1f2328; }
  .label { fill: #1f2328; }
  .ours { font-weight: 600; }
  .value { font-size: 12px; fill: #59636e; font-variant-numeric: tabular-nums; }
  .axis { stroke: #d1d9e0; }
  .raftfast-0 { fill: #c2410c; } .raftfast-1 { fill: #fb923c; }
  .other-0 { fill: #6e7781; } .other-1 { fill: #afb8c1; }
  @media (prefers-color-scheme: dark) {
    .title, .label { fill: #f0f6fc; }
    .value { fill: #9198a1; }
    .axis { stroke: #3d444d; }
    .raftfast-0 { fill: #f97316; } .raftfast-1 { fill: #fdba74; }
    .other-0 { fill: #8b949e; } .other-1 { fill: #57606a; }
  }
"""
"""Two shades of orange for raftfast, two of grey for the others: one for each corpus in turn."""


def chart(results: Results) -> str:
    """Draw GB/s of input, a group of bars for each engine and in it a bar for each corpus."""
    races = results.races
    step = len(races) * (BAR + GAP) + SPACE
    height = TOP + len(races[0].figures) * step
    groups = (
        group(TOP + row * step, [race.figures[row] for race in races], scale(races))
        for row in range(len(races[0].figures))
    )
    parts = [*frame(TITLE, height), *legend(races), *(line for lines in groups for line in lines)]
    return "\n".join([opening(height), *parts, "</svg>\n"])


def road_chart(results: Results) -> str:
    """Draw GB/s of the corpus as JSONL, a block for each road and in it a bar for each engine."""
    pixels = scale(results.races)
    bars: list[str] = []
    top = TOP
    for race in results.races:
        bars.append(text(0, top + BAR, "label ours", race.corpus))
        for figure in race.figures:
            top += BAR + SPACE // 2
            bars += group(top, [figure], pixels)
        top += 2 * (BAR + SPACE // 2)
    return "\n".join([opening(top), *frame(ROADS_TITLE, top), *bars, "</svg>\n"])


def opening(height: int) -> str:
    """Open the document; ``role`` and ``aria-label`` are for those who hear it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="Gigabytes of input per second, by engine">\n'
        f"<style>{STYLE}</style>"
    )


def frame(title: str, height: int) -> list[str]:
    """Draw the title and the line on which the bars stand."""
    return [
        text(0, 18, "title", title),
        f'<line class="axis" x1="{LABELS}" x2="{LABELS}" y1="{TOP - 6}" y2="{height - 8}"/>',
    ]


def legend(races: Sequence[Race]) -> Iterator[str]:
    """Name the shades."""
    for number, race in enumerate(races):
        x = LABELS + number * 150
        for column, family in enumerate(("raftfast", "other")):
            yield box(x + column * 14, 32, 12, f"{family}-{number % 2}")
        yield text(x + 34, 43, "value", race.corpus)


def scale(races: Sequence[Race]) -> float:
    """Return the pixels of 1 GB/s."""
    best = max(figure.gb_per_second for race in races for figure in race.figures)
    return (WIDTH - LABELS - VALUES) / best


def group(top: int, figures: Sequence[Figure], pixels: float) -> Iterator[str]:
    """Draw one engine: its label and a bar for each corpus."""
    ours = figures[0].name.startswith("raftfast-")
    middle = top + len(figures) * (BAR + GAP) / 2 + 4
    label = figures[0].label.replace("`", "")
    yield text(LABELS - 10, middle, "label ours" if ours else "label", label, anchor="end")
    for number, figure in enumerate(figures):
        y = top + number * (BAR + GAP)
        width = max(1.0, figure.gb_per_second * pixels)
        yield box(LABELS, y, width, f"{'raftfast' if ours else 'other'}-{number % 2}")
        yield text(LABELS + width + 6, y + BAR - 2, "value", value(figure.gb_per_second))


def value(gb_per_second: float) -> str:
    """Write the figure at the end of a bar."""
    if gb_per_second >= 1:
        return f"{gb_per_second:.1f}"
    return f"{gb_per_second:.2f}" if gb_per_second >= 0.1 else f"{gb_per_second:.3f}"  # noqa: PLR2004


def box(x: float, y: float, width: float, kind: str) -> str:
    """Draw a bar."""
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:.1f}" height="{BAR - 1}" rx="2"/>'
    )


def text(x: float, y: float, kind: str, words: str, *, anchor: str = "start") -> str:
    """Write a line of text."""
    where = f'x="{x:.1f}" y="{y:g}"'
    return f'<text class="{kind}" {where} text-anchor="{anchor}">{escape(words)}</text>'
