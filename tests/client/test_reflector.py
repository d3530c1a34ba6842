"""A cluster played from a script: each call of the client takes the next line."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from k3py.base.clock import SystemClock
from k3py.client.mirror import Change, Deleted
from k3py.client.port import EventType, Listing, WatchEvent
from k3py.client.reflector import FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX, Reflector
from k3py.model.errors import Expired, Forbidden, Unavailable
from k3py.model.generated.core_v1 import ConfigMap
from tests.client.helpers import bookmark, config_map, event, listing


class Enough(Exception):
    """The script is over."""


class HandClock(SystemClock):
    time = 0.0

    def monotonic(self) -> float:
        return self.time


class Scripted:
    """Answers ``list`` with listings, ``watch`` with sequences of events; an exception is raised."""

    def __init__(self, *script: Any) -> None:
        self._script = iter(script)
        self.calls: list[str] = []

    def _next(self) -> Any:
        try:
            return next(self._script)
        except StopIteration:
            raise Enough from None

    async def list(self, kind: Any, namespace: str = "", label: str = "", field: str = "") -> Listing[ConfigMap]:
        self.calls.append("list")
        answer = self._next()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Listing)
        return answer

    async def watch(
        self, kind: Any, version: str, namespace: str = "", label: str = "", field: str = "", bookmarks: bool = True
    ) -> AsyncIterator[WatchEvent[ConfigMap]]:
        self.calls.append(f"watch {version}")
        answer = self._next()
        for each in answer if isinstance(answer, list) else [answer]:
            if isinstance(each, Exception):
                raise each
            yield each


class Story:
    """Runs a reflector over a script; ``told`` is what its owner heard."""

    def __init__(self, *script: Any) -> None:
        self.client: Any = Scripted(*script)
        self.told: list[str] = []
        self.waits: list[float] = []
        clock = HandClock()
        self.reflector = Reflector(
            self.client,
            ConfigMap,
            self._change,
            clock,
            random.Random(1),
            on_synced=lambda: self.told.append("synced"),
            on_contact=lambda there: self.told.append("there" if there else "away"),
        )

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)
            clock.time += seconds

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio, "sleep", sleep)
            with pytest.raises(Enough):
                asyncio.run(self.reflector.run())

    def _change(self, change: Change[ConfigMap]) -> None:
        obj = change.last if isinstance(change, Deleted) else change.new
        self.told.append(f"{type(change).__name__} {obj.metadata.name}")


A3 = config_map("a", 3)
ADDED_B = event(EventType.ADDED, config_map("b", 11))
AWAY = Unavailable("nobody listens")


def test_list_then_watch_then_resume_where_it_stopped() -> None:
    story = Story(listing(10, A3), [ADDED_B, bookmark(15)], [])
    assert story.told == ["there", "Added a", "synced", "Added b"]
    assert story.client.calls == ["list", "watch 10", "watch 15", "watch 15"]


@pytest.mark.parametrize(
    "trouble",
    [
        [AWAY] * 5,
        [Forbidden("not now"), Unavailable("half an answer")],
        [[bookmark(12), AWAY], [], [], AWAY],
    ],
)
def test_a_server_that_is_away_deletes_nothing(trouble: list[Any]) -> None:
    story = Story(listing(10, A3), *trouble, [ADDED_B])
    assert not [t for t in story.told if t.startswith("Deleted")]
    assert story.told.index("away") > story.told.index("synced")
    assert story.told[-2:] == ["there", "Added b"]
    assert story.client.calls.count("list") == 1


def test_what_cannot_be_resumed_is_listed_again_and_only_that_list_deletes() -> None:
    story = Story(listing(10, A3), Expired("too old"), AWAY, AWAY, listing(20, config_map("c", 18)), [])
    assert story.told == ["there", "Added a", "synced", "away", "there", "Deleted a", "Added c"]
    assert story.client.calls[:5] == ["list", "watch 10", "list", "list", "list"]


def test_a_server_that_forgot_deletes_nothing() -> None:
    story = Story(listing(10, A3), Expired("what version?"), listing(1), listing(2), listing(11, A3), [])
    assert story.told == ["there", "Added a", "synced", "away", "there"]


def test_an_end_to_each_watch_without_events_is_no_hot_loop() -> None:
    story = Story(listing(10), *[[] for _ in range(20)])
    assert len(story.waits) == 20
    assert max(story.waits) <= WAIT_SECONDS_MAX
    assert sum(story.waits) > 5 * WAIT_SECONDS_MAX


def test_it_is_synced_only_after_a_list() -> None:
    story = Story(AWAY, AWAY)
    assert story.told == []
    assert not story.reflector.is_synced
    assert not story.reflector.objects


def test_after_an_event_the_next_failure_waits_little_again() -> None:
    story = Story(listing(10), *[AWAY] * 10, [ADDED_B, AWAY], AWAY)
    assert story.waits[9] > 5
    assert story.waits[10] <= FIRST_WAIT_SECONDS
