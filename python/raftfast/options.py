"""What the options of the command are made of: sizes, target names, and help in sections."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from raftfast import Converter

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

_UNITS = {"": 1, "b": 1} | {
    letter + ending: base**power
    for power, letter in enumerate("kmgt", start=1)
    for ending, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]*)")
_LARGEST = 2**63


class Size(click.ParamType[int]):
    """A number of bytes such as ``1GB`` (10**9), ``512MiB`` (2**20 each) or ``4096``."""

    name = "SIZE"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        parsed = _SIZE.fullmatch(value.strip().lower())
        if parsed is None or parsed[2] not in _UNITS:
            self.fail(f"{value!r} is not a size such as 1GB, 512MiB or 4096", param, ctx)
        size = int(float(parsed[1]) * _UNITS[parsed[2]])
        if not 0 < size < _LARGEST:
            self.fail(f"{value!r} is out of range", param, ctx)
        return size


class TargetName(click.ParamType[str]):
    """The name of a built-in target, or the path of a target file; the library tells which."""

    name = "TARGET"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the built-in targets, then files."""
        names = [target.name for target in Converter.targets()]
        matching = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return matching or [CompletionItem(incomplete, type="file")]


class DialectName(click.ParamType[str]):
    """The name of a dialect, or auto; the library tells which there are."""

    name = "DIALECT"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the dialects."""
        names = ["auto", *(dialect.name for dialect in Converter.dialects())]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def pairs(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Take ``NAME=VALUE`` apart."""
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", param=param)
    return dict(value.split("=", 1) for value in values)


def shares(
    _ctx: click.Context, param: click.Parameter, value: str | None
) -> dict[str, float] | list[float] | None:
    """Take ``NAME=SHARE,NAME=SHARE`` apart, or ``SHARE,SHARE``."""
    if value is None:
        return None
    parts = [part.strip().rpartition("=") for part in value.split(",")]
    try:
        numbers = [float(number) for _, _, number in parts]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not NAME=SHARE,...", param=param) from None
    names = [name.strip() for name, _, _ in parts]
    if len({*names}) == len(names) and all(names):
        return dict(zip(names, numbers, strict=True))
    if any(names):
        raise click.BadParameter(f"{value!r} does not name each share once", param=param)
    return numbers


class SectionedCommand(click.Command):
    """A command whose help shows its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of options for each section, in the order of their appearance."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(param, "section", "Other"), []).append(record)
        width = max(len(names) for records in sections.values() for names, _ in records)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl([(names.ljust(width), text) for names, text in records])


class _Option(click.Option):
    def __init__(self, *args: Any, section: str = "", **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **attributes)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return what is shown in brackets, without ranges such as ``x>=0``."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


option = partial(click.option, cls=_Option)
"""``click.option`` with one argument more: the ``section`` of a sectioned help that shows it."""
