"""TLS to a backend, inside a byte stream that leads there. Acts.

As Kubernetes does, the backend's certificate is not checked: it is reached by its place in the cluster, not by a name.
"""

import asyncio
import ssl
from typing import Final

from k3py.api.streams.forward import Duplex

READ_BYTES: Final = 64 * 1024
HANDSHAKE_SECONDS: Final = 10.0


class TlsDuplex:
    """A ``Duplex`` whose bytes are encrypted on ``below``. ``handshake`` comes first."""

    def __init__(self, below: Duplex) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        self._sending = asyncio.Lock()

    async def handshake(self) -> None:
        """Agree on keys.

        Raises:
            OSError: the other end speaks no TLS (``ssl.SSLError``), not in time (``TimeoutError``), or is gone.
        """
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            while True:
                try:
                    self._tls.do_handshake()
                except ssl.SSLWantReadError:
                    await self._flush()
                    await self._receive()
                    continue
                await self._flush()
                return

    async def read(self, size: int) -> bytes:
        """See ``Duplex``."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:
                return b""

    async def write(self, data: bytes) -> None:
        """See ``Duplex``."""
        sent = 0
        while sent < len(data):
            sent += self._tls.write(data[sent : sent + READ_BYTES])
            await self._flush()

    async def write_eof(self) -> None:
        """TLS of HTTP has no half-closed connections; nothing is said."""

    def close(self) -> None:
        """See ``Duplex``."""
        self._below.close()

    async def _flush(self) -> None:
        async with self._sending:
            if self._outgoing.pending:
                await self._below.write(self._outgoing.read())

    async def _receive(self) -> None:
        data = await self._below.read(READ_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
