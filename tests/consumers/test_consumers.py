"""What raftfast writes is taken by the code of those for whom it is written.

Each group runs where its package is installed and is skipped by name elsewhere. `pip install
--no-deps -r requirements-consumers.txt` installs them all but torch, which none needs to read rows:
of axolotl and torchtune, which import it for other things, only the modules that read are loaded.
"""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from consumer_rows import (
    COPIES,
    EVERY,
    ONE_ANSWER,
    PREFERENCE,
    RECORDS,
    UNANSWERABLE,
    Row,
    dump,
    need,
    read,
    rows_of,
    said,
    unchecked,
    verdict,
    without_torch,
    write,
)
from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Together -----------------------------------------------------------------------------------------

TOGETHER = {
    "together": EVERY,
    "together-completion": ONE_ANSWER,
    "together-dpo": PREFERENCE,
}

TOGETHER_REFUSES: dict[str, tuple[Row, str]] = {
    "another key": ({"messages": said("user", "assistant"), "id": "1"}, 'extra column "id"'),
    "another key of a prompt": ({"prompt": "q", "completion": "a", "id": "1"}, "extra column"),
    "a role that it does not know": ({"messages": said("developer", "assistant")}, "Invalid role"),
    "no assistant": ({"messages": said("system", "user")}, "assistant role must be present"),
    "a completion that is no text": ({"prompt": "q", "completion": None}, "Invalid content type"),
    "a weight that is not whole": (
        {"messages": [*said("user"), {"role": "assistant", "content": "a", "weight": 0.5}]},
        "Weight must be an integer",
    ),
    "an answer of the user": (
        {
            "input": {"messages": said("user")},
            "preferred_output": said("user"),
            "non_preferred_output": said("assistant"),
        },
        "must have the 'assistant' role",
    ),
    "two preferred answers": (
        {
            "input": {"messages": said("user")},
            "preferred_output": said("assistant", "assistant"),
            "non_preferred_output": said("assistant"),
        },
        "exactly one message",
    ),
    "a question that is an answer": (
        {
            "input": {"messages": said("user", "assistant")},
            "preferred_output": said("assistant"),
            "non_preferred_output": said("assistant"),
        },
        "must not be from the assistant",
    ),
}


@pytest.fixture
def together() -> ModuleType:
    return need("together.lib.utils.files")


@pytest.fixture
def together_rows(together: ModuleType) -> ModuleType:
    if not hasattr(together, "validate_messages"):
        pytest.skip("this release of together leaves rows to its servers")
    return together


@pytest.mark.parametrize("target", TOGETHER)
def test_together_finds_nothing_wrong_with_a_file(
    together: ModuleType,
    tmp_path: Path,
    target: str,
) -> None:
    report = together.check_file(write(tmp_path, target, TOGETHER[target]))
    assert report["is_check_passed"], report["message"]
    assert report["num_samples"] == len(TOGETHER[target]) * COPIES


@pytest.mark.parametrize(("row", "message"), TOGETHER_REFUSES.values(), ids=TOGETHER_REFUSES)
def test_together_refuses_a_row_that_is_not_one(
    together_rows: ModuleType,
    tmp_path: Path,
    row: Row,
    message: str,
) -> None:
    report = together_rows.check_file(dump(tmp_path / "rows.jsonl", [row]))
    assert not report["is_check_passed"]
    assert message in report["message"]


@pytest.mark.parametrize("target", ["together", "together-dpo"])
def test_a_role_that_together_refuses_is_a_broken_rule(
    together_rows: ModuleType,
    tmp_path: Path,
    target: str,
) -> None:
    row = unchecked(target, "developer", "user", "assistant")
    report = together_rows.check_file(dump(tmp_path / "rows.jsonl", [row]))
    assert "Invalid role `developer`" in report["message"]
    assert verdict(target, "developer", "user", "assistant") == {"rule": 1}


def test_together_refuses_the_byte_order_mark_that_is_written_for_azure(
    together: ModuleType,
    tmp_path: Path,
) -> None:
    report = together.check_file(write(tmp_path, "azure", EVERY))
    assert not report["is_check_passed"]
    assert "Unexpected format on line 1" in report["message"]


