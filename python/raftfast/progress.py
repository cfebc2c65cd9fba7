"""A bar with speed and time left."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from raftfast import pages
from raftfast.paths import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BAR = pages.START + (8 << 20)
"""As much as a run takes that draws a bar, to load which takes 6 MB."""


@contextmanager
def bar(output: str, *, wanted: bool | None) -> Iterator[Callable[[int, int | None], None] | None]:
    """Draw a progress bar on standard error until the block ends, then take it away.

    None is drawn where a limit leaves memory for the run alone.

    Args:
        output: Where the run writes; a bar must not be drawn into rows on the terminal.
        wanted: Whether to draw it; by default where it would be seen.

    Yields:
        What to call with the bytes done and the bytes in all, or ``None`` without a bar.

    """
    if not (_is_seen(output) if wanted is None else wanted) or not pages.has(_BAR):
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415 - 50 ms that only a bar needs

    tqdm.monitor_interval = 0  # no thread of its own: ticks come often enough
    with tqdm(unit="B", unit_scale=True, leave=False, dynamic_ncols=True) as drawn:

        def tick(done: int, total: int | None) -> None:
            drawn.total = total
            with suppress(OSError):  # nobody looks any more, which is no reason to stop
                drawn.update(done - drawn.n)

        yield tick


def _is_seen(output: str) -> bool:
    among_rows = output == STANDARD and os.isatty(1)
    return sys.stderr is not None and sys.stderr.isatty() and not among_rows
