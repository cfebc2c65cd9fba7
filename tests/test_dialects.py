"""Every dialect of RAFT is told from its records and read as what its generator meant.

The oracle here is written from what the generators do, and knows nothing of raftfast's own files.
The goldens are three records of each dialect, as its generator writes them.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
import raftfast
from corpora import EVERY_CPU, MACHINE, lines_of, run, seeded, spell_pairs, values_of
from pyarrow import parquet
from raftfast import Converter
from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Json = dict[str, Any]

GOLDENS = {
    path.stem: lines_of(path.read_bytes())
    for path in sorted((Path(__file__).parent / "goldens/dialects").glob("*.jsonl"))
}
NAMES = tuple(GOLDENS)
RECORDS = [(name, line) for name, lines in GOLDENS.items() for line in lines]
IDS = [f"{name}-{number}" for name, lines in GOLDENS.items() for number in range(len(lines))]
EACH = pytest.mark.parametrize(("name", "line"), RECORDS, ids=IDS)
EACH_DIALECT = pytest.mark.parametrize("name", NAMES)

SYSTEM = (
    "The following is a conversation with an AI assistant. "
    "The assistant is helpful, clever, friendly and gives concise and accurate answers."
)
TAG = "<ANSWER>: "
STOP = "<STOP>"

# All that a target can ask of a record but for its turns, which it takes any number of.
DETAILS = """
name = "details"
row = '''
{
    "question": "{question}",
    "instruction": "{instruction}",
    "cot_answer": "{cot_answer}",
    "final_answer": "{final_answer}",
    "system": {"$if": "system", "then": "{system}", "else": null},
    "documents": [{"$each": "documents", "do": "{text}"}],
    "quotes": [{"$each": "quotes", "do": "{text}"}],
    "turns": [{"$each": "turns", "do": ["{role}", "{content}"]}],
    "rest": [{"$each": "turns", "do": ["{name}", "{tool_calls}", "{tool_call_id}", "{weight}"]}]
}
'''

[settings]
system = ""
"""
PLAIN_CHAT = """
name = "plain-chat"
row = '''
{"messages": [{"$each": "messages", "do": {"role": "{role}", "content": "{content}"}}]}
'''

[settings]
system = ""
"""
SHAREGPT = """
name = "from-value"
row = '''
{"conversations": [{"$each": "messages", "do": {"from": "{role}", "value": "{content}"}}]}
'''

[roles]
system = "system"
user = "human"
assistant = "gpt"
tool = "observation"

[settings]
system = ""
"""


# The oracle ---------------------------------------------------------------------------------------


class Meant(NamedTuple):
    """What a record means, whatever it is written like."""

    instruction: str | None
    cot_answer: str | None
    final_answer: str | None
    question: str | None
    documents: list[str] = []  # noqa: RUF012 - of a tuple, and never changed
    system: str | None = None
    before: list[tuple[str, str | None]] = []  # noqa: RUF012 - as above
    """The turns before the last question and its answer."""
    repairs: tuple[str, ...] = ()
    quoting: str | None = None
    """The text with quotes, if it is not the chain of thought."""

    @property
    def turns(self) -> list[tuple[str, str | None]]:
        last = [("user", self.instruction), ("assistant", self.cot_answer)]
        return [*self.before, *(turn for turn in last if turn[1])]

    @property
    def quotes(self) -> list[str]:
        text = self.cot_answer if self.quoting is None else self.quoting
        return re.findall("##begin_quote##(.*?)##end_quote##", text or "", re.DOTALL)

    @property
    def is_whole(self) -> bool:
        """Whether Gorilla's `format.py` would keep it."""
        return bool(self.instruction and self.cot_answer)

    def details(self) -> Json:
        return {
            "question": self.question,
            "instruction": self.instruction,
            "cot_answer": self.cot_answer,
            "final_answer": self.final_answer,
            "system": self.system or None,
            "documents": self.documents,
            "quotes": self.quotes,
            "turns": [[*turn] for turn in self.turns],
        }

    def chat(self) -> Json:
        said = [("system", self.system or SYSTEM), *self.turns]
        return {"messages": [{"role": role, "content": content} for role, content in said]}

    def completion(self) -> Json:
        return {"prompt": self.instruction, "completion": f"{self.cot_answer}{STOP}"}


def final(answer: str | None) -> str | None:
    """Do what `extract_final_answer` of `format.py` does."""
    return answer.split(TAG)[-1] if answer else answer


def in_tags(text: str) -> list[str]:
    """Find the documents of an instruction."""
    return re.findall("<DOCUMENT>(.*?)</DOCUMENT>", text, re.DOTALL)


def asked(text: str) -> str:
    """Find the question of an instruction: what follows its documents."""
    return text.rpartition("</DOCUMENT>")[2].lstrip("\n")


def nested(record: Json) -> list[str]:
    """Find the documents of Gorilla's context: a list holding one list."""
    (documents,) = record["context"]["sentences"]
    return list(documents)


def gorilla(record: Json) -> Meant:
    cot = record["cot_answer"]
    return Meant(record["instruction"], cot, final(cot), record["question"], nested(record))


def raft_local(record: Json) -> Meant:
    cot, documents = record["cot_answer"], record["context"]["sentences"]
    return Meant(record["instruction"], cot, final(cot), record["question"], documents)


def raft_toolkit(record: Json) -> Meant:
    # The documents of its context cannot be told apart: a blank line may stand in one.
    cot, instruction = record["cot_answer"], record["instruction"]
    return Meant(instruction, cot, final(cot), record["question"], in_tags(instruction))


