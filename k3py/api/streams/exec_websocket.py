"""Exec and attach over WebSocket: the first byte of a message names its channel (Kubernetes' ``channel.k8s.io``).

0 stdin, 1 stdout, 2 stderr, 3 the outcome, 4 sizes of the terminal; from version 5 on ``255 n`` closes channel n.
Before version 4 the outcome is a sentence instead of a ``Status``.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from k3py.api.streams.exec_events import Event, Gone, Output, Ready, ResizeReader, Stdin, StdinClosed, plain_message
from k3py.api.streams.spdy import UNLIMITED
from k3py.model.websocket import CloseCode, Closed, Part, WebSocket

# The best first. The base64 forms are for browsers of 2014 and are not spoken.
EXEC_SUBPROTOCOLS: Final = (
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v3.channel.k8s.io",
    "v2.channel.k8s.io",
    "channel.k8s.io",
)
_STDIN, _ERROR, _RESIZE, _CLOSE = 0, 3, 4, 255
_OUTPUT: Final = {Output.STDOUT: b"\x01", Output.STDERR: b"\x02"}


def version_of(subprotocol: str) -> int:
    """5 for ``v5.channel.k8s.io``; 1 for the nameless first."""
    return int(subprotocol[1]) if subprotocol.startswith("v") else 1


class WebSocketExec:
    """One exec session (``exec_events.Codec``)."""

    def __init__(self, subprotocol: str) -> None:
        self._socket = WebSocket()
        self._version = version_of(subprotocol)
        self._channel: int | None = None  # of the message being received
        self._resize = ResizeReader()
        self._stdin_closed = False

    def begin(self) -> list[Event]:
        """There are no streams to wait for."""
        return [Ready()]

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for event in self._socket.feed(data):
            if isinstance(event, Part):
                self._part(event, events)
            elif isinstance(event, Closed):
                events.append(Gone(event.reason))
            else:
                events.append(event)
        return events

    def _part(self, part: Part, events: list[Event]) -> None:
        data = part.data
        if part.begins:
            self._channel = None
        if self._channel is None and data:
            self._channel, data = data[0], data[1:]
        if data:
            self._channel_data(data, events)

    def _channel_data(self, data: bytes, events: list[Event]) -> None:
        if self._channel == _STDIN and not self._stdin_closed:
            events.append(Stdin(data))
        elif self._channel == _RESIZE:
            events.extend(self._resize.feed(data))
        elif self._channel == _CLOSE and self._version >= 5 and data[0] == _STDIN and not self._stdin_closed:
            self._stdin_closed = True
            events.append(StdinClosed())

    def room(self, output: Output) -> int:
        return UNLIMITED

    def output(self, output: Output, data: bytes) -> bytes:
        return self._socket.message(_OUTPUT[output] + data)

    def consumed(self, size: int) -> bytes:
        return b""

    def finish(self, status: Mapping[str, Any]) -> bytes:
        said = json.dumps(dict(status)).encode() if self._version >= 4 else plain_message(status)
        sent = self._socket.message(bytes((_ERROR,)) + said) if said else b""
        return sent + self._socket.close(CloseCode.NORMAL)
