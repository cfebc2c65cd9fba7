"""What is trained on: labels, offsets and halves tell it, and the text stays what it was.

What a row must be is said by ``raftfast.reference``, or once more here; where conversations are cut
into text by chat templates, by Jinja2 (see ``goldens/templates/render.py``).
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
import raftfast
from corpora import spell_pairs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raftfast import Converter, Error, UsageError, reference
from test_templates import CASES, CONVERSATIONS, NAMES, TEXTS, conversation, jinja, lines, own

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raftfast.choices import TextAs, Train

Row = dict[str, Any]

MASKS: tuple[Train, ...] = ("answer", "final", "not-quotes")
TARGETS = {target.name: target for target in Converter.targets()}
PIECES = st.sampled_from(
    [
        "<ANSWER>: ",
        "<ANSWER>:",
        "##Answer:",
        "##begin_quote##",
        "##end_quote##",
        "##",
        " ",
        "\n",
        "\\",
        '"',
        "é",
        "😀",
    ]
)
ANSWERS = st.lists(PIECES | PIECES | st.text(max_size=6), max_size=12).map("".join)
THOROUGH = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
QUOTED = "See é😀 ##begin_quote##one##end_quote##. <ANSWER>: 1"


def row(to: str, record: Row, **options: Any) -> Row:  # noqa: ANN401
    """Return the row of one record."""
    (line,) = Converter(to, **options).convert_bytes(json.dumps(record).encode()).splitlines()
    made: Row = json.loads(line)
    return made


def raft(answer: str) -> Row:
    return {"instruction": "Q", "cot_answer": answer}


def joined(segments: Sequence[Row]) -> str:
    return "".join(segment["text"] for segment in segments)


# The answer of a record ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "train"), [(to, mask) for to in ("completion", "segments") for mask in TARGETS[to].train]
)
def test_any_answer_is_cut_where_the_reference_cuts_it(to: str, train: Train) -> None:
    @THOROUGH
    @given(answers=st.lists(ANSWERS, max_size=3), rng=st.randoms(use_true_random=False))
    def compare(answers: list[str], rng: Any) -> None:  # noqa: ANN401
        for answer in answers:
            line = spell_pairs([("instruction", "Q"), ("cot_answer", answer)], rng).encode()
            core = Converter(to, dialect="gorilla", train=train)
            rows = core.convert_bytes(line)
            expected, counts = reference.convert_lines(line, to, train=train)
            assert list(map(json.loads, rows.splitlines())) == list(
                map(json.loads, expected.splitlines())
            )
            assert core.ledger.filtered == counts.filtered
            if rows:
                whole = json.loads(Converter(to, dialect="gorilla").convert_bytes(line))
                assert text_of(json.loads(rows)) == text_of(whole)

    compare()


def text_of(made: Row) -> str:
    """Return the text of a row, however it is cut."""
    return joined(made["segments"]) if "segments" in made else made["prompt"] + made["completion"]


@THOROUGH
@given(answer=ANSWERS.filter(bool), rng=st.randoms(use_true_random=False))
@pytest.mark.parametrize("train", ["final", "not-quotes"])
def test_the_offsets_of_axolotl_are_those_of_the_characters_that_the_reference_cuts(
    train: Train,
    answer: str,
    rng: Any,  # noqa: ANN401
) -> None:
    if train == "final" and reference.without_final(answer):
        return
    line = spell_pairs([("instruction", "Q"), ("cot_answer", answer)], rng).encode()
    converted = Converter("axolotl", dialect="gorilla", train=train).convert_bytes(line)
    question, said = json.loads(converted)["messages"]
    assert question == {"role": "user", "content": "Q", "train": False}
    assert said["content"] == answer
    spans = [
        (one["train"], said["content"][one["begin_offset"] : one["end_offset"] + 1])
        for one in said["train_detail"]
    ]
    assert spans == reference.spans(answer, train)
    assert "train" not in said


def test_quotes_are_not_learnt_and_their_tags_are() -> None:
    record = raft(QUOTED)
    assert row("segments", record, train="not-quotes")["segments"] == [
        {"label": False, "text": "<s>Q\n"},
        {"label": True, "text": "See é😀 ##begin_quote##"},
        {"label": False, "text": "one"},
        {"label": True, "text": "##end_quote##. <ANSWER>: 1</s>"},
    ]
    assert row("axolotl", record, train="not-quotes")["messages"][1]["train_detail"] == [
        {"begin_offset": 0, "end_offset": 21, "train": True},
        {"begin_offset": 22, "end_offset": 24, "train": False},
        {"begin_offset": 25, "end_offset": 50, "train": True},
    ]


@pytest.mark.parametrize("to", ["completion", "trl-prompt-completion", "together-completion"])
def test_the_reasoning_is_part_of_the_prompt_of_a_final_answer(to: str) -> None:
    whole, final = (row(to, raft(QUOTED), train=mask) for mask in ("answer", "final"))
    assert whole == row(to, raft(QUOTED))
    assert final["prompt"] == "Q" + QUOTED[:-1]
    assert final["completion"] == whole["completion"][-len(final["completion"]) :]
    assert final["completion"].startswith("1")


MISSING = {
    "no tag": ("because", "missing"),
    "a tag in lower case": ("because <answer>: 1", "missing"),
    "nothing after the tag": ("because <ANSWER>: ", "empty"),
    "white space after the tag": ("because <ANSWER>:  \n", "empty"),
}


@pytest.mark.parametrize(("answer", "absence"), MISSING.values(), ids=MISSING)
@pytest.mark.parametrize(
    "to", [name for name, target in TARGETS.items() if "final" in target.train]
)
def test_a_record_without_a_final_answer_is_filtered_where_that_is_trained_on(
    to: str, answer: str, absence: str
) -> None:
    converter = Converter(to, train="final")
    assert converter.convert_bytes(json.dumps(raft(answer)).encode()) == b""
    assert converter.ledger.filtered == {f"final_answer {absence}": 1}


@pytest.mark.parametrize("train", MASKS)
@pytest.mark.parametrize("to", TARGETS)
def test_a_target_that_cannot_say_what_is_trained_on_names_those_that_can(
    to: str, train: Train
) -> None:
    if train in TARGETS[to].train:
        assert Converter(to, train=train).convert_bytes(b"") == b""
        return
    with pytest.raises(
        UsageError, match=f"^target {to} cannot say --train {train}; these can: "
    ) as e:
        Converter(to, train=train)
    known = str(e.value).partition("can: ")[2].split(", ")
    templates = ["text with --text-as completion"] * (train != "not-quotes")
    assert known == [
        *(name for name, target in TARGETS.items() if train in target.train),
        *templates,
        "text with --text-as segments",
    ]


@pytest.mark.parametrize("to", ["openai", "azure", "together", "fireworks", "mistral"])
def test_only_the_last_answer_of_a_conversation_has_a_weight_of_one(to: str) -> None:
    said = conversation("S", [("q", "a"), ("r", "b"), ("s", "c")])
    made = row(to, {"messages": said}, train="answer")["messages"]
    assert [message.get("weight") for message in made] == [None, None, 0, None, 0, None, 1]
    assert [{key: one[key] for key in ("role", "content")} for one in made] == said


def test_only_the_last_answer_of_a_conversation_is_trained_on_by_axolotl() -> None:
    said = conversation(None, [("q", "a <ANSWER>: 1"), ("r", "b <ANSWER>: 2")])
    made = row("axolotl", {"messages": said}, train="answer")["messages"]
    assert [message["train"] for message in made] == [False, False, False, True]
    made = row("axolotl", {"messages": said}, train="final")["messages"]
    assert [message.get("train") for message in made] == [False, False, False, None]
    assert "train_detail" in made[-1]


@pytest.mark.parametrize("to", [name for name, one in TARGETS.items() if "answer" in one.train])
def test_a_conversation_that_ends_with_a_question_has_no_answer_to_train_on(to: str) -> None:
    said = [*conversation(None, [("q", "a")]), {"role": "user", "content": "r"}]
    with pytest.raises(Error, match=r"the target has no place for|takes one") as caught:
        row(to, {"messages": said}, train="answer", check="off")
    assert caught.value.kind in ("unfit", "many-turns")


def test_a_weight_of_the_record_s_own_is_not_lost_in_silence() -> None:
    said: list[Row] = [*conversation(None, [("q", "a"), ("r", "b")])]
    said[3]["weight"] = 0
    with pytest.raises(Error, match="the weight of a turn"):
        row("openai", {"messages": said}, train="answer")
    said[1]["weight"], said[3]["weight"] = 0, 1
    assert row("openai", {"messages": said}, train="answer") == {"messages": said}


def test_the_final_answer_alone_leaves_nothing_to_mask() -> None:
    with pytest.raises(UsageError, match="leave out --train final"):
        Converter("completion", answer="final", train="final")


@pytest.mark.parametrize(
    ("to", "train"), [(to, mask) for to in TARGETS for mask in TARGETS[to].train]
)
def test_columns_hold_what_lines_hold(to: str, train: Train, tmp_path: Path) -> None:
    compare_columns(tmp_path, [raft(QUOTED), raft("no quote <ANSWER>: 2")], to=to, train=train)


def compare_columns(tmp_path: Path, records: list[Row], **options: Any) -> None:  # noqa: ANN401
    """Compare the rows of lines, of Parquet, and of an Arrow stream in and out."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(record) + "\n" for record in records))
    raftfast.convert(corpus, tmp_path / "rows.jsonl", check="off", **options)
    raftfast.convert(corpus, tmp_path / "rows.parquet", check="off", **options)
    expected = [
        json.loads(line) for line in (tmp_path / "rows.jsonl").read_text("utf-8-sig").splitlines()
    ]
    table = pq.read_table(tmp_path / "rows.parquet")
    assert list(map(pruned, table.to_pylist())) == expected
    batches = raftfast.read(corpus, **options).to_pyarrow().read_all()
    assert list(map(pruned, batches.to_pylist())) == expected
    if all("messages" not in record for record in records):
        raftfast.convert(corpus, tmp_path / "corpus.arrow", to="hf")
        raftfast.convert(tmp_path / "corpus.arrow", tmp_path / "o.jsonl", check="off", **options)
        assert [
            json.loads(one) for one in (tmp_path / "o.jsonl").read_text("utf-8-sig").splitlines()
        ] == expected


