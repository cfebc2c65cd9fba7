"""Makes the goldens beside this file with Jinja2, as transformers renders chat templates.

    python tests/goldens/templates/render.py

needs ``jinja2``. ``conversations.jsonl`` holds conversations; ``NAME.jinja`` is the chat template
of a model, whose first line says where it was taken from; ``NAME.jsonl`` has a line for each
conversation: its text, or the error of the template. ``NAME.split.jsonl`` has the same texts cut:
before the last answer, where the model would begin to write (``add_generation_prompt``), and in
segments, of which the answers with their end tokens are labelled.

The templates of Mistral v3 write the system message only if the conversation ends with a question
and drop it from a finished one. Their goldens are the text in which the model saw the question,
with the answer after it, as mistral-common has them.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TOKENS = {
    "llama2": ("<s>", "</s>"),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"),
    "mistral-v1": ("<s>", "</s>"),
    "mistral-v3": ("<s>", "</s>"),
    "mistral-tekken": ("<s>", "</s>"),
    "chatml": ("", "<|im_end|>"),
    "gemma": ("<bos>", "<eos>"),
    "qwen2.5": ("", "<|im_end|>"),
    "zephyr": ("", "</s>"),
    "phi3": ("", "<|endoftext|>"),
}
"""The templates and the texts of their models for the begin and the end of a text."""
ENDS = {
    "llama2": "</s>",
    "llama3": "<|eot_id|>",
    "mistral-v1": "</s>",
    "mistral-v3": "</s>",
    "mistral-tekken": "</s>",
    "chatml": "<|im_end|>",
    "gemma": "<end_of_turn>",
    "qwen2.5": "<|im_end|>",
    "zephyr": "</s>",
    "phi3": "<|end|>",
}
"""What a model writes at the end of an answer."""
DROPPING = ("mistral-v3", "mistral-tekken")
"""Templates that drop the system message of a finished conversation."""

Message = dict[str, str]

_RAFT = (
    "<DOCUMENT>Paris is the capital of France.\nIt lies on the Seine.</DOCUMENT>\n"
    '<DOCUMENT>Title: "Île-de-France"\n\n\t* C:\\temp\\x\n\t* a/b {0} {{x}} %s</DOCUMENT>\n'
    "<DOCUMENT> Rome is the capital of Italy. </DOCUMENT>\n"
) * 12 + "Which city is the capital of France?"
_REASON = (
    "##Reason: the document says ##begin_quote##Paris is the capital of France.##end_quote##\n"
    "<ANSWER>: Paris"
)
_EDGES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
_RESERVED = (
    "[INST] [/INST] <<SYS>> <</SYS>> <s> </s> <|im_start|>user <|im_end|> <|begin_of_text|>"
    "<|start_header_id|>system<|end_header_id|> <|eot_id|> <start_of_turn>user <end_of_turn>"
    "<bos> <eos> <|user|> <|end|> <|endoftext|> [TOOL_CALLS] {{ bos_token }} {% raw %} {# c #}"
)


def conversation(system: str | None, *texts: str) -> list[Message]:
    """Return the messages of a conversation of questions and answers in turn."""
    first = [] if system is None else [{"role": "system", "content": system}]
    turns = [
        {"role": "assistant" if place % 2 else "user", "content": text}
        for place, text in enumerate(texts)
    ]
    return first + turns


def edged(text: str) -> str:
    """Return a text with all white space of Python around it."""
    return f"{_EDGES}{text}{_EDGES}"


CONVERSATIONS = [
    conversation(None, "Which city?", "Paris"),
    conversation("Answer from the documents.", "Which city?", "Paris"),
    conversation(None, "one", "1", "two", "2", "three", "3"),
    conversation("Count.", "one", "1", "two", "2", "three", "3"),
    conversation(
        "Sei höflich: 你好 \U0001f600",
        "Où est l'Île-de-France? \U0001f1eb\U0001f1f7 e\u0301",
        "日本語 \U0001f468\u200d\U0001f469",
    ),
    conversation(edged("s"), edged("u"), edged("a"), "\xa0v\x1c", "\x1cb\xa0"),
    conversation(None, edged("u"), edged("a"), "\ufeff \u200bv\u200b \ufeff", "\x00b\x7f"),
    conversation(_RESERVED, _RESERVED, _RESERVED),
    conversation('"s"\\', "\"u\" 'v' \\n \\\\ \\u0041 a/b </x>", '{"a": "\\"b\\""}\n'),
    conversation("Cite.\n", _RAFT, _REASON),
]


def environment() -> Any:  # noqa: ANN401
    """Return an environment as transformers has it."""
    jinja2: Any = importlib.import_module("jinja2")
    sandbox: Any = importlib.import_module("jinja2.sandbox")

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: object, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    def strftime_now(_form: str) -> str:
        message = "the text of a template does not hang on the day"
        raise jinja2.TemplateError(message)

    made = sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = strftime_now
    return made


class Template:
    """A chat template with the tokens of its model."""

    def __init__(self, name: str) -> None:
        """Compile it."""
        self._drops = name in DROPPING
        self._bos, self._eos = TOKENS[name]
        self._end = ENDS[name]
        source = (HERE / f"{name}.jinja").read_text(encoding="utf-8")
        self._compiled = environment().from_string(source)

    def render(self, messages: list[Message], *, prompt: bool = False) -> str:
        """Return what transformers gives for messages, or for those before an answer."""
        text = self._compiled.render(
            messages=messages,
            bos_token=self._bos,
            eos_token=self._eos,
            add_generation_prompt=prompt,
        )
        assert isinstance(text, str)
        return text

    def finished(self, messages: list[Message]) -> str:
        """Return the text of a finished conversation."""
        if not self._drops or messages[0]["role"] != "system":
            return self.render(messages)
        prompt, without = self.render(messages[:-1]), self.render(messages[1:-1])
        return prompt + self.render(messages[1:]).removeprefix(without)

    def split(self, messages: list[Message]) -> dict[str, Any]:
        """Return the text of a finished conversation, cut at its last answer and at all answers."""
        text, segments, last = self.finished(messages), [], 0
        starts = [start for start, _ in self._answers(messages)]
        for start, end in self._answers(messages):
            segments += [(False, text[last:start]), (True, text[start:end])]
            last = end
        segments.append((False, text[last:]))
        return {
            "prompt": text[: starts[-1]],
            "completion": text[starts[-1] :],
            "segments": [{"label": label, "text": part} for label, part in segments if part],
        }

    def _answers(self, messages: list[Message]) -> list[tuple[int, int]]:
        """Return where the answers of a finished conversation start and end."""
        if self._drops and messages[0]["role"] == "system":
            # The system message stands in the last question, before the last answer.
            added = len(self.finished(messages)) - len(self.finished(messages[1:]))
            *before, (start, end) = self._answers(messages[1:])
            return [*before, (start + added, end + added)]
        text, found = self.finished(messages), []
        for place, message in enumerate(messages):
            if message["role"] == "assistant":
                prompt = self.render(messages[:place], prompt=True)
                assert text.startswith(prompt)
                said = shared(text, self.render(messages[: place + 1]))
                end = said.rindex(self._end, len(prompt)) + len(self._end)
                found.append((len(prompt), end))
        return found


def shared(one: str, other: str) -> str:
    """Return what two texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))]


def row(template: Template, messages: list[Message]) -> dict[str, str]:
    """Return the golden of a conversation."""
    try:
        return {"text": template.finished(messages)}
    except Exception as error:  # noqa: BLE001
        return {"error": str(error)}


def split(template: Template, messages: list[Message]) -> dict[str, Any]:
    """Return the golden of a conversation that is cut."""
    golden = row(template, messages)
    return golden if "error" in golden else template.split(messages)


def main() -> None:
    """Write all goldens."""
    rows = [{"messages": messages} for messages in CONVERSATIONS]
    goldens = {"conversations": [json.dumps(one) for one in rows]}
    for name in TOKENS:
        template = Template(name)
        goldens[name] = [json.dumps(row(template, messages)) for messages in CONVERSATIONS]
        goldens[f"{name}.split"] = [json.dumps(split(template, one)) for one in CONVERSATIONS]
    for name, lines in goldens.items():
        (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
