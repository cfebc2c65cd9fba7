"""Hostile gz and zst files as data: cut, damaged, nested, misnamed, and bombs."""

from __future__ import annotations

import gzip
import struct
import zlib

import zstandard
from cases import BOTH, END, EXPECTED, GOOD, MB, MORE, ONE, TOO_LONG, Case, Refused, Rows, bytes_of

DATA = GOOD + MORE


def flipped(file: bytes, at: int, bits: int = 1) -> bytes:
    """Change bits of a byte, which may be counted from the end."""
    at %= len(file)
    return file[:at] + bytes([file[at] ^ bits]) + file[at + 1 :]


# gz -----------------------------------------------------------------------------------------------


def gz(data: bytes) -> bytes:
    """Write one member."""
    return gzip.compress(data, mtime=0)


def bgzf(data: bytes) -> bytes:
    """Write what `bgzip` does: small members that tell their length, and an empty last one."""
    parts = [data[at : at + 10] for at in range(0, len(data), 10)]
    return b"".join(map(bgzf_block, [*parts, b""]))


def bgzf_block(data: bytes) -> bytes:
    """Write a member with the length of itself in an extra field."""
    plain = gz(data)
    extra = b"\x06\0BC\x02\0" + struct.pack("<H", len(plain) + 7)
    return plain[:3] + b"\x04" + plain[4:10] + extra + plain[10:]


def named(name: bytes) -> bytes:
    """Write a member that tells the name of a file."""
    return GZ[:3] + b"\x08" + GZ[4:10] + name + b"\0" + GZ[10:]


def gz_bomb(byte: bytes, megabytes: int) -> bytes:
    """Write a member of one byte, again and again, without compressing all of it.

    A full flush forgets what was before, so the same compressed piece can be said many times.
    """
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = compressor.compress(byte * MB) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(byte * MB, checksum)
    trailer = struct.pack("<II", checksum, megabytes * MB)
    return gz(b"")[:10] + piece * megabytes + compressor.flush() + trailer


GZ = gz(DATA)
MEMBER_CUT = Refused("gzip: the file ends inside a member")
MEMBER_CORRUPT = Refused("gzip: the data is corrupt")
CHECKSUM = Refused("gzip: wrong checksum")
NOT_GZ = Refused("gzip: something else follows the last member")

GZ_FILES: dict[str, tuple[bytes, Rows | Refused]] = {
    "one member": (GZ, BOTH),
    "two members": (gz(GOOD) + gz(MORE), BOTH),
    "a border of members in a line": (gz(DATA[:50]) + gz(DATA[50:]), BOTH),
    "a border of members in a character": (gz(b'{"instruction":"\xc3') + gz(b'\xa4","cot_answer":"a"}'), Rows((("ä", "a"),))),
    "a member for each byte": (b"".join(gz(DATA[at : at + 1]) for at in range(len(DATA))), BOTH),
    "members that are empty": (gz(b"") * 1000 + GZ + gz(b""), BOTH),
    "bgzip": (bgzf(DATA), BOTH),
    "a member with a name of 100 kB": (named(b"n" * 100_000), BOTH),
    "a member with a hostile name": (named(b"\x1b[31m/../x"), BOTH),
    "only a magic number": (GZ[:2], MEMBER_CUT),
    "cut in the header": (GZ[:5], MEMBER_CUT),
    "cut in the body": (GZ[:20], MEMBER_CUT),
    "cut before the trailer": (GZ[:-8], MEMBER_CUT),
    "cut by a byte": (GZ[:-1], MEMBER_CUT),
    "cut in the second member": (gz(GOOD) + gz(MORE)[:-1], MEMBER_CUT),
    "cut in the header of the second member": (gz(GOOD) + gz(MORE)[:4], MEMBER_CUT),
    "a wrong checksum": (flipped(GZ, -8), CHECKSUM),
    "a wrong length": (flipped(GZ, -1), Refused("gzip: wrong length")),
    "a wrong checksum of the first member": (flipped(gz(GOOD), -5) + gz(MORE), CHECKSUM),
    "a flipped bit": (flipped(gz(DATA * 99), 40), Refused("gzip: ")),
    "an unknown method": (flipped(GZ, 2), Refused("gzip: a member of an unknown kind")),
    "garbage behind": (GZ + b"garbage", NOT_GZ),
    "lines behind": (GZ + MORE, NOT_GZ),
    "gz in gz": (gz(GZ), Refused(EXPECTED, 1, 0)),
}  # fmt: skip


