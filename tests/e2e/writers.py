"""A thousand clients that write until the server dies, and watchers that come back."""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable

from tests.e2e.histories import Attempt, Book, Key, Object, Seen, Version
from tests.e2e.raw_client import Connection, Gone

NAMESPACES = ("a", "b")
TIERS = ("odd", "even")
CONTESTANTS = 5  # clients that want the same name
RETRY_SECONDS = 0.02
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def path_of(key: Key) -> str:
    resource, namespace, name = key
    return f"/api/v1/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")


def body_of(key: Key, value: str, tier: str, revision: int | None = None) -> Object:
    meta: Object = {"name": key[2], "annotations": {"value": value}, "labels": {"tier": tier}}
    if revision is not None:
        meta["resourceVersion"] = str(revision)
    return {"metadata": meta, "data": {"k": "dg=="}}


class Crowd:
    """The writers of one life of the server."""

    def __init__(self, book: Book, life: int, source: random.Random) -> None:
        self.book = book
        self.in_flight = 0
        self.answers: Counter[int] = Counter()
        self.refused = asyncio.Event()
        self._life = life
        self._source = source
        self._serial = 0
        self._contested: dict[Key, int] = {}

    async def write(self, number: int, connection: Connection) -> None:
        """Be one client until the server is gone."""
        try:
            if number % 10 == 7:
                await self._contest(number, connection)
            else:
                await self._own(number, connection)
        except Gone:
            return
        finally:
            connection.close()

    async def ask(self, connection: Connection, attempt: Attempt, revision: int | None = None) -> tuple[int, Object]:
        """One request for a write."""
        method = {"ADDED": "POST", "MODIFIED": "PUT", "DELETED": "DELETE"}[attempt.type]
        path = path_of((*attempt.key[:2], "") if method == "POST" else attempt.key)
        body = None
        if method != "DELETE":
            body = body_of(attempt.key, attempt.value, self._source.choice(TIERS), revision)
        self.in_flight += 1
        self.book.begin(attempt)
        status, answer = await connection.request(method, path, body)
        self.in_flight -= 1
        self.book.answered(attempt)
        self.answers[status] += 1
        return status, answer

    def _new_value(self) -> str:
        self._serial += 1
        return f"{self._life}-{self._serial}"

    async def _own(self, number: int, connection: Connection) -> None:
        """Create, update and delete objects that nobody else touches."""
        resource = "secrets" if number % 10 == 0 else "configmaps"
        key: Key | None = None
        while True:
            if key is None:
                key = (resource, NAMESPACES[number % 2], f"w{number}-{self._new_value()}")
            value, kind = self._new_value(), "ADDED"
            if key in self.book.objects:
                kind = self._source.choice(("MODIFIED", "MODIFIED", "DELETED"))
            attempt = Attempt(kind, key, value)
            before = self.book.objects.get(key)
            careful = before.revision if kind == "MODIFIED" and before and number % 2 else None
            status, answer = await self.ask(connection, attempt, careful)
            assert status in (200, 201), (attempt, status, answer)
            if kind == "DELETED":
                self.book.gone(attempt)
            else:
                self.book.wrote(attempt, Version.of(answer))
            if kind == "DELETED" or self._source.random() < 0.2:
                key = None

    async def _contest(self, number: int, connection: Connection) -> None:
        """Want what others want: one is told that it has it, the others that somebody has. These are never deleted."""
        turn = 0
        while True:
            turn += 1
            key = ("configmaps", "a", f"race-{self._life}-{number // (10 * CONTESTANTS)}-{turn}")
            await self._contend(connection, Attempt("ADDED", key, f"{number}"), None)
            if (revision := self._contested.get(key)) is not None:
                await self._contend(connection, Attempt("MODIFIED", key, f"{number}-again"), revision)

    async def _contend(self, connection: Connection, attempt: Attempt, revision: int | None) -> None:
        status, answer = await self.ask(connection, attempt, revision)
        if status == 409:
            self.refused.set()
        if status == 409 and revision is None:
            self.book.exists.add(attempt.key)
        elif status == 409:
            self.book.above[attempt.key] = max(self.book.above.get(attempt.key, 0), revision or 0)
        else:
            assert status in (200, 201), (attempt, status, answer)
            version = Version.of(answer)
            self._contested.setdefault(attempt.key, version.revision)
            self.book.wrote(attempt, version)


class Follower:
    """A watcher that comes back, from where it was, for ever."""

    def __init__(self, port: int, tls: ssl.SSLContext, resource: str, query: str, since: int, accept: str) -> None:
        self._port, self._tls, self._accept = port, tls, accept
        self._resource = resource
        self._path = f"/api/v1/{resource}?watch=1&allowWatchBookmarks=true&{query}"
        self.events: list[Seen] = []
        self.last = since
        self.lives = 0
        self._grown = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            connection = Connection(self._port, self._tls)
            try:
                await connection.open()
                self.lives += 1
                async for event in connection.watch(f"{self._path}&resourceVersion={self.last}", self._accept):
                    self._take(event)
            except Gone:
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                connection.close()

    def _take(self, event: Object) -> None:
        assert event["type"] != "ERROR", f"{self._path} from {self.last}: {event['object']}"
        if event["type"] == "BOOKMARK":
            self.last = max(self.last, int(event["object"]["metadata"]["resourceVersion"]))
            return
        self.events.append(Seen.of(self._resource, event))
        self.last = self.events[-1].revision
        self._grown.set()

    async def until(self, condition: Callable[[Seen], bool]) -> None:
        """Wait for an event."""
        while not any(condition(each) for each in reversed(self.events)):
            self._grown.clear()
            await self._grown.wait()


async def bookmark(connection: Connection, resource: str) -> int:
    """A bookmark's revision: the end of the initial events of a watch that selects nothing."""
    query = "watch=1&labelSelector=tier%3Dnone&allowWatchBookmarks=true"
    initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    async for event in connection.watch(f"/api/v1/{resource}?{query}&{initial}"):
        assert event["type"] == "BOOKMARK", event
        return int(event["object"]["metadata"]["resourceVersion"])
    raise Gone("no bookmark")
