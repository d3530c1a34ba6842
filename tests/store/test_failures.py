"""When the log fails: nobody is lied to, and the process is told to end."""

import asyncio

import pytest

from k3py.base.virtual_loop import run
from k3py.store.committer import ANSWER_GRACE_SECONDS
from k3py.store.errors import CannotOpen, Fenced, LogFailed, NotOpen, OutcomeUnknown
from k3py.store.limits import Limits
from k3py.store.memory_log import MemoryLog, MemoryMedium
from k3py.store.records import Change
from k3py.store.shelf import Shelf
from tests.store.helpers import PODS, SECRETS, GatedLog, Heard, opened, pod, turns


@pytest.mark.parametrize("failure", [LogFailed("the disk is on fire"), Fenced("somebody else")])
def test_writers_hear_that_the_outcome_is_unknown_and_then_the_process_ends(failure: LogFailed) -> None:
    async def story() -> None:
        log, ends, heard = GatedLog(), [], Heard()
        async with opened(log, limits=Limits(batch_writes=1), on_fatal=ends.append) as store:
            store.watch("pods", None, None, heard)
            log.gate.clear()
            in_flight = asyncio.ensure_future(store.create("pods", "default", "a", pod("a")))
            queued = asyncio.ensure_future(store.create("pods", "default", "b", pod("b")))
            await turns()
            refusal = asyncio.ensure_future(store.create("pods", "default", "a", pod("a")))
            settled = asyncio.ensure_future(store.settled())
            await turns()
            log.failure = failure
            log.gate.set()
            with pytest.raises(OutcomeUnknown):
                await in_flight
            with pytest.raises(NotOpen, match="nothing was written"):
                await queued
            with pytest.raises(OutcomeUnknown):
                await refusal
            with pytest.raises(OutcomeUnknown):
                await settled
            assert not ends, "answers are sent first"
            with pytest.raises(NotOpen):
                await store.create("pods", "default", "c", pod("c"))
            with pytest.raises(OutcomeUnknown):
                await store.settled()
            await asyncio.sleep(2 * ANSWER_GRACE_SECONDS)
            assert len(ends) == 1
            assert str(failure) in ends[0]
            assert heard == []
            assert store.get("pods", "default", "a") is None

    run(story())


def test_a_batch_that_does_not_end_in_time_has_failed() -> None:
    async def story() -> None:
        log, ends = GatedLog(), []
        async with opened(log, limits=Limits(batch_seconds_max=7.0), on_fatal=ends.append) as store:
            log.gate.clear()
            with pytest.raises(OutcomeUnknown, match="7 seconds"):
                await store.create("pods", "default", "a", pod("a"))
            assert asyncio.get_running_loop().time() == pytest.approx(7.0)
            await asyncio.sleep(1)
            assert len(ends) == 1

    run(story())


def test_opening_that_does_not_end_in_time_has_failed() -> None:
    async def story() -> None:
        log = GatedLog()
        log.gate.clear()
        with pytest.raises(LogFailed, match="cannot reserve revisions"):
            async with opened(log):
                pass

    run(story())


def test_a_store_that_did_not_open_has_let_go_of_its_log() -> None:
    async def story() -> None:
        log = GatedLog()
        log.failure = LogFailed("no")
        with pytest.raises(LogFailed, match="no"):
            async with opened(log):
                pass
        with pytest.raises(LogFailed, match="not open"):
            log._check()

    run(story())


def test_a_batch_that_cannot_be_made_visible_ends_the_process_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Shelf, change: Change) -> None:
        raise RuntimeError("a bug")

    async def story() -> None:
        ends: list[str] = []
        async with opened(on_fatal=ends.append) as store:
            monkeypatch.setattr(Shelf, "apply", fails)
            with pytest.raises(OutcomeUnknown, match="a bug"):
                await store.create("pods", "default", "a", pod("a"))
            await asyncio.sleep(1)
            assert len(ends) == 1

    run(story())


def test_a_second_store_fences_the_first() -> None:
    async def story() -> None:
        medium, ends = MemoryMedium(), []
        async with opened(MemoryLog(medium), on_fatal=ends.append) as first:
            await first.create("pods", "default", "a", pod("a"))
            async with opened(MemoryLog(medium)) as second:
                with pytest.raises(OutcomeUnknown, match="leader"):
                    await first.create("pods", "default", "b", pod("b"))
                await asyncio.sleep(1)
                assert len(ends) == 1
                await second.create("pods", "default", "b", pod("b"))

    run(story())


def test_a_sealed_collection_needs_a_key() -> None:
    async def story() -> None:
        with pytest.raises(CannotOpen, match="no key was given"):
            async with opened(None, PODS, SECRETS):
                pass

    run(story())
