"""What numbers the options of a call may be."""

from __future__ import annotations

from raftfast.errors import UsageError

# The least, and how many bits the largest has.
_MAY_BE = {
    "threads": (1, 32),
    "block_bytes": (1, 63),
    "max_record_bytes": (1, 63),
    "size": (0, 63),
    "limit": (0, 63),
    "seed": (0, 64),
    "expect_rows": (0, 64),
}


def check_numbers(**numbers: int | None) -> None:
    """Refuse numbers that an option cannot be; ``None`` is one that was not given.

    Raises:
        UsageError: A number is too small or too large.

    """
    for name, number in numbers.items():
        least, bits = _MAY_BE[name]
        if number is not None and not least <= number < 1 << bits:
            told = f"at least {least} and below" if least else "between 0 and"
            raise UsageError(f"{name} is {number}; it must be {told} 2^{bits}")
