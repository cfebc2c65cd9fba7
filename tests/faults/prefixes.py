"""What goes before a command, so that limits and permissions hold for it though root runs it."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def usable(*prefix: str) -> list[str]:
    """Return what goes before a command if a command can be run so, and skip the test if not."""
    if shutil.which(prefix[0]) is None:
        pytest.skip(f"no {prefix[0]} here")
    done = subprocess.run([*prefix, "true"], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"not allowed here: {done.stderr.decode().strip()}")
    return [*prefix]
