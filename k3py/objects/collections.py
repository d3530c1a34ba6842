"""How the store keeps each kind: how much of its past, sealed or not, volatile or not."""

from collections.abc import Iterable
from typing import Final

from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.store.collections import Collection, never

EVENT_TTL_SECONDS: Final = 3600.0
NODE_LEASE_NAMESPACE: Final = "kube-node-lease"

# A watch of pods is resumed by every node after a restart of the server: their past is kept longer.
BUSY_RING_ENTRIES: Final = 50_000
BUSY_RING_BYTES: Final = 128 << 20
BUSY_TAIL_ENTRIES: Final = 16_384
# Events are many and each is read once: a short past, so that they do not hold the memory pods need.
EVENT_RING_ENTRIES: Final = 5_000
EVENT_RING_BYTES: Final = 8 << 20
EVENT_TAIL_ENTRIES: Final = 1_024
# Renewals are frequent and nobody resumes from an old one.
LEASE_RING_ENTRIES: Final = 4_096
LEASE_RING_BYTES: Final = 4 << 20
LEASE_TAIL_ENTRIES: Final = 256

_BUSY: Final = frozenset(("pods", "endpointslices"))
_SEALED: Final = frozenset(("secrets",))


def collection_name(kind: Kind) -> str:
    """The kind's key prefix in the store: its plural."""
    return kind.plural


def is_secret(kind: Kind) -> bool:
    """Whether the kind's contents are encrypted at rest, and shown in no message."""
    return kind.plural in _SEALED


def collection(kind: Kind) -> Collection:
    """The store's settings of one kind."""
    name = collection_name(kind)
    if name == "events":
        return Collection(name, EVENT_RING_ENTRIES, EVENT_RING_BYTES, EVENT_TAIL_ENTRIES, ttl_seconds=EVENT_TTL_SECONDS)
    if name == "leases":
        return Collection(
            name, LEASE_RING_ENTRIES, LEASE_RING_BYTES, LEASE_TAIL_ENTRIES, volatile=_is_node_lease_namespace
        )
    if name in _BUSY:
        return Collection(name, BUSY_RING_ENTRIES, BUSY_RING_BYTES, BUSY_TAIL_ENTRIES)
    return Collection(name, sealed=is_secret(kind), volatile=never)


def collections(kinds: Iterable[Kind] = KINDS) -> list[Collection]:
    """The settings of every kind that is stored."""
    return [collection(kind) for kind in kinds if kind.stored]


def _is_node_lease_namespace(namespace: str) -> bool:
    return namespace == NODE_LEASE_NAMESPACE
