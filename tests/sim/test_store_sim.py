"""The store in the simulator: many seeds, and bugs that it must find."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from k3py.store.batch import Batch, Refusal, Write
from k3py.store.committer import Committer
from k3py.store.errors import Fenced, LogFailed, NotOpen
from k3py.store.keys import FLOORS
from k3py.store.log import Put
from k3py.store.records import Change, Changes, Record
from k3py.store.recovery import Found, read_all
from k3py.store.ring import Ring
from k3py.store.rows import change_row
from k3py.store.sealing import Sealer
from k3py.store.store import Store
from k3py.store.tail import Tail
from k3py.store.watches import Watch
from tests.sim.log import SimLog
from tests.sim.store_servers import TAIL_ENTRIES
from tests.sim.store_world import StoreWorld
from tests.sim.world import Violation


def test_nothing_wrong_ever_happens(seed: int) -> None:
    story = StoreWorld(seed)
    try:
        story.run()
    except Violation as violation:
        command = f"python -m pytest tests/sim/test_store_sim.py -k nothing_wrong --sim-seed {seed}"
        pytest.fail(f"seed {seed}: {violation}\nreplay: {command}")
    assert story.clients.acknowledged > 20
    assert story.servers.count > 1


def test_a_seed_tells_the_same_story_twice() -> None:
    first, second = StoreWorld(7), StoreWorld(7)
    first.run()
    second.run()
    assert first.truth.given == second.truth.given
    assert first.world.steps == second.world.steps


# --- bugs planted to see that they are found ---

SEEDS_TO_FIND_A_BUG = 200


def finds(**planted: type) -> str:
    """What the first seed that goes wrong says; empty when none does."""
    for seed in range(SEEDS_TO_FIND_A_BUG):
        try:
            StoreWorld(seed, **planted).run()
        except Violation as violation:
            return str(violation)
    return ""


def test_it_finds_records_that_are_seen_before_they_are_durable() -> None:
    class Eager(Store):
        def _prepare(self, batch: Batch) -> tuple[list[Put], int]:
            super()._publish(batch)
            return super()._prepare(batch)

        def _publish(self, batch: Batch) -> None:
            """It was made visible already."""

    assert "is not durable" in finds(store_type=Eager)


def test_it_finds_revisions_that_are_given_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgetful(log: SimLog, sealer: Sealer | None) -> Found:
        found = await read_all(log, sealer)
        found.ceiling = log._shared.medium.sequence
        return found

    monkeypatch.setattr("k3py.store.store.read_all", forgetful)
    assert "was given to" in finds()


def test_it_finds_a_tail_that_forgets_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def trim(self: Tail) -> list[Put]:
        return self._drop_to(TAIL_ENTRIES // 3, 1 << 30) if len(self) > TAIL_ENTRIES // 2 else []

    monkeypatch.setattr(Tail, "trim", trim)
    assert "is sent away" in finds()


def test_it_finds_a_tail_that_forgets_what_it_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    def trim(self: Tail) -> list[Put]:
        return [(key, value) for key, value in good(self) if not key.startswith(FLOORS)]

    good = Tail.trim
    monkeypatch.setattr(Tail, "trim", trim)
    assert "there was" in finds()


def test_it_finds_displaced_bodies_that_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("k3py.store.batch.change_row", lambda change, displaced, key: change_row(change, None, key))
    assert "is sent away" in finds()


def test_it_finds_answers_that_a_fenced_server_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(SimLog):
        async def write(self, rows: Sequence[Put], sequence: int) -> None:
            with suppress(Fenced):
                await super().write(rows, sequence)

    assert "is not durable" in finds(log_type=Deaf)


def test_it_finds_answers_that_do_not_wait_for_the_log() -> None:
    class Hasty(SimLog):
        async def write(self, rows: Sequence[Put], sequence: int) -> None:
            self._hurrying = asyncio.ensure_future(super().write(rows, sequence))
            await asyncio.sleep(0)

    assert finds(log_type=Hasty)


def test_it_finds_a_store_that_goes_on_after_an_unknown_outcome() -> None:
    class Careless(SimLog):
        async def write(self, rows: Sequence[Put], sequence: int) -> None:
            try:
                await super().write(rows, sequence)
            except Fenced:
                raise
            except LogFailed:
                return

    assert "is not durable" in finds(log_type=Careless)


def says_that_a_change_is_missing(found: str) -> bool:
    """A watcher misses it, or a list of an earlier revision, which is made with the ring, is wrong."""
    return "there was" in found or "has changed between its pages" in found


def test_it_finds_a_ring_that_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ring, "since", lambda self, revision: [c for c in self._changes if c.revision >= revision])
    assert "again" in finds()


def test_it_finds_a_ring_that_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    good = Ring.since
    monkeypatch.setattr(Ring, "since", lambda self, revision: good(self, revision)[1:])
    assert says_that_a_change_is_missing(finds())


def test_it_finds_a_ring_whose_floor_is_off_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def append(self: Ring, change: Change) -> None:
        floor, oldest = self.floor, self._changes[0].revision if self._changes else 0
        good(self, change)
        if self.floor == oldest != floor:
            self.floor = self._almost if hasattr(self, "_almost") else floor
            self._almost = oldest

    good = Ring.append
    monkeypatch.setattr(Ring, "append", append)
    assert says_that_a_change_is_missing(finds())


def test_it_finds_refusals_because_of_writes_that_a_crash_erases(monkeypatch: pytest.MonkeyPatch) -> None:
    async def finish(self: Store, decided: Write | Refusal) -> Record:
        if isinstance(decided, Write):
            return await decided.done
        raise decided.problem

    monkeypatch.setattr(Store, "_finish", finish)
    assert "refused" in finds()


def test_it_finds_a_watch_that_forgets_what_it_has_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "offer", lambda self, changes: self.replay(Changes(changes[1:] or changes)))
    assert finds()


def test_it_finds_queued_writes_that_are_reported_unwritten_but_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: Committer, batch: Batch, why: str) -> None:
        batch.fail(NotOpen, why)
        await good(self, batch, why)

    good = Committer._fail
    monkeypatch.setattr(Committer, "_fail", fail)
    assert "said not to be written" in finds()
