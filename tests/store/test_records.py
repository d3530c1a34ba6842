"""Small things about records."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.store import records
from k3py.store.collections import Collection
from k3py.store.records import intern_labels, restamped, share


def test_equal_label_sets_share_one_tuple_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    one = intern_labels({"b": "2", "a": "1"})
    assert one == (("a", "1"), ("b", "2"))
    assert intern_labels({"a": "1", "b": "2"}) is one
    assert intern_labels({}) == ()
    monkeypatch.setattr(records, "INTERNED_LABEL_SETS_MAX", 3)
    monkeypatch.setattr(records, "_interned", {})
    for i in range(10):
        intern_labels({"i": str(i)})
        assert len(records._interned) <= 3


def test_equal_texts_are_one_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SHARED_TEXTS_MAX", 3)
    monkeypatch.setattr(records, "_shared", {})
    first = share("".join(["node", "-1"]))
    assert share("".join(["node", "-1"])) is first
    for i in range(10):
        share(f"node-{i}")
        assert len(records._shared) <= 3


@given(
    body=st.dictionaries(st.text(st.characters(blacklist_categories=("Cs",)), max_size=5), st.integers(-9, 9)),
    revision=st.integers(1, 2**63),
)
def test_a_tombstone_is_the_object_with_another_resource_version(body: dict[str, object], revision: int) -> None:
    body["metadata"] = {"name": "x", "resourceVersion": "1"}
    again = orjson.loads(restamped(orjson.dumps(body), revision))
    assert again == {**body, "metadata": {"name": "x", "resourceVersion": str(revision)}}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"7"])
def test_what_is_no_object_has_no_tombstone(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the JSON library's own words
        restamped(raw, 7)


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"name": "/pods"},
        {"name": "pods", "tail_entries": 0},
        {"name": "pods", "ring_entries": 5, "tail_entries": 6},
        {"name": "pods", "ring_bytes": 0},
        {"name": "pods", "ttl_seconds": 0.0},
    ],
)
def test_a_collection_with_impossible_bounds_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot"):
        Collection(**bad)  # type: ignore[arg-type]
