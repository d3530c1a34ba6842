"""ConfigMaps, Secrets, ServiceAccounts, Services, EndpointSlices."""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Column,
    Columns,
    age,
    label_map,
    only_name_and_age,
)
from k3py.model.generated import core_v1, discovery_v1
from k3py.model.struct import Wire

_ENDPOINTS_SHOWN = 3
_PENDING = "<pending>"


def _config_map(config_map: core_v1.ConfigMap, now: float) -> list[Any]:
    count = len(config_map.data) + len(config_map.binary_data)
    return [config_map.metadata.name, count, age(config_map.metadata, now)]


def _secret(secret: core_v1.Secret, now: float) -> list[Any]:
    return [secret.metadata.name, secret.type, len(secret.data), age(secret.metadata, now)]


def _ports(ports: list[core_v1.ServicePort]) -> str:
    texts = [
        f"{each.port}:{each.node_port}/{each.protocol}" if each.node_port else f"{each.port}/{each.protocol}"
        for each in ports
    ]
    return ",".join(texts) or NONE


def _external(service: core_v1.Service) -> str:
    spec = service.spec
    if spec.type == "ExternalName":
        return spec.external_name
    addresses = list(spec.external_ips)
    if spec.type == "LoadBalancer":
        ingress = service.status.load_balancer.ingress
        addresses = [each.ip or each.hostname for each in ingress] + addresses
        return ",".join(addresses) or _PENDING
    return ",".join(addresses) or NONE


def _service(service: core_v1.Service, now: float) -> list[Any]:
    spec = service.spec
    address = spec.cluster_ips[0] if spec.cluster_ips else spec.cluster_ip
    if spec.type == "ExternalName" or not address:
        address = NONE
    return [
        service.metadata.name,
        spec.type,
        address,
        _external(service),
        _ports(spec.ports),
        age(service.metadata, now),
        label_map(spec.selector),
    ]


def _some(items: list[str]) -> str:
    shown = ",".join(items[:_ENDPOINTS_SHOWN])
    more = len(items) - _ENDPOINTS_SHOWN
    return f"{shown} + {more} more..." if more > 0 else shown


def _endpoint_slice(endpoints: discovery_v1.EndpointSlice, now: float) -> list[Any]:
    ports = [str(each.port) if each.port is not None else "*" for each in endpoints.ports]
    addresses = [address for each in endpoints.endpoints for address in each.addresses]
    return [
        endpoints.metadata.name,
        endpoints.address_type,
        _some(ports) or UNSET,
        _some(addresses) or UNSET,
        age(endpoints.metadata, now),
    ]


CONFIG_MAPS = Columns((NAME, Column("Data", description="Number of entries."), AGE), _config_map)
SECRETS = Columns(
    (NAME, Column("Type", description="What it is for."), Column("Data", description="Number of entries."), AGE),
    _secret,
)
SERVICE_ACCOUNTS = Columns((NAME, AGE), only_name_and_age)
SERVICES = Columns(
    (
        NAME,
        Column("Type", description="ClusterIP, NodePort, LoadBalancer or ExternalName."),
        Column("Cluster-IP", description="Its address in the cluster."),
        Column("External-IP", description="Its addresses outside."),
        Column("Port(s)", description="What it listens on."),
        AGE,
        Column("Selector", priority=1, description="Which pods answer."),
    ),
    _service,
)
ENDPOINT_SLICES = Columns(
    (
        NAME,
        Column("AddressType", description="IPv4, IPv6 or FQDN."),
        Column("Ports", description="What the endpoints listen on."),
        Column("Endpoints", description="Addresses."),
        AGE,
    ),
    _endpoint_slice,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.ConfigMap: CONFIG_MAPS,
    core_v1.Secret: SECRETS,
    core_v1.ServiceAccount: SERVICE_ACCOUNTS,
    core_v1.Service: SERVICES,
    discovery_v1.EndpointSlice: ENDPOINT_SLICES,
}
