"""Warnings on their way to a client."""

from hypothesis import given
from hypothesis import strategies as st

from k3py.api.http.messages import header_lines
from k3py.api.warning_headers import CUT_TO, TOTAL_MAX, warning_headers


def test_each_is_said_once_in_order_and_quoted() -> None:
    assert warning_headers(["b", 'a "c" \\', "b", "", "\n"]) == [
        ("Warning", '299 - "b"'),
        ("Warning", '299 - "a \\"c\\" \\\\"'),
    ]


def test_many_are_cut_and_then_left_out() -> None:
    assert [len(text) for _, text in warning_headers(["x" * TOTAL_MAX])] == [TOTAL_MAX + len('299 - ""')]
    cut = warning_headers(f"{number:03}" + "x" * CUT_TO for number in range(100))
    assert len(cut) == TOTAL_MAX // CUT_TO
    assert {len(text) for _, text in cut} == {CUT_TO + len('299 - ""')}


@given(st.lists(st.text(max_size=30)))
def test_any_warning_can_be_sent(warnings: list[str]) -> None:
    header_lines(warning_headers(warnings))
