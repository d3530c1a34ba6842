"""Hostile and broken clients beside a well-behaved one, at a server with 50,000 objects: it gets right answers, and the
server stays within a bound of memory."""

import asyncio
import contextlib
import json
import os
import random
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from k3py.api.http.limits import Limits
from tests.e2e.cluster import SECONDS
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.raw_client import Connection

COUNT = 50_000
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
# Reads and writes of the well-behaved client during an attack.
ROUNDS = 40
# Of one address; fewer than usual, to be quick.
CONNECTIONS_MAX = 1_500
# What an attack may cost for as long as it lasts, allocator and all. The list of everything has 40 MB.
MEMORY_BYTES_MAX = 300 << 20
STORY_SECONDS = 4 * SECONDS
MIB = 1 << 20


def head(method: str, path: str, *fields: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: k3py", *fields, "", "")).encode()


def posted(path: str, body: bytes, content_type: str = "application/json", method: str = "POST") -> bytes:
    return head(method, path, f"Content-Type: {content_type}", f"Content-Length: {len(body)}") + body


def config_map(name: str, said: str = "") -> dict[str, object]:
    return {"metadata": {"name": name, "labels": {"app": "abuse"}}, "data": {"text": "x" * 400, "said": said}}


@pytest.fixture(scope="module")
def server(source: random.Random) -> Iterator[LoneServer]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with lone_server(source) as made:
            made.flags = ["--max-connections-per-client", str(CONNECTIONS_MAX)]
            made.start()
            asyncio.run(asyncio.wait_for(filled(made), STORY_SECONDS))
            yield made
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def filled(server: LoneServer) -> None:
    """Create all objects, each connection without waiting for answers."""
    connections = 16

    async def some(first: int) -> None:
        reader, writer = await connected(server)
        requests = [
            posted(MAPS, json.dumps(config_map(f"map-{number:05d}")).encode())
            for number in range(first, COUNT, connections)
        ]

        async def send() -> None:
            for request in requests:
                writer.write(request)
                await writer.drain()

        sending, created, tail = asyncio.create_task(send()), 0, b""
        while created < len(requests):
            data = tail + await reader.read(MIB)
            assert len(data) > len(tail), "the server closed the connection"
            created += data.count(b"HTTP/1.1 201 ")
            assert b"HTTP/1.1 4" not in data
            tail = data[-12:]
        await sending
        writer.transport.abort()

    await asyncio.gather(*map(some, range(connections)))


async def connected(server: LoneServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port, ssl=server.tls())


def memory(server: LoneServer) -> int:
    assert server.process is not None
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


@contextlib.asynccontextmanager
async def held(server: LoneServer, count: int, first: bytes, each: bytes = b"") -> AsyncIterator[None]:
    """Connections that send ``first``, then ``each`` again and again, and read nothing."""
    async with contextlib.AsyncExitStack() as stack:
        writers = []
        context = server.tls()
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            stack.callback(writer.transport.abort)
            writers.append(writer)
            writer.write(first)

        async def go_on() -> None:
            while each:
                for writer in writers:
                    if not writer.is_closing() and writer.transport.get_write_buffer_size() < MIB:
                        writer.write(each)
                await asyncio.sleep(0)

        going = asyncio.create_task(go_on())
        try:
            yield
        finally:
            going.cancel()
            await asyncio.wait([going])


@contextlib.asynccontextmanager
async def half_open(server: LoneServer) -> AsyncIterator[None]:
    """More connections than handshakes may be under way, none of which says hello."""
    opened = []
    for _ in range(2 * Limits.handshakes_per_client):
        opened.append(await asyncio.open_connection("127.0.0.1", server.port))
    try:
        yield
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def behave(server: LoneServer, name: str) -> None:
    """Read, write, and see what was written, on one connection and on new ones."""
    connection = Connection(server.port, server.tls())
    await connection.open()
    assert (await connection.request("POST", MAPS, config_map(name)))[0] == 201
    for number in range(ROUNDS):
        status, changed = await connection.request("PUT", f"{MAPS}/{name}", config_map(name, str(number)))
        assert (status, changed["data"]["said"]) == (200, str(number))
        assert await connection.request("GET", f"{MAPS}/{name}") == (200, changed)
        status, old = await connection.request("GET", f"{MAPS}/map-{number * 1000 % COUNT:05d}")
        assert (status, old["data"]["text"]) == (200, "x" * 400)
    connection.close()
    late = Connection(server.port, server.tls())
    await late.open()
    status, page = await late.request("GET", f"{MAPS}?limit=3")
    assert (status, len(page["items"])) == (200, 3)
    assert (await late.request("DELETE", f"{MAPS}/{name}"))[0] == 200
    late.close()


CHUNKED = head("POST", MAPS, "Transfer-Encoding: chunked", "Content-Type: application/json")
NOTHING = "labelSelector=app%3Dnone"
EMPTY = b'{"metadata":{"name":"a"},"spec":{"containers":[' + b",".join([b"{}"] * (MIB - 99)) + b"]}}"
PATCH = b"[" + b",".join([b'{"op":"test","path":"/kind","value":"ConfigMap"}'] * 10_001) + b"]"
ATTACKS = {
    "head trickle": (200, b"GET / HTTP/1.1\r\nX: ", b"a"),
    "body trickle": (200, head("POST", MAPS, f"Content-Length: {3 * MIB}") + b" " * 1000, b" "),
    "chunk trickle": (200, CHUNKED, b"1\r\n \r\n"),
    "endless bodies": (20, CHUNKED, b"10000\r\n" + b" " * 0x10000 + b"\r\n"),
    "requests without end": (20, b"", head("GET", f"{MAPS}/map-00001") * 50),
    "idle": (1000, b"", b""),
    "mute watchers": (100, head("GET", f"{MAPS}?watch=1"), b""),
    "mute watchers of all": (20, head(
        "GET", f"{MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"), b""),
    "mute lists": (50, head("GET", MAPS), b""),
    "mute lists, gzip": (50, head("GET", MAPS, "Accept-Encoding: gzip"), b""),
    "mute tables": (50, head("GET", MAPS, f"Accept: {TABLE}"), b""),
    "mute metadata": (50, head("GET", MAPS, f"Accept: {METADATA}"), b""),
    "mute YAML": (10, head("GET", MAPS, "Accept: application/yaml"), b""),
    "selectors": (10, head("GET", f"{MAPS}?{NOTHING}") * 20, b""),
    "initial events": (10, head(
        "GET", f"{MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1&{NOTHING}")
        * 5, b""),
    "pages of one": (10, head("GET", f"{MAPS}?limit=1") * 100, b""),
    "a million containers": (4, posted(PODS, EMPTY) * 3, b""),
    "a million brackets": (4, posted(MAPS, b'{"a":' + b"[" * MIB) * 3, b""),
    "dense YAML": (4, posted(MAPS, b"a: [" + b"x," * MIB + b"x]", "application/yaml") * 3, b""),
    "long patches": (4, posted(f"{MAPS}/map-00002", PATCH, "application/json-patch+json", "PATCH") * 3, b""),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_others_are_answered_and_memory_is_bounded_during(server: LoneServer, attack: str) -> None:
    count, first, each = ATTACKS[attack]

    async def story() -> None:
        before = memory(server)
        async with held(server, count, first, each):
            await behave(server, "behaves")
            grown = memory(server) - before
        assert grown < MEMORY_BYTES_MAX
        await behave(server, "afterwards")

    asyncio.run(asyncio.wait_for(story(), STORY_SECONDS))


def test_handshakes_that_never_end_keep_nobody_out(server: LoneServer) -> None:
    async def story() -> None:
        before = memory(server)
        async with half_open(server):
            await behave(server, "behaves")
            assert memory(server) - before < MEMORY_BYTES_MAX
        await behave(server, "afterwards")

    asyncio.run(asyncio.wait_for(story(), STORY_SECONDS))


def test_idle_connections_up_to_the_cap_keep_nobody_out(server: LoneServer) -> None:
    async def story() -> None:
        before = memory(server)
        async with held(server, CONNECTIONS_MAX, b""):
            await behave(server, "behaves")
            assert memory(server) - before < MEMORY_BYTES_MAX

    asyncio.run(asyncio.wait_for(story(), STORY_SECONDS))
