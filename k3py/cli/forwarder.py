"""Listens on local ports and carries each connection to a pod's, through the server. Acts."""

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Final

from k3py.cli.app import Failure
from k3py.cli.channels import Opened, ToSend
from k3py.cli.forward_session import PIECE_BYTES, Ended, ForwardSession, Received
from k3py.cli.forwarded_ports import Joined
from k3py.cli.session import ANSWER_SECONDS, Session
from k3py.model.errors import NotFound, Problem, Unavailable

# A person's browser opens a dozen; beyond this something runs wild, and every one is a connection to the server.
CONNECTIONS_MAX: Final = 256


class Forwarder:
    """All forwarded ports of one command. ``target`` gives the request's path and query for a port of the pod."""

    def __init__(self, session: Session, target: Callable[[int], str]) -> None:
        self._session = session
        self._tls: ssl.SSLContext = session.access.tls()
        self._target = target
        self._connections: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[None]

    async def run(self, addresses: Sequence[str], ports: Sequence[Joined]) -> None:
        """Listen and carry until told to stop (SIGINT, SIGTERM).

        Raises:
            Failure: no port can be listened on.
            NotFound: the pod is no more.
        """
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        with ExitStack() as listening:
            for port in ports:
                for server in await self._listen(addresses, port):
                    listening.callback(server.close)
            try:
                await self._over
            finally:
                for task in self._connections:
                    task.cancel()
                await asyncio.gather(*self._connections, return_exceptions=True)

    def _end(self, problem: Problem | None = None) -> None:
        if not self._over.done():
            self._over.set_exception(problem) if problem else self._over.set_result(None)

    async def _listen(self, addresses: Sequence[str], port: Joined) -> list[asyncio.Server]:
        servers: list[asyncio.Server] = []
        local, problem = port.local, OSError("no address is given")
        for address in addresses:

            async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._accept(reader, writer, port)

            try:
                server = await asyncio.start_server(accept, address, local, limit=PIECE_BYTES)
            except OSError as error:
                problem = error
                continue
            local = server.sockets[0].getsockname()[1]
            servers.append(server)
            shown = f"[{address}]" if ":" in address else address
            print(f"Forwarding from {shown}:{local} -> {port.remote}", flush=True)
        if not servers:
            raise Failure(f"cannot listen on port {local}: {problem.strerror or problem}")
        return servers

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: Joined) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._connections) >= CONNECTIONS_MAX:
                print(f"error: more than {CONNECTIONS_MAX} connections at a time: one is refused", file=sys.stderr)
                return
            self._connections.add(task)
            print(f"Handling connection for {writer.get_extra_info('sockname')[1]}", flush=True)
            await self._carry(reader, writer, port.remote)
        except NotFound as problem:
            self._end(problem)
        except (Problem, OSError) as problem:
            print(f"error: {problem}", file=sys.stderr, flush=True)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """One connection's whole life."""
        session, protocol = self._session, ForwardSession(os.urandom)
        name = f"[{session.host}]" if ":" in session.host else session.host
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                above, below = await asyncio.open_connection(
                    session.host, session.port, ssl=self._tls, server_hostname=session.host, limit=PIECE_BYTES
                )
        except OSError as error:  # TimeoutError is one
            raise Unavailable(f"cannot connect to {session.access.server}: {error.strerror or error}") from error
        try:
            below.write(protocol.request(f"{name}:{session.port}", self._target(port), session.headers()))
            await _Connection(protocol, above, below, reader, writer).run()
        finally:
            below.close()


class _Connection:
    """A client's connection (``reader``, ``writer``) joined to one to the server (``above``, ``below``)."""

    def __init__(
        self, protocol: ForwardSession, above: asyncio.StreamReader, below: asyncio.StreamWriter,
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        self._protocol = protocol
        self._above = above
        self._below = below
        self._reader = reader
        self._writer = writer
        self._sending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the pod has ended the connection, or the client has broken it off.

        Raises:
            Problem: the server refuses or breaks off; the pod's port cannot be reached.
        """
        try:
            await self._receive()
        except ConnectionError:
            pass  # the client has gone; nobody is left to be told
        finally:
            if self._sending is not None:
                self._sending.cancel()
                await asyncio.gather(self._sending, return_exceptions=True)

    async def _receive(self) -> None:
        while data := await _read(self._above):
            for event in self._protocol.feed(data):
                if isinstance(event, Opened):
                    self._sending = asyncio.create_task(self._send())
                elif isinstance(event, ToSend):
                    self._below.write(event.data)
                elif isinstance(event, Received):
                    self._writer.write(event.data)
                elif isinstance(event, Ended):
                    return await self._finish(event.problem)
            await self._writer.drain()
        raise self._protocol.finish()

    async def _finish(self, problem: str) -> None:
        await self._writer.drain()
        if problem:
            raise Unavailable(problem)

    async def _send(self) -> None:
        with suppress(ConnectionError):
            while data := await self._reader.read(PIECE_BYTES):
                self._below.write(self._protocol.data(data))
                await self._below.drain()
        # Also after a reset: the pod is told that nothing more comes, and ends the connection.
        self._below.write(self._protocol.data_ended())


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(PIECE_BYTES)
    except OSError as error:
        raise Unavailable(f"the connection to the server broke off: {error}") from error
