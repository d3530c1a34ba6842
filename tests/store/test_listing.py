"""Lists: sorted, the same object while nothing changes, and again for a client that pages."""

import asyncio

import pytest

from k3py.base.virtual_loop import run
from k3py.store.errors import TooOld
from k3py.store.limits import Limits
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
        async with opened(limits=Limits(snapshots=2, snapshot_seconds=60)) as store:
            await store.create("pods", "a", "x", pod("x"))
            revision, first = store.snapshot("pods", None)
            await store.create("nodes", "", "n1", pod("n1"))
            assert store.list_at("pods", None, store.revision) is first, "it has not changed since"
            await store.create("pods", "a", "y", pod("y"))
            assert store.list_at("pods", None, revision) is first
            with pytest.raises(TooOld):
                store.list_at("pods", "a", revision)
            with pytest.raises(TooOld):
                store.list_at("pods", None, store.revision + 1)
            await asyncio.sleep(61)
            with pytest.raises(TooOld):
                store.list_at("pods", None, revision)

    run(story())


def test_few_snapshots_are_kept() -> None:
    async def story() -> None:
        async with opened(limits=Limits(snapshots=2)) as store:
            revisions = []
            for i in range(3):
                await store.create("pods", "a", f"p{i}", pod(f"p{i}"))
                revisions.append(store.snapshot("pods", None)[0])
            await store.create("pods", "a", "last", pod("last"))
            with pytest.raises(TooOld):
                store.list_at("pods", None, revisions[0])
            assert len(store.list_at("pods", None, revisions[1])) == 2
            assert len(store.list_at("pods", None, revisions[2])) == 3

    run(story())
