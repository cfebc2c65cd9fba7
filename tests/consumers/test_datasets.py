"""Every target is read by datasets, with the types that its rows have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from consumer_rows import (
    COPIES,
    EVERY,
    ONE_ANSWER,
    PREFERENCE,
    UNANSWERABLE,
    Row,
    need,
    read,
    write,
)
from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = "string"
SAID = [{"role": TEXT, "content": TEXT}]
PARTS = {"role": TEXT, "parts": [{"text": TEXT}]}
TURNS = [{"from": TEXT, "value": TEXT}]
DOCUMENTS = {"title": [[TEXT]], "sentences": [[TEXT]]}
CONVERSE = {
    "schemaVersion": TEXT,
    "system": [{"text": TEXT}],
    "messages": [{"role": TEXT, "content": [{"text": TEXT}]}],
}
PREFERRED = {
    "input": {"messages": SAID},
    "preferred_output": SAID,
    "non_preferred_output": SAID,
}
RAFT = {
    "id": TEXT,
    "type": TEXT,
    "question": TEXT,
    "context": DOCUMENTS,
    "oracle_context": TEXT,
    "instruction": TEXT,
    "cot_answer": TEXT,
}

FEATURES: dict[str, tuple[tuple[str, ...], Row]] = {
    "alpaca": (
        EVERY,
        {
            "instruction": TEXT,
            "input": TEXT,
            "output": TEXT,
            "system": TEXT,
            "history": [[TEXT]],
        },
    ),
    "anyscale": (EVERY, {"messages": SAID}),
    "autotrain": (EVERY, {"text": SAID}),
    "autotrain-dpo": (PREFERENCE, {"prompt": TEXT, "text": SAID, "rejected_text": SAID}),
    "axolotl": (EVERY, {"messages": SAID}),
    "axolotl-argilla": (("plain",), {"chosen": SAID, "rejected": SAID}),
    "axolotl-dpo": (
        ("plain",),
        {"system": TEXT, "question": TEXT, "chosen": TEXT, "rejected": TEXT},
    ),
    "azure": (EVERY, {"messages": SAID}),
    "bedrock-claude": (EVERY, {"system": TEXT, "messages": SAID}),
    "bedrock-llama": (EVERY, CONVERSE),
    "bedrock-llama-completion": (ONE_ANSWER, {"prompt": TEXT, "completion": TEXT}),
    "bedrock-nova": (EVERY, CONVERSE),
    "chat": (EVERY, {"messages": SAID}),
    "cohere": (EVERY, {"messages": SAID}),
    "completion": (ONE_ANSWER, {"prompt": TEXT, "completion": TEXT}),
    "context-404": (UNANSWERABLE, {"article": TEXT, "unanswerable_question": TEXT}),
    "context-qa": (ONE_ANSWER, {"context": TEXT, "question": TEXT, "answer": TEXT}),
    "eval": (ONE_ANSWER, {"question": TEXT, "gold_final_answer": TEXT, "context": TEXT}),
    "fastchat": (ONE_ANSWER, {"id": TEXT, "conversations": TURNS}),
    "fireworks": (EVERY, {"messages": SAID}),
    "fireworks-dpo": (("plain",), PREFERRED),
    "gemini": (EVERY, {"systemInstruction": PARTS, "contents": [PARTS]}),
    "gemini-dpo": (
        PREFERENCE,
        {
            "system_instruction": {"parts": [{"text": TEXT}]},
            "contents": [PARTS],
            "completions": [{"score": "float64", "completion": PARTS}],
        },
    ),
    "hf": (("plain",), {**RAFT, "rejected": TEXT}),
    "llamafactory-alpaca-preference": (
        PREFERENCE,
        {
            "instruction": TEXT,
            "input": TEXT,
            "chosen": TEXT,
            "rejected": TEXT,
            "system": TEXT,
            "history": [[TEXT]],
        },
    ),
    "llamafactory-kto": (
        EVERY,
        {
            "instruction": TEXT,
            "input": TEXT,
            "output": TEXT,
            "kto_tag": "bool",
            "system": TEXT,
            "history": [[TEXT]],
        },
    ),
    "llamafactory-preference": (
        PREFERENCE,
        {
            "conversations": TURNS,
            "chosen": TURNS[0],
            "rejected": TURNS[0],
            "system": TEXT,
        },
    ),
    "mistral": (EVERY, {"messages": SAID}),
    "mlx": (EVERY, {"messages": SAID}),
    "oci": (ONE_ANSWER, {"prompt": TEXT, "completion": TEXT}),
    "openai": (EVERY, {"messages": SAID}),
    "openai-completion": (ONE_ANSWER, {"prompt": TEXT, "completion": TEXT}),
    "openai-dpo": (PREFERENCE, PREFERRED),
    "parts": (
        ONE_ANSWER,
        {"question": TEXT, "context": DOCUMENTS, "instruction": TEXT, "cot_answer": TEXT},
    ),
    "raft": (
        ONE_ANSWER,
        {**RAFT, "quotes": [TEXT], "final_answer": TEXT, "rejected": TEXT},
    ),
    "segments": (ONE_ANSWER, {"segments": [{"label": "bool", "text": TEXT}]}),
    "sharegpt": (EVERY, {"conversations": TURNS, "system": TEXT, "tools": TEXT}),
    "together": (EVERY, {"messages": SAID}),
    "together-completion": (ONE_ANSWER, {"prompt": TEXT, "completion": TEXT}),
    "together-dpo": (PREFERENCE, PREFERRED),
    "torchtune": (EVERY, {"messages": SAID}),
    "torchtune-instruct": (ONE_ANSWER, {"input": TEXT, "output": TEXT}),
    "torchtune-preference": (PREFERENCE, {"chosen": SAID, "rejected": SAID}),
    "trl-conversational": (EVERY, {"prompt": SAID, "completion": SAID}),
    "trl-dpo": (PREFERENCE, {"prompt": SAID, "chosen": SAID, "rejected": SAID}),
    "trl-kto": (EVERY, {"prompt": SAID, "completion": SAID, "label": "bool"}),
    "trl-prompt-completion": (ONE_ANSWER, {"prompt": TEXT, "completion": TEXT}),
    "unsloth": (EVERY, {"conversations": TURNS}),
    "vertex-open": (EVERY, {"messages": SAID}),
}


@pytest.fixture
def load_dataset(tmp_path: Path) -> Callable[[Path], Any]:
    datasets, cache = need("datasets"), str(tmp_path / "cache")
    return lambda path: datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=cache
    )


def shape(feature: Any) -> object:  # noqa: ANN401
    """Say what a feature of datasets is in as few words as the table does."""
    if hasattr(feature, "items"):
        return {name: shape(inner) for name, inner in feature.items()}
    return [shape(feature.feature)] if hasattr(feature, "feature") else feature.dtype


def filled(value: object) -> object:
    """Return a value without the nulls that stand in a column for what a row does not have."""
    if isinstance(value, dict):
        return {name: filled(inner) for name, inner in value.items() if inner is not None}
    return [filled(inner) for inner in value] if isinstance(value, list) else value


def test_every_target_is_read_by_datasets() -> None:
    assert FEATURES.keys() == {target.name for target in Converter.targets()}


@pytest.mark.parametrize("target", FEATURES)
def test_datasets_reads_the_rows_with_the_types_that_they_have(
    load_dataset: Callable[[Path], Any], tmp_path: Path, target: str
) -> None:
    records, features = FEATURES[target]
    path = write(tmp_path, target, records)
    dataset = load_dataset(path)
    assert shape(dataset.features) == features
    assert len(dataset) == len(records) * COPIES
    assert [filled(dataset[number]) for number in range(len(records))] == read(path)


def test_datasets_refuses_a_file_that_was_cut_off(
    load_dataset: Callable[[Path], Any], tmp_path: Path
) -> None:
    datasets = need("datasets")
    path = write(tmp_path, "openai", EVERY)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        load_dataset(path)
