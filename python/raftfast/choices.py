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
