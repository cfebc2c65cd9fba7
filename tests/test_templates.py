"""The built-in chat templates write what the chat templates of the models write.

The goldens were rendered by Jinja2 (see ``goldens/templates/render.py``), which is not needed here.
Where it is installed, random conversations are compared with it too.
"""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raftfast import Converter
from raftfast.errors import Error, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Message = dict[str, str]

GOLDENS = Path(__file__).parent / "goldens/templates"
TEMPLATES = Path(__file__).parent.parent / "rust/template"
NAMES = sorted(path.stem for path in GOLDENS.glob("*.jinja"))
BOS = {
    "llama2": "<s>",
    "llama3": "<|begin_of_text|>",
    "mistral-v1": "<s>",
    "mistral-v3": "<s>",
    "mistral-tekken": "<s>",
    "gemma": "<bos>",
}
DROPPING = ("mistral-v3", "mistral-tekken")
RESERVED = re.compile(
    r"<\|\w+\|>|\[/?[A-Z_]+\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<[be]os>",
)
SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2003\u2028\u2029\u3000\ufeff\u200b"
EDGES = st.text(SPACES, max_size=3)
PIECES = st.sampled_from(
    ["[INST]", " [/INST] ", "<<SYS>>\n", "<|im_end|>\n", "</s>", "{", "}}", "{{ x }}", "\\", '"']
)
INNER = st.lists(PIECES | st.text(max_size=9) | EDGES, max_size=5).map("".join)
TEXTS = st.builds("{}x{}y{}".format, EDGES, INNER, EDGES)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4)
THOROUGH = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def converter(name: str, given: Mapping[str, str] | None = None) -> Converter:
    """Return what converts to the text of a template."""
    return Converter("text", template=name, settings=given or {})


def text_of(to: Converter, record: object, *, ascii_only: bool = True) -> str:
    """Return the text of the row of one record, which has nothing else."""
    data = json.dumps(record, ensure_ascii=ascii_only).encode()
    row: dict[str, str] = json.loads(to.convert_bytes(data))
    assert list(row) == ["text"]
    return row["text"]


def lines(name: str) -> list[dict[str, Any]]:
    """Return the values of a golden file."""
    text = (GOLDENS / f"{name}.jsonl").read_text(encoding="ascii")
    return [json.loads(line) for line in text.splitlines()]


def conversation(system: str | None, pairs: list[tuple[str, str]]) -> list[Message]:
    """Return the messages of questions and answers."""
    first = [] if system is None else [{"role": "system", "content": system}]
    return first + [
        {"role": role, "content": content}
        for pair in pairs
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]


def meta(messages: list[Message]) -> str:
    """Return what Meta's ``generation.py`` makes of a finished conversation for LLaMA-2.

    It encodes the text of each pair between the ids of ``<s>`` and ``</s>``.
    """
    if messages[0]["role"] == "system":
        system, first, *rest = messages
        folded = "<<SYS>>\n" + system["content"] + "\n<</SYS>>\n\n" + first["content"]
        messages = [{"role": first["role"], "content": folded}, *rest]
    questions, answers = messages[::2], messages[1::2]
    assert all(one["role"] == "user" for one in questions)
    assert all(one["role"] == "assistant" for one in answers)
    return "".join(
        f"<s>[INST] {question['content'].strip()} [/INST] {answer['content'].strip()} </s>"
        for question, answer in zip(questions, answers, strict=True)
    )


def jinja(name: str) -> Any:  # noqa: ANN401
    """Return the template as Jinja2 renders it; skip where it is not installed."""
    pytest.importorskip("jinja2")
    return maker().Template(name)


def maker() -> Any:  # noqa: ANN401
    """Load what makes the goldens."""
    spec = spec_from_file_location("make_templates", GOLDENS / "render.py")
    assert spec
    assert spec.loader
    make = module_from_spec(spec)
    spec.loader.exec_module(make)
    return make


