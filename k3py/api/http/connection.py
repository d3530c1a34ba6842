"""One client's connection: requests in, answers out, one at a time and in order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

from k3py.api.http.body_stream import BodyStream
from k3py.api.http.compression import in_steps, is_compressible
from k3py.api.http.flow import ChunkedWriter, SlicedBody, TakenConnection
from k3py.api.http.intake import Intake
from k3py.api.http.messages import Answer, Peer, Request, Response, StreamResponse, Upgrade, problem_response
from k3py.api.http.parts import Steps
from k3py.api.http.reader import RequestReader
from k3py.api.http.shared import (
    CLOSE_LINE,
    ENDING,
    NEVER,
    READING,
    Flowing,
    Phase,
    RequestTimedOut,
    Shared,
    address_of,
    common_lines,
    failure,
    ssl_object_of,
)
from k3py.model.errors import Problem, Timeout

# An answer up to this size is one write; a larger one is written in slices of it.
SLICE_BYTES: Final = 256 * 1024
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """The protocol object of one connection. Use on the event loop only."""

    _transport: asyncio.Transport
    _reader: RequestReader
    _intake: Intake

    def __init__(self, shared: Shared, on_lost: Callable[[], None] | None = None) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._on_lost = on_lost
        self._phase = Phase.IDLE
        self.deadline = NEVER
        self._flow: Flowing | None = None
        self._taken: TakenConnection | None = None
        self._writer: ChunkedWriter | None = None
        self._stream_task: asyncio.Task[None] | None = None
        self.was_made = False  # the handshake succeeded
        self.address = ""
        self._hurries = False  # whether the stream in hand waits for no client that takes nothing
        self._full = False  # the socket takes no more for now
        self._body: BodyStream | None = None  # of the request in hand, handed out while it arrives

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self.was_made = True
        transport.set_write_buffer_limits(high=SLICE_BYTES)
        self.address = address_of(transport)
        peer = Peer(self.address, ssl_object_of(transport))
        self._reader = RequestReader(self._limits, self._shared.budget, peer, self._shared.streams)
        self._intake = Intake(transport, self._shared.turns, self._shared.body_turns, self._is_full, self._look)
        self._shared.connections.add(self)
        self._enter(Phase.IDLE, self._limits.idle_seconds)
        if self._shared.stopping:
            self.stop()

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase in READING:
            self._reader.receive(data)
            self._intake.take_up(len(data))
        elif phase is Phase.TAKEN:
            assert self._taken is not None
            self._taken.receive(data)
        else:
            if phase not in ENDING:
                self._reader.receive(data)
                self._reader.pump()
                self._intake.pause_if_full()
            self._intake.took(len(data))

    def _look(self) -> None:
        """Go on with what was received."""
        if self._phase in READING:
            self._advance()

    def _is_full(self) -> bool:
        """Enough was received for now."""
        body = self._body
        return self._reader.buffered > self._limits.pipelined_bytes or (body is not None and body.is_full)

    def pause_writing(self) -> None:
        """The client does not read fast enough."""
        self._full = True
        if self._phase in READING or self._phase is Phase.SENDING:
            self._enter(Phase.SENDING, self._limits.write_seconds)
        elif self._phase is Phase.STREAMING and self._hurries:
            self._enter(Phase.STREAMING, self._limits.write_seconds)
        if self._flow is not None:
            self._flow.pause()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._full = False
        if self._flow is not None:
            self.deadline = self._shared.now() + self._limits.write_seconds if self._is(Phase.SENDING) else NEVER
            self._flow.resume()
        elif self._phase is Phase.SENDING:
            self._proceed()

    def connection_lost(self, error: Exception | None) -> None:
        self._enter(Phase.CLOSING, NEVER)
        self._shared.connections.discard(self)
        self._reader.close()
        self._intake.end()
        if self._on_lost is not None:
            self._on_lost()
        if self._shared.on_empty is not None and not self._shared.connections:
            self._shared.on_empty()
        if self._stream_task is not None:
            self._stream_task.cancel()
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.lost()

    def overdue(self) -> None:
        """The deadline has passed."""
        phase = self._phase
        if phase is Phase.READING_HEAD or phase is Phase.READING_BODY:
            self._refuse(RequestTimedOut("the request did not arrive in time"))
        elif phase is Phase.IDLE:
            self._close()
        else:  # also who still sends after a refusal: a farewell would mean to decrypt all that comes before theirs
            self.abort()

    def stop(self) -> None:
        """The server stops: idle connections close, streams are told, the rest closes after its answer."""
        if self._phase is Phase.IDLE and not self._transport.get_write_buffer_size():
            # Nothing is under way, and a client that does not read now would not answer TLS' farewell either.
            self.abort()
        elif self._phase is Phase.IDLE:
            self._close()
        elif self._taken is not None and self._taken.on_stop is not None:
            self._taken.on_stop()
        elif self._writer is not None and self._writer.on_stop is not None:
            self._writer.on_stop()
        elif self._stream_task is not None:
            self._stream_task.cancel()

    @property
    def is_replaceable(self) -> bool:
        return self._phase in READING

    def abort(self) -> None:
        """Break the connection off."""
        self._enter(Phase.CLOSING, NEVER)
        self._transport.abort()

    # Reading

    def _enter(self, phase: Phase, seconds: float) -> None:
        self._phase = phase
        self.deadline = self._shared.now() + seconds if seconds != NEVER else NEVER

    def _is(self, phase: Phase) -> bool:
        return self._phase is phase

    def _advance(self) -> None:
        """Answer the requests that are there, a bounded number in one turn."""
        reader = self._reader
        for _ in range(self._limits.pipelined_requests):
            if self._full:
                self._enter(Phase.SENDING, self._limits.write_seconds)
                return
            try:
                request = reader.next()
            except Problem as problem:
                self._refuse(problem)
                return
            if request is None:
                self._wait_for_more()
                return
            self._phase = Phase.ANSWERING
            self._intake.whole()
            self._handle(request)
            if self._phase is not Phase.IDLE:
                return
        if reader.buffered:
            self._enter(Phase.ANSWERING, NEVER)
            self._shared.turns.soon(self._next_turn)

    def _next_turn(self) -> None:
        if self._phase is Phase.ANSWERING and not self._transport.is_closing():
            self._proceed()

    def _proceed(self) -> None:
        """An answer is complete: go on with what was received meanwhile."""
        self._enter(Phase.IDLE, self._limits.idle_seconds)
        self._advance()
        if self._phase in READING:
            self._intake.go_on()

    def _wait_for_more(self) -> None:
        reader = self._reader
        if reader.in_body:
            if self._phase is not Phase.READING_BODY:
                self._enter(Phase.READING_BODY, self._limits.body_seconds)
            if reader.take_continue():
                self._transport.write(_CONTINUE)
        elif reader.in_head:
            if self._phase is not Phase.READING_HEAD:
                self._enter(Phase.READING_HEAD, self._limits.head_seconds)
        elif self._shared.stopping:
            self._close()

    # Answering

    def _handle(self, request: Request) -> None:
        shared = self._shared
        if (body := request.stream) is not None:
            self._body, body.on_room = body, self._intake.go_on
            if self._reader.take_continue():
                self._transport.write(_CONTINUE)
            self._reader.pump()
            self._intake.pause_if_full()
        if shared.new_audit_id is not None:
            request.audit_id = shared.new_audit_id()
        try:
            answer = shared.handler(request)
        except Exception as error:
            answer = failure(request, error)
        if type(answer) is Response:
            self._respond(request, answer)
        elif isinstance(answer, Awaitable):
            self.deadline = NEVER
            shared.tasks.start(self._answer_later(request, answer), f"{request.method} request")
        else:
            self._give(request, answer)

    async def _answer_later(self, request: Request, awaitable: Awaitable[Answer]) -> None:
        """Wait for an asynchronous handler. It is not cancelled when the client leaves: a write that began ends."""
        answer: Answer
        seconds = None if request.stream else self._limits.handler_seconds
        try:
            with self._shared.turns.hurry.short(request.stream is None):
                async with asyncio.timeout(seconds) as limit:
                    answer = await awaitable
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception as error:
            late = Timeout(f"the request was not answered within {self._limits.handler_seconds:g} s")
            answer = failure(request, late if limit.expired() else error)
        if self._is(Phase.ANSWERING):
            self._give(request, answer)
            if self._is(Phase.IDLE):
                self._proceed()

    def _give(self, request: Request, answer: object) -> None:
        if isinstance(answer, Response):
            self._respond(request, answer)
        elif isinstance(answer, StreamResponse):
            self._stream(request, answer)
        elif isinstance(answer, Upgrade):
            self._upgrade(request, answer)
        else:
            self._respond(request, failure(request, TypeError(f"a handler answered with {type(answer).__name__}")))

    def _keeps(self, request: Request) -> bool:
        return request.keep_alive and not self._shared.stopping and request.stream is None

    def _respond(self, request: Request, response: Response) -> None:
        packed = is_compressible(request, response)
        if packed or isinstance(response.content, Steps):
            self._stream(request, in_steps(response, packed=packed))
        else:
            self._send(request, response)

    def _send(self, request: Request, response: Response) -> None:
        keep = self._keeps(request)
        lines = common_lines(request, keep)
        try:
            head = response.encode_head(lines)
        except ValueError as error:
            head = (response := failure(request, error)).encode_head(lines)
        body = response.content
        assert not isinstance(body, Steps)
        if request.method == "HEAD" or response.status in (204, 304):
            body = b""
        if len(body) <= SLICE_BYTES:
            self._enter(Phase.IDLE, self._limits.idle_seconds)
            self._transport.write(head + bytes(body))
            if not keep:
                self._close()
            return
        self._enter(Phase.SENDING, self._limits.write_seconds)
        self._transport.write(head)
        turns = self._shared.turns
        self._flow = sliced = SlicedBody(self._transport, body, SLICE_BYTES, turns, lambda: self._sent(keep))
        if self._full:
            sliced.pause()
        sliced.send()

    def _sent(self, keep: bool) -> None:
        """A sliced body is written out."""
        self._flow = None
        if keep:
            self._enter(Phase.ANSWERING, NEVER)
            asyncio.get_running_loop().call_soon(self._next_turn)
        else:
            self._close()

    # Streams and upgrades

    def _stream(self, request: Request, response: StreamResponse) -> None:
        keep = self._keeps(request) and not request.http_1_0
        chunked = not request.http_1_0 and response.length is None
        try:
            head = response.encode_head(chunked, common_lines(request, keep))
        except ValueError as error:
            self._respond(request, failure(request, error))
            return
        self._enter(Phase.STREAMING, NEVER)
        self._transport.write(head)
        self._flow = self._writer = writer = ChunkedWriter(
            self._transport, response.buffer_bytes, chunked, self._shared.backlog, self._shared.turns
        )
        self._hurries = response.hurries
        if self._full:
            self.pause_writing()
        run = self._run_stream(request, response, writer, keep)
        self._stream_task = self._shared.tasks.start(run, f"stream {request.method}")

    async def _run_stream(self, request: Request, response: StreamResponse, writer: ChunkedWriter, keep: bool) -> None:
        try:
            if request.method != "HEAD":
                await response.run(writer)
        except asyncio.CancelledError:
            if not self._shared.stopping or writer.broken:
                self._stream_task = None
                self.abort()
                raise
        except Exception as error:
            failure(request, error)
            self.abort()
        self._stream_task = self._writer = self._flow = None
        if self._phase is Phase.STREAMING:
            if request.method != "HEAD":
                writer.close()
            if keep and not self._shared.stopping:
                self._proceed()
            else:
                self._close()

    def _upgrade(self, request: Request, upgrade: Upgrade) -> None:
        extra = b"Audit-Id: %b\r\n" % request.audit_id.encode("latin-1", "replace") if request.audit_id else b""
        try:
            head = upgrade.encode_head(extra)
        except ValueError as error:
            self._respond(request, failure(request, error))
            return
        self._enter(Phase.TAKEN, NEVER)
        self._transport.write(head)
        shared = self._shared
        self._flow = self._taken = taken = TakenConnection(self._transport, self._close, shared.tasks, shared.turns)
        if self._full:
            taken.pause()
        self._intake.widen()
        try:
            upgrade.take_over(taken)
            if rest := self._reader.take_rest():
                taken.receive(rest)
        except Exception as error:
            failure(request, error)
            self.abort()

    # Ending

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request; the rest of the input means nothing, but the client must get to read this."""
        self._reader.close()
        self._transport.write(problem_response(problem).encode(CLOSE_LINE))
        self._enter(Phase.LINGERING, self._limits.linger_seconds)

    def _close(self) -> None:
        if self._reader.streaming and self._phase is not Phase.LINGERING:
            # The client still sends; were the connection closed now, it might never read its answer.
            self._reader.close()
            self._enter(Phase.LINGERING, self._limits.linger_seconds)
            self._intake.go_on()
            return
        self._enter(Phase.CLOSING, self._limits.write_seconds)
        self._transport.close()
