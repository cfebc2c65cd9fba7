"""What is built from a source distribution is what is built from the checkout."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = (".rs", ".toml", ".txt", ".jsonl", ".py", ".pyi", ".typed")
BESIDE = ("build.rs", "Cargo.toml", "Cargo.lock", "pyproject.toml", "LICENSE", "README.md")


def sources() -> set[str]:
    paths = [*ROOT.glob("rust/**/*"), *ROOT.glob("python/**/*")]
    return {str(path.relative_to(ROOT)) for path in paths if path.suffix in KINDS} | {*BESIDE}


# The build script was left out, without which nothing compiles.
def test_a_source_distribution_holds_all_that_is_built(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maturin", "sdist", "--out", str(tmp_path)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    assert sources() <= held
