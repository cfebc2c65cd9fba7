"""Of rows of TRL, the completion is trained on, and no answer before it."""

from __future__ import annotations

import pytest
from meant import GOLDENS, STOP, USER, Json, chat, converted, details, fault, line_of, says
from raftfast import Converter

ANSWERED_BEFORE: Json = {
    "prompt": [USER, says("assistant", "ctx"), USER],
    "completion": [says("assistant", "a")],
}


def weights(row: Json) -> list[int | None]:
    return [turn.get("weight") for turn in row["messages"] if turn["role"] == "assistant"]


def test_answers_before_the_completion_are_not_trained_on() -> None:
    (row,) = chat(line_of(ANSWERED_BEFORE)).rows
    assert weights(row) == [0, None]
    (row,) = converted(Converter("openai", train="answer"), line_of(ANSWERED_BEFORE)).rows
    assert weights(row) == [0, 1]
    (row,) = converted(Converter("trl-conversational"), line_of(ANSWERED_BEFORE)).rows
    assert row == ANSWERED_BEFORE
    (row,) = converted(Converter("completion", turns="last"), line_of(ANSWERED_BEFORE)).rows
    assert row == {"prompt": USER["content"], "completion": f"a{STOP}"}


@pytest.mark.parametrize(
    ("to", "options"), [("sharegpt", {}), ("alpaca", {}), ("completion", {"turns": "each"})]
)
def test_rows_that_would_train_on_them_are_refused(to: str, options: Json) -> None:
    error = fault(Converter(to, **options), line_of(ANSWERED_BEFORE))
    assert (error.kind, "the weight of a turn" in str(error)) == ("unfit", True)


@pytest.mark.parametrize("completion", [[says("assistant", "a")], 5, {"a": 1}])
def test_a_completion_that_is_no_text_is_told_and_not_filtered(completion: object) -> None:
    line = line_of({"prompt": "q", "completion": completion})
    error = fault(Converter("chat"), line)
    assert (error.kind, "field 'completion' must be a string" in str(error)) == ("wrong-type", True)
    ledger = chat(line_of({"prompt": "q", "completion": None})).ledger
    assert (ledger.filtered, ledger.repaired) == ({"cot_answer null": 1}, {})


def test_rows_of_trl_are_of_one_dialect() -> None:
    assert details(*GOLDENS["trl"]).ledger.also_fits == {}
    assert details(*GOLDENS["completion"]).ledger.also_fits == {}
