"""Watching: nothing is missed, nothing comes twice, and a listener's trouble is its own."""

import asyncio
from collections.abc import Sequence

import pytest

from k3py.base.virtual_loop import run
from k3py.store.collections import Collection
from k3py.store.errors import TooOld
from k3py.store.records import Change, Changes
from k3py.store.watches import Watch
from tests.store.helpers import Heard, opened, pod, tombstone


def test_a_watch_hears_each_batch_once_and_the_same_object_goes_to_all() -> None:
    async def story() -> None:
        async with opened() as store:
            seen: list[Sequence[Change]] = []
            heard, blue = Heard(), Heard()
            store.watch("pods", None, None, heard)
            store.watch("pods", None, None, seen.append)
            store.watch("pods", None, None, seen.append)
            store.watch("pods", "blue", None, blue)
            await asyncio.gather(
                *(store.create("pods", ns, f"p{i}", pod(f"p{i}")) for ns in ("red", "blue") for i in range(3))
            )
            assert heard.batches == [6]
            assert blue.batches == [3]
            assert seen[0] is seen[1]
            assert isinstance(seen[0], Changes)
            assert seen[0].joined() is seen[0].joined()
            assert seen[0].joined() == b"".join(c.frame() for c in heard.changes)
            assert heard.changes[0].frame() == b'{"type":"ADDED","object":' + heard.changes[0].record.raw + b"}\n"

    run(story())


def test_a_change_tells_what_was_before_so_that_a_selector_sees_entering_and_leaving() -> None:
    async def story() -> None:
        async with opened() as store:
            heard = Heard()
            store.watch("pods", None, None, heard)
            one = await store.create("pods", "x", "web", pod("web", {"color": "red"}))
            two = await store.replace("pods", "x", "web", one.revision, pod("web", {"color": "blue"}))
            await store.delete("pods", "x", "web", two.revision, tombstone(two))
            before = [c.previous and c.previous.labels for c in heard.changes]
            assert before == [None, (("color", "red"),), (("color", "blue"),)]
            last = heard.changes[-1].record
            assert last.raw == two.raw.replace(b"%d" % two.revision, b"%d" % last.revision)

    run(story())


def test_a_watch_resumes_where_it_was_and_too_far_back_is_refused() -> None:
    async def story() -> None:
        async with opened(None, Collection("pods", ring_entries=5, tail_entries=5)) as store:
            records = [await store.create("pods", "x", f"p{i}", pod(f"p{i}")) for i in range(20)]
            store.watch("pods", None, records[14].revision, heard := Heard())
            assert [name for _, name, _ in heard] == [r.name for r in records[15:]]
            assert heard.batches == [5]
            with pytest.raises(TooOld):
                store.watch("pods", None, records[13].revision, Heard())
            store.watch("pods", None, records[-1].revision, nothing := Heard())
            assert nothing.batches == []

    run(story())


def test_a_watch_from_the_future_waits_for_it() -> None:
    async def story() -> None:
        async with opened() as store:
            store.watch("pods", None, store.revision + 2, heard := Heard())
            for i in range(4):
                await store.create("pods", "x", f"p{i}", pod(f"p{i}"))
            assert [name for _, name, _ in heard] == ["p2", "p3"]

    run(story())


def test_a_closed_watch_hears_nothing_more_also_within_the_batch() -> None:
    async def story() -> None:
        async with opened() as store:
            heard, watches = Heard(), list[Watch]()
            store.watch("pods", None, None, lambda changes: [watch.close() for watch in watches])
            watches.append(store.watch("pods", None, None, heard))
            await store.create("pods", "x", "a", pod("a"))
            assert heard == []
            watches[0].close()

    run(story())


def test_a_listener_that_fails_is_closed_and_harms_nobody() -> None:
    async def story() -> None:
        async with opened() as store:
            heard = Heard()

            def fails(changes: Sequence[Change]) -> None:
                raise RuntimeError("listener")

            bad = store.watch("pods", None, None, fails)
            store.watch("pods", None, None, heard)
            await store.create("pods", "x", "a", pod("a"))
            await store.create("pods", "x", "b", pod("b"))
            assert [name for _, name, _ in heard] == ["a", "b"]
            assert not bad.is_open

    run(story())


def test_a_watch_that_begins_while_a_batch_is_told_hears_it_once() -> None:
    """One batch changes pods and nodes; the pods' listener begins to watch nodes, which have changed already."""

    async def story() -> None:
        async with opened() as store:
            start, nodes, later = store.revision, Heard(), Heard()

            def begin(changes: Sequence[Change]) -> None:
                if not nodes:
                    store.watch("nodes", None, start, nodes)
                    store.watch("nodes", None, None, later)

            store.watch("pods", None, None, begin)
            await asyncio.gather(
                store.create("pods", "x", "a", pod("a")),
                store.create("nodes", "", "n", pod("n")),
            )
            assert [name for _, name, _ in nodes] == ["n"]
            assert later == []

    run(story())


def test_volatile_changes_are_heard_in_order_with_the_durable_ones() -> None:
    async def story() -> None:
        async with opened() as store:
            store.watch("leases", None, None, heard := Heard())
            await asyncio.gather(
                store.create("leases", "kube-node-lease", "n1", pod("n1")),
                store.create("leases", "kube-system", "leader", pod("leader")),
                store.create("leases", "kube-node-lease", "n2", pod("n2")),
            )
            assert [name for _, name, _ in heard] == ["n1", "leader", "n2"]
            assert heard.changes[-1].revision == store.revision

    run(story())


def test_frames_are_not_kept_when_they_have_been_told() -> None:
    async def story() -> None:
        async with opened() as store:
            store.watch("pods", None, None, lambda changes: [change.frame() for change in changes] and None)
            store.watch("pods", None, None, heard := Heard())
            await store.create("pods", "x", "a", pod("a"))
            assert heard.changes[0]._frame is None

    run(story())
