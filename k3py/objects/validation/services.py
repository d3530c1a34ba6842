"""Checks of services. Source: Kubernetes ``pkg/apis/core/validation``."""

from collections.abc import Collection
from typing import Final

import msgspec

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation import service_families
from k3py.objects.validation.addresses import check_address, check_network, parse_address
from k3py.objects.validation.endpoints import address_warnings, not_special, range_warnings
from k3py.objects.validation.ports import check_app_protocol, check_protocol
from k3py.objects.validation.scheduling import labels

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
DISTRIBUTIONS: Final = ("PreferClose", "PreferSameNode", "PreferSameZone")
TRAFFIC_POLICIES: Final = ("Cluster", "Local")
AFFINITY_SECONDS_MAX: Final = 86_400
AGENT_PORT: Final = 10_250
RANGES_ANNOTATION: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
HINTS_ANNOTATION: Final = "service.kubernetes.io/topology-aware-hints"
TOPOLOGY_ANNOTATION: Final = "service.kubernetes.io/topology-mode"
_BALANCER_ONLY: Final = "may only be used when `type` is 'LoadBalancer'"
_ONCE: Final = "may not change once set"


class _ShownPort(msgspec.Struct, rename="pascal"):
    """What two ports have in common, as Kubernetes prints it."""

    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None
    port: int = 0
    target_port: int = 0
    node_port: int = 0


def service(obj: core_v1.Service, wrong: Errors) -> None:
    """Everything that is wrong with a service.

    Kubernetes gives addresses before it looks at the rest: what is wrong with addresses and families is said alone.
    """
    _service(obj, wrong, ())


def _service(obj: core_v1.Service, wrong: Errors, kept: Collection[str]) -> None:
    spec = obj.spec
    early = Errors()
    service_families.check(spec, early, kept)
    if early:
        wrong.causes[:] = early.causes
        return
    _annotations(obj.metadata.annotations, wrong)
    if not spec.ports and spec.cluster_ip != "None" and spec.type != "ExternalName":
        wrong.required("spec.ports")
    _by_type(spec, wrong)
    names_taken: set[str] = set()
    for index, port in enumerate(spec.ports):
        _port(port, len(spec.ports) > 1, names_taken, f"spec.ports[{index}]", wrong)
    labels("spec.selector", spec.selector, wrong)
    _affinity(spec, wrong)
    for index, address in enumerate(spec.external_ips):
        path = f"spec.externalIPs[{index}]"
        if check_address(path, address, wrong, kept):
            not_special(address, path, wrong)
    if spec.type not in TYPES:
        wrong.unsupported("spec.type", spec.type, TYPES)
    _unique_ports(spec, wrong)
    _source_ranges(obj, wrong, kept)
    _balancer(spec, wrong)
    _traffic(spec, wrong)


def service_update(new: core_v1.Service, old: core_v1.Service, wrong: Errors) -> None:
    """What was given stays while the type does; what is said of the change comes before what is said of the object."""
    kept = {*old.spec.cluster_ips, *old.spec.external_ips, *old.spec.load_balancer_source_ranges}
    if any(cause.field.startswith("spec.") for cause in wrong.causes):
        wrong.causes[:] = [cause for cause in wrong.causes if cause.field.startswith("metadata.")]
        _service(new, wrong, kept)
    first = Errors()
    service_families.check(new.spec, first, kept)
    if first:
        return
    service_families.check_change(new.spec, old.spec, first)
    after, before = new.spec, old.spec
    if after.type == before.type == "LoadBalancer" and after.load_balancer_class != before.load_balancer_class:
        first.invalid("spec.loadBalancerClass", after.load_balancer_class, _ONCE)
    _class_format(after, first)
    ports = (before.health_check_node_port, after.health_check_node_port)
    if _checks_health(before) and _checks_health(after) and ports[0] != ports[1]:
        first.forbidden("spec.healthCheckNodePort", "field is immutable")
    wrong.causes[:0] = first.causes