CONVERSATIONS = [one["messages"] for one in lines("conversations")]
CASES = [
    pytest.param(name, messages, golden, id=f"{name} {place}")
    for name in NAMES
    for place, (messages, golden) in enumerate(zip(CONVERSATIONS, lines(name), strict=True))
]
TAKEN = [case for case in CASES if "text" in case.values[2]]  # type: ignore[operator]
REFUSED = [case for case in CASES if "error" in case.values[2]]  # type: ignore[operator]
ONE_TURN = [case for case in TAKEN if len(case.values[1]) < 4]  # type: ignore[arg-type]


def test_every_template_has_goldens_and_every_golden_a_template() -> None:
    assert sorted(path.stem for path in TEMPLATES.glob("*.toml")) == NAMES
    assert len(CASES) == 10 * len(NAMES) == len(TAKEN) + len(REFUSED)


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "utf-8"])
@pytest.mark.parametrize(("name", "messages", "golden"), TAKEN)
def test_a_conversation_has_the_text_that_the_template_of_the_model_gives_it(
    name: str, messages: list[Message], golden: dict[str, str], *, ascii_only: bool
) -> None:
    text = text_of(converter(name), {"messages": messages}, ascii_only=ascii_only)
    assert text == golden["text"]


@pytest.mark.parametrize(("name", "messages", "golden"), REFUSED)
def test_a_conversation_that_the_template_of_the_model_refuses_is_refused(
    name: str, messages: list[Message], golden: dict[str, str]
) -> None:
    assert golden["error"] == "System role not supported"
    with pytest.raises(Error, match="the target has no place for a system message"):
        converter(name).convert_bytes(json.dumps({"messages": messages}).encode())


@pytest.mark.parametrize(("name", "messages", "golden"), ONE_TURN)
def test_a_record_of_gorilla_has_the_text_of_the_same_conversation(
    name: str, messages: list[Message], golden: dict[str, str]
) -> None:
    *system, user, assistant = (message["content"] for message in messages)
    record = {"instruction": user, "cot_answer": assistant}
    to = converter(name, {"system": system[0]} if system else {})
    assert text_of(to, record) == golden["text"]


@pytest.mark.parametrize("name", NAMES)
def test_the_text_at_the_beginning_can_be_set_and_switched_off(name: str) -> None:
    messages, golden = CONVERSATIONS[2], lines(name)[2]["text"]
    for other in ("", "@"):
        bos = BOS.get(name)
        # Where each pair starts with it, as in LLaMA-2, no tokenizer adds it but to the first.
        expected = other + (golden.removeprefix(bos) if bos else golden)
        assert text_of(converter(name, {"bos": other}), {"messages": messages}) == expected


def test_the_text_at_the_end_of_phi3_can_be_switched_off() -> None:
    messages, golden = CONVERSATIONS[2], lines("phi3")[2]["text"]
    text = text_of(converter("phi3", {"eos": ""}), {"messages": messages})
    assert text + "<|endoftext|>" == golden


def test_gemma_has_no_system_message_to_set() -> None:
    with pytest.raises(UsageError, match="system"):
        converter("gemma", {"system": "s"})


@pytest.mark.parametrize("name", NAMES)
def test_what_a_template_writes_around_contents_is_forbidden_in_contents(name: str) -> None:
    target = (TEMPLATES / f"{name}.toml").read_text(encoding="utf-8")
    forbidden = re.findall(r"^forbidden = (\[.+\])$", target, re.MULTILINE)
    texts = [golden.get("text", "") for golden in lines(name)[:4]]
    written = {mark for text in texts for mark in RESERVED.findall(text)}
    assert written
    assert written <= set(json.loads(forbidden[0]))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("gemma", "qwen2.5")])
def test_an_empty_system_message_is_none(name: str) -> None:
    pairs = [("u", "a")]
    to = converter(name)
    empty, none = (text_of(to, {"messages": conversation(one, pairs)}) for one in ("", None))
    assert empty == none


