"""From Service and EndpointSlice objects to what the socket programs resolve. Decides.

Kubernetes' rules: "Virtual IPs and Service Proxies" and "Service Internal Traffic Policy" of its documentation, and
kube-proxy's choice of endpoints (KEP-1669, proxying to terminating endpoints).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from k3py.model.generated import core_v1, discovery_v1
from k3py.model.service_range import api_address, dns_address
from k3py.model.vpc_v1 import DEFAULT_VPC, VPC_LABEL
from k3py.vpc.wanted import Backend, Protocol, ServicePort

SERVICE_NAME: Final = "kubernetes.io/service-name"
# Kubernetes' default of sessionAffinityConfig.clientIP.timeoutSeconds: three hours.
AFFINITY_SECONDS_DEFAULT: Final = 10_800
PORT_MAX: Final = 65_535

_LOCAL: Final = "Local"
_PROTOCOLS: Final = {"": Protocol.TCP, "TCP": Protocol.TCP, "UDP": Protocol.UDP}
_WITH_NODE_PORTS: Final = frozenset({"NodePort", "LoadBalancer"})


@dataclass(frozen=True, slots=True)
class _Endpoint:
    backend: Backend
    ready: bool
    ending: bool  # it terminates and still serves
    local: bool


def service_ports(
    services: Iterable[core_v1.Service],
    slices: Iterable[discovery_v1.EndpointSlice],
    vpc_ids: Mapping[str, int],
    node_name: str,
    service_cidr: IPv4Network,
) -> list[ServicePort]:
    """Each port of each service that has a cluster IP, in the order of their names; the cluster IP comes first.

    What is not there: headless and ExternalName services, those of a VPC without id, SCTP, and the services of the API
    and of DNS, whose addresses in ``service_cidr`` the node answers itself. A slice of another VPC than its service's
    counts for nothing. Load balancer addresses of a service with ``loadBalancerSourceRanges`` are left out: nothing
    here could keep the others away.
    """
    of_service: dict[tuple[str, str], list[discovery_v1.EndpointSlice]] = defaultdict(list)
    for each in slices:
        name = each.metadata.labels.get(SERVICE_NAME, "")
        of_service[each.metadata.namespace, name].append(each)
    found: list[ServicePort] = []
    for service in sorted(services, key=lambda each: (each.metadata.namespace, each.metadata.name)):
        candidates = of_service.get((service.metadata.namespace, service.metadata.name), [])
        found += ports_of(service, candidates, vpc_ids, node_name, service_cidr)
    return found


def ports_of(
    service: core_v1.Service,
    slices: Iterable[discovery_v1.EndpointSlice],
    vpc_ids: Mapping[str, int],
    node_name: str,
    service_cidr: IPv4Network,
) -> list[ServicePort]:
    """The ports of one service, given the slices of its namespace that carry its name; see ``service_ports``."""
    vpc_name = _vpc_name(service.metadata.labels)
    addresses = _addresses(service, frozenset({api_address(service_cidr), dns_address(service_cidr)}))
    if vpc_name not in vpc_ids or not addresses:
        return []
    own = [each for each in slices if _vpc_name(each.metadata.labels) == vpc_name]
    found = []
    for port in service.spec.ports:
        protocol = _PROTOCOLS.get(port.protocol)
        if protocol is not None and 0 < port.port <= PORT_MAX:
            endpoints = _endpoints(own, port.name, protocol, node_name)
            found.append(_service_port(service, port, protocol, vpc_ids[vpc_name], addresses, endpoints))
    return found


def _service_port(
    service: core_v1.Service,
    port: core_v1.ServicePort,
    protocol: Protocol,
    vpc: int,
    addresses: tuple[IPv4Address, ...],
    endpoints: Sequence[_Endpoint],
) -> ServicePort:
    spec = service.spec
    local = _usable([each for each in endpoints if each.local])
    return ServicePort(
        vpc=vpc,
        name=f"{service.metadata.namespace}/{service.metadata.name}:{port.name or port.port}",
        protocol=protocol,
        port=port.port,
        addresses=addresses,
        backends=local if spec.internal_traffic_policy == _LOCAL else _usable(endpoints),
        node_port=port.node_port if spec.type in _WITH_NODE_PORTS and 0 < port.node_port <= PORT_MAX else 0,
        affinity_seconds=_affinity_seconds(spec),
        local_backends=local,
        external_local=spec.external_traffic_policy == _LOCAL,
        native="IPv6" in spec.ip_families,
    )


def _usable(endpoints: Sequence[_Endpoint]) -> tuple[Backend, ...]:
    """Those that are ready; if none is, those that are ending and still serve. In the order of their addresses."""
    chosen = {each.backend for each in endpoints if each.ready} or {each.backend for each in endpoints if each.ending}
    return tuple(sorted(chosen, key=lambda each: (each.ipv4, each.port)))


def _endpoints(
    slices: Sequence[discovery_v1.EndpointSlice], port_name: str, protocol: Protocol, node_name: str
) -> list[_Endpoint]:
    found = []
    for each in slices:
        if each.address_type != "IPv4":
            continue
        for port in each.ports:
            same = (port.name or "") == port_name and _PROTOCOLS.get(port.protocol or "") is protocol
            # A slice's port says the number even where the service's target port is a name.
            if same and port.port is not None and 0 < port.port <= PORT_MAX:
                made = (_endpoint(endpoint, port.port, node_name) for endpoint in each.endpoints)
                found += [endpoint for endpoint in made if endpoint is not None]
    return found


def _endpoint(endpoint: discovery_v1.Endpoint, port: int, node_name: str) -> _Endpoint | None:
    # The addresses of an endpoint are interchangeable; as kube-proxy, the first is taken.
    address = _address(endpoint.addresses[0]) if endpoint.addresses else None
    if address is None:
        return None
    conditions = endpoint.conditions
    return _Endpoint(
        Backend(address, port),
        # What is not said of an endpoint counts as: ready, serving, not terminating.
        ready=conditions.ready is not False,
        ending=conditions.serving is not False and conditions.terminating is True,
        local=endpoint.node_name == node_name,
    )


def _addresses(service: core_v1.Service, reserved: frozenset[IPv4Address]) -> tuple[IPv4Address, ...]:
    """Cluster IP, external IPs and load balancer addresses; nothing for a service that has no cluster IP of ours."""
    spec = service.spec
    cluster_ip = _address(spec.cluster_ip)
    if spec.type == "ExternalName" or cluster_ip is None or cluster_ip in reserved:
        return ()
    texts = list(spec.external_ips)
    if spec.type == "LoadBalancer" and not spec.load_balancer_source_ranges:
        # Mode Proxy: the load balancer wants to see the traffic itself.
        texts += [each.ip for each in service.status.load_balancer.ingress if each.ip_mode != "Proxy"]
    more = (_address(each) for each in texts)
    return tuple(dict.fromkeys([cluster_ip, *(each for each in more if each is not None and each not in reserved)]))


def _address(text: str) -> IPv4Address | None:
    """The IPv4 address, if it is one that can stand for another machine."""
    try:
        address = IPv4Address(text)
    except ValueError:
        return None
    unusable = address.is_unspecified or address.is_loopback or address.is_link_local or address.is_multicast
    return None if unusable else address


def _affinity_seconds(spec: core_v1.ServiceSpec) -> int:
    if spec.session_affinity != "ClientIP":
        return 0
    config = spec.session_affinity_config
    said = config.client_ip.timeout_seconds if config is not None and config.client_ip is not None else None
    return said if said is not None and said > 0 else AFFINITY_SECONDS_DEFAULT


def _vpc_name(labels: Mapping[str, str]) -> str:
    return labels.get(VPC_LABEL) or DEFAULT_VPC
