"""Lists: sorted, the same object while nothing changes, and again for a client that pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.base.virtual_loop import run
from k3py.store.collections import Collection
from k3py.store.errors import TooOld
from k3py.store.history import listing_before
from k3py.store.limits import Limits
from k3py.store.listing import Listing
from k3py.store.memory_log import MemoryLog, MemoryMedium
from k3py.store.records import Change, ChangeType, Header, Record
from k3py.store.shelf import CHANGED_MAX
from tests.store.helpers import opened, pod, tombstone


def test_a_listing_is_sorted_by_namespace_and_name_whatever_happened() -> None:
    async def story() -> None:
        async with opened() as store:
            for namespace, name in (("b", "z"), ("a", "y"), ("b", "a"), ("a", "x"), ("ab", "m")):
                await store.create("pods", namespace, name, pod(name))
            assert [(r.namespace, r.name) for r in store.list("pods", None)] == [
                ("a", "x"),
                ("a", "y"),
                ("ab", "m"),
                ("b", "a"),
                ("b", "z"),
            ]
            gone = store.list("pods", "b")[0]
            await store.delete("pods", "b", "a", gone.revision, tombstone(gone))
            await store.create("pods", "b", "b", pod("b"))
            assert [r.name for r in store.list("pods", "b")] == ["b", "z"]
            assert store.list("pods", "nowhere") == ()

    run(story())


@pytest.mark.parametrize("count", [CHANGED_MAX, CHANGED_MAX + 1])
def test_what_changed_since_a_listing_is_remembered_up_to_a_bound(count: int) -> None:
    async def story() -> None:
        async with opened() as store:
            await store.create("pods", "a", "first", pod("first"))
            before = {namespace: store.list("pods", namespace) for namespace in (None, "a", "b")}
            for number in range(count):
                await store.create("pods", "b", f"{number:04d}", pod(f"{number:04d}"))
            wanted = [("a", "first"), *(("b", f"{number:04d}") for number in range(count))]
            for namespace, old in before.items():
                found = [(each.namespace, each.name) for each in store.list("pods", namespace)]
                assert found == [key for key in wanted if namespace in (None, key[0])]
                assert len(old) == (0 if namespace == "b" else 1)

    run(story())


def test_the_same_object_is_handed_out_until_something_in_it_changes() -> None:
    async def story() -> None:
        async with opened() as store:
            await store.create("pods", "a", "x", pod("x"))
            last = await store.create("pods", "b", "x", pod("x"))
            everything, a, b = (store.list("pods", namespace) for namespace in (None, "a", "b"))
            everything.cached = b"rendered"
            await store.create("nodes", "", "n1", pod("n1"))
            assert store.list("pods", None) is everything
            assert everything.revision == last.revision < store.revision
            await store.create("pods", "b", "y", pod("y"))
            assert store.list("pods", "a") is a
            assert store.list("pods", "b") is not b
            assert store.list("pods", None).cached is None

    run(story())


def test_a_client_that_pages_gets_the_listing_of_its_first_page() -> None:
    async def story() -> None:
        async with opened() as store:
            await store.create("pods", "a", "x", pod("x"))
            revision, first = store.snapshot("pods", None)
            await store.create("nodes", "", "n1", pod("n1"))
            assert store.list_at("pods", None, store.revision) is first, "it has not changed since"
            await store.create("pods", "a", "y", pod("y"))
            assert store.list_at("pods", None, revision) is first
            assert store.list_at("pods", "a", revision) == first, "also of a namespace that was not asked for"
            with pytest.raises(TooOld):
                store.list_at("pods", None, store.revision + 1)

    run(story())


def test_a_listing_of_any_revision_that_the_ring_reaches_can_be_told() -> None:
    async def story() -> None:
        async with opened() as store:
            one = await store.create("pods", "a", "x", pod("x"))
            two = await store.replace("pods", "a", "x", one.revision, pod("x", {"color": "red"}))
            other = await store.create("pods", "b", "y", pod("y"))
            gone = await store.delete("pods", "a", "x", two.revision, tombstone(two))
            await store.create("pods", "a", "x", pod("x"))
            assert store.list_at("pods", None, one.revision) == (one,)
            assert store.list_at("pods", None, two.revision) == (two,)
            assert store.list_at("pods", None, other.revision) == (two, other)
            assert store.list_at("pods", "a", other.revision) == (two,)
            assert store.list_at("pods", None, gone.revision) == (other,)
            assert store.list_at("pods", None, gone.revision) is store.list_at("pods", None, gone.revision)
            assert store.list_at("pods", None, one.revision - 1) == ()

    run(story())


def test_a_listing_before_what_the_ring_keeps_is_too_old_and_forgotten() -> None:
    async def story() -> None:
        async with opened(None, Collection("pods", ring_entries=5, tail_entries=5)) as store:
            await store.create("pods", "a", "first", pod("first"))
            revision, first = store.snapshot("pods", None)
            record = await store.create("pods", "a", "x", pod("x"))
            for _ in range(4):
                record = await store.replace("pods", "a", "x", record.revision, pod("x"))
            assert store.list_at("pods", None, revision) is first
            await store.replace("pods", "a", "x", record.revision, pod("x"))
            with pytest.raises(TooOld):
                store.list_at("pods", None, revision)
            assert len(store._snapshots) == 0, "nothing holds the old objects any more"

    run(story())


def test_few_snapshots_are_kept_and_the_others_made_anew() -> None:
    async def story() -> None:
        async with opened(limits=Limits(snapshots=2)) as store:
            kept = []
            for i in range(3):
                await store.create("pods", "a", f"p{i}", pod(f"p{i}"))
                kept.append(store.snapshot("pods", None))
            await store.create("pods", "a", "last", pod("last"))
            assert len(store._snapshots) == 2
            revision, listing = kept[0]
            assert store.list_at("pods", None, revision) is not listing
            assert store.list_at("pods", None, revision) == listing
            assert len(store._snapshots) == 2

    run(story())


def test_a_restarted_store_tells_old_listings_where_it_knows_them() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium)) as store:
            one = await store.create("pods", "a", "x", pod("x"))
            await store.replace("pods", "a", "x", one.revision, pod("x", {"color": "red"}))
        async with opened(MemoryLog(medium)) as store:
            found = store.list_at("pods", None, one.revision)
            assert [(each.revision, each.raw) for each in found] == [(one.revision, one.raw)]

    run(story())


def test_what_was_before_and_is_not_known_is_too_old() -> None:
    record = Record("pods", "a", "x", 7, "uid", b"{}")
    change = Change(ChangeType.MODIFIED, record, Header(3, (), ()))
    with pytest.raises(TooOld):
        listing_before(Listing([record]), [change])


KEYS = st.tuples(st.sampled_from(["a", "a-b", "b"]), st.sampled_from(["x", "y", "z"]))


@given(st.lists(KEYS, max_size=30), st.sampled_from([None, "a", "b"]))
def test_taking_changes_back_is_what_was_there(touched: list[tuple[str, str]], namespace: str | None) -> None:
    """Each key that is touched is created, changed or deleted in turn; every state on the way is told again."""
    now: dict[tuple[str, str], Record] = {}
    states, changes = [Listing()], list[Change]()
    for number, (home, name) in enumerate(touched):
        before = now.get((home, name))
        record = Record("pods", home, name, number + 1, "", b"")
        if before is not None and number % 3 == 0:
            del now[home, name]
            changes.append(Change(ChangeType.DELETED, record, before))
        else:
            now[home, name] = record
            changes.append(Change(ChangeType.MODIFIED if before else ChangeType.ADDED, record, before))
        states.append(Listing(now[key] for key in sorted(now)))
    in_it = [each for each in states[-1] if namespace in (None, each.namespace)]
    for number, state in enumerate(states[:-1]):
        later = [each for each in changes[number:] if namespace in (None, each.record.namespace)]
        wanted = [each for each in state if namespace in (None, each.namespace)]
        assert list(listing_before(Listing(in_it), later)) == wanted