@pytest.mark.parametrize("name", ["gemma", "llama2", "mistral-v1", "mistral-v3", "mistral-tekken"])
@pytest.mark.parametrize("roles", ["user user assistant", "assistant user assistant"])
def test_a_template_of_questions_and_answers_refuses_other_turns(name: str, roles: str) -> None:
    messages = [{"role": role, "content": "x"} for role in roles.split()]
    with pytest.raises(Error):
        converter(name).convert_bytes(json.dumps({"messages": messages}).encode())


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_llama2_is_what_meta_s_own_program_makes(messages: list[Message]) -> None:
    assert text_of(converter("llama2"), {"messages": messages}) == meta(messages)


@THOROUGH
@given(system=st.none() | TEXTS, pairs=PAIRS)
def test_llama2_is_what_meta_s_own_program_makes_of_any_conversation(
    system: str | None, pairs: list[tuple[str, str]]
) -> None:
    messages = conversation(system, pairs)
    assert text_of(converter("llama2"), {"messages": messages}) == meta(messages)


@pytest.mark.parametrize("name", NAMES)
def test_any_conversation_has_the_text_that_jinja_gives_it(name: str) -> None:
    template, to = jinja(name), converter(name)

    @THOROUGH
    @given(system=st.none() if name == "gemma" else st.none() | TEXTS, pairs=PAIRS)
    def compare(system: str | None, pairs: list[tuple[str, str]]) -> None:
        messages = conversation(system, pairs)
        assert text_of(to, {"messages": messages}, ascii_only=False) == template.finished(messages)

    compare()


@pytest.mark.parametrize("name", NAMES)
def test_the_goldens_are_what_jinja_gives(name: str) -> None:
    template = jinja(name)
    for messages, golden in zip(CONVERSATIONS, lines(name), strict=True):
        if "text" in golden:
            assert template.finished(messages) == golden["text"]


@pytest.mark.parametrize("name", DROPPING)
def test_mistral_v3_keeps_the_system_message_that_its_jinja_drops(name: str) -> None:
    messages = conversation("SYSTEM", [("u", "a"), ("v", "b")])
    assert "SYSTEM" not in jinja(name).render(messages)
    assert text_of(converter(name), {"messages": messages}).count("SYSTEM\n\nv") == 1


# Templates of one's own ---------------------------------------------------------------------------


TOKENS: dict[str, tuple[str, str]] = maker().TOKENS


def own(folder: Path, name: str) -> Converter:
    """Make a converter of a ``tokenizer_config.json`` with the Jinja of a model."""
    bos, eos = TOKENS[name]
    source = (GOLDENS / f"{name}.jinja").read_text(encoding="utf-8")
    config = {"chat_template": source, "bos_token": bos, "eos_token": {"content": eos}}
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return Converter("text", template=str(path), on_error="skip")


@pytest.mark.parametrize("name", [name for name in TOKENS if name not in DROPPING])
def test_a_template_of_ones_own_gives_the_text_that_jinja_gives(name: str, tmp_path: Path) -> None:
    to = own(tmp_path, name)
    for messages, golden in zip(CONVERSATIONS, lines(name), strict=True):
        rows = to.convert_bytes(json.dumps({"messages": messages}).encode())
        expected = [golden] if "text" in golden else []
        assert [json.loads(row) for row in rows.splitlines()] == expected


# transformers takes it so: the definitions were lost in silence.
def test_a_conversation_with_tools_is_rendered_by_the_template_for_them(tmp_path: Path) -> None:
    named = {"default": "no tools", "tool_use": "{{ tools[0].function.name }}", "rag": "{{"}
    templates = [{"name": name, "template": text} for name, text in named.items()]
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({"chat_template": templates}))
    to = Converter("text", template=str(path))
    messages = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert text_of(to, {"messages": messages}) == "no tools"
    assert text_of(to, {"messages": messages, "tools": tools}) == "f"


HELD = [
    pytest.param("18446744073709551615", id="of 64 bits"),
    pytest.param("-9223372036854775808", id="of 64 bits with its sign"),
    pytest.param("0.1234567890123456789012", id="a fraction that Python rounds, too"),
    pytest.param('"123456789012345678901234567890, -1"', id="digits in a text"),
]


