"""A small HTTP/1.1 client of the API for thousands of connections: one request at a time on each, and watches."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

Object = dict[str, Any]
LINE_BYTES_MAX = 4 << 20
JSON = "application/json"


class Gone(Exception):
    """The connection ended before the answer did."""


class Connection:
    """One TLS connection to the server on this host."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port = port
        self._context = context
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            Gone: nobody listens.
        """
        try:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._context, limit=LINE_BYTES_MAX
            )
        except OSError as error:
            raise Gone(str(error)) from error

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    async def request(self, method: str, path: str, body: Any = None, media_type: str = JSON) -> tuple[int, Object]:
        """Status code and body of one request.

        Raises:
            Gone: the connection ended first: the request may have been carried out, or not.
        """
        assert self._reader is not None
        try:
            self._send(method, path, b"" if body is None else json.dumps(body).encode(), JSON, media_type)
            status, fields = await self._head()
            if "content-length" in fields:
                answer = await self._reader.readexactly(int(fields["content-length"]))
            else:  # a list of very many objects
                answer = await self._chunks()
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Gone(str(error)) from error
        return status, json.loads(answer)

    async def _chunks(self) -> bytes:
        """A chunked body (RFC 9112, section 7.1)."""
        assert self._reader is not None
        found = bytearray()
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            found += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return bytes(found)

    async def watch(self, path: str, accept: str = JSON) -> AsyncIterator[Object]:
        """The events of a watch until the connection ends, however it does."""
        assert self._reader is not None
        try:
            self._send("GET", path, b"", accept)
            status, fields = await self._head()
            assert (status, fields["transfer-encoding"]) == (200, "chunked"), (path, status)
            waiting = b""
            while size := int(await self._reader.readline() or b"0", 16):
                waiting += await self._reader.readexactly(size)
                await self._reader.readexactly(2)
                *lines, waiting = waiting.split(b"\n")
                for line in lines:
                    yield json.loads(line)
        except (OSError, asyncio.IncompleteReadError):
            return

    def begin(self, method: str, path: str, length: int, body: bytes) -> None:
        """Send a request whose body has ``length`` bytes, and ``body`` as the first of them."""
        assert self._writer is not None
        head = f"{method} {path} HTTP/1.1\r\nHost: k3py\r\nContent-Length: {length}\r\n\r\n"
        self._writer.write(head.encode() + body)

    def _send(self, method: str, path: str, body: bytes, accept: str, media_type: str = JSON) -> None:
        assert self._writer is not None
        head = f"{method} {path} HTTP/1.1\r\nHost: k3py\r\nAccept: {accept}\r\n"
        if body:
            head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)

    async def _head(self) -> tuple[int, dict[str, str]]:
        assert self._reader is not None
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), fields
