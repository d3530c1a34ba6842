"""Requests and the three forms of an answer: a whole response, a stream, an upgrade to another protocol."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, Protocol

from k3py.api.http.body_stream import BodyStream
from k3py.api.http.parts import Parts, Steps
from k3py.api.http.targets import decoded_path, origin_form, parsed_query
from k3py.model.errors import Problem

JSON: Final = "application/json"
# Watchers this many bytes behind are cut off: they resume by resource version, memory does not.
STREAM_BUFFER_BYTES: Final = 4 * 1024 * 1024


class SslObject(Protocol):
    """What is needed of ``ssl.SSLObject``."""

    def getpeercert(self, binary_form: bool, /) -> object:
        """The peer's certificate as DER, None when it showed none."""
        ...


class Peer:
    """The other end of a connection: address, and the certificate that it proved to hold."""

    __slots__ = ("_certificate", "_ssl_object", "address")

    def __init__(
        self, address: str = "", ssl_object: SslObject | None = None, certificate: bytes | None = None
    ) -> None:
        self.address = address
        self._ssl_object = ssl_object
        self._certificate = certificate

    @property
    def certificate(self) -> bytes | None:
        """The client certificate as DER, verified against the server's CA; None when it sent none."""
        if self._ssl_object is not None:
            der = self._ssl_object.getpeercert(True)
            self._certificate = der if isinstance(der, bytes) else None
            self._ssl_object = None
        return self._certificate


NO_PEER: Final = Peer()


class Request:
    """One request, whole.

    Attributes:
        method: upper case, e.g. ``GET``.
        target: the request target as received.
        headers: lower-case names; the values of a repeated field joined with ``,`` (RFC 9110, 5.3).
        body: decoded from its transfer coding, b"" when there is none.
        stream: the body as it arrives, where the server was told to stream it; ``body`` is empty then.
        keep_alive: whether the client wishes to use the connection again.
        audit_id: the id the answer will carry in ``Audit-Id``; "" when the server has no source of ids.
    """

    __slots__ = (
        "_path",
        "_query",
        "audit_id",
        "body",
        "headers",
        "http_1_0",
        "keep_alive",
        "method",
        "peer",
        "stream",
        "target",
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: Mapping[bytes, bytes] | None = None,
        body: bytes = b"",
        peer: Peer = NO_PEER,
        *,
        keep_alive: bool = True,
        http_1_0: bool = False,
    ) -> None:
        self.method = method
        self.target = target
        self.headers: Mapping[bytes, bytes] = {} if headers is None else headers
        self.body = body
        self.peer = peer
        self.keep_alive = keep_alive
        self.http_1_0 = http_1_0
        self.audit_id = ""
        self.stream: BodyStream | None = None
        self._path: str | None = None
        self._query: Mapping[str, list[str]] | None = None

    @property
    def remote(self) -> str:
        """The client's IP address."""
        return self.peer.address

    @property
    def peer_certificate(self) -> bytes | None:
        """The client certificate as DER, verified; None when it sent none."""
        return self.peer.certificate

    @property
    def path(self) -> str:
        """The path, percent-decoded, beginning with ``/``.

        Raises:
            BadRequest: it is not UTF-8.
        """
        if self._path is None:
            raw = origin_form(self.target).partition(b"?")[0]
            self._path = decoded_path(raw)
        return self._path

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The query parameters, percent-decoded; a parameter without a value is "".

        Raises:
            BadRequest: not UTF-8, or too many parameters.
        """
        if self._query is None:
            self._query = parsed_query(origin_form(self.target).partition(b"?")[2])
        return self._query

    def header(self, name: bytes, default: str = "") -> str:
        """The value of one header field (name in lower case) as text (ISO 8859-1, as RFC 9110 has it)."""
        value = self.headers.get(name)
        return default if value is None else value.decode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


@lru_cache(maxsize=256)
def status_line(status: int) -> bytes:
    """``HTTP/1.1 200 OK`` and its line end."""
    return f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode()


@lru_cache(maxsize=256)
def _fast_prefix(status: int, content_type: str) -> bytes:
    named = (("Content-Type", content_type),) if content_type else ()
    return status_line(status) + header_lines(named) + b"Content-Length: "


def header_lines(headers: Sequence[tuple[str, str]]) -> bytes:
    """Header fields as on the wire.

    Raises:
        ValueError: a name or value holds a line break or NUL, or is not ISO 8859-1; it would split the message.
    """
    text = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if text.count("\n") != len(headers) or text.count("\r") != len(headers) or "\0" in text:
        raise ValueError("cannot send a header field with a control character")
    return text.encode("latin-1")


class Response:
    """A whole answer. ``headers`` holds neither Content-Type nor Content-Length; no ``content_type`` means no body.

    A large body may be given as ``parts`` instead, or as ``Steps`` that make it while it is sent.
    """

    __slots__ = ("body", "content_type", "headers", "parts", "status")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        content_type: str = JSON,
        headers: Sequence[tuple[str, str]] = (),
        parts: Parts | Steps | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.parts = parts
        self.content_type = content_type
        self.headers = headers

    @property
    def content(self) -> bytes | Parts | Steps:
        """The body, in whichever form it was given."""
        return self.body if self.parts is None else self.parts

    def encode_head(self, extra: bytes = b"") -> bytes:
        """Status line and header fields up to the empty line; ``extra`` are finished header lines.

        Raises:
            ValueError: a header field cannot be sent (see ``header_lines``).
        """
        if self.status == 204 or self.status == 304:
            return b"%b%b%b\r\n" % (status_line(self.status), header_lines(self.headers), extra)
        named = header_lines(self.headers) if self.headers else b""
        content = self.content
        return b"%b%d\r\n%b%b\r\n" % (
            _fast_prefix(self.status, self.content_type),
            len(bytes(content)) if isinstance(content, Steps) else len(content),
            named,
            extra,
        )

    def encode(self, extra: bytes = b"") -> bytes:
        """The whole answer as on the wire. Raises as ``encode_head`` does."""
        return self.encode_head(extra) + bytes(self.content)


def problem_response(problem: Problem) -> Response:
    """A problem as Kubernetes answers it: a ``Status`` object in JSON, with Retry-After where one is named."""
    headers: list[tuple[str, str]] = []
    if problem.details is not None and problem.details.retry_after_seconds:
        headers.append(("Retry-After", str(problem.details.retry_after_seconds)))
    return Response(problem.code, json.dumps(problem.status()).encode(), JSON, headers)


class BodyWriter(Protocol):
    """The writing end of a stream's body."""

    on_close: Callable[[], None] | None
    """Called once when the client is gone or was cut off; the task of ``run`` is cancelled after it."""
    on_stop: Callable[[], None] | None
    """Called when the server stops; without it the task of ``run`` is cancelled and the body ended properly."""

    def write(self, data: bytes) -> None:
        """Send one chunk. Never blocks; does nothing once closed. Beyond the stated limit the client is cut off."""
        ...

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written, or is gone."""
        ...

    async def turn(self) -> None:
        """Wait for one's turn to do a piece of long work: of all streams together one does, between other things."""
        ...

    @property
    def buffered(self) -> int:
        """Bytes written that the socket has not taken yet."""
        ...

    @property
    def closed(self) -> bool:
        """No more will be sent."""
        ...

    def close(self) -> None:
        """End the body. Returning from ``run`` does the same."""
        ...


