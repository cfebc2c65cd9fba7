"""What a run came to, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raftfast._raftfast import __version__
from raftfast.files import blaming
from raftfast.paths import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


def write_report(path: str, run: Mapping[str, object]) -> None:
    """Write the report of a run.

    Args:
        path: What to open for writing; ``"-"`` is standard output.
        run: Its names and options, and its account.

    """
    import json  # noqa: PLC0415 - 7 ms that a run without a report need not pay

    facts = {"raftfast": __version__, **run}
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    with blaming(path), _opened(path) as file:
        file.write(text)


def _opened(path: str) -> TextIO:
    # Descriptor 1, because sys.stdout may be replaced. Lone bytes of file names become escapes of
    # JSON, which Python reads as the same name.
    if path == STANDARD:
        return open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    return open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123
