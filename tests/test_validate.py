"""``raftfast validate``: what a consumer will say of rows, whoever wrote them."""

from __future__ import annotations

import gzip
import io
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from raftfast import Problem, UsageError, _raftfast

if TYPE_CHECKING:
    from conftest import Run

GOLDENS = Path(__file__).parent / "goldens" / "targets"


def turn(role: object, content: object = "x", **others: object) -> dict[str, object]:
    return {"role": role, "content": content, **others}


USER, ASSISTANT, SYSTEM = turn("user"), turn("assistant"), turn("system")
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}


def messages(*turns: object, **others: object) -> dict[str, object]:
    return {"messages": list(turns), **others}


def said(*turns: tuple[str, object]) -> list[dict[str, object]]:
    return [{"from": role, "value": text} for role, text in turns]


ASKED = said(("human", "q"), ("gpt", "a"))
NOVA = {"schemaVersion": "bedrock-conversation-2024"}


def blocks(*turns: tuple[str, str]) -> list[dict[str, object]]:
    return [{"role": role, "content": [{"text": text}]} for role, text in turns]


RIGHT: dict[str, tuple[str, object]] = {
    "OpenAI, a system message": ("openai", messages(SYSTEM, USER, ASSISTANT)),
    "OpenAI, a call of a tool": ("openai", messages(USER, CALL, turn("tool", tool_call_id="1"))),
    "axolotl, other keys": ("axolotl", messages(USER, ASSISTANT, id=7)),
    "MLX, other keys of a turn": ("mlx", messages(USER, turn("assistant", weight=1, more=[{}]))),
    "evaluation, no documents": (
        "eval",
        {"question": "q", "gold_final_answer": "", "context": ""},
    ),
    "axolotl, no documents": ("context-qa", {"context": "", "question": "q", "answer": "a"}),
    "MLX, a prompt beside messages": ("mlx", messages(USER, ASSISTANT, prompt="q")),
    "TRL, a greeting after the system message": (
        "trl-conversational",
        {"prompt": [SYSTEM, ASSISTANT, USER], "completion": [ASSISTANT]},
    ),
    "ShareGPT, no system key": ("sharegpt", {"conversations": ASKED}),
    "ShareGPT, no system message": ("sharegpt", {"conversations": ASKED, "system": None}),
    "Alpaca, an input": ("alpaca", {"instruction": "i", "input": "x", "output": "o"}),
    "Alpaca, a history": (
        "alpaca",
        {"instruction": "i", "output": "o", "history": [["q", "a"], ["r", "b"]]},
    ),
    "Bedrock, blocks of text": (
        "bedrock-nova",
        {**NOVA, "messages": blocks(("user", "q"), ("assistant", "a"))},
    ),
    "Together, another key in a turn": (
        "together",
        {"messages": [USER, {**ASSISTANT, "name": "Ann"}]},
    ),
    "Gemini, its roles": (
        "gemini",
        {"contents": [{"role": one, "parts": [{"text": "x"}]} for one in ("user", "model")]},
    ),
    "Gemini, two texts and a file": (
        "gemini",
        {
            "contents": [
                {"role": "user", "parts": [{"text": "x"}, {"fileData": {"fileUri": "u"}}]},
                {"role": "model", "parts": [{"text": "x"}, {"text": "y"}]},
            ]
        },
    ),
    "Gemini, a system instruction by nobody": (
        "gemini",
        {
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [{"role": one, "parts": [{"text": "x"}]} for one in ("user", "model")],
        },
    ),
    "Gemini, a system instruction by another role": (
        "gemini",
        {
            "systemInstruction": {"role": "user", "parts": [{"text": "s"}]},
            "contents": [{"role": one, "parts": [{"text": "x"}]} for one in ("user", "model")],
        },
    ),
    "Nova, a picture": (
        "bedrock-nova",
        {
            **NOVA,
            "messages": [
                {"role": "user", "content": [{"image": {"format": "png"}}, {"text": "q"}]},
                {"role": "assistant", "content": [{"text": "a"}]},
            ],
        },
    ),
    "Nova, an empty text among others": (
        "bedrock-nova",
        {
            **NOVA,
            "system": [],
            "messages": [
                {"role": "user", "content": [{"text": ""}, {"text": "q"}]},
                {"role": "assistant", "content": [{"text": "a"}]},
                {"role": "user", "content": [{"text": None, "image": {"format": "png"}}]},
                {"role": "assistant", "content": [{"text": "a"}]},
            ],
        },
    ),
    "ShareGPT, a system message as the first turn": (
        "sharegpt",
        {"conversations": [*said(("system", "s")), *ASKED]},
    ),
    "segments, any number of them": (
        "segments",
        {"segments": [{"label": index % 2 == 1, "text": "x"} for index in range(5)]},
    ),
    "RAFT, titles that are known": (
        "raft",
        {
            "question": "q",
            "context": {"title": [["Tower", "Bridge"]], "sentences": [["t", "b"]]},
            "instruction": "i",
            "cot_answer": "c",
            "quotes": ["t"],
            "final_answer": "a",
        },
    ),
    "FastChat, an id": ("fastchat", {"id": "1", "conversations": ASKED}),
    "completions without a stop text": ("completion", {"prompt": "p", "completion": "c"}),
    "preferences": ("trl-dpo", {"prompt": [USER], "chosen": [ASSISTANT], "rejected": [ASSISTANT]}),
    "KTO, a bad answer": ("trl-kto", {"prompt": [USER], "completion": [ASSISTANT], "label": False}),
    "text": ("text", {"text": "<s>[INST] q [/INST] a </s>"}),
    "any record": ("hf", {"anything": [1]}),
}


