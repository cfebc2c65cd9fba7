"""What Gorilla's ``format.py`` makes of a corpus, given its columns.

It decides for a file as a whole which columns the rows have, and in which order. So the columns are
found out before the first row is written, and a target is composed that gives just these rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from raftfast._raftfast import Converter
from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyarrow import Schema

DatasetFormat: TypeAlias = Literal["hf", "completion", "chat", "eval"]
"""The formats."""

SYSTEM_PROMPT: Final = (
    "The following is a conversation with an AI assistant. "
    "The assistant is helpful, clever, friendly and gives concise and accurate answers."
)
"""The text of the system message, unless another is given."""

TAG: Final = "<ANSWER>: "
"""What stands before a final answer."""

_PROMPT = '"{prompt_key}": "{instruction}"'
_COMPLETION = '"{completion_key}": "{cot_answer}{stop}"'
_COMPLETION_TARGET = """
name = "completion"
needs = ["instruction", "cot_answer"]
row = '''{%s}'''
settings = { prompt_key = "prompt", completion_key = "completion", stop = "" }
"""

_EVALUATION = {
    "question": '"{question}"',
    "answer": '"{answer}"',
    "gold_final_answer": f"\"{{cot_answer|after('{TAG}')}}\"",
    "final_answer": f"\"{{answer|null_if_empty|after('{TAG}')}}\"",
    "context": '"{instruction|without_last_line}"',
}
_ANSWERS = ("answer", "final_answer")
_EVALUATION_TARGET = """
name = "eval"
needs = ["cot_answer", "instruction", "context"]
row = '''{%s}'''
"""


class Columns(dict[str, bool]):
    """The columns of a corpus in order, and of each whether all its values are null."""

    @classmethod
    def of(cls, schemas: Iterable[Schema]) -> Columns:
        """Take the columns of Arrow schemas; a later schema adds what it has more."""
        from pyarrow import types  # noqa: PLC0415 - 100 ms that chat does not need

        columns = cls()
        for field in (field for schema in schemas for field in schema):
            columns[field.name] = columns.get(field.name, True) and types.is_null(field.type)
        return columns


def whole(_: Columns) -> Converter:
    """Make rows of all columns."""
    return Converter("hf", dialect="gorilla", escape="pandas")


def chat(columns: Columns, system_prompt: str = SYSTEM_PROMPT, **_: str) -> Converter:
    """Make rows of messages.

    Args:
        columns: Those of the corpus; none if they are not known.
        system_prompt: The text of the system message; ``""`` leaves it out.

    Raises:
        Error: A column is missing.

    """
    _insist_on(columns, "instruction", "cot_answer")
    return Converter("chat", system=system_prompt or "", dialect="gorilla", escape="pandas")


def completion(
    columns: Columns,
    prompt_column: str = "prompt",
    completion_column: str = "completion",
    stop: str = "<STOP>",
) -> Converter:
    """Make rows of a prompt and its completion.

    The prompt takes the place of ``instruction``; the completion that of a column of its name, or
    else the last.

    Args:
        columns: Those of the corpus.
        prompt_column: The name of the prompt.
        completion_column: The name of the completion.
        stop: What is appended to each completion.

    Raises:
        Error: A column is missing, or a name is taken or empty.

    """
    _insist_on(columns, "instruction", "cot_answer")
    _refuse_taken(prompt_column, completion_column, columns)
    order = [prompt_column if name == "instruction" else name for name in columns]
    members = [_PROMPT, _COMPLETION]
    if completion_column in order and order.index(completion_column) < order.index(prompt_column):
        members.reverse()
    settings = {"prompt_key": prompt_column, "completion_key": completion_column, "stop": stop}
    target = _COMPLETION_TARGET % ", ".join(members)
    return Converter.from_toml(target, settings=settings, dialect="gorilla", escape="pandas")


def evaluation(columns: Columns) -> Converter:
    """Make rows to evaluate answers by.

    Columns stay where they are; new ones come behind them, ``context`` as the last.

    Args:
        columns: Those of the corpus; if ``answer`` is among them, the rows have it, and its final
            answer.

    Raises:
        Error: A column is missing.

    """
    _insist_on(columns, "cot_answer", "instruction", "context", "question")
    members = {
        name: source
        for name, source in _EVALUATION.items()
        if name not in _ANSWERS or "answer" in columns
    }
    for name in ("question", *_ANSWERS):
        if columns.get("question" if name == "question" else "answer"):
            members[name] = "null"  # the column has no type, and so that of the rows has none
    stay = [name for name in columns if name in members and name != "context"]
    row = ", ".join(f'"{name}": {members[name]}' for name in dict.fromkeys([*stay, *members]))
    return Converter.from_toml(_EVALUATION_TARGET % row, dialect="gorilla", escape="pandas")


TARGETS: dict[DatasetFormat, Callable[..., Converter]] = {
    "hf": whole,
    "completion": completion,
    "chat": chat,
    "eval": evaluation,
}
"""The converter of a format, given the columns of the corpus and the settings of the format."""


def _insist_on(columns: Columns, *needed: str) -> None:
    missing = [name for name in needed if columns and name not in columns]
    if missing:
        names, seen = ", ".join(map(repr, missing)), ", ".join(columns)
        raise Error(f"no record has the field {names}; the keys seen are: {seen}", "missing-field")


def _refuse_taken(prompt_column: str, completion_column: str, columns: Columns) -> None:
    """Refuse what would make one column of two. A completion may replace a column, as Gorilla's."""
    if not prompt_column:
        raise Error("the prompt has an empty name", "column-clash")
    if prompt_column == completion_column:
        raise Error(f"prompt and completion are both named {prompt_column}", "column-clash")
    if prompt_column in columns and prompt_column != "instruction":
        message = f"the input has a column {prompt_column}: choose another name for the prompt"
        raise Error(message, "column-clash")
