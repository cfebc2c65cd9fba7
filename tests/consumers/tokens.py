"""A tokenizer of single bytes, and what it makes of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer_rows import need

if TYPE_CHECKING:
    from consumer_rows import Row

Tokenizer = Any
"""Of transformers, which need not be there."""

MARKS = ("<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer() -> Tokenizer:
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
    """Return the text of a conversation, as the template has it."""
    return "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in turns)


def answers(turns: list[Row]) -> list[str]:
    """Return what the assistant said."""
    return [one["content"] for one in turns if one["role"] == "assistant"]
