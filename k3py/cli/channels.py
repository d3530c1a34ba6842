"""A WebSocket with channels, ``v5.channel.k8s.io``, from the client's side. Bytes in, events out; decides.

Each message begins with the number of its channel; one may come in parts. Source: Kubernetes' page "Transition from
SPDY to WebSockets" (KEP-4006).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from k3py.cli.handshake import Handshake
from k3py.model.errors import Problem
from k3py.model.websocket import Closed, Part, Reply, WebSocket

# Version 5 can say that one direction has ended.
SUBPROTOCOL: Final = "v5.channel.k8s.io"


@dataclass(frozen=True)
class Opened:
    """The server has switched; from now on data may be sent."""


@dataclass(frozen=True)
class ToSend:
    """Bytes for the connection."""

    data: bytes


@dataclass(frozen=True)
class Piece:
    """Some of what came on a channel; never empty."""

    channel: int
    data: bytes


class Channels:
    """One such WebSocket. ``random_bytes`` makes the handshake's key and the masks of frames."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._handshake = Handshake(random_bytes, SUBPROTOCOL)
        self._socket = WebSocket(lambda: random_bytes(4))
        self._open = False
        self._channel: int | None = None

    def request(self, host: str, target: str, fields: Mapping[str, str]) -> bytes:
        """The request that opens it."""
        return self._handshake.request(host, target, fields)

    def message(self, data: bytes) -> bytes:
        """A message, its channel in front, as bytes for the connection."""
        return self._socket.message(data)

    def refusal(self) -> Problem | None:
        """As ``Handshake.refusal``."""
        return self._handshake.refusal()

    def feed(self, data: bytes) -> list[Opened | ToSend | Piece | Closed]:
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

    def _frames(self, data: bytes) -> list[Opened | ToSend | Piece | Closed]:
        events: list[Opened | ToSend | Piece | Closed] = []
        for event in self._socket.feed(data):
            if isinstance(event, Reply):
                events.append(ToSend(event.data))
            elif isinstance(event, Closed):
                events.append(event)
            else:
                events += self._part(event)
        return events

    def _part(self, part: Part) -> list[Piece]:
        data = part.data
        if part.begins:
            self._channel = None
        if self._channel is None and data:
            self._channel, data = data[0], data[1:]
        return [Piece(self._channel, data)] if self._channel is not None and data else []
