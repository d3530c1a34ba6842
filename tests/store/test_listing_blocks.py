"""A listing is what a sorted list would be, and shares with the one before it all blocks but those that changed."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.store.listing import BLOCK_RECORDS, Key, Listing, key_of
from k3py.store.records import Record


def record(namespace: str, name: str, revision: int = 1) -> Record:
    return Record("pods", namespace, name, revision, f"uid-{name}", b"{}")


def many(count: int) -> list[Record]:
    return [record("n", f"{number:06d}") for number in range(count)]


step = st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.booleans())


@given(st.integers(0, 1200), st.lists(st.lists(step, max_size=8), max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_changes_make_of_it_what_they_make_of_a_sorted_list(
    count: int, rounds: Sequence[Sequence[tuple[str, int, bool]]], source: random.Random
) -> None:
    model = {key_of(each): each for each in many(count)}
    listing = Listing(model.values(), 1)
    for revision, steps in enumerate(rounds, 2):
        changes: dict[Key, Record | None] = {}
        for namespace, number, gone in steps:
            name = f"{number * 31:06d}"
            changes[namespace if number % 3 else "n", name] = None if gone else record(namespace, name, revision)
        changes = {key: each and record(*key, revision) for key, each in changes.items()}
        before = list(listing)
        later = listing.changed(changes, revision)
        assert list(listing) == before
        model = {key: each for key, each in (model | changes).items() if each is not None}
        listing, wanted = later, [model[key] for key in sorted(model)]
        assert list(listing) == wanted
        assert (len(listing), listing.revision, listing.cached) == (len(wanted), revision, None)
        assert listing == wanted
        for _ in range(5):
            start, stop = source.randint(-3, len(wanted) + 3), source.randint(-3, len(wanted) + 3)
            assert list(listing[start:stop]) == wanted[start:stop]
            if -len(wanted) <= start < len(wanted):
                assert listing[start] is wanted[start]


def test_a_change_makes_one_block_anew() -> None:
    listing = Listing(many(BLOCK_RECORDS * 20))
    changed = listing.changed({("n", "000700"): record("n", "000700", 2)}, 2)
    assert sum(one is not other for one, other in zip(listing._blocks, changed._blocks, strict=True)) == 1


def test_blocks_that_grow_are_cut_and_empty_ones_go() -> None:
    listing = Listing()
    for each in many(BLOCK_RECORDS * 2 - 1):
        listing = listing.changed({key_of(each): each}, 1)
    assert len(listing._blocks) == 1
    last = record("n", "999999")
    listing = listing.changed({key_of(last): last}, 1)
    assert list(map(len, listing._blocks)) == [BLOCK_RECORDS, BLOCK_RECORDS]
    listing = listing.changed(dict.fromkeys(map(key_of, listing[:BLOCK_RECORDS])), 2)
    assert list(map(len, listing._blocks)) == [BLOCK_RECORDS]
    listing = listing.changed(dict.fromkeys(map(key_of, listing)), 3)
    assert (len(listing), list(listing), listing._blocks) == (0, [], [])


def test_a_place_that_is_not_there_is_refused() -> None:
    listing = Listing(many(3))
    assert listing[-1].name == "000002"
    for index in (3, -4):
        with pytest.raises(IndexError):
            listing[index]
    assert list(listing[::2]) == [listing[0], listing[2]]
