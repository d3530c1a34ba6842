"""Exec and attach for every generation of clients, behind one port."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from k3py.api.http.messages import RawConnection, Request, Upgrade
from k3py.api.streams.exec_events import (
    Codec,
    Event,
    Gone,
    Incoming,
    Output,
    Ready,
    RemoteCommandOptions,
    Resize,
    Stdin,
    StdinClosed,
)
from k3py.api.streams.exec_spdy import EXEC_PROTOCOLS, SpdyExec
from k3py.api.streams.exec_websocket import EXEC_SUBPROTOCOLS, WebSocketExec
from k3py.api.streams.negotiation import is_spdy, spdy_handshake, upgrade_required
from k3py.api.streams.spdy import RoomGrew
from k3py.api.streams.websocket import handshake, is_websocket
from k3py.model.errors import InternalError, Problem
from k3py.model.websocket import Reply

log = logging.getLogger(__name__)

# Input that the program has not read yet; then the client is not read any more.
INPUT_BYTES_MAX: Final = 256 * 1024
INPUT_EVENTS_MAX: Final = 1024
# Output goes out in frames of this size, as other servers do it; some clients read into fixed buffers.
FRAME_BYTES_MAX: Final = 32 * 1024
# Answers to pings and the like that the client does not fetch.
REPLIES_BYTES_MAX: Final = 1024 * 1024
# For a SPDY client to open its streams (kubelet's StreamCreationTimeout), and for any client to close after the end.
CREATION_SECONDS: Final = 30.0
CLOSING_SECONDS: Final = 5.0

__all__ = [
    "Incoming",
    "Output",
    "RemoteCommand",
    "RemoteCommandOptions",
    "Resize",
    "Stdin",
    "StdinClosed",
    "upgrade_remote_command",
]


class RemoteCommand(Protocol):
    """The client's side of one running program."""

    @property
    def disconnected(self) -> bool:
        """The client is gone."""
        ...

    async def until_disconnected(self) -> None:
        """Wait until the client is gone."""
        ...

    def incoming(self) -> AsyncIterator[Incoming]:
        """What the client sends, in order; ends when the client is gone or ``finish`` was called. For one reader."""
        ...

    async def write(self, channel: Output, data: bytes) -> None:
        """Send output; waits while the client is slow. Dropped when the client is gone or did not ask for it."""
        ...

    async def finish(self, status: Mapping[str, Any]) -> None:
        """Send how the program ended, a Kubernetes ``Status`` object, and close. Only the first call counts."""
        ...


Run = Callable[[RemoteCommand], Awaitable[None]]


def upgrade_remote_command(request: Request, options: RemoteCommandOptions, run: Run) -> Upgrade:
    """Answer an exec or attach request by switching to the best protocol the client offers; ``run`` does the rest.

    ``run`` is started once the client's streams are there. When it returns without ``finish`` or raises, the client
    is told of a failure. It is not cancelled when the client goes away: it sees that and decides.

    Raises:
        BadRequest: the request is no upgrade, or offers no protocol that is known.
    """
    codec: WebSocketExec | SpdyExec
    if is_websocket(request):
        chosen, headers = handshake(request, EXEC_SUBPROTOCOLS)
        codec = WebSocketExec(chosen)
    elif is_spdy(request):
        chosen, headers = spdy_handshake(request, EXEC_PROTOCOLS, unnamed="channel.k8s.io")
        codec = SpdyExec(chosen, options)
    else:
        raise upgrade_required()

    def take_over(raw: RawConnection) -> None:
        _Session(raw, codec, options, run).begin(codec.begin())

    return Upgrade(headers, take_over)


