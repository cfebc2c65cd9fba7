"""Hostile lines as data: what a file holds, and what has to become of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

UTF8 = "invalid UTF-8 in a string"
CONTROL = "unescaped control character in a string"
ESCAPE = "invalid escape in a string"
SURROGATE = "surrogate escape without its other half"
NAN = "NaN and Infinity are not JSON"
EXPECTED = "expected "
DEEP = "nested deeper than 1024 levels"
TRAILING = "something follows the record on its line"
CUT = "the line ends inside the record"
NO_OBJECT = "a record must be a JSON object"
TOO_LONG = "record longer than "
TEXT = "must be a string, found "


class Rows(NamedTuple):
    """The input is taken: the question and the answer of each row, and how many are filtered."""

    pairs: tuple[tuple[str, str], ...]
    filtered: int = 0


class Refused(NamedTuple):
    """The input is refused: words of the message, and the place where it tells one."""

    words: str
    line: int | None = None
    byte: int | None = None


class Case(NamedTuple):
    """One input.

    Attributes:
        name: What is hostile in it.
        make: Gives its bytes.
        verdict: What has to become of it.
        ending: That of its name.
        megabytes: What the run may take above a run that reads nothing.
        is_choice: Others may choose otherwise: no standard says what has to become of it.

    """

    name: str
    make: Callable[[], bytes]
    verdict: Rows | Refused
    ending: str = ".jsonl"
    megabytes: int = 40
    is_choice: bool = False

    @property
    def file(self) -> str:
        """A name for a file that holds it."""
        return "".join(char if char.isalnum() else "-" for char in self.name) + self.ending


# Values in the fields of a record -----------------------------------------------------------------

GOOD = b'{"instruction":"q1","cot_answer":"a1"}\n'
MORE = b'{"instruction":"q2","cot_answer":"a2"}\n'
FIRST, LAST = ("q1", "a1"), ("q2", "a2")

PLACES = {
    "used": b'{"instruction":%s,"cot_answer":"c"}',
    "unused": b'{"id":%s,"instruction":"i","cot_answer":"c"}',
    "tail": b'{"instruction":"i","cot_answer":"c","tail":%s}',
}


class Bad(NamedTuple):
    """What is no JSON value."""

    content: bytes
    words: str
    at: int
    """Bytes before the one at fault."""


BAD = {
    "a byte that is not UTF-8": Bad(b'"a\xffz"', UTF8, 2),
    "Latin-1": Bad(b'"caf\xe9"', UTF8, 4),
    "a lone continuation byte": Bad(b'"\x80"', UTF8, 1),
    "an overlong slash": Bad(b'"\xc0\xaf"', UTF8, 1),
    "an overlong NUL": Bad(b'"\xc0\x80"', UTF8, 1),
    "a surrogate as UTF-8": Bad(b'"\xed\xa0\x80"', UTF8, 1),
    "a pair of surrogates as UTF-8": Bad(b'"\xed\xa0\xbd\xed\xb8\x80"', UTF8, 1),
    "a character above U+10FFFF": Bad(b'"\xf4\x90\x80\x80"', UTF8, 1),
    "a character cut by the quote": Bad(b'"\xe2\x82"', UTF8, 1),
    "a lone high surrogate": Bad(b'"\\ud83d"', SURROGATE, 1),
    "a lone low surrogate": Bad(b'"x\\ude00"', SURROGATE, 2),
    "surrogates swapped": Bad(b'"\\ude00\\ud83d"', SURROGATE, 1),
    "an unknown escape": Bad(b'"\\x41"', ESCAPE, 1),
    "an escape of three digits": Bad(b'"\\u123"', ESCAPE, 1),
    "a raw NUL": Bad(b'"a\0b"', CONTROL, 2),
    "a raw tab": Bad(b'"a\tb"', CONTROL, 2),
    "a raw CR": Bad(b'"a\rb"', CONTROL, 2),
    "a raw ESC": Bad(b'"\x1b[2J\x1b[31m"', CONTROL, 1),
    "NaN": Bad(b"NaN", NAN, 0),
    "Infinity": Bad(b"Infinity", NAN, 0),
    "minus Infinity": Bad(b"-Infinity", NAN, 0),
    "a leading zero": Bad(b"01", EXPECTED, 1),
    "a plus": Bad(b"+1", EXPECTED, 0),
    "no integer part": Bad(b".5", EXPECTED, 0),
    "no fraction": Bad(b"1.", EXPECTED, 2),
    "no exponent": Bad(b"1e", EXPECTED, 2),
    "a hexadecimal number": Bad(b"0x10", EXPECTED, 1),
    "a lone minus": Bad(b"-", EXPECTED, 1),
    "True": Bad(b"True", EXPECTED, 0),
    "None": Bad(b"None", EXPECTED, 0),
    "a literal cut": Bad(b"tru", EXPECTED, 0),
    "undefined": Bad(b"undefined", EXPECTED, 0),
    "single quotes": Bad(b"'a'", EXPECTED, 0),
    "two values": Bad(b'"a" "b"', EXPECTED, 4),
    "nothing": Bad(b"", EXPECTED, 0),
    "a comment": Bad(b'/* c */ "a"', EXPECTED, 0),
    "a comment behind": Bad(b'"a" // c', EXPECTED, 4),
    "an array with a comma too many": Bad(b"[1,]", EXPECTED, 3),
    "an array without a comma": Bad(b"[1 2]", EXPECTED, 3),
    "an array closed by a brace": Bad(b"[1}", EXPECTED, 2),
    "an object with a comma too many": Bad(b'{"a":1,}', EXPECTED, 7),
    "an object without a colon": Bad(b'{"a" 1}', EXPECTED, 5),
    "an object with a bare key": Bad(b"{a:1}", EXPECTED, 1),
    "an object with a number for a key": Bad(b"{1:2}", EXPECTED, 1),
    "a no-break space": Bad(b'\xc2\xa0"a"', EXPECTED, 0),
    "a form feed": Bad(b'\x0c"a"', EXPECTED, 0),
    "a byte order mark": Bad(b'\xef\xbb\xbf"a"', EXPECTED, 0),
    "a record separator": Bad(b'\x1e"a"', EXPECTED, 0),
    "1,024 arrays": Bad(b"[" * 1024 + b"]" * 1024, DEEP, 1023),
    "1,024 objects": Bad(b'{"":' * 1024 + b"0" + b"}" * 1024, DEEP, 4 * 1023),
    "100,000 arrays that are not closed": Bad(b"[" * 100_000, DEEP, 1023),
}

TEXTS = {
    "separators that str.splitlines obeys": "a\u2028b\u2029c\x85d",
    "a byte order mark inside": "a\ufeffb",
    "DEL and the last characters": "\x7f\uffff\U0010ffff",
    "a terminal's commands, escaped": "\x1b[2J\x1b]0;t\x07\x9b31m\u202e\b\r",
    "HTML": "</script><img src=x onerror=alert(1)>&amp;",
    "a path": "../../../etc/passwd\0",
    "what looks like a record": '{"instruction":"x","cot_answer":"y"}\n',
    "backslashes and quotes": '\\"\\\\"\\\\\\',
    "a date": "2024-02-30T00:00:00Z",
    "a number": "0123456789012345678901234567890",
}

OTHERS = {
    "true": (b"true", "a boolean"),
    "0": (b"-0", "a number"),
    "more than a double holds": (b"1e400", "a number"),
    "100,000 digits": (b"9" * 100_000, "a number"),
    "a list of texts": (b'["a","b"]', "an array"),
    "an object": (b'{"instruction":"decoy","cot_answer":"decoy"}', "an object"),
    "1,023 arrays": (b"[" * 1023 + b"]" * 1023, "an array"),
}


def value_cases() -> list[Case]:
    """Put each value into each place, on the third line of a file."""
    return [
        *(bad_case(name, place) for name in BAD for place in PLACES),
        *(text_case(name, place) for name in TEXTS for place in PLACES),
        *(other_case(name, place) for name in OTHERS for place in PLACES),
    ]


def placed(place: str, content: bytes) -> tuple[bytes, int]:
    """Build the file, and tell where in it the value is."""
    before, after = PLACES[place].split(b"%s")
    start = GOOD + b"\n" + before
    return start + content + after + b"\n" + MORE, len(start)


def bad_case(name: str, place: str) -> Case:
    """Expect a fault at its byte."""
    bad = BAD[name]
    data, start = placed(place, bad.content)
    return Case(f"{name}, {place}", lambda: data, Refused(bad.words, 3, start + bad.at))


def text_case(name: str, place: str) -> Case:
    """Expect a row that has the text, if the target uses it."""
    text = TEXTS[name]
    raw = "".join(f"\\u{ord(char):04x}" if char < " " or char in '"\\' else char for char in text)
    data, _ = placed(place, f'"{raw}"'.encode())
    row = (text, "c") if place == "used" else ("i", "c")
    return Case(f"{name}, {place}", lambda: data, Rows((FIRST, row, LAST)))


def other_case(name: str, place: str) -> Case:
    """Expect a value that is no text to be refused where text is used, and to be no matter else."""
    content, found = OTHERS[name]
    data, start = placed(place, content)
    if place == "used":
        return Case(f"{name}, used", lambda: data, Refused(TEXT + found, 3, start))
    return Case(f"{name}, {place}", lambda: data, Rows((FIRST, ("i", "c"), LAST)))


# Whole files --------------------------------------------------------------------------------------

LINE = GOOD[:-1]
BOTH = Rows((FIRST, LAST))
ONE = Rows((FIRST,))
END = len(LINE)
"""Where the first line ends."""
MARK = b"\xef\xbb\xbf"
CAMEL = (
    b'{"Instruction":"x","instruction ":"x","instructio":"x","Cot_Answer":"x","cot_answer_":"x",'
)
DECOYS = b'{"id":"\\"instruction\\":\\"x\\"","context":{"instruction":"x","cot_answer":["x"]},'


def utf(encoding: str) -> bytes:
    """Write the first line in another encoding."""
    return GOOD.decode().encode(encoding)


FILES: dict[str, tuple[bytes, Rows | Refused]] = {
    "LF": (GOOD + MORE, BOTH),
    "CRLF": (GOOD.replace(b"\n", b"\r\n") + MORE.replace(b"\n", b"\r\n"), BOTH),
    "LF and CRLF": (GOOD.replace(b"\n", b"\r\n") + MORE, BOTH),
    "no last line end": ((GOOD + MORE)[:-1], BOTH),
    "blanks around records": (b" \t" + LINE + b"\r \t\n" + MORE, BOTH),
    "CR for a line end": ((GOOD + MORE).replace(b"\n", b"\r"), Refused(TRAILING, 1, END + 1)),
    "UTF-16, little": (utf("utf-16-le"), Refused("holds UTF-16, ")),
    "UTF-16, big": (utf("utf-16-be"), Refused("holds UTF-16, ")),
    "UTF-16 with a mark": (b"\xff\xfe" + utf("utf-16-le"), Refused("holds UTF-16, ")),
    "UTF-32, little": (utf("utf-32-le"), Refused("holds UTF-32, ")),
    "UTF-32, big": (utf("utf-32-be"), Refused("holds UTF-32, ")),
    "UTF-32 with a mark": (b"\xff\xfe\0\0" + utf("utf-32-le"), Refused("holds UTF-32, ")),
    "a mark in the middle": (GOOD + MARK + MORE, Refused(EXPECTED, 2, END + 1)),
    "two marks": (MARK + MARK + GOOD, Refused(EXPECTED, 1, 3)),
    "zeros": (bytes(5000), Refused(EXPECTED, 1, 0)),
    "zeros behind": (GOOD + bytes(512), Refused(EXPECTED, 2, END + 1)),
    "a zero behind a record": (LINE + b"\0\n", Refused(TRAILING, 1, END)),
    "two records on a line": (LINE + MORE, Refused(TRAILING, 1, END)),
    "a comma behind a record": (LINE + b",\n" + MORE, Refused(TRAILING, 1, END)),
    "a brace behind a record": (LINE + b"}\n" + MORE, Refused(TRAILING, 1, END)),
    "text behind a record": (LINE + b"TRAILER\n" + MORE, Refused(TRAILING, 1, END)),
    "U+2028 between records": (LINE + b"\xe2\x80\xa8" + MORE, Refused(TRAILING, 1, END)),
    "U+0085 between records": (LINE + b"\xc2\x85" + MORE, Refused(TRAILING, 1, END)),
    "a comment line": (GOOD + b"# comment\n" + MORE, Refused(EXPECTED, 2, END + 1)),
    "a JSON text sequence": (b"\x1e" + GOOD + b"\x1e" + MORE, Refused(EXPECTED, 1, 0)),
    "a record on several lines": (GOOD.replace(b",", b",\n"), Refused(CUT, 1, 20)),
    "a list as a record": (GOOD + b'["q","a"]\n' + MORE, Refused(NO_OBJECT, 2, END + 1)),
    "a text as a record": (GOOD + b'"q"\n' + MORE, Refused(NO_OBJECT, 2, END + 1)),
    "null as a record": (GOOD + b"null\n" + MORE, Refused(NO_OBJECT, 2, END + 1)),
    "CSV": (b"instruction,cot_answer\nq1,a1\n", Refused(EXPECTED, 1, 0)),
    "HTML as a file": (b"<!DOCTYPE html><html></html>\n", Refused("holds a page of HTML")),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20, Refused(EXPECTED, 1, 0)),
    "cut in a key": (GOOD + MORE[:8], Refused(CUT, 2, END + 9)),
    "cut after a key": (GOOD + MORE[:14], Refused(CUT, 2, END + 15)),
    "cut in a text": (GOOD + MORE[:17], Refused(CUT, 2, END + 18)),
    "cut in an escape": (GOOD + MORE[:16] + b"\\", Refused(CUT, 2, END + 18)),
    "cut in a character": (GOOD + MORE[:16] + b"\xe2\x82", Refused(UTF8, 2, END + 17)),
    "cut after a value": (GOOD + MORE[:19], Refused(CUT, 2, END + 20)),
    "cut before the brace": (GOOD + MORE[:-2], Refused(CUT, 2, END + len(MORE) - 1)),
    "names that are nearly those": (CAMEL + GOOD[1:], ONE),
    "names in texts and inside": (DECOYS + GOOD[1:], ONE),
    "an escaped name": (GOOD.replace(b"instruction", b"instr\\u0075ction"), ONE),
    "null in every record": (b'{"instruction":null,"cot_answer":"a"}\n' * 3, Rows((), 3)),
    "an empty text among others": (GOOD + b'{"instruction":"","cot_answer":"a"}\n', ONE._replace(filtered=1)),
    "a missing field among others": (GOOD + b'{"cot_answer":"a"}\n', ONE._replace(filtered=1)),
}  # fmt: skip

# No standard decides these.
CHOICES: dict[str, tuple[bytes, Rows | Refused]] = {
    "nothing at all": (b"", Rows(())),
    "blank lines": (b"\n \n" + GOOD + b"\r\n\t\n" + MORE + b"\n\n", BOTH),
    "a mark first": (MARK + GOOD + MORE, BOTH),
    "only a mark": (MARK, Rows(())),
    "a name twice": (b'{"instruction":"x",' + GOOD[1:], ONE),
    "a name twice, once escaped": (b'{"instr\\u0075ction":5,' + GOOD[1:], ONE),
    "an array": (b"[" + LINE + b",\n " + LINE.replace(b"1", b"2") + b"]\n", BOTH),
    "an array cut": (b"[" + LINE + b",", Refused("JSON array: ")),
    "an array and a record": (b"[" + LINE + b"]\n" + MORE, Refused("JSON array: ")),
    "two arrays": (b"[" + LINE + b"]\n[" + LINE + b"]\n", Refused("JSON array: ")),
    "no field that is used": (b'{"cot_answer":"a"}\n' * 3, Refused("no record has the field")),
    "an array of texts": (b'["q","a"]', Refused(NO_OBJECT, 1, 1)),
}


def file_cases() -> list[Case]:
    """Give all whole files."""
    return [
        Case(name, bytes_of(data), verdict, is_choice=files is CHOICES)
        for files in (FILES, CHOICES)
        for name, (data, verdict) in files.items()
    ]


def bytes_of(data: bytes) -> Callable[[], bytes]:
    """Give what is there already."""
    return lambda: data


LINES = [*value_cases(), *file_cases()]


# Large ones ---------------------------------------------------------------------------------------

TAIL = b'"instruction":"q1","cot_answer":"a1"}\n'
MB = 1 << 20


def keys(count: int, name: bytes) -> bytes:
    """Write a record with so many keys before those that are used."""
    return b"{" + b"".join(b'"%s%d":%d,' % (name, key, key) for key in range(count)) + TAIL


def deep(count: int, opening: bytes, closing: bytes, place: str) -> bytes:
    """Nest so many arrays or objects."""
    return PLACES[place] % (opening * count + closing * count) + b"\n"


def long(megabytes: int, place: str) -> bytes:
    """Write a text of so many megabytes."""
    return PLACES[place] % (b'"' + b"x" * (megabytes * MB) + b'"') + b"\n"


DEPTH = 5_000_000
WIDE = 64
LARGE = [
    Case("a key of 10 MB", lambda: b'{"' + b"k" * (10 * MB) + b'":1,' + TAIL, ONE),
    Case(
        "a key of 10 MB that is cut",
        lambda: b'{"' + b"k" * (10 * MB),
        Refused(CUT, 1, 10 * MB + 2),
    ),
    Case("300,000 keys", lambda: keys(300_000, b"key"), ONE),
    Case("300,000 keys that begin as those used", lambda: keys(300_000, b"instruction"), ONE),
    Case("a key 300,000 times", lambda: b"{" + b'"id":1,' * 300_000 + TAIL, ONE),
    *(
        Case(
            f"{DEPTH:,} {what}, {'closed' if closing else 'open'}, {place}",
            partial(deep, DEPTH, opening, closing, place),
            Refused(DEEP, 1, PLACES[place].index(b"%s") + 1023 * len(opening)),
        )
        for what, opening, end in (("arrays", b"[", b"]"), ("objects", b'{"":', b"}"))
        for closing in (b"", end)
        for place in PLACES
    ),
    *(
        Case(
            f"a text of {WIDE} MB, {place}",
            partial(long, WIDE, place),
            Rows((("x" * (WIDE * MB) if place == "used" else "i", "c"),)),
            megabytes=6 * WIDE,
        )
        for place in PLACES
    ),
    Case("64 MB of zeros", lambda: bytes(64 * MB), Refused(EXPECTED, 1, 0), megabytes=2 * WIDE),
    Case(
        "a blank line of 300 MB",
        lambda: GOOD + b" " * (300 * MB),
        Refused(TOO_LONG, 2, END + 1),
        megabytes=600,
        is_choice=True,
    ),
]