def refusal(record: Json) -> Meant:
    # Its context holds the oracle that the model is not shown.
    cot, instruction = record["cot_answer"], record["instruction"]
    return Meant(instruction, cot, final(cot), record["question"], in_tags(instruction))


def legacy(record: Json) -> Meant:
    documents, question = nested(record), record["question"]
    instruction = "".join(f"<DOCUMENT>{one}</DOCUMENT>\n" for one in documents) + question
    return Meant(
        instruction,
        record["cot_answer"],
        record["answer"],
        question,
        documents,
        repairs=("instruction built",),
    )


def llamaindex(record: Json) -> Meant:
    cot = record["cot_answer"].removeprefix("assistant: ")
    question, instruction = record["question"], record["instruction"]
    return Meant(
        instruction, cot, final(cot), question, nested(record), repairs=("prefix stripped",)
    )


def paper(record: Json) -> Meant:
    cot = record["cot_answer"]
    short = cot.split("##Answer:")[-1].strip()
    return Meant(record["instruction"], cot, short, record["question"], nested(record))


def raft_llm(record: Json) -> Meant:
    prefixes = {"###User: ": "user", "###Assistant: ": "assistant"}
    turns = [
        (role, text.removeprefix(prefix))
        for text in record["dialog"]
        for prefix, role in prefixes.items()
        if text.startswith(prefix)
    ]
    meant = conversation(turns)
    return meant._replace(
        final_answer=record["qa_answer"] or final(meant.cot_answer),
        documents=nested(record),
        repairs=("prefix stripped",),
    )


def messages(record: Json) -> Meant:
    return conversation([(turn["role"], turn["content"]) for turn in record["messages"]])


def trl(record: Json) -> Meant:
    return messages({"messages": record["prompt"] + record["completion"]})


def sharegpt(record: Json) -> Meant:
    roles = {"human": "user", "gpt": "assistant", "observation": "tool", "system": "system"}
    turns = [(roles[turn["from"]], turn["value"]) for turn in record["conversations"]]
    meant = conversation(turns)
    return meant._replace(system=meant.system or record.get("system"))


def conversation(turns: list[tuple[str, str | None]]) -> Meant:
    system = turns.pop(0)[1] if turns[0][0] == "system" else None
    *before, (user, question), (assistant, answer) = turns
    assert (user, assistant) == ("user", "assistant"), "the goldens end so"
    assert question is not None
    return Meant(
        question, answer, final(answer), asked(question), in_tags(question), system, before
    )


def alpaca(record: Json) -> Meant:
    extra, cot = record["input"], record["output"]
    instruction = "\n".join([record["instruction"], *([extra] if extra else [])])
    before = [
        turn
        for question, answer in record.get("history") or []
        for turn in (("user", question), ("assistant", answer))
    ]
    return Meant(
        instruction,
        cot,
        final(cot),
        asked(record["instruction"]),
        in_tags(instruction),
        record.get("system"),
        before,
    )


def completion(record: Json) -> Meant:
    prompt, cot = record["prompt"], record["completion"].removesuffix(STOP)
    repairs = ("stop text stripped",) if cot != record["completion"] else ()
    return Meant(prompt, cot, final(cot), asked(prompt), in_tags(prompt), repairs=repairs)


def eval_rows(record: Json) -> Meant:
    # `extract_context` took the last line off the instruction, and left nothing of a single one.
    lines = [record["context"], record["question"]] if record["context"] else [record["question"]]
    return Meant(
        "\n".join(lines),
        None,
        record["gold_final_answer"],
        record["question"],
        in_tags(record["context"]),
        repairs=("instruction built",),
    )


ORACLE: dict[str, Callable[[Json], Meant]] = {
    "alpaca": alpaca,
    "completion": completion,
    "curator": gorilla,
    "eval-output": gorilla,
    "eval-rows": eval_rows,
    "gorilla": gorilla,
    "legacy": legacy,
    "llamaindex": llamaindex,
    "messages": messages,
    "paper": paper,
    "raft-llm": raft_llm,
    "raft-local": raft_local,
    "raft-toolkit": raft_toolkit,
    "refusal": refusal,
    "sharegpt": sharegpt,
    "trl": trl,
}


def meant(name: str, line: bytes) -> Meant:
    return ORACLE[name](json.loads(line))


# Verbs --------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """Rows, parsed, and their account."""

    rows: list[Any]
    ledger: raftfast.Ledger


def converted(converter: Converter, *lines: bytes) -> Outcome:
    rows = converter.convert_bytes(b"".join(line + b"\n" for line in lines))
    return Outcome(values_of(rows), converter.ledger)


def details(*lines: bytes, **options: Any) -> Outcome:  # noqa: ANN401
    return converted(Converter.from_toml(DETAILS, **options), *lines)


def chat(*lines: bytes, **options: Any) -> Outcome:  # noqa: ANN401
    return converted(Converter("chat", **options), *lines)


def plain_chat(*lines: bytes, **options: Any) -> Outcome:  # noqa: ANN401
    """Convert to chat without a system message for records that have none."""
    return converted(Converter.from_toml(PLAIN_CHAT, **options), *lines)


def line_of(record: object) -> bytes:
    return json.dumps(record).encode()


def talk(*turns: object, **others: object) -> bytes:
    """Write a conversation of messages."""
    return line_of({"messages": [*turns], **others})


def says(role: str, content: object, **others: object) -> Json:
    return {"role": role, "content": content, **others}


def fault(converter: Converter, *lines: bytes) -> Error:
    with pytest.raises(Error) as caught:
        converted(converter, *lines)
    return caught.value


# What records are and mean ------------------------------------------------------------------------


def test_goldens_and_the_oracle_know_every_dialect() -> None:
    names = {dialect.name for dialect in Converter.dialects()}
    assert names == {*NAMES} == {*ORACLE}


