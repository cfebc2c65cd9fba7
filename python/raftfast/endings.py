"""How the command ends: signals, exit codes, and one line on standard error."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from signal import (
    ITIMER_REAL,
    SIG_IGN,
    SIGALRM,
    SIGHUP,
    SIGINT,
    SIGPIPE,
    SIGTERM,
    getsignal,
    setitimer,
    signal,
)
from typing import TYPE_CHECKING, NamedTuple

import click

from raftfast.errors import Error, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

FAILED, USAGE, REJECTED = 1, 2, 3
_SIGNALS = (SIGINT, SIGTERM, SIGHUP)
_SOON = 0.001
"""Seconds after which a signal is heard that came where nothing could be raised."""


class Stopped(BaseException):
    """A signal asks the command to end; not an ``Exception``, so that nothing takes it for a fault.

    Attributes:
        number: The signal.

    """

    def __init__(self, number: int) -> None:
        """Keep which signal it was."""
        super().__init__(number)
        self.number = number


class Ended(NamedTuple):
    """How the work of a command came to its end.

    Attributes:
        code: The exit code.
        last: What is to be said when all else is done and let go, so that a run that has said how
            it ended has nothing left to do in which it could still be killed. To let go of the
            memory of other threads alone opens a file of ``/proc``.

    """

    code: int = 0
    last: tuple[str, ...] = ()

    def told(self) -> int:
        """Say what is to be said last; return the exit code."""
        for message in self.last:
            tell(message)
        return self.code


def run(work: Callable[[], Ended]) -> int:
    """Do the work of a command, and turn every way it can end into an exit code.

    Args:
        work: Tells how a run ended that came to its end, or raises.

    Returns:
        The exit code for the process.

    """
    _fill_standard_descriptors()
    try:
        ended = _outcome(work)
    except Stopped as late:  # at the very end of the work; no other can come
        ended = _cut_short(late)
    return ended.told()


def _outcome(work: Callable[[], Ended]) -> Ended:
    try:
        _listen()
        ended = work()
        outcome_stands()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it ends as one line
        outcome_stands()
        return _cut_short(error)
    return ended


def _cut_short(error: BaseException) -> Ended:
    """Tell how a run ended that did not come to its end."""
    code, message = _verdict(error)
    _abandon_stdout()
    return Ended(code, (message,) if message else ())


def outcome_stands() -> None:
    """Hear no signals from here on: what is done is done, and the exit code has to say so.

    They are caught and not ignored: Python tells on standard error of one that is pending when it
    comes to be ignored. Those that `run` does not listen to are those of another program, and left
    as they are.
    """
    _Heard.enough = True


def tell(message: str) -> None:
    """Say something on standard error, as one line; if nobody listens, that is no failure."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"raftfast: {visible(message)}\n")
            sys.stderr.flush()


def say(text: str, end: str = "\n") -> None:
    """Say something on standard output, which is named if it cannot be written to."""
    from raftfast.files import blaming  # noqa: PLC0415 - it is not needed to say nothing

    with blaming("<stdout>"):
        print(text, end=end, flush=True)  # noqa: T201 - as it is meant


def visible(text: str) -> str:
    """Escape what a terminal would obey or could not show: controls, bidi marks, lone bytes."""
    return text.translate(_ESCAPES)


def _escapes() -> dict[int, str]:
    """Map C0, DEL, C1, line separators, bidi controls and surrogates to what is shown instead."""
    controls = [*range(0x20), *range(0x7F, 0xA0)]
    marks = [0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
    surrogates = range(0xD800, 0xE000)
    # Python holds a byte of a file name that is not UTF-8 as a surrogate.
    lone_bytes = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
    return {
        **{code: f"\\x{code:02x}" for code in controls},
        **{code: f"\\u{code:04x}" for code in [*marks, *surrogates]},
        **lone_bytes,
    }


_ESCAPES = _escapes()


class _Heard:
    """What signals came to."""

    enough = False
    """Whether none is to be heard any more: one was, or the outcome stands."""
    lost: Stopped | None = None
    """What was raised where nothing could be."""


def _listen() -> None:
    _Heard.enough = False
    sys.unraisablehook = _stop_if_lost
    for number in _SIGNALS:
        if getsignal(number) is not SIG_IGN:  # nohup and background jobs ignore some
            signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    _stop_once(Stopped(number))


def _stop_once(stopped: Stopped) -> None:
    if not _Heard.enough:
        _Heard.enough = True  # a second signal must not interrupt the cleaning up
        _Heard.lost = None
        try:
            raise stopped
        finally:
            del stopped  # the frame is in its traceback: what is held there would never be let go


def _stop_if_lost(what: sys.UnraisableHookArgs) -> None:
    """Stop a moment later where a signal came in a callback that can raise nothing.

    Those of weak references are such, of which the import of a module has one for its lock. What
    they raise would be told and forgotten, and the run would go on and hear no other signal.
    """
    if isinstance(what.exc_value, Stopped):
        _Heard.lost, _Heard.enough = what.exc_value, False
        signal(SIGALRM, _stop_after_all)
        setitimer(ITIMER_REAL, _SOON)
    else:
        sys.__unraisablehook__(what)


def _stop_after_all(_: int, __: FrameType | None) -> None:
    if _Heard.lost is not None:
        _stop_once(_Heard.lost)


def _verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the message for what ended the work."""
    if isinstance(error, Stopped):
        return 128 + error.number, ""
    if isinstance(error, BrokenPipeError):
        return 128 + SIGPIPE, ""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE, ""
    if isinstance(error, click.UsageError):
        return USAGE, _usage_message(error)
    if isinstance(error, UnicodeEncodeError):  # of an argument: the core takes UTF-8 only
        return USAGE, f"'{error.object}' is not UTF-8"
    return USAGE if isinstance(error, UsageError) else FAILED, _failure_message(error)


def _usage_message(error: click.UsageError) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    command = error.ctx.command_path if error.ctx else "raftfast"
    return f"{message} (see {command} --help)"


def _failure_message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        if error.filename is None:
            return error.strerror
        return f"{os.fsdecode(error.filename) or repr('')}: {error.strerror}"
    if isinstance(error, (Error, OSError)):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, ImportError):
        return f"{error.name or 'a module'} cannot be loaded: {error}"
    return f"internal error: {type(error).__name__}: {error}"


def _fill_standard_descriptors() -> None:
    """Occupy closed descriptors 0 to 2, so that no file is opened there and taken for a stream.

    They are opened the wrong way round: to use them fails, as it would have when closed.
    """
    for descriptor, wrong in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        if not _is_open(descriptor):
            os.open(os.devnull, wrong)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _abandon_stdout() -> None:
    """Let the interpreter's own flush at exit go nowhere, quietly."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
