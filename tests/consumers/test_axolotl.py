"""Axolotl trains on the answers of a row, and on nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from consumer_rows import (
    EVERY,
    ONE_ANSWER,
    RECORDS,
    UNANSWERABLE,
    Row,
    need,
    rows_of,
    without_torch,
)
from tokens import Tokenizer, answers, byte_tokenizer, chatml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

AXOLOTL = {
    "axolotl": ("chat_template", "load", EVERY),
    "segments": ("input_output", "load", ONE_ANSWER),
    "context-qa": ("context_qa", "load_v2", ONE_ANSWER),
    "context-404": ("context_qa", "load_404", UNANSWERABLE),
    "alpaca": ("alpaca_w_system", "load_instruct", ONE_ANSWER),
}

CONCISELY = "Use the following contextual information to concisely answer the question."
UNANSWERED = (
    "The context provided does not contain any information about your inquiry. "
    "Therefore, I'm unable to answer your question based on the given context."
)
"""What axolotl lets a model answer where the documents do not."""

AXOLOTL_PREFERENCES = {"axolotl-dpo": "intel", "axolotl-argilla": "argilla_chat"}

AXOLOTL_REFUSES: dict[str, tuple[str, Row, type[Exception], str]] = {
    "no messages": ("axolotl", {"conversations": []}, ValueError, "Messages is null"),
    "a segment without a label": ("segments", {"segments": [{"text": "a"}]}, KeyError, "label"),
    "an answer without a context": (
        "context-qa",
        {"question": "q", "answer": "a"},
        KeyError,
        "context",
    ),
    "an instruction without an output": ("alpaca", {"instruction": "q"}, KeyError, "output"),
}


@pytest.fixture
def tokenizer() -> Tokenizer:
    return byte_tokenizer()


@pytest.fixture
def axolotl_part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Load what reads rows of a type, which themselves need torch only to log on one machine."""
    need("axolotl")
    parts: dict[str, dict[str, object]] = {
        "axolotl.utils.distributed": {"is_main_process": lambda: True},
        "axolotl.utils.schemas.datasets": {"DatasetConfig": dict},
    }
    return lambda kind: without_torch(monkeypatch, f"axolotl.prompt_strategies.{kind}", parts)


@pytest.fixture
def axolotl(
    axolotl_part: Callable[[str], ModuleType], tokenizer: Tokenizer
) -> Callable[[str], Any]:
    """Make the strategy for the rows of a target."""
    options = need("addict").Dict(
        train_on_inputs=False, sequence_len=10_000, chat_template="chatml"
    )

    def load(target: str) -> object:
        kind, loader, _ = AXOLOTL[target]
        return getattr(axolotl_part(kind), loader)(tokenizer, options)

    return load


def axolotl_text(target: str, row: Row) -> tuple[str, str]:
    """Return what a row says, and the part of it that is trained on."""
    if target == "axolotl":
        trained = [f"{answer}<|im_end|>" for answer in answers(row["messages"])]
        return chatml(row["messages"]), "".join(trained)
    if target == "segments":
        prompt, answer = (segment["text"] for segment in row["segments"])
        return prompt + answer, answer
    if target == "context-qa":
        answer = f"Answer: {row['answer']}<|im_end|>"
        return f"Context: {row['context']}\nQuestion: {row['question']}\n{answer}", answer
    if target == "context-404":
        asked = f"USER: {row['article']}\n===\n{row['unanswerable_question']}\nASSISTANT:"
        answer = f"{UNANSWERED}<|im_end|>"
        return f"SYSTEM: {CONCISELY}\n\n{asked}{answer}", answer
    answer = f"{row['output']}<|im_end|>"
    return f"### Instruction:\n{row['instruction']}\n\n### Response:\n{answer}", answer


@pytest.mark.parametrize(
    ("target", "record"),
    [(target, record) for target, (*_, records) in AXOLOTL.items() for record in records],
)
def test_axolotl_trains_on_the_answers_of_a_row_and_on_nothing_else(
    axolotl: Callable[[str], Any],
    tokenizer: Tokenizer,
    tmp_path: Path,
    target: str,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, target, [record])
    found = axolotl(target).tokenize_prompt(row)
    trained = [token for token in found["labels"] if token != -100]
    texts = tokenizer.decode(found["input_ids"]), tokenizer.decode(trained)
    assert texts == axolotl_text(target, row)


@pytest.mark.parametrize(
    ("target", "row", "error", "message"), AXOLOTL_REFUSES.values(), ids=AXOLOTL_REFUSES
)
def test_axolotl_refuses_a_row_that_is_not_one(
    axolotl: Callable[[str], Any], target: str, row: Row, error: type[Exception], message: str
) -> None:
    strategy = axolotl(target)
    with pytest.raises(error, match=message):
        strategy.tokenize_prompt(row)


@pytest.mark.parametrize("target", AXOLOTL_PREFERENCES)
def test_axolotl_reads_prompt_and_answers_of_a_preference(
    axolotl_part: Callable[[str], ModuleType], tmp_path: Path, target: str
) -> None:
    (row,) = rows_of(tmp_path, target, ["plain"])
    record = json.loads(RECORDS["plain"])
    transform = getattr(axolotl_part("dpo.chatml"), AXOLOTL_PREFERENCES[target])(None)
    question = chatml([{"role": "user", "content": record["instruction"]}])
    found = transform(row)
    assert {key: found[key] for key in ("prompt", "chosen", "rejected")} == {
        "prompt": f"{question}<|im_start|>assistant\n",
        "chosen": f"{record['cot_answer']}<|im_end|>",
        "rejected": f"{record['rejected']}<|im_end|>",
    }


@pytest.mark.parametrize("target", AXOLOTL_PREFERENCES)
def test_axolotl_refuses_the_preferences_of_its_other_type(
    axolotl_part: Callable[[str], ModuleType], tmp_path: Path, target: str
) -> None:
    (other,) = AXOLOTL_PREFERENCES.keys() - {target}
    (row,) = rows_of(tmp_path, other, ["plain"])
    transform = getattr(axolotl_part("dpo.chatml"), AXOLOTL_PREFERENCES[target])(None)
    with pytest.raises((KeyError, TypeError)):
        transform(row)