class _Session:
    """Carries bytes between the connection and the codec, and keeps what the program has not read yet."""

    def __init__(self, raw: RawConnection, codec: Codec, options: RemoteCommandOptions, run: Run) -> None:
        self._raw = raw
        self._codec = codec
        self._options = options
        self._run = run
        self._queue: deque[Incoming] = deque()
        self._queued_bytes = 0
        self._paused = False
        self._changed = asyncio.Event()  # something to read, room to write, or the end
        self._gone = asyncio.Event()
        self._finished = False
        self._running = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, events: list[Event]) -> None:
        self._raw.on_data = self._received
        self._raw.on_close = self._lost
        self._timer = asyncio.get_running_loop().call_later(CREATION_SECONDS, self._too_late)
        self._handle(events)

    # What the connection calls

    def _received(self, data: bytes) -> None:
        self._handle(self._codec.feed(data))
        if self._raw.buffered > REPLIES_BYTES_MAX + FRAME_BYTES_MAX and not self._gone.is_set():
            log.warning("an exec client does not fetch its answers and is cut off")
            self._raw.abort()

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Reply):
                self._raw.write(event.data)
            elif isinstance(event, Ready):
                self._start()
            elif isinstance(event, Gone):
                self._raw.close()
                self._lost()
            elif not isinstance(event, RoomGrew):
                self._enqueue(event)
        self._changed.set()

    def _enqueue(self, event: Incoming) -> None:
        queue = self._queue
        last = queue[-1] if queue else None
        if self._finished:
            return
        if isinstance(event, Stdin):
            self._queued_bytes += len(event.data)
        if isinstance(event, Resize) and isinstance(last, Resize):
            queue[-1] = event  # only the latest size matters
        else:
            queue.append(event)
        full = self._queued_bytes > INPUT_BYTES_MAX or len(queue) > INPUT_EVENTS_MAX
        if full and not self._paused:
            self._paused = True
            self._raw.pause_reading()

    def _lost(self) -> None:
        self._gone.set()
        self._changed.set()
        if self._timer is not None:
            self._timer.cancel()

    def _too_late(self) -> None:
        self._raw.abort()

    # The program

    def _start(self) -> None:
        if self._running:
            return
        self._running = True
        if self._timer is not None:
            self._timer.cancel()
        self._raw.start(self._work(), "remote command")

    async def _work(self) -> None:
        try:
            await self._run(self)
            problem: Problem = InternalError("the command ended without a status")
        except Problem as error:
            problem = error
        except Exception:
            log.exception("a remote command failed")
            problem = InternalError("the command could not be run; the server's log says more")
        await self.finish(problem.status())

    @property
    def disconnected(self) -> bool:
        return self._gone.is_set()

    async def until_disconnected(self) -> None:
        await self._gone.wait()

    async def incoming(self) -> AsyncIterator[Incoming]:
        while True:
            if self._finished:
                return
            if not self._queue:
                if self._gone.is_set():
                    return
                await self._change()
                continue
            event = self._queue.popleft()
            if isinstance(event, Stdin):
                self._queued_bytes -= len(event.data)
                self._raw.write(self._codec.consumed(len(event.data)))
            self._resume_if_low()
            yield event

    def _resume_if_low(self) -> None:
        if self._paused and self._queued_bytes <= INPUT_BYTES_MAX // 2 and len(self._queue) <= INPUT_EVENTS_MAX // 2:
            self._paused = False
            self._raw.resume_reading()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def write(self, channel: Output, data: bytes) -> None:
        if not self._options.wants(channel):
            return
        position = 0
        while position < len(data) and not self._finished and not self._gone.is_set():
            room = min(self._codec.room(channel), FRAME_BYTES_MAX)
            if room <= 0:
                await self._change()
                continue
            piece = data[position : position + room]
            position += len(piece)
            self._raw.write(self._codec.output(channel, piece))
            await self._raw.drain()

    async def finish(self, status: Mapping[str, Any]) -> None:
        if self._finished:
            return
        self._finished = True
        self._changed.set()
        if self._gone.is_set():
            return
        self._raw.write(self._codec.finish(status))
        if self._paused:
            self._paused = False
            self._raw.resume_reading()  # to see the client's own close
        try:
            await asyncio.wait_for(self._gone.wait(), CLOSING_SECONDS)
        except TimeoutError:
            self._raw.close()
