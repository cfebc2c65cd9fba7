"""What generators broke is mended, counted, and left alone if that is asked for."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
import raftfast
from meant import EACH, GOLDENS, RECORDS, Json, details, meant
from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Callable


@EACH
def test_repairs_are_counted(name: str, line: bytes) -> None:
    assert details(line).ledger.repaired == Counter(meant(name, line).repairs)


def test_repairs_of_a_mixed_corpus_add_up() -> None:
    expected = Counter(repair for name, line in RECORDS for repair in meant(name, line).repairs)
    assert details(*(line for _, line in RECORDS)).ledger.repaired == expected


def test_dialects_list_the_repairs_that_they_make() -> None:
    listed = {dialect.name: {*dialect.repairs} for dialect in Converter.dialects()}
    for name, line in RECORDS:
        assert {*meant(name, line).repairs} <= listed[name], name


class Unrepaired(NamedTuple):
    """What a detail is where a repair is switched off."""

    name: str
    repair: str
    part: str
    value: Callable[[Json], object]


UNREPAIRED = {
    "the prefix of LlamaIndex stays": Unrepaired(
        "llamaindex", "prefix stripped", "cot_answer", lambda record: record["cot_answer"]
    ),
    "the stop text stays": Unrepaired(
        "completion", "stop text stripped", "cot_answer", lambda record: record["completion"]
    ),
    "legacy records have no instruction": Unrepaired(
        "legacy", "instruction built", "instruction", lambda _: None
    ),
    "rows for evaluation have no instruction": Unrepaired(
        "eval-rows", "instruction built", "instruction", lambda _: None
    ),
    "the prefixes of raft_llm stay": Unrepaired(
        "raft-llm", "prefix stripped", "cot_answer", lambda record: record["dialog"][-1]
    ),
    "all turns of raft_llm keep their prefixes": Unrepaired(
        "raft-llm",
        "prefix stripped",
        "turns",
        lambda record: [
            [role, text]
            for text, role in zip(
                [record.get("instruction", record["dialog"][0]), *record["dialog"][1:]],
                ["user", "assistant"] * 9,
                strict=False,
            )
        ],
    ),
}


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("case", UNREPAIRED.values(), ids=UNREPAIRED)
def test_a_repair_can_be_switched_off(case: Unrepaired, number: int) -> None:
    line = GOLDENS[case.name][number]
    (row,), ledger = details(line, unrepaired=[case.repair])
    assert row[case.part] == case.value(json.loads(line))
    assert ledger.repaired == {}


@EACH
def test_the_repairs_of_others_stay_on(name: str, line: bytes) -> None:
    own = {dialect.name: dialect.repairs for dialect in Converter.dialects()}[name]
    others = {one for dialect in Converter.dialects() for one in dialect.repairs} - {*own}
    assert details(line, unrepaired=sorted(others)).rows == details(line).rows


def test_an_unknown_repair_is_an_error_of_usage() -> None:
    with pytest.raises(raftfast.UsageError, match="no repair"):
        Converter("chat", unrepaired=["everything"])
