"""What the connections of one server have in common: phases, the handler and its bounds, answers for failures."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol

from k3py.api.http.backlog import Backlog
from k3py.api.http.limits import Limits
from k3py.api.http.messages import Handler, Request, Response, SslObject, problem_response
from k3py.api.http.reader import BodyBudget, Streams
from k3py.api.http.turns import Turns
from k3py.base.tasks import Tasks
from k3py.model.errors import InternalError, Problem

log = logging.getLogger(__name__)
NEVER: Final = float("inf")
# While others write, and for a moment after: pieces of large bodies (64 KiB or a little more) are so far apart; each
# costs the kernel, TLS and us some tenths of a millisecond. The largest body there may be takes a sixth of a second so.
BODY_REST_SECONDS: Final = 0.003
BODY_LINGER_SECONDS: Final = 0.002


class RequestTimedOut(Problem):
    """RFC 9110, 15.5.9."""

    code, reason = 408, "Timeout"


class Phase(Enum):
    """What a connection is doing; it decides what its deadline means."""

    IDLE = auto()
    READING_HEAD = auto()
    READING_BODY = auto()
    ANSWERING = auto()
    SENDING = auto()
    STREAMING = auto()
    TAKEN = auto()
    LINGERING = auto()
    CLOSING = auto()


# While in one of these, bytes received are looked at at once.
READING: Final = frozenset((Phase.IDLE, Phase.READING_HEAD, Phase.READING_BODY))
# While in one of these, they are thrown away.
ENDING: Final = frozenset((Phase.LINGERING, Phase.CLOSING))


class Served(Protocol):
    """A connection as its server sees it."""

    deadline: float
    address: str

    @property
    def is_replaceable(self) -> bool:
        """Nothing is being answered on it: it may be closed for another one."""
        ...

    def overdue(self) -> None: ...
    def stop(self) -> None: ...
    def abort(self) -> None: ...


class Flowing(Protocol):
    """Whoever writes at length and must know how the socket fares."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def lost(self) -> None: ...


@dataclass(eq=False)
class Shared:
    """What all connections of a server have in common."""

    handler: Handler
    limits: Limits
    budget: BodyBudget
    now: Callable[[], float]
    new_audit_id: Callable[[], str] | None = None
    streams: Streams | None = None
    connections: "set[Served]" = field(default_factory=set)
    tasks: Tasks = field(default_factory=Tasks)
    turns: Turns = field(default_factory=Turns)
    stopping: bool = False
    on_empty: Callable[[], None] | None = None  # the last connection is gone
    body_turns: Turns = field(init=False)
    backlog: Backlog = field(init=False)

    def __post_init__(self) -> None:
        self.backlog = Backlog(self.limits.backlog_bytes)
        self.turns.hurry.on_end = self.turns.go_on
        self.body_turns = Turns(self.turns.hurry, BODY_REST_SECONDS, BODY_LINGER_SECONDS)


CLOSE_LINE: Final = b"Connection: close\r\n"
_KEEP_ALIVE_LINE: Final = b"Connection: keep-alive\r\n"  # HTTP/1.0 wants to be told


def common_lines(request: Request, keep: bool) -> bytes:
    """Header lines that every answer gets; ``keep``: the connection stays open."""
    lines = b"" if keep and not request.http_1_0 else _KEEP_ALIVE_LINE if keep else CLOSE_LINE
    if request.audit_id:
        lines += b"Audit-Id: %b\r\n" % request.audit_id.encode("latin-1", "replace")
    return lines


def failure(request: Request, error: Exception) -> Response:
    """The answer for what a handler raised: a problem as it is, anything else as 500 without its inside."""
    if isinstance(error, Problem):
        return problem_response(error)
    log.error("%s request failed (audit id %s)", request.method, request.audit_id or "-", exc_info=error)
    known = f" (audit id {request.audit_id})" if request.audit_id else ""
    return problem_response(InternalError(f"Internal error occurred: the server's log says more{known}"))


def address_of(transport: asyncio.Transport) -> str:
    """The peer\'s IP address; an IPv4 address as such, also on an IPv6 socket."""
    name = transport.get_extra_info("peername")
    return str(name[0]).removeprefix("::ffff:") if isinstance(name, tuple) else ""


def ssl_object_of(transport: asyncio.Transport) -> SslObject | None:
    """What knows the peer\'s certificate; None without TLS."""
    found: SslObject | None = transport.get_extra_info("ssl_object")
    return found
