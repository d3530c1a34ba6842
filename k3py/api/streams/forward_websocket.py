"""Port-forward over WebSocket channels, as the Python client speaks it: one connection per port named in the query.

Port number i has channel 2i for data and 2i+1 for errors. Each begins with the port as two bytes, low byte first.
"""

import struct
from typing import Final

from k3py.api.http.messages import RawConnection, Request
from k3py.api.streams.exec_websocket import version_of
from k3py.api.streams.forward import UNREAD_BYTES_MAX, Connect, Forward, port_number
from k3py.model.errors import BadRequest
from k3py.model.websocket import CloseCode, Closed, Part, WebSocket

# Version 4 first, as kubelet: the Python client offers 5 but stumbles over the messages that close a channel, so we
# understand these and send none.
SUBPROTOCOLS: Final = ("v4.channel.k8s.io", "v5.channel.k8s.io")
# Channel numbers are bytes, two per port, and 255 is taken.
PORTS_MAX: Final = 127
_CLOSE: Final = 255
REPLIES_BYTES_MAX: Final = 1024 * 1024


def ports_of(request: Request) -> list[int]:
    """The ports that the query names, ``ports=80,81`` or repeated.

    Raises:
        BadRequest: there is none, one is no port, or there are too many.
    """
    named = [text for name in ("ports", "port") for value in request.query.get(name, []) for text in value.split(",")]
    ports = [port_number(text.strip()) for text in named]
    if not ports or len(ports) > PORTS_MAX or None in ports:
        raise BadRequest(f'query parameter "ports" must name between 1 and {PORTS_MAX} ports')
    return [port for port in ports if port is not None]


class _Channel:
    """The client's end of one port (``forward.Outlet``)."""

    def __init__(self, session: "ChannelForwarding", index: int) -> None:
        self._session = session
        self._index = index

    async def write(self, data: bytes) -> None:
        await self._session.write(2 * self._index, data)

    def consumed(self, size: int) -> None:
        self._session.pause_or_resume()

    def end(self, problem: str) -> None:
        self._session.end(self._index, problem)


class ChannelForwarding:
    """All ports of one client."""

    def __init__(self, connect: Connect, subprotocol: str, ports: list[int]) -> None:
        self._connect = connect
        self._closes_channels = version_of(subprotocol) >= 5
        self._socket = WebSocket()
        self._forwards = [Forward(port, _Channel(self, index)) for index, port in enumerate(ports)]
        self._running = len(ports)
        self._channel: int | None = None
        self._paused = False
        self._raw: RawConnection

    def take_over(self, raw: RawConnection) -> None:
        """Begin on a connection."""
        self._raw = raw
        raw.on_data = self._received
        raw.on_stop = self._stop
        tasks = []
        for index, forward in enumerate(self._forwards):
            port = struct.pack("<H", forward.port)
            self._message(2 * index, port)
            self._message(2 * index + 1, port)
            tasks.append(raw.start(forward.run(self._connect), f"forward to port {forward.port}"))

        def lost() -> None:
            for task in tasks:
                task.cancel()

        raw.on_close = lost

    def _stop(self) -> None:
        self._raw.write(self._socket.close(CloseCode.GOING_AWAY))
        self._raw.close()

    def _message(self, channel: int, data: bytes) -> None:
        self._raw.write(self._socket.message(bytes((channel,)) + data))

    def _received(self, data: bytes) -> None:
        for event in self._socket.feed(data):
            if isinstance(event, Part):
                self._part(event)
            elif isinstance(event, Closed):
                self._raw.close()
            else:
                self._raw.write(event.data)
        if self._raw.buffered > REPLIES_BYTES_MAX + UNREAD_BYTES_MAX:
            self._raw.abort()
        self.pause_or_resume()

    def _part(self, part: Part) -> None:
        data = part.data
        if part.begins:
            self._channel = None
        if self._channel is None and data:
            self._channel, data = data[0], data[1:]
        if not data or self._channel is None:
            return
        if self._channel == _CLOSE:
            closed = data[0]
            if self._closes_channels and closed % 2 == 0 and closed // 2 < len(self._forwards):
                self._forwards[closed // 2].ended()
        elif self._channel % 2 == 0 and self._channel // 2 < len(self._forwards):
            self._forwards[self._channel // 2].received(data)

    def pause_or_resume(self) -> None:
        """Read the client no faster than the pod takes it."""
        full = any(forward.unread_bytes > UNREAD_BYTES_MAX for forward in self._forwards)
        if full != self._paused:
            self._paused = full
            if full:
                self._raw.pause_reading()
            else:
                self._raw.resume_reading()

    async def write(self, channel: int, data: bytes) -> None:
        """Send on a channel."""
        self._message(channel, data)
        await self._raw.drain()

    def end(self, index: int, problem: str) -> None:
        """A port's connection is over; the last one closes the WebSocket."""
        if problem:
            self._message(2 * index + 1, problem.encode())
        self._running -= 1
        if self._running == 0:
            self._raw.write(self._socket.close(CloseCode.NORMAL))
            self._raw.close()
