"""A hundred writers count in one ConfigMap at the same time, and none of their counts is lost."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import uvloop

from tests.e2e.raw_client import Connection, Object
from tests.fuzz.served import NAMESPACE, Served, served

WRITERS = 100
TURNS = 2
SECONDS = 120.0
COLLECTION = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
COUNTER = f"{COLLECTION}/counter"
JSON_PATCH = "application/json-patch+json"

Try = Callable[[Connection, Object], Awaitable[tuple[int, Object]]]


async def by_update(connection: Connection, seen: Object) -> tuple[int, Object]:
    """A PUT of what was read, with its version."""
    return await connection.request("PUT", COUNTER, {**seen, "data": {"count": _next(seen)}})


async def by_test_and_replace(connection: Connection, seen: Object) -> tuple[int, Object]:
    """A JSON patch that says what it takes the counter for."""
    patch = [
        {"op": "test", "path": "/data/count", "value": seen["data"]["count"]},
        {"op": "replace", "path": "/data/count", "value": _next(seen)},
    ]
    return await connection.request("PATCH", COUNTER, patch, JSON_PATCH)


def _next(seen: Object) -> str:
    return str(int(seen["data"]["count"]) + 1)


class Crowd:
    """The writers, what they were answered, and which counts they were told to have written."""

    def __init__(self, server: Served, attempt: Try, refusal: int) -> None:
        """``refusal`` is the status code for "somebody was faster"."""
        self._server, self._attempt, self._refusal = server, attempt, refusal
        self.answers: Counter[int] = Counter()
        self.written: list[int] = []
        self.revisions: list[int] = []

    async def count(self) -> Object:
        """Let all of them count; the ConfigMap at the end."""
        async with asyncio.timeout(SECONDS), aclosing(_Connections(self._server)) as connections:
            first, *_ = all_of_them = await connections.open(WRITERS)
            body = {"metadata": {"name": "counter"}, "data": {"count": "0"}}
            status, _ = await first.request("POST", COLLECTION, body)
            assert status == 201
            await asyncio.gather(*map(self._write, all_of_them))
            status, at_last = await first.request("GET", COUNTER)
            assert status == 200
            assert (await first.request("DELETE", COUNTER))[0] == 200
            return at_last

    async def _write(self, connection: Connection) -> None:
        turns = 0
        while turns < TURNS:
            _, seen = await connection.request("GET", COUNTER)
            status, answer = await self._attempt(connection, seen)
            self.answers[status] += 1
            if status == self._refusal:
                continue
            assert status == 200, answer
            turns += 1
            self.written.append(int(answer["data"]["count"]))
            self.revisions.append(int(answer["metadata"]["resourceVersion"]))


class _Connections:
    """Connections that are closed again."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self._open: list[Connection] = []

    async def open(self, count: int) -> list[Connection]:
        tls = self._server.tls()
        self._open = [Connection(self._server.port, tls) for _ in range(count)]
        await asyncio.gather(*(each.open() for each in self._open))
        return self._open

    async def aclose(self) -> None:
        for each in self._open:
            each.close()


@pytest.mark.parametrize(("attempt", "refusal"), [(by_update, 409), (by_test_and_replace, 422)])
def test_no_count_is_lost(tmp_path: Path, attempt: Try, refusal: int) -> None:
    with served(tmp_path) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        crowd = Crowd(server, attempt, refusal)
        at_last = runner.run(crowd.count())
    total = WRITERS * TURNS
    assert at_last["data"]["count"] == str(total)
    assert sorted(crowd.written) == list(range(1, total + 1)), "each count was written once"
    assert [count for _, count in sorted(zip(crowd.revisions, crowd.written, strict=True))] == sorted(crowd.written)
    assert crowd.answers[refusal] > 0, "they were in each other's way"
