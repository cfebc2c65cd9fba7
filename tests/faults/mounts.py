"""Other file systems: our own, where this user may mount them, and one that is there."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folders that we make there are our own


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount an empty file system in memory on a folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"no mount here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    """Change the options of a file system that is mounted."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@contextmanager
def elsewhere(folder: Path) -> Iterator[Path]:
    """Make an empty folder on another file system than that of a folder."""
    if not os.access(_SHARED_MEMORY, os.W_OK):
        pytest.skip(f"no {_SHARED_MEMORY} here")
    if _SHARED_MEMORY.stat().st_dev == folder.stat().st_dev:
        pytest.skip(f"{folder} is on the same file system as {_SHARED_MEMORY}")
    with TemporaryDirectory(dir=_SHARED_MEMORY) as name:
        yield Path(name)
