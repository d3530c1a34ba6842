"""Routes, and addresses on loopback. Acts.

What is ours carries our protocol number (routes) and, as its metric, our interface group: so it is found again by
whoever knows the instance alone.
"""

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from k3py.vpc.kernel import dump
from k3py.vpc.kernel.netlink import ABSENT, EXISTS, Netlink, tolerating
from k3py.vpc.kernel.values import ROUTE_PROTOCOL, Route
from k3py.vpc.wanted import NodeConfig

_UNREACHABLE: Final = 7
_LOOPBACK: Final = 1
_ON_LINK: Final = 4
_NO_DAD: Final = 2
# struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags; and attributes.
_ROUTE_MESSAGE: Final = struct.Struct("=BBBBBBBBI")
_DESTINATION, _DEVICE, _GATEWAY, _PRIORITY, _SOURCE, _METRICS = 1, 4, 5, 6, 7, 8
_METRIC_MTU: Final = 2


def put(netlink: Netlink, config: NodeConfig, route: Route, index: int) -> None:
    """Add or exchange a route through the device with that number (0: unreachable)."""
    netlink.route("replace", **_message(config, route, index))


def remove(netlink: Netlink, config: NodeConfig, route: Route, index: int) -> None:
    """Take a route away; it need not be there, nor its device (``index`` 0)."""
    if route.device and not index:
        return
    with tolerating(ABSENT):
        netlink.route("del", **_message(config, route, index))


def seen(config: NodeConfig, names: dict[int, str]) -> frozenset[Route]:
    """Our routes; ``names``: devices by number."""
    return frozenset(_ours(config, names, socket.AF_INET) | _ours(config, names, socket.AF_INET6))


def seen_unreachable(config: NodeConfig) -> frozenset[Route]:
    """Our routes of blocks."""
    return frozenset(_ours(config, {}, socket.AF_INET6, _UNREACHABLE))


def _ours(config: NodeConfig, names: dict[int, str], family: int, kind: int = 0) -> set[Route]:
    request = _ROUTE_MESSAGE.pack(family, 0, 0, 0, 0, ROUTE_PROTOCOL, 0, kind, 0)
    found = (dumped_route(each, config.group, names) for each in dump.dump(dump.GET_ROUTE, request))
    return {each for each in found if each is not None and (not kind or not each.device)}


def dumped_route(message: bytes, metric: int, names: dict[int, str]) -> Route | None:
    """A route of a dump: ``struct rtmsg`` and its attributes (linux/rtnetlink.h); None: its metric is another.

    Raises:
        ValueError, struct.error: it is damaged.
    """
    family, length, _, _, _, protocol, _, kind, _ = _ROUTE_MESSAGE.unpack_from(message)
    found = dump.attributes(message, _ROUTE_MESSAGE.size)
    if protocol != ROUTE_PROTOCOL or dump.number(found.get(_PRIORITY)) != metric:
        return None
    destination = found.get(_DESTINATION, bytes(4 if family == socket.AF_INET else 16))
    source, gateway = found.get(_SOURCE), found.get(_GATEWAY)
    return Route(
        ip_network((destination, length)),
        "" if kind == _UNREACHABLE else names.get(dump.number(found.get(_DEVICE)), "?"),
        ip_address(source) if source else None,
        IPv4Address(gateway) if gateway else None,
        dump.number(dump.attributes(found.get(_METRICS, b""), 0).get(_METRIC_MTU)),
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
