"""Gorilla's ``format.py``, run to compare with it. It is not part of the project."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

FORMATS = ("hf", "completion", "chat", "eval")


def columns_of(path: Path) -> dict[str, Any]:
    """Return the schema of a Parquet file: its types, and what is there for ``datasets``."""
    from pyarrow import parquet  # noqa: PLC0415 - for what is compared only

    schema = parquet.read_schema(path)
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    types = {field.name: str(field.type) for field in schema}
    return {"types": types, "features": json.dumps(features)}


class Gorilla:
    """Its program, loaded from its file.

    Args:
        program: Where ``format.py`` is.
        folder: Where inputs, outputs and caches go.

    """

    def __init__(self, program: str, folder: Path) -> None:
        """Load it, with its logging turned off."""
        import datasets  # noqa: PLC0415 - for what is compared only

        datasets.disable_progress_bars()
        datasets.config.HF_DATASETS_CACHE = str(folder / "cache")
        quiet = ModuleType("logconf")
        quiet.__dict__["log_setup"] = lambda: None
        sys.modules["logconf"] = quiet
        spec = spec_from_file_location("gorilla_format", program)
        assert spec is not None
        assert spec.loader is not None
        self.module = module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.folder = folder

    def run(self, arguments: Sequence[str]) -> str | None:
        """Run the program, and return what it ended with if it failed."""
        before, sys.argv = sys.argv, ["format.py", *arguments]
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                self.module.main()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is its answer
            return f"{type(error).__name__}: {error}"
        else:
            return None
        finally:
            sys.argv = before

    def outcomes(self, text: str, options: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what it makes of some lines: JSONL, the schema of Parquet, or its error."""
        source = self.folder / "corpus.jsonl"
        source.write_text(text, encoding="utf-8")
        return {to: self._outcome(to, source, options) for to in FORMATS}

    def _outcome(self, to: str, source: Path, options: Sequence[str]) -> dict[str, Any]:
        output = self.folder / "rows"
        asked = ["--input", str(source), "--input-type", "jsonl", "--output", str(output)]
        asked += ["--output-format", to, *options]
        error = self.run(asked) or self.run([*asked, "--output-type", "parquet"])
        if error is not None:
            return {"error": error}
        rows = output.with_suffix(".jsonl").read_bytes().decode("ascii").split("\n")
        assert rows.pop() == ""
        return {"rows": rows, **columns_of(output.with_suffix(".parquet"))}
