"""Hostile gz and zst files: whole ones give all their lines, all others an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from containers import BOMBS, CONTAINERS
from verdicts import check

if TYPE_CHECKING:
    from pathlib import Path

    from cases import Case
    from forked import Command

pytest_plugins = ["forked"]


@pytest.mark.parametrize("case", CONTAINERS, ids=[case.name for case in CONTAINERS])
def test_a_container_is_read_to_its_end_or_refused(
    case: Case, command: Command, tmp_path: Path
) -> None:
    check(case, command, tmp_path, case.make())


@pytest.mark.parametrize("case", BOMBS, ids=[case.name for case in BOMBS])
def test_a_bomb_takes_no_more_memory_than_a_line_may(
    case: Case, command: Command, tmp_path: Path
) -> None:
    check(case, command, tmp_path, case.make())


def test_a_lower_limit_for_records_holds_for_bombs(command: Command, tmp_path: Path) -> None:
    for case in BOMBS:
        source = tmp_path / case.file
        source.write_bytes(case.make())
        ended = command("convert", source, "-o", tmp_path / "rows", "--max-record-bytes", "1MiB")
        assert ended.code in (0, 1), case.name
        assert ended.megabytes < 40, case.name
