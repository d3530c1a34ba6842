"""Bytes received on one connection to requests: framing, limits, and the refusal of what is ambiguous.

The head is parsed in one piece, once it is complete, by llhttp; bodies are cut out here. So the outcome never depends
on how the bytes were split, and llhttp never looks beyond a head. (Feeding it the stream would be shorter, but its
limits would depend on the splits, and a pipelined request would be parsed before the first is answered.)
"""

from collections.abc import Callable
from typing import ClassVar, Final, Protocol

import httptools

from k3py.api.http.body_stream import BodyStream
from k3py.api.http.chunked import ChunkedBody, body_too_large
from k3py.api.http.limits import Limits
from k3py.api.http.messages import Peer, Request
from k3py.model.errors import BadRequest, Details, MethodNotAllowed, Problem, Unavailable

METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_HEAD_END: Final = b"\r\n\r\n"
# A chunk of a body that is streamed; its pieces are handed out as they come, so this bounds no memory.
STREAMED_CHUNK_BYTES_MAX: Final = 2**32
Streams = Callable[[str, bytes], bool]
# More digits than any length that could be accepted; int() of a long text costs.
_LENGTH_DIGITS_MAX: Final = 15


class HeadTooLarge(Problem):
    """RFC 6585, section 5."""

    code, reason = 431, ""


class ExpectationFailed(Problem):
    """RFC 9110, 15.5.18."""

    code, reason = 417, ""


class BodyBudget(Protocol):
    """Memory for bodies, shared by all connections."""

    def take(self, size: int, address: str) -> bool:
        """Reserve ``size`` bytes for a client, or refuse."""
        ...

    def give_back(self, size: int, address: str) -> None: ...


class _Head:
    """What llhttp calls while it parses one head."""

    __slots__ = ("count", "fields", "repeated_host", "target")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.target = b""
        self.count = 0
        self.repeated_host = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.count += 1
        fields = self.fields
        if name in fields:
            self.repeated_host = self.repeated_host or name == b"host"
            fields[name] = fields[name] + b"," + value.rstrip(b" \t")
        else:
            fields[name] = value.rstrip(b" \t")


