"""The exceptions that raftfast raises for what is wrong in the data or in the call."""

from __future__ import annotations


class Error(Exception):
    """Something in the data is wrong, or the run cannot be complete.

    The message is one line for people; the attributes are for programs.

    Attributes:
        kind: What is wrong, as a stable name such as ``"invalid-escape"`` or ``"wrong-type"``;
            the same names count rejected records in the ledger.
        path: The input as it was named by the caller (``"<stdin>"`` for standard input,
            ``"<bytes>"`` for a buffer), or ``None`` where no input is to blame.
        line: The line in that input, from 1, or ``None``.
        offset: The byte in that input, from 0, where the fault was found, or ``None``.
        row: The row in that input, from 1, if it is one of columns, or ``None``.

    Failures of the operating system are not of this class: they are raised as the builtin
    ``OSError`` and its children (``FileNotFoundError``, ``PermissionError``, ...), with their
    ``filename``.

    """

    _KIND = "failed"

    def __init__(  # noqa: PLR0913, PLR0917 - what an error is and where, as pickle passes it
        self,
        message: str,
        kind: str | None = None,
        path: str | None = None,
        line: int | None = None,
        offset: int | None = None,
        row: int | None = None,
    ) -> None:
        """Keep the position beside the message; without a kind, it is that of the class."""
        super().__init__(message)
        self.kind = self._KIND if kind is None else kind
        self.path = path
        self.line = line
        self.offset = offset
        self.row = row

    def __reduce__(self) -> tuple[type[Error], tuple[str | int | None, ...]]:
        """Keep the position when the exception crosses to another process."""
        return type(self), (str(self), self.kind, self.path, self.line, self.offset, self.row)


class UsageError(Error, ValueError):
    """The call itself is wrong: an unknown target, option or placeholder, or output = input."""

    _KIND = "usage"
