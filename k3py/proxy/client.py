"""The node's end of the tunnel to one server: connects out, stays connected, serves what the server opens. Acts."""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.model.errors import Problem
from k3py.model.streams import StreamHandler, StreamRequest, StreamReset, problem_status, status_message
from k3py.proxy.connection import Connection, RawConnection, TunnelStream
from k3py.proxy.dial import dial
from k3py.proxy.tunnel import STREAMS_MAX, End

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS: Final = 0.2
WAIT_SECONDS_MAX: Final = 5.0
# A connection that held this long was a good one: the next attempt comes at once.
STABLE_SECONDS: Final = 10.0
# A handler may still be tidying up when its stream has ended and a new one was opened.
HANDLERS_MAX: Final = 2 * STREAMS_MAX

Dial = Callable[[str, ssl.SSLContext], Awaitable[RawConnection]]


class TunnelClient:
    """Keeps one tunnel to the server at URL ``server``.

    ``context`` shows the node's certificate; when that is renewed, it is the same object, so the next connection uses
    the new one. Every stream that the server opens runs ``handler`` in a task of its own, which is cancelled when the
    stream is reset or the connection lost. What a handler raises becomes the stream's final Status.
    """

    def __init__(
        self,
        server: str,
        context: ssl.SSLContext,
        handler: StreamHandler,
        clock: Clock,
        source: random.Random,
        dial: Dial = dial,
    ) -> None:
        self._server = server
        self._context = context
        self._handler = handler
        self._clock = clock
        self._backoff = Backoff(source, FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        self._dial = dial
        self._handlers = Tasks()
        self._ready = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """The server has said hello and the connection stands."""
        return self._ready.is_set()

    async def connected(self) -> None:
        """Wait until the tunnel stands."""
        await self._ready.wait()

    async def run(self) -> None:
        """Be connected, for ever; cancel it to stop."""
        try:
            while True:
                started = self._clock.monotonic()
                try:
                    log.info("the tunnel to %s ended: %s", self._server, await self._session())
                except OSError as problem:  # TunnelError, ssl.SSLError and TimeoutError are among them
                    log.warning("cannot connect the tunnel to %s: %s", self._server, problem or "timed out")
                if self._clock.monotonic() - started >= STABLE_SECONDS:
                    self._backoff.reset()
                await asyncio.sleep(self._backoff.next_seconds())
        finally:
            await self._handlers.stop()

    async def _session(self) -> str:
        """One connection from beginning to end; why it ended."""
        raw = await self._dial(self._server, self._context)
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def lost(_: Connection, reason: str) -> None:
            self._ready.clear()
            if not ended.done():
                ended.set_result(reason)

        connection = Connection(
            raw,
            End.NODE,
            self._clock,
            on_ready=lambda _: self._ready.set(),
            on_lost=lost,
            on_accept=self._accept,
        )
        connection.start()
        watch = asyncio.create_task(connection.watch(), name="tunnel keep-alive")
        try:
            return await ended
        finally:
            watch.cancel()
            connection.lose("the node stops")

    def _accept(self, request: StreamRequest, stream: TunnelStream) -> None:
        if len(self._handlers) >= HANDLERS_MAX:
            stream.reset(f"the node still works on {HANDLERS_MAX} streams")
            return
        task = self._handlers.start(self._serve(request, stream), f"{type(request).__name__} {request.pod}")

        def cancel() -> None:
            task.cancel()

        stream.on_abandoned = cancel

    async def _serve(self, request: StreamRequest, stream: TunnelStream) -> None:
        try:
            try:
                await self._handler(request, stream)
            except StreamReset:
                return
            except Exception as problem:
                if not isinstance(problem, Problem):
                    log.exception("cannot serve %s for pod %s", type(request).__name__, request.pod)
                await stream.write(status_message(problem_status(problem)))
            await stream.close()
        except (StreamReset, ValueError) as problem:
            log.debug("the stream of pod %s ended before its status: %s", request.pod, problem)
        finally:
            # The other end may still be writing; it learns that nobody reads. What was sent before, it gets.
            stream.reset("served")
