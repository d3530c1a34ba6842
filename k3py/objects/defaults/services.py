"""Defaults of services, and what of a stored one stays when it changes.

Source: Kubernetes ``pkg/apis/core/v1/defaults.go`` and ``pkg/registry/core/service`` (strategy and storage).
"""

from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.defaults import service_families
from k3py.objects.fields import Errors
from k3py.objects.validation.service_families import check_given

AFFINITY_SECONDS: Final = 10_800
_WITH_PORTS: Final = ("LoadBalancer", "NodePort")
_WITH_ADDRESS: Final = ("ClusterIP", "LoadBalancer", "NodePort")


def service(obj: core_v1.Service) -> None:
    """ClusterIP, no session affinity, TCP."""
    spec = obj.spec
    spec.session_affinity = spec.session_affinity or "None"
    spec.type = spec.type or "ClusterIP"
    _affinity(spec)
    for port in spec.ports:
        port.protocol = port.protocol or "TCP"
        if port.target_port in (0, ""):
            port.target_port = port.port
    if _is_external(spec):
        spec.external_traffic_policy = spec.external_traffic_policy or "Cluster"
    if spec.internal_traffic_policy is None and spec.type in _WITH_ADDRESS:
        spec.internal_traffic_policy = "Cluster"
    if spec.type != "LoadBalancer":
        return
    if spec.allocate_load_balancer_node_ports is None:
        spec.allocate_load_balancer_node_ports = True
    for ingress in obj.status.load_balancer.ingress:
        if ingress.ip and ingress.ip_mode is None:
            ingress.ip_mode = "VIP"


def _affinity(spec: core_v1.ServiceSpec) -> None:
    if spec.session_affinity == "None":
        spec.session_affinity_config = None
    elif spec.session_affinity == "ClientIP":
        config = spec.session_affinity_config
        if config is None or config.client_ip is None or config.client_ip.timeout_seconds is None:
            client = core_v1.ClientIPConfig(timeout_seconds=AFFINITY_SECONDS)
            spec.session_affinity_config = core_v1.SessionAffinityConfig(client_ip=client)


def _is_external(spec: core_v1.ServiceSpec) -> bool:
    return spec.type in _WITH_PORTS or (spec.type == "ClusterIP" and bool(spec.external_ips))


def new_service(obj: core_v1.Service) -> None:
    """What a new service leaves out of its addresses and families."""
    spec = obj.spec
    if spec.cluster_ip and not spec.cluster_ips:
        spec.cluster_ips = [spec.cluster_ip]
    _complete(spec, None)


def _complete(spec: core_v1.ServiceSpec, old: core_v1.ServiceSpec | None) -> None:
    """What is refused anyway stays as the user wrote it, so that no more is said of it than is wrong with it."""
    wrong = Errors()
    check_given(spec, wrong, old.cluster_ips if old is not None else ())
    if not wrong:
        service_families.complete(spec, old)


def keep_service_values(new: core_v1.Service, old: core_v1.Service) -> None:
    """What the server gave stays when the user leaves it out; what belongs to the old type goes with it."""
    after, before = new.spec, old.spec
    _keep_given(after, before)
    _address_in_step(after, before)
    _complete(after, before)
    _drop_unneeded(after, before)


def _keep_given(after: core_v1.ServiceSpec, before: core_v1.ServiceSpec) -> None:
    if after.type in _WITH_ADDRESS and before.type in _WITH_ADDRESS:
        after.cluster_ip = after.cluster_ip or before.cluster_ip
        if not after.cluster_ips and after.cluster_ip == before.cluster_ip:
            after.cluster_ips = list(before.cluster_ips)
    if after.type in _WITH_PORTS and before.type in _WITH_PORTS:
        used = {port.node_port for port in before.ports} & {port.node_port for port in after.ports}
        known = {port.name: port.node_port for port in before.ports}
        for port in after.ports:
            given = known.get(port.name, 0)
            if not port.node_port and given not in used:
                port.node_port = given
                used.add(given)
    if _checks_health(after) and _checks_health(before):
        after.health_check_node_port = after.health_check_node_port or before.health_check_node_port


def _address_in_step(after: core_v1.ServiceSpec, before: core_v1.ServiceSpec) -> None:
    """Who changes only ``clusterIP`` means ``clusterIPs`` too."""
    if before.cluster_ips and not after.cluster_ips and after.cluster_ip == before.cluster_ip:
        after.cluster_ips = list(before.cluster_ips)
    if after.cluster_ip != before.cluster_ip and after.cluster_ips == before.cluster_ips:
        after.cluster_ips = [after.cluster_ip] if after.cluster_ip else []


def _drop_unneeded(after: core_v1.ServiceSpec, before: core_v1.ServiceSpec) -> None:
    """Fields that the new type has no use for, as far as the user did not change them as well."""
    if before.type in _WITH_ADDRESS and after.type not in _WITH_ADDRESS:
        if after.cluster_ips == before.cluster_ips:
            after.cluster_ip, after.cluster_ips = "", []
        if after.ip_families == before.ip_families:
            after.ip_families = []
        if after.ip_family_policy == before.ip_family_policy:
            after.ip_family_policy = None
    known = {0, *(port.node_port for port in before.ports)}
    new_ports = any(port.node_port not in known for port in after.ports)
    if before.type in _WITH_PORTS and after.type not in _WITH_PORTS and not new_ports:
        for port in after.ports:
            port.node_port = 0
    same_port = after.health_check_node_port == before.health_check_node_port
    if _checks_health(before) and not _checks_health(after) and same_port:
        after.health_check_node_port = 0
    if before.type == "LoadBalancer" != after.type:
        if after.allocate_load_balancer_node_ports == before.allocate_load_balancer_node_ports:
            after.allocate_load_balancer_node_ports = None
        if after.load_balancer_class == before.load_balancer_class:
            after.load_balancer_class = None
    same_policy = after.external_traffic_policy == before.external_traffic_policy
    if _is_external(before) and not _is_external(after) and same_policy:
        after.external_traffic_policy = ""


def _checks_health(spec: core_v1.ServiceSpec) -> bool:
    return spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"