class RequestReader:
    """``receive`` bytes, then call ``next`` until it returns None."""

    __slots__ = (
        "_body",
        "_budget",
        "_buffer",
        "_head",
        "_limits",
        "_missing",
        "_parser",
        "_peer",
        "_request",
        "_reserved",
        "_searched",
        "_start",
        "_stream",
        "_streams",
        "_wants_continue",
    )
    _parser_type: ClassVar = httptools.HttpRequestParser

    def __init__(self, limits: Limits, budget: BodyBudget, peer: Peer, streams: Streams | None = None) -> None:
        """``streams`` tells by method and target whose body is handed out while it arrives."""
        self._limits = limits
        self._streams = streams
        self._stream: BodyStream | None = None
        self._budget = budget
        self._peer = peer
        self._head = _Head()
        self._parser = self._parser_type(self._head)
        self._buffer: bytes | bytearray = b""
        self._start = 0  # of what was not parsed yet, in the buffer
        self._searched = 0  # up to here there is no end of a head
        self._request: Request | None = None  # whose body is being received
        self._body: bytearray | ChunkedBody = bytearray()
        self._missing = 0  # bytes of a body of known length
        self._reserved = 0
        self._wants_continue = False

    @property
    def buffered(self) -> int:
        """Bytes received that belong to no request yet."""
        return len(self._buffer) - self._start

    @property
    def in_head(self) -> bool:
        """A head has begun and is not complete."""
        return self._request is None and self.buffered > 0

    @property
    def in_body(self) -> bool:
        """A head is complete, its body is not."""
        return self._request is not None

    @property
    def streaming(self) -> bool:
        """A request was handed out whose body is still arriving: ``pump`` after each ``receive``, never ``next``."""
        return self._stream is not None

    def pump(self) -> None:
        """Move what has arrived into the stream of the request that was handed out, if there is one."""
        stream = self._stream
        if stream is None:
            return
        try:
            if isinstance(self._body, ChunkedBody):
                finished = self._chunks(self._body)
                stream.feed(bytes(self._body.body))
                self._body.body.clear()
                self._release()
            else:
                piece = self._take_missing()
                stream.feed(piece)
                finished = not self._missing
        except Problem as problem:
            self._stream = None
            stream.fail(problem)
            return
        if finished:
            self._stream = None
            stream.finish()

    def take_continue(self) -> bool:
        """Whether the client waits for ``100 Continue``; says so once per request."""
        wants, self._wants_continue = self._wants_continue, False
        return wants

    def take_rest(self) -> bytes:
        """Everything behind the last request: it belongs to the protocol that the connection was upgraded to."""
        rest = bytes(self._buffer[self._start :])
        self._buffer, self._start = b"", 0
        return rest

    def close(self) -> None:
        """Give memory back."""
        if self._stream is not None:
            self._stream.fail(ConnectionResetError("the client has gone"))
            self._stream = None
        self._buffer, self._start, self._request, self._body = b"", 0, None, bytearray()
        self._release()

    def receive(self, data: bytes) -> None:
        """Bytes from the socket."""
        if self._start == len(self._buffer):
            self._buffer = data
            self._start = self._searched = 0
            return
        if not isinstance(self._buffer, bytearray):
            self._searched -= self._start
            self._buffer = bytearray(self._buffer[self._start :])
            self._start = 0
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, None when more bytes are needed. After a problem the connection cannot go on.

        Raises:
            BadRequest, HeadTooLarge, RequestTooLarge, MethodNotAllowed, ExpectationFailed: the request is refused.
            Unavailable: too many bodies are being received.
        """
        if self._request is None:
            head = self._next_head()
            if head is None:
                return None
            request = self._parsed(head)
            if not self._begin_body(request):
                return request
        return self._next_body()

    def _next_head(self) -> bytes | None:
        buffer, start = self._buffer, self._start
        while start < len(buffer) and buffer[start] in b"\r\n":  # RFC 9112, 2.2: empty lines before a request
            start += 1
        self._start = start
        end = buffer.find(_HEAD_END, max(start, self._searched))
        size = (end + 4 if end >= 0 else len(buffer)) - start
        if size > self._limits.head_bytes:
            raise HeadTooLarge(f"the request's header fields are larger than {self._limits.head_bytes} bytes")
        if end < 0:
            self._searched = max(start, len(buffer) - 3)
            return None
        self._start = self._searched = end + 4
        head = buffer[start : end + 4]
        return head if isinstance(head, bytes) else bytes(head)

    def _parsed(self, head: bytes) -> Request:
        parsed = self._head
        parsed.begin()
        version = head[: head.find(b"\r\n")][-9:]
        if version != b" HTTP/1.1" and version != b" HTTP/1.0":
            raise BadRequest("the request line is malformed or its HTTP version is neither 1.0 nor 1.1")
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            self._parser = self._parser_type(parsed)
        except httptools.HttpParserInvalidMethodError:
            raise MethodNotAllowed("the request's method is not known") from None
        except httptools.HttpParserError as error:
            raise BadRequest(f"the request is malformed: {error}") from None
        method = METHODS.get(self._parser_method(head))
        if method is None:
            raise MethodNotAllowed("the server does not allow this method on the requested resource", Details())
        return self._checked(method, head, version == b" HTTP/1.0")

    @staticmethod
    def _parser_method(head: bytes) -> bytes:
        return head[: head.find(b" ")]

    def _checked(self, method: str, head: bytes, http_1_0: bool) -> Request:
        parsed = self._head
        fields = parsed.fields
        if parsed.count > self._limits.header_count:
            raise HeadTooLarge(f"the request has more than {self._limits.header_count} header fields")
        if parsed.repeated_host or (b"host" not in fields and not http_1_0):
            raise BadRequest("the request must name exactly one Host")
        keep_alive = not http_1_0
        if (connection := fields.get(b"connection")) is not None:
            options = [option.strip() for option in connection.lower().split(b",")]
            if b"close" in options:
                keep_alive = False
            elif http_1_0:
                keep_alive = b"keep-alive" in options
        return Request(method, parsed.target, fields, b"", self._peer, keep_alive=keep_alive, http_1_0=http_1_0)

    def _begin_body(self, request: Request) -> bool:
        """Whether a body follows; if so, get ready for it."""
        fields = request.headers
        length = fields.get(b"content-length")
        coding = fields.get(b"transfer-encoding")
        if length is None and coding is None:
            return False
        # llhttp may now wait for a body that it will never see: the next head needs a new one.
        self._parser = self._parser_type(self._head)
        if coding is not None:
            if length is not None or request.http_1_0 or coding.lower() != b"chunked":
                raise BadRequest("the body's transfer coding must be chunked, and nothing else")
            if self._begin_stream(request, None):
                return False
            self._body = ChunkedBody(self._limits.body_bytes)
        else:
            if self._begin_stream(request, length):
                return False
            self._missing = self._declared(length or b"")
            if self._missing == 0:
                return False
            self._body = bytearray()
        self._request = request
        self._expectation(request)
        return True

    def _begin_stream(self, request: Request, length: bytes | None) -> bool:
        """Whether the body is streamed; if so, get ready for that. One without an end is as good as one too long."""
        if self._streams is None or not self._streams(request.method, request.target):
            return False
        if length is not None:
            if not length.isdigit() or len(length) > _LENGTH_DIGITS_MAX:
                raise BadRequest("the Content-Length is no number")
            self._missing, self._body = int(length), bytearray()
            if self._missing == 0:
                return False
        else:
            self._body = ChunkedBody(STREAMED_CHUNK_BYTES_MAX)
        self._stream = request.stream = BodyStream(None if length is None else self._missing)
        self._expectation(request)
        return True

    def _declared(self, length: bytes) -> int:
        if not length.isdigit():
            raise BadRequest("the Content-Length is no number")
        if len(length) > _LENGTH_DIGITS_MAX or int(length) > self._limits.body_bytes:
            raise body_too_large(self._limits.body_bytes)
        return int(length)

    def _expectation(self, request: Request) -> None:
        expected = request.headers.get(b"expect")
        if expected is None or request.http_1_0:
            return
        if expected.lower() != b"100-continue":
            raise ExpectationFailed("the only expectation that can be met is 100-continue")
        self._wants_continue = True

    def _next_body(self) -> Request | None:
        body = self._body
        if isinstance(body, ChunkedBody):
            if not self._chunks(body):
                return None
            whole = bytes(body.body)
        else:
            piece = self._take_missing()
            if self._missing:
                body += piece
                self._reserve(len(body))
                return None
            whole = bytes(body + piece) if body else piece
        request, self._request, self._body = self._request, None, bytearray()
        self._release()
        assert request is not None
        request.body = whole
        return request

    def _take_missing(self) -> bytes:
        piece = self._buffer[self._start : self._start + self._missing]
        self._start += len(piece)
        self._searched = self._start
        self._missing -= len(piece)
        return bytes(piece)

    def _chunks(self, body: ChunkedBody) -> bool:
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer)
        del self._buffer[: self._start]
        self._start = self._searched = 0
        body.feed(self._buffer)
        self._reserve(len(body.body))
        return body.finished

    def _reserve(self, size: int) -> None:
        """So much of a body has come. Reckoned as it comes: who only promises much takes nothing from others."""
        more = size - self._limits.body_bytes_free - self._reserved
        if more <= 0:
            return
        if not self._budget.take(more, self._peer.address):
            raise Unavailable("the server is receiving too many request bodies", Details(retry_after_seconds=1))
        self._reserved += more

    def _release(self) -> None:
        self._budget.give_back(self._reserved, self._peer.address)
        self._reserved = 0
