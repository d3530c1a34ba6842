"""Services, ingresses and their classes, network policies, endpoint slices.

Names, order and cells are those of Kubernetes' ``pkg/printers/internalversion``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from k3py.api.columns.column import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Column,
    Columns,
    age,
    label_map,
    selector_text,
)
from k3py.api.columns.described import meaning
from k3py.model.generated import core_v1, discovery_v1, networking_v1
from k3py.model.struct import Wire

_SHOWN_MAX: Final = 3
_PENDING: Final = "<pending>"


def _ports(ports: list[core_v1.ServicePort]) -> str:
    texts = [
        f"{each.port}:{each.node_port}/{each.protocol}" if each.node_port else f"{each.port}/{each.protocol}"
        for each in ports
    ]
    return ",".join(texts) or NONE


def _balancer(ingress: Sequence[core_v1.LoadBalancerIngress | networking_v1.IngressLoadBalancerIngress]) -> list[str]:
    return sorted({each.ip or each.hostname for each in ingress} - {""})


def _external(service: core_v1.Service) -> str:
    spec = service.spec
    if spec.type == "LoadBalancer":
        return ",".join([*_balancer(service.status.load_balancer.ingress), *spec.external_ips]) or _PENDING
    if spec.type in ("ClusterIP", "NodePort"):
        return ",".join(spec.external_ips) or NONE
    return spec.external_name if spec.type == "ExternalName" else UNKNOWN


def _service(service: core_v1.Service, now: float) -> list[Any]:
    spec = service.spec
    return [
        service.metadata.name,
        spec.type,
        spec.cluster_ips[0] if spec.cluster_ips else NONE,
        _external(service),
        _ports(spec.ports),
        age(service.metadata, now),
        label_map(spec.selector),
    ]


def _hosts(rules: list[networking_v1.IngressRule]) -> str:
    named: list[str] = []
    more = False
    for rule in rules:
        more = more or len(named) == _SHOWN_MAX
        if not more and rule.host:
            named.append(rule.host)
    shown = ",".join(named) or "*"
    return f"{shown} + {len(rules) - _SHOWN_MAX} more..." if more and named else shown


def _ingress(ingress: networking_v1.Ingress, now: float) -> list[Any]:
    name = ingress.spec.ingress_class_name
    return [
        ingress.metadata.name,
        NONE if name is None else name,
        _hosts(ingress.spec.rules),
        ",".join(_balancer(ingress.status.load_balancer.ingress)),
        "80, 443" if ingress.spec.tls else "80",
        age(ingress.metadata, now),
    ]


def _ingress_class(ingress_class: networking_v1.IngressClass, now: float) -> list[Any]:
    found, parameters = ingress_class.spec.parameters, NONE
    if found is not None:
        group = "" if found.api_group is None else f".{found.api_group}"
        parameters = f"{found.kind}{group}/{found.name}"
    name = ingress_class.metadata.name
    return [name, ingress_class.spec.controller, parameters, age(ingress_class.metadata, now)]


def _network_policy(policy: networking_v1.NetworkPolicy, now: float) -> list[Any]:
    return [policy.metadata.name, selector_text(policy.spec.pod_selector) or NONE, age(policy.metadata, now)]


def _some(items: list[str]) -> str:
    shown = ",".join(items[:_SHOWN_MAX])
    more = len(items) - _SHOWN_MAX
    return f"{shown} + {more} more..." if more > 0 else shown or UNSET


def _port(port: discovery_v1.EndpointPort) -> str:
    if port.port is not None:
        return str(port.port)
    return "*" if port.name is None else port.name


def _endpoint_slice(endpoints: discovery_v1.EndpointSlice, now: float) -> list[Any]:
    return [
        endpoints.metadata.name,
        endpoints.address_type,
        _some([_port(each) for each in endpoints.ports]),
        _some([address for each in endpoints.endpoints for address in each.addresses]),
        age(endpoints.metadata, now),
    ]


SERVICES = Columns(
    (
        NAME,
        Column("Type", description=meaning(core_v1.ServiceSpec, "type")),
        Column("Cluster-IP", description=meaning(core_v1.ServiceSpec, "clusterIP")),
        Column("External-IP", description=meaning(core_v1.ServiceSpec, "externalIPs")),
        Column("Port(s)", description=meaning(core_v1.ServiceSpec, "ports")),
        AGE,
        Column("Selector", priority=1, description=meaning(core_v1.ServiceSpec, "selector")),
    ),
    _service,
)
INGRESSES = Columns(
    (
        NAME,
        Column(
            "Class",
            description="The name of the IngressClass resource that should be used for additional configuration",
        ),
        Column("Hosts", description="Hosts that incoming requests are matched against before the ingress rule"),
        Column("Address", description="Address is a list containing ingress points for the load-balancer"),
        Column("Ports", description="Ports of TLS configurations that open"),
        AGE,
    ),
    _ingress,
)
INGRESS_CLASSES = Columns(
    (
        NAME,
        Column("Controller", description="Controller that is responsible for handling this class"),
        Column("Parameters", description="A reference to a resource with additional parameters"),
        AGE,
    ),
    _ingress_class,
)
NETWORK_POLICIES = Columns(
    (NAME, Column("Pod-Selector", description=meaning(networking_v1.NetworkPolicySpec, "podSelector")), AGE),
    _network_policy,
)
ENDPOINT_SLICES = Columns(
    (
        NAME,
        Column("AddressType", description=meaning(discovery_v1.EndpointSlice, "addressType")),
        Column("Ports", description=meaning(discovery_v1.EndpointSlice, "ports")),
        Column("Endpoints", description=meaning(discovery_v1.EndpointSlice, "endpoints")),
        AGE,
    ),
    _endpoint_slice,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.Service: SERVICES,
    networking_v1.Ingress: INGRESSES,
    networking_v1.IngressClass: INGRESS_CLASSES,
    networking_v1.NetworkPolicy: NETWORK_POLICIES,
    discovery_v1.EndpointSlice: ENDPOINT_SLICES,
}
