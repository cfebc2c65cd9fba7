"""The command, with a signal at the n-th step that Python takes once a folder's outputs are shown.

A signal is heard between two steps of the interpreter, and few of them make a system call: this is
for those that do not. Run as ``python stepping.py STEP SIGNAL ARGUMENT...``; where the command ends
before that step, it says so on standard error.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

from raftfast import cli, staging

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Steps:
    """Counts steps, and sends the signal at one of them."""

    def __init__(self, step: int, number: int) -> None:
        """Wait for a step."""
        self.left, self._number = step, number

    def begin(self) -> None:
        """Count from here on, in this function's callers too."""
        frame = inspect.currentframe()
        sys.settrace(self._see)
        while frame is not None:
            frame.f_trace, frame.f_trace_opcodes = self._see, True
            frame = frame.f_back

    def _see(self, frame: FrameType, *_: object) -> Callable[..., Any]:
        frame.f_trace_opcodes = True
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self._number)
        return self._see


def main() -> None:
    """Run the command of the arguments."""
    steps = Steps(int(sys.argv[1]), int(sys.argv[2]))
    sys.argv[1:3] = []
    show = staging.Staging.show

    def shown(*arguments: Any) -> None:  # noqa: ANN401 - those of `show`
        show(*arguments)
        steps.begin()

    staging.Staging.show = shown  # type: ignore[assignment]
    code = cli.main()
    sys.settrace(None)
    if steps.left > 0:
        os.write(2, b"no such step\n")
    os._exit(code)


if __name__ == "__main__":
    main()