# Mistral ------------------------------------------------------------------------------------------

CALL = {"id": "abc123def", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL_TURNS: list[Row] = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "r", "name": "f", "tool_call_id": "abc123def"},
    {"role": "assistant", "content": "a", "weight": 1},
]


def with_id(id_: str) -> list[Row]:
    """Return these turns with another id of the call."""
    question, call, answer, last = TOOL_TURNS
    return [
        question,
        {**call, "tool_calls": [{**CALL, "id": id_}]},
        {**answer, "tool_call_id": id_},
        last,
    ]


MISTRAL_REFUSES: dict[str, tuple[list[Row], str]] = {
    "a last turn of the user": (said("user", "assistant", "user"), "Expected last role Assistant"),
    "a role that it does not know": (said("developer", "user", "assistant"), "'developer'"),
    "a tool that nobody called": (
        [*said("user"), {**TOOL_TURNS[2], "role": "tool"}, *said("assistant")],
        "Unexpected role 'tool'",
    ),
    "an id of OpenAI's": (with_id("call_abc123"), "must be a-z, A-Z, 0-9"),
    "a text beside calls": (
        [TOOL_TURNS[0], {**TOOL_TURNS[1], "content": "x"}, *TOOL_TURNS[2:]],
        "either content or tool_calls, but not both",
    ),
    "a weight of two": (
        [*said("user"), {"role": "assistant", "content": "a", "weight": 2}],
        "weight must be either 0 or 1",
    ),
    "an empty answer": (
        [*said("user"), {"role": "assistant", "content": ""}],
        "either content or tool_calls",
    ),
    "another key": (
        [*said("user"), {"role": "assistant", "content": "a", "mood": "good"}],
        "Extra inputs are not permitted",
    ),
}


@pytest.fixture
def mistral() -> Callable[[list[Row]], None]:
    """Check messages as all versions of the tokenizer do before fine-tuning."""
    messages = need("mistral_common.protocol.instruct.messages")
    validator = need("mistral_common.protocol.instruct.validator")
    versions = need("mistral_common.tokens.tokenizers.base").TokenizerVersion
    reader = need("pydantic").TypeAdapter(messages.FinetuningMessage)

    def check(turns: list[Row]) -> None:
        for version in versions:
            rules = validator.get_validator(version, validator.ValidationMode.finetuning)
            rules.validate_messages([reader.validate_python(turn) for turn in turns])

    return check


@pytest.mark.parametrize("record", EVERY)
def test_every_version_of_mistral_common_fine_tunes_on_a_row(
    mistral: Callable[[list[Row]], None], tmp_path: Path, record: str
) -> None:
    (row,) = rows_of(tmp_path, "mistral", [record])
    mistral(row["messages"])


def test_mistral_common_takes_calls_of_tools_and_weights(
    mistral: Callable[[list[Row]], None],
) -> None:
    record = json.dumps({"messages": TOOL_TURNS}).encode()
    row = json.loads(Converter("mistral", check="strict").convert_bytes(record))
    assert row == {"messages": TOOL_TURNS}
    mistral(row["messages"])


@pytest.mark.parametrize(("turns", "message"), MISTRAL_REFUSES.values(), ids=MISTRAL_REFUSES)
def test_mistral_common_refuses_messages_that_are_none(
    mistral: Callable[[list[Row]], None], turns: list[Row], message: str
) -> None:
    # Types refuse some and the validator others, and what they raise has no other base.
    with pytest.raises(Exception, match=message):
        mistral(turns)


@pytest.mark.parametrize(
    "roles", [("user", "assistant", "user"), ("developer", "user", "assistant")]
)
def test_turns_that_mistral_common_refuses_break_a_rule(
    mistral: Callable[[list[Row]], None], roles: tuple[str, ...]
) -> None:
    with pytest.raises(Exception, match=r"last role Assistant|'developer'"):
        mistral(unchecked("mistral", *roles)["messages"])
    assert verdict("mistral", *roles) == {"rule": 1}


