"""A client that costs little: request bytes made beforehand, blocking TLS sockets under epoll, hardly any parsing.

It has to be several times cheaper than the server it measures, since both have one core.
"""

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

CONNECT_SECONDS = 30
ANSWER_SECONDS = 60
READ_BYTES = 1 << 18


@dataclass(frozen=True)
class Target:
    """Where the server is, and who we are."""

    host: str
    port: int
    tls: ssl.SSLContext

    def request(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nAccept: application/json\r\n"
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(plain, server_hostname=self.host)

    def call(self, method: str, path: str, body: Any = None, ok: tuple[int, ...] = (200, 201, 202)) -> Any:
        """One request on a connection of its own; its answer's JSON.

        Raises:
            RuntimeError: the status is not one of ``ok``.
        """
        with contextlib.closing(Connection(self)) as connection:
            connection.send(self.request(method, path, orjson.dumps(body) if body is not None else b""))
            while not connection.read():
                pass
        if connection.status not in ok:
            raise RuntimeError(f"{method} {path}: {connection.status} {connection.body[:300]!r}")
        return orjson.loads(connection.body) if connection.body else None


class Connection:
    """One keep-alive connection with one request at a time. Answers have a Content-Length or are chunked."""

    def __init__(self, target: Target) -> None:
        self.socket = target.connect()
        self.socket.settimeout(ANSWER_SECONDS)
        self.sent_at = 0.0
        self.status = 0
        self._buffer = bytearray()
        self._start = self._end = 0

    @property
    def body(self) -> bytes:
        """The answer's body."""
        if self._end >= 0:
            return bytes(self._buffer[self._start :])
        pieces, at = [], self._start
        while size := int(self._buffer[at : (line := self._buffer.index(b"\r\n", at))], 16):
            pieces.append(self._buffer[line + 2 : line + 2 + size])
            at = line + 2 + size + 2
        return b"".join(pieces)

    def send(self, request: bytes) -> None:
        self._buffer.clear()
        self._start = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> bool:
        """Read what is there; True once the answer is whole."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise EOFError("the server closed the connection")
        self._buffer += data
        while pending := self.socket.pending():
            self._buffer += self.socket.recv(pending)
        if not self._start and not self._head():
            return False
        if self._end < 0:
            return self._buffer.endswith(b"\r\n0\r\n\r\n")
        return len(self._buffer) >= self._end

    def _head(self) -> bool:
        """Find status and length; False when the head is not whole yet."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._start = end + 4
        self.status = int(self._buffer[9:12])
        lower = bytes(self._buffer[:end]).lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            self._end = self._start + int(lower[at + 15 :].split(b"\r\n", 1)[0])
        else:
            self._end = -1 if b"transfer-encoding: chunked" in lower else self._start
        return True

    def close(self) -> None:
        self.socket.close()


@dataclass
class Driven:
    """What a load did."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failures: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def drive(target: Target, connections: int, make: Callable[[int], bytes], seconds: float = 0, count: int = 0) -> Driven:
    """Keep each connection busy with one request after the other until the time or the count is up."""
    pool = [Connection(target) for _ in range(connections)]
    poller = select.epoll()
    by_descriptor = {each.socket.fileno(): each for each in pool}
    for descriptor in by_descriptor:
        poller.register(descriptor, select.EPOLLIN)
    done = Driven()
    latencies, clock = done.latencies, time.perf_counter
    begin = clock()
    stop = begin + seconds if seconds else float("inf")
    total = count or 1 << 62
    sent = 0
    for each in pool[: min(connections, total)]:
        each.send(make(sent))
        sent += 1
    alive = sent
    while alive:
        for descriptor, _ in poller.poll(ANSWER_SECONDS):
            each = by_descriptor[descriptor]
            if not each.read():
                continue
            now = clock()
            latencies.append(now - each.sent_at)
            if each.status >= 300:
                done.failures[each.status] = done.failures.get(each.status, 0) + 1
            if now < stop and sent < total:
                each.send(make(sent))
                sent += 1
            else:
                alive -= 1
    done.seconds = clock() - begin
    poller.close()
    for each in pool:
        each.close()
    return done


class Watchers:
    """Connections that watch one path; they count the events of one type and look at nothing else."""

    MARK = b'"type":"ADDED"'

    def __init__(self, target: Target, path: str, count: int) -> None:
        self._poller = select.epoll()
        self._sockets: dict[int, ssl.SSLSocket] = {}
        self._tails: dict[int, bytes] = {}
        self.seen = 0
        request = target.request("GET", path)
        for _ in range(count):
            made = target.connect()
            made.sendall(request)
            self._sockets[made.fileno()] = made
            self._tails[made.fileno()] = b""
            self._poller.register(made.fileno(), select.EPOLLIN)

    def until(self, events: int, seconds: float) -> bool:
        """Read until that many events were seen; False when the time is up before."""
        deadline = time.perf_counter() + seconds
        keep = len(self.MARK) - 1
        while self.seen < events:
            if time.perf_counter() > deadline:
                return False
            for descriptor, _ in self._poller.poll(0.2):
                data = self._tails[descriptor] + self._sockets[descriptor].recv(READ_BYTES)
                self.seen += data.count(self.MARK)
                self._tails[descriptor] = data[-keep:]
        return True

    def close(self) -> None:
        self._poller.close()
        for each in self._sockets.values():
            each.close()
