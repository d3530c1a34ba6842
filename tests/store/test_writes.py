"""Writing: who is refused and when, what is seen when, and what goes into the log together."""

import asyncio

import pytest

from k3py.base.clock import SystemClock
from k3py.base.virtual_loop import run
from k3py.store.errors import (
    AlreadyExistsInStore,
    NotOpen,
    Overloaded,
    Stale,
    UnknownCollection,
)
from k3py.store.keys import change_key
from k3py.store.limits import Limits
from k3py.store.memory_log import MemoryLog
from k3py.store.records import Record
from k3py.store.store import Store
from k3py.store.writes import Create, Delete, Replace
from tests.store.helpers import PODS, GatedLog, Heard, opened, pod, tombstone, turns


def test_a_record_is_created_replaced_and_deleted() -> None:
    async def story() -> None:
        async with opened() as store:
            created = await store.create("pods", "default", "web", pod("web", {"app": "web"}))
            assert store.get("pods", "default", "web") is created
            assert (created.uid, created.labels, created.fields) == ("uid-web", (("app", "web"),), ("node-1",))
            assert b'"resourceVersion":"%d"' % created.revision in created.raw
            replaced = await store.replace("pods", "default", "web", created.revision, pod("web", step=2))
            assert replaced.revision == created.revision + 1 == store.revision
            deleted = await store.delete("pods", "default", "web", replaced.revision, tombstone(replaced))
            assert deleted.revision == store.revision
            assert store.get("pods", "default", "web") is None
            assert len(store.list("pods", None)) == 0

    run(story())


def test_what_is_not_as_expected_is_refused_and_changes_nothing() -> None:
    async def story() -> None:
        async with opened() as store:
            first = await store.create("pods", "default", "web", pod("web"))
            second = await store.replace("pods", "default", "web", first.revision, pod("web"))
            with pytest.raises(AlreadyExistsInStore) as taken:
                await store.create("pods", "default", "web", pod("web"))
            assert taken.value.revision == second.revision
            with pytest.raises(Stale) as stale:
                await store.replace("pods", "default", "web", first.revision, pod("web"))
            assert stale.value.revision == second.revision
            with pytest.raises(Stale, match="gone"):
                await store.delete("pods", "default", "other", 7, lambda revision: b"{}")
            with pytest.raises(UnknownCollection):
                await store.create("gnus", "default", "web", pod("web"))
            assert store.revision == second.revision

    run(story())


@pytest.mark.parametrize(("namespace", "name"), [("default", ""), ("default", "a/b"), ("a/b", "c")])
def test_a_key_that_would_be_another_objects_is_refused(namespace: str, name: str) -> None:
    async def story() -> None:
        async with opened() as store:
            with pytest.raises(ValueError, match="a name has no slash"):
                await store.create("pods", namespace, name, pod(name))

    run(story())


def test_nothing_is_seen_before_it_is_durable_but_writers_decide_on_it() -> None:
    async def story() -> None:
        log, heard = GatedLog(), Heard()
        async with opened(log) as store:
            before = store.revision
            store.watch("pods", None, None, heard)
            log.gate.clear()
            writing = asyncio.ensure_future(store.create("pods", "default", "web", pod("web")))
            await turns()
            assert not writing.done()
            assert store.get("pods", "default", "web") is None
            assert store.list("pods", None) == ()
            assert store.revision == before
            assert heard == []
            pending = store.latest("pods", "default", "web")
            assert pending is not None
            assert list(store.list_latest("pods", None)) == list(store.list_latest("pods", "default")) == [pending]
            assert list(store.list_latest("pods", "elsewhere")) == []
            log.gate.set()
            assert await writing is pending is store.get("pods", "default", "web")
            assert heard == [("ADDED", "web", pending.revision)]

    run(story())


def test_one_batch_is_in_flight_while_the_next_collects() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log) as store:
            log.batches.clear()
            log.gate.clear()
            writers = [asyncio.ensure_future(store.create("pods", "default", f"p{i}", pod(f"p{i}"))) for i in range(3)]
            await turns()
            writers += [asyncio.ensure_future(store.create("pods", "default", f"q{i}", pod(f"q{i}"))) for i in range(4)]
            await turns()
            log.gate.set()
            records = await asyncio.gather(*writers)
            assert [sequence for _, sequence in log.batches] == [records[2].revision, records[6].revision]
            assert [r.revision for r in records] == list(range(records[0].revision, records[0].revision + 7))

    run(story())


def test_a_key_that_is_written_twice_in_a_batch_has_one_row_and_two_changes() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log) as store:
            first, second = await asyncio.gather(
                store.create("pods", "default", "web", pod("web", step=1)),
                store.replace("pods", "default", "web", store.revision + 1, pod("web", step=2)),
            )
            rows, sequence = log.batches[-1]
            assert sequence == second.revision
            assert b'"step":2' in (rows[b"/registry/pods/default/web"] or b"")
            assert change_key(first.revision) in rows
            assert b'"step":1' in (rows[change_key(second.revision)] or b""), "the displaced body travels along"

    run(story())


def test_a_refusal_because_of_a_pending_write_waits_until_that_is_durable() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log) as store:
            log.gate.clear()
            first = asyncio.ensure_future(store.create("pods", "default", "web", pod("web")))
            await turns()
            second = asyncio.ensure_future(store.create("pods", "default", "web", pod("web")))
            settled = asyncio.ensure_future(store.settled())
            await turns()
            assert not second.done()
            assert not settled.done()
            log.gate.set()
            await first
            with pytest.raises(AlreadyExistsInStore):
                await second
            await settled
            await store.settled()  # nothing waits: returns at once

    run(story())