@pytest.mark.parametrize("name", ["an id of OpenAI's", "a text beside calls"])
def test_calls_that_mistral_common_refuses_break_a_rule(name: str) -> None:
    turns, _ = MISTRAL_REFUSES[name]
    to = Converter("mistral", check="strict", on_error="skip")
    to.convert_bytes(json.dumps({"messages": turns}).encode())
    assert to.ledger.rejected == {"rule": 1}


# OpenAI -------------------------------------------------------------------------------------------

OPENAI = ("openai", "azure")

OPENAI_REFUSES: dict[str, tuple[object, set[str]]] = {
    "a list": ([], {"data_type"}),
    "no messages": ({"messages": []}, {"missing_messages_list"}),
    "a message without a content": (
        {"messages": [{"role": "user"}, *said("assistant")]},
        {"message_missing_key", "missing_content"},
    ),
    "another key": (
        {"messages": [{**said("user")[0], "mood": "good"}, *said("assistant")]},
        {"message_unrecognized_key"},
    ),
    "a role that it does not know": (
        {"messages": said("narrator", "assistant")},
        {"unrecognized_role"},
    ),
    "an empty content": (
        {"messages": [{"role": "user", "content": ""}, *said("assistant")]},
        {"missing_content"},
    ),
    "no assistant": ({"messages": said("system", "user")}, {"example_missing_assistant_message"}),
}

OPENAI_TYPES_REFUSE: dict[str, list[Row]] = {
    "a message without a content": [{"role": "user"}],
    "a role that it does not know": said("narrator"),
    "a content that is no text": [{"role": "user", "content": 1}],
    "a tool that nobody called": [{"role": "tool", "content": "r"}],
}


def errors_of_openai(row: object) -> set[str]:
    """Check a row as the notebook of OpenAI's cookbook on preparing chats does, by its names."""
    if not isinstance(row, dict):
        return {"data_type"}
    messages = row.get("messages")
    if not messages:
        return {"missing_messages_list"}
    errors = set().union(*(errors_of_message(message) for message in messages))
    if not any(message.get("role") == "assistant" for message in messages):
        errors.add("example_missing_assistant_message")
    return errors


def errors_of_message(message: Row) -> set[str]:
    content, call = message.get("content"), message.get("function_call")
    found = {
        "message_missing_key": not message.keys() >= {"role", "content"},
        "message_unrecognized_key": not message.keys()
        <= {"role", "content", "name", "function_call", "weight"},
        "unrecognized_role": message.get("role")
        not in {"system", "developer", "user", "assistant", "tool", "function"},
        "missing_content": not (content or call) or not isinstance(content, str),
    }
    return {error for error, wrong in found.items() if wrong}


@pytest.fixture
def openai_types() -> Callable[[list[Row]], object]:
    """Read messages into the types that openai has for those of a chat."""
    chat = need("openai.types.chat")
    reader = need("pydantic").TypeAdapter(chat.ChatCompletionMessageParam)
    return lambda turns: [reader.validate_python(turn) for turn in turns]


@pytest.mark.parametrize("record", EVERY)
@pytest.mark.parametrize("target", OPENAI)
def test_the_cookbook_of_openai_finds_nothing_wrong_with_a_row(
    tmp_path: Path, target: str, record: str
) -> None:
    (row,) = rows_of(tmp_path, target, [record])
    assert errors_of_openai(row) == set()


@pytest.mark.parametrize(("row", "errors"), OPENAI_REFUSES.values(), ids=OPENAI_REFUSES)
def test_the_cookbook_of_openai_refuses_a_row_that_is_not_one(
    row: object, errors: set[str]
) -> None:
    assert errors_of_openai(row) == errors


def test_turns_that_openai_refuses_never_become_a_row() -> None:
    assert verdict("openai", "narrator", "user", "assistant") == {"bad-turn": 1}
    assert verdict("openai", "system", "user") == {"cot_answer null": 1}


@pytest.mark.parametrize("record", EVERY)
@pytest.mark.parametrize("target", OPENAI)
def test_messages_of_a_row_are_of_the_types_of_openai(
    openai_types: Callable[[list[Row]], object], tmp_path: Path, target: str, record: str
) -> None:
    (row,) = rows_of(tmp_path, target, [record])
    assert openai_types(row["messages"]) == row["messages"]