def service_status(new: core_v1.Service, old: core_v1.Service, wrong: Errors) -> None:
    """Addresses of a load balancer."""
    path, ingress = "status.loadBalancer.ingress", new.status.load_balancer.ingress
    if ingress and new.spec.type != "LoadBalancer":
        wrong.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    kept = {each.ip for each in old.status.load_balancer.ingress}
    for index, each in enumerate(ingress):
        place = f"{path}[{index}]"
        if each.ip:
            check_address(f"{place}.ip", each.ip, wrong, kept)
        if each.ip and each.ip_mode is None:
            wrong.required(f"{place}.ipMode", "must be specified when `ip` is set")
        elif each.ip_mode is not None and not each.ip:
            wrong.forbidden(f"{place}.ipMode", "may not be specified when `ip` is not set")
        elif each.ip_mode is not None and each.ip_mode not in ("Proxy", "VIP"):
            wrong.unsupported(f"{place}.ipMode", each.ip_mode, ("Proxy", "VIP"))
        balancer_hostname(f"{place}.hostname", each.hostname, wrong)


def balancer_hostname(path: str, name: str, wrong: Errors) -> None:
    """The name of a load balancer; may be empty."""
    if not name:
        return
    wrong.each_invalid(path, name, names.dns_1123_subdomain(name))
    if parse_address(name) is not None:
        wrong.invalid(path, name, "must be a DNS name, not an IP address")


def service_warnings(obj: core_v1.Service) -> list[str]:
    """What is deprecated, ignored, or written in an unusual way."""
    spec, said = obj.spec, []
    if HINTS_ANNOTATION in obj.metadata.annotations:
        said.append(f"annotation {HINTS_ANNOTATION} is deprecated, please use {TOPOLOGY_ANNOTATION} instead")
    if spec.cluster_ip not in ("", "None"):
        for index, address in enumerate(spec.cluster_ips):
            said += address_warnings(address, f"spec.clusterIPs[{index}]")
    if spec.external_ips and spec.type != "ExternalName":
        said.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    for index, address in enumerate(spec.external_ips):
        said += address_warnings(address, f"spec.externalIPs[{index}]")
    if spec.load_balancer_ip:
        said += address_warnings(spec.load_balancer_ip, "spec.loadBalancerIP")
    for index, text in enumerate(spec.load_balancer_source_ranges):
        said += range_warnings(text.strip(), f"spec.loadBalancerSourceRanges[{index}]")
    if spec.type == "ExternalName" and spec.external_ips:
        said.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if spec.type != "ExternalName" and spec.external_name:
        said.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.traffic_distribution == "PreferClose":
        said.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return said


def _annotations(found: dict[str, str], wrong: Errors) -> None:
    mode, hints = found.get(TOPOLOGY_ANNOTATION), found.get(HINTS_ANNOTATION)
    if mode is not None and hints is not None and mode != hints:
        detail = f"must match annotations[{HINTS_ANNOTATION}] when both are specified"
        wrong.invalid(f"metadata.annotations[{TOPOLOGY_ANNOTATION}]", mode, detail)


def _by_type(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    if spec.type == "LoadBalancer":
        for index, port in enumerate(spec.ports):
            if port.port == AGENT_PORT:
                detail = f"may not expose port {AGENT_PORT} externally since it is used by kubelet"
                wrong.invalid(f"spec.ports[{index}]", port.port, detail)
    if spec.type in ("LoadBalancer", "NodePort") and spec.cluster_ip == "None":
        wrong.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec.type} services")
    if spec.type != "ExternalName":
        return
    for field, given in (
        ("clusterIPs", bool(spec.cluster_ips)),
        ("ipFamilies", bool(spec.ip_families)),
        ("ipFamilyPolicy", spec.ip_family_policy is not None),
    ):
        if given:
            wrong.forbidden(f"spec.{field}", "may not be set for ExternalName services")
    name = spec.external_name.removesuffix(".")
    wrong.needs("spec.externalName", name, names.dns_1123_subdomain)


def _port(port: core_v1.ServicePort, needs_name: bool, taken: set[str], path: str, wrong: Errors) -> None:
    if port.name:
        wrong.each_invalid(f"{path}.name", port.name, names.dns_1123_label(port.name))
        if port.name in taken:
            wrong.duplicate(f"{path}.name", port.name)
        taken.add(port.name)
    elif needs_name:
        wrong.required(f"{path}.name")
    wrong.each_invalid(f"{path}.port", port.port, names.port_number(port.port))
    check_protocol(port.protocol, f"{path}.protocol", wrong)
    target = port.target_port
    said = names.port_name(target) if isinstance(target, str) else names.port_number(target)
    wrong.each_invalid(f"{path}.targetPort", target, said)
    check_app_protocol(port.app_protocol, f"{path}.appProtocol", wrong)


