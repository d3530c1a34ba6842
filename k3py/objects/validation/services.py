"""Checks of services."""

import ipaddress
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.defaults.service_families import FAMILIES, IPV6, POLICIES, SINGLE_STACK
from k3py.objects.fields import Errors
from k3py.objects.validation.scheduling import labels

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
AFFINITY_SECONDS_MAX: Final = 86_400
_IP_RULE: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_CIDR_RULE: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def service(obj: core_v1.Service, wrong: Errors) -> None:
    """Everything that is wrong with a service."""
    spec = obj.spec
    headless = spec.cluster_ip == "None"
    if not spec.ports and not headless and spec.type != "ExternalName":
        wrong.required("spec.ports")
    _by_type(spec, wrong)
    _ports(spec, wrong)
    if spec.selector:
        labels("spec.selector", spec.selector, wrong)
    if spec.session_affinity not in ("ClientIP", "None"):
        wrong.unsupported("spec.sessionAffinity", spec.session_affinity, ("ClientIP", "None"))
    _affinity(spec, wrong)
    _families(spec, wrong)
    _addresses(spec, wrong)
    external = spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and bool(spec.external_ips))
    if spec.external_traffic_policy and not external:
        detail = "may only be set for externally-accessible services"
        wrong.invalid("spec.externalTrafficPolicy", spec.external_traffic_policy, detail)
    elif external and spec.external_traffic_policy not in ("", "Cluster", "Local"):
        wrong.unsupported("spec.externalTrafficPolicy", spec.external_traffic_policy, ("Cluster", "Local"))
    if spec.internal_traffic_policy not in (None, "Cluster", "Local"):
        wrong.unsupported("spec.internalTrafficPolicy", spec.internal_traffic_policy, ("Cluster", "Local"))
    if spec.type not in TYPES:
        wrong.unsupported("spec.type", spec.type, TYPES)


def service_update(new: core_v1.Service, old: core_v1.Service, wrong: Errors) -> None:
    """An address that was given stays while the type does; so does the class of a load balancer."""
    after, before = new.spec, old.spec
    if "ExternalName" not in (after.type, before.type) and before.cluster_ip and after.cluster_ip != before.cluster_ip:
        wrong.invalid("spec.clusterIPs[0]", after.cluster_ip, "may not change once set")
    if after.type == before.type == "LoadBalancer" and after.load_balancer_class != before.load_balancer_class:
        wrong.invalid("spec.loadBalancerClass", after.load_balancer_class, "may not change once set")


def _by_type(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    if spec.type == "LoadBalancer":
        for index, port in enumerate(spec.ports):
            if port.port == 10250:
                detail = "may not expose port 10250 externally since it is used by kubelet"
                wrong.invalid(f"spec.ports[{index}]", port.port, detail)
        if spec.cluster_ip == "None":
            wrong.invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services")
    elif spec.type == "NodePort":
        if spec.cluster_ip == "None":
            wrong.invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for NodePort services")
    elif spec.type == "ExternalName":
        if spec.cluster_ip or spec.cluster_ips:
            wrong.forbidden("spec.clusterIPs", "may not be set for ExternalName services")
        if not spec.external_name:
            wrong.required("spec.externalName")
        else:
            said = names.dns_1123_subdomain(spec.external_name.removesuffix("."))
            wrong.each_invalid("spec.externalName", spec.external_name, said)


def _ports(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    taken: set[str] = set()
    pairs: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        if not port.name:
            if len(spec.ports) > 1:
                wrong.required(f"{path}.name")
        else:
            wrong.each_invalid(f"{path}.name", port.name, names.dns_1123_label(port.name))
            if port.name in taken:
                wrong.duplicate(f"{path}.name", port.name)
            taken.add(port.name)
        wrong.each_invalid(f"{path}.port", port.port, names.port_number(port.port))
        if port.protocol not in PROTOCOLS:
            wrong.unsupported(f"{path}.protocol", port.protocol, PROTOCOLS)
        target = port.target_port
        said = names.port_name(target) if isinstance(target, str) else names.port_number(target)
        wrong.each_invalid(f"{path}.targetPort", target, said)
        if port.node_port and spec.type in ("ClusterIP", "ExternalName"):
            wrong.forbidden(f"{path}.nodePort", f"may not be used when `type` is '{spec.type}'")
    for index, port in enumerate(spec.ports):
        pair = (port.protocol, port.port)
        if pair in pairs:
            shown = {"Name": "", "Protocol": port.protocol, "AppProtocol": None, "Port": port.port,
                     "TargetPort": 0, "NodePort": 0}  # fmt: skip
            wrong.duplicate(f"spec.ports[{index}]", shown)
        pairs.add(pair)


def _affinity(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    config = spec.session_affinity_config
    if spec.session_affinity != "ClientIP" or config is None or config.client_ip is None:
        return
    seconds = config.client_ip.timeout_seconds
    if seconds is None or not 0 < seconds <= AFFINITY_SECONDS_MAX:
        detail = f"must be greater than 0 and less than {AFFINITY_SECONDS_MAX}"
        wrong.invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, detail)


def _families(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    """One family, IPv4, or both with IPv4 first: a pod without IPv4 does not exist here."""
    if spec.type == "ExternalName":
        return
    policy, families = spec.ip_family_policy, spec.ip_families
    if policy not in POLICIES:
        wrong.unsupported("spec.ipFamilyPolicy", policy, POLICIES)
    for word, count in (("IP families", len(families)), ("cluster IPs", len(spec.cluster_ips))):
        if policy == SINGLE_STACK and count > 1:
            detail = f"must be RequireDualStack or PreferDualStack when multiple {word} are specified"
            wrong.invalid("spec.ipFamilyPolicy", policy, detail)
    if len(families) > len(FAMILIES):
        wrong.too_many("spec.ipFamilies", len(families), len(FAMILIES))
        return
    for index, family in enumerate(families):
        path = f"spec.ipFamilies[{index}]"
        if family not in FAMILIES:
            wrong.unsupported(path, family, FAMILIES)
        elif family in families[:index]:
            wrong.duplicate(path, family)
        elif index == 0 and family == IPV6:
            wrong.invalid(path, family, "not configured on this cluster as the only or first family: IPv4 comes first")


def _addresses(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    if spec.type != "ExternalName":
        if spec.cluster_ips and spec.cluster_ip and spec.cluster_ips[0] != spec.cluster_ip:
            wrong.invalid("spec.clusterIPs", spec.cluster_ips, "first value must match `clusterIP`")
        for index, address in enumerate(spec.cluster_ips):
            if address != "None" and not _is_address(address):
                wrong.invalid(f"spec.clusterIPs[{index}]", address, _IP_RULE)
    for index, address in enumerate(spec.external_ips):
        if not _is_address(address):
            wrong.invalid(f"spec.externalIPs[{index}]", address, _IP_RULE)
    for index, each in enumerate(spec.load_balancer_source_ranges):
        try:
            ipaddress.ip_network(each.strip(), strict=False)
        except ValueError:
            wrong.invalid(f"spec.LoadBalancerSourceRanges[{index}]", each, _CIDR_RULE)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
