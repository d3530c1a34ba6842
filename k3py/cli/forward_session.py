"""The client's side of one forwarded connection: WebSocket channels, as kubelet serves them. Bytes in, events out.

One WebSocket for one port: channel 0 has the data, 1 what went wrong, and each begins with the port in two bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from k3py.cli.channels import Channels, Opened, Piece, ToSend
from k3py.model.errors import Problem, Unavailable
from k3py.model.websocket import Closed

PIECE_BYTES: Final = 32 * 1024
PROBLEM_BYTES_MAX: Final = 64 * 1024  # a sentence
_DATA: Final = 0
_PROBLEM: Final = 1
_CLOSE: Final = 255
_PORT_BYTES: Final = 2


@dataclass(frozen=True)
class Received:
    """Bytes from the pod."""

    data: bytes


@dataclass(frozen=True)
class Ended:
    """The pod has ended the connection; ``problem`` is empty when nothing went wrong."""

    problem: str = ""


Event = Opened | Received | ToSend | Ended


class ForwardSession:
    """One forwarded connection. ``random_bytes`` makes the handshake's key and the masks of frames."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._channels = Channels(random_bytes)
        self._port_bytes = {_DATA: _PORT_BYTES, _PROBLEM: _PORT_BYTES}  # still to come, by channel
        self._problem = bytearray()

    def request(self, host: str, target: str, fields: Mapping[str, str]) -> bytes:
        """The request that opens the session."""
        return self._channels.request(host, target, fields)

    def feed(self, data: bytes) -> list[Event]:
        """What the bytes mean.

        Raises:
            Problem: the server refuses, or does not speak the protocol.
        """
        events: list[Event] = []
        for event in self._channels.feed(data):
            if isinstance(event, Piece):
                events += self._piece(event)
            elif isinstance(event, Closed):
                events.append(Ended(self._problem.decode("utf-8", "replace")))
            else:
                events.append(event)
        return events

    def finish(self) -> Problem:
        """The server's connection has ended before the pod's did: what is to be said."""
        return self._channels.refusal() or Unavailable("the connection to the server broke off")

    def data(self, data: bytes) -> bytes:
        """Bytes for the pod, as bytes for the connection."""
        pieces = (data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES))
        return b"".join(self._channels.message(bytes((_DATA,)) + each) for each in pieces)

    def data_ended(self) -> bytes:
        """There will be no more bytes for the pod."""
        return self._channels.message(bytes((_CLOSE, _DATA)))

    def _piece(self, piece: Piece) -> list[Event]:
        if piece.channel not in self._port_bytes:
            return []
        skipped = min(self._port_bytes[piece.channel], len(piece.data))
        self._port_bytes[piece.channel] -= skipped
        data = piece.data[skipped:]
        if piece.channel == _DATA:
            return [Received(data)] if data else []
        self._problem += data[: PROBLEM_BYTES_MAX - len(self._problem)]
        return []
