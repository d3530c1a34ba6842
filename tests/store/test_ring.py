"""The ring against the simplest thing that could do its work: a list that forgets nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.store.errors import TooOld
from k3py.store.records import Change, ChangeType, Record
from k3py.store.ring import CHANGE_OVERHEAD_BYTES, Ring


def change(revision: int, size: int = 10) -> Change:
    return Change(ChangeType.ADDED, Record("pods", "x", "p", revision, "u", b"x" * size), None)


@given(
    gaps=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3_000)), max_size=60),
    entries_max=st.integers(1, 10),
    bytes_max=st.integers(1, 12_000),
)
def test_what_it_gives_is_complete_and_what_it_cannot_complete_it_refuses(
    gaps: list[tuple[int, int]], entries_max: int, bytes_max: int
) -> None:
    ring, everything, revision = Ring(entries_max, bytes_max), list[Change](), 0
    for gap, size in gaps:
        revision += gap
        everything.append(change(revision, size))
        ring.append(everything[-1])
        assert len(ring) <= entries_max
        assert ring.size_bytes <= bytes_max
    for since in range(revision + 2):
        expected = [c for c in everything if c.revision > since]
        if len(expected) <= len(ring):
            assert list(ring.since(since)) == expected
        else:
            with pytest.raises(TooOld):
                ring.since(since)


def test_one_change_that_is_larger_than_the_ring_is_not_kept_but_known_to_be_missing() -> None:
    ring = Ring(10, 1_000)
    ring.append(change(5, 100))
    ring.append(change(6, 2_000))
    assert len(ring) == 0
    assert ring.size_bytes == 0
    assert ring.floor == 6
    assert ring.since(6) == []


def test_it_is_full_exactly_at_its_bounds() -> None:
    ring = Ring(10, 3 * (CHANGE_OVERHEAD_BYTES + 10))
    for revision in range(1, 4):
        ring.append(change(revision))
    assert (len(ring), ring.floor) == (3, 0)
    ring.append(change(4))
    assert (len(ring), ring.floor) == (3, 1)


@given(
    writes=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 900)), max_size=60),
    entries_max=st.integers(1, 10),
    bytes_max=st.integers(1, 9_000),
)
def test_each_record_it_holds_is_reckoned_once_those_before_a_change_too(
    writes: list[tuple[str, int]], entries_max: int, bytes_max: int
) -> None:
    ring, last = Ring(entries_max, bytes_max), dict[str, Record]()
    for number, (name, size) in enumerate(writes):
        record = Record("pods", "x", name, number + 1, "u", b"x" * size)
        ring.append(Change(ChangeType.MODIFIED, record, last.get(name)))
        last[name] = record
        kept = ring.since(ring.floor)
        held = {each.record for each in kept} | {each.previous for each in kept if isinstance(each.previous, Record)}
        assert ring.size_bytes == len(kept) * CHANGE_OVERHEAD_BYTES + sum(len(each.raw) for each in held)
        assert ring.size_bytes <= bytes_max
        assert len(kept) <= entries_max