@pytest.mark.parametrize(("to", "row"), RIGHT.values(), ids=RIGHT)
def test_a_row_that_a_consumer_takes_is_right(to: str, row: object) -> None:
    assert broken(to, row) == {}


WRONG: dict[str, tuple[str, object, dict[str, str]]] = {
    "no messages": ("openai", {"prompt": "p"}, {"missing_key": 'the row has no key "messages"'}),
    "no text": ("text", {"foo": 1}, {"missing_key": 'the row has no key "text"'}),
    "empty messages": ("openai", messages(), {"missing_key": "messages is empty"}),
    "messages of another type": (
        "openai",
        {"messages": "hi"},
        {"wrong_type": "messages is a string, not an array"},
    ),
    "a turn of another type": (
        "openai",
        messages(USER, 3),
        {"wrong_type": "messages[1] is a number, not an object"},
    ),
    "a turn without a role": (
        "openai",
        messages(USER, {"content": "x"}),
        {"missing_key": 'messages[1] has no key "role"'},
    ),
    "a turn without a content": (
        "openai",
        messages(USER, {"role": "assistant"}),
        {"missing_key": 'messages[1] has no key "content"'},
    ),
    "an empty content": (
        "openai",
        messages(USER, turn("assistant", "")),
        {"content": "messages[1] has no content"},
    ),
    "a content of null": (
        "openai",
        messages(USER, turn("assistant", None)),
        {"content": "messages[1] has no content"},
    ),
    "a content of another type": (
        "bedrock-claude",
        messages(USER, turn("assistant", 1)),
        {"wrong_type": "messages[1].content is a number, not a string"},
    ),
    "an unknown role": (
        "openai",
        messages(turn("narrator"), USER, ASSISTANT),
        {"roles": 'messages[0].role is "narrator"'},
    ),
    "a role by another consumer's name": (
        "sharegpt",
        {"conversations": said(("user", "q"), ("gpt", "a"))},
        {"roles": 'conversations[0].from is "user"'},
    ),
    "a role that the rules leave out": (
        "fireworks",
        messages(USER, ASSISTANT, turn("developer"), ASSISTANT),
        {"roles": "turn 3 is of a role that there may not be"},
    ),
    "two turns of one role": (
        "together",
        messages(USER, USER, ASSISTANT),
        {"alternate": "turn 2 is of the same role as the turn before"},
    ),
    "no answer at the end": (
        "mistral",
        messages(USER, ASSISTANT, USER),
        {"last": "turn 3 is not of the role that the last turn must be of"},
    ),
    "a wrong start": (
        "torchtune",
        messages(SYSTEM, ASSISTANT, USER),
        {"first": "turn 2 is not of the role that the first turn must be of"},
    ),
    "too few turns": ("torchtune", messages(USER), {"min_turns": "there are too few turns"}),
    "a key too many": (
        "together",
        messages(USER, ASSISTANT, id="1"),
        {"extra_keys": 'the row has a key "id", which is not taken'},
    ),
    "a key too many in a turn": (
        "openai",
        messages(USER, turn("assistant", more=1)),
        {"extra_keys": 'messages[1] has a key "more", which is not taken'},
    ),
    "a key beside one that is read instead": (
        "mlx",
        messages(USER, ASSISTANT, prompt="q", completion="a"),
        {
            "apart": 'the row has "messages", "prompt", "completion" beside one another,'
            " which are not all taken"
        },
    ),
    "a key of a turn beside one that is read instead": (
        "mistral",
        messages(turn("user", text="q"), ASSISTANT),
        {"apart": 'messages[0] has "content", "text" beside one another, which are not all taken'},
    ),
    "a part that is of no kind": (
        "together",
        messages(turn("user", [{"type": "bogus", "text": "q"}]), ASSISTANT),
        {"wrong_type": "messages[0].content[0] is no part of a content"},
    ),
    "a picture of who may not show one": (
        "bedrock-nova",
        {
            **NOVA,
            "messages": [
                *blocks(("user", "q")),
                {"role": "assistant", "content": [{"text": "a", "image": {}}]},
            ],
        },
        {"wrong_type": 'messages[1].content[0] has a key "image", which is not taken'},
    ),
    "a prompt that ends with a system message": (
        "trl-dpo",
        {"prompt": [SYSTEM], "chosen": [ASSISTANT], "rejected": [ASSISTANT]},
        {"min_turns": "there are too few turns"},
    ),
    "two conversations without an answer": (
        "torchtune-preference",
        {"chosen": [USER], "rejected": [USER]},
        {"last": "turn 2 is not of the role that the last turn must be of"},
    ),
    "a constant of another value": (
        "bedrock-nova",
        {"schemaVersion": "2", "messages": blocks(("user", "q"), ("assistant", "a"))},
        {"wrong_value": 'schemaVersion is "2", not "bedrock-conversation-2024"'},
    ),
    "a forbidden text": (
        "bedrock-nova",
        {**NOVA, "messages": blocks(("user", "Bot: q"), ("assistant", "a"))},
        {"forbidden": ""},
    ),
    "a part without its text": (
        "gemini",
        {"contents": [{"role": "user", "parts": [{"text": None}]}]},
        {"missing_key": "contents[0].parts[0] has no text"},
    ),
    "a part of no kind": (
        "gemini",
        {"contents": [{"role": "user", "parts": [{"text": "x"}, {"txt": "y"}]}]},
        {"missing_key": "contents[0].parts[1] has no text"},
    ),
    "a part that is null": (
        "bedrock-nova",
        {
            **NOVA,
            "messages": [
                {"role": "user", "content": [{"image": None}]},
                {"role": "assistant", "content": [{"text": "a"}]},
            ],
        },
        {"missing_key": "messages[0].content[0] has no text"},
    ),
    "a picture of an assistant": (
        "bedrock-llama",
        {**NOVA, "messages": [{"role": "assistant", "content": [{"image": {"format": "png"}}]}]},
        {"missing_key": "messages[0].content[0] has no text"},
    ),
    "a picture as a system message": (
        "bedrock-nova",
        {
            **NOVA,
            "system": [{"image": {"format": "png"}}],
            "messages": blocks(("user", "q"), ("assistant", "a")),
        },
        {"missing_key": "system[0] has no text"},
    ),
    "two system messages": (
        "bedrock-llama",
        {
            **NOVA,
            "system": [{"text": "x"}, {"text": "y"}],
            "messages": blocks(("user", "q"), ("assistant", "a")),
        },
        {"wrong_type": "system has 2 elements, not 1"},
    ),
    "no parts": (
        "gemini",
        {"contents": [{"role": "user", "parts": []}]},
        {"content": "contents[0] has no content"},
    ),
    "nothing but empty texts": (
        "gemini",
        {"contents": [{"role": "user", "parts": [{"text": ""}, {"text": ""}]}]},
        {"content": "contents[0] has no content"},
    ),
    "a part that is none": (
        "bedrock-llama",
        {**NOVA, "messages": [{"role": "user", "content": ["x"]}]},
        {"wrong_type": "messages[0].content[0] is a string, not an object"},
    ),
    "a system message that is no first turn": (
        "sharegpt",
        {"conversations": said(("human", "q"), ("gpt", "a"), ("system", "s"), ("gpt", "a"))},
        {"system_first": "turn 3 is a system message after others"},
    ),
    "a segment without a label": (
        "segments",
        {"segments": [{"label": True, "text": "x"}, {"text": "y"}]},
        {"missing_key": 'segments[1] has no key "label"'},
    ),
    "an answer too many": (
        "openai-dpo",
        {
            "input": messages(USER),
            "preferred_output": [ASSISTANT, ASSISTANT],
            "non_preferred_output": [ASSISTANT],
        },
        {"wrong_type": "preferred_output has 2 elements, not 1"},
    ),
    "an empty completion": (
        "completion",
        {"prompt": "p", "completion": ""},
        {"content": "completion is empty"},
    ),
    "no completion": (
        "completion",
        {"prompt": "p"},
        {"missing_key": 'the row has no key "completion"'},
    ),
    "a pair of three": (
        "alpaca",
        {"instruction": "i", "output": "o", "history": [["q", "a", "r"]]},
        {"wrong_type": "history[0] has 3 elements, not 2"},
    ),
    "all at once": (
        "bedrock-claude",
        messages(ASSISTANT, turn("assistant", ""), USER, id=1),
        {
            "alternate": "turn 2 is of the same role as the turn before",
            "content": "messages[1] has no content",
            "extra_keys": 'the row has a key "id", which is not taken',
            "first": "turn 1 is not of the role that the first turn must be of",
            "last": "turn 3 is not of the role that the last turn must be of",
        },
    ),
}