@pytest.mark.parametrize("number", HELD)
def test_a_template_of_ones_own_sees_numbers_as_python_does(number: str, folder: Path) -> None:
    (folder / "own.jinja").write_text("{{ tools | tojson }}")
    rows = Converter("text", template="own.jinja").convert_bytes(with_tools(number))
    assert json.loads(rows)["text"] == json.dumps([{"n": json.loads(number)}])


# They were rounded in silence: Python's integers have all digits.
@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "-0"])
def test_numbers_that_a_template_cannot_hold_are_an_error(number: str, folder: Path) -> None:
    (folder / "own.jinja").write_text("{{ tools | tojson }}")
    with pytest.raises(Error, match=f"tools: {number} is an integer that a template") as caught:
        Converter("text", template="own.jinja").convert_bytes(with_tools(number))
    assert (caught.value.kind, caught.value.line) == ("template", 1)


def with_tools(number: str) -> bytes:
    messages = json.dumps(conversation(None, [("Q", "A")]))
    return f'{{"messages": {messages}, "tools": [{{"n": {number}}}]}}'.encode()


def test_what_a_template_says_against_a_conversation_is_told(tmp_path: Path) -> None:
    template = tmp_path / "mine.jinja"
    template.write_text("{{ raise_exception('no ' ~ messages[0]['role']) }}")
    told = f"the template does not take it: {template}: line 1: no user"
    with pytest.raises(Error, match=re.escape(told)) as caught:
        Converter("text", template=str(template)).convert_bytes(
            b'{"instruction":"Q","cot_answer":"A"}'
        )
    assert caught.value.kind == "template"


def test_a_template_that_takes_long_or_asks_elsewhere_is_compiled(folder: Path) -> None:
    for text in (
        "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
        "{% if messages[0].role == 'system' %}{{ messages|nope }}{% endif %}x",
        "{{ raise_exception('never') }}",
    ):
        (folder / "own.jinja").write_text(text)
        assert Converter("text", template="own.jinja").convert_bytes(b"") == b""


# It was left out, so that templates with a system message of their own put that in.
@pytest.mark.parametrize("content", ["", None, "S"])
def test_a_template_of_ones_own_sees_a_system_message_that_is_empty(
    content: str | None, folder: Path
) -> None:
    (folder / "own.jinja").write_text("{% for m in messages %}{{ m }}{% endfor %}")
    turns = [
        {"role": "system", "content": content},
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "A"},
    ]
    rows = Converter("text", template="own.jinja").convert_bytes(
        json.dumps({"messages": turns}).encode()
    )
    assert json.loads(rows)["text"] == "".join(map(repr, turns))


