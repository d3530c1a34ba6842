"""Namespace: when one is being deleted, everything in it goes first, then the finalizer ``kubernetes``.

Conditions and words are Kubernetes' (``pkg/controller/namespace``); ``kubectl get namespace -o yaml`` shows by them
what a namespace waits for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from k3py.base.clock import rfc3339
from k3py.controllers.actions import BACKGROUND, Action, Delete, Target, Update, Wake
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.model.errors import resource_name
from k3py.model.generated import core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.struct import Wire

FINALIZER: Final = "kubernetes"
TERMINATING: Final = "Terminating"
# What one turn deletes at most: a namespace of thousands of objects must not fill the store's queue.
DELETIONS_PER_TURN: Final = 500
# Pods that end take their grace; their end wakes us. This is only for what nobody tells us of.
LOOK_AGAIN_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Content:
    """What there is of one kind in a namespace.

    Attributes:
        count: how many objects.
        held: the metadata of those that have finalizers.
        staying: the metadata of the first ones that nobody has deleted yet.
    """

    count: int
    held: Sequence[meta_v1.ObjectMeta]
    staying: Sequence[meta_v1.ObjectMeta]


Contents = Mapping[type[Wire], Content]


def reconcile(wanted: core_v1.Namespace, contents: Contents, now: float) -> list[Action]:
    """What to do about one namespace; ``contents`` tells of everything in it, by kind."""
    if wanted.metadata.deletion_timestamp is None:
        return []
    count = sum(content.count for content in contents.values())
    status = core_v1.NamespaceStatus(phase=TERMINATING, conditions=_conditions(wanted, contents, now))
    actions: list[Action] = []
    if _said(status) != _said(wanted.status):
        made = msgspec.structs.replace(wanted, status=status)
        actions.append(Update(made, f"{count} objects remain", "status"))
    if count:
        doomed = [(kind, meta) for kind, content in contents.items() for meta in content.staying]
        actions += [_delete(kind, meta, wanted) for kind, meta in doomed[:DELETIONS_PER_TURN]]
        actions.append(Wake(LOOK_AGAIN_SECONDS, "objects remain"))
    elif FINALIZER in wanted.spec.finalizers and not actions:
        rest = [each for each in wanted.spec.finalizers if each != FINALIZER]
        made = msgspec.structs.replace(wanted, spec=core_v1.NamespaceSpec(finalizers=rest))
        actions.append(Update(made, "nothing is left in it", "finalize"))
    return actions


def _delete(kind: type[Wire], meta: meta_v1.ObjectMeta, wanted: core_v1.Namespace) -> Delete:
    where = Target(kind, meta.namespace, meta.name, meta.uid)
    return Delete(where, f"namespace {wanted.metadata.name} is being deleted", propagation=BACKGROUND)


def _conditions(wanted: core_v1.Namespace, contents: Contents, now: float) -> list[core_v1.NamespaceCondition]:
    remaining = {kind: content for kind, content in contents.items() if content.count}
    finalizers = Counter(name for content in remaining.values() for meta in content.held for name in meta.finalizers)
    kinds = sorted(f"{_plural(kind)} has {content.count} resource instances" for kind, content in remaining.items())
    names = sorted(f"{name} in {count} resource instances" for name, count in finalizers.items())
    table = [
        ("NamespaceDeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            False,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            False,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            bool(remaining),
            "SomeResourcesRemain" if remaining else "ContentRemoved",
            f"Some resources are remaining: {', '.join(kinds)}" if remaining else "All content successfully removed",
        ),
        (
            "NamespaceFinalizersRemaining",
            bool(finalizers),
            "SomeFinalizersRemain" if finalizers else "ContentHasNoFinalizers",
            f"Some content in the namespace has finalizers remaining: {', '.join(names)}"
            if finalizers
            else "All content-preserving finalizers finished",
        ),
    ]
    known = {each.type: each for each in wanted.status.conditions}
    return [_condition(known.get(row[0]), *row, now=now) for row in table]


def _condition(
    known: core_v1.NamespaceCondition | None, kind: str, holds: bool, reason: str, message: str, *, now: float
) -> core_v1.NamespaceCondition:
    status = "True" if holds else "False"
    since = known.last_transition_time if known is not None and known.status == status else rfc3339(now)
    return core_v1.NamespaceCondition(
        type=kind, status=status, reason=reason, message=message, last_transition_time=since
    )


def _said(status: core_v1.NamespaceStatus) -> tuple[str, Sequence[tuple[str, str, str]]]:
    """What is worth a write: not each count of what remains."""
    return status.phase, [(each.type, each.status, each.reason) for each in status.conditions]


def _plural(kind: type[Wire]) -> str:
    entry = KINDS.of(kind)
    return resource_name(entry.plural, entry.group) if entry.group else f"{entry.plural}."


def namespaced_kinds() -> Sequence[type[Wire]]:
    """Every stored kind that lives in namespaces."""
    return [kind.type for kind in KINDS if kind.stored and kind.namespaced]


def _namespace_of(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    """Only the end of an object, or one in a dying namespace, is news."""
    value = new if new is not None else old
    namespace = caches.get(core_v1.Namespace, "", value.metadata.namespace)
    if namespace is not None and namespace.metadata.deletion_timestamp is not None and (new is None or old is None):
        yield "", value.metadata.namespace


HELD: Final = "held by finalizers"
STAYING: Final = "not being deleted"


def _held(value: Any) -> Iterable[str]:
    """Index: the namespace of an object that has finalizers."""
    return (value.metadata.namespace,) if value.metadata.finalizers else ()


def _staying(value: Any) -> Iterable[str]:
    """Index: the namespace of an object that nobody has deleted yet."""
    return (value.metadata.namespace,) if value.metadata.deletion_timestamp is None else ()


class NamespaceController:
    """Looks at one Namespace at a time."""

    name = "namespace-controller"
    workers = 2

    def __init__(self) -> None:
        self._kinds = namespaced_kinds()
        self.reads: Sequence[Reads] = (
            Reads(core_v1.Namespace, itself),
            *(Reads(kind, _namespace_of, {HELD: _held, STAYING: _staying}, bare=True) for kind in self._kinds),
        )
        self.writes: Sequence[type[Wire]] = (core_v1.Namespace, *self._kinds)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        wanted = caches.get(core_v1.Namespace, *key)
        if wanted is None or wanted.metadata.deletion_timestamp is None:
            return []
        contents = {kind: _content(kind, wanted.metadata.name, caches) for kind in self._kinds}
        return reconcile(wanted, contents, turn.now)


def _content(kind: type[Wire], namespace: str, caches: Caches) -> Content:
    cache = caches.informer(kind)
    return Content(
        len(cache.objects(namespace)),
        [each.metadata for each in cache.by(HELD, namespace)],
        [each.metadata for each in cache.by(STAYING, namespace)[:DELETIONS_PER_TURN]],
    )