@pytest.mark.parametrize(("to", "row", "expected"), WRONG.values(), ids=WRONG)
def test_a_row_that_a_consumer_refuses_breaks_the_rule(
    to: str, row: object, expected: dict[str, str]
) -> None:
    found = broken(to, row)
    names = _raftfast.Validator(to)
    # A turn may have a name of its own for the rule.
    own = {rule: {names.name(rule), names.name(f"turn_{rule}")} for rule in expected}
    assert len(found) == len(expected)
    for rule, message in expected.items():
        (told,) = [found[name] for name in own[rule] if name in found]
        assert message in told


def broken(to: str, row: object) -> dict[str, str]:
    """Return what is wrong with a row, but for how many there are."""
    verdict = raftfast.validate(io.BytesIO(json.dumps(row).encode()), to=to)
    of_rows = {one.rule: one.message for one in verdict.problems if one.line is not None}
    assert verdict.wrong == bool(of_rows)
    return of_rows


def refused_by_the_cookbook(row: Any) -> bool:  # noqa: ANN401 - any JSON
    """Check a row as OpenAI's notebook Chat_finetuning_data_prep does."""
    if not row.get("messages"):
        return True
    return not any(one.get("role") == "assistant" for one in row["messages"]) or any(
        "role" not in one
        or "content" not in one
        or any(key not in ("role", "content", "name", "function_call", "weight") for key in one)
        or one["role"] not in ("system", "user", "assistant", "function")
        or not one["content"]
        or not isinstance(one["content"], str)
        for one in row["messages"]
    )


