"""MLX-LM trains on the answers of a folder of rows."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from consumer_rows import COPIES, EVERY, need, write
from tokens import Tokenizer, answers, byte_tokenizer, chatml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def tokenizer() -> Tokenizer:
    return byte_tokenizer()


@pytest.fixture
def mlx_lm() -> ModuleType:
    return need("mlx_lm.tuner.datasets")


@pytest.fixture
def mlx(mlx_lm: ModuleType, tokenizer: Tokenizer) -> Callable[[Path], Any]:
    """Read a folder as MLX-LM does to train on the answers only."""
    options = SimpleNamespace(mask_prompt=True)
    return lambda folder: mlx_lm.load_local_dataset(folder, tokenizer, options)


def test_mlx_lm_trains_on_the_last_answer_of_each_row_of_a_folder(
    mlx: Callable[[Path], Any],
    tokenizer: Tokenizer,
    tmp_path: Path,
) -> None:
    corpus = write(tmp_path, "hf", EVERY)
    folder = tmp_path / "data"
    folder.mkdir()
    for part in ("train", "valid", "test"):
        raftfast.convert(corpus, folder / f"{part}.jsonl", to="mlx", check="strict")
    for part in mlx(folder):
        assert type(part).__name__ == "ChatDataset"
        assert len(part) == len(EVERY) * COPIES
        for row in (part[number] for number in range(len(EVERY))):
            tokens, offset = part.process(row)
            assert tokenizer.decode(tokens) == chatml(row["messages"])
            *_, last = answers(row["messages"])
            assert tokenizer.decode(tokens[offset:]) == f"{last}<|im_end|>\n"


def test_mlx_lm_refuses_rows_of_another_consumer(
    mlx: Callable[[Path], Any], tmp_path: Path
) -> None:
    write(tmp_path, "alpaca", EVERY).rename(tmp_path / "train.jsonl")
    with pytest.raises(ValueError, match="Unsupported data format"):
        mlx(tmp_path)
