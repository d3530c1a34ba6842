"""What a controller says of itself, so that the runner can run it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from k3py.controllers.actions import Action
from k3py.controllers.informer import Caches, Index
from k3py.model.struct import Wire

Key = tuple[str, str]
"""Namespace (empty for cluster-wide) and name of the object to look at."""

KeysOf = Callable[[Any, Any, Caches], Iterable[Key]]
"""(old, new, caches) -> the keys that a change of one object asks to look at; old or new may be None."""


@dataclass(frozen=True)
class Reads:
    """A kind that a controller looks at, which keys a change of it wakes, and by what the cache is indexed."""

    kind: type[Wire]
    keys: KeysOf
    indexes: Mapping[str, Index] = field(default_factory=dict)
    bare: bool = False


@dataclass(frozen=True)
class Turn:
    """The circumstances of one look at one key.

    Attributes:
        now: seconds since 1970.
        failure: what went wrong when the last turn of this key was carried out; empty if nothing did.
        monotonic: seconds on a clock that never jumps; for what this process itself observed.
        running_seconds: how long the runner has been running.
    """

    now: float
    failure: str = ""
    monotonic: float = 0.0
    running_seconds: float = 0.0


class Controller(Protocol):
    """A controller decides; it never waits and never writes.

    ``plan`` gathers from the caches and calls the file's pure ``reconcile``. It may keep observations (when a heartbeat
    was last seen), nothing else.
    """

    @property
    def name(self) -> str: ...

    @property
    def workers(self) -> int:
        """How many keys may be worked on at the same time."""
        ...

    @property
    def reads(self) -> Sequence[Reads]: ...

    @property
    def writes(self) -> Sequence[type[Wire]]:
        """The kinds its actions may touch; the runner refuses others."""
        ...

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]: ...


def itself(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    """A change of an object wakes the key of that object."""
    del caches
    value = new if new is not None else old
    return ((value.metadata.namespace, value.metadata.name),)