def test_rows_are_wrong_that_the_notebook_of_openai_calls_wrong(tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311 - it only has to vary
    members: dict[str, list[object]] = {
        "role": ["system", "user", "assistant", "assistant", "function", "narrator", ""],
        "content": ["x", "x", "x", "", None, 1],
        "name": ["n"],
        "other": [1],
    }
    often = {"role": 0.97, "content": 0.97, "name": 0.1, "other": 0.03}

    def a_turn() -> dict[str, object]:
        kept = [key for key in members if chance.random() < often[key]]
        chance.shuffle(kept)
        return {key: chance.choice(members[key]) for key in kept}

    rows = [messages(*(a_turn() for _ in range(chance.randrange(4)))) for _ in range(2000)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    verdict = raftfast.validate(path, to="openai", limit=10**6)
    expected = {line for line, row in enumerate(rows, 1) if refused_by_the_cookbook(row)}
    assert {one.line for one in verdict.problems if one.line} == expected
    assert 100 < len(expected) < 1990


LINES = {
    "a cut line": (b'{"messages": [', "cut-off"),
    "no object": (b"[1]", "not-an-object"),
    "a byte that is not UTF-8": (b'{"messages": "\xff"}', "invalid-utf8"),
    "a byte order mark in the middle": (b"\xef\xbb\xbf{}", "syntax"),
}


@pytest.mark.parametrize(("line", "kind"), LINES.values(), ids=LINES)
def test_a_line_that_is_no_row_is_one_problem_of_it(tmp_path: Path, line: bytes, kind: str) -> None:
    good = json.dumps(messages(USER, ASSISTANT)).encode()
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join([good, b"", line, good]))
    verdict = raftfast.validate(path, to="axolotl")
    rule = _raftfast.Validator("axolotl").name(kind)
    assert (verdict.rows, verdict.right, verdict.wrong) == (3, 2, 1)
    assert verdict.broken == {rule: 1}
    assert [(one.line, one.rule) for one in verdict.problems] == [(3, rule)]


OF_FORM = ("missing_key", "extra_keys", "wrong_type", "wrong_value")


@pytest.mark.parametrize("golden", sorted(GOLDENS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_rows_that_raftfast_writes_have_the_form_that_it_checks(golden: Path) -> None:
    if golden.stem == "inputs":
        pytest.skip("these are records")
    rows = [json.loads(line) for line in golden.read_bytes().splitlines()]
    made = [row for row in rows if not row.keys() & {"filtered", "rejected"} or len(row) > 1]
    found: dict[str, str] = {}
    for row in made:
        found |= broken(golden.stem, row)
    names = {_raftfast.Validator(golden.stem).name(rule) for rule in OF_FORM}
    assert made
    assert {rule: found[rule] for rule in names & found.keys()} == {}


def test_what_convert_writes_is_right(corpus: Path, tmp_path: Path) -> None:
    for target in raftfast.Converter.targets():
        if "rejected" in target.needs:
            continue
        output = tmp_path / "train.jsonl"
        masks: list[Any] = [None, *target.train]
        for train in masks:
            raftfast.convert(corpus, output, to=target.name, check="off", train=train)
            verdict = raftfast.validate(output, to=target.name)
            assert (target.name, train, verdict.wrong) == (target.name, train, 0)
            assert verdict.broken.keys() <= {"min_rows"}


def rows_of(count: int) -> bytes:
    """Return rows, some of which break rules in ways of which a seed decides."""
    chance = random.Random(7)  # noqa: S311 - it only has to vary
    kinds = [messages(USER, ASSISTANT)] * 3 + [
        row for to, row, _ in WRONG.values() if to == "openai"
    ]
    lines = [json.dumps(chance.choice(kinds)).encode() for _ in range(count)]
    for place in range(0, count, 97):
        lines[place] = b'{"messages": '
    return b"\n".join(lines) + b"\n"


def test_the_verdict_is_the_same_for_all_threads_blocks_and_sources(tmp_path: Path) -> None:
    data = rows_of(3000)
    path, packed = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    path.write_bytes(data)
    packed.write_bytes(gzip.compress(data))
    by_line: dict[str, list[int]] = {}
    expected = raftfast.validate(path, to="openai", threads=1, limit=10**6)
    for problem in expected.problems:
        by_line.setdefault(problem.rule, []).append(problem.line or 0)
    assert {rule: len(lines) for rule, lines in by_line.items()} == expected.broken
    assert expected.wrong == len({problem.line for problem in expected.problems})
    assert all(lines == sorted(lines) for lines in by_line.values())
    for threads, block in ((1, 1000), (2, 4096), (4, 100_000)):
        for source in (path, packed):
            found = raftfast.validate(
                source, to="openai", threads=threads, block_bytes=block, limit=25
            )
            assert (found.rows, found.wrong, found.broken) == (
                3000,
                expected.wrong,
                expected.broken,
            )
            assert [one[1:] for one in found.problems] == [
                one[1:] for one in expected.problems[:25]
            ]
            assert found.more == sum(expected.broken.values()) - 25


def test_each_of_several_files_is_held_against_what_is_said_of_files(tmp_path: Path) -> None:
    good = json.dumps(messages(USER, ASSISTANT)).encode() + b"\n"
    (tmp_path / "a.jsonl").write_bytes(good * 10)
    (tmp_path / "b.jsonl").write_bytes(good * 9)
    verdict = raftfast.validate(tmp_path, to="openai")
    assert verdict.files == [
        (str(tmp_path / "a.jsonl"), 10, 0),
        (str(tmp_path / "b.jsonl"), 9, 0),
    ]
    name = str(tmp_path / "b.jsonl")
    message = "9 rows, and openai takes 10 or more"
    assert verdict.problems == [Problem(name, None, "min_rows", message)]
    assert (verdict.ok, verdict.wrong) == (False, 0)


ROW = json.dumps(messages(USER, ASSISTANT)).encode()
MARK = b"\xef\xbb\xbf"
CHAT = json.dumps({"conversations": ASKED}).encode()
PAIR = b'{"prompt": "q", "completion": "a"}'
FORMS = {
    "Azure wants a byte order mark": ("azure", "a.jsonl", ROW, {"bom"}),
    "Azure has it": ("azure", "a.jsonl", MARK + ROW, set()),
    "Azure has it in a gz": ("azure", "a.jsonl.gz", gzip.compress(MARK + ROW), set()),
    "Together wants none": ("together", "a.jsonl", MARK + ROW, {"bom"}),
    "FastChat wants an array": ("fastchat", "a.json", CHAT, {"array"}),
    "FastChat has it": ("fastchat", "a.json", b"[" + CHAT + b"]", set()),
    "axolotl takes an array": ("axolotl", "a.json", b"[" + ROW + b"]", set()),
    "MLX reads files of some names": ("mlx", "a.jsonl", ROW, {"files"}),
    "MLX has one": ("mlx", "valid.jsonl", ROW, set()),
    "MLX reads lines": ("mlx", "test.jsonl", b"[" + ROW + b"]", {"array"}),
    "MLX wants no mark": ("mlx", "test.jsonl", MARK + ROW, {"bom"}),
    "FastChat wants no mark": ("fastchat", "a.json", MARK + b"[" + CHAT + b"]", {"bom"}),
    "Bedrock reads lines": ("bedrock-llama-completion", "a.jsonl", b"[" + PAIR + b"]", {"array"}),
    "Bedrock wants no mark": ("bedrock-llama-completion", "a.jsonl", MARK + PAIR, {"bom"}),
}


@pytest.mark.parametrize(("to", "name", "data", "expected"), FORMS.values(), ids=FORMS)
def test_the_form_of_a_file_is_what_its_consumer_asks_for(
    tmp_path: Path, to: str, name: str, data: bytes, expected: set[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    verdict = raftfast.validate(tmp_path / name, to=to)
    assert verdict.wrong == 0
    assert verdict.broken.keys() - {"min_rows"} == expected


def test_rows_of_parquet_are_checked_too(corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    raftfast.convert(corpus, output, to="together", check="off")
    assert raftfast.validate(output, to="together").ok
    found = raftfast.validate(output, to="sharegpt")
    assert (found.wrong, found.broken) == (2, {"missing_key": 2})


def test_the_command_lists_the_problems_and_sums_them_up(raftfast: Run, tmp_path: Path) -> None:
    bad = json.dumps(messages(turn("narrator"))).encode()
    (tmp_path / "rows.jsonl").write_bytes(ROW + b"\n" + (bad + b"\n") * 12)
    done = raftfast(
        "validate", "rows.jsonl", "--to", "axolotl", "--limit", "2", "--report", "r.json"
    )
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        'rows.jsonl:2: roles: messages[0].role is "narrator"',
        'rows.jsonl:3: roles: messages[0].role is "narrator"',
        "and 10 more (--limit)",
    ]
    assert b"raftfast: 13 rows = 1 right + 12 wrong; roles 12; " in done.stderr
    report: dict[str, Any] = json.loads((tmp_path / "r.json").read_bytes())
    assert (report["ok"], report["rows"], report["right"], report["wrong"]) == (False, 13, 1, 12)
    assert report["broken"] == {"roles": 12}
    assert report["problems"][0] == {
        "file": "rows.jsonl",
        "line": 2,
        "rule": "roles",
        "message": 'messages[0].role is "narrator"',
    }
    assert report["by_input"] == [{"input": "rows.jsonl", "rows": 13, "right": 1, "wrong": 12}]


def test_the_command_ends_with_0_if_all_is_right(raftfast: Run) -> None:
    done = raftfast("validate", "--to", "axolotl", "-q", input=ROW)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_command_names_the_targets_if_none_is_given(raftfast: Run) -> None:
    done = raftfast("validate", input=ROW)
    assert done.returncode == 2
    assert b"--to is missing" in done.stderr
    assert b"openai, " in done.stderr


def test_settings_say_how_keys_are_called(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "q", "ground_truth": "a"}\n')
    settings = {"prompt_key": "text", "completion_key": "ground_truth"}
    assert raftfast.validate(path, to="completion", settings=settings).ok
    assert not raftfast.validate(path, to="completion").ok
    with pytest.raises(UsageError, match="has no setting 'speed'"):
        raftfast.validate(path, to="completion", settings={"speed": "1"})


def test_a_report_on_standard_output_stands_there_alone(raftfast: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": 5}\n')
    done = raftfast("validate", "rows.jsonl", "--to", "axolotl", "--report", "-")
    assert done.returncode == 1
    assert [problem["line"] for problem in json.loads(done.stdout)["problems"]] == [1]
    assert b"1 wrong" in done.stderr


def test_a_report_never_replaces_an_input(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW)
    with pytest.raises(UsageError, match="is the same file as input"):
        raftfast.validate(path, to="axolotl", report=path)
    assert path.read_bytes() == ROW
