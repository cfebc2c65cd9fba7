"""Records that are hard on a scanner, by class: ``python benches/classes.py FOLDER [--size 8]``.

Each class is one kind of text or structure, stretched as far as it goes. No class repeats itself: a
scanner that meets the same 256 KiB again and again shows up to 1.6 times its speed, because the
branch predictor has learnt them by heart.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXT = 2000
"""Characters of each of the three texts in a record of usual size."""


def record(texts: Sequence[str], more: str = "") -> str:
    """Build a record out of a context, an instruction and an answer, which are escaped already."""
    context, instruction, cot_answer = texts
    return (
        f'{{{more}"context":"{context}","instruction":"{instruction}","cot_answer":"{cot_answer}"}}'
    )


def texts(random: Random, pieces: Sequence[str], characters: int = TEXT) -> list[str]:
    """Join pieces to three texts of about so many characters."""
    number = characters * len(pieces) // len("".join(pieces))
    return ["".join(random.choices(pieces, k=number)) for _ in range(3)]


def word(random: Random, length: int = 6) -> str:
    """Make up a word."""
    return "".join(random.choices(LETTERS, k=length))


def prose(random: Random) -> str:
    """Write plain words, no escapes."""
    return record(texts(random, [word(random) + " " for _ in range(200)]))


def megabyte(random: Random) -> str:
    """Write plain words, 1 MB a record."""
    return record(texts(random, [word(random) + " " for _ in range(5000)], 333_000))


def short_escapes(random: Random) -> str:
    """Write nothing but line ends and quotes, escaped."""
    return record(texts(random, ["\\n", '\\"']))


def unicode_escapes(random: Random) -> str:
    """Write nothing but characters written as four hex digits."""
    return record(texts(random, [f"\\u{random.randrange(0x20, 0xD800):04x}" for _ in range(400)]))


def backslashes(random: Random) -> str:
    """Write runs of escaped backslashes, so that evenness decides where a string ends."""
    return record(texts(random, ["\\\\" * random.randrange(1, 40) + "a" for _ in range(100)]))


def cjk(random: Random) -> str:
    """Write dense UTF-8 of three bytes a character."""
    return record(texts(random, [chr(random.randrange(0x4E00, 0x9FFF)) for _ in range(400)], 700))


def truncated(random: Random) -> str:
    """Write plain words, but cut one line in twenty off."""
    line = prose(random)
    return line[: random.randrange(1, len(line))] if random.random() < 0.05 else line


def short_strings(random: Random) -> str:
    """Write four hundred strings of six letters beside the texts."""
    strings = '","'.join(word(random) for _ in range(400))
    return record((word(random), word(random), word(random)), f'"list":["{strings}"],')


def small_keys(random: Random) -> str:
    """Write four hundred small members, and the wanted ones last."""
    members = "".join(f'"{word(random, 4)}":{random.randrange(100)},' for _ in range(400))
    return record((word(random), word(random), word(random)), members)


def tiny(random: Random) -> str:
    """Write records of 37 bytes with their line end, whose rows are seven times as long."""
    return f'{{"instruction":"{word(random, 1)}","cot_answer":"{word(random, 1)}"}}'


def bare(random: Random) -> str:
    """Write records of 8 bytes without any wanted field, but for one in a hundred."""
    return tiny(random) if random.random() < 0.01 else f'{{"a":{random.randrange(10)}}}'


def nested(random: Random) -> str:
    """Write five hundred arrays, one in the other."""
    arrays = "[" * 500 + str(random.randrange(10**6)) + "]" * 500
    return record((word(random), word(random), word(random)), f'"nest":{arrays},')


def floats(random: Random) -> str:
    """Write two hundred numbers with point and exponent."""
    numbers = ",".join(f"{random.uniform(-1e3, 1e3):.12g}e-3" for _ in range(200))
    return record((word(random), word(random), word(random)), f'"vector":[{numbers}],')


def white_space(random: Random) -> str:
    """Write as if for people, with spaces and tabs between all tokens."""
    members = ",".join(
        f'    \t"{word(random, 4)}"  :   {random.random():.3f}   ' for _ in range(200)
    )
    return record((word(random), word(random), word(random)), f'"table": {{ {members} }} ,  ')


CLASSES: dict[str, Callable[[Random], str]] = {
    "prose": prose,
    "megabyte": megabyte,
    "short-escapes": short_escapes,
    "unicode-escapes": unicode_escapes,
    "backslashes": backslashes,
    "cjk": cjk,
    "truncated": truncated,
    "short-strings": short_strings,
    "small-keys": small_keys,
    "tiny": tiny,
    "bare": bare,
    "nested": nested,
    "floats": floats,
    "white-space": white_space,
}


def lines_of(name: str, size: int, seed: int = 0) -> bytes:
    """Make at least ``size`` bytes of whole lines of a class, the same for the same seed."""
    random = Random(seed)  # noqa: S311 - a corpus is no secret
    lines = bytearray()
    while len(lines) < size:
        lines += CLASSES[name](random).encode()
        lines += b"\n"
    return bytes(lines)


def main() -> None:
    """Write a file of each class into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=float, default=8, help="MB of each class (default: 8)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in CLASSES:
        (options.folder / f"{name}.jsonl").write_bytes(lines_of(name, int(options.size * 1e6)))


if __name__ == "__main__":
    main()
