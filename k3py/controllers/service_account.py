"""ServiceAccount: each namespace has the account ``default``."""

from collections.abc import Iterable
from typing import Any, Final

from k3py.controllers.actions import Action, Create
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.model.generated import core_v1, meta_v1

DEFAULT: Final = "default"


def reconcile(wanted: core_v1.Namespace, account: core_v1.ServiceAccount | None) -> list[Action]:
    """Make the account unless it is there or the namespace is going."""
    if account is not None or wanted.metadata.deletion_timestamp is not None:
        return []
    made = core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name=DEFAULT, namespace=wanted.metadata.name))
    return [Create(made, f"namespace {wanted.metadata.name} has no account {DEFAULT}")]


def _namespace_of(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    del caches
    if new is None and old.metadata.name == DEFAULT:
        yield "", old.metadata.namespace


class ServiceAccountController:
    """Looks at one Namespace at a time."""

    name = "serviceaccount-controller"
    workers = 1
    reads = (Reads(core_v1.Namespace, itself), Reads(core_v1.ServiceAccount, _namespace_of, bare=True))
    writes = (core_v1.ServiceAccount,)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        del turn
        namespace = caches.get(core_v1.Namespace, *key)
        if namespace is None:
            return []
        return reconcile(namespace, caches.get(core_v1.ServiceAccount, key[1], DEFAULT))
