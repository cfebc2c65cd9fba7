"""What a record of each dialect means, and what raftfast makes of it.

The oracle here is written from what the generators do, and knows nothing of raftfast's own files.
The goldens are three records of each dialect, as its generator writes them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import raftfast
from corpora import lines_of, values_of
from raftfast import Converter
from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable

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
    # `_create_datapoint` puts the documents before the first question, in a field of its own.
    told = [*record["dialog"]]
    before = record["instruction"].removesuffix(told[0]) if "instruction" in record else ""
    turns = [
        next(
            (
                (role, text.removeprefix(prefix))
                for prefix, role in prefixes.items()
                if text.startswith(prefix)
            ),
            ("assistant", text),
        )
        for text in told
    ]
    turns[0] = ("user", before + turns[0][1])
    meant = conversation(turns)
    answer = record["qa_answer"] or meant.cot_answer or ""
    return meant._replace(
        final_answer=final(answer.removeprefix("###Assistant: ")),
        documents=nested(record),
        repairs=("prefix stripped",),
    )


def messages(record: Json) -> Meant:
    return conversation([(turn["role"], turn["content"]) for turn in record["messages"]])


def trl(record: Json) -> Meant:
    return messages({"messages": record["prompt"] + record["completion"]})


def trl_preference(record: Json) -> Meant:
    prompt = record.get("prompt") or []
    before = [] if isinstance(prompt, str) else prompt
    return messages({"messages": before + record["chosen"]})


def autotrain(record: Json) -> Meant:
    return messages({"messages": record["text"]})


def gemini(record: Json) -> Meant:
    roles = {"system": "system", "user": "user", "model": "assistant"}
    told = record.get("systemInstruction")
    system = [{**told, "role": "system"}] if told else []
    return conversation(
        [
            (roles[turn["role"]], "".join(part["text"] for part in turn["parts"]))
            for turn in [*system, *record["contents"]]
        ]
    )


def openai_preference(record: Json) -> Meant:
    return messages({"messages": record["input"]["messages"] + record["preferred_output"]})


def axolotl_preference(record: Json) -> Meant:
    return messages({"messages": [*record["messages"], record["chosen"]]})


def sharegpt_preference(record: Json) -> Meant:
    turns = [*record["conversations"], record["chosen"]]
    return sharegpt({**record, "conversations": turns})


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
        (extra and in_tags(extra) and asked(extra)) or asked(record["instruction"] or extra),
        in_tags(instruction),
        record.get("system"),
        before,
    )


def preference(record: Json) -> Meant:
    prompts = (record[key] for key in ("prompt", "instruction", "question") if key in record)
    return alpaca({"input": "", **record, "instruction": next(prompts), "output": record["chosen"]})


def completion(record: Json) -> Meant:
    prompt, cot = record["prompt"], record["completion"].removesuffix(STOP)
    repairs = ("stop text stripped",) if cot != record["completion"] else ()
    return Meant(prompt, cot, final(cot), asked(prompt), in_tags(prompt), repairs=repairs)


def input_output(record: Json) -> Meant:
    return completion({"prompt": record["input"], "completion": record["output"]})


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
    "autotrain": autotrain,
    "autotrain-preference": autotrain,
    "axolotl-preference": axolotl_preference,
    "completion": completion,
    "curator": gorilla,
    "eval-output": gorilla,
    "eval-rows": eval_rows,
    "gemini": gemini,
    "gorilla": gorilla,
    "input-output": input_output,
    "legacy": legacy,
    "llamaindex": llamaindex,
    "messages": messages,
    "openai-preference": openai_preference,
    "paper": paper,
    "preference": preference,
    "raft-llm": raft_llm,
    "raft-local": raft_local,
    "raft-toolkit": raft_toolkit,
    "refusal": refusal,
    "sharegpt": sharegpt,
    "sharegpt-preference": sharegpt_preference,
    "trl": trl,
    "trl-preference": trl_preference,
}


def meant(name: str, line: bytes) -> Meant:
    return ORACLE[name](json.loads(line))


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
