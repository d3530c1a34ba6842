"""Watchers that come and go, and clients that page, against the simplest model: a list of all that ever happened.

Time is virtual and there is no network.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k3py.api.watching import BOOKMARK_SECONDS
from k3py.base.virtual_loop import run as run_virtually
from tests.api.world import Recorder, World, config_map
from tests.objects.world import open_objects

ALL = "/api/v1/configmaps"
MERGE = {"content-type": "application/merge-patch+json"}
Key = tuple[str, str]
Labels = dict[str, str]

SELECTORS = (
    "",
    "labelSelector=app%3Da",
    "labelSelector=app%21%3Da",
    "labelSelector=app%20in%20(a,b)&fieldSelector=metadata.name%21%3Dx",
    "labelSelector=%21app",
    "fieldSelector=metadata.name%3Dy",
    "fieldSelector=metadata.name%3Dy,metadata.namespace%3Dn-1&labelSelector=app",
)
NAMESPACES = ("n", "n-1")
KEYS = st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(["x", "y"]))
WRITES = st.tuples(st.just("write"), KEYS, st.sampled_from(["", "a", "b", "gone"]))
HOMES = st.sampled_from(["", "n", "n-1"])


def selected(selector: str, home: str, key: Key, labels: Labels) -> bool:
    """What each of the selectors above means, said in another way."""
    namespace, name = key
    app = labels.get("app")
    return (
        home in ("", namespace)
        and (
            (
                True,
                app == "a",
                app != "a",
                app in ("a", "b") and name != "x",
                app is None,
                name == "y",
                name == "y" and namespace == "n-1" and app is not None,
            )[SELECTORS.index(selector)]
        )
    )


@dataclass
class Model:
    """All that happened: revision, key, labels before and after (None: it was not there)."""

    history: list[tuple[int, Key, Labels | None, Labels | None]] = field(default_factory=list)

    def now(self) -> dict[Key, tuple[Labels, int]]:
        return self.at(1 << 60)

    def at(self, revision: int) -> dict[Key, tuple[Labels, int]]:
        found: dict[Key, tuple[Labels, int]] = {}
        for version, key, _, labels in self.history:
            if version <= revision:
                found.pop(key, None)
                if labels is not None:
                    found[key] = labels, version
        return found

    def events(self, since: int, selector: str, home: str) -> list[tuple[str, Key, int]]:
        found = []
        for revision, key, before, after in self.history:
            was = before is not None and selected(selector, home, key, before)
            is_now = after is not None and selected(selector, home, key, after)
            if revision > since and (was or is_now):
                word = "MODIFIED" if was and is_now else "ADDED" if is_now else "DELETED"
                found.append((word, key, revision))
        return found


class Writers:
    """Change objects, and write down in the model what they did."""

    def __init__(self, world: World, model: Model) -> None:
        self.world = world
        self.model = model
        self.count = 0

    async def write(self, key: Key, app: str) -> None:
        """Create, change or (``gone``) delete an object; ``app`` is its label, empty for none."""
        namespace, name = key
        before = self.model.now().get(key)
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        labels = {"app": app} if app else {}
        self.count += 1
        if app == "gone":
            if before is None:
                return
            await self.world.json("DELETE", f"{path}/{name}")
            revision, after = self.world.objects.store.revision, None
        else:
            if before is None:
                status, body = await self.world.json("POST", path, config_map(name, **labels))
            else:
                patch = {"metadata": {"labels": {"app": app or None}}, "data": {"count": str(self.count)}}
                status, body = await self.world.json("PATCH", f"{path}/{name}", patch, headers=MERGE)
            assert status < 300, body
            revision, after = int(body["metadata"]["resourceVersion"]), labels
        self.model.history.append((revision, key, before[0] if before else None, after))


class Watcher:
    """A client as client-go's reflector: lists, watches, and comes back with the last version that it saw."""

    def __init__(self, world: World, model: Model, selector: str, home: str) -> None:
        self.world = world
        self.model = model
        self.selector = selector
        self.home = home
        self.path = f"/api/v1/namespaces/{home}/configmaps" if home else ALL
        self.known: dict[Key, int] = {}
        self.version: int | None = None
        self.read = 0
        self.stream: tuple[Recorder, asyncio.Task[None]] | None = None

    async def connect(self) -> None:
        if self.stream is not None:
            return
        if self.version is None:
            _, body = await self.world.json("GET", f"{self.path}?{self.selector}")
            self.known = {_key(each): _version(each) for each in body["items"]}
            self.version = _version(body)
        query = f"watch=true&allowWatchBookmarks=true&resourceVersion={self.version}&{self.selector}"
        self.stream = await self.world.watch(f"{self.path}?{query}")
        self.read = 0
        await asyncio.sleep(0.001)

    async def take(self, count: int | None = None) -> None:
        """Read so many of the events that have come, or all."""
        assert self.stream is not None
        writer, task = self.stream
        events = writer.events()[self.read :]
        for event in events if count is None else events[:count]:
            self.read += 1
            if event["type"] == "ERROR":
                assert event["object"]["code"] == 410
                self.version = None
                await self.drop()
                return
            self._take(event)
        assert not task.done()

    def _take(self, event: dict[str, Any]) -> None:
        word, obj = event["type"], event["object"]
        assert self.version is not None
        revision = _version(obj)
        if word == "BOOKMARK":
            assert revision >= self.version
            missed = [each for each in self.model.events(self.version, self.selector, self.home) if each[2] <= revision]
            assert not missed, "a bookmark says more than was told"
            self.version = revision
            return
        key = _key(obj)
        expected = self.model.events(self.version, self.selector, self.home)[0]
        assert (word, key, revision) == expected, "something was missed, or came twice"
        assert (key in self.known) is (word != "ADDED")
        if word == "DELETED":
            del self.known[key]
            assert selected(self.selector, self.home, key, obj["metadata"].get("labels", {})), "as it was inside"
        else:
            self.known[key] = revision
        self.version = revision

    async def drop(self) -> None:
        if self.stream is not None:
            self.stream[1].cancel()
            await asyncio.gather(self.stream[1], return_exceptions=True)
            self.stream = None

    def check(self) -> None:
        """Everything was read: the client knows exactly what is there."""
        there = self.model.now().items()
        wanted = {key: at for key, (labels, at) in there if selected(self.selector, self.home, key, labels)}
        assert self.known == wanted


