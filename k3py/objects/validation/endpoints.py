"""Checks of endpoints and of addresses that traffic is sent to."""

import ipaddress
from collections.abc import Collection
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.addresses import check_address, parse_address, parse_network
from k3py.objects.validation.ports import check_app_protocol, check_protocol

_MULTICAST: Final = (ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16"))


def new_endpoints(obj: core_v1.Endpoints, wrong: Errors) -> None:
    """Every subset has addresses; these are addresses of somebody else."""
    _subsets(obj, frozenset(), wrong)


def endpoints_update(new: core_v1.Endpoints, old: core_v1.Endpoints, wrong: Errors) -> None:
    """As a new object; addresses that are there already stay good, however they are written."""
    kept = {each.ip for subset in old.subsets for each in (*subset.addresses, *subset.not_ready_addresses)}
    _subsets(new, kept, wrong)


def _subsets(obj: core_v1.Endpoints, kept: Collection[str], wrong: Errors) -> None:
    for index, subset in enumerate(obj.subsets):
        path = f"subsets[{index}]"
        if not subset.addresses and not subset.not_ready_addresses:
            wrong.required(path, "must specify `addresses` or `notReadyAddresses`")
        for position, address in enumerate(subset.addresses):
            _address(address, f"{path}.addresses[{position}]", kept, wrong)
        for position, address in enumerate(subset.not_ready_addresses):
            _address(address, f"{path}.notReadyAddresses[{position}]", kept, wrong)
        for position, port in enumerate(subset.ports):
            _port(port, len(subset.ports) > 1, f"{path}.ports[{position}]", wrong)


def _address(address: core_v1.EndpointAddress, path: str, kept: Collection[str], wrong: Errors) -> None:
    check_address(f"{path}.ip", address.ip, wrong, kept)
    if address.hostname:
        wrong.each_invalid(f"{path}.hostname", address.hostname, names.dns_1123_label(address.hostname))
    if address.node_name is not None:
        wrong.each_invalid(f"{path}.nodeName", address.node_name, names.dns_1123_subdomain(address.node_name))
    not_special(address.ip, f"{path}.ip", wrong)


def not_special(text: str, path: str, wrong: Errors) -> None:
    """An address that means the same host to everybody: not loopback, link-local or unspecified."""
    address = parse_address(text)
    if address is None:
        wrong.invalid(path, text, "must be a valid IP address")
        return
    multicast = any(address.version == each.version and address in each for each in _MULTICAST)
    for unfit, detail in (
        (address.is_unspecified, f"may not be unspecified ({text})"),
        (address.is_loopback, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (address.is_link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (multicast, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ):
        if unfit:
            wrong.invalid(path, text, detail)


def _port(port: core_v1.EndpointPort, needs_name: bool, path: str, wrong: Errors) -> None:
    if port.name:
        wrong.each_invalid(f"{path}.name", port.name, names.dns_1123_label(port.name))
    elif needs_name:
        wrong.required(f"{path}.name")
    wrong.each_invalid(f"{path}.port", port.port, names.port_number(port.port))
    check_protocol(port.protocol, f"{path}.protocol", wrong)
    check_app_protocol(port.app_protocol, f"{path}.appProtocol", wrong)


def endpoints_warnings(obj: core_v1.Endpoints) -> list[str]:
    """Addresses that are not in their one form."""
    said = []
    for index, subset in enumerate(obj.subsets):
        for word, addresses in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses)):
            for position, address in enumerate(addresses):
                said += address_warnings(address.ip, f"subsets[{index}].{word}[{position}].ip")
    return said


def address_warnings(text: str, path: str) -> list[str]:
    """An IPv6 address that RFC 5952 writes in another way."""
    address = parse_address(text)
    if not isinstance(address, ipaddress.IPv6Address) or address.ipv4_mapped is not None or str(address) == text:
        return []
    return [f'{path}: IPv6 address "{text}" should be in RFC 5952 canonical format ("{address}")']


def range_warnings(text: str, path: str) -> list[str]:
    """A range of IPv6 addresses that RFC 5952 writes in another way."""
    network, (host, _, length) = parse_network(text), text.partition("/")
    if not isinstance(network, ipaddress.IPv6Network) or str(parse_address(host)) == host:
        return []
    written = f"{parse_address(host)}/{length}"
    return [f'{path}: IPv6 CIDR value "{text}" should be in RFC 5952 canonical format ("{written}")']