def test_a_pending_deletion_is_seen_by_writers_over_several_batches() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log) as store:
            first = await store.create("pods", "default", "web", pod("web"))
            log.gate.clear()
            jobs = [asyncio.ensure_future(store.delete("pods", "default", "web", first.revision, tombstone(first)))]
            await turns()
            assert store.latest("pods", "default", "web") is None
            jobs.append(asyncio.ensure_future(store.create("pods", "default", "web", pod("web"))))
            await turns()
            again = store.latest("pods", "default", "web")
            assert again is not None
            jobs.append(asyncio.ensure_future(store.delete("pods", "default", "web", again.revision, tombstone(again))))
            await turns()
            log.gate.set()
            await jobs[0]
            assert store.latest("pods", "default", "web") is None
            await asyncio.gather(*jobs)
            assert store.get("pods", "default", "web") is None

    run(story())


def test_many_writes_are_decided_one_by_one_and_written_together() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log) as store:
            old = await store.create("pods", "default", "old", pod("old"))
            gone = await store.create("pods", "default", "gone", pod("gone"))
            count = len(log.batches)
            outcomes = await store.write_many(
                [
                    Create("pods", "default", "new", pod("new")),
                    Create("pods", "default", "new", pod("new")),
                    Replace("pods", "default", "old", old.revision, pod("old")),
                    Replace("pods", "default", "old", old.revision, pod("old")),
                    Delete("pods", "default", "gone", gone.revision, tombstone(gone)),
                ]
            )
            assert [type(each) for each in outcomes] == [Record, AlreadyExistsInStore, Record, Stale, Record]
            assert len(log.batches) == count + 1

    run(story())


def test_an_encoder_that_fails_costs_no_revision_and_leaves_nothing() -> None:
    async def story() -> None:
        def fails(revision: int) -> object:
            raise RuntimeError("no")

        async with opened() as store:
            before = store.revision
            with pytest.raises(RuntimeError):
                await store.create("pods", "default", "web", fails)  # type: ignore[arg-type]
            assert store.latest("pods", "default", "web") is None
            record = await store.create("pods", "default", "web", pod("web"))
            assert record.revision == before + 1

    run(story())


def test_a_writer_that_gives_up_does_not_take_its_write_back() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log) as store:
            log.gate.clear()
            writing = asyncio.ensure_future(store.create("pods", "default", "web", pod("web")))
            await turns()
            writing.cancel()
            await turns()
            log.gate.set()
            await store.settled()
            assert store.get("pods", "default", "web") is not None

    run(story())


def test_at_the_bound_of_waiting_writes_the_store_is_overloaded_and_says_so() -> None:
    async def story() -> None:
        log, limits = GatedLog(), Limits(waiting_writes=4, batch_writes=2, revision_chunk=16)
        async with opened(log, limits=limits) as store:
            log.gate.clear()
            writers = [asyncio.ensure_future(store.create("pods", "x", f"p{i}", pod(f"p{i}"))) for i in range(4)]
            await turns()
            with pytest.raises(Overloaded):
                await store.create("pods", "x", "one-more", pod("one-more"))
            log.gate.set()
            await asyncio.gather(*writers)
            await store.create("pods", "x", "one-more", pod("one-more"))

    run(story())


def test_at_the_bound_of_waiting_bytes_too() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log, limits=Limits(waiting_bytes=1_000)) as store:
            log.gate.clear()
            big = asyncio.ensure_future(store.create("pods", "x", "big", pod("big", data="x" * 1_000)))
            await turns()
            with pytest.raises(Overloaded):
                await store.create("pods", "x", "small", pod("small"))
            log.gate.set()
            await big

    run(story())


@pytest.mark.parametrize("limits", [Limits(batch_writes=3), Limits(batch_bytes=130)])
def test_a_batch_is_bounded(limits: Limits) -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log, limits=limits) as store:
            log.batches.clear()
            await asyncio.gather(*(store.create("pods", "x", f"p{i}", pod(f"p{i}")) for i in range(9)))
            written = [sum(key.startswith(b"/registry/") for key in rows) for rows, _ in log.batches]
            assert written == [3, 3, 3]

    run(story())


def test_a_window_collects_writes_where_each_batch_is_paid_for() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log, limits=Limits(batch_window_seconds=0.03)) as store:
            log.batches.clear()
            loop = asyncio.get_running_loop()
            start = loop.time()

            async def writer(name: str, after: float) -> None:
                await asyncio.sleep(after)
                await store.create("pods", "x", name, pod(name))

            await asyncio.gather(writer("a", 0), writer("b", 0.01), writer("c", 0.02))
            assert len(log.batches) == 1
            assert loop.time() - start == pytest.approx(0.03)

    run(story())


def test_a_store_that_is_not_open_or_closed_takes_nothing() -> None:
    async def story() -> None:
        async with opened() as store:
            pass
        with pytest.raises(NotOpen):
            await store.create("pods", "default", "web", pod("web"))
        await store.settled()  # nothing waits
        never_opened = Store(MemoryLog(), [PODS], SystemClock())
        with pytest.raises(NotOpen):
            await never_opened.settled()

    run(story())


def test_closing_makes_durable_what_waits() -> None:
    async def story() -> None:
        log = GatedLog()
        async with opened(log, PODS) as store:
            log.gate.clear()
            writing = asyncio.ensure_future(store.create("pods", "default", "web", pod("web")))
            await turns()
            asyncio.get_running_loop().call_later(1.0, log.gate.set)
        assert (await writing).name == "web"

    run(story())


def test_bounds_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="revisions"):
        Limits(revision_chunk=10, waiting_writes=10)
    with pytest.raises(ValueError, match="no write through"):
        Limits(batch_writes=0)
