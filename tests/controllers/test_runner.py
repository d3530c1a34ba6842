"""The runner: wakes, acts, waits until it has seen what it wrote, tries again."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from k3py.base import virtual_loop
from k3py.base.clock import LoopClock
from k3py.controllers.actions import Action, Create, Delete, Patch, Tell, Update, Wake, target
from k3py.controllers.carry_out import Done, carry_out
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.runner import RECHECK_SECONDS, Runner
from k3py.model.codec import encode
from k3py.model.errors import Cause, Conflict, Details, Forbidden, NotFound, Problem
from k3py.model.generated import core_v1, meta_v1
from k3py.store.listing import Listing
from k3py.store.records import Change, ChangeType, Record
from k3py.store.watches import Deliver, Watch
from tests.controllers.test_events import Book

Map = core_v1.ConfigMap


def config(name: str, revision: int = 0) -> Map:
    return Map(metadata=meta_v1.ObjectMeta(name=name, namespace="default", resource_version=str(revision)))


class Place:
    """A store of ConfigMaps and what is written to it. ``held``: changes wait until they are let go."""

    def __init__(self) -> None:
        self.revision = 10
        self.records: dict[str, Record] = {}
        self.deliver: list[Deliver] = []
        self.held: list[Change] | None = None
        self.refuse: list[Problem] = []
        self.created: list[str] = []
        self.busy = self.busiest = 0

    def list(self, collection: str, namespace: str | None) -> Listing:
        return Listing(self.records.values()) if collection == "configmaps" else Listing()

    def watch(self, collection: str, namespace: str | None, since: int | None, deliver: Deliver) -> Watch:
        if collection == "configmaps":
            self.deliver.append(deliver)
        return Watch(1, None, since or 0, deliver, lambda number: None)

    def put(self, name: str) -> int:
        self.revision += 1
        made = config(name, self.revision)
        record = Record("configmaps", "default", name, self.revision, "", encode(made))
        kind = ChangeType.MODIFIED if name in self.records else ChangeType.ADDED
        self.records[name] = record
        change = Change(kind, record, None)
        if self.held is not None:
            self.held.append(change)
        else:
            self._tell([change])
        return self.revision

    def release(self) -> None:
        held, self.held = self.held or [], None
        self._tell(held)

    def _tell(self, changes: Sequence[Change]) -> None:
        for deliver in self.deliver:
            deliver(changes)

    async def create(self, made: Any) -> Done:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0.1)
        self.busy -= 1
        if self.refuse:
            raise self.refuse.pop(0)
        self.created.append(made.metadata.name)
        return Done(made.metadata.name, self.put(made.metadata.name))

    async def update(self, made: Any, subresource: str) -> Done:
        if self.refuse:
            raise self.refuse.pop(0)
        return Done(made.metadata.name, self.put(made.metadata.name))

    async def patch(self, action: Patch) -> Done:
        return Done(action.target.name, self.put(action.target.name))

    async def delete(self, action: Delete) -> Done:
        if action.target.name not in self.records:
            raise NotFound("gone")
        self.revision += 1
        return Done(action.target.name, self.revision)


class Plans:
    """A controller that does what the test says."""

    name = "tester"
    workers = 2
    reads = (Reads(Map, itself),)
    writes = (Map,)

    def __init__(self, decide: Callable[[Key, Caches, Turn], list[Action]]) -> None:
        self.turns: list[tuple[Key, float, str]] = []
        self._decide = decide

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        self.turns.append((key, turn.monotonic, turn.failure))
        return self._decide(key, caches, turn)


def play(place: Place, controller: Plans, story: Callable[[Runner], Coroutine[Any, Any, None]]) -> Runner:
    async def run() -> Runner:
        clock = LoopClock(asyncio.get_running_loop())
        runner = Runner([controller], place, place, Book(), clock, random.Random(1))
        runner.start()
        await story(runner)
        await runner.stop()
        return runner

    return virtual_loop.run(run())


async def settle(runner: Runner) -> None:
    await asyncio.sleep(1)


def test_everything_is_looked_at_once_at_the_start_and_then_what_changes() -> None:
    place, controller = Place(), Plans(lambda key, caches, turn: [])
    place.put("a")
    place.put("b")

    async def story(runner: Runner) -> None:
        await asyncio.sleep(1)
        assert [key[1] for key, *_ in controller.turns] == ["a", "b"]
        place.put("b")
        await asyncio.sleep(1)
        assert [key[1] for key, *_ in controller.turns] == ["a", "b", "b"]
        assert runner.idle

    assert play(place, controller, story).counters["tester"].turns == 3


def test_a_key_is_not_decided_on_before_its_own_writes_are_seen() -> None:
    place = Place()
    place.put("a")

    def one_child(key: Key, caches: Caches, turn: Turn) -> list[Action]:
        children = [each for each in caches.list(Map) if each.metadata.name.startswith("child")]
        return [] if key[1] != "a" or children else [Create(config("child"), "there is none")]

    async def story(runner: Runner) -> None:
        place.held = []
        await asyncio.sleep(1)
        for _ in range(3):
            runner._running[0].queue.add(("default", "a"))
            await asyncio.sleep(1)
        assert place.created == ["child"]
        place.release()
        await asyncio.sleep(1)

    play(place, Plans(one_child), story)
    assert place.created == ["child"]


def test_a_stale_write_is_decided_anew_a_failure_is_remembered() -> None:
    place = Place()
    place.put("a")
    place.refuse = [Conflict("stale"), Forbidden("exceeded quota")]

    def touch(key: Key, caches: Caches, turn: Turn) -> list[Action]:
        known = caches.get(Map, *key)
        assert known is not None
        return [Update(known, "once")] if known.metadata.resource_version == "11" else []

    controller = Plans(touch)
    runner = play(place, controller, settle)
    counters = runner.counters["tester"]
    assert (counters.conflicts, counters.failures, counters.writes) == (1, 1, 1)
    assert [failure for _, _, failure in controller.turns] == ["", "", "exceeded quota", ""]


def test_a_wake_up_comes_at_its_time() -> None:
    place = Place()
    place.put("a")
    controller = Plans(lambda key, caches, turn: [Wake(30, "later")] if turn.monotonic < 30 else [])

    async def story(runner: Runner) -> None:
        await asyncio.sleep(100)

    play(place, controller, story)
    assert [at for _, at, _ in controller.turns] == [0, 30]


def test_a_namespace_that_is_going_ends_the_trying() -> None:
    place = Place()
    place.put("a")
    cause = Cause("NamespaceTerminating", "namespace is being terminated", "metadata.namespace")
    place.refuse = [Forbidden("no", Details(causes=[cause]))] * 9
    controller = Plans(lambda key, caches, turn: [Create(config("x"), "again")])
    play(place, controller, settle)
    assert len(controller.turns) == 1


def test_what_a_controller_did_not_declare_it_may_not_write() -> None:
    place = Place()
    place.put("a")
    controller = Plans(lambda key, caches, turn: [Create(core_v1.Secret(), "sneaky")])
    runner = play(place, controller, settle)
    assert place.created == []
    assert runner.counters["tester"].failures > 1


def test_everybody_may_tell_users_something() -> None:
    place = Place()
    place.put("a")
    about = core_v1.ObjectReference(name="a", namespace="default")
    controller = Plans(lambda key, caches, turn: [Tell(about, "Normal", "R", "m")])
    controller.writes = ()  # type: ignore[assignment]
    assert play(place, controller, settle).counters["tester"].failures == 0


def test_a_controller_that_raises_backs_off_and_others_go_on() -> None:
    place = Place()
    place.put("bad")
    place.put("good")

    def decide(key: Key, caches: Caches, turn: Turn) -> list[Action]:
        if key[1] == "bad":
            raise RuntimeError("a bug")
        return []

    controller = Plans(decide)
    play(place, controller, settle)
    tries = sum(key[1] == "bad" for key, *_ in controller.turns)
    assert 3 < tries < 12
    assert sum(key[1] == "good" for key, *_ in controller.turns) == 1


def test_all_keys_are_looked_at_again_now_and_then() -> None:
    place, controller = Place(), Plans(lambda key, caches, turn: [])
    place.put("a")

    async def story(runner: Runner) -> None:
        await asyncio.sleep(RECHECK_SECONDS + 1)

    play(place, controller, story)
    assert len(controller.turns) == 2


# --- carrying out ---


def carried(place: Place, actions: Sequence[Action]) -> Any:
    async def run() -> Any:
        return await carry_out(actions, place, lambda *said: None)

    return virtual_loop.run(run())


@pytest.mark.parametrize(("count", "busiest"), [(1, 1), (3, 2), (7, 4), (20, 8)])
def test_creations_start_slowly(count: int, busiest: int) -> None:
    place = Place()
    outcome = carried(place, [Create(config(f"c{n}"), "wanted") for n in range(count)])
    assert (outcome.writes, place.busiest) == (count, busiest)
    assert outcome.revisions[Map] == place.revision


def test_when_the_first_creation_is_refused_the_others_are_not_tried() -> None:
    place = Place()
    place.refuse = [Forbidden("exceeded quota")] * 100
    outcome = carried(place, [Create(config(f"c{n}"), "wanted") for n in range(100)])
    assert len(place.refuse) == 99
    assert isinstance(outcome.problem, Forbidden)


def test_deleting_what_is_gone_is_fine() -> None:
    outcome = carried(Place(), [Delete(target(config("gone")), "surplus")])
    assert outcome.problem is None


def test_events_name_what_was_made_or_why_not() -> None:
    place, told = Place(), []
    from k3py.controllers.actions import Report

    about = core_v1.ObjectReference(name="web")
    report = Report(about, "Made", "Created: {name}", "Failed", "Error: {error}")

    async def run() -> None:
        tell = lambda where, kind, reason, message: told.append((kind, reason, message))  # noqa: E731
        await carry_out([Create(config("x"), "wanted", report), Tell(about, "Normal", "R", "m")], place, tell)
        place.refuse = [Forbidden("quota")]
        await carry_out([Create(config("y"), "wanted", report)], place, tell)

    virtual_loop.run(run())
    assert told == [("Normal", "Made", "Created: x"), ("Normal", "R", "m"), ("Warning", "Failed", "Error: quota")]
