"""The client's side of exec: Kubernetes' ``v5.channel.k8s.io`` over a WebSocket. Bytes in, events out; decides.

Source: Kubernetes' page "Transition from SPDY to WebSockets" (KEP-4006); channels as in ``model.streams``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from k3py.cli.app import FAILED
from k3py.cli.handshake import Handshake
from k3py.model.errors import Problem, Unavailable
from k3py.model.streams import Channel, close_message, messages, resize_message
from k3py.model.websocket import Closed, Part, Reply, WebSocket

SUBPROTOCOL: Final = "v5.channel.k8s.io"
STATUS_BYTES_MAX: Final = 1024 * 1024  # the outcome is some hundred bytes


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
        self._handshake = Handshake(random_bytes, SUBPROTOCOL)
        self._socket = WebSocket(lambda: random_bytes(4))
        self._open = False
        self._channel: int | None = None
        self._status = bytearray()

    def request(self, host: str, target: str, fields: Mapping[str, str]) -> bytes:
        """The request that opens the session."""
        return self._handshake.request(host, target, fields)

    def feed(self, data: bytes) -> list[Event]:
        """What the bytes mean.

        Raises:
            Problem: the server refuses, or does not speak the protocol.
        """
        if self._open:
            return self._frames(data)
        rest = self._handshake.feed(data)
        if rest is None:
            return []
        self._open = True
        return [Opened(), *self._frames(rest)]

    def finish(self) -> Problem:
        """The connection has ended before the command did: what is to be said."""
        return self._handshake.refusal() or Unavailable(
            "the connection broke off; whether the command goes on is unknown"
        )

    def stdin(self, data: bytes) -> bytes:
        """Input for the command, as bytes for the connection."""
        return b"".join(self._socket.message(each) for each in messages(Channel.STDIN, data))

    def stdin_closed(self) -> bytes:
        """There will be no more input."""
        return self._socket.message(close_message(Channel.STDIN))

    def resized(self, width: int, height: int) -> bytes:
        """The terminal has this size now, in characters."""
        return self._socket.message(resize_message(width, height))

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
