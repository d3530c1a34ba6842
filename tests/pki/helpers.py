"""A clock that stands still, serial numbers that count, and a plain HTTPS server on loopback."""

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from k3py.pki.ca import CertificateAuthority
from k3py.pki.contexts import server_context
from k3py.pki.csr import key_pem, new_key

NAMES = ("localhost", "127.0.0.1")


@dataclass
class StoppedClock:
    """Says the time it was told."""

    time: float = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def authority(clock: StoppedClock | None = None) -> CertificateAuthority:
    return CertificateAuthority.create(clock or StoppedClock(), itertools.count(1).__next__)


def server_tls(ca: CertificateAuthority, names: tuple[str, ...] = NAMES) -> ssl.SSLContext:
    key = new_key()
    return server_context(ca.sign_server(key.public_key(), names), key_pem(key), ca.certificate_pem)


@dataclass
class Asked:
    """One request that the server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    certificate: bytes | None


@dataclass
class PlainServer:
    """Answers each request with what ``answer`` gives (status, body), one request per connection; keeps all it saw."""

    answer: Callable[[Asked], tuple[int, bytes]]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (f.partition(":") for f in fields if f)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            ssl_object = writer.get_extra_info("ssl_object")
            certificate = ssl_object.getpeercert(True) if ssl_object else None
            request = Asked(line.split()[0], line.split()[1], headers, body, certificate)
            self.asked.append(request)
            code, answer = self.answer(request)
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (code, len(answer)))
            writer.write(answer)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def https(context: ssl.SSLContext, answer: Callable[[Asked], tuple[int, bytes]]) -> AsyncIterator[PlainServer]:
    """A ``PlainServer`` on a free port of loopback."""
    plain = PlainServer(answer)
    server = await asyncio.start_server(plain.serve, "127.0.0.1", 0, ssl=context)
    plain.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield plain
    finally:
        server.close()
        await server.wait_closed()