def _unique_ports(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    if spec.type == "ClusterIP":
        for index, port in enumerate(spec.ports):
            if port.node_port:
                wrong.forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")
    # Where node ports are given, one that two ports ask for is found to be taken; not so a port that is there twice.
    shared = spec.type in ("LoadBalancer", "NodePort")
    given: set[tuple[str, int, int]] = set()
    for index, port in enumerate(spec.ports):
        key = (port.protocol, port.node_port, port.port if shared else 0)
        if port.node_port and key in given:
            wrong.duplicate(f"spec.ports[{index}].nodePort", port.node_port)
        given.add(key)
    pairs: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        if (port.protocol, port.port) in pairs:
            wrong.duplicate(f"spec.ports[{index}]", _ShownPort(protocol=port.protocol, port=port.port))
        pairs.add((port.protocol, port.port))


def _affinity(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    path, config = "spec.sessionAffinityConfig", spec.session_affinity_config
    if spec.session_affinity not in ("ClientIP", "None"):
        wrong.unsupported("spec.sessionAffinity", spec.session_affinity, ("ClientIP", "None"))
    if spec.session_affinity != "ClientIP" or config is None or config.client_ip is None:
        return
    seconds = config.client_ip.timeout_seconds
    if seconds is None or not 0 < seconds <= AFFINITY_SECONDS_MAX:
        detail = f"must be greater than 0 and less than {AFFINITY_SECONDS_MAX}"
        wrong.invalid(f"{path}.clientIP.timeoutSeconds", seconds, detail)


def _source_ranges(obj: core_v1.Service, wrong: Errors, kept: Collection[str]) -> None:
    spec, annotation = obj.spec, obj.metadata.annotations.get(RANGES_ANNOTATION)
    if spec.load_balancer_source_ranges:
        path = "spec.LoadBalancerSourceRanges"
        if spec.type != "LoadBalancer":
            wrong.forbidden(path, _BALANCER_ONLY)
        for index, text in enumerate(spec.load_balancer_source_ranges):
            check_network(f"{path}[{index}]", text.strip(), wrong, kept)
    elif annotation is not None:
        path = f"metadata.annotations[{RANGES_ANNOTATION}]"
        if spec.type != "LoadBalancer":
            wrong.forbidden(path, _BALANCER_ONLY)
        for text in annotation.strip().split(",") if annotation.strip() else ():
            check_network(path, text.strip(), wrong, kept)


def _balancer(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    if spec.allocate_load_balancer_node_ports is not None and spec.type != "LoadBalancer":
        wrong.forbidden("spec.allocateLoadBalancerNodePorts", _BALANCER_ONLY)
    _class_format(spec, wrong)


def _class_format(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    name = spec.load_balancer_class
    if name is None:
        return
    if spec.type == "LoadBalancer":
        wrong.each_invalid("spec.loadBalancerClass", name, names.qualified_name(name))
    else:
        wrong.forbidden("spec.loadBalancerClass", _BALANCER_ONLY)


def _checks_health(spec: core_v1.ServiceSpec) -> bool:
    return spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"


def _traffic(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    policy = spec.external_traffic_policy
    external = spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and bool(spec.external_ips))
    if policy and not external:
        wrong.invalid("spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services")
    elif external and policy not in TRAFFIC_POLICIES:
        wrong.unsupported("spec.externalTrafficPolicy", policy, TRAFFIC_POLICIES)
    port = spec.health_check_node_port
    if not _checks_health(spec) and port:
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        wrong.invalid("spec.healthCheckNodePort", port, detail)
    elif port:
        wrong.each_invalid("spec.healthCheckNodePort", port, names.port_number(port))
    if spec.internal_traffic_policy not in (None, *TRAFFIC_POLICIES):
        wrong.unsupported("spec.internalTrafficPolicy", spec.internal_traffic_policy, TRAFFIC_POLICIES)
    if spec.traffic_distribution not in (None, *DISTRIBUTIONS):
        wrong.unsupported("spec.trafficDistribution", spec.traffic_distribution, DISTRIBUTIONS)
