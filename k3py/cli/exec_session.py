"""The client's side of exec: Kubernetes' ``v5.channel.k8s.io`` over a WebSocket. Bytes in, events out; decides.

Source: Kubernetes' page "Transition from SPDY to WebSockets" (KEP-4006); channels as in ``model.streams``.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from k3py.cli.app import FAILED
from k3py.client.answers import decode_problem
from k3py.model.errors import Problem, Unavailable
from k3py.model.streams import Channel, close_message, messages, resize_message
from k3py.model.websocket import Closed, Part, Reply, WebSocket, accept_key

SUBPROTOCOL: Final = "v5.channel.k8s.io"
HEAD_BYTES_MAX: Final = 64 * 1024
STATUS_BYTES_MAX: Final = 1024 * 1024  # the outcome is some hundred bytes; a refusal's body may carry many causes
_SWITCHING: Final = 101


@dataclass(frozen=True)
class Opened:
    """The server has switched; from now on input may be sent."""


@dataclass(frozen=True)
class Output:
    """Bytes for standard output (or, on STDERR, standard error)."""

    channel: Channel
    data: bytes


@dataclass(frozen=True)
class ToSend:
    """Bytes for the connection."""

    data: bytes


@dataclass(frozen=True)
class Ended:
    """The command's exit code, and what went wrong when it could not be run."""

    exit_code: int
    message: str = ""


Event = Opened | Output | ToSend | Ended


class ExecSession:
    """One exec. ``random_bytes`` makes the handshake's key and the masks of frames."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._key = base64.b64encode(random_bytes(16))
        self._socket = WebSocket(lambda: random_bytes(4))
        self._head = bytearray()
        self._refusal: tuple[int, int] | None = None  # HTTP status, length of its body
        self._open = False
        self._channel: int | None = None
        self._status = bytearray()

    def request(self, host: str, target: str, fields: Mapping[str, str]) -> bytes:
        """The request that opens the session."""
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host}",
            *(f"{name}: {value}" for name, value in fields.items()),
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def feed(self, data: bytes) -> list[Event]:
        """What the bytes mean.

        Raises:
            Problem: the server refuses, or does not speak the protocol.
        """
        if self._open:
            return self._frames(data)
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > HEAD_BYTES_MAX:
                raise Unavailable("cannot open the stream: the server's answer has no end")
            return []
        rest = bytes(self._head[end + 4 :])
        status, fields = _parse_head(bytes(self._head[:end]))
        if status != _SWITCHING:
            return self._refused(status, fields, rest)
        if fields.get("sec-websocket-accept") != accept_key(self._key):
            raise Unavailable("cannot open the stream: the server's answer to the handshake is wrong")
        if fields.get("sec-websocket-protocol") != SUBPROTOCOL:
            raise Unavailable(f"cannot open the stream: the server does not speak {SUBPROTOCOL}")
        self._open = True
        self._head.clear()
        return [Opened(), *self._frames(rest)]

    def finish(self) -> Problem:
        """The connection has ended before the command did: what is to be said."""
        if self._refusal is not None:
            end = self._head.find(b"\r\n\r\n")
            return decode_problem(bytes(self._head[end + 4 :]), self._refusal[0])
        return Unavailable("the connection broke off; whether the command goes on is unknown")

    def stdin(self, data: bytes) -> bytes:
        """Input for the command, as bytes for the connection."""
        return b"".join(self._socket.message(each) for each in messages(Channel.STDIN, data))

    def stdin_closed(self) -> bytes:
        """There will be no more input."""
        return self._socket.message(close_message(Channel.STDIN))

    def resized(self, width: int, height: int) -> bytes:
        """The terminal has this size now, in characters."""
        return self._socket.message(resize_message(width, height))

    def _refused(self, status: int, fields: Mapping[str, str], body: bytes) -> list[Event]:
        length = int(fields["content-length"]) if fields.get("content-length", "").isdigit() else 0
        self._refusal = (status, length)
        if length > STATUS_BYTES_MAX or len(body) >= length:
            raise decode_problem(body, status)
        return []

    def _frames(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for event in self._socket.feed(data):
            if isinstance(event, Reply):
                events.append(ToSend(event.data))
            elif isinstance(event, Closed):
                if not self._status:
                    raise self.finish()
                events.append(outcome(bytes(self._status)))
            else:
                self._part(event, events)
        return events

    def _part(self, part: Part, events: list[Event]) -> None:
        data = part.data
        if part.begins:
            self._channel = None
        if self._channel is None and data:
            self._channel, data = data[0], data[1:]
        if self._channel in (Channel.STDOUT, Channel.STDERR) and data:
            events.append(Output(Channel(self._channel), data))
        elif self._channel == Channel.STATUS:
            self._status += data
            if len(self._status) > STATUS_BYTES_MAX:
                raise Unavailable("cannot read the command's outcome: it is too long")


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: .*)?", first)
    if match is None:
        raise Unavailable("cannot open the stream: the server does not speak HTTP")
    fields = (line.partition(":") for line in rest)
    return int(match[1]), {name.strip().lower(): value.strip() for name, _, value in fields}


def outcome(data: bytes) -> Ended:
    """What the final ``Status`` says: success, the command's exit code, or why it could not be run."""
    try:
        status: Any = msgspec.json.decode(data)
        if status.get("status") == "Success":
            return Ended(0)
        for cause in (status.get("details") or {}).get("causes") or ():
            if cause.get("reason") == "ExitCode":
                return Ended(int(cause["message"]))
        return Ended(FAILED, str(status.get("message") or "the command could not be run"))
    except (msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError):
        return Ended(FAILED, "cannot read the command's outcome")
