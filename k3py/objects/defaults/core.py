"""Defaults of the core kinds beside pods. Source: Kubernetes ``pkg/apis/core/v1/defaults.go``."""

from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.defaults.amounts import rounded

NAME_LABEL: Final = "kubernetes.io/metadata.name"
NAMESPACE_FINALIZER: Final = "kubernetes"


def namespace(obj: core_v1.Namespace) -> None:
    """Every namespace has its name as a label."""
    if obj.metadata.name:
        obj.metadata.labels[NAME_LABEL] = obj.metadata.name
    obj.status.phase = obj.status.phase or "Active"


def new_namespace(obj: core_v1.Namespace) -> None:
    """A new namespace stays until it is empty."""
    obj.status = core_v1.NamespaceStatus(phase="Active")
    if NAMESPACE_FINALIZER not in obj.spec.finalizers:
        obj.spec.finalizers.append(NAMESPACE_FINALIZER)


def keep_namespace_finalizers(new: core_v1.Namespace, old: core_v1.Namespace) -> None:
    """Finalizers in the spec come and go through the subresource ``finalize``."""
    new.spec.finalizers = old.spec.finalizers


def keep_namespace_status(new: core_v1.Namespace, old: core_v1.Namespace) -> None:
    """``finalize`` writes the finalizers, not how far the namespace is."""
    new.status = old.status


def node(obj: core_v1.Node) -> None:
    """All of a node may be used, unless it says otherwise; of its pods' ranges the single field counts."""
    spec, status = obj.spec, obj.status
    if spec.pod_cidr and (not spec.pod_cidrs or spec.pod_cidrs[0] != spec.pod_cidr):
        spec.pod_cidrs = [spec.pod_cidr]
    elif spec.pod_cidrs and not spec.pod_cidr:
        spec.pod_cidr = spec.pod_cidrs[0]
    rounded(status.capacity)
    if status.capacity and not status.allocatable:
        status.allocatable = dict(status.capacity)
    rounded(status.allocatable)


def new_node(obj: core_v1.Node) -> None:
    """A node gets no configuration from the cluster any more."""
    obj.spec.config_source, obj.status.config = None, None


def keep_node_config(new: core_v1.Node, old: core_v1.Node) -> None:
    """A node's configuration stays only where it was."""
    if old.spec.config_source is None:
        new.spec.config_source = None
    if old.status.config is None:
        new.status.config = None


def secret(obj: core_v1.Secret) -> None:
    """``stringData`` goes into ``data``; it is never stored."""
    obj.type = obj.type or "Opaque"
    for key, value in obj.string_data.items():
        obj.data[key] = value.encode()
    obj.string_data = {}


def only_names(obj: core_v1.ServiceAccount) -> None:
    """Secrets of an account are named, nothing else: they are in its namespace."""
    obj.secrets = [core_v1.ObjectReference(name=each.name) for each in obj.secrets]


def keep_only_names(new: core_v1.ServiceAccount, old: core_v1.ServiceAccount) -> None:
    """As ``only_names``, of a change."""
    del old
    only_names(new)


def endpoints(obj: core_v1.Endpoints) -> None:
    """Ports are TCP."""
    for subset in obj.subsets:
        for port in subset.ports:
            port.protocol = port.protocol or "TCP"


def event(obj: core_v1.Event) -> None:
    """Each of the two fields that name the component stands in for the other."""
    if obj.source.component and not obj.reporting_component:
        obj.reporting_component = obj.source.component
    if obj.source.host and not obj.reporting_instance and obj.reporting_component:
        obj.reporting_instance = obj.source.host
