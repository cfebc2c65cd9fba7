"""The entry of the command, which is also ``python -m raftfast``."""

from __future__ import annotations

from signal import SIG_DFL, SIG_IGN, SIGINT, getsignal, signal


def main() -> None:
    """Run the command line of this process, and end the process with its exit code."""
    if getsignal(SIGINT) is not SIG_IGN:
        # Ctrl-C during the imports ends the process without the traceback of a KeyboardInterrupt.
        signal(SIGINT, SIG_DFL)
    from raftfast import cli  # noqa: PLC0415

    cli.main()


if __name__ == "__main__":
    main()