def _key(obj: dict[str, Any]) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _version(obj: dict[str, Any]) -> int:
    return int(obj["metadata"]["resourceVersion"])


async def _world() -> World:
    world = World(await open_objects())
    for name in NAMESPACES:
        await world.json("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return world


OTHERS = st.sampled_from(
    [
        *[("connect", None, None), ("take", None, None)] * 3,
        ("take", 1, None),
        ("take", 3, None),
        ("drop", None, None),
        ("forget", None, None),
        ("wait", 1.0, None),
        ("wait", BOOKMARK_SECONDS + 1, None),
    ]
)
STEPS = st.lists(WRITES | OTHERS, min_size=20, max_size=60)
MODEST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MODEST
@given(STEPS, st.sampled_from(SELECTORS), HOMES)
def test_a_watcher_that_comes_back_misses_nothing_and_hears_nothing_twice(
    steps: Sequence[tuple[str, Any, Any]], selector: str, home: str
) -> None:
    async def story() -> None:
        world, model = await _world(), Model()
        writers, watcher = Writers(world, model), Watcher(world, model, selector, home)
        for what, one, two in steps:
            if what == "write":
                await writers.write(one, two)
            elif what == "connect":
                await watcher.connect()
            elif what == "take" and watcher.stream is not None:
                await watcher.take(one)
            elif what == "drop":
                await watcher.drop()
            elif what == "forget":
                world.forget("configmaps")
            elif what == "wait":
                await asyncio.sleep(one)
        for _ in range(2):  # the second time when it had to list again
            await watcher.connect()
            await watcher.take()
        watcher.check()
        await watcher.drop()
        await world.objects.store.close()

    run_virtually(story())


PAGES = st.lists(WRITES | st.tuples(st.just("page"), st.integers(1, 4), st.none()), min_size=10, max_size=40)


@MODEST
@given(PAGES, st.sampled_from(SELECTORS), HOMES)
def test_whatever_is_written_between_pages_they_show_the_state_of_the_first(
    steps: Sequence[tuple[str, Any, Any]], selector: str, home: str
) -> None:
    async def story() -> None:
        world, model = await _world(), Model()
        writers = Writers(world, model)
        path = f"/api/v1/namespaces/{home}/configmaps" if home else ALL
        found, token, revision = dict[Key, int](), "", 0

        def check() -> None:
            there = model.at(revision).items()
            wanted = {key: at for key, (labels, at) in there if selected(selector, home, key, labels)}
            assert list(found) == sorted(wanted)
            assert found == wanted

        for what, one, two in [*steps, *[("page", 4, None)] * 3]:
            if what == "write":
                await writers.write(one, two)
                continue
            if not token:
                found.clear()
            status, body = await world.json("GET", f"{path}?limit={one}&{selector}&continue={token}")
            assert status == 200, body
            revision = revision if token else _version(body)
            assert _version(body) == revision
            found.update((_key(each), _version(each)) for each in body["items"])
            token = body["metadata"].get("continue", "")
            if not token:
                check()
        await world.objects.store.close()

    run_virtually(story())
