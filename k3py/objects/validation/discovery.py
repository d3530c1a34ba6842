"""Checks of endpoint slices. Source: Kubernetes ``pkg/apis/discovery/validation``."""

from collections.abc import Collection
from typing import Final

from k3py.model import names
from k3py.model.generated import discovery_v1
from k3py.objects.fields import Errors
from k3py.objects.meta import NameRule
from k3py.objects.validation.addresses import check_address, is_ipv6, parse_address
from k3py.objects.validation.endpoints import address_warnings, not_special
from k3py.objects.validation.ports import check_app_protocol, check_protocol
from k3py.objects.validation.scheduling import labels

ENDPOINTS_MAX: Final = 1_000
ADDRESSES_MAX: Final = 100
PORTS_MAX: Final = 20_000
HINTS_MAX: Final = 8
TOPOLOGY_MAX: Final = 16
ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")


def endpoint_slice(obj: discovery_v1.EndpointSlice, wrong: Errors) -> None:
    """Addresses are of the slice's type, ports have unique names."""
    _slice(obj, wrong, ())


def endpoint_slice_update(new: discovery_v1.EndpointSlice, old: discovery_v1.EndpointSlice, wrong: Errors) -> None:
    """The type of addresses stays; addresses that are stored already are good however they are written."""
    if any(cause.field.startswith("endpoints") for cause in wrong.causes):
        kept = {address for each in old.endpoints for address in each.addresses}
        wrong.causes[:] = [cause for cause in wrong.causes if cause.field.startswith("metadata")]
        _slice(new, wrong, kept)
    wrong.immutable("addressType", new.address_type, old.address_type)


def endpoint_slice_warnings(obj: discovery_v1.EndpointSlice) -> list[str]:
    """Names in place of addresses are deprecated; addresses may be written in an unusual way."""
    if obj.address_type == "FQDN":
        return ["spec.addressType: FQDN endpoints are deprecated"]
    return [
        said
        for index, endpoint in enumerate(obj.endpoints)
        for position, address in enumerate(endpoint.addresses)
        for said in address_warnings(address, f"endpoints[{index}].addresses[{position}]")
    ]


def endpoint_slice_change_warnings(new: discovery_v1.EndpointSlice, _: discovery_v1.EndpointSlice) -> list[str]:
    """As of a new one, but its type is an old story."""
    return [] if new.address_type == "FQDN" else endpoint_slice_warnings(new)


def _slice(obj: discovery_v1.EndpointSlice, wrong: Errors, kept: Collection[str]) -> None:
    if not obj.address_type:
        wrong.required("addressType")
    elif obj.address_type not in ADDRESS_TYPES:
        wrong.unsupported("addressType", obj.address_type, ADDRESS_TYPES)
    _ports(obj.ports, wrong)
    if len(obj.endpoints) > ENDPOINTS_MAX:
        wrong.too_many("endpoints", len(obj.endpoints), ENDPOINTS_MAX)
        return
    for index, endpoint in enumerate(obj.endpoints):
        _endpoint(endpoint, f"endpoints[{index}]", obj.address_type, wrong, kept)


def _endpoint(
    endpoint: discovery_v1.Endpoint, path: str, address_type: str, wrong: Errors, kept: Collection[str]
) -> None:
    if not endpoint.addresses:
        wrong.required(f"{path}.addresses", "must contain at least 1 address")
    elif len(endpoint.addresses) > ADDRESSES_MAX:
        wrong.too_many(f"{path}.addresses", len(endpoint.addresses), ADDRESSES_MAX)
    for index, address in enumerate(endpoint.addresses):
        _address(address, f"{path}.addresses[{index}]", address_type, wrong, kept)
    if endpoint.node_name is not None:
        wrong.each_invalid(f"{path}.nodeName", endpoint.node_name, names.dns_1123_subdomain(endpoint.node_name))
    if len(endpoint.deprecated_topology) > TOPOLOGY_MAX:
        wrong.too_many(f"{path}.deprecatedTopology", len(endpoint.deprecated_topology), TOPOLOGY_MAX)
    labels(f"{path}.deprecatedTopology", endpoint.deprecated_topology, wrong)
    if endpoint.hostname is not None:
        wrong.each_invalid(f"{path}.hostname", endpoint.hostname, names.dns_1123_label(endpoint.hostname))
    if endpoint.hints is not None:
        zones = [zone.name for zone in endpoint.hints.for_zones]
        nodes = [node.name for node in endpoint.hints.for_nodes]
        _hints(zones, f"{path}.hints.forZones", names.label_value, wrong)
        _hints(nodes, f"{path}.hints.forNodes", names.dns_1123_subdomain, wrong)


def _hints(found: list[str], path: str, rule: NameRule, wrong: Errors) -> None:
    if len(found) > HINTS_MAX:
        wrong.too_many(path, len(found), HINTS_MAX)
        return
    for index, name in enumerate(found):
        if name in found[:index]:
            wrong.duplicate(f"{path}[{index}].name", name)
        wrong.each_invalid(f"{path}[{index}].name", name, rule(name))


def _address(address: str, path: str, address_type: str, wrong: Errors, kept: Collection[str]) -> None:
    if address_type == "FQDN":
        _domain(address, path, wrong)
    elif address_type in ("IPv4", "IPv6") and check_address(path, address, wrong, kept):
        if is_ipv6(address) != (address_type == "IPv6"):
            wrong.invalid(path.rpartition("[")[0], address, f"must be an {address_type} address")
        not_special(str(parse_address(address)), path, wrong)


def _domain(name: str, path: str, wrong: Errors) -> None:
    """A name with at least two parts; it may end with a dot."""
    if not name:
        wrong.required(path)
        return
    bare = name.removesuffix(".")
    if said := names.dns_1123_subdomain(bare):
        wrong.invalid(path, bare, ",".join(said))
    elif "." not in bare:
        wrong.invalid(path, bare, "should be a domain with at least two segments separated by dots")
    else:
        for label in bare.split("."):
            if said := names.dns_1123_label(label):
                wrong.invalid(path, label, ",".join(said))


def _ports(ports: list[discovery_v1.EndpointPort], wrong: Errors) -> None:
    if len(ports) > PORTS_MAX:
        wrong.too_many("ports", len(ports), PORTS_MAX)
        return
    known: set[str] = set()
    for index, port in enumerate(ports):
        path, name = f"ports[{index}]", port.name or ""
        if name:
            wrong.each_invalid(f"{path}.name", name, names.dns_1123_label(name))
        if name in known:
            wrong.duplicate(f"{path}.name", name)
        known.add(name)
        check_protocol(port.protocol, f"{path}.protocol", wrong)
        check_app_protocol(port.app_protocol, f"{path}.appProtocol", wrong)
