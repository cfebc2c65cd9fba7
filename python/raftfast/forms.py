"""What an output is, by its name: JSON lines, Arrow or Parquet, compressed or not."""

# To import pathlib takes 10 ms.
# ruff: noqa: PTH122

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, get_args

from raftfast.choices import Compression, OutputType
from raftfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Mapping[str, OutputType] = {
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrows",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSIONS: Mapping[str, Compression] = {
    ".gz": "gz",
    ".zst": "zst",
    ".zstd": "zst",
}
_UNWRITTEN = {
    **dict.fromkeys((".bz2", ".xz", ".zip", ".lz4", ".br", ".gzip"), ".gz and .zst"),
    **dict.fromkeys(
        (".csv", ".tsv", ".xls", ".xlsx", ".ods", ".orc", ".avro"),
        ".jsonl, .arrow, .arrows and .parquet",
    ),
}
"""Endings that promise what no output is, and those that there are instead."""
NEVER_EMPTY = (*_TYPES, *_COMPRESSIONS, ".bz2", ".xz")
"""Endings of files of which the shortest has some bytes."""
_SUFFIXES = {None: "", "none": "", "gz": ".gz", "zst": ".zst"}


class Form(NamedTuple):
    """The form of an output.

    Attributes:
        kind: ``"jsonl"``, ``"arrow"`` (an IPC file), ``"arrows"`` (an IPC stream) or ``"parquet"``.
        compression: How it is compressed; ``None`` is the form's default: JSON lines and Arrow are
            not, Parquet is by zstd.
        level: The level of that; ``None`` is its default.

    """

    kind: OutputType = "jsonl"
    compression: Compression | None = None
    level: int | None = None

    @property
    def ending(self) -> str:
        """The ending of names of such outputs."""
        suffix = _SUFFIXES.get(self.compression, "") if self.kind == "jsonl" else ""
        return f".{self.kind}{suffix}"

    def as_options(self) -> dict[str, object]:
        """Return what was chosen, for reports."""
        chosen = {"compression": self.compression, "level": self.level}
        return {"output_type": self.kind} | {
            name: value for name, value in chosen.items() if value is not None
        }


def kind_of(name: str | None, output_type: OutputType | None = None) -> OutputType:
    """Tell what an output is made of, from its name unless it is asked for."""
    return output_type or _TYPES.get(os.path.splitext(name or "")[1].lower(), "jsonl")


def form_of(
    name: str | None,
    output_type: OutputType | None = None,
    compression: Compression | None = None,
    level: int | None = None,
) -> Form:
    """Tell the form of an output from its name, unless it is asked for.

    Args:
        name: The output; ``None`` if it has no name.
        output_type: What it is, whatever its name says.
        compression: How it is compressed, whatever its name says; ``"none"`` is not at all.
        level: The level of compression.

    Raises:
        UsageError: There is no such form.

    """
    _check("output type", output_type, get_args(OutputType))
    _check("compression", compression, get_args(Compression))
    stem, suffix = os.path.splitext(name or "")
    suffix = suffix.lower()
    by_name = _COMPRESSIONS.get(suffix)
    told = os.path.splitext(stem)[1].lower() if by_name else suffix
    if told in _UNWRITTEN and output_type is None:
        there_are = _UNWRITTEN[told]
        raise UsageError(f"{name}: {told} files are not written; there are {there_are}")
    kind = kind_of(stem if by_name else name, output_type)
    if by_name and kind != "jsonl":
        raise UsageError(f"{name}: {kind} has compression of its own; leave {suffix} away")
    form = Form(kind, compression or by_name, level)
    _check_fits(form)
    return form


def refuse_forms(form: str = "lines", ending: str = ".jsonl", /, **names: str | None) -> None:
    """Refuse names that promise something else, for files that are written in one form only.

    Args:
        form: What they are written as.
        ending: What they may be called.
        names: The names by what they are for.

    Raises:
        UsageError: One of them does; what it is for is its key.

    """
    for what, name in names.items():
        suffix = os.path.splitext(name or "")[1].lower()
        if suffix in NEVER_EMPTY or suffix in _UNWRITTEN:
            raise UsageError(
                f"{name}: {what} is written as {form} and nothing else: call it {ending}"
            )


def _check(what: str, word: str | None, known: tuple[str, ...]) -> None:
    if word is not None and word not in known:
        raise UsageError(f"no {what} '{word}'; there are {', '.join(known)}")


def _check_fits(form: Form) -> None:
    """Refuse a compression that the form does not have, and a level of nothing."""
    fits = {
        "jsonl": ("none", "gz", "zst"),
        "arrow": ("none", "zst", "lz4"),
        "arrows": ("none", "zst", "lz4"),
        "parquet": ("none", "zst", "snappy", "lz4"),
    }[form.kind]
    if form.compression is not None and form.compression not in fits:
        known = ", ".join(fits)
        raise UsageError(f"{form.kind} is not compressed by {form.compression}; there are {known}")
    has_level = form.compression in ("gz", "zst") or form.kind == "parquet"
    if form.level is not None and (not has_level or form.compression in ("none", "snappy", "lz4")):
        raise UsageError("a level needs a compression that has levels: gz or zst")
