"""The tunnel through the API's own HTTP server: upgrade, certificate, back-pressure, stopping."""

import asyncio
import random
import time

import pytest

from k3py.api.http.messages import Request, Response, Upgrade
from k3py.api.http.server import HttpServer
from k3py.base.clock import SystemClock
from k3py.model.streams import MESSAGE_BYTES_MAX, MessageStream, StreamRequest, StreamReset
from k3py.pki.identity import identity_of, node_identity
from k3py.proxy.client import TunnelClient
from k3py.proxy.server import TUNNEL_PATH, TUNNEL_PROTOCOL, TunnelHub
from tests.pki.helpers import StoppedClock, authority, server_tls
from tests.proxy.helpers import DEADLINE_SECONDS, node_tls, request

MESSAGES = 300


async def chatty(request: StreamRequest, stream: MessageStream) -> None:
    for number in range(MESSAGES):
        await stream.write(b"\1" + bytes([number % 256]) * (MESSAGE_BYTES_MAX - 1))
    await asyncio.Event().wait()


def test_a_node_behind_the_real_server() -> None:
    async def story() -> None:
        ca = authority(StoppedClock(time.time()))
        hub = TunnelHub(SystemClock())

        def answer(asked: Request) -> Response | Upgrade:
            assert asked.path == TUNNEL_PATH
            assert asked.header(b"upgrade") == TUNNEL_PROTOCOL
            certificate = asked.peer_certificate
            assert certificate is not None
            node = identity_of(certificate).node_name
            return Upgrade([("Upgrade", TUNNEL_PROTOCOL)], lambda raw: hub.accept(raw, node))

        server = HttpServer(answer)
        port = await server.start("127.0.0.1", 0, server_tls(ca))
        tls = node_tls(ca, node_identity("n1"))
        client = TunnelClient(f"https://127.0.0.1:{port}", tls, chatty, SystemClock(), random.Random(1))
        running = asyncio.create_task(client.run())
        streams = [await hub.open("n1", request(f"pod-{n}"), wait_seconds=10) for n in range(3)]
        for stream in streams:
            for number in range(MESSAGES):
                assert await stream.read() == b"\1" + bytes([number % 256]) * (MESSAGE_BYTES_MAX - 1)
        await hub.stop()
        for stream in streams:
            with pytest.raises(StreamReset, match="the server stops"):
                await stream.read()
        running.cancel()
        await asyncio.wait([running])
        await server.stop(1.0)

    asyncio.run(asyncio.wait_for(story(), DEADLINE_SECONDS))
