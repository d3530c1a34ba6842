"""Events: counted, limited, never in the way."""

import asyncio
import random
from typing import Any

from k3py.base import virtual_loop
from k3py.base.clock import LoopClock
from k3py.controllers.events import BURST, REFILL_SECONDS, WAITING_MAX, EventRecorder
from k3py.model.errors import NotFound, Unavailable
from k3py.model.generated import core_v1


class Book:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.events: dict[str, core_v1.Event] = {}
        self.broken = False

    async def create_event(self, event: core_v1.Event) -> None:
        if self.broken:
            raise Unavailable("not now")
        self.events[event.metadata.name] = event

    async def count_event(self, namespace: str, name: str, count: int, last_timestamp: str) -> None:
        if name not in self.events:
            raise NotFound("expired")
        self.events[name].count = count
        self.events[name].last_timestamp = last_timestamp


def about(name: str = "web-1", namespace: str = "shop") -> core_v1.ObjectReference:
    return core_v1.ObjectReference(kind="Pod", name=name, namespace=namespace, uid=f"uid-{name}")


def play(story: Any) -> Book:
    book = Book()

    async def run() -> None:
        clock = LoopClock(asyncio.get_running_loop())
        recorder = EventRecorder("tester", book, clock, random.Random(1))
        writing = asyncio.ensure_future(recorder.run())
        await story(recorder, book)
        await asyncio.sleep(1)
        writing.cancel()

    virtual_loop.run(run())
    return book


def test_the_same_again_is_counted() -> None:
    async def story(recorder: EventRecorder, book: Book) -> None:
        recorder.tell(about(), "Normal", "Scheduled", "to n1")
        await asyncio.sleep(5)
        recorder.tell(about(), "Normal", "Scheduled", "to n1")
        recorder.tell(about(), "Normal", "Scheduled", "to n2")

    events = list(play(story).events.values())
    assert [(e.message, e.count) for e in events] == [("to n1", 2), ("to n2", 1)]
    first = events[0]
    assert (first.first_timestamp, first.last_timestamp) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:25Z")
    assert (first.metadata.namespace, first.source.component, first.type) == ("shop", "tester", "Normal")
    assert first.metadata.name.startswith("web-1.")


def test_one_that_expired_is_told_anew() -> None:
    async def story(recorder: EventRecorder, book: Book) -> None:
        recorder.tell(about(), "Normal", "R", "m")
        await asyncio.sleep(1)
        book.events.clear()
        recorder.tell(about(), "Normal", "R", "m")

    assert [e.count for e in play(story).events.values()] == [1]


def test_an_object_has_a_burst_and_then_one_per_five_minutes() -> None:
    async def story(recorder: EventRecorder, book: Book) -> None:
        for number in range(BURST + 5):
            recorder.tell(about(), "Warning", "R", str(number))
        recorder.tell(about("other"), "Warning", "R", "is not held back")
        assert recorder.dropped == 5
        await asyncio.sleep(REFILL_SECONDS)
        recorder.tell(about(), "Warning", "R", "later")
        recorder.tell(about(), "Warning", "R", "too soon")

    assert len(play(story).events) == BURST + 2


def test_a_flood_is_dropped_at_the_bound() -> None:
    async def story(recorder: EventRecorder, book: Book) -> None:
        for number in range(WAITING_MAX + 7):
            recorder.tell(about(str(number)), "Normal", "R", "m")
        assert recorder.dropped == 7

    assert len(play(story).events) == WAITING_MAX


def test_a_store_that_fails_costs_the_event_only() -> None:
    async def story(recorder: EventRecorder, book: Book) -> None:
        book.broken = True
        recorder.tell(about(), "Normal", "R", "lost")
        await asyncio.sleep(1)
        book.broken = False
        recorder.tell(about(), "Normal", "R", "told")

    assert [e.message for e in play(story).events.values()] == ["told"]


def test_events_of_cluster_wide_objects_are_in_default() -> None:
    async def story(recorder: EventRecorder, book: Book) -> None:
        recorder.tell(about("n1", namespace=""), "Normal", "R", "m")

    assert [e.metadata.namespace for e in play(story).events.values()] == ["default"]
