"""What is said of texts that are no JSON."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k3py.objects.json_syntax import DEPTH_MAX, ENDED_EARLY, syntax_error

WRONG = [
    ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
    ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
    ("[1,]", "invalid character ']' looking for beginning of value"),
    ("apiVersion: v1", "invalid character 'a' looking for beginning of value"),
    ('{"a" 1}', "invalid character '1' after object key"),
    ('{"a":1 2}', "invalid character '2' after object key:value pair"),
    ("[1 2]", "invalid character '2' after array element"),
    ("{} x", "invalid character 'x' after top-level value"),
    ("01", "invalid character '1' after top-level value"),
    ('"\n"', "invalid character '\\n' in string literal"),
    ('"\x01"', "invalid character '\\x01' in string literal"),
    ('"\\x"', "invalid character 'x' in string escape code"),
    ('"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
    ("nulx", "invalid character 'x' in literal null (expecting 'l')"),
    ("-x", "invalid character 'x' in numeric literal"),
    ("1.x", "invalid character 'x' after decimal point in numeric literal"),
    ("1e+x", "invalid character 'x' in exponent of numeric literal"),
    ("'", r"invalid character '\'' looking for beginning of value"),
    ("\\", r"invalid character '\\' looking for beginning of value"),
    ('{"a":""""}', "invalid character '\"' after object key:value pair"),
    ("", ENDED_EARLY),
    ("{", ENDED_EARLY),
    ('{"a', ENDED_EARLY),
    ("tru", ENDED_EARLY),
    ("1.", ENDED_EARLY),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_words(text, said):
    assert syntax_error(text.encode()) == said


def test_a_byte_that_is_no_text():
    assert syntax_error(b"\xff") == "invalid character 'ÿ' looking for beginning of value"


def test_the_deepest_value_that_go_reads():
    assert syntax_error(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX) == ""
    assert syntax_error(b"[" * (DEPTH_MAX + 1)) == "exceeded max depth"


def refuse(text):
    raise ValueError(text)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from([*'{}[]:,"-+0159eE.\\u \n', "true", "null", '"a"', "ä", '{"b":', "\\n"]), max_size=12))
@example(['{"b":', "true", "}"])
def test_it_agrees_with_pythons_reader(pieces):
    text = "".join(pieces)
    try:
        json.loads(text, parse_constant=refuse)
        is_json = True
    except ValueError:
        is_json = False
    assert (syntax_error(text.encode()) == "") is is_json


@given(st.binary(max_size=40))
def test_any_bytes_get_an_answer(data):
    assert isinstance(syntax_error(data), str)
