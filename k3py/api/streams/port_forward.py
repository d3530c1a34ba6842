"""Port-forward for every generation of clients, behind one port."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from k3py.api.http.messages import Request, Upgrade


class Duplex(Protocol):
    """A connection to a port of a pod."""

    async def read(self, size: int) -> bytes:
        """Up to ``size`` bytes as soon as there are any; b"" at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send; waits while the other end is slow."""
        ...

    async def write_eof(self) -> None:
        """Say that no more will be written."""
        ...

    def close(self) -> None: ...


def upgrade_port_forward(request: Request, connect: Callable[[int], Awaitable[Duplex]]) -> Upgrade:
    """Answer a port-forward request by switching to the best protocol the client offers.

    ``connect`` opens a port of the pod, once per forwarded connection; what it raises (OSError, Problem) is told to
    the client on that connection's error stream.

    Raises:
        BadRequest: the request is no upgrade, or offers no protocol that is known.
    """
    raise NotImplementedError
