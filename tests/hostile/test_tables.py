"""Hostile Arrow and Parquet files: columns are taken for what they hold, or refused by their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tables import FILES
from verdicts import check

if TYPE_CHECKING:
    from pathlib import Path

    from cases import Case
    from forked import Command

pytest_plugins = ["forked"]


@pytest.mark.parametrize("case", FILES, ids=[case.name for case in FILES])
def test_a_table_is_taken_or_refused_by_its_column(
    case: Case, command: Command, tmp_path: Path
) -> None:
    check(case, command, tmp_path, case.make())
