"""Bodies that are handed out while they arrive."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from k3py.api.http.body_stream import UNREAD_BYTES_MAX
from k3py.api.http.limits import Limits
from k3py.api.http.messages import Request, Response
from k3py.model.errors import BadRequest
from tests.api.http.fakes import Client, World, settle
from tests.api.http.stories import story


def streamed(handler: Callable[[Request], Any]) -> World:
    """A server whose requests to /s get their body as a stream."""
    world = World(handler)
    world.shared.streams = lambda method, target: target == b"/s"
    return world


def is_read(client: Client) -> bool:
    return client.transport.reading


POST_HEAD = b"POST /s HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("framing", "pieces", "length"),
    [
        (b"Content-Length: 6", [b"abc", b"def"], 6),
        (b"Transfer-Encoding: chunked", [b"3\r\nab", b"c\r\n3\r\nde", b"f\r\n0\r\n\r\n"], None),
    ],
)
def test_a_streamed_body_is_read_while_it_comes(framing: bytes, pieces: list[bytes], length: int | None) -> None:
    read: list[bytes] = []

    async def handle(request: Request) -> Response:
        assert request.stream is not None
        assert (request.stream.length, request.body) == (length, b"")
        while piece := await request.stream.read():
            read.append(piece)
        return Response(200, b"".join(read))

    async def work() -> None:
        client = streamed(handle).client()
        client.send(POST_HEAD + framing + b"\r\nExpect: 100-continue\r\n\r\n")
        await settle()
        assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
        for piece in pieces:
            client.send(piece)
            await settle()
            assert read
        await settle()
        answer = client.take()
        assert answer.endswith(b"\r\n\r\nabcdef")
        assert b"Connection: close" in answer
        assert client.closed

    story(work)


def test_a_slow_reader_of_a_body_slows_its_client_down() -> None:
    async def work() -> None:
        go_on = asyncio.Event()
        total = 0

        async def handle(request: Request) -> Response:
            nonlocal total
            await go_on.wait()
            assert request.stream is not None
            while piece := await request.stream.read():
                total += len(piece)
            return Response(200)

        client = streamed(handle).client()
        client.send(POST_HEAD + b"Content-Length: %d\r\n\r\n" % (2 * UNREAD_BYTES_MAX))
        for _ in range(4):
            await settle()
            assert is_read(client)
            client.send(bytes(UNREAD_BYTES_MAX // 4))
        assert not is_read(client)
        go_on.set()
        await settle()
        assert is_read(client)
        client.send(bytes(UNREAD_BYTES_MAX))
        await settle()
        assert total == 2 * UNREAD_BYTES_MAX

    story(work)


def test_an_answer_before_the_bodys_end_is_given_time_to_be_read() -> None:
    async def work() -> None:
        world = streamed(lambda request: Response(403, b"no"))
        client = world.client()
        client.send(POST_HEAD + b"Content-Length: 100000\r\n\r\nabc")
        await settle()
        assert client.take().endswith(b"no")
        assert not client.closed
        client.send(bytes(1000))
        world.pass_time(Limits().linger_seconds + 1)
        await settle()
        assert client.closed

    story(work)


@pytest.mark.parametrize(
    ("sent", "problem"), [(b"zz\r\n", "chunk size that is no number"), (None, "the client has gone")]
)
def test_a_body_that_breaks_off_is_told_to_its_reader(sent: bytes | None, problem: str) -> None:
    told: list[str] = []

    async def handle(request: Request) -> Response:
        assert request.stream is not None
        try:
            await request.stream.read()
        except (BadRequest, ConnectionError) as error:
            told.append(str(error))
        return Response(200)

    async def work() -> None:
        client = streamed(handle).client()
        client.send(POST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        await settle()
        if sent is None:
            client.transport.lose()
        else:
            client.send(sent)
        await settle()
        assert len(told) == 1
        assert problem in told[0]

    story(work)


def test_other_bodies_and_empty_ones_are_not_streamed() -> None:
    seen: list[bool] = []

    def handle(request: Request) -> Response:
        seen.append(request.stream is not None)
        return Response(200)

    async def work() -> None:
        client = streamed(handle).client()
        client.send(b"POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        client.send(POST_HEAD + b"Content-Length: 0\r\n\r\n")
        client.send(b"GET /s HTTP/1.1\r\nHost: a\r\n\r\n")
        await settle()
        assert seen == [False, False, False]
        assert not client.closed

    story(work)
