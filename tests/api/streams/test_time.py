"""Streams on a virtual clock: clients that open half of what they should, or never close."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from k3py.api.http.messages import Answer, Request
from k3py.api.http.server import HttpServer
from k3py.api.streams.forward_spdy import PAIR_SECONDS
from k3py.api.streams.port_forward import Duplex, upgrade_port_forward
from k3py.api.streams.remote_command import (
    CLOSING_SECONDS,
    CREATION_SECONDS,
    RemoteCommand,
    upgrade_remote_command,
)
from k3py.api.streams.spdy import Reset, Type
from k3py.base import virtual_loop
from tests.api.http.fakes import Client
from tests.api.streams.clients import SpdyClient, spdy_request, websocket_request
from tests.api.streams.pod_server import options_of, status


def on_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    virtual_loop.run(asyncio.wait_for(work, 3600))


async def succeeds(command: RemoteCommand) -> None:
    await command.finish(status(0))


async def never(port: int) -> Duplex:
    raise AssertionError("no pair was complete")


def handler(request: Request) -> Answer:
    if request.path == "/exec":
        return upgrade_remote_command(request, options_of(request), succeeds)
    return upgrade_port_forward(request, never)


def begin(request: bytes) -> tuple[HttpServer, Client]:
    server = HttpServer(handler)
    server.begin()
    client = Client(server.connection())
    client.send(request)
    assert client.take().startswith(b"HTTP/1.1 101 ")
    return server, client


def test_a_client_that_does_not_open_its_streams_is_broken_off() -> None:
    async def work() -> None:
        server, client = begin(spdy_request("/exec?stdout=true", "v4.channel.k8s.io"))
        client.send(SpdyClient().open({"streamtype": "error"})[1])
        await asyncio.sleep(CREATION_SECONDS - 1)
        assert not client.transport.aborted
        await asyncio.sleep(2)
        assert client.transport.aborted
        await server.stop(0)

    on_virtual_time(work())


def test_a_client_that_does_not_close_is_closed() -> None:
    async def work() -> None:
        server, client = begin(websocket_request("/exec?stdout=true", "v5.channel.k8s.io"))
        await asyncio.sleep(CLOSING_SECONDS - 1)
        assert not client.closed
        await asyncio.sleep(2)
        assert client.closed
        await server.stop(0)

    on_virtual_time(work())


def test_half_a_pair_is_reset() -> None:
    async def work() -> None:
        server, client = begin(spdy_request("/pf", "portforward.k8s.io"))
        spdy = SpdyClient()
        stream, opening = spdy.open({"streamtype": "data", "port": "80", "requestid": "0"})
        client.send(opening + spdy.data(stream, b"x"))
        client.take()
        await asyncio.sleep(PAIR_SECONDS + 1)
        # The reply was taken above; what is left is the reset.
        assert spdy.frames(client.take()) == [(Type.RST_STREAM, stream, Reset.CANCEL)]
        assert not client.closed
        client.transport.lose()
        await server.stop(0)

    on_virtual_time(work())
