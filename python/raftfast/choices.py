"""The words that options take, as types."""

from __future__ import annotations

from typing import Literal, TypeAlias

Escape: TypeAlias = Literal["keep", "ascii", "pandas"]
"""How strings are written: ``keep`` copies escapes as they stand, ``ascii`` writes the bytes of
``json.dumps``, ``pandas`` those of pandas' ``to_json`` (and so of Gorilla's ``format.py``)."""

OnError: TypeAlias = Literal["fail", "skip"]
"""What a malformed record does: ``fail`` ends the run, ``skip`` counts it and goes on."""

Style: TypeAlias = Literal["escaped", "utf8"]
"""How the strings of a sample corpus are written: ASCII with escapes, or as they are."""

OutputType: TypeAlias = Literal["jsonl", "arrow", "arrows", "parquet"]
"""What an output is: JSON lines, an Arrow IPC file, an Arrow IPC stream, or a Parquet file."""

Compression: TypeAlias = Literal["none", "gz", "zst", "snappy", "lz4"]
"""How an output is compressed: JSON lines by gz or zst, Arrow by zst or lz4, Parquet by zst, snappy
or lz4."""
