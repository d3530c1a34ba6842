"""Exec and attach over SPDY/3.1: one stream per channel, named by the header ``streamtype`` (kubectl up to 1.29)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from k3py.api.streams.exec_events import (
    Event,
    Gone,
    Output,
    Ready,
    RemoteCommandOptions,
    ResizeReader,
    Stdin,
    StdinClosed,
    plain_message,
)
from k3py.api.streams.spdy import (
    UNLIMITED,
    Reset,
    SessionEnded,
    Spdy,
    StreamData,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from k3py.api.streams.spdy import Event as SpdyEvent
from k3py.model.websocket import Reply

EXEC_PROTOCOLS: Final = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")


class SpdyExec:
    """One exec session (``exec_events.Codec``)."""

    def __init__(self, protocol: str, options: RemoteCommandOptions) -> None:
        self._spdy = Spdy()
        self._version = int(protocol[1]) if protocol.startswith("v") else 1
        self._resize = ResizeReader()
        self._streams: dict[str, int] = {}
        self._kinds: dict[int, str] = {}
        self._missing = {"error"}
        self._missing |= {"stdin"} if options.stdin else set()
        self._missing |= {output.value for output in Output if options.wants(output)}
        if options.tty and self._version >= 3:
            self._missing.add("resize")
        self._allowed = frozenset(self._missing)

    def begin(self) -> list[Event]:
        """The client opens its streams first."""
        return []

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for event in self._spdy.feed(data):
            self._translate(event, events)
        return events

    def _translate(self, event: SpdyEvent, events: list[Event]) -> None:
        if isinstance(event, StreamOpened):
            self._opened(event, events)
        elif isinstance(event, StreamData):
            self._data(event, events)
        elif isinstance(event, StreamEnded | StreamReset):
            if self._kinds.pop(event.stream, "") == "stdin":
                events.append(StdinClosed())
        elif isinstance(event, SessionEnded):
            if event.reason:
                events.append(Gone(event.reason))
        else:
            events.append(event)

    def _opened(self, event: StreamOpened, events: list[Event]) -> None:
        kind = event.headers.get("streamtype", "")
        if kind not in self._allowed or kind in self._streams:
            events.append(Reply(self._spdy.reset(event.stream, Reset.REFUSED_STREAM)))
            return
        self._streams[kind] = event.stream
        self._kinds[event.stream] = kind
        self._missing.discard(kind)
        if not self._missing:
            events.append(Ready())

    def _data(self, event: StreamData, events: list[Event]) -> None:
        kind = self._kinds.get(event.stream)
        if kind == "stdin":
            events.append(Stdin(event.data))
            return
        if kind == "resize":
            events.extend(self._resize.feed(event.data))
        if granted := self._spdy.consumed(event.stream, len(event.data)):
            events.append(Reply(granted))

    def room(self, output: Output) -> int:
        stream = self._streams.get(output.value)
        return UNLIMITED if stream is None else self._spdy.room(stream)

    def output(self, output: Output, data: bytes) -> bytes:
        stream = self._streams.get(output.value)
        return b"" if stream is None else self._spdy.data(stream, data)

    def consumed(self, size: int) -> bytes:
        return self._spdy.consumed(self._streams.get("stdin", 0), size)

    def finish(self, status: Mapping[str, Any]) -> bytes:
        said = json.dumps(dict(status)).encode() if self._version >= 4 else plain_message(status)
        sent = b""
        if "error" in self._streams:
            sent += self._spdy.data(self._streams["error"], said, end=True)
        for kind in ("stdout", "stderr", "stdin", "resize"):
            if kind in self._streams:
                sent += self._spdy.data(self._streams[kind], b"", end=True)
        return sent + self._spdy.go_away()