@EACH
def test_a_record_is_told_as_its_dialect(name: str, line: bytes) -> None:
    assert details(line).ledger.dialects == {name: 1}


@EACH
def test_chat_counts_dialects_as_far_as_rows_depend_on_them(name: str, line: bytes) -> None:
    # What tells the paper's records is a text inside of the answer: chat does not look for it.
    told = "gorilla" if name == "paper" else name
    assert chat(line).ledger.dialects == {told: 1}


@EACH
@pytest.mark.parametrize("part", [*Meant("", "", "", "").details()])
def test_each_detail_is_what_the_generator_meant(name: str, line: bytes, part: str) -> None:
    (row,) = details(line).rows
    assert row[part] == meant(name, line).details()[part]


@EACH
def test_chat_rows_are_what_the_generator_meant(name: str, line: bytes) -> None:
    expected = meant(name, line)
    spoken = [
        {"messages": [{"role": one["role"], "content": one["content"]} for one in row["messages"]]}
        for row in chat(line).rows
    ]
    assert spoken == ([expected.chat()] if expected.is_whole else [])


@EACH
def test_completion_rows_are_what_the_generator_meant(name: str, line: bytes) -> None:
    expected = meant(name, line)
    converter = Converter("completion", turns="last")
    if expected.system:
        assert fault(converter, line).kind == "unfit"
    else:
        rows = converted(converter, line).rows
        assert rows == ([expected.completion()] if expected.is_whole else [])


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_no_spelling_of_a_record_changes_what_it_means(name: str, line: bytes, seed: int) -> None:
    rng = seeded(seed)
    pairs = list(json.loads(line).items())
    rng.shuffle(pairs)
    respelled = spell_pairs(pairs, rng).encode()
    assert details(respelled).rows == details(line).rows
    assert details(respelled).ledger.dialects == {name: 1}


@EACH
@pytest.mark.parametrize("escape", ["keep", "ascii", "pandas"])
def test_no_way_to_escape_changes_what_rows_mean(name: str, line: bytes, escape: str) -> None:
    assert details(line, escape=escape, dialect=name).rows == details(line).rows


# A dialect asked for ------------------------------------------------------------------------------


@EACH
def test_a_dialect_asked_for_reads_as_if_told(name: str, line: bytes) -> None:
    asked_for, told = details(line, dialect=name), details(line)
    assert asked_for.rows == told.rows
    assert asked_for.ledger.dialects == told.ledger.dialects
    assert asked_for.ledger.repaired == told.ledger.repaired


@EACH
@pytest.mark.parametrize("to", ["chat", "completion", "eval", "hf"])
def test_built_in_targets_take_a_dialect_asked_for(name: str, line: bytes, to: str) -> None:
    options: dict[str, Any] = {"turns": "last", "on_error": "skip"}
    asked_for = converted(Converter(to, dialect=name, **options), line)
    told = converted(Converter(to, **options), line)
    assert asked_for.rows == told.rows
    assert asked_for.ledger.filtered == told.ledger.filtered
    assert asked_for.ledger.rejected == told.ledger.rejected


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gorilla"])
def test_a_record_of_another_dialect_is_rejected(name: str) -> None:
    stranger = line_of({"instruction": "i"})
    error = fault(Converter("chat", dialect=name), GOLDENS[name][0], stranger)
    assert (error.kind, error.line) == ("unknown-dialect", 2)
    assert name in str(error)
    skipped = chat(GOLDENS[name][0], stranger, dialect=name, on_error="skip").ledger
    assert (skipped.read, skipped.rejected) == (2, {"unknown-dialect": 1})


# Records of no dialect ----------------------------------------------------------------------------

STRANGERS = {
    "no keys": b"{}",
    "keys of others": line_of({"text": "a", "label": 1}),
    "a key in other letters": line_of({"Instruction": "i", "Cot_Answer": "c"}),
    "a prompt without completion": line_of({"prompt": "p"}),
    "an output without instruction": line_of({"output": "o", "input": "i"}),
    "keys only further inside": line_of({"data": {"instruction": "i", "cot_answer": "c"}}),
}
EACH_STRANGER = pytest.mark.parametrize("line", STRANGERS.values(), ids=STRANGERS)


@EACH_STRANGER
def test_a_record_of_no_dialect_fails(line: bytes) -> None:
    error = fault(Converter("chat"), *GOLDENS["gorilla"], line)
    assert (error.kind, error.line) == ("unknown-dialect", 4)


@EACH_STRANGER
def test_a_record_of_no_dialect_is_skipped_if_asked(line: bytes) -> None:
    rows, ledger = chat(*GOLDENS["gorilla"], line, on_error="skip")
    assert len(rows) == 3
    assert (ledger.rejected, ledger.dialects) == ({"unknown-dialect": 1}, {"gorilla": 3})


# Mixed corpora ------------------------------------------------------------------------------------


def mixed(rng: Random, times: int = 1) -> list[tuple[str, bytes]]:
    records = RECORDS * times
    rng.shuffle(records)
    return records


@pytest.mark.parametrize("seed", range(5))
def test_a_mixed_corpus_is_read_record_by_record(seed: int) -> None:
    records = mixed(seeded(seed))
    rows, ledger = details(*(line for _, line in records))
    assert rows == [details(line).rows[0] for _, line in records]
    assert ledger.dialects == dict.fromkeys(NAMES, 3)
    assert ledger.read == ledger.written == len(RECORDS)