def pruned(value: Any) -> Any:  # noqa: ANN401
    """Return a value without the members that are null, which lines leave out."""
    if isinstance(value, dict):
        return {key: pruned(inner) for key, inner in value.items() if inner is not None}
    return [pruned(inner) for inner in value] if isinstance(value, list) else value


def test_segments_are_a_column_of_labels_and_texts() -> None:
    record = BytesIO(json.dumps(raft(QUOTED)).encode())
    batches = raftfast.read(record, to="segments", train="not-quotes")
    assert str(batches.schema.field("segments").type) == (
        "list<item: struct<label: bool, text: string>>"
    )


# A target file of one's own -----------------------------------------------------------------------

HEAD = 'name = "mine"\nneeds = ["cot_answer"]\n'
OWN = (
    HEAD
    + """row = '{"text": {"$concat": ["{instruction}", {"$answer": "{cot_answer}"}]}}'
[[train]]
masks = ["final", "not-quotes"]
row = '''
{"spans": [{"$each": "spans", "do": [
    "{begin}", "{end}", "{text}", {"$if": "train", "then": true}
]}]}
'''
"""
)


def test_a_target_of_one_s_own_says_what_it_can_and_how() -> None:
    made = Converter.from_toml(OWN, train="not-quotes").convert_bytes(
        json.dumps(raft(QUOTED)).encode()
    )
    assert json.loads(made) == {
        "spans": [
            [0, 22, "See é😀 ##begin_quote##", True],
            [22, 25, "one"],
            [25, 51, "##end_quote##. <ANSWER>: 1", True],
        ]
    }
    with pytest.raises(UsageError, match="target mine cannot say --train answer"):
        Converter.from_toml(OWN, train="answer")
    for text_as in ("completion", "segments"):
        core = Converter.from_toml(OWN, text_as=text_as, train="final")
        made = core.convert_bytes(json.dumps(raft(QUOTED)).encode())
        assert text_of(json.loads(made)) == "Q" + QUOTED


