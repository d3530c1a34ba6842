"""The node's end: its handlers, how it finds a server, and how often it tries."""

import asyncio
import random
import ssl
import time
from typing import Any

import pytest

from k3py.base.clock import SystemClock
from k3py.model.streams import (
    MessageStream,
    StreamRequest,
    encode_request,
)
from k3py.pki.contexts import client_context
from k3py.proxy.client import HANDLERS_MAX, TunnelClient
from k3py.proxy.dial import ANSWER_BYTES_MAX, dial
from k3py.proxy.frames import Frame, Hello, TunnelError, Type, encode_frame, encode_hello
from k3py.proxy.tunnel import WINDOW_BYTES
from tests.pki.helpers import StoppedClock, authority, server_tls
from tests.proxy.helpers import echo, request, run
from tests.proxy.wire import HandClock, Wire


def test_handlers_that_do_not_end_are_bounded() -> None:
    release = asyncio.Event()

    async def stubborn(request: StreamRequest, stream: MessageStream) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def story() -> None:
        wire = Wire()

        async def dialed(server: str, context: ssl.SSLContext) -> Wire:
            return wire

        tls = ssl.create_default_context()
        client = TunnelClient("https://s:1", tls, stubborn, SystemClock(), random.Random(1), dial=dialed)
        running = asyncio.create_task(client.run())
        while wire.on_data is None:
            await asyncio.sleep(0)
        wire.on_data(encode_hello(Hello(1, 1, WINDOW_BYTES, 1)))
        for number in range(1, HANDLERS_MAX + 1):
            wire.on_data(encode_frame(Frame(Type.OPEN, number, encode_request(request()))))
            await asyncio.sleep(0)  # it starts, and from now on ignores that its stream is gone
            wire.on_data(encode_frame(Frame(Type.RESET, number)))
        assert b"still works on" not in wire.written
        wire.on_data(encode_frame(Frame(Type.OPEN, HANDLERS_MAX + 1, encode_request(request()))))
        assert b"still works on" in wire.written
        release.set()
        running.cancel()
        await asyncio.wait([running])

    run(story())


@pytest.mark.parametrize("server", ["http://s:1", "s:1", "https://", "https://s:99999999", "https://[::1"])
def test_what_is_no_address_of_a_server(server: str) -> None:
    with pytest.raises(TunnelError, match="must be https"):
        run(no_dial(server))


async def no_dial(server: str) -> None:
    await dial(server, ssl.create_default_context())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "websocket"),
        (b"\0\1\2\r\n\r\n", "refused"),
        (b"x" * (ANSWER_BYTES_MAX + 1), "no end"),
        (b"", "without an answer"),
    ],
)
def test_strange_answers_to_the_request_for_a_tunnel(answer: bytes, words: str) -> None:
    async def story() -> None:

        ca = authority(StoppedClock(time.time()))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_tls(ca))
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(TunnelError, match=words):
            await dial(url, client_context(ca.certificate_pem))
        server.close()
        await server.wait_closed()

    run(story())


def test_attempts_are_spaced_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Enough(Exception):
        pass

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 12:
            raise Enough

    async def refused(server: str, context: ssl.SSLContext) -> Any:
        raise ConnectionRefusedError("nobody listens")

    async def story() -> None:
        client = TunnelClient(
            "https://s:1", ssl.create_default_context(), echo, HandClock(), random.Random(1), dial=refused
        )
        monkeypatch.setattr(asyncio, "sleep", sleep)
        with pytest.raises(Enough):
            await client.run()

    run(story())
    assert waits[0] <= 0.2
    assert 2.5 <= max(waits) <= 5.0
    assert all(w >= 0.1 for w in waits)
