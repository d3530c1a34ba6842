"""A VPC daemon that is a script: it speaks the protocol of the socket and answers what a test tells it to."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from k3py.model.vpc_socket import Answer, AnyRequest, Refusal

Handler = Callable[[Any], Any]
_decoder = msgspec.json.Decoder(AnyRequest)


class VpcServer:
    """Answers each request by the handler of its type; one that raises ``Refused`` refuses, None hangs up."""

    def __init__(self, path: Path, handlers: dict[type, Handler]) -> None:
        self.path = path
        self.handlers = handlers
        self.asked: list[Any] = []
        self._socket = socket.socket(socket.AF_UNIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                request = _decoder.decode(line)
                self.asked.append(request)
                try:
                    result = self.handlers[type(request)](request)
                except Refused as refused:
                    answer = Answer(error=Refusal(reason=refused.reason, message=str(refused)))
                except HangUp:
                    return
                else:
                    answer = Answer(result=msgspec.Raw(msgspec.json.encode(result)))
                connection.sendall(msgspec.json.encode(answer) + b"\n")

    def close(self) -> None:
        """Stop listening and remove the socket."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        self.path.unlink(missing_ok=True)


class Refused(Exception):
    """What a handler raises to refuse."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class HangUp(Exception):
    """What a handler raises to end the connection without an answer."""


@contextlib.contextmanager
def vpc_server(path: Path, handlers: dict[type, Handler]) -> Iterator[VpcServer]:
    """One that runs while the block does."""
    made = VpcServer(path, handlers)
    try:
        yield made
    finally:
        made.close()