# `--no-system` did nothing with a template of one's own.
@pytest.mark.parametrize(("given", "said"), [(None, "S"), ("", ""), ("X", "X")])
def test_the_caller_s_system_message_goes_before_that_of_a_record_in_a_template_of_ones_own(
    given: str | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.jinja"
    path.write_text(
        "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% endif %}{% endfor %}"
    )
    to = Converter("text", template=str(path), system=given)
    messages = conversation("S", [("Q", "A")])
    assert text_of(to, {"messages": messages}) == said


# What templates say was kept once and for all, and after a thousand texts there were no others.
def test_what_a_template_says_of_a_record_is_told_however_many_there_are(folder: Path) -> None:
    (folder / "own.jinja").write_text("{{ raise_exception(messages[0].content) }}")
    questions = [f"question {number}" for number in range(1500)]
    lines = [json.dumps({"instruction": text, "cot_answer": "A"}) + "\n" for text in questions]
    (folder / "in.jsonl").write_text("".join(lines))
    raftfast.convert(
        "in.jsonl", "out.jsonl", "text", template="own.jinja", on_error="skip", rejects="bad.jsonl"
    )
    told = [json.loads(line)["message"] for line in (folder / "bad.jsonl").read_text().splitlines()]
    assert [message.rpartition("line 1: ")[2] for message in told] == questions


WRONG = {
    "a tag that is not closed": ("{% for m in messages %}", "line 1"),
    "a word that is none": ("x\n{% flor m in messages %}{% endfor %}", "line 2"),
    "a filter that there is not": ("x\n{{ messages[0].content | shout }}", "line 2: filter shout"),
    "a test that there is not": (
        "{% if messages is loud %}{% endif %}",
        "line 1: test loud",
    ),
    "a configuration without a template": ('{"bos_token": "<s>"}', "no chat_template"),
    "several templates, none of which is the one": (
        '{"chat_template": [{"name": "rag", "template": ""}]}',
        r"none of its chat_templates \(rag\) is called 'default'",
    ),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_a_template_that_cannot_be_read_is_told_with_its_line(
    text: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        Converter("text", template=str(path))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("index('x')", "substring not found"),
        ("partition('')", "empty separator"),
        ("rsplit('')", "empty separator"),
    ],
)
def test_a_method_that_fails_in_python_fails_in_a_template(
    call: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text(f"{{{{ 'abc'.{call} }}}}")
    with pytest.raises(Error, match=f"line 1: {told}"):
        Converter("text", template=str(path)).convert_bytes(b'{"instruction":"Q","cot_answer":"A"}')


def test_a_template_that_asks_for_the_date_is_told_what_was_given(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{{ strftime_now('%d %b %Y') }}: {{ messages[-1]['content'].strip() }}")
    record = b'{"instruction":"Q","cot_answer":"\\u001f A "}'
    rows = Converter("text", template=str(path), date="26 Jul 2024").convert_bytes(record)
    assert json.loads(rows) == {"text": "26 Jul 2024: A"}
    with pytest.raises(Error, match="pass --date"):
        Converter("text", template=str(path)).convert_bytes(record)


def test_generation_tags_make_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text(
        "{%- for m in messages %}\n"
        "{%- generation %}{{ m.content }}{% endgeneration %}\n"
        "{%- endfor %}"
    )
    record = b'{"instruction":"Q","cot_answer":"A"}'
    assert json.loads(Converter("text", template=str(path)).convert_bytes(record))["text"] == "QA"


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": "\u00fc"}}}
NUMBERS = [0.0001, 1e-05, -1.25e-07, 5.0, 1e15, 1e16, 1.5e300, 5e-324, 12, -0.0, 2**63]
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "<b> \u00fc", "parameters": {"enum": NUMBERS}},
}
SEEN: dict[str, str] = {
    "a content that is null": "{% for m in messages %}{{ m.content is none }} {% endfor %}",
    "a content that is not there": "{% for m in messages %}{{ m.content is defined }} {% endfor %}",
    "tools": "{% if tools %}{{ tools|tojson }}{% else %}none{% endif %}",
    "line ends of Windows": "{% for m in messages %}\r\n{{ m.role }}:\r\n{% endfor %}\r\n",
    "JSON over many lines": "{{ messages[1]|tojson(indent=2) }}",
    "JSON in ASCII": "{{ tools|tojson(ensure_ascii=True) }}",
    "JSON in order": "{{ messages[1]|tojson(sort_keys=True, separators=(',', ':')) }}",
    "a text without some signs": "{{ '--a-b--'|trim('-') }}",
    "parts of a text": (
        "{% for f in ('a=b=c'.partition('='), 'a=b=c'.rpartition('='), 'a'.partition('='),"
        " 'a'.rpartition('=')) %}{{ f[0] }},{{ f[1] }},{{ f[2] }};{% endfor %}"
    ),
    "places in a text": "{{ '\u00fcbab'.index('b') }}{{ '\u00fcbab'.rindex('b') }}",
    "other letters": "{{ 'aB\u00dc\u00df1'.swapcase() }}",
    "ends of a text": "{{ 'abc'.removeprefix('ab') }}{{ 'abc'.removesuffix('x') }}",
    "parts from the end": (
        "{{ 'a=b=c'.rsplit('=')|join(',') }};{{ 'a=b=c'.rsplit('=', 1)|join(',') }};"
        "{{ 'aaa'.rsplit('aa')|join(',') }};{{ 'a'.rsplit('=', 0)|join(',') }}"
    ),
    "numbers of tools": "{{ tools[0].function.parameters|tojson }}",
    # GLM-4 asks for it: the null content of a turn of calls was nothing, and is None.
    "what is iterable": (
        "{% for x in (messages, messages[0], 1, none, nothing) %}{{ x is iterable }} {% endfor %}"
    ),
    "what is a sequence": (
        "{% for x in (messages, messages[1:], messages[0], 'x', 1, none) %}"
        "{{ x is sequence }} {% endfor %}{{ range(3) is sequence }}"
    ),
}


@pytest.mark.parametrize("source", SEEN.values(), ids=SEEN)
def test_a_template_sees_what_transformers_shows_it(source: str, tmp_path: Path) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "R", "tool_call_id": "1"},
        {"role": "assistant", "content": "A"},
        {"role": "assistant", "tool_calls": [CALL]},
    ]
    path = tmp_path / "mine.jinja"
    path.write_text(source, encoding="utf-8", newline="")
    line = json.dumps({"messages": messages, "tools": [TOOL]}).encode()
    text = json.loads(Converter("text", template=str(path)).convert_bytes(line))["text"]
    assert text == transformers().from_string(source).render(messages=messages, tools=[TOOL])


