"""The order of lists that several managers apply, and entries that stand twice."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.objects.apply.comparing import compare
from k3py.objects.apply.merging import merge_lists
from k3py.objects.apply.schema import schema_of

META = schema_of("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
SET = META.fields["finalizers"][1]


@pytest.mark.parametrize(
    ("live", "applied", "merged"),
    [
        ("abc", "bcd", "abcd"),
        ("abc", "ca", "bca"),
        ("abc", "xb", "axbc"),
        ("abc", "bxc", "abxc"),
        ("ab", "xy", "abxy"),
        ("abcd", "db", "acdb"),
        ("aab", "b", "aab"),
        ("aab", "ab", "ab"),
    ],
)
def test_applied_entries_keep_their_order_and_live_ones_their_place(live: str, applied: str, merged: str) -> None:
    assert "".join(merge_lists(list(live), list(applied), SET)) == merged


_ENTRIES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@settings(max_examples=200)
@given(_ENTRIES, _ENTRIES)
def test_a_merged_list_has_everything_once_in_both_orders(live: Sequence[str], applied: Sequence[str]) -> None:
    merged = merge_lists(list(live), list(applied), SET)
    assert sorted(merged) == sorted({*live, *applied})
    assert [entry for entry in merged if entry in applied] == list(applied)
    assert [entry for entry in merged if entry not in applied] == [entry for entry in live if entry not in applied]
    assert merge_lists(merged, list(applied), SET) == merged


@pytest.mark.parametrize(
    ("old", "new", "changed", "removed"),
    [
        ("aa", "aa", [], []),
        ("a", "aa", ['v:"a"'], ['v:"a"']),
        ("aa", "a", ['v:"a"'], ['v:"a"']),
        ("aa", "b", ['v:"b"'], ['v:"a"']),
        ("b", "aab", ['v:"a"'], []),
    ],
)
def test_entries_that_stand_twice_are_one_value(old: str, new: str, changed: list[str], removed: list[str]) -> None:
    made = compare({"finalizers": list(old)}, {"finalizers": list(new)}, META)
    assert sorted(made.changed.get("f:finalizers", {})) == changed
    assert sorted(made.removed.get("f:finalizers", {})) == removed
