"""The whole server on a virtual clock: an hour costs a millisecond."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from k3py.api.http.messages import Request, Response
from k3py.api.http.server import SWEEP_SECONDS, HttpServer
from k3py.base import virtual_loop
from tests.api.http.fakes import Client
from tests.api.http.test_reader import HOST

GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


def on_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    virtual_loop.run(asyncio.wait_for(work, 3600))


async def nothing(request: Request) -> Response:
    return Response(200, b"{}")


def test_a_client_that_sends_a_byte_a_second_is_refused_after_ten() -> None:
    async def work() -> None:
        server = HttpServer(nothing)
        server.begin()
        client = Client(server.connection())
        began = asyncio.get_running_loop().time()
        while not client.transport.sent:
            client.send(b"G")
            await asyncio.sleep(1)
        assert 10 <= asyncio.get_running_loop().time() - began <= 10 + 2 * SWEEP_SECONDS
        assert client.take().startswith(b"HTTP/1.1 408 ")
        await asyncio.sleep(3)
        assert client.closed
        await server.stop(0)

    on_virtual_time(work())


def test_a_kept_connection_outlives_the_clients_patience_and_then_closes() -> None:
    async def work() -> None:
        server = HttpServer(nothing)
        server.begin()
        client = Client(server.connection())
        for _ in range(3):
            client.send(GET)
            await asyncio.sleep(90)  # client-go keeps idle connections so long
            assert client.take().startswith(b"HTTP/1.1 200 ")
            assert not client.closed
        await asyncio.sleep(40)
        assert client.closed
        await server.stop(0)

    on_virtual_time(work())


def test_a_handler_has_a_minute() -> None:
    async def work() -> None:
        async def thinks(request: Request) -> Response:
            await asyncio.sleep(59 if request.path == "/quick" else 61)
            return Response(200, b"{}")

        server = HttpServer(thinks)
        server.begin()
        client = Client(server.connection())
        client.send(GET.replace(b"/ ", b"/quick ") + GET)
        await asyncio.sleep(130)
        first, second = client.take().split(b"HTTP/1.1 ")[1:]
        assert first.startswith(b"200 ")
        assert second.startswith(b"504 ")
        await server.stop(0)

    on_virtual_time(work())


def test_stopping_waits_for_the_grace_period_and_no_longer() -> None:
    async def work() -> None:
        async def forever(request: Request) -> Response:
            await asyncio.Event().wait()
            raise AssertionError

        server = HttpServer(forever)
        server.begin()
        client = Client(server.connection())
        client.send(GET)
        began = asyncio.get_running_loop().time()
        await server.stop(20)
        assert asyncio.get_running_loop().time() - began == 20
        assert client.transport.aborted

    on_virtual_time(work())