class StreamResponse:
    """An answer whose body is written as it comes into being: chunked, or with a ``length`` that is known before.

    ``run`` writes it, in a task of its own, and ends the body by returning. When the client goes away the task is
    cancelled; for a client that left before, ``run`` is never called. When ``run`` raises, the connection is broken
    off, so that the client sees an incomplete body. With a length it must write exactly so many bytes, or raise.
    A client with more than ``buffer_bytes`` unsent is cut off, and one that takes nothing for as long as answers wait
    when the stream ``hurries``: it is an answer that would end soon, nobody pauses it on purpose.
    """

    __slots__ = ("buffer_bytes", "content_type", "headers", "hurries", "length", "run", "status")

    def __init__(
        self,
        run: Callable[[BodyWriter], Awaitable[None]],
        status: int = 200,
        content_type: str = JSON,
        headers: Sequence[tuple[str, str]] = (),
        buffer_bytes: int = STREAM_BUFFER_BYTES,
        length: int | None = None,
        hurries: bool = False,
    ) -> None:
        self.run = run
        self.length = length
        self.hurries = hurries
        self.status = status
        self.content_type = content_type
        self.headers = headers
        self.buffer_bytes = buffer_bytes

    def encode_head(self, chunked: bool, extra: bytes) -> bytes:
        """As ``Response.encode_head``, which see."""
        headers = [("Content-Type", self.content_type), *self.headers]
        if self.length is not None:
            headers.append(("Content-Length", str(self.length)))
        elif chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        return b"%b%b%b\r\n" % (status_line(self.status), header_lines(headers), extra)


class RawConnection(Protocol):
    """A connection that speaks another protocol after ``101 Switching Protocols``."""

    on_data: Callable[[bytes], None] | None
    on_close: Callable[[], None] | None
    """Called once, when the connection is gone for whatever reason."""
    on_stop: Callable[[], None] | None
    """Called when the server stops; whoever has not closed at the end of the grace period is aborted."""

    def write(self, data: bytes) -> None:
        """Send bytes. Never blocks; does nothing once closed."""
        ...

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was written, or is gone."""
        ...

    @property
    def buffered(self) -> int:
        """Bytes written that the socket has not taken yet."""
        ...

    @property
    def closed(self) -> bool:
        """Nothing that is written will be sent."""
        ...

    def pause_reading(self) -> None:
        """Stop calling ``on_data`` soon: the peer is slowed down by TCP."""
        ...

    def resume_reading(self) -> None:
        """Call ``on_data`` again."""
        ...

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run ``work`` in the background; it is cancelled when the server has stopped."""
        ...

    def close(self) -> None:
        """Send what was written, then close."""
        ...

    def abort(self) -> None:
        """Close at once; what was not sent yet is lost."""
        ...


class Upgrade:
    """Answer 101 with these headers (they include Upgrade, not Connection), then hand the connection over.

    ``take_over`` sets ``on_data`` and ``on_close``; bytes that came behind the request follow at once.
    """

    __slots__ = ("headers", "take_over")

    def __init__(self, headers: Sequence[tuple[str, str]], take_over: Callable[[RawConnection], None]) -> None:
        self.headers = headers
        self.take_over = take_over

    def encode_head(self, extra: bytes) -> bytes:
        """As ``Response.encode_head``, which see."""
        return b"%b%b%b\r\n" % (status_line(101), header_lines((*self.headers, ("Connection", "Upgrade"))), extra)


Answer = Response | StreamResponse | Upgrade
Handler = Callable[[Request], Answer | Awaitable[Answer]]
