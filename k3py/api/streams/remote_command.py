"""Exec and attach for every generation of clients, behind one port."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from k3py.api.http.messages import Request, Upgrade


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


Incoming = Stdin | StdinClosed | Resize


@dataclass(frozen=True)
class RemoteCommandOptions:
    """Which streams the client asked for (query parameters of exec and attach)."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


class RemoteCommand(Protocol):
    """The client's side of one running program."""

    @property
    def disconnected(self) -> bool:
        """The client is gone."""
        ...

    def incoming(self) -> AsyncIterator[Incoming]:
        """What the client sends, in order; ends when the client is gone or ``finish`` was called."""
        ...

    async def write(self, channel: Output, data: bytes) -> None:
        """Send output; waits while the client is slow. Dropped when the client is gone or did not ask for it."""
        ...

    async def finish(self, status: Mapping[str, Any]) -> None:
        """Send how the program ended, a Kubernetes ``Status`` object, and close."""
        ...


def upgrade_remote_command(
    request: Request,
    options: RemoteCommandOptions,
    run: Callable[[RemoteCommand], Awaitable[None]],
) -> Upgrade:
    """Answer an exec or attach request by switching to the best protocol the client offers; ``run`` does the rest.

    Raises:
        BadRequest: the request is no upgrade, or offers no protocol that is known.
    """
    raise NotImplementedError
