"""``kill -9`` of a server with a thousand writes in flight: what was acknowledged stays, revisions only grow, and
watchers that come back miss nothing and see nothing twice."""

import asyncio
import random
import resource
import ssl
from collections.abc import Awaitable, Callable, Iterator

import pytest
import uvloop

from tests.e2e.cluster import LOOK_SECONDS, SECONDS
from tests.e2e.histories import Book, Key, Seen, Version, outline, replay, selected
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.raw_client import Connection
from tests.e2e.writers import NAMESPACES, TABLE, Crowd, Follower, body_of, bookmark, path_of

CLIENTS = 1_000
FILES = 8_192
STARTING_SECONDS = 1.5  # a little more than a start takes
ROUNDS = 3
ROUNDS_LONG = 40
RESOURCES = ("configmaps", "secrets")
# Writes of one life. Watchers lag by much less than the 4,096 changes that a collection's tail keeps.
ACKNOWLEDGED_MIN, ACKNOWLEDGED_MAX = 1_500, 4_000


@pytest.fixture
def many_files() -> Iterator[None]:
    """May this process have a connection for each client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, FILES), hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def server(source: random.Random) -> Iterator[LoneServer]:
    with lone_server(source) as made:
        yield made


def is_odd(seen: Seen) -> bool:
    return ("tier", "odd") in seen.labels


def is_in_a(seen: Seen) -> bool:
    return seen.key[1] == "a"


class Story:
    """One server's lives, what its clients know, and its watchers."""

    def __init__(self, server: LoneServer, seed: int) -> None:
        self.server = server
        self.source = random.Random(seed)
        self.book = Book()
        self.tls: ssl.SSLContext = server.tls()
        self.followers: dict[str, Follower] = {}
        self._running: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Make the namespaces, and let the watchers begin before the first write."""
        connection = await self.connect()
        for name in NAMESPACES:
            status, _ = await connection.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            assert status == 201
        _, listed = await connection.request("GET", "/api/v1/configmaps")
        start = int(listed["metadata"]["resourceVersion"])
        connection.close()
        json = "application/json"
        for name, of, query, accept in (
            ("plain", "configmaps", "", json),
            ("labels", "configmaps", "labelSelector=tier%3Dodd", json),
            ("fields", "configmaps", "fieldSelector=metadata.namespace%3Da", json),
            ("table", "configmaps", "", TABLE),
            ("secrets", "secrets", "", json),
        ):
            made = self.followers[name] = Follower(self.server.port, self.tls, of, query, start, accept)
            self._running.append(asyncio.create_task(made.run(), name=f"follower {name}"))

    async def end(self) -> None:
        for each in self._running:
            each.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def connect(self) -> Connection:
        made = Connection(self.server.port, self.tls)
        await made.open()
        return made

    async def life(self, number: int) -> int:
        """Let the crowd write, kill the server in the midst of it; the revision of a bookmark taken before."""
        crowd = Crowd(self.book, number, self.source)
        connections = await asyncio.gather(*(self.connect() for _ in range(CLIENTS)))
        before, enough = self.book.acknowledged, self.source.randint(ACKNOWLEDGED_MIN, ACKNOWLEDGED_MAX)
        writers = [asyncio.create_task(crowd.write(i, each)) for i, each in enumerate(connections)]
        await self._until(before + enough // 2, writers)
        marked = asyncio.create_task(self._bookmark())
        await self._until(before + enough, writers)
        bookmarked = await marked
        # Right after a refusal is when what it speaks of is least likely to be durable.
        crowd.refused.clear()
        await asyncio.wait_for(crowd.refused.wait(), SECONDS)
        in_flight = crowd.in_flight
        self.server.kill()
        await asyncio.wait_for(asyncio.gather(*writers), SECONDS)
        assert in_flight > CLIENTS * 0.95
        assert crowd.answers[409] > 0
        print(f"life {number}: {in_flight} in flight, answers {dict(crowd.answers)}")
        return bookmarked

    async def _until(self, acknowledged: int, writers: list["asyncio.Task[None]"]) -> None:
        while self.book.acknowledged < acknowledged:
            self.fail_early(writers)
            await asyncio.sleep(LOOK_SECONDS)

    async def _bookmark(self) -> int:
        connection = await self.connect()
        try:
            return await bookmark(connection, "configmaps")
        finally:
            connection.close()

    async def restart(self) -> None:
        """Start again; now and then the first attempt is killed too, somewhere on its way."""
        if self.source.random() < 0.5:
            self.server.spawn()
            await asyncio.sleep(self.source.uniform(0.1, STARTING_SECONDS))
            self.server.kill()
        self.server.start()

    def fail_early(self, writers: list["asyncio.Task[None]"]) -> None:
        for each in [*writers, *self._running]:
            if each.done() and not each.cancelled() and (problem := each.exception()) is not None:
                raise problem

    async def check(self, number: int, bookmarked: int) -> None:
        """After a restart: compare objects and watches with what the clients know."""
        connection = await self.connect()
        found = await self._list(connection)
        self.book.check(found)
        late = Follower(self.server.port, self.tls, "configmaps", "", bookmarked, "application/json")
        reading = asyncio.create_task(late.run())
        name = f"end-of-life-{number}"
        for of in RESOURCES:
            key = (of, "a", name)
            status, made = await connection.request("POST", path_of((*key[:2], "")), body_of(key, "", "odd"))
            assert status == 201
            version = Version.of(made)
            assert version.revision > self.book.highest
            self.book.objects[key] = version
            self.book.unknown.add(("ADDED", key))
        connection.close()
        await self._all_saw([*self.followers.values(), late], name)
        reading.cancel()
        self.check_watches()
        plain = self.followers["plain"].events
        assert outline(late.events) == outline(each for each in plain if each.revision > bookmarked)

    async def _all_saw(self, followers: list[Follower], name: str) -> None:
        waiting = asyncio.gather(*(each.until(lambda seen: seen.key[2] == name) for each in followers))
        done, _ = await asyncio.wait([waiting, *self._running], timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        self.fail_early([])
        assert waiting in done, "a watch does not come to the end"

    async def _list(self, connection: Connection) -> dict[Key, Version]:
        found = {}
        for of in RESOURCES:
            for namespace in NAMESPACES:
                _, listed = await connection.request("GET", path_of((of, namespace, "")))
                for item in listed["items"]:
                    found[of, namespace, item["metadata"]["name"]] = Version.of(item)
        return found

    def check_watches(self) -> None:
        """All histories so far against the acknowledgements, and those with selectors against the plain one."""
        plain = self.followers["plain"].events
        for name, of in (("plain", "configmaps"), ("secrets", "secrets")):
            history = self.followers[name].events
            self.book.check_history(history, of)
            there = {key: each.revision for key, each in self.book.objects.items() if key[0] == of}
            assert replay(history) == there
        assert outline(self.followers["table"].events) == outline(plain)
        assert outline(self.followers["labels"].events) == selected(plain, is_odd)
        assert outline(self.followers["fields"].events) == selected(plain, is_in_a)


def run(story: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())  # type: ignore[arg-type]


def tell(server: LoneServer, rounds: int, seed: int) -> None:
    print(f"seed {seed}")

    async def lives() -> None:
        story = Story(server, seed)
        await story.begin()
        try:
            for number in range(rounds):
                bookmarked = await story.life(number)
                await story.restart()
                await story.check(number, bookmarked)
        finally:
            await story.end()
        assert story.book.exists
        assert story.book.above
        assert all(each.lives >= rounds for each in story.followers.values()), "every watcher came back every time"

    server.start()
    run(lives)


@pytest.mark.usefixtures("many_files")
def test_a_killed_server_loses_and_repeats_nothing(server: LoneServer, source: random.Random) -> None:
    tell(server, ROUNDS, source.getrandbits(32))


@pytest.mark.long
@pytest.mark.usefixtures("many_files")
def test_a_server_killed_many_times_loses_and_repeats_nothing(server: LoneServer, source: random.Random) -> None:
    tell(server, ROUNDS_LONG, source.getrandbits(32))
