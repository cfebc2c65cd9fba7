"""The entry of the command, which is also ``python -m raftfast``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from signal import SIG_DFL, SIG_IGN, SIGINT, getsignal, signal


def main() -> None:
    """Run the command line of this process, and end the process with its exit code."""
    if getsignal(SIGINT) is not SIG_IGN:
        # Ctrl-C during the imports ends the process without the traceback of a KeyboardInterrupt.
        signal(SIGINT, SIG_DFL)
    _refuse_to_start_without_memory()
    from raftfast import cli  # noqa: PLC0415

    _end(cli.main())


def _refuse_to_start_without_memory() -> None:
    try:
        from raftfast import pages  # noqa: PLC0415

        pages.ask()
    except (ImportError, MemoryError, OSError):
        with suppress(OSError):
            os.write(2, b"raftfast: out of memory\n")
        os._exit(1)


def _end(code: int) -> None:
    """End without taking the interpreter apart: there is nothing to clean up, and it takes 7 ms."""
    try:
        sys.stdout.flush()
    except OSError:
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()
