"""What the server and its helper process say to each other: frames of a length and a pickled message.

Both are the same program at the same moment; nobody else can speak on their socket.
"""

import pickle
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.api.heavy.writes import Outcome, Write
from k3py.model.errors import Problem
from k3py.objects.service_addresses import ServiceRanges
from k3py.store.errors import StoreError

LENGTH: Final = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Begin:
    """Server: do this write. ``now`` is seconds since 1970."""

    write: Write
    now: float
    ranges: ServiceRanges


@dataclass(frozen=True, slots=True)
class Ask:
    """Helper: what does the store, or who decides on rights, say? Answered by ``Told``."""

    what: str  # latest, list_latest, may_use_vpc
    of: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """Helper: is everything durable that I was told? Answered by ``Told`` or ``Failed``."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Helper: store this. Answered by ``Told`` (the revision), ``Again`` or ``Failed``.

    ``expected_revision`` is None for a new record; ``raw`` has some resource version, the store's takes its place.
    """

    collection: str
    namespace: str
    name: str
    expected_revision: int | None
    raw: bytes
    uid: str = ""
    labels: Any = ()
    fields: Sequence[str] = ()
    is_deletion: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Server: the answer."""

    value: Any


@dataclass(frozen=True, slots=True)
class Again:
    """Server: what the write was decided against has changed meanwhile; decide again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Server: the store's error."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class Done:
    """Helper: what the write came to. ``outcome.raw`` is empty when it is what was committed."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Refused:
    """Helper: the write is refused."""

    problem: Problem


Question = Ask | Settle | Commit | Done | Refused
Answer = Begin | Told | Again | Failed


def frame(message: Question | Answer) -> bytes:
    """A message's bytes."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def understand(body: bytes | bytearray) -> Any:
    """The message of a frame's body."""
    return pickle.loads(body)


def plain(problem: Problem) -> Problem:
    """A problem that can be told: of the nearest class that is made of a message and details."""
    kind = next(each for each in type(problem).__mro__ if getattr(each, "__init__", None) is Problem.__init__)
    told: Problem = kind(problem.message, problem.details)
    return told
