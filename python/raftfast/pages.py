"""How glibc deals with the memory of the command: kept while there is enough, spared where not."""

from __future__ import annotations

import os
from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

_M_ARENA_MAX = -8
"""What ``malloc.h`` of glibc calls the parameter."""

_SHOWN = (32 << 20) - (64 << 10)
"""The most that glibc learns from (``mallopt(3)``, ``M_MMAP_THRESHOLD``), less what is its own."""

START = 8 << 20
"""As much as a run takes at least from here on, with one thread. With 6, some ended in an abort."""


def has(size: int) -> bool:
    """Tell whether there are so many bytes to be had, if the process may have only so many.

    Without, an import ends in any of a dozen errors, or small things of the core in an abort. Not
    by `bytes`: what glibc gave back once, it takes as a measure for what it keeps.
    """
    if is_limited():
        from mmap import mmap  # noqa: PLC0415 - most runs do not need it

        try:
            mmap(-1, size).close()
        except OSError:
            return False
    return True


def keep() -> None:
    """Keep what is freed; only for a process of our own, whose memory is nobody else's.

    The writer of Parquet makes and drops buffers of megabytes for each column of each row group,
    and so does the reader. glibc takes each block of more than 128 KiB from the system and gives it
    back, and the end of a heap, until it learns from a larger block that was given back, which is
    at most this one. It is not touched, so no page of it is made. Kept, the rows of 1 GB take
    1.8 s instead of 2.2 s to Parquet, with two threads, for 10 MB more at the peak. mimalloc took
    1.24 s where all of glibc's settings together took 1.06 s, and 200 MB instead of 100.

    Other allocators take no notice. A process that may have only so much memory has none to keep.
    """
    if not is_limited():
        bytes(_SHOWN)


def share() -> None:
    """Have pyarrow take its memory where the core does, before it loads; only in our own process.

    A heap of its own keeps what is free by now. Of 600 MB of records, Parquet became lines in 126
    MB instead of 193, and Parquet (``--to hf``) in 198 MB instead of 283.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def spare() -> None:
    """Let all threads share one heap, if the process may have only so much memory (`ulimit -v`).

    Each heap takes 64 MiB of addresses, used or not, and the limit counts addresses: with two
    threads, Parquet was written in 145 MB and failed in 170.
    """
    if is_limited():
        _tell(_M_ARENA_MAX, 1)


def is_limited() -> bool:
    """Tell whether the process may have only so much memory (`ulimit -v`)."""
    return getrlimit(RLIMIT_AS)[0] != RLIM_INFINITY


def _tell(parameter: int, value: int) -> None:
    import ctypes  # noqa: PLC0415 - most runs do not need it

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(parameter, value)
