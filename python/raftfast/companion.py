"""The file that a consumer wants beside its rows, such as LLaMA-Factory's ``dataset_info.json``."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH118, PTH123

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from raftfast.errors import Error
from raftfast.inputs import split_ending

if TYPE_CHECKING:
    from collections.abc import Sequence


class Companion(NamedTuple):
    """A file beside the rows, as the file of a target describes it.

    Attributes:
        file: Its name.
        entry: What it says of an output, as a JSON object in which ``{name}`` stands for the name
            of the output without its ending, and ``{file}`` for the name with it.

    """

    file: str
    entry: str

    def text(self, folder: str, outputs: Sequence[str]) -> bytes:
        """Return what the file has to hold: an entry for each output, and what it holds already.

        Args:
            folder: Where it is.
            outputs: The names of the outputs in that folder.

        Raises:
            Error: It is there and holds something else than entries, or says otherwise of an
                output, or the name of an output is not UTF-8.
            OSError: It cannot be read.

        """
        text = json.dumps(self._merged(folder, outputs), indent=2, ensure_ascii=False) + "\n"
        return text.encode(errors="backslashreplace")  # lone surrogates stay the escapes they were

    def is_right(self, folder: str, outputs: Sequence[str]) -> bool:
        """Tell whether the file holds all that already, so that it can stay as it is.

        Raises:
            Error: As for ``text``.
            OSError: As for ``text``.

        """
        return self._merged(folder, outputs) == _entries_of(os.path.join(folder, self.file))

    def beside(self, output: str) -> dict[str, str]:
        """Name the file for one output, by what it is for; nothing if it is right already."""
        folder, name = os.path.split(output)
        if self.is_right(folder, [name]):
            return {}
        return {"beside": os.path.join(folder, self.file)}

    def write(self, path: str | None, output: str) -> None:
        """Write it for one output, if it is to be written.

        Args:
            path: What to open for writing.
            output: The output as the caller named it.

        """
        folder, name = os.path.split(output)
        if path is not None:
            with open(path, "wb") as file:
                file.write(self.text(folder, [name]))

    def _merged(self, folder: str, outputs: Sequence[str]) -> dict[str, Any]:
        path = os.path.join(folder, self.file)
        entries = _entries_of(path)
        for output in outputs:
            _refuse_lone_bytes(os.path.join(folder, output), self.file)
            for name, said in self._entries(output).items():
                if entries.setdefault(name, said) != said:
                    message = f"{path}: '{name}' is described otherwise there; take that away, or"
                    raise Error(f"{message} pass --no-beside", "beside", path)
        return entries

    def _entries(self, output: str) -> dict[str, Any]:
        names = {"{name}": split_ending(output)[0], "{file}": output}
        filled: dict[str, Any] = _filled(json.loads(self.entry), names)
        return filled


def _refuse_lone_bytes(output: str, file: str) -> None:
    """Refuse an output whose name no JSON can hold."""
    try:
        output.encode()
    except UnicodeEncodeError:
        message = f"{output}: its name is not UTF-8, so that {file} cannot have it"
        raise Error(f"{message}; pass --no-beside", "beside", output) from None


def _filled(value: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Put names into the strings of JSON."""
    if isinstance(value, dict):
        return {_filled(key, names): _filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    if isinstance(value, str):
        for placeholder, name in names.items():
            value = value.replace(placeholder, name)
    return value


def _entries_of(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            entries = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError:
        entries = None
    if not isinstance(entries, dict):
        message = f"{path}: is no JSON object, to which an entry could be added; pass --no-beside"
        raise Error(message, "beside", path)
    return entries