@pytest.mark.parametrize("seed", range(5))
def test_chat_of_a_mixed_corpus_has_a_row_of_each_whole_record(seed: int) -> None:
    records = mixed(seeded(seed))
    rows, ledger = chat(*(line for _, line in records))
    expected = [meant(name, line) for name, line in records]
    assert len(rows) == sum(one.is_whole for one in expected)
    assert rows == [row for _, line in records for row in chat(line).rows]
    assert sum(ledger.filtered.values()) == sum(not one.is_whole for one in expected)
    assert sum(ledger.dialects.values()) == ledger.read == len(records)


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("to", ["details", "chat"])
def test_no_layout_of_a_run_shows(
    cpu: str, to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "details.toml"
    target.write_text(DETAILS)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes(b"".join(line + b"\n" for _, line in mixed(seeded(3), 20)))

    def outcome(cpu: str, **options: int) -> tuple[object, ...]:
        monkeypatch.setenv("RAFTFAST_CPU", cpu)
        converter = Converter(target if to == "details" else to)
        return run(converter, [corpus], tmp_path, **options)

    expected = outcome(MACHINE[0], threads=1)
    assert isinstance(expected[0], bytes)
    for threads in (1, 2, 7):
        assert outcome(cpu, threads=threads, block_bytes=1 << 12) == expected


# Repairs ------------------------------------------------------------------------------------------


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
            for text, role in zip(record["dialog"], ["user", "assistant"] * 9, strict=False)
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


# What is taken for the answer ---------------------------------------------------------------------


@EACH
def test_the_final_answer_can_be_taken_for_the_answer(name: str, line: bytes) -> None:
    (row,) = details(line, answer="final").rows
    assert row["cot_answer"] == meant(name, line).final_answer


@pytest.mark.parametrize("name", ["gorilla", "paper", "legacy", "curator", "eval-rows", "alpaca"])
def test_chat_of_final_answers_ends_with_them(name: str) -> None:
    line = GOLDENS[name][0]
    (row,) = chat(line, answer="final").rows
    expected = meant(name, line)
    assert row["messages"][1:] == [
        says("user", expected.instruction),
        says("assistant", expected.final_answer),
    ]


@pytest.mark.parametrize("name", ["messages", "sharegpt", "trl", "raft-llm"])
def test_conversations_of_final_answers_end_with_them(name: str) -> None:
    line = GOLDENS[name][0]
    (row,) = chat(line, answer="final").rows
    assert row["messages"][-1] == says("assistant", meant(name, line).final_answer)


PAPER = "##Reason: by ##begin_quote##d##end_quote## ##Answer: Paris"
OF_PAPER: dict[str, Json] = {
    "gorilla": {"instruction": "q"},
    "raft-toolkit": {"question": "q", "context": "d", "instruction": "q"},
    "curator": {"question": "q", "oracle_document": "d", "instruction": "q"},
    "legacy": {"question": "q", "context": {"sentences": [["d"]]}, "answer": "Paris"},
    "messages": {"messages": [says("user", "q"), says("assistant", PAPER)]},
}


@pytest.mark.parametrize("name", OF_PAPER)
@pytest.mark.parametrize("dialect", ["auto", "own"])
def test_the_final_answer_of_the_papers_prompt_is_found_in_records_of_any_dialect(
    name: str, dialect: str
) -> None:
    record = OF_PAPER[name] if name == "messages" else {**OF_PAPER[name], "cot_answer": PAPER}
    from_ = name if dialect == "own" else "auto"
    (row,) = chat(json.dumps(record).encode(), dialect=from_, answer="final").rows
    assert row["messages"][-1] == says("assistant", "Paris")


class Either(NamedTuple):
    """A record without a chain of thought, or with one, and what is its answer."""

    record: Json
    answer: str | None


CONTEXT = {"title": [["t"]], "sentences": [["d"]]}
RAFT = {"question": "q", "context": CONTEXT, "instruction": "<DOCUMENT>d</DOCUMENT>\nq"}
EITHER = {
    "the chain of thought where there is one": Either(
        {"question": "q", "context": CONTEXT, "answer": "short", "cot_answer": "long"}, "long"
    ),
    "the short answer instead of null": Either(
        {"question": "q", "context": CONTEXT, "answer": "short", "cot_answer": None}, "short"
    ),
    "the short answer instead of nothing": Either(
        {"question": "q", "context": CONTEXT, "answer": "short / 😀"}, "short / 😀"
    ),
    "the short answer instead of an empty text": Either(
        {"question": "q", "context": CONTEXT, "answer": "short", "cot_answer": ""}, "short"
    ),
    "nothing where both are null": Either(
        {"question": "q", "context": CONTEXT, "answer": None, "cot_answer": None}, None
    ),
    "the chain of thought of a model under evaluation's record": Either(
        {**RAFT, "cot_answer": "gold", "answer": "of the model"}, "gold"
    ),
    "never what a model under evaluation answered": Either(
        {**RAFT, "cot_answer": None, "answer": "of the model"}, None
    ),
    "the gold answer of rows for evaluation": Either(
        {
            "question": "q",
            "answer": "of the model",
            "gold_final_answer": "gold",
            "final_answer": "of the model",
            "context": "<DOCUMENT>d</DOCUMENT>",
        },
        "gold",
    ),
}


@pytest.mark.parametrize("case", EITHER.values(), ids=EITHER)
def test_either_answer_will_do(case: Either) -> None:
    rows = chat(line_of(case.record), answer="either").rows
    assert [row["messages"][-1]["content"] for row in rows] == [case.answer][: bool(case.answer)]


def test_a_short_answer_that_is_used_is_counted() -> None:
    ledger = chat(*GOLDENS["legacy"], answer="either").ledger
    assert ledger.repaired == {"instruction built": 3, "answer used": 2}
    assert ledger.written == 3


# Several answers ----------------------------------------------------------------------------------

USER, AGAIN = says("user", "first?"), says("user", "second?")
ONE, TWO = says("assistant", "one"), says("assistant", "two")
TALK = talk(USER, ONE, AGAIN, TWO)
SEVERAL = {
    "messages": TALK,
    "sharegpt": line_of(
        {
            "conversations": [
                {"from": "human", "value": "first?"},
                {"from": "gpt", "value": "one"},
                {"from": "human", "value": "second?"},
                {"from": "gpt", "value": "two"},
            ]
        }
    ),
    "raft-llm": line_of(
        {
            "dialog": [
                "###User: first?",
                "###Assistant: one",
                "###User: second?",
                "###Assistant: two",
            ],
            "qa_answer": None,
        }
    ),
    "alpaca": line_of(
        {"instruction": "second?", "input": "", "output": "two", "history": [["first?", "one"]]}
    ),
}
EACH_SEVERAL = pytest.mark.parametrize("line", SEVERAL.values(), ids=SEVERAL)


@EACH_SEVERAL
def test_several_answers_are_an_error_where_one_is_taken(line: bytes) -> None:
    error = fault(Converter("completion"), GOLDENS["gorilla"][0], line)
    assert (error.kind, error.line) == ("many-turns", 2)
    assert "2 answers" in str(error)
    skipped = converted(Converter("completion", on_error="skip"), line)
    assert (skipped.rows, skipped.ledger.rejected) == ([], {"many-turns": 1})


@EACH_SEVERAL
def test_the_last_question_and_its_answer_are_taken_if_asked(line: bytes) -> None:
    rows = converted(Converter("completion", turns="last"), line).rows
    assert rows == [{"prompt": "second?", "completion": "two<STOP>"}]


@EACH_SEVERAL
@pytest.mark.parametrize("turns", ["error", "last"])
def test_chat_has_every_turn_whatever_becomes_of_several(line: bytes, turns: str) -> None:
    rows = plain_chat(line, turns=turns).rows
    assert rows == [{"messages": [USER, ONE, AGAIN, TWO]}]


UNANSWERED = {
    "a question at the end": talk(USER, ONE, AGAIN),
    "an answer without text": talk(USER, ONE, AGAIN, says("assistant", None)),
    "an empty answer": talk(USER, ONE, AGAIN, says("assistant", "")),
}


@pytest.mark.parametrize("line", UNANSWERED.values(), ids=UNANSWERED)
def test_no_question_gets_the_answer_of_another(line: bytes) -> None:
    converter = Converter("completion", turns="last", on_error="skip")
    prompts = [row["prompt"] for row in converted(converter, line).rows]
    assert "second?" not in prompts


SYSTEMS = {
    "in messages": talk(says("system", "Be brief."), USER, ONE),
    "in turns from a system": line_of(
        {
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": "first?"},
                {"from": "gpt", "value": "one"},
            ]
        }
    ),
    "beside the turns": line_of(
        {
            "conversations": [
                {"from": "human", "value": "first?"},
                {"from": "gpt", "value": "one"},
            ],
            "system": "Be brief.",
        }
    ),
    "of Alpaca": line_of(
        {"instruction": "first?", "input": "", "output": "one", "system": "Be brief."}
    ),
    "of Gorilla's record": line_of(
        {"instruction": "first?", "cot_answer": "one", "system": "Be brief."}
    ),
    "beside messages, as Bedrock has it": line_of({"system": "Be brief.", "messages": [USER, ONE]}),
}
EACH_SYSTEM = pytest.mark.parametrize("line", SYSTEMS.values(), ids=SYSTEMS)


