"""One HTTP/1.1 request to a backend over a byte stream, and its answer piece by piece (RFC 9112). Speaks."""

import asyncio
import logging
from collections import deque
from typing import Final

import httptools

from k3py.api.http.body_stream import BodyStream
from k3py.api.reverse_proxy.headers import Fields
from k3py.api.streams.forward import Duplex
from k3py.model.errors import Problem

log = logging.getLogger(__name__)

HEAD_BYTES_MAX: Final = 64 * 1024  # as much as we take of a request's head
READ_BYTES: Final = 64 * 1024
WRITE_BYTES: Final = 64 * 1024
# A client that sends nothing of its body for so long is gone; as our own bodies have it.
BODY_IDLE_SECONDS: Final = 60.0


class BadAnswer(ConnectionError):
    """The backend does not speak HTTP/1.x, or stopped in the middle of an answer."""


def encode_head(method: str, target: str, fields: Fields) -> bytes:
    """The request's head. ``target`` is a path with its query, percent-encoded.

    Raises:
        ValueError: a control character, which could split the request.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    if any(mark in line for line in lines for mark in "\r\n\0"):
        raise ValueError("cannot pass on a request with a control character in its head")
    return "\r\n".join((*lines, "", "")).encode("latin-1")


class Exchange:
    """``start``, then ``read`` until b"". ``status`` and ``fields`` are the answer's head."""

    def __init__(self, connection: Duplex, method: str) -> None:
        self._connection = connection
        self._has_body = method != "HEAD"
        self._pieces: deque[bytes] = deque()
        self._complete = False
        self._head_complete = False
        self._ended = False
        self._parser = httptools.HttpResponseParser(self)
        # Small programs end lines so, and Go's clients read it. A connection carries one answer: none can be hidden.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_data_after_close=True)
        self.status = 0
        self.fields: Fields = []
        self.rest = b""
        """After ``101``: what has come of the other protocol already."""

    # What the parser calls.

    # What follows a complete answer is nobody's.

    def on_message_begin(self) -> None:
        if not self._complete:
            self.fields, self._head_complete = [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._complete:
            self.fields.append((name.decode("latin-1"), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        if not self._complete:
            self.status = self._parser.get_status_code()
            self._head_complete = self.status >= 200 or self.status == 101

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._complete = self._complete or self._head_complete

    # What the proxy calls.

    async def start(self) -> None:
        """Wait for the answer's head.

        Raises:
            BadAnswer: there is none.
            OSError: the connection failed.
        """
        received = 0
        while not self._head_complete:
            data = await self._connection.read(READ_BYTES)
            received += len(data)
            if not data:
                raise BadAnswer("EOF")
            self._feed(data)
            if not self._head_complete and received > HEAD_BYTES_MAX:
                raise BadAnswer(f"the answer's head is larger than {HEAD_BYTES_MAX} bytes")
        if not self._has_body or self.status in (101, 204, 304):
            self._complete = True

    async def read(self) -> bytes:
        """The next piece of the body, b"" at its end.

        Raises:
            BadAnswer: the backend broke off.
            OSError: the connection failed.
        """
        while not self._pieces and not self._complete:
            data = await self._connection.read(READ_BYTES)
            if data:
                self._feed(data)
            else:
                self._end()
        return self._pieces.popleft() if self._pieces else b""

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switched:
            self.rest = data[switched.args[0] :]
        except httptools.HttpParserError as error:
            if not self._complete:
                raise BadAnswer(f"malformed HTTP response: {error}") from error

    def _end(self) -> None:
        """The backend closed: the end of a body that has no length, else it is cut short."""
        named = {name.lower(): value for name, value in self.fields}
        if "content-length" in named or "chunked" in named.get("transfer-encoding", "").lower():
            raise BadAnswer("unexpected EOF")
        self._complete = True

    def close(self) -> None:
        """Let the connection go. May be repeated."""
        if not self._ended:
            self._ended = True
            self._connection.close()


async def send(connection: Duplex, head: bytes, body: bytes | BodyStream) -> None:
    """Send a request, a streamed body as fast as it comes. A backend that answers without reading it is no failure."""
    try:
        await connection.write(head)
        if isinstance(body, BodyStream):
            await _send_stream(connection, body)
        else:
            for start in range(0, len(body), WRITE_BYTES):
                await connection.write(body[start : start + WRITE_BYTES])
    except (OSError, Problem) as problem:
        log.debug("a proxied request was not sent whole: %s", problem)


async def _send_stream(connection: Duplex, body: BodyStream) -> None:
    """What the client breaks off, or sends no more of, the backend must not take for a whole request."""
    try:
        while True:
            async with asyncio.timeout(BODY_IDLE_SECONDS):
                piece = await body.read()
            if body.length is None:
                await connection.write(b"%x\r\n%b\r\n" % (len(piece), piece))  # an empty one is the end
            elif piece:
                await connection.write(piece)
            if not piece:
                return
    except (OSError, Problem):
        connection.close()
        raise
