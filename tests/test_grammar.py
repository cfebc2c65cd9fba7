"""The JSON that is taken is that of RFC 8259: a row for every production, right and wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from corpora import Fault, converters, is_strict_object, one_outcome

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = {
    "zero": b"0",
    "minus zero": b"-0",
    "one digit": b"7",
    "many digits": b"1234567890",
    "negative": b"-12",
    "fraction": b"0.5",
    "fraction with zeros": b"10.00",
    "exponent": b"1e5",
    "exponent in upper case": b"1E5",
    "exponent with plus": b"1e+5",
    "exponent with minus": b"1E-05",
    "zero with an exponent": b"0e1",
    "fraction and exponent": b"-0.0e-0",
    "more than a double holds": b"1e400",
    "less than a double holds": b"-1e-4000",
    "5000 digits": b"9" * 5000,
    "5000 digits of a fraction": b"0." + b"3" * 5000,
    "64 digits": b"1" * 64,
    "true": b"true",
    "false": b"false",
    "null": b"null",
    "empty string": b'""',
    "string of a blank": b'" "',
    "string": b'"s"',
    "string of all escapes": b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041"',
    "hex digits in both cases": b'"\\u00fF\\uABCD\\uabcd\\u0123\\u4567\\u89Ef"',
    "string of raw UTF-8": '"äé€文😀\u2028\u2029\x85\x7f\ufeff\uffff"'.encode(),
    "string with what looks like JSON": b'"{[,:]}\\" true null 1e5"',
    "surrogate pair": b'"\\ud83d\\ude00"',
    "escaped NUL": b'"\\u0000"',
    "escaped noncharacters": b'"\\uffff\\ufdd0\\ud83f\\udffe"',
    "escaped backslash before a u": b'"\\\\ud800"',
    "empty array": b"[]",
    "empty array with blanks": b"[ \t\r ]",
    "array of one": b"[1]",
    "array of each type": b'[1,"s",true,false,null,[],{}]',
    "array with blanks": b'[ 1 ,\t2\r, "s" , true ,null ]',
    "nested arrays": b"[[[[[]]]],[[]]]",
    "empty object": b"{}",
    "empty object with blanks": b"{ \t\r }",
    "object of one": b'{"a":1}',
    "object of each type": b'{"a":1,"b":"s","c":true,"d":false,"e":null,"f":[],"g":{}}',
    "object with blanks": b'{ "a" :\t1 , "b"\r: 2 }',
    "empty key": b'{"":1}',
    "escaped key": b'{"\\u0061\\n":1}',
    "NUL and a pair in a key": b'{"a\\u0000\\ud83d\\ude00":1}',
    "raw UTF-8 in a key": '{"Полтора ☃ 😀":1}'.encode(),
    "doubled key": b'{"a":1,"a":2}',
    "doubled key and value": b'{"a":1,"a":1}',
    "nested names of used fields": b'{"instruction":1,"cot_answer":[{"cot_answer":2}]}',
    "objects in arrays in objects": b'{"a":[{"b":[{"c":{}}]}]}',
}

NOT_VALUES = {
    "nothing": b"",
    "leading zero": b"01",
    "two zeros": b"00",
    "leading zero, negative": b"-01",
    "lone minus": b"-",
    "two minuses": b"--1",
    "minus and a blank": b"- 1",
    "minus and a letter": b"-a",
    "minus and a word": b"-foo",
    "plus": b"+1",
    "no integer part": b".5",
    "no integer part, negative": b"-.5",
    "no fraction": b"1.",
    "no fraction before the exponent": b"1.e5",
    "two fractions": b"1.2.3",
    "no exponent": b"1e",
    "no exponent after its sign": b"1e+",
    "two signs in the exponent": b"1e+-1",
    "fraction in the exponent": b"1e1.5",
    "two exponents": b"1e1e1",
    "two letters of the exponent": b"1eE2",
    "letter in the exponent": b"1ea",
    "sign only in the exponent of zero": b"0E-",
    "fraction of a letter": b"1.a",
    "blank inside": b"1 000",
    "comma inside": b"1,000.0",
    "sum": b"1+2",
    "number and an array": b"3[4]",
    "number and a byte that is not UTF-8": b"1e5\xe5",
    "number and an at sign": b"2@",
    "hexadecimal": b"0x10",
    "octal": b"0o7",
    "underscore": b"1_000",
    "suffix": b"1n",
    "number and letter": b"1a",
    "number and minus": b"1-",
    "number and a minus inside": b"1-2",
    "number and control character": b"1\x00",
    "number and string": b'1"a"',
    "Arabic digits": "\u0663".encode(),
    "fullwidth digits": "\uff11".encode(),
    "NaN": b"NaN",
    "minus NaN": b"-NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "nan": b"nan",
    "inf": b"inf",
    "true in upper case": b"TRUE",
    "True": b"True",
    "None": b"None",
    "undefined": b"undefined",
    "true cut": b"tru",
    "false cut": b"fals",
    "null cut": b"nul",
    "one letter": b"t",
    "true and more": b"truee",
    "null and more": b"nullx",
    "null and a digit": b"null0",
    "true with a wrong letter": b"trux",
    "two literals": b"true false",
    "a word": b"word",
    "a word that is not ASCII": "å".encode(),
    "a literal and a byte that is not UTF-8": b"true\xe5",
    "a word between angle brackets": b"<null>",
    "an asterisk": b"*",
    "single quotes": b"'s'",
    "no closing quote": b'"s',
    "no opening quote": b's"',
    "only a quote": b'"',
    "typographic quotes": "“s”".encode(),
    "two strings": b'"a""b"',
    "string and a number": b'"a"1',
    "string and a literal": b'"a"true',
    "escape before the quotes": b'\\u0020"s"',
    "only a byte that is not UTF-8": b"\xe5",
    "two strings and a blank": b'"a" "b"',
    "raw control character": b'"\x01"',
    "raw tab": b'"\t"',
    "raw CR": b'"\r"',
    "unknown escape": b'"\\a"',
    "unknown escape that is not UTF-8": b'"\\\xe5"',
    "escape of no digits": b'"\\uqqqq"',
    "escaped quote that closes nothing": b'"\\\\\\"',
    "high surrogate, then a digit": b'"\\ud800\\u1"',
    "escaped blank": b'"\\ "',
    "backslash outside of a string": b'\\"s"',
    "three hex digits": b'"\\u123"',
    "no hex digits": b'"\\u"',
    "capital U": b'"\\U00000041"',
    "braced escape": b'"\\u{41}"',
    "lone high surrogate": b'"\\ud83d"',
    "lone low surrogate": b'"\\ude00"',
    "swapped pair": b'"\\ude00\\ud83d"',
    "surrogate as UTF-8": b'"\xed\xa0\x80"',
    "CESU-8": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "Latin-1": b'"\xe4"',
    "overlong": b'"\xc0\xaf"',
    "unclosed array": b"[",
    "unclosed array of one": b"[1",
    "unclosed array after a comma": b"[1,",
    "unopened array": b"]",
    "array with a trailing comma": b"[1,]",
    "array with a leading comma": b"[,1]",
    "array with two commas": b"[1,,2]",
    "array of a comma": b"[,]",
    "array without a comma": b"[1 2]",
    "array without a comma, strings": b'["a" "b"]',
    "array with a colon": b"[1:2]",
    "array with a pair": b'["a":1]',
    "array of a blank and a comma": b"[ , 1]",
    "array with several commas at its end": b'["x",,]',
    "array of an open string": b'["a]',
    "array with a comma behind": b"[1],",
    "two arrays": b"[][]",
    "array closed as an object": b"[1}",
    "array closed twice": b"[]]",
    "unclosed object": b"{",
    "unclosed object after its key": b'{"a"',
    "unclosed object after its colon": b'{"a":',
    "unclosed object after its value": b'{"a":1',
    "unclosed object after a comma": b'{"a":1,',
    "unopened object": b"}",
    "object with a trailing comma": b'{"a":1,}',
    "object with a leading comma": b'{,"a":1}',
    "object with two commas": b'{"a":1,,"b":2}',
    "object of a comma": b"{,}",
    "object of a colon": b"{:}",
    "object without a value": b'{"a"}',
    "object without a value after its colon": b'{"a":}',
    "object without a key": b"{:1}",
    "object without a colon": b'{"a" 1}',
    "object with two colons": b'{"a"::1}',
    "object with an equals sign": b'{"a"=1}',
    "object without a comma": b'{"a":1 "b":2}',
    "object with a semicolon": b'{"a":1;"b":2}',
    "object with several commas at its end": b'{"a":1,,,}',
    "object with a key only behind a comma": b'{"a":1,"b"}',
    "object with a string for the colon": b'{"a" "b"}',
    "object of an emoji": "{😀}".encode(),
    "object that opens an array": b"{[",
    "object of an open key": b'{"a',
    "object of a value": b"{1}",
    "number as a key": b"{1:2}",
    "literal as a key": b"{null:1}",
    "bare key": b"{a:1}",
    "key in single quotes": b"{'a':1}",
    "array as a key": b"{[]:1}",
    "object closed as an array": b'{"a":1]',
    "object closed twice": b"{}}",
    "two objects": b"{}{}",
    "comment": b"/*c*/1",
    "comment inside": b'{"a":/*c*/1}',
    "comment behind": b"1//c",
    "hash comment": b"1#c",
    "form feed before": b"\x0c1",
    "form feed behind": b"1\x0c",
    "vertical tab": b"\x0b1",
    "NUL": b"1\x00",
    "no-break space": b"\xc2\xa01",
    "word joiner": "\u20601".encode(),
    "ideographic space": b"\xe3\x80\x801",
    "line separator": b"\xe2\x80\xa81",
    "BOM": b"\xef\xbb\xbf1",
    "record separator": b"\x1e1",
    "DEL": b"\x7f1",
}

# Where a value stands in a record; in the last place it is followed by blanks.
PLACES = {
    "first": b'{"id":%s,"instruction":"i","cot_answer":"c"}',
    "between": b'{"instruction":"i","id":%s,"cot_answer":"c"}',
    "last": b'{"instruction":"i","cot_answer":"c","id": %s }',
    "in an array": b'{"instruction":"i","context":[0,%s,1],"cot_answer":"c"}',
    "in an object": b'{"instruction":"i","context":{"a":{"b":%s}},"cot_answer":"c"}',
    "overruled": b'{"instruction":%s,"cot_answer":"c","instruction":"i"}',
}
USED = b'{"instruction":%s,"cot_answer":"c"}'

LINES = {
    "object": b"{}",
    "object between blanks": b" \t\r{}\r \t",
    "object of one": b'{"a":1}',
    "BOM before the first record": b"\xef\xbb\xbf{}",
}

NOT_LINES = {
    "two objects": (b"{}{}", "trailing-data"),
    "two objects and a blank": (b"{} {}", "trailing-data"),
    "object and comma": (b"{},", "trailing-data"),
    "object and brace": (b"{}}", "trailing-data"),
    "object and bracket": (b"{}]", "trailing-data"),
    "object and text": (b"{}TRAILER", "trailing-data"),
    "object and comment": (b"{}//c", "trailing-data"),
    "object and NUL": (b"{}\0", "trailing-data"),
    "object and form feed": (b"{}\x0c", "trailing-data"),
    "array": (b"[]", "not-an-object"),
    "array of records": (b"[{}]", "not-an-object"),
    "string": (b'"{}"', "not-an-object"),
    "number": (b"1", "not-an-object"),
    "null": (b"null", "not-an-object"),
    "cut after the brace": (b"{", "cut-off"),
    "cut in the key": (b'{"a', "cut-off"),
    "cut after the key": (b'{"a"', "cut-off"),
    "cut after the colon": (b'{"a":', "cut-off"),
    "cut in the string": (b'{"a":"b', "cut-off"),
    "cut in an escape": (b'{"a":"\\', "cut-off"),
    "cut after the value": (b'{"a":"b"', "cut-off"),
    "cut after the comma": (b'{"a":"b",', "cut-off"),
    "cut in an array": (b'{"a":[1,', "cut-off"),
    "two BOMs": (b"\xef\xbb\xbf\xef\xbb\xbf{}", "syntax"),
    "BOM and blank line, then BOM": (b"\xef\xbb\xbf\n\xef\xbb\xbf{}", "syntax"),
    "BOM on the second line": (b"{}\n\xef\xbb\xbf{}", "syntax"),
    "UTF-16": ("{}".encode("utf-16-le"), "syntax"),
    "bare text": (b"id,question", "syntax"),
    "NaN": (b'{"a":NaN}', "not-a-number"),
    "minus Infinity": (b'{"a":[-Infinity]}', "not-a-number"),
    "Infinity": (b'{"a":Infinity}', "not-a-number"),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_table_agrees_with_the_standard_library(place: bytes) -> None:
    values = VALUES | NOT_VALUES
    assert {name for name in values if is_strict_object(place % values[name])} == set(VALUES)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_is_taken_wherever_it_stands(value: bytes, place: str) -> None:
    line = PLACES[place] % value
    rows = one_outcome(converters("completion", stop=""), line)
    assert rows == b'{"prompt":"i","completion":"c"}\n'
    assert one_outcome(converters("hf"), line) == line + b"\n"


@pytest.mark.parametrize("place", [*PLACES, "used"])
@pytest.mark.parametrize("value", NOT_VALUES.values(), ids=NOT_VALUES)
def test_what_is_no_value_is_rejected_wherever_it_stands(value: bytes, place: str) -> None:
    line = {**PLACES, "used": USED}[place] % value
    fault = one_outcome(converters("completion"), b"\n" + line)
    assert isinstance(fault, Fault)
    assert fault.kind != "wrong-type"
    assert fault.line == 2
    assert one_outcome(converters("hf"), b"\n" + line) == fault


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_in_a_used_field_is_judged_by_its_type(value: bytes) -> None:
    outcome = one_outcome(converters("completion", stop=""), USED % value)
    if value in (b'""', b"null"):
        assert outcome == b""
    elif value.startswith(b'"'):
        assert outcome == b'{"prompt":%s,"completion":"c"}\n' % value
    else:
        assert isinstance(outcome, Fault)
        assert outcome.kind == "wrong-type"


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_is_taken(line: bytes) -> None:
    record = line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")
    assert one_outcome(converters("hf"), line) == record + b"\n"


@pytest.mark.parametrize(("line", "kind"), NOT_LINES.values(), ids=NOT_LINES)
def test_a_line_is_rejected_for_what_it_is(line: bytes, kind: str) -> None:
    for ending in (b"", b"\n", b"\n{}\n"):
        fault = one_outcome(converters("hf"), line + ending)
        assert isinstance(fault, Fault)
        assert fault.kind == kind


def test_a_record_that_is_cut_anywhere_is_rejected() -> None:
    record = b'{"a":[1.5e-3,"\\ud83d\\ude00\xc3\xa4",true,null,{"b":{}}],"c":false}'
    for end in range(1, len(record)):
        fault = one_outcome(converters("hf"), b"{}\n" + record[:end])
        assert isinstance(fault, Fault)
        assert fault.line == 2
        assert fault.kind in ("cut-off", "invalid-utf8", "lone-surrogate"), record[:end]


def arrays(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize("nest", [arrays, objects])
@pytest.mark.parametrize("place", ["first", "between", "last", "overruled"])
def test_a_record_is_1024_deep_at_most(nest: Callable[[int], bytes], place: str) -> None:
    hf = converters("hf")
    for depth in (1, 63, 64, 65, 1000, 1022, 1023):  # one more with the record itself
        line = PLACES[place] % nest(depth)
        assert one_outcome(hf, line) == line + b"\n"
    for depth in (1024, 1025, 4096, 100_000):
        fault = one_outcome(hf, PLACES[place] % nest(depth))
        assert isinstance(fault, Fault)
        assert fault.kind == "too-deep"


def test_depth_that_is_never_closed_is_too_deep() -> None:
    fault = one_outcome(converters("hf"), b'{"a":' + b"[" * 1_000_000)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.offset) == ("too-deep", len(b'{"a":') + 1023)


def test_many_values_side_by_side_are_not_deep() -> None:
    line = b'{"a":[' + b",".join([b"[{}]"] * 5000) + b"]}"
    assert one_outcome(converters("hf"), line) == line + b"\n"
