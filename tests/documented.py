"""The row that each consumer documents, said once more in Python, and the goldens of them.

``python tests/documented.py`` writes the goldens anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Callable

    from raftfast.choices import Turns

GOLDENS = Path(__file__).parent / "goldens" / "targets"
INPUTS = GOLDENS / "inputs.jsonl"
BUILT_IN = {target.name for target in Converter.targets()}
PREFERENCES = (
    *("openai-dpo", "together-dpo", "fireworks-dpo", "gemini-dpo", "trl-dpo", "axolotl-dpo"),
    *("axolotl-argilla", "torchtune-preference", "autotrain-dpo"),
    *("llamafactory-preference", "llamafactory-alpaca-preference"),
)
Row = dict[str, Any]


class Turn(NamedTuple):
    role: str
    content: str


class Pair(NamedTuple):
    """What a record says: the turns but a system message, and the fields of RAFT."""

    turns: list[Turn]
    system: str = ""
    rejected: str = ""
    id: str = ""
    type: str = ""
    question: str = ""
    context: object = None
    documents: tuple[str, ...] = ()
    oracle: str = ""
    quotes: tuple[str, ...] = ()
    final: str = ""

    @property
    def user(self) -> str:
        return self.turns[-2].content

    @property
    def answer(self) -> str:
        return self.turns[-1].content

    @property
    def messages(self) -> list[Turn]:
        return [Turn("system", self.system)] * bool(self.system) + self.turns


class Refusal(NamedTuple):
    """Why a record is no row, by the word of the ledger for it."""

    verdict: str
    reason: str


def openai(pair: Pair) -> Row:
    return {"messages": role_content(pair.messages)}


def openai_dpo(pair: Pair) -> Row:
    return {
        "input": {"messages": role_content(pair.messages[:-1])},
        "preferred_output": [{"role": "assistant", "content": pair.answer}],
        "non_preferred_output": [{"role": "assistant", "content": pair.rejected}],
    }


def fireworks_dpo(pair: Pair) -> Row:
    """Return a row whose input has one turn."""
    return openai_dpo(pair._replace(turns=pair.turns[-2:]))


def prompt_completion(pair: Pair) -> Row:
    return {"prompt": pair.user, "completion": pair.answer}


def openai_completion(pair: Pair) -> Row:
    space = "" if pair.answer.startswith(" ") else " "
    return {"prompt": pair.user + "\n\n###\n\n", "completion": space + pair.answer + " END"}


def vertex_open(pair: Pair) -> Row:
    said = openai(pair)
    for message in said["messages"]:
        if message["role"] == "assistant":
            message["content"] = " " + message["content"]
    return said


def gemini(pair: Pair) -> Row:
    system = {"role": "system", "parts": [{"text": pair.system}]}
    contents = [gemini_content(turn) for turn in pair.turns]
    return some(pair.system, systemInstruction=system) | {"contents": contents}


def gemini_dpo(pair: Pair) -> Row:
    best, worst = Turn("assistant", pair.answer), Turn("assistant", pair.rejected)
    return some(pair.system, system_instruction={"parts": [{"text": pair.system}]}) | {
        "contents": [gemini_content(turn) for turn in pair.turns[:-1]],
        "completions": [
            {"score": 1.0, "completion": gemini_content(best)},
            {"score": 0.0, "completion": gemini_content(worst)},
        ],
    }


def bedrock_claude(pair: Pair) -> Row:
    return some(pair.system, system=pair.system) | {"messages": role_content(pair.turns)}


def bedrock_converse(pair: Pair) -> Row:
    said = [{"role": turn.role, "content": [{"text": turn.content}]} for turn in pair.turns]
    return {
        "schemaVersion": "bedrock-conversation-2024",
        **some(pair.system, system=[{"text": pair.system}]),
        "messages": said,
    }


def cohere(pair: Pair) -> Row:
    names = {"system": "System", "user": "User", "assistant": "Chatbot"}
    return {"messages": [{"role": names[t.role], "content": t.content} for t in pair.messages]}


def trl_conversational(pair: Pair) -> Row:
    return {
        "prompt": role_content(pair.messages[:-1]),
        "completion": [{"role": "assistant", "content": pair.answer}],
    }


def trl_dpo(pair: Pair) -> Row:
    return {
        "prompt": role_content(pair.messages[:-1]),
        "chosen": [{"role": "assistant", "content": pair.answer}],
        "rejected": [{"role": "assistant", "content": pair.rejected}],
    }


def trl_kto(pair: Pair) -> Row:
    return trl_conversational(pair) | {"label": True}


def alpaca(pair: Pair) -> Row:
    before = [turn.content for turn in pair.turns[:-2]]
    return {
        "instruction": pair.user,
        "input": "",
        "output": pair.answer,
        "system": pair.system,
        "history": [list(said) for said in zip(before[::2], before[1::2], strict=True)],
    }


def alpaca_preference(pair: Pair) -> Row:
    row = alpaca(pair)
    best = {"chosen": row["output"], "rejected": pair.rejected}
    return {"instruction": row["instruction"], "input": "", **best} | {
        key: row[key] for key in ("system", "history")
    }


def llamafactory_kto(pair: Pair) -> Row:
    row = alpaca(pair)
    system, history = row.pop("system"), row.pop("history")
    return row | {"kto_tag": True, "system": system, "history": history}


def sharegpt(pair: Pair) -> Row:
    return {"conversations": from_value(pair.turns), "system": pair.system, "tools": ""}


def llamafactory_preference(pair: Pair) -> Row:
    return {
        "conversations": from_value(pair.turns[:-1]),
        "chosen": {"from": "gpt", "value": pair.answer},
        "rejected": {"from": "gpt", "value": pair.rejected},
        "system": pair.system,
    }


def axolotl_dpo(pair: Pair) -> Row:
    return {
        "system": pair.system,
        "question": pair.user,
        "chosen": pair.answer,
        "rejected": pair.rejected,
    }


def whole_conversations(pair: Pair) -> Row:
    worse = [*pair.messages[:-1], Turn("assistant", pair.rejected)]
    return {"chosen": role_content(pair.messages), "rejected": role_content(worse)}


def segments(pair: Pair) -> Row:
    return {
        "segments": [
            {"label": False, "text": "<s>" + pair.user + "\n"},
            {"label": True, "text": pair.answer + "</s>"},
        ]
    }


def context_qa(pair: Pair) -> Row:
    context = "\n\n".join(pair.documents)
    return {"context": context, "question": pair.question, "answer": pair.answer}


def context_404(pair: Pair) -> Row | Refusal:
    if pair.oracle in pair.documents:
        return Refusal("filtered", "oracle among documents")
    article = "\n\n".join(pair.documents)
    return {"article": article, "unanswerable_question": pair.question}


def torchtune_instruct(pair: Pair) -> Row:
    return {"input": pair.user, "output": pair.answer}


def unsloth(pair: Pair) -> Row:
    return {"conversations": from_value(pair.messages)}


def autotrain(pair: Pair) -> Row:
    return {"text": [{"content": turn.content, "role": turn.role} for turn in pair.messages]}


def autotrain_dpo(pair: Pair) -> Row:
    worse = pair._replace(turns=[*pair.turns[:-1], Turn("assistant", pair.rejected)])
    columns = {"text": autotrain(pair)["text"], "rejected_text": autotrain(worse)["text"]}
    return {"prompt": pair.user, **columns}


def fastchat(pair: Pair) -> Row:
    return some(pair.id, id=pair.id) | {"conversations": from_value(pair.turns)}


def parts(pair: Pair) -> Row:
    return {
        "question": pair.question,
        "context": pair.context,
        "instruction": pair.user,
        "cot_answer": pair.answer,
    }


def raft(pair: Pair) -> Row:
    titles = ["placeholder_title"] * len(pair.documents)
    return {
        **some(pair.id, id=pair.id),
        **some(pair.type, type=pair.type),
        "question": pair.question,
        "context": {"title": [titles], "sentences": [list(pair.documents)]},
        **some(pair.oracle, oracle_context=pair.oracle),
        "instruction": pair.user,
        "cot_answer": pair.answer,
        "quotes": list(pair.quotes),
        "final_answer": pair.final,
        **some(pair.rejected, rejected=pair.rejected),
        **some(pair.system, system=pair.system),
    }


CONSUMERS: dict[str, Callable[[Pair], Row | Refusal]] = {
    "openai": openai,
    "openai-completion": openai_completion,
    "openai-dpo": openai_dpo,
    "azure": openai,
    "together": openai,
    "together-completion": prompt_completion,
    "together-dpo": openai_dpo,
    "fireworks": openai,
    "fireworks-dpo": fireworks_dpo,
    "anyscale": openai,
    "mistral": openai,
    "gemini": gemini,
    "gemini-dpo": gemini_dpo,
    "vertex-open": vertex_open,
    "bedrock-claude": bedrock_claude,
    "bedrock-nova": bedrock_converse,
    "bedrock-llama": bedrock_converse,
    "bedrock-llama-completion": prompt_completion,
    "cohere": cohere,
    "oci": prompt_completion,
    "trl-prompt-completion": prompt_completion,
    "trl-conversational": trl_conversational,
    "trl-dpo": trl_dpo,
    "trl-kto": trl_kto,
    "alpaca": alpaca,
    "sharegpt": sharegpt,
    "llamafactory-preference": llamafactory_preference,
    "llamafactory-alpaca-preference": alpaca_preference,
    "llamafactory-kto": llamafactory_kto,
    "axolotl": openai,
    "axolotl-dpo": axolotl_dpo,
    "axolotl-argilla": whole_conversations,
    "segments": segments,
    "context-qa": context_qa,
    "context-404": context_404,
    "torchtune": openai,
    "torchtune-instruct": torchtune_instruct,
    "torchtune-preference": whole_conversations,
    "unsloth": unsloth,
    "autotrain": autotrain,
    "autotrain-dpo": autotrain_dpo,
    "mlx": openai,
    "fastchat": fastchat,
    "parts": parts,
    "raft": raft,
}
ONE_ANSWER = {
    *("together-completion", "oci", "trl-prompt-completion", "segments", "context-qa"),
    "context-404",
    *("torchtune-instruct", "parts", "raft", "openai-completion", "bedrock-llama-completion"),
    *("fireworks-dpo", "axolotl-dpo", "axolotl-argilla"),
}
"""The targets that take one question and one answer."""
NEEDS_ORACLE = {"context-404"}
PLACE_FOR_SYSTEM = CONSUMERS.keys() - ONE_ANSWER - {"fastchat"} | {
    *("raft", "fireworks-dpo", "axolotl-dpo"),
}


def role_content(turns: list[Turn]) -> list[Row]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def from_value(turns: list[Turn]) -> list[Row]:
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    return [{"from": names[turn.role], "value": turn.content} for turn in turns]


def gemini_content(turn: Turn) -> Row:
    names = {"user": "user", "assistant": "model"}
    return {"role": names[turn.role], "parts": [{"text": turn.content}]}


def some(there: object, **members: object) -> Row:
    """Return members that are left out where something is not there."""
    return members if there else {}


RECORDS: list[Row] = [json.loads(line) for line in INPUTS.read_bytes().splitlines()]


def of_raft(record: Row, quotes: tuple[str, ...], final: str) -> Pair:
    """Say what a record of Gorilla says; its quotes and its final answer are told by hand."""
    return Pair(
        turns=[Turn("user", record["instruction"]), Turn("assistant", record["cot_answer"])],
        rejected=record.get("rejected", ""),
        id=record["id"],
        type=record["type"],
        question=record["question"],
        context=record["context"],
        documents=tuple(record["context"]["sentences"][0]),
        oracle=record["oracle_context"],
        quotes=quotes,
        final=final,
    )


def of_messages(record: Row) -> Pair:
    system, *turns = (Turn(said["role"], said["content"]) for said in record["messages"])
    return Pair(turns=turns, system=system.content, rejected=record["rejected"])


PLAIN = of_raft(RECORDS[0], ("The Seine runs through Paris.",), "the Seine")
UNICODE = of_raft(RECORDS[1], ('a/b \\ "c"', "\U0001f600"), "\u00fc/\u2028\U0001f600\t")
CONVERSATION = of_messages(RECORDS[2])
LAST = Pair(
    turns=CONVERSATION.turns[-2:],
    rejected=CONVERSATION.rejected,
    question="And Go?",
    documents=("Go appeared in 2009.", "C appeared in 1972."),
    context="<DOCUMENT>Go appeared in 2009.</DOCUMENT>\n<DOCUMENT>C appeared in 1972.</DOCUMENT>",
    quotes=("Go appeared in 2009.",),
    final="2009",
)
"""What is left of the conversation where its last answer will do."""


def expected(name: str) -> list[Row | Refusal]:
    """Say what the three records come to."""
    row = CONSUMERS[name]
    unicode = Refusal("filtered", "rejected missing") if name in PREFERENCES else row(UNICODE)
    if name in ONE_ANSWER:
        return [row(PLAIN), unicode, Refusal("rejected", "many-turns")]
    if name not in PLACE_FOR_SYSTEM:
        return [row(PLAIN), unicode, Refusal("rejected", "unfit")]
    return [row(PLAIN), unicode, row(CONVERSATION)]


def golden(name: str) -> list[str]:
    """Return what stands in a golden: a row in each line, or why there is none."""
    return [
        json.dumps({one.verdict: one.reason} if isinstance(one, Refusal) else one)
        for one in expected(name)
    ]


def converter(name: str, *, turns: Turns = "error", **settings: str) -> Converter:
    """Compile a target by its name."""
    return Converter(name, settings=settings, turns=turns, on_error="skip")


if __name__ == "__main__":
    for consumer in CONSUMERS:
        lines = "".join(f"{line}\n" for line in golden(consumer))
        (GOLDENS / f"{consumer}.jsonl").write_text(lines, encoding="ascii")
