"""Port-forward over SPDY/3.1, bare or inside a WebSocket: two streams per forwarded connection.

The streams ``error`` and ``data`` belong together by their header ``requestid``; ``port`` names the pod's port.
"""

import asyncio
from typing import Final

from k3py.api.http.messages import RawConnection
from k3py.api.streams.forward import READ_BYTES, UNREAD_BYTES_MAX, Connect, Forward, port_number
from k3py.api.streams.spdy import (
    Event,
    Reset,
    RoomGrew,
    SessionEnded,
    Spdy,
    StreamData,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from k3py.model.websocket import CloseCode, Closed, Part, Reply, WebSocket

PROTOCOL: Final = "portforward.k8s.io"
TUNNEL_SUBPROTOCOL: Final = "SPDY/3.1+portforward.k8s.io"
# For the second stream of a pair (kubelet's StreamCreationTimeout).
PAIR_SECONDS: Final = 30.0
# Answers to pings and the like that the client does not fetch.
REPLIES_BYTES_MAX: Final = 1024 * 1024


class Pair:
    """The two streams of one forwarded connection (``forward.Outlet``)."""

    def __init__(self, session: "SpdyForwarding", port: int) -> None:
        self.port = port
        self.streams: dict[str, int] = {}
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.forward = Forward(port, self)
        self._session = session

    @property
    def data(self) -> int:
        """The number of the stream for data, 0 when it is missing; likewise ``error``."""
        return self.streams.get("data", 0)

    @property
    def error(self) -> int:
        return self.streams.get("error", 0)

    async def write(self, data: bytes) -> None:
        await self._session.write(self.data, data)

    def consumed(self, size: int) -> None:
        self._session.consumed(self.data, size)

    def end(self, problem: str) -> None:
        self._session.end(self, problem)


class SpdyForwarding:
    """All forwarded connections of one client."""

    def __init__(self, connect: Connect, in_websocket: bool) -> None:
        self._connect = connect
        self._spdy = Spdy()
        self._socket = WebSocket() if in_websocket else None
        self._pairs: dict[str, Pair] = {}
        self._by_stream: dict[int, Pair] = {}
        self._room_grew = asyncio.Event()
        self._paused = False
        self._raw: RawConnection

    def take_over(self, raw: RawConnection) -> None:
        """Begin on a connection."""
        self._raw = raw
        raw.on_data = self._received
        raw.on_close = self._lost
        raw.on_stop = self._stop

    # From the client

    def _received(self, data: bytes) -> None:
        if self._socket is None:
            self._handle(self._spdy.feed(data))
        else:
            for event in self._socket.feed(data):
                if isinstance(event, Part):
                    self._handle(self._spdy.feed(event.data))
                elif isinstance(event, Closed):
                    self._raw.close()
                    self._lost()
                else:
                    self._raw.write(event.data)
        if self._raw.buffered > REPLIES_BYTES_MAX + 2 * READ_BYTES:
            self._raw.abort()
        self._pause_or_resume()

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Reply):
                self._send(event.data)
            elif isinstance(event, StreamOpened):
                self._opened(event)
            elif isinstance(event, StreamData):
                self._data(event)
            elif isinstance(event, StreamEnded):
                if (pair := self._by_stream.get(event.stream)) and event.stream == pair.data:
                    pair.forward.ended()
            elif isinstance(event, StreamReset):
                self._reset(event.stream)
            elif isinstance(event, RoomGrew):
                self._room_grew.set()
            elif isinstance(event, SessionEnded) and event.reason:
                self._raw.close()
                self._lost()

    def _opened(self, event: StreamOpened) -> None:
        kind = event.headers.get("streamtype", "")
        port = port_number(event.headers.get("port", ""))
        key = event.headers.get("requestid", "") or f"port {port}"
        pair = self._pairs.get(key)
        if kind not in ("error", "data") or port is None:
            self._send(self._spdy.reset(event.stream, Reset.PROTOCOL_ERROR))
            return
        if pair is None:
            pair = self._pairs[key] = Pair(self, port)
            pair.timer = asyncio.get_running_loop().call_later(PAIR_SECONDS, self._too_late, key)
        if pair.port != port or kind in pair.streams:
            self._send(self._spdy.reset(event.stream, Reset.PROTOCOL_ERROR))
            return
        pair.streams[kind] = event.stream
        self._by_stream[event.stream] = pair
        if len(pair.streams) == 2:
            del self._pairs[key]
            if pair.timer is not None:
                pair.timer.cancel()
            pair.task = self._raw.start(pair.forward.run(self._connect), f"forward to port {port}")

    def _too_late(self, key: str) -> None:
        pair = self._pairs.pop(key)
        for stream in pair.streams.values():
            self._by_stream.pop(stream, None)
            self._send(self._spdy.reset(stream, Reset.CANCEL))

    def _data(self, event: StreamData) -> None:
        pair = self._by_stream.get(event.stream)
        if pair is not None and event.stream == pair.data:
            pair.forward.received(event.data)
        else:
            self._send(self._spdy.consumed(event.stream, len(event.data)))

    def _reset(self, stream: int) -> None:
        pair = self._by_stream.get(stream)
        if pair is not None and pair.task is not None and stream == pair.data:
            pair.task.cancel()

    def _lost(self) -> None:
        self._room_grew.set()
        for pair in [*self._by_stream.values(), *self._pairs.values()]:
            if pair.task is not None:
                pair.task.cancel()
            if pair.timer is not None:
                pair.timer.cancel()

    def _pause_or_resume(self) -> None:
        full = any(pair.forward.unread_bytes > UNREAD_BYTES_MAX for pair in self._by_stream.values())
        if full != self._paused:
            self._paused = full
            if full:
                self._raw.pause_reading()
            else:
                self._raw.resume_reading()

    # To the client

    def _send(self, data: bytes) -> None:
        if data:
            self._raw.write(data if self._socket is None else self._socket.message(data))

    async def write(self, stream: int, data: bytes) -> None:
        """Send on a stream as its window allows."""
        while data and not self._raw.closed:
            room = self._spdy.room(stream)
            if room <= 0:
                self._room_grew.clear()
                await self._room_grew.wait()
                continue
            self._send(self._spdy.data(stream, data[:room]))
            data = data[room:]
            await self._raw.drain()

    def consumed(self, stream: int, size: int) -> None:
        """The pod took so many bytes of a stream."""
        self._send(self._spdy.consumed(stream, size))
        if self._paused:
            self._pause_or_resume()

    def end(self, pair: Pair, problem: str) -> None:
        """A forwarded connection is over: tell the client, and forget it."""
        self._by_stream.pop(pair.error, None)
        self._by_stream.pop(pair.data, None)
        self._send(self._spdy.data(pair.data, b"", end=True))
        self._send(self._spdy.data(pair.error, problem.encode(), end=True))
        if self._paused:
            self._pause_or_resume()

    def _stop(self) -> None:
        """End everything properly: the server stops."""
        self._send(self._spdy.go_away())
        if self._socket is not None:
            self._raw.write(self._socket.close(CloseCode.GOING_AWAY))
        self._raw.close()
