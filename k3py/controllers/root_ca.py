"""Root CA: each namespace has the ConfigMap ``kube-root-ca.crt``, by which pods know the API server.

Source: Kubernetes' controller root-ca-cert-publisher.
"""

from collections.abc import Iterable
from typing import Any, Final

from k3py.controllers.actions import Action, Create, Patch, Target
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.model.generated import core_v1, meta_v1

NAME: Final = "kube-root-ca.crt"
KEY: Final = "ca.crt"
DESCRIPTION: Final = "kubernetes.io/description"
TEXT: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the"
    " internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes"
    " clusters."
)


def reconcile(namespace: core_v1.Namespace, found: Any, ca_pem: str) -> list[Action]:
    """Make the ConfigMap, or make it say what it should, unless the namespace is going.

    Of ``found`` only the metadata is known: to hold every ConfigMap of the cluster in memory for the sake of these
    would be dear. So a change of one is answered with a patch; one that changes nothing is not written.
    """
    if namespace.metadata.deletion_timestamp is not None:
        return []
    name = namespace.metadata.name
    if found is None:
        meta = meta_v1.ObjectMeta(name=NAME, namespace=name, annotations={DESCRIPTION: TEXT})
        return [Create(core_v1.ConfigMap(metadata=meta, data={KEY: ca_pem}), f"namespace {name} has no {NAME}")]
    if found.metadata.deletion_timestamp is not None:
        return []
    meta = found.metadata
    place = Target(core_v1.ConfigMap, name, NAME, meta.uid, meta.resource_version)
    body = {"metadata": {"annotations": {DESCRIPTION: TEXT}}, "data": {KEY: ca_pem}}
    return [Patch(place, body, f"{NAME} of namespace {name} may say something else")]


def _namespace_of(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    del caches
    meta = (old if new is None else new).metadata
    if meta.name == NAME:
        yield "", meta.namespace


class RootCaController:
    """Looks at one Namespace at a time. ``ca_pem``: the CA certificates that pods are to trust."""

    name = "root-ca-certificate-publisher-controller"
    workers = 1
    reads = (Reads(core_v1.Namespace, itself), Reads(core_v1.ConfigMap, _namespace_of, bare=True))
    writes = (core_v1.ConfigMap,)

    def __init__(self, ca_pem: str) -> None:
        self._ca_pem = ca_pem

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        del turn
        namespace = caches.get(core_v1.Namespace, *key)
        if namespace is None:
            return []
        return reconcile(namespace, caches.get(core_v1.ConfigMap, key[1], NAME), self._ca_pem)