@pytest.mark.parametrize("name", ["end", "train", "begin", "through", "weight"])
def test_a_setting_may_have_the_name_of_a_detail_that_a_list_lacks(name: str) -> None:
    row = '{"text": {"$concat": [{"$each": "pairs", "do": "{user}{NAME}"}]}}'.replace("NAME", name)
    text = f"{HEAD}row = '{row}'\n[settings]\n{name} = '!'"
    rows = Converter.from_toml(text).convert_bytes(
        b'{"instruction":"Q","cot_answer":"A"}\n'
        b'{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}'
    )
    assert [json.loads(line) for line in rows.splitlines()] == [{"text": "Q!"}] * 2


WRONG = {
    "a text without an answer": (
        '{"a": {"$segments": ["{cot_answer}"]}}',
        "with an '\\$answer' in it",
    ),
    "an answer in a question": (
        '{"a": {"$segments": [{"$if": "id", "then": {"$answer": "{cot_answer}"}}]}}',
        "neither in a question",
    ),
    "an answer in an answer": (
        '{"a": {"$segments": [{"$answer": {"$answer": "{cot_answer}"}}]}}',
        "nor in another one",
    ),
    "an answer among documents": (
        '{"a": {"$segments": [{"$each": "documents", "do": {"$answer": "{text}"}}]}}',
        "no '\\$each' but one of turns",
    ),
    "a prompt of history only": (
        '{"a": {"$prompt": [{"$each": "history", "do": {"$answer": "{assistant}"}}]}}',
        "with an '\\$answer' in it",
    ),
    "something beside it": (
        '{"a": {"$segments": [{"$answer": "{cot_answer}"}], "b": 1}}',
        "nothing beside it",
    ),
}


