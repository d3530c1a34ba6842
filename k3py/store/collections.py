"""What the store has to know of a kind: how much of its past to keep, and where."""

from collections.abc import Callable
from dataclasses import dataclass


def never(namespace: str) -> bool:
    """No namespace of the collection is volatile."""
    del namespace
    return False


@dataclass(frozen=True)
class Collection:
    """One collection of records, as the store sees it.

    Attributes:
        name: the key prefix ``/registry/<name>/``: a plural (``pods``) or ``<group>/<plural>`` for custom kinds.
        ring_entries: changes kept in memory for watches that resume.
        ring_bytes: bytes of objects these may hold.
        tail_entries: changes kept durably, so that watches resume after a restart; at most ``ring_entries``.
        sealed: encrypted at rest.
        volatile: whether records of a namespace are kept in memory only (heartbeats).
        ttl_seconds: records are deleted this long after their last write, by our own clock; None: never.
    """

    name: str
    ring_entries: int = 10_000
    ring_bytes: int = 32 << 20
    tail_entries: int = 4_096
    sealed: bool = False
    volatile: Callable[[str], bool] = never
    ttl_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith("/") or self.name.endswith("/"):
            raise ValueError(f"cannot use {self.name!r} as the name of a collection")
        if not 0 < self.tail_entries <= self.ring_entries:
            raise ValueError(
                f"cannot keep {self.tail_entries} changes of {self.name} durably: between 1 and ring_entries"
            )
        if self.ring_bytes <= 0 or (self.ttl_seconds is not None and self.ttl_seconds <= 0):
            raise ValueError(f"cannot keep {self.name}: bounds are greater than zero")

    @property
    def has_volatile(self) -> bool:
        """Whether any namespace may be volatile."""
        return self.volatile is not never
