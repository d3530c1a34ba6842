"""A server on loopback with real TLS in front of a hub, and nodes that connect to it."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from k3py.base.clock import SystemClock
from k3py.model.streams import (
    Channel,
    Logs,
    MessageStream,
    StreamHandler,
    StreamRequest,
    status_message,
    success_status,
)
from k3py.pki.ca import CertificateAuthority
from k3py.pki.contexts import client_context
from k3py.pki.csr import key_pem, new_key
from k3py.pki.identity import Identity, identity_of, node_identity
from k3py.proxy.client import TunnelClient
from k3py.proxy.dial import SocketConnection
from k3py.proxy.server import TUNNEL_PROTOCOL, TunnelHub
from tests.pki.helpers import StoppedClock, authority, server_tls

DEADLINE_SECONDS = 20.0


def request(pod: str = "web") -> Logs:
    return Logs(namespace="default", pod=pod, uid="u", container="c")


def node_tls(ca: CertificateAuthority, identity: Identity) -> ssl.SSLContext:
    key = new_key()
    return client_context(ca.certificate_pem, ca.issue_client(key.public_key(), identity), key_pem(key))


class Front(SocketConnection):
    """What the HTTP server does: read the request, look at the certificate, answer 101, hand over."""

    def __init__(self, server: "Server") -> None:
        super().__init__()
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.connections.append(self)
        self._task = asyncio.get_running_loop().create_task(self._switch(transport))

    async def _switch(self, transport: asyncio.BaseTransport) -> None:
        try:
            await self.read_head()
        except ConnectionError:
            return
        der = transport.get_extra_info("ssl_object").getpeercert(True)
        node = identity_of(der).node_name if der else ""
        if not node:
            self.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            self.close()
            return
        self.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\n\r\n" % TUNNEL_PROTOCOL.encode())
        self._server.hub.accept(self, node)


class Server:
    """A hub that listens. ``kill`` is what clients see of ``kill -9``; ``listen`` brings it back on the same port."""

    def __init__(self, ca: CertificateAuthority) -> None:
        self.hub = TunnelHub(SystemClock())
        self.connections: list[Front] = []
        self._tls = server_tls(ca)
        self._port = 0
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Front(self), "127.0.0.1", self._port, ssl=self._tls, reuse_address=True
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for connection in self.connections:
            connection.abort()
        self.connections.clear()
        await self.hub.stop()
        self.hub = TunnelHub(SystemClock())


class Node:
    """A tunnel client that runs until the context ends; ``kill`` drops it without a word."""

    def __init__(self, server: Server, ca: CertificateAuthority, handler: StreamHandler, name: str = "n1") -> None:
        tls = node_tls(ca, node_identity(name))
        self.client = TunnelClient(server.url, tls, handler, SystemClock(), random.Random(1))
        self._task = asyncio.create_task(self.client.run())

    async def kill(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@contextlib.asynccontextmanager
async def cluster(handler: StreamHandler) -> AsyncIterator[tuple[Server, Node, CertificateAuthority]]:
    """A server and the node ``n1``, connected."""
    ca = authority(StoppedClock(time.time()))
    server = Server(ca)
    await server.listen()
    node = Node(server, ca, handler)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await node.client.connected()
            yield server, node, ca
    finally:
        await node.kill()
        await server.kill()
        # TLS transports say goodbye in a later turn of the loop.
        await asyncio.sleep(0.01)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, DEADLINE_SECONDS + 5))


async def echo(request: StreamRequest, stream: MessageStream) -> None:
    """Sends back on STDOUT what comes on STDIN, then says that all went well."""
    while (message := await stream.read()) is not None:
        await stream.write(bytes((Channel.STDOUT,)) + message[1:])
    await stream.write(status_message(success_status()))


async def silent(request: StreamRequest, stream: MessageStream) -> None:
    await asyncio.Event().wait()
