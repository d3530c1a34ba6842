"""Garbage collector: an object goes when all its owners are gone; foreground and orphan deletion.

An owner is recognised by its uid, never by its name: an object of the same name is another owner. Caches are of one
revision, so an owner that is in no cache is gone (Kubernetes asks the API again because its caches are not).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from k3py.controllers.actions import BACKGROUND, FOREGROUND, Action, Delete, Patch, Target
from k3py.controllers.controller import Key, Reads, Turn
from k3py.controllers.informer import Caches
from k3py.model.codec import to_plain
from k3py.model.generated import core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.struct import Wire

FOREGROUND_FINALIZER: Final = "foregroundDeletion"
ORPHAN_FINALIZER: Final = "orphan"
# An owner of thousands of objects must not fill the store's queue in one turn.
DEPENDENTS_PER_TURN: Final = 500
BY_OWNERS: Final = "owners"


@dataclass(frozen=True)
class Item:
    """One object as the collector sees it: its class and metadata."""

    kind: type[Wire]
    meta: meta_v1.ObjectMeta

    @property
    def target(self) -> Target:
        return Target(self.kind, self.meta.namespace, self.meta.name, self.meta.uid, self.meta.resource_version)

    def waits_for(self, finalizer: str) -> bool:
        """It is being deleted and this finalizer holds it."""
        return self.meta.deletion_timestamp is not None and finalizer in self.meta.finalizers


@dataclass(frozen=True)
class Seen:
    """An object's owners by uid (absent: None; of a kind we do not know: left out) and its dependents."""

    owners: dict[str, Item | None] = field(default_factory=dict)
    dependents: Sequence[Item] = ()


def reconcile(item: Item, seen: Seen) -> list[Action]:
    """What to do about one object."""
    if item.waits_for(ORPHAN_FINALIZER):
        return _orphan(item, seen.dependents)
    if item.waits_for(FOREGROUND_FINALIZER):
        return _foreground(item, seen.dependents)
    if item.meta.deletion_timestamp is not None or not item.meta.owner_references:
        return []
    return _collect(item, seen)


def _collect(item: Item, seen: Seen) -> list[Action]:
    """Delete it when every owner is gone; forget single owners that are gone while others remain."""
    references = item.meta.owner_references
    dangling = [each for each in references if each.uid in seen.owners and seen.owners[each.uid] is None]
    waiting = [
        each
        for each in references
        if (owner := seen.owners.get(each.uid)) is not None and owner.waits_for(FOREGROUND_FINALIZER)
    ]
    solid = [each for each in references if each not in dangling and each not in waiting]
    if solid:
        if not dangling and not waiting:
            return []
        gone = {each.uid for each in (*dangling, *waiting)}
        return [_without_owners(item, gone, "another owner remains")]
    if waiting:
        why = f"its owner {waiting[0].name} is being deleted and waits for it"
        propagation = FOREGROUND if seen.dependents else _propagation(item)
        return [Delete(item.target, why, propagation=propagation, unchanged=True)]
    why = f"its owner {dangling[0].kind} {dangling[0].name} is gone"
    return [Delete(item.target, why, propagation=_propagation(item), unchanged=True)]


def _propagation(item: Item) -> str:
    """As its finalizers ask for; background without any."""
    if ORPHAN_FINALIZER in item.meta.finalizers:
        return "Orphan"
    return FOREGROUND if FOREGROUND_FINALIZER in item.meta.finalizers else BACKGROUND


def _foreground(item: Item, dependents: Sequence[Item]) -> list[Action]:
    """Dependents first (they are looked at on their own); then the finalizer goes."""
    blocking = [each for each in dependents if _blocks(each, item.meta.uid)]
    if blocking:
        return []
    return [_without_finalizer(item, FOREGROUND_FINALIZER, "no dependent holds it back")]


def _blocks(dependent: Item, uid: str) -> bool:
    return any(each.uid == uid and each.block_owner_deletion for each in dependent.meta.owner_references)


