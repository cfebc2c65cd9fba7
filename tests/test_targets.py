"""Each built-in target writes the rows that its consumer documents, and nothing else.

What a row must be is said here once more, in Python and from the documentation of the consumers.
The goldens are what that comes to; ``python tests/test_targets.py`` writes them anew.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import raftfast
from raftfast import Converter, Error, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raftfast.choices import Turns

FILES = Path(__file__).parent.parent / "rust" / "target"
GOLDENS = Path(__file__).parent / "goldens" / "targets"
INPUTS = GOLDENS / "inputs.jsonl"
BUILT_IN = {target.name for target in Converter.targets()}
PREFERENCES = (
    *("openai-dpo", "together-dpo", "fireworks-dpo", "gemini-dpo", "trl-dpo", "axolotl-dpo"),
    *("axolotl-argilla", "torchtune-preference", "autotrain-dpo"),
    *("llamafactory-preference", "llamafactory-alpaca-preference"),
)
RULES = {
    *("first", "last", "alternate", "roles", "min_turns", "min_rows", "max_rows", "max_bytes"),
    *("max_row_chars", "forbidden", "extra_keys", "bom", "array", "files", "names"),
    *(
        "after",
        "has",
        "system_first",
        "one_system",
        "weight",
        "content",
        "calls_alone",
        "call_id_chars",
        "parts",
        "other_parts",
        "other_keys",
        "other_roles",
        "ignores",
        "turn_extra_keys",
    ),
}
# What `validate` asks of all rows, for which a consumer may have names all the same.
ALWAYS = {
    *("roles", "content", "missing_key", "turn_missing_key", "extra_keys", "turn_extra_keys"),
    *("wrong_type", "wrong_value", "not-an-object"),
}

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
NEEDS_CONTEXT = {"context-qa", "context-404", "parts"}
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


def outcome(name: str, line: bytes, *, turns: Turns = "error") -> str:
    """Convert one record: its row, as `json.dumps` writes it, or why there is none."""
    target = converter(name, turns=turns)
    rows = target.convert_bytes(line).splitlines()
    ledger = target.ledger
    assert (ledger.read, ledger.written) == (1, len(rows))
    if rows:
        return json.dumps(json.loads(rows[0]))
    verdict, reasons = (
        ("filtered", ledger.filtered) if ledger.filtered else ("rejected", ledger.rejected)
    )
    (reason,) = reasons
    return json.dumps({verdict: reason})


@pytest.mark.parametrize("name", CONSUMERS)
def test_goldens_are_what_the_documentation_of_the_consumer_says(name: str) -> None:
    lines = (GOLDENS / f"{name}.jsonl").read_text(encoding="ascii").splitlines()
    assert lines == golden(name)


@pytest.mark.parametrize("number", range(3), ids=["plain", "unicode", "conversation"])
@pytest.mark.parametrize("name", CONSUMERS)
def test_a_record_becomes_the_row_that_its_consumer_documents(name: str, number: int) -> None:
    lines = (GOLDENS / f"{name}.jsonl").read_text(encoding="ascii").splitlines()
    assert outcome(name, INPUTS.read_bytes().splitlines()[number]) == lines[number]


@pytest.mark.parametrize("name", sorted(ONE_ANSWER))
def test_the_last_answer_of_a_conversation_will_do_where_that_is_asked_for(name: str) -> None:
    record = RECORDS[2] | {"messages": RECORDS[2]["messages"][1:]}
    found = outcome(name, json.dumps(record).encode(), turns="last")
    if name in NEEDS_CONTEXT:
        assert json.loads(found)["filtered"].split()[0] == "context"
    else:
        assert found == json.dumps(CONSUMERS[name](LAST))


@pytest.mark.parametrize("name", sorted(CONSUMERS.keys() - PLACE_FOR_SYSTEM))
def test_a_system_message_that_has_no_place_in_a_row_is_not_lost_in_silence(name: str) -> None:
    record = json.dumps(RECORDS[2]).encode()
    assert outcome(name, record, turns="last") == json.dumps({"rejected": "unfit"})


@pytest.mark.parametrize("name", sorted(PLACE_FOR_SYSTEM - {"raft"}))
def test_a_system_message_that_is_given_is_in_rows_of_records_without_one(name: str) -> None:
    target = converter(name, system='Be "brief".')
    (row,) = target.convert_bytes(json.dumps(RECORDS[0]).encode()).splitlines()
    wanted = CONSUMERS[name](PLAIN._replace(system='Be "brief".'))
    assert json.dumps(json.loads(row)) == json.dumps(wanted)


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [({}, "missing"), ({"rejected": None}, "null"), ({"rejected": ""}, "empty")],
)
@pytest.mark.parametrize("name", PREFERENCES)
def test_a_preference_needs_an_answer_that_is_worse(name: str, rejected: Row, reason: str) -> None:
    record = {key: value for key, value in RECORDS[0].items() if key != "rejected"} | rejected
    wanted = {"filtered": f"rejected {reason}"}
    assert outcome(name, json.dumps(record).encode()) == json.dumps(wanted)


@pytest.mark.parametrize("name", ["openai", "azure", "fireworks", "mistral"])
def test_weights_and_calls_of_tools_stay_with_their_messages(name: str) -> None:
    call = {"id": "abc123def", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said: list[Row] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "tool_calls": [call], "weight": 0},
        {"role": "tool", "content": "r", "name": "f", "tool_call_id": "abc123def"},
        {"role": "assistant", "content": "b", "weight": 1},
    ]
    wanted = {"messages": said}
    assert json.loads(outcome(name, json.dumps(wanted).encode())) == wanted


def test_a_weight_is_written_for_answers_only_and_by_together_for_all() -> None:
    said: list[Row] = [
        {"role": "user", "content": "q", "weight": 0},
        {"role": "assistant", "content": "a", "weight": 1},
    ]
    record = json.dumps({"messages": said}).encode()
    plain = [{"role": "user", "content": "q"}, said[1]]
    assert json.loads(outcome("openai", record)) == {"messages": plain}
    assert json.loads(outcome("together", record)) == {"messages": said}


def test_what_stands_around_the_completions_of_openai_can_be_set() -> None:
    target = converter("openai-completion", separator=" ->", space="", stop="\n")
    (row,) = target.convert_bytes(b'{"instruction":"q","cot_answer":" a"}').splitlines()
    assert json.loads(row) == {"prompt": "q ->", "completion": "a\n"}


def test_an_answer_that_starts_with_a_space_gets_no_second_one_from_openai() -> None:
    (row,) = (
        converter("openai-completion")
        .convert_bytes(b'{"instruction":"q","cot_answer":" a"}')
        .splitlines()
    )
    assert json.loads(row)["completion"] == " a END"


@pytest.mark.parametrize("name", ["gemini", "cohere", "sharegpt", "unsloth", "alpaca"])
def test_a_role_that_a_consumer_has_no_name_for_is_not_lost_in_silence(name: str) -> None:
    said = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    found = json.loads(outcome(name, json.dumps({"messages": said}).encode()))
    assert list(found) == ["rejected"]


def test_what_stands_around_the_segments_of_axolotl_can_be_set() -> None:
    target = converter("segments", start="", separator=" ", stop="<|end|>")
    (row,) = target.convert_bytes(b'{"instruction":"q","cot_answer":"a"}').splitlines()
    assert [one["text"] for one in json.loads(row)["segments"]] == ["q ", "a<|end|>"]


@pytest.mark.parametrize("path", sorted(FILES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_target_says_what_it_is_and_where_that_is_written(path: Path) -> None:
    tomllib = pytest.importorskip("tomllib")
    target = tomllib.loads(path.read_text(encoding="utf-8"))
    assert target["name"] == path.stem
    assert target["about"]
    assert "\n" not in target["about"]
    assert target["source"]
    rules = target.get("rules", {})
    assert rules.keys() <= RULES
    assert rules.get("names", {}).keys() <= rules.keys() - {"names"} | ALWAYS
    assert converter(path.stem).convert_bytes(b"") == b""


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_target_refuses_a_setting_that_it_does_not_have(name: str) -> None:
    with pytest.raises(UsageError, match="has no setting 'speed'"):
        converter(name, speed="1")


if __name__ == "__main__":
    for consumer in CONSUMERS:
        lines = "".join(f"{line}\n" for line in golden(consumer))
        (GOLDENS / f"{consumer}.jsonl").write_text(lines, encoding="ascii")


# Rules --------------------------------------------------------------------------------------------


BREAKING = {
    "a text that no content may hold": ("bedrock-nova", ["user", "assistant"], "forbidden"),
    "a last turn of a user": ("mistral", ["user", "assistant", "user"], "last"),
    "a first turn of an assistant": ("bedrock-claude", ["assistant", "user", "assistant"], "first"),
    "two turns of one role": ("together", ["user", "user", "assistant"], "alternate"),
    "a user after a tool": ("fireworks", ["user", "tool", "user", "assistant"], "after"),
    "two tools after one another": ("sharegpt", ["user", "tool", "tool", "assistant"], "after"),
    "a late system message": ("mistral", ["user", "assistant", "system", "assistant"], "after"),
}


@pytest.mark.parametrize(("name", "roles", "rule"), BREAKING.values(), ids=BREAKING)
def test_a_row_that_breaks_a_rule_is_counted_or_rejected_as_asked(
    name: str, roles: list[str], rule: str
) -> None:
    text = "User: x" if rule == "forbidden" else "x"
    record = {"messages": [{"role": role, "content": text} for role in roles]}
    line = json.dumps(record).encode() + b"\n"
    own = rule_name(name, rule)
    counts = {}
    for check in ("off", "warn", "strict"):
        to = Converter(name, check=check, on_error="skip")
        to.convert_bytes(line * 2)
        counts[check] = (to.ledger.written, to.ledger.warned, to.ledger.rejected)
    assert counts["off"] == (2, {}, {})
    assert counts["warn"] == (2, {own: 2}, {})
    assert counts["strict"] == (0, {}, {"rule": 2})


def rule_name(target: str, rule: str) -> str:
    """Return what the consumer calls a broken rule."""
    _, _, names = Converter.target_file(target).partition("[rules.names]")
    found = re.search(rf'^{rule} = "(.*)"$', names, re.MULTILINE)
    return found[1] if found else rule


MESSAGES = """
name = "own"
row = '''{"messages": [{"$each": "messages", "do": {
    "role": "{role}", "content": "{content}",
    "tool_calls": {"$if": "tool_calls", "then": "{tool_calls}"},
    "tool_call_id": {"$if": "tool_call_id", "then": "{tool_call_id}"},
    "weight": {"$if": "weight", "then": "{weight}"}
}}]}'''

