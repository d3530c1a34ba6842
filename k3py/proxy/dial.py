"""A node's way to the server: connect by TLS, ask to switch protocols, hand over the connection. Acts."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

from k3py.proxy.frames import TunnelError
from k3py.proxy.server import TUNNEL_PATH, TUNNEL_PROTOCOL

CONNECT_SECONDS: Final = 10.0  # for TCP, TLS and the answer together
ANSWER_BYTES_MAX: Final = 16 * 1024  # head of the answer, and what may have come behind it
DEFAULT_PORT: Final = 6443


class SocketConnection(asyncio.Protocol):
    """A ``RawConnection`` on an asyncio transport. What comes before ``on_data`` is set is kept, up to a bound."""

    def __init__(self) -> None:
        self.on_close: Callable[[], None] | None = None
        self._on_data: Callable[[bytes], None] | None = None
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._changed = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._is_over = False

    @property
    def on_data(self) -> Callable[[bytes], None] | None:
        return self._on_data

    @on_data.setter
    def on_data(self, receive: Callable[[bytes], None] | None) -> None:
        self._on_data = receive
        if receive is not None and self._early:
            early, self._early = bytes(self._early), bytearray()
            receive(early)
        if receive is not None and self._transport is not None and not self._is_over:
            self._transport.resume_reading()

    async def read_head(self) -> bytes:
        """Bytes up to and with the first empty line; what follows stays for ``on_data``.

        Raises:
            TunnelError: the connection ended before, or the head is larger than ``ANSWER_BYTES_MAX``.
        """
        while (end := self._early.find(b"\r\n\r\n")) < 0:
            if self._is_over:
                raise TunnelError("the server closed the connection without an answer")
            if len(self._early) >= ANSWER_BYTES_MAX:
                raise TunnelError("the server's answer has no end")
            self._changed.clear()
            await self._changed.wait()
        head = bytes(self._early[: end + 4])
        del self._early[: end + 4]
        return head

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods but not the class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._on_data is not None:
            self._on_data(data)
            return
        self._early += data
        self._changed.set()
        if len(self._early) >= ANSWER_BYTES_MAX and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._changed.set()
        self._flowing.set()
        if self.on_close is not None:
            self.on_close()

    def pause_writing(self) -> None:
        self._flowing.clear()

    def resume_writing(self) -> None:
        self._flowing.set()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._is_over:
            self._transport.write(data)

    async def drain(self) -> None:
        await self._flowing.wait()

    @property
    def buffered(self) -> int:
        return 0 if self._transport is None or self._is_over else self._transport.get_write_buffer_size()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def dial(server: str, context: ssl.SSLContext) -> SocketConnection:
    """A connection to the tunnel of the server at URL ``server``, switched and ready to be taken over.

    Raises:
        OSError: no connection, no trust (``ssl.SSLError``), no answer in ``CONNECT_SECONDS`` (``TimeoutError``), or
            (``TunnelError``) the server does not switch protocols.
    """
    host, port = _address(server)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_SECONDS):
        _, connection = await loop.create_connection(SocketConnection, host, port, ssl=context)
        try:
            connection.write(_request(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
            _check(await connection.read_head())
        except BaseException:
            connection.abort()
            raise
    return connection


def _address(server: str) -> tuple[str, int]:
    """Host and port of the server's URL. Raises TunnelError when it is no https:// URL."""
    try:
        url = urlsplit(server)
        if url.scheme == "https" and url.hostname:
            return url.hostname, url.port or DEFAULT_PORT
    except ValueError:
        pass
    raise TunnelError(f"cannot connect to {server!r}: it must be https://<host>:<port>")


def _request(authority: str) -> bytes:
    return (
        f"GET {TUNNEL_PATH} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: {TUNNEL_PROTOCOL}\r\n\r\n"
    ).encode("ascii")


def _check(head: bytes) -> None:
    """Raises TunnelError unless the head of the answer says that the protocol was switched (RFC 9110, 15.2.2)."""
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if status.split(" ")[:2] != ["HTTP/1.1", "101"]:
        raise TunnelError(f"the server refused the tunnel: {status[:200]}")
    if fields.get("upgrade") != TUNNEL_PROTOCOL:
        raise TunnelError(f"the server switched to {fields.get('upgrade', 'nothing')!r} instead of the tunnel")