# zst ----------------------------------------------------------------------------------------------

MAGIC = b"\x28\xb5\x2f\xfd"
BLOCK = 128 << 10
LAST, RAW, RLE, COMPRESSED, RESERVED = 1, 0 << 1, 1 << 1, 2 << 1, 3 << 1


def zst(data: bytes) -> bytes:
    """Write one frame with its checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def block(kind: int, length: int, body: bytes) -> bytes:
    """Write a block of a frame."""
    return (length << 3 | kind).to_bytes(3, "little") + body


def frame(*blocks: bytes, window: int = 20) -> bytes:
    """Write a frame by hand that needs a window of two to the power of `window`, no checksum."""
    return MAGIC + bytes([0, (window - 10) << 3]) + b"".join(blocks)


def skippable(data: bytes) -> bytes:
    """Write a frame that a decoder has to skip."""
    return b"\x5e\x2a\x4d\x18" + struct.pack("<I", len(data)) + data


def raw(data: bytes, kind: int = LAST | RAW) -> bytes:
    """Write a block that is not compressed."""
    return block(kind, len(data), data)


def zst_bomb(byte: bytes, blocks: int) -> bytes:
    """Write 128 KiB of one byte with each four bytes."""
    return frame(block(RLE, BLOCK, byte) * blocks, block(LAST | RLE, BLOCK, byte))


ZST = zst(DATA)
TELLS_2_TO_THE_60 = MAGIC + b"\xc0\x50" + struct.pack("<Q", 1 << 60) + raw(DATA)
DICTIONARY = MAGIC + b"\x01\x50\x07" + raw(DATA)
FRAME_CUT = Refused("zstd: the file ends inside a frame")
FRAME_CORRUPT = Refused("zstd: the data is corrupt")
NOT_ZST = Refused("zstd: something else follows the last frame")

ZST_FILES: dict[str, tuple[bytes, Rows | Refused]] = {
    "one frame": (ZST, BOTH),
    "two frames": (zst(GOOD) + zst(MORE), BOTH),
    "a border of frames in a line": (zst(DATA[:50]) + zst(DATA[50:]), BOTH),
    "a frame for each byte": (b"".join(zst(DATA[at : at + 1]) for at in range(len(DATA))), BOTH),
    "frames that are empty": (zst(b"") * 1000 + ZST + zst(b""), BOTH),
    "frames to skip": (skippable(b"") + zst(GOOD) + skippable(MORE) + zst(MORE) + skippable(b"x"), BOTH),
    "only a frame to skip": (skippable(DATA), Rows(())),
    "blocks that are empty": (frame(block(RAW, 0, b"") * 10_000, raw(DATA)), BOTH),
    "only a magic number": (ZST[:4], FRAME_CUT),
    "cut in the header": (ZST[:6], FRAME_CUT),
    "cut in the body": (ZST[:20], FRAME_CUT),
    "cut before the checksum": (ZST[:-4], FRAME_CUT),
    "cut by a byte": (ZST[:-1], FRAME_CUT),
    "cut in the second frame": (zst(GOOD) + zst(MORE)[:-1], FRAME_CUT),
    "cut in the header of the second frame": (zst(GOOD) + zst(MORE)[:5], FRAME_CUT),
    "cut in a frame to skip": (ZST + skippable(bytes(99))[:-1], FRAME_CUT),
    "no last block": (frame(raw(DATA, RAW)), FRAME_CUT),
    "a wrong checksum": (flipped(ZST, -1), Refused("zstd: wrong checksum")),
    "a flipped bit": (flipped(zst(DATA * 99), 40), Refused("zstd: ")),
    "a reserved block": (frame(raw(GOOD, RAW), block(LAST | RESERVED, 8, bytes(8))), FRAME_CORRUPT),
    "a block that is too long": (frame(block(LAST | RLE, BLOCK + 1, b" ")), FRAME_CORRUPT),
    "a window of 2 GB": (frame(raw(DATA), window=31), Refused("needs more than 128 MiB of memory")),
    "a length of 2 to the power of 60": (TELLS_2_TO_THE_60, FRAME_CORRUPT),
    "a dictionary that is not there": (DICTIONARY, Refused("zstd: a frame needs a dictionary")),
    "a frame to skip of 4 GB": (ZST + b"\x50\x2a\x4d\x18\xff\xff\xff\xff", FRAME_CUT),
    "garbage behind": (ZST + b"garbage", NOT_ZST),
    "lines behind": (ZST + MORE, NOT_ZST),
    "zeros behind": (ZST + bytes(512), NOT_ZST),
    "zst in zst": (zst(ZST), Refused(EXPECTED, 1, 0)),
}  # fmt: skip

# Neither format says whether these are right.
CHOICES: dict[str, tuple[bytes, str, Rows | Refused]] = {
    "zeros behind, gz": (GZ + bytes(512), ".jsonl.gz", BOTH),
    "zeros between members": (gz(GOOD) + bytes(9) + gz(MORE), ".jsonl.gz", NOT_GZ),
    "a member with a name of 1 MB": (named(b"n" * 1_000_000), ".jsonl.gz", MEMBER_CORRUPT),
    "gz that is called zst": (GZ, ".jsonl.zst", BOTH),
    "zst that is called gz": (ZST, ".jsonl.gz", BOTH),
    "gz that is called jsonl": (GZ, ".jsonl", BOTH),
    "lines that are called gz": (DATA, ".jsonl.gz", BOTH),
    "lines that are called zst": (DATA, ".jsonl.zst", BOTH),
}


def container_cases() -> list[Case]:
    """Give all files but the bombs."""
    files = {".jsonl.gz": GZ_FILES, ".jsonl.zst": ZST_FILES}
    return [
        *(
            Case(f"{name}, {ending[7:]}", bytes_of(data), verdict, ending)
            for ending, table in files.items()
            for name, (data, verdict) in table.items()
        ),
        *(
            Case(name, bytes_of(data), verdict, ending, is_choice=True)
            for name, (data, ending, verdict) in CHOICES.items()
        ),
    ]


CONTAINERS = container_cases()


# Bombs --------------------------------------------------------------------------------------------

LINE_LIMIT = 600
"""Megabytes for a line as long as a line may be, 256 MiB, and for what it grew out of."""

BOMBS = [
    Case("1 GB of blanks in one line, gz", lambda: gz_bomb(b" ", 1024), Refused(TOO_LONG, 1, 0), ".jsonl.gz", LINE_LIMIT),
    Case("64 MB of line ends, gz", lambda: gz(GOOD) + gz_bomb(b"\n", 64), ONE, ".jsonl.gz"),
    Case("256 MB of zeros, gz", lambda: gz_bomb(b"\0", 256), Refused(EXPECTED, 1, 0), ".jsonl.gz", LINE_LIMIT),
    Case("4 GB of blanks in one line, zst", lambda: zst(GOOD) + zst_bomb(b" ", (4 << 30) // BLOCK), Refused(TOO_LONG, 2, END + 1), ".jsonl.zst", LINE_LIMIT),
    Case("64 MB of line ends, zst", lambda: zst(GOOD) + zst_bomb(b"\n", 64 * MB // BLOCK), ONE, ".jsonl.zst"),
    Case("gz of a bomb, zst", lambda: zst(gz_bomb(b" ", 1024)), Refused(EXPECTED, 1, 0), ".jsonl.zst"),
    Case("100,000 frames to skip", lambda: skippable(b"") * 100_000 + ZST, BOTH, ".jsonl.zst"),
    Case("100,000 empty members", lambda: gz(b"") * 100_000 + GZ, BOTH, ".jsonl.gz"),
]  # fmt: skip
