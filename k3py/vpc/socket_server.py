"""The unix socket on which pods' networks are asked for. Acts.

Only root may ask: the file has mode 0600, and the peer's uid is checked again. Requests of one connection are answered
one after the other; who goes away while its request is being carried out stops nothing but a wait for drops.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, cast

from k3py.model import vpc_socket as messages
from k3py.model.vpc_socket import LINE_BYTES_MAX, AnyRequest, Traced, TraceRequest
from k3py.vpc.lines import BadLine, Lines, TooLong, read_request, refusal_line, result_line
from k3py.vpc.ports import NetworkProblem

log = logging.getLogger(__name__)

# The agent has one per pod that it starts, people a few. A connection counts until its last request is carried out,
# also when its other end has gone away, so there are never more requests.
CONNECTIONS_MAX: Final = 64
CLOSING_SECONDS: Final = 10.0
BACKLOG: Final = 64
_PEERCRED: Final = struct.Struct("3i")

Answering = Callable[[AnyRequest], Awaitable[Any]]
"""The result of a request, or NetworkProblem."""


class AlreadyServed(Exception):
    """Somebody listens on the socket: another VPC daemon of this instance runs."""


class SocketServer:
    """Serves ``answer`` on ``path`` for the user ``uid``."""

    def __init__(self, path: Path, answer: Answering, uid: int = 0) -> None:
        self._path, self._answer, self.uid = path, answer, uid
        self._connections: set[_Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen. A file that nobody listens on is replaced.

        Raises:
            AlreadyServed: somebody does.
            OSError: the socket cannot be made.
        """
        listening = _bind(self._path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Connection(self), sock=listening, backlog=BACKLOG)

    async def stop(self) -> None:
        """Close everything; requests that are being carried out get some seconds."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
        for connection in list(self._connections):
            connection.close()
        if self._serving:
            _, late = await asyncio.wait(self._serving, timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def enter(self, connection: "_Connection") -> bool:
        """Whether there is room for one more."""
        if len(self._connections) >= CONNECTIONS_MAX:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: "_Connection") -> None:
        """Its last request is carried out."""
        self._connections.discard(connection)

    def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out a connection's requests."""
        task = asyncio.get_running_loop().create_task(work, name="connection to the VPC socket")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def line(self, line: bytes, gone: asyncio.Event) -> bytes:
        """The answer to a line. Never raises."""
        try:
            request = read_request(line)
        except BadLine as error:
            return refusal_line(messages.BAD_REQUEST, str(error))
        try:
            return result_line(await self._carried_out(request, gone))
        except NetworkProblem as problem:
            return refusal_line(problem.reason, str(problem))
        except Exception as problem:
            log.exception("a request on the VPC socket failed")
            return refusal_line(messages.INTERNAL, f"the VPC daemon failed at this: {problem!r}; its log says more")

    async def _carried_out(self, request: AnyRequest, gone: asyncio.Event) -> Any:
        if not isinstance(request, TraceRequest):
            return await self._answer(request)
        asked = asyncio.ensure_future(self._answer(request))
        leaving = asyncio.ensure_future(gone.wait())
        try:
            await asyncio.wait((asked, leaving), return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else Traced()
        finally:
            for task in (asked, leaving):
                task.cancel()


class _Connection(asyncio.Protocol):
    """One connection: collects lines, answers them in order."""

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self._lines = Lines()
        self._arrived, self._writable, self._gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        uid = _peer_uid(transport.get_extra_info("socket"))
        if uid != self._server.uid:
            log.warning("uid %d asked on the VPC socket", uid)
            self._refuse(messages.FORBIDDEN, f"only uid {self._server.uid} may ask the VPC daemon, you are {uid}")
        elif not self._server.enter(self):
            self._refuse(messages.BUSY, f"the VPC daemon has {CONNECTIONS_MAX} connections already; try again")
        else:
            self._server.serve(self._serve())

    def data_received(self, data: bytes) -> None:
        self._lines.feed(data)
        if len(self._lines) > LINE_BYTES_MAX and self._transport is not None:
            self._transport.pause_reading()
        self._arrived.set()

    def eof_received(self) -> bool:
        self._gone.set()
        self._arrived.set()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._gone.set()
        self._arrived.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def close(self) -> None:
        """Take no more requests."""
        self._gone.set()
        self._arrived.set()
        self._writable.set()

    async def _serve(self) -> None:
        try:
            while (line := await self._next()) is not None:
                if line.strip():
                    self._write(await self._server.line(line, self._gone))
                    await self._writable.wait()
        except TooLong as error:
            self._refuse(messages.BAD_REQUEST, str(error))
        finally:
            self._server.leave(self)
            if self._transport is not None:
                self._transport.close()

    async def _next(self) -> bytes | None:
        while True:
            self._arrived.clear()
            line = self._lines.next()
            if line is not None:
                if len(self._lines) <= LINE_BYTES_MAX and self._transport is not None:
                    self._transport.resume_reading()
                return line
            if self._gone.is_set():
                return None
            await self._arrived.wait()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _refuse(self, reason: str, message: str) -> None:
        self._write(refusal_line(reason, message))
        if self._transport is not None:
            self._transport.close()


def _peer_uid(connected: Any) -> int:
    """Who is at the other end (unix(7), SO_PEERCRED)."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    return int(_PEERCRED.unpack(credentials)[1])


def _bind(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    make_room(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # From its first moment nobody else may connect.
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(before)
    listening.setblocking(False)
    return listening


def make_room(path: Path) -> None:
    """Remove a socket's file that nobody listens on. Ask before the store is opened, which fences the other daemon.

    Raises:
        AlreadyServed: somebody listens.
        OSError: it cannot be tried, or removed.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except TimeoutError:
            pass
    raise AlreadyServed(f"cannot listen on {path}: another VPC daemon does; stop it first")
