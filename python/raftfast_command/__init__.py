"""The entry of the command, outside the package so that it deals with Ctrl-C before that loads."""

# Not by way of `signal`: to import that takes 3 ms, in which Ctrl-C would be a traceback.
import _signal  # type: ignore[import-not-found] # what is in it, signal.pyi tells
import os
import sys


def main() -> None:
    """Run the command line of this process, and end the process with its exit code."""
    if _signal.getsignal(_signal.SIGINT) is not _signal.SIG_IGN:
        # Ctrl-C during the imports ends the process without the traceback of a KeyboardInterrupt.
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _end(_run())


def _run() -> int:
    import gc  # noqa: PLC0415

    # What is imported stays: looking for garbage in it takes 4 of 70 ms.
    gc.disable()
    try:
        from raftfast import pages  # noqa: PLC0415

        if not pages.has(pages.START):
            return _failed("out of memory")
        from raftfast import cli  # noqa: PLC0415
    except (ImportError, MemoryError, OSError, SystemError) as error:
        return _failed(f"cannot be loaded: {str(error) or 'out of memory'}")
    gc.freeze()
    gc.enable()
    return cli.main()


def _failed(why: str) -> int:
    try:  # noqa: SIM105 - to import contextlib takes memory
        os.write(2, f"raftfast: {ascii(why)[1:-1]}\n".encode())
    except OSError:
        pass
    return 1


def _end(code: int) -> None:
    """End without taking the interpreter apart: there is nothing to clean up, and it takes 7 ms."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        code = code or 1
    os._exit(code)