@pytest.mark.parametrize("record", PREFERENCE)
def test_messages_of_a_preference_are_of_the_types_of_openai(
    openai_types: Callable[[list[Row]], object], tmp_path: Path, record: str
) -> None:
    (row,) = rows_of(tmp_path, "openai-dpo", [record])
    openai_types(row["input"]["messages"] + row["preferred_output"] + row["non_preferred_output"])
    assert row["input"]["messages"][-1]["role"] == "user"


def test_calls_of_tools_are_of_the_types_of_openai(
    openai_types: Callable[[list[Row]], object],
) -> None:
    record = json.dumps({"messages": TOOL_TURNS}).encode()
    row = json.loads(Converter("openai", check="strict").convert_bytes(record))
    openai_types(row["messages"])


@pytest.mark.parametrize("turns", OPENAI_TYPES_REFUSE.values(), ids=OPENAI_TYPES_REFUSE)
def test_the_types_of_openai_refuse_messages_that_are_none(
    openai_types: Callable[[list[Row]], object], turns: list[Row]
) -> None:
    with pytest.raises(ValueError, match="validation error"):
        openai_types(turns)


COMPLETIONS_REFUSED: dict[str, tuple[list[Row], str]] = {
    "no completion": (
        [{"prompt": "q"}, {"prompt": "r"}],
        "ERROR in necessary_column validator: `completion` column/key is missing",
    ),
    "one prompt only": (
        [{"prompt": "q", "completion": "a"}, {"prompt": "q", "completion": "b"}],
        "ERROR in common_suffix validator: All prompts are identical",
    ),
    "another key": (
        [{"prompt": text, "completion": text, "id": text} for text in "ab"],
        "[Necessary] Remove additional columns/keys: ['id']",
    ),
    "an empty completion": (
        [{"prompt": text, "completion": text.strip("a")} for text in "abc"],
        "[Necessary] Remove 1 rows with empty completions",
    ),
}


