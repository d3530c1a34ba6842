"""A server's certificate while clients and nodes are connected: renewed in place, and another one after a restart."""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable

from cryptography import x509

from k3py.api.http.messages import BodyWriter, Request, Response, StreamResponse, Upgrade
from k3py.api.http.server import HttpServer
from k3py.base.backoff import Backoff
from k3py.base.clock import SystemClock
from k3py.client.http import HttpClient
from k3py.daemons.certificates import ServerCertificate
from k3py.model.streams import MessageStream, StreamRequest
from k3py.pki.ca import LIFETIME_SECONDS, CertificateAuthority
from k3py.pki.contexts import client_context
from k3py.pki.csr import key_pem, new_key
from k3py.pki.identity import identity_of, node_identity
from k3py.pki.rotation import keep_fresh
from k3py.proxy.client import TunnelClient
from k3py.proxy.server import TUNNEL_PATH, TUNNEL_PROTOCOL, TunnelHub
from tests.e2e.raw_client import Connection
from tests.pki.helpers import StoppedClock, authority
from tests.proxy.helpers import request

DEADLINE_SECONDS = 20.0
RENEWALS = 3


def run(story: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(story, DEADLINE_SECONDS))


class Serving:
    """The API's HTTP server with a certificate as the daemon makes it: answers, a stream of numbers, the tunnel."""

    def __init__(self, ca: CertificateAuthority) -> None:
        self.certificate = ServerCertificate(ca, "127.0.0.1", [], "10.43.0.1")
        self.hub = TunnelHub(SystemClock())
        self.ticks = asyncio.Queue[int]()
        self.server = HttpServer(self._answer)
        self.port = 0

    def _answer(self, asked: Request) -> Response | StreamResponse | Upgrade:
        if asked.path == TUNNEL_PATH:
            certificate = asked.peer_certificate
            assert certificate is not None
            node = identity_of(certificate).node_name
            return Upgrade([("Upgrade", TUNNEL_PROTOCOL)], lambda raw: self.hub.accept(raw, node))
        return StreamResponse(self._numbers) if asked.path == "/numbers" else Response(200, b"{}")

    async def _numbers(self, writer: BodyWriter) -> None:
        while number := await self.ticks.get():
            writer.write(b"%d\n" % number)

    async def start(self, port: int = 0) -> None:
        self.port = await self.server.start("127.0.0.1", port, self.certificate.context)

    async def stop(self) -> None:
        await self.hub.stop()
        await self.server.stop(1.0)

    async def connect(self, ca: CertificateAuthority) -> Connection:
        connection = Connection(self.port, client_context(ca.certificate_pem))
        await connection.open()
        return connection


def node_context(ca: CertificateAuthority) -> ssl.SSLContext:
    key = new_key()
    return client_context(ca.certificate_pem, ca.issue_client(key.public_key(), node_identity("n1")), key_pem(key))


async def silent(request: StreamRequest, stream: MessageStream) -> None:
    await stream.write(f"\1{request.pod}".encode())
    await asyncio.Event().wait()


async def shown(port: int, ca: CertificateAuthority) -> int:
    """The serial number of the certificate that a new connection sees."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context(ca.certificate_pem))
    seen: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(seen).serial_number


def test_renewals_drop_no_connection() -> None:
    """A connection, a stream and a tunnel stand over several lives of the certificate."""

    async def story() -> None:
        ca = authority(StoppedClock(time.time()))
        serving = Serving(ca)
        await serving.start()
        client = TunnelClient(
            f"https://127.0.0.1:{serving.port}", node_context(ca), silent, SystemClock(), random.Random(1)
        )
        node = asyncio.create_task(client.run())
        before = await serving.hub.open("n1", request("before"), wait_seconds=10)
        plain, streaming = await serving.connect(ca), await serving.connect(ca)
        numbers = aiter(streaming.watch("/numbers"))
        serials = [await shown(serving.port, ca)]
        for number in range(1, RENEWALS + 1):
            await serving.certificate.renew()
            serials.append(await shown(serving.port, ca))
            assert (await plain.request("GET", "/"))[0] == 200
            serving.ticks.put_nowait(number)
            assert await anext(numbers) == number
        assert len(set(serials)) == len(serials)
        assert await before.read() == b"\1before"
        assert await (await serving.hub.open("n1", request("after"), wait_seconds=0)).read() == b"\1after"
        serving.ticks.put_nowait(0)
        for each in (plain, streaming):
            each.close()
        node.cancel()
        await asyncio.wait([node])
        await serving.stop()

    run(story())


def test_a_certificate_that_is_due_is_renewed_by_itself() -> None:
    async def story() -> None:
        clock = StoppedClock(time.time() - LIFETIME_SECONDS * 0.7)
        ca = authority(clock)
        serving = Serving(ca)
        await serving.start()
        connection = await serving.connect(ca)
        old = await shown(serving.port, ca)
        renewed = asyncio.Event()

        async def renew() -> bytes:
            renewed.set()
            return await serving.certificate.renew()

        clock.time = time.time()
        fresh = asyncio.create_task(
            keep_fresh(serving.certificate.pem, renew, clock, Backoff(random.Random(1), 1.0, 60.0))
        )
        await renewed.wait()
        assert await shown(serving.port, ca) != old
        assert (await connection.request("GET", "/"))[0] == 200
        connection.close()
        fresh.cancel()
        await asyncio.wait([fresh])
        await serving.stop()

    run(story())


def test_a_node_and_a_client_come_back_to_a_server_with_another_certificate() -> None:
    """A server makes its key anew at every start; who trusts the CA does not mind."""

    async def story() -> None:
        ca = authority(StoppedClock(time.time()))
        first = Serving(ca)
        await first.start()
        url, context = f"https://127.0.0.1:{first.port}", node_context(ca)
        client = TunnelClient(url, context, silent, SystemClock(), random.Random(1))
        node = asyncio.create_task(client.run())
        await first.hub.open("n1", request("one"), wait_seconds=10)
        async with HttpClient([url], context) as api:
            await api.request("GET", "/version")
            old = await shown(first.port, ca)
            await first.stop()
            second = Serving(ca)
            await second.start(first.port)
            assert await shown(second.port, ca) != old
            await api.request("GET", "/version")
        stream = await second.hub.open("n1", request("two"), wait_seconds=10)
        assert await stream.read() == b"\1two"
        node.cancel()
        await asyncio.wait([node])
        await second.stop()

    run(story())
