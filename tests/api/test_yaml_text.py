"""YAML as kube-apiserver writes it."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.yaml_text import dumped, is_read_otherwise, ordered

TEXTS = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def test_a_refusal_as_clients_know_it() -> None:
    said = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "nope" not found',
        "details": {"name": "nope", "kind": "configmaps"},
        "code": 404,
    }
    assert dumped(said).decode() == (
        "apiVersion: v1\ncode: 404\ndetails:\n  kind: configmaps\n  name: nope\nkind: Status\n"
        'message: configmaps "nope" not found\nmetadata: {}\nstatus: Failure\n'
    )


@pytest.mark.parametrize(
    "text",
    ["", "~", "null", "True", "no", "y", "OFF", "48", "+5", "1_000", "0x1f", "0b1", "08", "1e3", ".5", "-.inf", "1:30",
     "2026-11-23T02:02:32Z", "2026-11-23", "2026-11-23 02:02:32.5"],
)  # fmt: skip
def test_what_would_be_read_as_something_else_is_quoted(text: str) -> None:
    assert is_read_otherwise(text)
    assert dumped([text]).decode() == f'- "{text}"\n'


@pytest.mark.parametrize("text", ["a", "yesterday", "1.2.3.4", "10.0.0.0/8", "v1", "1Gi", "80%", "0xyz", "2026-x"])
def test_what_is_read_as_a_string_is_not(text: str) -> None:
    assert dumped([text]).decode() == f"- {text}\n"


def test_other_strings_that_need_quotes_have_single_ones() -> None:
    assert dumped({"a": "- b", "c": "d: e", "f": "*"}).decode() == "a: '- b'\nc: 'd: e'\nf: '*'\n"


def test_several_lines_are_a_block() -> None:
    assert dumped({"a": "b\nc\n", "d": "e\nf"}).decode() == "a: |\n  b\n  c\nd: |-\n  e\n  f\n"


def test_numbers_in_keys_count_by_their_value_and_letters_come_last() -> None:
    assert ordered(["a10", "a2", "ab", "a.b", "a", "B", "{", "a02"]) == ["{", "B", "a", "a.b", "a2", "a02", "a10", "ab"]
    assert ordered(["f:b", "x10y", "x1y", ".", "x100y"]) == [".", "f:b", "x1y", "x10y", "x100y"]


@given(VALUES)
def test_it_can_be_read_back(value: object) -> None:
    assert yaml.safe_load(dumped(value)) == value
