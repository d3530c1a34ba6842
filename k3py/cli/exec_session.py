"""The client's side of exec over a WebSocket with channels. Bytes in, events out; decides.

What each channel is for: ``model.streams``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from k3py.cli.app import FAILED
from k3py.cli.channels import Channels, Opened, Piece, ToSend
from k3py.model.errors import Problem, Unavailable
from k3py.model.streams import Channel, close_message, messages, resize_message
from k3py.model.websocket import Closed

STATUS_BYTES_MAX: Final = 1024 * 1024  # the outcome is some hundred bytes


@dataclass(frozen=True)
class Output:
    """Bytes for standard output (or, on STDERR, standard error)."""

    channel: Channel
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
        self._channels = Channels(random_bytes)
        self._status = bytearray()

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
                if not self._status:
                    raise self.finish()
                events.append(outcome(bytes(self._status)))
            else:
                events.append(event)
        return events

    def finish(self) -> Problem:
        """The connection has ended before the command did: what is to be said."""
        return self._channels.refusal() or Unavailable(
            "the connection broke off; whether the command goes on is unknown"
        )

    def stdin(self, data: bytes) -> bytes:
        """Input for the command, as bytes for the connection."""
        return b"".join(self._channels.message(each) for each in messages(Channel.STDIN, data))

    def stdin_closed(self) -> bytes:
        """There will be no more input."""
        return self._channels.message(close_message(Channel.STDIN))

    def resized(self, width: int, height: int) -> bytes:
        """The terminal has this size now, in characters."""
        return self._channels.message(resize_message(width, height))

    def _piece(self, piece: Piece) -> list[Event]:
        if piece.channel in (Channel.STDOUT, Channel.STDERR):
            return [Output(Channel(piece.channel), piece.data)]
        if piece.channel == Channel.STATUS:
            self._status += piece.data
            if len(self._status) > STATUS_BYTES_MAX:
                raise Unavailable("cannot read the command's outcome: it is too long")
        return []


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
