"""Joins the person's terminal, or pipes, to an exec session. Acts."""

import contextlib
import os
import select
import signal
import ssl
import sys
import termios
import tty
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from k3py.cli.channels import Opened, ToSend
from k3py.cli.exec_session import Ended, ExecSession, Output
from k3py.model.errors import Unavailable
from k3py.model.streams import Channel

PIECE_BYTES: Final = 32 * 1024
# Input is not read while this much of it waits for the server.
WAITING_BYTES_MAX: Final = 256 * 1024


class Joined:
    """An exec session on a connection. ``stdin`` says whether input is passed on, ``terminal`` whether sizes are."""

    def __init__(self, connection: ssl.SSLSocket, session: ExecSession, *, stdin: bool, terminal: bool) -> None:
        self._connection = connection
        self._session = session
        self._reads_input = False
        self._wants_input = stdin
        self._terminal = terminal
        self._waiting = bytearray()

    def run(self, request: bytes) -> Ended:
        """Pass everything on in both directions until the command has ended.

        Raises:
            Problem: the server refuses, or breaks off.
        """
        self._connection.setblocking(False)
        self._waiting += request
        with _terminal_resized() as resized:
            while True:
                self._send()
                if not self._connection.pending():
                    self._wait(resized)
                received = self._receive()
                if received == b"":
                    raise self._session.finish()
                for event in self._session.feed(received) if received else ():
                    if isinstance(event, Ended):
                        return event
                    self._on(event)

    def _wait(self, resized: int) -> None:
        """Wait until something can be done; take input and new sizes."""
        takes_input = self._reads_input and len(self._waiting) < WAITING_BYTES_MAX
        reads: list[Any] = [self._connection, resized, *([sys.stdin.fileno()] if takes_input else [])]
        ready, _, _ = select.select(reads, [self._connection] if self._waiting else [], [])
        if resized in ready:
            os.read(resized, PIECE_BYTES)
            self._size()
        if takes_input and sys.stdin.fileno() in ready:
            data = os.read(sys.stdin.fileno(), PIECE_BYTES)
            self._reads_input = bool(data)
            self._waiting += self._session.stdin(data) if data else self._session.stdin_closed()

    def _on(self, event: Opened | Output | ToSend) -> None:
        if isinstance(event, Opened):
            self._reads_input = self._wants_input
            self._size()
        elif isinstance(event, ToSend):
            self._waiting += event.data
        else:
            stream = sys.stderr if event.channel is Channel.STDERR else sys.stdout
            stream.buffer.write(event.data)
            stream.buffer.flush()

    def _size(self) -> None:
        if self._terminal:
            size = os.get_terminal_size(sys.stdin.fileno())
            self._waiting += self._session.resized(size.columns, size.lines)

    def _send(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._connection.send(self._waiting)]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            raise Unavailable(f"the connection broke off: {error}") from error

    def _receive(self) -> bytes | None:
        """What has come; b"" at the end, None when nothing is there."""
        try:
            return self._connection.recv(PIECE_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            raise Unavailable(f"the connection broke off: {error}") from error


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Standard input without echo, line editing and signals of its own, so that the container sees every key."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSANOW)  # what was typed ahead is not thrown away
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _terminal_resized() -> Iterator[int]:
    """A descriptor that can be read after the terminal has got another size."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def tell(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(writer, b"\0")

    before = signal.signal(signal.SIGWINCH, tell)
    try:
        yield reader
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(reader)
        os.close(writer)