def transformers() -> Any:  # noqa: ANN401 - jinja2 may not be there
    """Make the environment in which transformers renders templates."""
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)

    def tojson(value: object, **arguments: Any) -> str:  # noqa: ANN401 - those of json.dumps
        return json.dumps(value, **{"ensure_ascii": False, **arguments})

    environment.filters["tojson"] = tojson
    return environment


CONFIGURATION = '{"chat_template": "{{ messages[0].content }}", "model_max_length": %s}'


def test_a_configuration_is_read_with_a_byte_order_mark_and_refused_if_it_is_no_json(
    tmp_path: Path,
) -> None:
    path, line = tmp_path / "tokenizer_config.json", b'{"instruction":"Q","cot_answer":"A"}'
    path.write_text(CONFIGURATION % "1", encoding="utf-8-sig")
    assert json.loads(Converter("text", template=str(path)).convert_bytes(line)) == {"text": "Q"}
    path.write_text(CONFIGURATION % "1,")
    with pytest.raises(UsageError, match=r"tokenizer_config\.json: .* line 1 column"):
        Converter("text", template=str(path))


@pytest.mark.parametrize("name", NAMES)
def test_a_record_without_an_answer_is_filtered_and_ends_nothing(name: str) -> None:
    to = converter(name)
    to.convert_bytes(
        b'{"messages": [{"role": "user", "content": "Q"}]}\n'
        b'{"question": "Q", "context": {"sentences": [["D"]]}, "answer": "a", "cot_answer": null}\n'
        b'{"instruction": "Q", "output": ""}\n'
    )
    assert (to.ledger.written, sum(to.ledger.filtered.values())) == (0, 3)


# They were left out of the text, and the row was written.
@pytest.mark.parametrize("arguments", ["1e400", "[" * 130 + "]" * 130])
def test_calls_of_tools_that_a_template_cannot_see_are_refused(
    arguments: str, folder: Path
) -> None:
    (folder / "own.jinja").write_text("{{ messages|tojson }}")
    call = f'{{"id":"1","type":"function","function":{{"name":"f","arguments":{arguments}}}}}'
    line = f"""{{"messages":[{{"role":"user","content":"Q"}},
    {{"role":"assistant","content":null,"tool_calls":[{call}]}},
    {{"role":"assistant","content":"A"}}]}}"""
    with pytest.raises(Error, match="tool_calls: ") as caught:
        Converter("text", template="own.jinja").convert_bytes(line.replace("\n", " ").encode())
    assert caught.value.kind == "template"


# Ctrl-C was not heard before it ended.
def test_a_template_that_does_not_end_is_refused(folder: Path) -> None:
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    # Not for the question that a template is tried with.
    (folder / "own.jinja").write_text(
        "{% if messages[0].content == 'Q' %}" + loops + "{% endif %}x"
    )
    with pytest.raises(Error, match="it takes more than 20000000 steps"):
        Converter("text", template="own.jinja").convert_bytes(
            b'{"instruction":"Q","cot_answer":"A"}'
        )
