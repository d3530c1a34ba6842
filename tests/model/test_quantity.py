import contextlib
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model import quantity

CANONICAL = [
    ("1000m", "1"), ("0.5", "500m"), (0.5, "500m"), (2, "2"), ("1500m", "1500m"), ("1000", "1k"), (1000, "1k"),
    ("100000", "100k"), ("1024Ki", "1Mi"), ("1.5Gi", "1536Mi"), ("0.5Ki", "512"), ("1025", "1025"), ("0", "0"),
    ("0Ki", "0"), ("1e3", "1e3"), ("12e4", "120e3"), ("1E", "1E"), ("1E3", "1e3"), ("100n", "100n"), ("0.1n", "1n"),
    ("-1000m", "-1"), (".5", "500m"), ("5.", "5"), ("9223372036854775808", "9223372036854775807"), ("1e-3", "1e-3"),
    ("1024", "1024"), ("1000Ki", "1000Ki"), ("+1", "1"), ("1024Pi", "1Ei"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CANONICAL)
def test_one_text_per_value(text, expected):
    assert quantity.canonical(text) == expected
    assert quantity.canonical(expected) == expected


@pytest.mark.parametrize("text", ["", "x", "1 ", " 1", "1..2", "1Gi5x", "--1", ".", "1,5", "1" * 300, "\u0661", "1\n"])
def test_no_quantity(text):
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        quantity.parse(text)


@pytest.mark.parametrize("text", ["1mm", "1KiMi", "1i", "1K", "1e", "1+3"])
def test_a_suffix_nobody_knows(text):
    with pytest.raises(ValueError, match="unable to parse quantity's suffix"):
        quantity.parse(text)


def test_amounts_round_away_from_zero():
    assert quantity.milli("100u") == 1
    assert quantity.milli("250m") == 250
    assert quantity.milli(2) == 2000
    assert quantity.whole("1001m") == 2
    assert quantity.whole("1.5Gi") == 3 << 29
    assert quantity.whole("-1500m") == -2
    assert quantity.parse("0.25") == Fraction(1, 4)


def test_a_huge_exponent_is_the_greatest_value_and_costs_nothing():
    assert quantity.whole("1e99999999") == quantity.VALUE_MAX
    assert quantity.canonical("1e-99999999") == "1e-9"


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"[+-]?[0-9]{0,20}(\.[0-9]{0,12})?([numkKMGTPEi]{0,2}|[eE][+-]?[0-9]{1,4})", fullmatch=True))
def test_the_canonical_text_means_the_same(text):
    try:
        amount = quantity.parse(text)
    except ValueError:
        return
    again = quantity.canonical(text)
    assert quantity.canonical(again) == again
    if abs(amount) < 1024 or "i" not in text:
        assert quantity.parse(again) == amount
    else:
        assert quantity.parse(again) == quantity.whole(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_quantity_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        quantity.canonical(text)
