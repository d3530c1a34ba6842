"""What the host itself has: addresses, routes, and how large its packets may be. Acts: asks the kernel."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from socket import AF_INET
from typing import Any, Final

from k3py.vpc.kernel.netlink import netlink
from k3py.vpc.kernel.seen import all_links

MTU_DEFAULT: Final = 1500
_MAIN: Final = 254


def host_ipv4(our_groups: Iterable[int]) -> list[IPv4Address]:
    """The host's IPv4 addresses that others may know: neither loopback nor on links of these groups."""
    groups = set(our_groups)
    with netlink() as socket:
        ours = {link.index for link in all_links() if link.group in groups}
        found = [each.get("local") for each in socket.get_addr(family=AF_INET) if each["index"] not in ours]
    parsed = (IPv4Address(each) for each in found if each)
    return sorted({each for each in parsed if not each.is_loopback})


def host_routes() -> list[IPv4Network]:
    """What the host's IPv4 routes lead to, default routes left out; local addresses are among them."""
    with netlink() as socket:
        found = [(each.get("dst"), each["dst_len"]) for each in socket.get_routes(family=AF_INET)]
    return [IPv4Network((address, length)) for address, length in found if address]


def groups_of_links() -> set[int]:
    """The interface groups of all links here."""
    return {link.group for link in all_links()}


def underlay_mtu() -> int:
    """The MTU in bytes of the device that the default route takes, else of Ethernet."""
    with netlink() as socket:
        defaults = [each for each in socket.get_routes(family=AF_INET, table=_MAIN) if each["dst_len"] == 0]
        device = defaults[0].get("oif") if defaults else None
        if device is None:
            return MTU_DEFAULT
        links: list[Any] = list(socket.get_links(device))
    return int(links[0].get("mtu")) if links else MTU_DEFAULT