[settings]
system = ""

[rules]
"""
A_QUESTION = {"role": "user", "content": "Q"}
AN_ANSWER = {"role": "assistant", "content": "A"}
A_SYSTEM = {"role": "system", "content": "S"}
A_RECORD = {"instruction": "Q", "cot_answer": "A"}
A_CALL = {"role": "assistant", "tool_calls": [{"id": "1"}]}
A_LAST_CALL: Row = {"role": "assistant", "tool_calls": [{"function": {}}]}


def called(id_: object) -> list[Row]:
    """Return a conversation in which a call of this id is answered."""
    call = {"role": "assistant", "tool_calls": [{"id": "abc123DEF"}, {"id": id_}]}
    return [A_QUESTION, call, {"role": "tool", "content": "T", "tool_call_id": id_}, AN_ANSWER]


def answered(id_: object) -> list[Row]:
    """Return the same with an id that only the tool has."""
    return [*called("abc123DEF")[:2], {"role": "tool", "content": "T", "tool_call_id": id_}]


# A rule, a record that breaks it, one that does not.
OWN_RULES: dict[str, tuple[str, list[Row] | Row, list[Row] | Row]] = {
    "nobody answers": ('has = ["assistant"]', [A_QUESTION], [A_QUESTION, AN_ANSWER]),
    "two must speak": ('has = ["user", "assistant"]', [AN_ANSWER], [AN_ANSWER, A_QUESTION]),
    "a late system message": (
        "system_first = true",
        [A_QUESTION, A_SYSTEM, AN_ANSWER],
        [A_SYSTEM, A_QUESTION, AN_ANSWER],
    ),
    "a turn that may not follow": (
        'after = { system = ["user"] }',
        [A_QUESTION, A_SYSTEM, AN_ANSWER],
        [A_QUESTION, A_SYSTEM, A_QUESTION],
    ),
    "a text beside calls": (
        "calls_alone = true",
        [A_QUESTION, {**A_CALL, "content": "x"}],
        [A_QUESTION, {**A_CALL, "content": ""}],
    ),
    "a short id of a call": ("call_id_chars = 9", called("1"), called("abc123DEF")),
    "a sign in the id of a call": ("call_id_chars = 9", called("call_1234"), called("abc123456")),
    "an id of other letters": ("call_id_chars = 4", called("abc\u00e9"), [A_QUESTION, AN_ANSWER]),
    "an id that is null": ("call_id_chars = 9", called(None), [A_QUESTION, A_LAST_CALL]),
    "a call whose id is none": (
        "call_id_chars = 9",
        [A_QUESTION, {"role": "assistant", "tool_calls": [{"id": None}]}],
        [A_QUESTION, {"role": "assistant", "tool_calls": [{"id": "null"}]}],
    ),
    "a call without an id": (
        "call_id_chars = 9",
        [A_QUESTION, A_LAST_CALL, A_QUESTION],
        [A_QUESTION, AN_ANSWER, A_QUESTION, A_LAST_CALL],
    ),
    "a short id of an answer": ("call_id_chars = 9", answered("1"), answered("abcdefghi")),
    "an answer without an id": (
        "call_id_chars = 9",
        [A_QUESTION, {"role": "tool", "content": "T"}],
        [A_QUESTION, {"role": "assistant", "content": "T"}],
    ),
    "two system messages": (
        "one_system = true",
        [A_SYSTEM, A_SYSTEM, A_QUESTION],
        [A_SYSTEM, A_QUESTION, AN_ANSWER],
    ),
    "a weight of a user": (
        'weight = ["assistant"]',
        [{**A_QUESTION, "weight": 1}, AN_ANSWER],
        [A_QUESTION, {**AN_ANSWER, "weight": 1}],
    ),
    "a weight of a half": (
        'weight = ["assistant"]',
        [A_QUESTION, {**AN_ANSWER, "weight": 0.5}],
        [A_QUESTION, {**AN_ANSWER, "weight": 0}],
    ),
    "an empty content": (
        "content = true",
        [A_QUESTION, {**AN_ANSWER, "content": ""}, AN_ANSWER],
        [A_CALL],
    ),
    "no system messages": (
        'roles = ["user", "assistant"]',
        [A_SYSTEM, A_QUESTION, AN_ANSWER],
        A_RECORD,
    ),
    "a long row": (
        "max_row_chars = 18",
        [A_QUESTION, {**AN_ANSWER, "content": "\u00fc" * 5}],
        A_RECORD,
    ),
    "three turns of plain records": (
        "min_turns = 3",
        A_RECORD,
        [A_QUESTION, AN_ANSWER, A_QUESTION],
    ),
    "a last word that plain records do not have": (
        'last = "user"',
        A_RECORD,
        [AN_ANSWER, A_QUESTION],
    ),
    "a role that plain records do not have": (
        'has = ["tool"]',
        A_RECORD,
        [{**A_QUESTION, "role": "tool"}],
    ),
}


@pytest.mark.parametrize(("rule", "bad", "good"), OWN_RULES.values(), ids=OWN_RULES)
def test_a_rule_of_a_target_file_is_applied_in_both_ways(
    tmp_path: Path, rule: str, bad: list[Row] | Row, good: list[Row] | Row
) -> None:
    lines = [json.dumps(one if isinstance(one, dict) else {"messages": one}) for one in (bad, good)]
    to = Converter.from_toml(MESSAGES + rule, check="warn")
    rows = to.convert_bytes("\n".join(lines).encode())
    name = rule.partition(" = ")[0]
    assert (to.ledger.written, to.ledger.warned) == (2, {name: 1})
    strict = Converter.from_toml(MESSAGES + rule, check="strict", on_error="skip")
    assert strict.convert_bytes("\n".join(lines).encode()) == rows.splitlines(keepends=True)[1]
    target, output = tmp_path / "own.toml", tmp_path / "rows.jsonl"
    target.write_text(MESSAGES + rule)
    output.write_bytes(rows)
    verdict = raftfast.validate(output, to=target)
    assert verdict.broken == {name: 1}
    assert [one.line for one in verdict.problems] == [1]


def test_a_system_message_of_the_target_is_held_against_the_roles() -> None:
    text = MESSAGES.replace('system = ""', 'system = "S"') + 'roles = ["user", "assistant"]'
    to = Converter.from_toml(text)
    to.convert_bytes(json.dumps(A_RECORD).encode())
    assert to.ledger.warned == {"roles": 1}


def test_characters_of_a_row_are_those_of_its_texts() -> None:
    text = MESSAGES + "max_row_chars = 21"
    for answer, warned in (("\u00fc\n" * 4, {}), ("\u00fc\n" * 4 + "x", {"max_row_chars": 1})):
        to = Converter.from_toml(text)
        to.convert_bytes(json.dumps({**A_RECORD, "instruction": "", "cot_answer": "x"}).encode())
        row = {"messages": [{**A_QUESTION, "content": ""}, {**AN_ANSWER, "content": answer}]}
        to.convert_bytes(json.dumps(row).encode())
        assert to.ledger.warned == warned


def test_the_report_says_where_each_rule_is_broken_first(tmp_path: Path) -> None:
    corpus, report = tmp_path / "corpus.jsonl", tmp_path / "report.json"
    late = {"messages": [A_QUESTION, AN_ANSWER, A_QUESTION]}
    corpus.write_text(f"{json.dumps(A_RECORD)}\n\n{json.dumps(late)}\n{json.dumps(late)}\n")
    ledger = raftfast.convert(corpus, tmp_path / "rows", to="mistral", report=report)
    own = rule_name("mistral", "last")
    first = {own: {"input": str(corpus), "line": 3}}
    assert ledger.as_dict()["first_warned"] == first
    assert json.loads(report.read_bytes())["first_warned"] == first
    again = raftfast.Ledger.from_dict(ledger.as_dict())
    assert (again.as_dict(), again.first_warned) == (ledger.as_dict(), {own: (str(corpus), 3)})


def test_the_first_line_of_each_input_is_in_the_account_of_the_input(tmp_path: Path) -> None:
    lines = [json.dumps(A_RECORD), json.dumps({"messages": [A_QUESTION, AN_ANSWER, A_QUESTION]})]
    for name, order in (("a", lines), ("b", lines[::-1])):
        (tmp_path / name).write_text("\n".join(order))
    inputs = [tmp_path / "a", tmp_path / "b"]
    ledger = raftfast.convert(inputs, tmp_path / "rows", to="mistral")
    own = rule_name("mistral", "last")
    assert ledger.first_warned == {own: (str(inputs[0]), 2)}
    assert [one.first_warned[own][1] for _, one in ledger.inputs] == [2, 1]


def test_the_first_line_that_breaks_a_rule_is_told(tmp_path: Path) -> None:
    good = json.dumps({"instruction": "Q", "cot_answer": "A"}).encode() + b"\n"
    bad = json.dumps({"instruction": "Q", "cot_answer": "Bot: A"}).encode() + b"\n"
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes(good * 5000 + bad + good * 10 + bad)
    for threads in (1, 3):
        ledger = raftfast.convert(
            corpus, tmp_path / "rows", to="bedrock-nova", threads=threads, block_bytes=4096
        )
        own = rule_name("bedrock-nova", "forbidden")
        assert ledger.warned == {own: 2}
        assert ledger.first_warned == {own: (str(corpus), 5001)}


# Files --------------------------------------------------------------------------------------------


def corpus_of(tmp_path: Path, count: int) -> Path:
    """Write records of growing answers, one of which is filtered."""
    path = tmp_path / "corpus.jsonl"
    records = [{"instruction": f"Q{n}", "cot_answer": "A" * (n % 700)} for n in range(count)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 3000])
def test_fastchat_gets_one_json_array(tmp_path: Path, count: int, threads: int) -> None:
    corpus, output = corpus_of(tmp_path, count), tmp_path / "rows.json"
    ledger = raftfast.convert(corpus, output, to="fastchat", threads=threads, block_bytes=4096)
    rows = json.loads(output.read_bytes())
    assert len(rows) == ledger.written == count - (count + 699) // 700
    assert [row["conversations"][0]["value"] for row in rows] == [
        f"Q{n}" for n in range(count) if n % 700
    ]
    assert ledger.bytes_out == output.stat().st_size


def test_each_shard_is_an_array(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, 3000)
    raftfast.convert(corpus, tmp_path / "rows.json", to="fastchat", shards=3)
    raftfast.convert(corpus, tmp_path / "small.json", to="fastchat", shard_size=100_000)
    raftfast.convert(corpus, tmp_path / "tiny.json", to="fastchat", shard_size=300)
    for name in ("rows", "small", "tiny"):
        shards = sorted(tmp_path.glob(f"{name}-*.json"))
        rows = [row for shard in shards for row in json.loads(shard.read_bytes())]
        assert len(rows) == 2995
    assert all(shard.stat().st_size <= 100_000 for shard in tmp_path.glob("small-*.json"))


def test_an_array_is_not_compressed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one JSON array"):
        raftfast.convert(corpus_of(tmp_path, 3), tmp_path / "rows.json.gz", to="fastchat")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
@pytest.mark.parametrize("count", [0, 3000])
def test_azure_gets_a_byte_order_mark(tmp_path: Path, count: int, name: str) -> None:
    corpus, output = corpus_of(tmp_path, count), tmp_path / name
    ledger = raftfast.convert(corpus, output, to="azure", threads=2, block_bytes=4096, check="off")
    data = output.read_bytes()
    assert ledger.bytes_out == len(data)
    data = gzip.decompress(data) if name.endswith(".gz") else data
    assert data.startswith(codecs.BOM_UTF8)
    assert data.count(codecs.BOM_UTF8) == 1
    again = raftfast.convert(output, tmp_path / "again.jsonl", to="chat") if count else ledger
    assert again.written == ledger.written


def test_a_file_beyond_the_limits_of_its_consumer_is_told_or_refused(tmp_path: Path) -> None:
    corpus, output = corpus_of(tmp_path, 5), tmp_path / "rows.jsonl"
    with pytest.warns(
        raftfast.RuleWarning, match="rows.jsonl: 4 rows, and openai takes 10 or more"
    ):
        raftfast.convert(corpus, output, to="openai")
    assert output.exists()
    output.unlink()
    with pytest.raises(Error, match="4 rows, and openai takes 10 or more") as caught:
        raftfast.convert(corpus, output, to="openai", check="strict")
    assert caught.value.kind == "rule"
    assert not output.exists()
    assert raftfast.convert(corpus, output, to="openai", check="off").written == 4


def test_the_command_tells_of_limits_in_a_line(tmp_path: Path) -> None:
    corpus_of(tmp_path, 5)
    command = [
        sys.executable,
        "-m",
        "raftfast",
        "convert",
        "corpus.jsonl",
        "-o",
        "o",
        "-t",
        "openai",
    ]
    done = subprocess.run([*command, "-q"], cwd=tmp_path, capture_output=True, check=True)
    assert done.stderr == b"raftfast: o: 4 rows, and openai takes 10 or more\n"


# The document that holds the answer --------------------------------------------------------------

ANSWERABLE = "oracle among documents"
ORACLES: dict[str, tuple[str, str, str | None, str | None]] = {
    "is none of the documents": ('["Lyon."]', '"The Seine."', None, "oracle absent"),
    "is one of them": ('["Lyon.", "The Seine."]', '"The Seine."', ANSWERABLE, None),
    "is part of one": ('["Lyon. The Seine. Rome."]', '"The Seine."', ANSWERABLE, None),
    "is spelled otherwise": (r'["\u00dc/"]', r'"\u00DC\/"', ANSWERABLE, None),
    "is long, and some letter is spelled out": (
        r'["The Eiffel Tower was completed in 1889, the \u004couvre in 1793."]',
        '"The Eiffel Tower was completed in 1889, the Louvre in 1793."',
        ANSWERABLE,
        None,
    ),
    "is long, and a slash is escaped": (
        r'["The Eiffel Tower was completed in 1889, the\/a Louvre in 1793."]',
        '"The Eiffel Tower was completed in 1889, the/a Louvre in 1793."',
        ANSWERABLE,
        None,
    ),
    "is long, and none of the documents": (
        r'["The Eiffel Tower was completed in 1889, the M\u00fcnster in 1890."]',
        '"The Eiffel Tower was completed in 1889, the Louvre in 1793."',
        None,
        "oracle absent",
    ),
    "is the text of a string": ('"<DOCUMENT>A.</DOCUMENT>"', '"A."', ANSWERABLE, None),
    "is not told": ('["Lyon."]', "null", "oracle_context null", "oracle_context null"),
    "is empty": ('["Lyon."]', '""', "oracle_context empty", "oracle_context empty"),
}


@pytest.mark.parametrize(("context", "oracle", "absent", "among"), ORACLES.values(), ids=ORACLES)
def test_whether_documents_answer_a_question_is_known_by_whether_its_oracle(
    tmp_path: Path, context: str, oracle: str, absent: str | None, among: str | None
) -> None:
    answerable = tmp_path / "answerable.toml"
    answerable.write_text("""name = "answerable"\noracle = "among"\nrow = '["{question}"]'""")
    line = f'{{"question":"q","cot_answer":"a","context":{context},"oracle_context":{oracle}}}'
    for target, reason in (("context-404", absent), (str(answerable), among)):
        one = converter(target)
        rows = one.convert_bytes(line.encode())
        assert (one.ledger.filtered, bool(rows)) == ({reason: 1} if reason else {}, not reason)


# What consumers refuse ----------------------------------------------------------------------------

USER, ASSISTANT, SYSTEM = (
    {"role": role, "content": role} for role in ("user", "assistant", "system")
)
SILENT = {"role": "assistant", "content": None}
REFUSED: dict[str, tuple[str, list[Any]]] = {
    "torchtune, a late system message": ("torchtune", [USER, SYSTEM, ASSISTANT]),
    "TRL, a prompt that ends with a system message": (
        "trl-conversational",
        [USER, SYSTEM, ASSISTANT],
    ),
    "TRL, the same for KTO": ("trl-kto", [USER, SYSTEM, ASSISTANT]),
    "TRL, the same for DPO": ("trl-dpo", [USER, SYSTEM, ASSISTANT]),
    "OpenAI, an input that ends with an answer": ("openai-dpo", [USER, ASSISTANT, ASSISTANT]),
    "Mistral, half a weight": ("mistral", [USER, {**ASSISTANT, "weight": 0.5}]),
    "Mistral, an answer without content": ("mistral", [USER, SILENT, USER, ASSISTANT]),
    "Together, a weight of two": ("together", [USER, {**ASSISTANT, "weight": 2}]),
    "Together, a weight that is no integer": ("together", [USER, {**ASSISTANT, "weight": 1.0}]),
    "Together, two system messages": ("together", [SYSTEM, SYSTEM, USER, ASSISTANT]),
    "torchtune, an answer without content": ("torchtune", [USER, SILENT, USER, ASSISTANT]),
}


@pytest.mark.parametrize(("target", "messages"), REFUSED.values(), ids=REFUSED)
def test_what_the_code_of_a_consumer_refuses_breaks_a_rule(
    target: str, messages: list[Any]
) -> None:
    line = json.dumps({"messages": messages, "rejected": "worse"}).encode()
    with pytest.raises(Error) as caught:
        raftfast.convert(io.BytesIO(line), io.BytesIO(), to=target, check="strict")
    assert caught.value.kind == "rule"


def test_only_tools_have_names_in_rows_for_mistral() -> None:
    line = json.dumps({"messages": [{**USER, "name": "Ann"}, ASSISTANT]}).encode()
    rows = io.BytesIO()
    raftfast.convert(io.BytesIO(line), rows, to="mistral")
    assert json.loads(rows.getvalue()) == {"messages": [USER, ASSISTANT]}