@EACH_SYSTEM
def test_the_system_message_of_a_record_comes_before_the_targets_own(line: bytes) -> None:
    assert chat(line).rows == [{"messages": [says("system", "Be brief."), USER, ONE]}]


@EACH_SYSTEM
def test_a_system_message_that_is_given_is_that_of_all_rows(line: bytes) -> None:
    rows = chat(line, system="Given.").rows
    assert rows == [{"messages": [says("system", "Given."), USER, ONE]}]
    assert chat(line, system="").rows == [{"messages": [USER, ONE]}]


@EACH_SYSTEM
def test_no_system_message_is_lost_where_rows_have_no_place_for_it(line: bytes) -> None:
    assert fault(Converter("completion"), line).kind == "unfit"


def test_a_system_message_comes_back_from_a_record_made_of_its_conversation() -> None:
    talk_of_three = talk(says("system", "Be brief."), USER, ONE)
    made = Converter("raft").convert_bytes(talk_of_three)
    assert chat(made).rows == chat(talk_of_three).rows


def test_a_column_of_system_messages_is_read_as_those_of_lines(tmp_path: Path) -> None:
    columns = {"instruction": ["Q"] * 2, "cot_answer": ["A"] * 2, "system": ["Be brief.", None]}
    parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    rows = lines_of((tmp_path / "out.jsonl").read_bytes())
    said = [json.loads(row)["messages"][0]["content"] for row in rows]
    assert said == ["Be brief.", SYSTEM]


# What would be lost -------------------------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
BESIDE_TOOLS = line_of({"messages": [USER, ONE], "tools": [TOOL]})


@pytest.mark.parametrize("to", ["alpaca", "trl-conversational", "together", "completion"])
def test_no_definitions_of_tools_are_lost_where_rows_have_no_place_for_them(to: str) -> None:
    assert fault(Converter(to), BESIDE_TOOLS).kind == "unfit"
    huge = BESIDE_TOOLS.replace(b'"parameters": {}', b'"parameters": 1e400')
    assert fault(Converter(to), huge).kind == "unfit"
    nothing: list[object] = [None, [], "[]"]
    for tools in nothing:
        line = line_of({"messages": [USER, ONE], "tools": tools})
        assert len(Converter(to).convert_bytes(line).splitlines()) == 1