@pytest.mark.parametrize(("skeleton", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_mark_is_told(skeleton: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Converter.from_toml(f"{HEAD}row = '''{skeleton}'''")


def test_a_mask_that_there_is_not_is_told() -> None:
    with pytest.raises(
        UsageError, match="unknown mask 'all' in train; there are answer, final, not-"
    ):
        Converter.from_toml(f"{HEAD}row = '1'\n[[train]]\nmasks = ['all']")


def test_half_a_text_cannot_leave_quotes_out() -> None:
    text = HEAD + (
        """row = '{"p": {"$prompt": [{"$answer": "{cot_answer}"}]}}'\n"""
        """[[train]]\nmasks = ["not-quotes"]"""
    )
    with pytest.raises(UsageError, match="cannot leave quotes out"):
        Converter.from_toml(text, train="not-quotes")


# The text of a chat template ----------------------------------------------------------------------

SPLITS = [
    pytest.param(case.values[0], case.values[1], split, id=case.id)
    for name in NAMES
    for case, split in zip(
        (case for case in CASES if case.values[0] == name), lines(f"{name}.split"), strict=True
    )
    if "error" not in split
]


@pytest.mark.parametrize(("name", "messages", "golden"), SPLITS)
def test_a_text_is_cut_where_the_model_would_begin_to_write(
    name: str, messages: list[Row], golden: Row
) -> None:
    record = {"messages": messages}
    made = row("text", record, template=name, text_as="completion")
    assert made == {key: golden[key] for key in ("prompt", "completion")}
    assert text_of(made) == row("text", record, template=name)["text"]


@pytest.mark.parametrize(("name", "messages", "golden"), SPLITS)
def test_all_answers_of_a_text_are_labelled_with_their_end_tokens(
    name: str, messages: list[Row], golden: Row
) -> None:
    record = {"messages": messages}
    made = row("text", record, template=name, text_as="segments")
    assert made == {"segments": golden["segments"]}
    assert text_of(made) == row("text", record, template=name)["text"]


@pytest.mark.parametrize(
    ("name", "messages", "golden"),
    [split for split in SPLITS if len(split.values[1]) < 4],  # type: ignore[arg-type]
)
def test_the_text_of_a_record_of_gorilla_is_cut_at_the_same_place(
    name: str, messages: list[Row], golden: Row
) -> None:
    *system, user, assistant = (message["content"] for message in messages)
    record = {"instruction": user, "cot_answer": assistant}
    options: Row = {"template": name, "settings": {"system": system[0]} if system else {}}
    made = row("text", record, text_as="completion", **options)
    assert made == {key: golden[key] for key in ("prompt", "completion")}
    assert row("text", record, text_as="segments", **options)["segments"] == golden["segments"]


@pytest.mark.parametrize("name", NAMES)
def test_any_conversation_is_cut_where_jinja_would_begin_to_write(name: str) -> None:
    template = jinja(name)
    texts = st.none() if name == "gemma" else st.none() | TEXTS
    converters = {
        form: Converter("text", template=name, text_as=form) for form in ("completion", "segments")
    }

    @settings(THOROUGH, max_examples=30)
    @given(system=texts, pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
    def compare(system: str | None, pairs: list[tuple[str, str]]) -> None:
        record = {"messages": conversation(system, pairs)}
        golden = template.split(record["messages"])
        data = json.dumps(record, ensure_ascii=False).encode()
        made: Row = {}
        for converter in converters.values():
            made |= json.loads(converter.convert_bytes(data))
        assert made == golden

    compare()


@pytest.mark.parametrize("train", ["final", "not-quotes"])
@pytest.mark.parametrize("name", NAMES)
def test_of_a_text_only_the_last_answer_is_cut_at_what_is_trained_on(
    name: str, train: Train
) -> None:
    said = conversation(None, [("q", "a <ANSWER>: 1"), ("r", QUOTED)])
    record = {"messages": said}
    whole = row("text", record, template=name)["text"]
    made = row("text", record, template=name, text_as="segments", train=train)["segments"]
    assert joined(made) == whole
    learnt = [one["text"] for one in made if one["label"]]
    golden = jinja(name).split(said)["segments"]
    last = [one["text"] for one in golden if one["label"]][-1]
    start, end = last.split(QUOTED)
    if train == "final":
        assert learnt == ["1" + end]
    else:
        quote = QUOTED.index("one")
        assert learnt == [start + QUOTED[:quote], QUOTED[quote + 3 :] + end]


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_of_a_text_holds_the_reasoning_of_a_final_answer(name: str) -> None:
    record = {"messages": conversation(None, [("q", "a"), ("r", QUOTED)])}
    made = row("text", record, template=name, text_as="completion", train="final")
    assert text_of(made) == row("text", record, template=name)["text"]
    assert made["prompt"].endswith(QUOTED[:-1])
    assert made["completion"].startswith("1")


@pytest.mark.parametrize("text_as", ["completion", "segments"])
@pytest.mark.parametrize("name", NAMES)
def test_columns_of_a_text_hold_what_lines_hold(name: str, text_as: TextAs, tmp_path: Path) -> None:
    records = [
        {"messages": messages} for messages in CONVERSATIONS if messages[0]["role"] == "user"
    ]
    compare_columns(tmp_path, records, to="text", template=name, text_as=text_as)
    masked = [raft(QUOTED), raft("é <ANSWER>: 2")]
    for train in ("answer", "final"):
        compare_columns(tmp_path, masked, to="text", template=name, text_as=text_as, train=train)


def test_a_text_has_no_labels() -> None:
    with pytest.raises(UsageError, match="target llama2 cannot say --train final"):
        Converter("text", template="llama2", train="final")


def test_only_a_row_that_is_one_text_can_be_taken_apart() -> None:
    with pytest.raises(UsageError, match="target chat cannot be taken apart"):
        Converter("chat", text_as="segments")


# Templates of one's own ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "messages", "golden"), SPLITS)
def test_the_text_of_a_template_of_ones_own_is_cut_where_jinja_would_begin_to_write(
    name: str, messages: list[Row], golden: Row, tmp_path: Path
) -> None:
    own(tmp_path, name)
    path = str(tmp_path / "tokenizer_config.json")
    record = json.dumps({"messages": messages}).encode()
    to = Converter("text", template=path, text_as="completion", on_error="skip")
    rows = [json.loads(line) for line in to.convert_bytes(record).splitlines()]
    dropped = name.startswith("mistral-v3") or name == "mistral-tekken"
    if dropped and messages[0]["role"] == "system":
        assert rows == []
        assert to.ledger.rejected == {"template": 1}
    else:
        assert rows == [{key: golden[key] for key in ("prompt", "completion")}]


def test_a_template_whose_text_does_not_begin_with_its_prompt_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{{ messages|length }}{% for m in messages %}{{ m.content }}{% endfor %}")
    with pytest.raises(Error, match="does not begin with what it makes of the turns before") as e:
        row("text", raft("A"), template=str(path), text_as="completion")
    assert e.value.kind == "template"


def test_a_template_that_drops_the_final_answer_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{% for m in messages %}[{{ m.content.split('<')[0] }}]{% endfor %}")
    options: Row = {"template": str(path), "text_as": "completion"}
    assert row("text", raft(QUOTED), **options)["completion"].startswith("[See")
    with pytest.raises(Error, match="its text has no final answer"):
        row("text", raft(QUOTED), train="final", **options)


def test_a_record_without_an_answer_is_filtered_by_a_template_that_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    to = Converter("text", template=str(path), text_as="completion")
    assert to.convert_bytes(b'{"messages": [{"role": "user", "content": "Q"}]}') == b""
    assert to.ledger.filtered == {"cot_answer null": 1}


def test_a_template_of_ones_own_has_no_segments(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{{ messages[0].content }}")
    with pytest.raises(UsageError, match="does not say where each answer ends"):
        Converter("text", template=str(path), text_as="segments")
