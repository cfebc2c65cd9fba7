"""The words that options take, as types."""

from __future__ import annotations

from typing import Literal, TypeAlias

Escape: TypeAlias = Literal["keep", "ascii", "pandas"]
"""How strings are written: ``keep`` copies escapes as they stand, ``ascii`` writes the bytes of
``json.dumps``, ``pandas`` those of pandas' ``to_json`` (and so of Gorilla's ``format.py``)."""

OnError: TypeAlias = Literal["fail", "skip"]
"""What a malformed record does: ``fail`` ends the run, ``skip`` counts it and goes on."""

Answer: TypeAlias = Literal["cot", "final", "either"]
"""What is taken for the answer of a record: the chain of thought, the final answer only, or the
short answer where there is no chain of thought."""

Turns: TypeAlias = Literal["error", "last", "each"]
"""What becomes of a conversation of several answers where the target takes one: an error, the last
question and its answer, or a row for each answer."""

Check: TypeAlias = Literal["off", "warn", "strict"]
"""What becomes of rows that break a rule of their consumer: nobody looks, they are counted and
written, or they are rejected."""

Train: TypeAlias = Literal["answer", "final", "not-quotes"]
"""What of the answer is trained on: all of it, the final answer after the last ``<ANSWER>: `` or
``##Answer:``, or all but what stands between ``##begin_quote##`` and ``##end_quote##``."""

TextAs: TypeAlias = Literal["text", "completion", "segments"]
"""What becomes of a row that is one text: it stays that, a prompt and the last answer as its
completion, or segments of which the answers are trained on."""

Style: TypeAlias = Literal["escaped", "utf8"]
"""How the strings of a sample corpus are written: ASCII with escapes, or as they are."""

OutputType: TypeAlias = Literal["jsonl", "arrow", "arrows", "parquet"]
"""What an output is: JSON lines, an Arrow IPC file, an Arrow IPC stream, or a Parquet file."""

Compression: TypeAlias = Literal["none", "gz", "zst", "snappy", "lz4"]
"""How an output is compressed: JSON lines by gz or zst, Arrow by zst or lz4, Parquet by zst, snappy
or lz4."""