LABELLED = {
    "label": {"prompt": "Q", "completion": "A"},
    "kto_tag": {"instruction": "Q", "input": "", "output": "A"},
}


@pytest.mark.parametrize(("key", "row"), LABELLED.items(), ids=LABELLED)
def test_an_answer_that_is_labelled_as_bad_is_none_to_train_on(key: str, row: Json) -> None:
    assert Converter("chat", on_error="skip").convert_bytes(line_of({**row, key: False})) == b""
    for good in (True, None):
        assert len(chat(line_of({**row, key: good})).rows) == 1


@pytest.mark.parametrize(("key", "row"), LABELLED.items(), ids=LABELLED)
def test_an_answer_that_a_column_labels_as_bad_is_none_to_train_on(
    key: str, row: Json, tmp_path: Path
) -> None:
    rows = [{**row, key: False}, {**row, key: True}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    ledger = raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", on_error="skip")
    assert (ledger.read, ledger.written) == (2, 1)


NULLS = {
    "messages": {"messages": None},
    "conversations": {"conversations": None},
    "dialog": {"dialog": None},
}


@pytest.mark.parametrize("null", NULLS.values(), ids=NULLS)
def test_a_list_of_turns_that_is_null_tells_no_dialect(null: Json) -> None:
    line = line_of({"instruction": "Q", "cot_answer": "A", **null})
    row = b'{"prompt":"Q","completion":"A<STOP>"}\n'
    assert Converter("completion").convert_bytes(line) == row


def test_a_column_of_turns_tells_the_dialect_of_rows_in_which_it_is_not_null(
    tmp_path: Path,
) -> None:
    rows = [
        {"instruction": "Q", "cot_answer": "A", "messages": None},
        {"instruction": None, "cot_answer": None, "messages": [USER, ONE]},
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    ledger = raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", to="completion")
    assert (ledger.written, ledger.dialects) == (2, {"gorilla": 1, "messages": 1})


def test_the_final_answer_is_found_in_the_chain_of_thought_where_there_is_no_short_one() -> None:
    records = [
        {"question": "Q", "context": {"sentences": [["D"]]}, "cot_answer": "r <ANSWER>: B"},
        {"dialog": ["###User: Q", "###Assistant: r <ANSWER>: B"]},
    ]
    to = Converter("completion", answer="final")
    rows = to.convert_bytes(b"\n".join(map(line_of, records))).splitlines()
    assert [json.loads(row)["completion"] for row in rows] == ["B<STOP>"] * 2


# Turns that cannot be read ------------------------------------------------------------------------


class Bad(NamedTuple):
    """A turn that cannot be read, and its place from 1."""

    line: bytes
    turn: int
    says: str


# What is trained on in rows of TRL ----------------------------------------------------------------

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


PARTS = [{"type": "text", "text": "a part"}, {"type": "image_url", "image_url": {"url": "u"}}]
BAD_TURNS = {
    "no role": Bad(talk(USER, {"content": "one"}), 2, "role"),
    "a role of null": Bad(talk(USER, {"role": None, "content": "one"}), 2, "role"),
    "an unknown role": Bad(talk(says("narrator", "a"), USER, ONE), 1, "role"),
    "a role in other letters": Bad(talk(says("User", "a"), ONE), 1, "role"),
    "a role that is a number": Bad(talk(USER, {"role": 1, "content": "one"}), 2, "role"),
    "a content of other parts": Bad(talk(says("user", PARTS), ONE), 1, "text"),
    "a content that is a number": Bad(talk(USER, says("assistant", 7)), 2, "text"),
    "a content that is an object": Bad(talk(USER, says("assistant", {"text": "a"})), 2, "text"),
    "a call in its old form": Bad(
        talk(USER, {**says("assistant", None), "function_call": {"name": "f"}}), 2, "function_call"
    ),
    "a question that is trained on": Bad(talk({**USER, "train": True}, ONE), 1, "is no answer"),
    "a thought that is none": Bad(talk({**USER, "thinking": "x"}, ONE), 1, "thinking"),
    "a turn that is not trained on": Bad(talk({**USER, "train": False}, ONE), 1, "loss mask"),
    "offsets that are trained on": Bad(
        talk(USER, {**ONE, "train_detail": [{"begin_offset": 0}]}), 2, "loss mask"
    ),
    "a thought beside the answer": Bad(
        talk(USER, {**ONE, "reasoning_content": "hm"}), 2, "reasoning_content"
    ),
    "a turn that is a text": Bad(talk(USER, "one"), 2, "object"),
    "a turn that is null": Bad(talk(USER, None), 2, "object"),
    "a turn of sharegpt that is of nobody": Bad(
        line_of({"conversations": [{"from": "human", "value": "a"}, {"value": "b"}]}), 2, "role"
    ),
    "a turn of raft_llm that is of nobody": Bad(
        line_of({"dialog": ["###User: a", "b"], "qa_answer": "b"}), 2, "who speaks"
    ),
    "a turn of raft_llm that is an object": Bad(
        line_of({"dialog": [{"role": "user", "content": "a"}], "qa_answer": "b"}), 1, "text"
    ),
    "a history that holds no pairs": Bad(
        line_of({"instruction": "i", "input": "", "output": "o", "history": ["a", "b"]}),
        1,
        "pair",
    ),
    "a history of halves": Bad(
        line_of({"instruction": "i", "input": "", "output": "o", "history": [["a"]]}),
        2,
        "answer",
    ),
    "a history of more than pairs": Bad(
        line_of({"instruction": "i", "input": "", "output": "o", "history": [["a", "b", "c"]]}),
        3,
        "answer",
    ),
}


@pytest.mark.parametrize("case", BAD_TURNS.values(), ids=BAD_TURNS)
def test_a_turn_that_cannot_be_read_is_named_by_its_place(case: Bad) -> None:
    error = fault(Converter("chat"), TALK, case.line)
    assert (error.kind, error.line) == ("bad-turn", 2)
    assert f"turn {case.turn} " in str(error)
    assert case.says in str(error)


TURNS_THAT_ARE_NONE = {
    "an object": line_of({"messages": {"role": "user", "content": "a"}}),
    "a text": line_of({"messages": "a"}),
    "a number": line_of({"messages": 7}),
    "conversations in a text": line_of({"conversations": "a"}),
    "a dialog in an object": line_of({"dialog": {"user": "a"}}),
    "a history in a text": line_of(
        {"instruction": "i", "input": "", "output": "o", "history": "a"}
    ),
}


@pytest.mark.parametrize("line", TURNS_THAT_ARE_NONE.values(), ids=TURNS_THAT_ARE_NONE)
def test_turns_that_are_no_array_are_an_error(line: bytes) -> None:
    error = fault(Converter("chat"), line)
    assert error.kind == "wrong-type"
    assert "' must be an array, found a" in str(error)
    skipped = chat(TALK, line, TALK, on_error="skip").ledger
    assert (skipped.written, skipped.rejected) == (2, {"wrong-type": 1})


@pytest.mark.parametrize("turns", [[], None], ids=["no turns", "turns of null"])
def test_a_conversation_without_turns_is_filtered(turns: object) -> None:
    rows, ledger = chat(line_of({"messages": turns}))
    assert rows == []
    assert (ledger.read, ledger.rejected) == (1, {})
    assert sum(ledger.filtered.values()) == 1


# Conversations ------------------------------------------------------------------------------------

KEPT = {
    "two turns": [USER, ONE],
    "several": [USER, ONE, AGAIN, TWO],
    "a system message": [says("system", "Be brief."), USER, ONE],
    "a developer": [says("developer", "Be brief."), USER, ONE],
    "two users in a row": [USER, AGAIN, ONE],
    "two answers in a row": [USER, ONE, TWO],
    "a tool": [USER, says("assistant", "call"), says("tool", "12"), ONE],
    "a function": [USER, says("assistant", "call"), says("function", "12"), ONE],
    "a question at the end": [USER, ONE, AGAIN],
    "an empty turn": [USER, says("assistant", ""), AGAIN, TWO],
    "escapes": [says("user", '"\\/\b\f\n\r\t\u0000\u001f\u007f'), says("assistant", "é😀\u2028")],
    "braces": [says("user", "{question} {{}}"), says("assistant", "{answer|trim}")],
}


@pytest.mark.parametrize("turns", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("escape", ["keep", "ascii", "pandas"])
def test_chat_of_a_conversation_is_the_conversation(turns: list[Json], escape: str) -> None:
    line = talk(*turns)
    assert plain_chat(line, escape=escape).rows == [json.loads(line)]


def test_chat_of_chat_is_the_same_to_the_byte() -> None:
    whole = [line for name, line in RECORDS if meant(name, line).is_whole]
    once = Converter("chat").convert_bytes(b"\n".join(whole))
    assert len(lines_of(once)) == len(whole)
    assert Converter("chat").convert_bytes(once) == once


def test_tools_keep_their_place_and_their_answers() -> None:
    line = GOLDENS["messages"][2]
    (row,) = chat(line).rows
    turns = json.loads(line)["messages"]
    assert [(turn["role"], turn["content"]) for turn in row["messages"]] == [
        (turn["role"], turn["content"]) for turn in turns
    ]


def test_a_target_can_have_all_that_a_turn_has() -> None:
    target = """
name = "all"
row = '''
{"messages": [{"$each": "messages", "do": {
    "role": "{role}",
    "content": "{content}",
    "name": {"$if": "name", "then": "{name}"},
    "tool_call_id": {"$if": "tool_call_id", "then": "{tool_call_id}"},
    "tool_calls": {"$if": "tool_calls", "then": "{tool_calls}"},
    "weight": {"$if": "weight", "then": "{weight}"}
}}]}
'''

[settings]
system = ""
"""
    line = GOLDENS["messages"][2]
    (row,) = converted(Converter.from_toml(target), line).rows
    assert row["messages"] == json.loads(line)["messages"]


PIECES = [
    *'aZ0 \t\n\r\b\f/\\"{}|<>&\u0000\u001f\u007f\u00a0\u2028\ufeff',
    "é",
    "ß",
    "文",
    "😀",
    "👩‍👩‍👧",
]
PIECES += ["<ANSWER>: ", "<DOCUMENT>", "</DOCUMENT>\n", "<STOP>", "##begin_quote##", "\\u0041"]
PIECES += ["assistant: ", "###User: ", "{question}", "\ud7ff", "\ue000", "\U0010ffff"]


def some_turns(rng: Random) -> list[Json]:
    """Make a conversation of questions and answers, of any text."""

    def text() -> str:
        return "".join(rng.choices(PIECES, k=rng.randrange(1, 30)))

    pairs = rng.randrange(1, 6)
    turns = [says(role, text()) for _ in range(pairs) for role in ("user", "assistant")]
    return [says("system", text()), *turns] if rng.random() < 0.3 else turns


@pytest.mark.parametrize("seed", range(40))
def test_conversations_come_back_from_other_keys_and_roles(seed: int) -> None:
    rng = seeded(seed)
    talks = [{"messages": some_turns(rng)} for _ in range(20)]
    lines = [spell_pairs(one.items(), rng).encode() for one in talks]
    there = Converter.from_toml(SHAREGPT)
    between = there.convert_bytes(b"\n".join(lines))
    assert there.ledger.dialects == {"messages": 20}
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    assert values_of(between) == [
        {
            "conversations": [
                {"from": names[turn["role"]], "value": turn["content"]} for turn in one["messages"]
            ]
        }
        for one in talks
    ]
    rows, ledger = plain_chat(*lines_of(between))
    assert rows == talks
    assert ledger.dialects == {"sharegpt": 20}


def test_a_role_that_the_target_does_not_name_is_unfit() -> None:
    line = talk(says("developer", "Be brief."), USER, ONE)
    assert fault(Converter.from_toml(SHAREGPT), line).kind == "unfit"


# Sources ------------------------------------------------------------------------------------------


def rows_of(source: object, to: object, **options: Any) -> Outcome:  # noqa: ANN401
    output = io.BytesIO()
    ledger = raftfast.convert(source, output, to, **options)  # type: ignore[arg-type]
    return Outcome(values_of(output.getvalue()), ledger)


# Rows for evaluation have no answer with reasons; files in which no record has one are an error.
EACH_ANSWERED = pytest.mark.parametrize("name", [name for name in NAMES if name != "eval-rows"])


def told_in_table(name: str) -> str:
    """Name the dialect of a table, whose columns do not tell how its documents are nested."""
    return "gorilla" if name == "raft-local" else name


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "details.toml"
    path.write_text(DETAILS)
    return path


@EACH_ANSWERED
def test_lines_and_one_array_give_the_same_rows(name: str, target: Path, tmp_path: Path) -> None:
    array, lines = tmp_path / "array.json", tmp_path / "lines.jsonl"
    lines.write_bytes(b"\n".join(GOLDENS[name]))
    array.write_bytes(b"[\n" + b",\n".join(GOLDENS[name]) + b"\n]")
    expected = details(*GOLDENS[name])
    for path in (lines, array):
        rows, ledger = rows_of(path, target)
        assert rows == expected.rows
        assert ledger.dialects == {name: 3}


def table_of(*lines: bytes) -> pa.Table:
    """Make a table, which has every column in every row."""
    records = [json.loads(line) for line in lines]
    columns = dict.fromkeys(key for record in records for key in record)
    return pa.Table.from_pylist([dict.fromkeys(columns) | record for record in records])


@EACH_ANSWERED
def test_tables_give_the_rows_of_their_lines(name: str, target: Path) -> None:
    expected = details(*GOLDENS[name])
    rows, ledger = rows_of(table_of(*GOLDENS[name]), target)
    assert rows == expected.rows
    assert ledger.dialects == {told_in_table(name): 3}
    assert ledger.repaired == expected.ledger.repaired


@EACH
def test_a_table_of_one_record_gives_its_row(name: str, line: bytes, target: Path) -> None:
    if name == "eval-rows":
        with pytest.raises(Error, match="no record has the field 'cot_answer'"):
            rows_of(table_of(line), target)
        return
    rows, ledger = rows_of(table_of(line), target)
    assert rows == details(line).rows
    assert ledger.dialects == {told_in_table(name): 1}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "eval-rows"])
def test_chat_of_a_table_is_chat_of_its_lines(name: str) -> None:
    expected = chat(*GOLDENS[name]).rows
    assert expected
    assert rows_of(table_of(*GOLDENS[name]), "chat").rows == expected


@EACH_ANSWERED
def test_parquet_gives_the_rows_of_its_lines(name: str, target: Path, tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    parquet.write_table(table_of(*GOLDENS[name]), path)
    rows, ledger = rows_of(path, target)
    assert rows == details(*GOLDENS[name]).rows
    assert ledger.dialects == {told_in_table(name): 3}


def test_parts_that_are_texts_are_one_text() -> None:
    parts = [{"type": "text", "text": 'a "part", '}, {"text": "and \u00fc", "type": "text"}]
    rows = plain_chat(talk(says("user", parts), ONE)).rows
    assert rows[0]["messages"][0] == says("user", 'a "part", and \u00fc')


# Several dialects that fit ------------------------------------------------------------------------

FITTING: dict[str, tuple[list[dict[str, object]], dict[str, list[str]]]] = {
    "one only": ([{"instruction": "Q", "cot_answer": "A"}], {}),
    "the first in the list": (
        [{"instruction": "Q", "cot_answer": "assistant: A"}],
        {"llamaindex": ["gorilla"]},
    ),
    "the first record of each counts": (
        [
            {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
            {"messages": [], "prompt": "Q", "completion": "A"},
        ],
        {},
    ),
    "several others": (
        [{"messages": [], "prompt": "Q", "completion": "A", "instruction": "Q", "output": "A"}],
        {"messages": ["completion", "alpaca", "gorilla"]},
    ),
}


@pytest.mark.parametrize(("records", "expected"), FITTING.values(), ids=FITTING)
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_a_choice_between_dialects_is_told(
    tmp_path: Path,
    records: list[dict[str, object]],
    expected: dict[str, list[str]],
    block_bytes: int,
) -> None:
    corpus, report = tmp_path / "corpus.jsonl", tmp_path / "report.json"
    corpus.write_text("".join(json.dumps(record) + "\n" for record in records))
    rows = tmp_path / "rows.jsonl"
    ledger = raftfast.convert(corpus, rows, "completion", block_bytes=block_bytes, report=report)
    assert ledger.also_fits == json.loads(report.read_bytes())["also_fits"] == expected
    assert raftfast.Ledger.from_dict(ledger.as_dict()).also_fits == expected
