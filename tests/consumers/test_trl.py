"""Rows for TRL are read by it as what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from consumer_rows import EVERY, ONE_ANSWER, PREFERENCE, Row, need, rows_of, said, verdict
from tokens import Tokenizer, byte_tokenizer, chatml

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

TRL = {"trl-conversational": EVERY, "trl-kto": EVERY, "trl-dpo": PREFERENCE}
TRL_ANSWERS = ("completion", "chosen", "rejected")

TRL_REFUSES: dict[str, tuple[Row, type[Exception], str]] = {
    "a prompt that ends with the system": (
        {"prompt": said("system"), "completion": said("assistant")},
        ValueError,
        "Invalid role in the last message: system",
    ),
    "rows of two kinds in one": (
        {"prompt": said("user"), "completion": said("assistant"), "chosen": said("assistant")},
        KeyError,
        "Invalid keys in the example",
    ),
    "a completion without a prompt": (
        {"completion": said("assistant")},
        KeyError,
        "Invalid keys in the example",
    ),
}


@pytest.fixture
def tokenizer() -> Tokenizer:
    return byte_tokenizer()


@pytest.fixture
def trl() -> ModuleType:
    return need("trl.data_utils")


@pytest.mark.parametrize(
    ("target", "record"), [(target, record) for target in TRL for record in TRL[target]]
)
def test_trl_joins_prompt_and_answer_to_what_was_said(
    trl: ModuleType,
    tokenizer: Tokenizer,
    tmp_path: Path,
    target: str,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, target, [record])
    assert trl.is_conversational(row)
    text = trl.apply_chat_template(row, tokenizer)
    assert text.keys() == row.keys()
    for answer in row.keys() & set(TRL_ANSWERS):
        assert text["prompt"] + text[answer] == chatml(row["prompt"] + row[answer])
        assert text[answer] == f"{row[answer][0]['content']}<|im_end|>\n"


@pytest.mark.parametrize("record", EVERY)
def test_trl_renders_messages(
    trl: ModuleType,
    tokenizer: Tokenizer,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "chat", [record])
    assert trl.apply_chat_template(row, tokenizer) == {"text": chatml(row["messages"])}


@pytest.mark.parametrize("record", ONE_ANSWER)
def test_trl_takes_texts_as_they_are(
    trl: ModuleType,
    tokenizer: Tokenizer,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "trl-prompt-completion", [record])
    assert not trl.is_conversational(row)
    assert trl.maybe_apply_chat_template(row, tokenizer) == row


@pytest.mark.parametrize("record", PREFERENCE)
def test_trl_need_not_guess_where_the_prompt_of_a_preference_ends(
    trl: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "trl-dpo", [record])
    assert trl.maybe_extract_prompt(row) == row


def test_trl_makes_a_good_and_a_bad_row_of_a_preference(
    trl: ModuleType,
    tmp_path: Path,
) -> None:
    datasets = need("datasets")
    rows = rows_of(tmp_path, "trl-dpo", PREFERENCE)
    unpaired = list(trl.unpair_preference_dataset(datasets.Dataset.from_list(rows)))
    good = rows_of(tmp_path, "trl-kto", PREFERENCE)
    bad = [{"prompt": row["prompt"], "completion": row["rejected"], "label": False} for row in rows]
    assert unpaired == good + bad


@pytest.mark.parametrize(("row", "error", "message"), TRL_REFUSES.values(), ids=TRL_REFUSES)
def test_trl_refuses_a_row_that_is_not_one(
    trl: ModuleType,
    tokenizer: Tokenizer,
    row: Row,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        trl.apply_chat_template(row, tokenizer)


@pytest.mark.parametrize("target", TRL)
def test_a_prompt_that_trl_refuses_never_becomes_a_row(target: str) -> None:
    assert verdict(target, "system", "assistant") == {"instruction null": 1}


@pytest.mark.parametrize("record", PREFERENCE)
def test_trl_finds_the_prompt_that_two_conversations_share(
    trl: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "torchtune-preference", [record])
    assert trl.maybe_extract_prompt(row) == rows_of(tmp_path, "trl-dpo", [record])[0]
