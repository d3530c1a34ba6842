"""Checks of endpoint slices."""

import ipaddress
from typing import Final

from k3py.model import names
from k3py.model.generated import discovery_v1
from k3py.objects.fields import Errors

ENDPOINTS_MAX: Final = 1_000
ADDRESSES_MAX: Final = 100
PORTS_MAX: Final = 20_000
ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")


def endpoint_slice(obj: discovery_v1.EndpointSlice, wrong: Errors) -> None:
    """Addresses are of the slice's type, ports have unique names."""
    if not obj.address_type:
        wrong.required("addressType")
    elif obj.address_type not in ADDRESS_TYPES:
        wrong.unsupported("addressType", obj.address_type, ADDRESS_TYPES)
    _ports(obj.ports, wrong)
    if len(obj.endpoints) > ENDPOINTS_MAX:
        wrong.too_many("endpoints", len(obj.endpoints), ENDPOINTS_MAX)
        return
    for index, endpoint in enumerate(obj.endpoints):
        _endpoint(endpoint, f"endpoints[{index}]", obj.address_type, wrong)


def endpoint_slice_update(new: discovery_v1.EndpointSlice, old: discovery_v1.EndpointSlice, wrong: Errors) -> None:
    """The type of addresses stays."""
    wrong.immutable("addressType", new.address_type, old.address_type)


def _endpoint(endpoint: discovery_v1.Endpoint, path: str, address_type: str, wrong: Errors) -> None:
    if not endpoint.addresses:
        wrong.required(f"{path}.addresses", "must contain at least 1 address")
    elif len(endpoint.addresses) > ADDRESSES_MAX:
        wrong.too_many(f"{path}.addresses", len(endpoint.addresses), ADDRESSES_MAX)
    for index, address in enumerate(endpoint.addresses):
        _address(address, f"{path}.addresses[{index}]", address_type, wrong)
    if endpoint.node_name is not None:
        wrong.each_invalid(f"{path}.nodeName", endpoint.node_name, names.dns_1123_subdomain(endpoint.node_name))
    if endpoint.hostname is not None:
        wrong.each_invalid(f"{path}.hostname", endpoint.hostname, names.dns_1123_label(endpoint.hostname))
    if endpoint.hints is not None:
        for index, zone in enumerate(endpoint.hints.for_zones):
            if not zone.name:
                continue
            wrong.each_invalid(f"{path}.hints.forZones[{index}].name", zone.name, names.dns_1123_label(zone.name))


def _address(address: str, path: str, address_type: str, wrong: Errors) -> None:
    if address_type == "FQDN":
        wrong.each_invalid(path, address, names.dns_1123_subdomain(address))
        return
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        wrong.invalid(path, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        return
    version = 6 if address_type == "IPv6" else 4
    if parsed.version != version:
        wrong.invalid(path.rpartition("[")[0], address, f"must be an IPv{version} address")
    for unfit, word in (
        (parsed.is_unspecified, "be unspecified (0.0.0.0 or ::)"),
        (parsed.is_loopback, "be in the loopback range (127.0.0.0/8, ::1/128)"),
        (parsed.is_link_local, "be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (parsed.is_multicast, "be in the multicast range (224.0.0.0/4, ff00::/8)"),
    ):
        if unfit:
            wrong.invalid(path, address, f"may not {word}")


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
        if not port.protocol:
            wrong.required(f"{path}.protocol")
        elif port.protocol not in PROTOCOLS:
            wrong.unsupported(f"{path}.protocol", port.protocol, PROTOCOLS)
        if port.app_protocol is not None:
            wrong.each_invalid(f"{path}.appProtocol", port.app_protocol, names.qualified_name(port.app_protocol))
