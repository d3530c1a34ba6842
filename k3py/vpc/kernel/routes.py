"""Routes, and addresses on loopback. Acts.

What is ours carries our protocol number (routes) and, as its metric, our interface group: so it is found again by
whoever knows the instance alone.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any, Final

from k3py.vpc.kernel.netlink import ABSENT, EXISTS, Netlink, tolerating
from k3py.vpc.kernel.values import ROUTE_PROTOCOL, Route
from k3py.vpc.wanted import NodeConfig

_UNREACHABLE: Final = 7
_LOOPBACK: Final = 1
_ON_LINK: Final = 4
_NO_DAD: Final = 2


def put(netlink: Netlink, config: NodeConfig, route: Route, index: int) -> None:
    """Add or exchange a route through the device with that number (0: unreachable)."""
    netlink.route("replace", **_message(config, route, index))


def remove(netlink: Netlink, config: NodeConfig, route: Route, index: int) -> None:
    """Take a route away; it need not be there, nor its device (``index`` 0)."""
    if route.device and not index:
        return
    with tolerating(ABSENT):
        netlink.route("del", **_message(config, route, index))


def seen(netlink: Netlink, config: NodeConfig, names: dict[int, str]) -> frozenset[Route]:
    """Our routes; ``names``: devices by number."""
    return frozenset(
        _route(each, names)
        for family in (socket.AF_INET, socket.AF_INET6)
        for each in netlink.get_routes(family=family, proto=ROUTE_PROTOCOL)
        if each.get("priority") == config.group
    )


def seen_unreachable(netlink: Netlink, config: NodeConfig) -> frozenset[Route]:
    """Our routes of blocks."""
    return frozenset(
        _route(each, {})
        for each in netlink.get_routes(family=socket.AF_INET6, proto=ROUTE_PROTOCOL, type=_UNREACHABLE)
        if each.get("priority") == config.group and each["type"] == _UNREACHABLE
    )


def add_address(netlink: Netlink, config: NodeConfig, address: IPv6Address) -> None:
    """Give loopback an address."""
    with tolerating(EXISTS):
        netlink.addr(
            "add", index=_LOOPBACK, address=str(address), prefixlen=128, flags=_NO_DAD, IFA_RT_PRIORITY=config.group
        )


def remove_address(netlink: Netlink, address: IPv6Address) -> None:
    """Take an address from loopback; it need not be there."""
    with tolerating(ABSENT):
        netlink.addr("del", index=_LOOPBACK, address=str(address), prefixlen=128)


def seen_addresses(netlink: Netlink, config: NodeConfig) -> frozenset[IPv6Address]:
    """Our addresses on loopback."""
    return frozenset(
        IPv6Address(each.get("address"))
        for each in netlink.get_addr(family=socket.AF_INET6, index=_LOOPBACK)
        if each.get("IFA_RT_PRIORITY") == config.group
    )


def _message(config: NodeConfig, route: Route, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "family": socket.AF_INET if route.destination.version == 4 else socket.AF_INET6,
        "dst": str(route.destination),
        "proto": ROUTE_PROTOCOL,
        "priority": config.group,
    }
    if index:
        message["oif"] = index
    else:
        message["type"] = "unreachable"
    if route.source:
        message["prefsrc"] = str(route.source)
    if route.mtu:
        message["metrics"] = {"mtu": route.mtu}
    if route.gateway:
        message |= {"gateway": str(route.gateway), "flags": _ON_LINK}
    elif index and route.destination.version == 4:
        message["scope"] = "link"
    return message


def _route(message: Any, names: dict[int, str]) -> Route:
    gateway, source, metrics = message.get("gateway"), message.get("prefsrc"), message.get("metrics")
    version4 = message["family"] == socket.AF_INET
    parse = IPv4Address if version4 else IPv6Address
    network = ip_network(f"{message.get('dst')}/{message['dst_len']}")
    device = "" if message["type"] == _UNREACHABLE else names.get(message.get("oif", 0), "?")
    mtu = metrics.get("mtu", 0) if metrics else 0
    return Route(network, device, parse(source) if source else None, IPv4Address(gateway) if gateway else None, mtu)
