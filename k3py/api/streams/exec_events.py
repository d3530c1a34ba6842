"""The words of exec and attach, whatever the client speaks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

from k3py.api.streams.spdy import RoomGrew
from k3py.model.websocket import Reply

# One size of a terminal takes some 30 bytes; more than this without an end is no size.
RESIZE_BYTES_MAX: Final = 1024
TERMINAL_MAX: Final = 0xFFFF  # struct winsize holds 16 bits


class Output(Enum):
    """Where the program writes to."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True)
class Stdin:
    """Bytes for the program's standard input."""

    data: bytes


@dataclass(frozen=True)
class StdinClosed:
    """The client has closed standard input."""


@dataclass(frozen=True)
class Resize:
    """The client's terminal has this size now, in characters."""

    width: int
    height: int


@dataclass(frozen=True)
class Ready:
    """All streams are there: the program may begin."""


@dataclass(frozen=True)
class Gone:
    """The client is through: it closed, or broke the protocol (``reason``)."""

    reason: str


Incoming = Stdin | StdinClosed | Resize
Event = Incoming | Ready | Gone | Reply | RoomGrew


@dataclass(frozen=True)
class RemoteCommandOptions:
    """Which streams the client asked for (query parameters of exec and attach)."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    def wants(self, output: Output) -> bool:
        """Whether this output is to be sent. With a terminal there is only one output."""
        return self.stdout if output is Output.STDOUT else self.stderr and not self.tty


class Codec(Protocol):
    """One generation of the protocol: bytes to events, commands to bytes. No I/O."""

    def feed(self, data: bytes) -> list[Event]:
        """What the bytes received mean."""
        ...

    def room(self, output: Output) -> int:
        """Bytes of this output that may be sent now."""
        ...

    def output(self, output: Output, data: bytes) -> bytes:
        """Output as on the wire; at most ``room`` bytes."""
        ...

    def consumed(self, size: int) -> bytes:
        """The program took ``size`` bytes of its input; what is to be sent because of that."""
        ...

    def finish(self, status: Mapping[str, Any]) -> bytes:
        """How the program ended, and the end of all streams."""
        ...


class ResizeReader:
    """Sizes of a terminal, ``{"Width":80,"Height":24}`` one after the other, in whatever pieces they come."""

    def __init__(self) -> None:
        self._text = b""

    def feed(self, data: bytes) -> list[Event]:
        """The sizes that are complete now. What is no size is left out: it does no harm to a program."""
        self._text += data
        *complete, self._text = self._text.split(b"}")
        self._text = self._text[-RESIZE_BYTES_MAX:]
        sizes = (_size(text[-RESIZE_BYTES_MAX:] + b"}") for text in complete)
        return [size for size in sizes if size is not None]


def _size(text: bytes) -> Resize | None:
    try:
        body = json.loads(text)
        width, height = body["Width"], body["Height"]
    except (ValueError, KeyError, TypeError):
        return None
    if not all(type(n) is int and 0 < n <= TERMINAL_MAX for n in (width, height)):
        return None
    return Resize(width, height)


def is_success(status: Mapping[str, Any]) -> bool:
    """Whether a ``Status`` object speaks of success."""
    return status.get("status") == "Success"


def plain_message(status: Mapping[str, Any]) -> bytes:
    """What protocols before version 4 send: nothing for success, else a sentence."""
    return b"" if is_success(status) else str(status.get("message", "the command failed")).encode()