@pytest.fixture
def prepare(capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """Prepare prompts and completions as openai did while it had a command for that."""
    validators = need("openai.lib._validators")

    def run(path: Path) -> str:
        """Return what it says of a file."""
        frame, told = validators.read_any_format(str(path))
        checks = validators.get_validators()
        with suppress(SystemExit):
            validators.apply_validators(
                frame, str(path), told, checks, auto_accept=True, write_out_file_func=print
            )
        return "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize("target", ["completion", "openai-completion"])
def test_openai_had_nothing_that_it_must_mend_in_prompts_and_completions(
    prepare: Callable[[Path], str], tmp_path: Path, target: str
) -> None:
    remarks = prepare(write(tmp_path, target, ONE_ANSWER, copies=1))
    assert "All completions end with suffix" in remarks
    assert "ERROR" not in remarks
    assert "[Necessary]" not in remarks


def test_openai_found_separator_space_and_ending_in_its_prompts_and_completions(
    prepare: Callable[[Path], str], tmp_path: Path
) -> None:
    remarks = prepare(write(tmp_path, "openai-completion", ONE_ANSWER, copies=1))
    assert r"All prompts end with suffix `\n\n###\n\n`" in remarks
    assert "All completions end with suffix ` END`" in remarks
    assert "whitespace character" not in remarks


@pytest.mark.parametrize(("rows", "message"), COMPLETIONS_REFUSED.values(), ids=COMPLETIONS_REFUSED)
def test_openai_refused_or_mended_prompts_and_completions_that_are_none(
    prepare: Callable[[Path], str], tmp_path: Path, rows: list[Row], message: str
) -> None:
    assert message in prepare(dump(tmp_path / "rows.jsonl", rows))


# Tokens -------------------------------------------------------------------------------------------

Tokenizer = Any
"""Of transformers, which need not be there."""

MARKS = ("<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def tokenizer() -> Tokenizer:
    """Make a tokenizer of single bytes, whose tokens become the text again that they were."""
    tokenizers = need("tokenizers")
    transformers = need("transformers")
    need("jinja2")
    by_byte = tokenizers.pre_tokenizers.ByteLevel
    pieces = [*MARKS, *sorted(by_byte.alphabet())]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    core = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = by_byte(add_prefix_space=False, use_regex=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=MARKS[1],
        additional_special_tokens=[MARKS[0]],
        chat_template=CHATML,
    )


def chatml(turns: list[Row]) -> str:
    return "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in turns)


def answers(turns: list[Row]) -> list[str]:
    return [one["content"] for one in turns if one["role"] == "assistant"]


# TRL ----------------------------------------------------------------------------------------------

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


# MLX-LM -------------------------------------------------------------------------------------------


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


# Axolotl ------------------------------------------------------------------------------------------

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


# torchtune ----------------------------------------------------------------------------------------

TORCHTUNE_REFUSES = {
    "a first turn of an assistant": ("assistant", "user", "assistant"),
    "two turns of a user": ("user", "user", "assistant"),
    "two turns of an assistant": ("user", "assistant", "assistant"),
    "two system messages": ("system", "system", "user", "assistant"),
}


@pytest.fixture
def torchtune(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the messages of torchtune, which themselves need torch only for pictures."""
    parts: dict[str, dict[str, object]] = {
        "torchtune": {},
        "torchtune.data": {},
        "torchtune.data._utils": {"format_content_with_images": None, "load_image": None},
        "torchtune.modules": {},
        "torchtune.modules.transforms": {"Transform": object},
    }
    return without_torch(monkeypatch, "torchtune.data._messages", parts)


@pytest.mark.parametrize("record", EVERY)
def test_torchtune_reads_what_was_said_and_trains_on_the_answers(
    torchtune: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "torchtune", [record])
    messages = torchtune.OpenAIToMessages()(row)["messages"]
    torchtune.validate_messages(messages)
    heard = [{"role": one.role, "content": one.text_content} for one in messages]
    assert heard == row["messages"]
    assert [one.text_content for one in messages if not one.masked] == answers(heard)


@pytest.mark.parametrize("record", ONE_ANSWER)
def test_torchtune_reads_input_and_output(
    torchtune: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "torchtune-instruct", [record])
    messages = torchtune.InputOutputToMessages()(row)["messages"]
    torchtune.validate_messages(messages)
    assert [one.text_content for one in messages] == [row["input"], row["output"]]
    assert [one.masked for one in messages] == [True, False]


@pytest.mark.parametrize("record", PREFERENCE)
def test_torchtune_reads_two_conversations_of_a_preference(
    torchtune: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "torchtune-preference", [record])
    pair = torchtune.ChosenRejectedToMessages()(copy.deepcopy(row))
    assert pair.keys() == row.keys()
    for name, messages in pair.items():
        torchtune.validate_messages(messages)
        heard = [{"role": one.role, "content": one.text_content} for one in messages]
        assert heard == row[name]


@pytest.mark.parametrize("roles", TORCHTUNE_REFUSES.values(), ids=TORCHTUNE_REFUSES)
def test_turns_that_torchtune_refuses_break_a_rule(
    torchtune: ModuleType,
    roles: tuple[str, ...],
) -> None:
    messages = torchtune.OpenAIToMessages()(unchecked("torchtune", *roles))["messages"]
    with pytest.raises(ValueError, match="in messages"):
        torchtune.validate_messages(messages)
    assert verdict("torchtune", *roles) == {"rule": 1}


def test_a_single_message_is_refused_by_torchtune_and_never_becomes_a_row(
    torchtune: ModuleType,
) -> None:
    messages = torchtune.OpenAIToMessages()({"messages": said("user")})["messages"]
    with pytest.raises(ValueError, match="at least length 2"):
        torchtune.validate_messages(messages)
    assert verdict("torchtune", "user") == {"cot_answer null": 1}


# datasets -----------------------------------------------------------------------------------------

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
    "raft": (ONE_ANSWER, {**RAFT, "quotes": [TEXT], "final_answer": TEXT}),
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
