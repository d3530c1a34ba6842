"""Defaults of the core kinds beside pods. Source: Kubernetes ``pkg/apis/core/v1/defaults.go``."""

from typing import Final

from k3py.model.generated import core_v1, discovery_v1
from k3py.objects.defaults import service_families

NAME_LABEL: Final = "kubernetes.io/metadata.name"
NAMESPACE_FINALIZER: Final = "kubernetes"
AFFINITY_SECONDS: Final = 10_800


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


def node(obj: core_v1.Node) -> None:
    """All of a node may be used, unless it says otherwise."""
    spec, status = obj.spec, obj.status
    if spec.pod_cidr and not spec.pod_cidrs:
        spec.pod_cidrs = [spec.pod_cidr]
    elif spec.pod_cidrs and not spec.pod_cidr:
        spec.pod_cidr = spec.pod_cidrs[0]
    if status.capacity and not status.allocatable:
        status.allocatable = dict(status.capacity)


def service(obj: core_v1.Service) -> None:
    """ClusterIP, no session affinity, TCP."""
    spec = obj.spec
    spec.session_affinity = spec.session_affinity or "None"
    spec.type = spec.type or "ClusterIP"
    if spec.session_affinity == "None":
        spec.session_affinity_config = None
    elif spec.session_affinity == "ClientIP":
        if spec.session_affinity_config is None:
            spec.session_affinity_config = core_v1.SessionAffinityConfig()
        if spec.session_affinity_config.client_ip is None:
            spec.session_affinity_config.client_ip = core_v1.ClientIPConfig()
        if spec.session_affinity_config.client_ip.timeout_seconds is None:
            spec.session_affinity_config.client_ip.timeout_seconds = AFFINITY_SECONDS
    for port in spec.ports:
        port.protocol = port.protocol or "TCP"
        if port.target_port in (None, 0, ""):
            port.target_port = port.port
    external = spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and bool(spec.external_ips))
    if external:
        spec.external_traffic_policy = spec.external_traffic_policy or "Cluster"
    if spec.type == "LoadBalancer" and spec.allocate_load_balancer_node_ports is None:
        spec.allocate_load_balancer_node_ports = True
    if spec.type == "ExternalName":
        return
    if spec.internal_traffic_policy is None:
        spec.internal_traffic_policy = "Cluster"
    if spec.cluster_ip == "None" or spec.cluster_ip:
        spec.cluster_ips = spec.cluster_ips or [spec.cluster_ip]
    elif spec.cluster_ips:
        spec.cluster_ip = spec.cluster_ips[0]


def new_service(obj: core_v1.Service) -> None:
    """What a new service leaves out of its families."""
    service_families.complete(obj.spec, None)


_EXTERNAL: Final = ("LoadBalancer", "NodePort")


def keep_service_values(new: core_v1.Service, old: core_v1.Service) -> None:
    """What the server gave stays when the user leaves it out; what belongs to the old type goes with it."""
    after, before = new.spec, old.spec
    if after.type == "ExternalName":
        if after.cluster_ip == before.cluster_ip:
            after.cluster_ip, after.cluster_ips, after.ip_families = "", [], []
            after.ip_family_policy = None
    elif before.cluster_ip and not after.cluster_ip:
        after.cluster_ip, after.cluster_ips = before.cluster_ip, list(before.cluster_ips)
    if after.type in _EXTERNAL:
        known = {(port.protocol, port.port): port.node_port for port in before.ports}
        for port in after.ports:
            port.node_port = port.node_port or known.get((port.protocol, port.port), 0)
    elif before.type in _EXTERNAL:
        given = {port.node_port for port in before.ports}
        for port in after.ports:
            port.node_port = 0 if port.node_port in given else port.node_port
        if not after.external_ips and after.external_traffic_policy == before.external_traffic_policy:
            after.external_traffic_policy = ""
    service_families.complete(after, before)
    if before.type == "LoadBalancer" and after.type != "LoadBalancer":
        if after.allocate_load_balancer_node_ports == before.allocate_load_balancer_node_ports:
            after.allocate_load_balancer_node_ports = None
        if after.load_balancer_class == before.load_balancer_class:
            after.load_balancer_class = None
        if after.health_check_node_port == before.health_check_node_port:
            after.health_check_node_port = 0


def secret(obj: core_v1.Secret) -> None:
    """``stringData`` goes into ``data``; it is never stored."""
    obj.type = obj.type or "Opaque"
    for key, value in obj.string_data.items():
        obj.data[key] = value.encode()
    obj.string_data = {}


def event(obj: core_v1.Event) -> None:
    """Each of the two fields that name the component stands in for the other."""
    if obj.source.component and not obj.reporting_component:
        obj.reporting_component = obj.source.component
    if obj.source.host and not obj.reporting_instance and obj.reporting_component:
        obj.reporting_instance = obj.source.host


def endpoint_slice(obj: discovery_v1.EndpointSlice) -> None:
    """Ports are TCP and have a name, if only an empty one."""
    for port in obj.ports:
        if port.name is None:
            port.name = ""
        if port.protocol is None:
            port.protocol = "TCP"


def endpoint_slice_changed(new: discovery_v1.EndpointSlice, old: discovery_v1.EndpointSlice) -> bool:
    """An EndpointSlice has no spec: its labels, endpoints and ports count."""
    return (new.metadata.labels, new.address_type, new.endpoints, new.ports) != (
        old.metadata.labels, old.address_type, old.endpoints, old.ports,
    )  # fmt: skip