def _orphan(item: Item, dependents: Sequence[Item]) -> list[Action]:
    """Every dependent forgets this owner; then the finalizer goes."""
    if dependents:
        why = f"{item.meta.name} is deleted without its dependents"
        return [_without_owners(each, {item.meta.uid}, why) for each in dependents[:DEPENDENTS_PER_TURN]]
    return [_without_finalizer(item, ORPHAN_FINALIZER, "its dependents are orphans")]


def _without_owners(item: Item, uids: set[str], why: str) -> Patch:
    kept = [to_plain(each) for each in item.meta.owner_references if each.uid not in uids]
    return Patch(item.target, {"metadata": {"ownerReferences": kept or None}}, why)


def _without_finalizer(item: Item, finalizer: str, why: str) -> Patch:
    kept = [each for each in item.meta.finalizers if each != finalizer]
    return Patch(item.target, {"metadata": {"finalizers": kept or None}}, why)


def collected_kinds() -> Sequence[type[Wire]]:
    """Every stored kind but Events, which expire on their own."""
    return [kind.type for kind in KINDS if kind.stored and kind.type is not core_v1.Event]


def _owner_uids(value: Any) -> Iterable[str]:
    return {each.uid for each in value.metadata.owner_references}


class GarbageCollector:
    """Looks at one object at a time. Its keys are (plural.group/namespace, name)."""

    name = "generic-garbage-collector"
    workers = 4

    def __init__(self) -> None:
        self._kinds = {f"{KINDS.of(kind).plural}.{KINDS.of(kind).group}": kind for kind in collected_kinds()}
        indexes = {BY_OWNERS: _owner_uids}
        self.reads: Sequence[Reads] = tuple(
            Reads(kind, self._keys_of(resource), indexes, bare=True) for resource, kind in self._kinds.items()
        )
        self.writes: Sequence[type[Wire]] = tuple(self._kinds.values())

    def _keys_of(self, resource: str) -> Callable[[Any, Any, Caches], Iterable[Key]]:
        def keys(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
            value = new if new is not None else old
            meta: meta_v1.ObjectMeta = value.metadata
            if new is not None and (meta.owner_references or meta.deletion_timestamp is not None):
                yield f"{resource}/{meta.namespace}", meta.name
            if new is None or (meta.deletion_timestamp is not None and old is not None):
                for item in self._dependents(meta.uid, caches):
                    yield self._key(item)
            if old is not None:
                # an owner that waits for its dependents counts them anew
                for owner in self._owners(old.metadata, caches).values():
                    if owner is not None and owner.meta.deletion_timestamp is not None:
                        yield self._key(owner)

        return keys

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        del turn
        resource, _, namespace = key[0].partition("/")
        kind = self._kinds[resource]
        value: Any = caches.informer(kind).get(namespace, key[1])
        if value is None:
            return []
        item = Item(kind, value.metadata)
        return reconcile(item, Seen(self._owners(item.meta, caches), self._dependents(item.meta.uid, caches)))

    def _owners(self, meta: meta_v1.ObjectMeta, caches: Caches) -> dict[str, Item | None]:
        """uid -> owner, None when it is gone; owners of kinds that are not collected are left out."""
        owners: dict[str, Item | None] = {}
        for reference in meta.owner_references:
            entry = KINDS.named(reference.api_version, reference.kind)
            if entry is None or entry.type not in self.writes:
                continue
            namespace = meta.namespace if entry.namespaced else ""
            found: Any = caches.get(entry.type, namespace, reference.name)
            is_there = found is not None and found.metadata.uid == reference.uid
            owners[reference.uid] = Item(entry.type, found.metadata) if is_there else None
        return owners

    def _dependents(self, uid: str, caches: Caches) -> list[Item]:
        return [
            Item(kind, value.metadata)
            for kind in self._kinds.values()
            for value in caches.informer(kind).by(BY_OWNERS, uid)
        ]

    def _key(self, item: Item) -> Key:
        entry = KINDS.of(item.kind)
        return f"{entry.plural}.{entry.group}/{item.meta.namespace}", item.meta.name
