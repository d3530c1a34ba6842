"""One connection: large answers, slow clients, compression. No socket, no clock."""

import gzip

import pytest

from k3py.api.http.connection import SLICE_BYTES
from k3py.api.http.messages import Request, Response
from tests.api.http.fakes import World, settle
from tests.api.http.stories import GET, dechunked, nothing, story
from tests.api.http.test_reader import GOOD, SMALL


def test_a_large_body_goes_out_in_slices_as_the_client_reads() -> None:
    body = bytes(range(256)) * 5000

    async def work() -> None:
        world = World(lambda request: Response(200, body))
        client = world.client()
        client.transport.full = True
        client.send(GET + GET)
        held = len(client.take())
        assert held <= 2 * SLICE_BYTES + 1000
        world.pass_time(world.limits.write_seconds - 1)
        got = b""
        for _ in range(40):
            client.transport.accept_all()
            await settle()
            got += client.take()
        assert held + len(got) == 2 * len(body) + 2 * len(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        ) + 2 * len(b"Content-Length: 1280000\r\n\r\n")
        assert got.endswith(body[-1000:])
        assert max(client.transport.writes) <= SLICE_BYTES

    story(work)


def test_the_next_request_waits_until_the_last_slice_is_taken() -> None:
    handled: list[bytes] = []

    def handler(request: Request) -> Response:
        handled.append(request.target)
        return Response(200, b"x" * 3 * SLICE_BYTES)

    async def work() -> None:
        client = World(handler).client()
        client.transport.full = True
        client.send(GET * 2)
        client.transport.accept_all()
        await settle()
        assert client.transport.waiting == 2 * SLICE_BYTES  # the whole first body is written, its end not taken
        assert len(handled) == 1
        client.transport.accept_all()
        await settle()
        assert len(handled) == 2

    story(work)


def test_memory_for_a_body_is_given_back_when_the_client_leaves() -> None:
    async def work() -> None:
        world = World(nothing, SMALL)
        client = world.client()
        client.send(GOOD[2][:-1])
        client.transport.lose()
        assert world.bodies.take(SMALL.bodies_bytes_per_client, "192.0.2.7")

    story(work)


def test_a_client_that_takes_nothing_is_broken_off() -> None:
    async def work() -> None:
        world = World(lambda request: Response(200, b"x" * 10 * SLICE_BYTES))
        client = world.client()
        client.transport.full = True
        client.send(GET)
        world.pass_time(world.limits.write_seconds)
        assert client.transport.aborted

    story(work)


def test_small_answers_stop_too_when_the_client_reads_none() -> None:
    async def work() -> None:
        world = World(lambda request: Response(200, b"x" * 100_000))
        client = world.client()
        client.transport.full = True
        client.send(GET * 10)
        await settle()
        assert client.take().count(b"HTTP/1.1") == 3
        client.transport.accept_all()
        await settle()
        assert client.take().count(b"HTTP/1.1") == 3
        world.pass_time(world.limits.write_seconds)
        assert client.transport.aborted

    story(work)


@pytest.mark.parametrize(
    ("size", "accept", "packed"),
    [
        (128 * 1024 + 1, b"gzip", True),
        (128 * 1024, b"gzip", False),
        (200_000, b"deflate, GZIP;q=0.5", True),
        (200_000, b"gzip;q=0", False),
        (200_000, b"br", False),
    ],
)
def test_large_answers_are_compressed_for_who_accepts_it(size: int, accept: bytes, packed: bool) -> None:
    body = b"a" * size

    async def work() -> None:
        client = World(lambda request: Response(200, body)).client()
        client.send(GET[:-2] + b"Accept-Encoding: " + accept + b"\r\n\r\n" + GET)
        for _ in range(2):  # 8 KiB are compressed in each turn
            await settle()
        first, _, second = client.take()[9:].partition(b"HTTP/1.1 ")
        head, _, got = first.partition(b"\r\n\r\n")
        assert (b"Content-Encoding: gzip" in head) is packed
        assert (gzip.decompress(dechunked(got)) if packed else got) == body
        assert second.endswith(body)

    story(work)
