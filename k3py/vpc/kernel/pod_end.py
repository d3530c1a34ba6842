"""The pod's end of its link, seen from inside the pod's namespace. Acts."""

import errno
import socket
from ipaddress import IPv6Address
from typing import Final

from k3py.model.ghost import Ghost
from k3py.vpc.kernel import links, names, sysctls
from k3py.vpc.kernel.netlink import EXISTS, Netlink, netlink, tolerating
from k3py.vpc.wanted import HOST_IPV4, PodNetwork

# Next hops are always on the link (RTNH_F_ONLINK): the gateway has an address of no network of the pod's.
_ON_LINK: Final = 4
# No test for duplicates (IFA_F_NODAD): nobody else has the address, and the first packet need not wait.
_NO_DAD: Final = 2
_LOOPBACK: Final = 1
# Any link-local address will do: the programs answer for it.
GATEWAY_IPV6: Final = IPv6Address("fe80::1")
# The interface makes itself no address (IN6_ADDR_GEN_MODE_NONE): the programs would drop what comes from it.
_WITHOUT_LINK_LOCAL: Final = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]}
# How the kernel says that IPv6 is switched off there.
_NO_IPV6: Final = frozenset({errno.EACCES, errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EPERM, errno.ENODEV})


def configure(pod: PodNetwork, cluster: int, mtu: int) -> None:
    """Addresses, default routes, and up; to be called inside the pod's namespace.

    ``mtu``: how long, in bytes, packets may be that the pod sends.

    Raises:
        NetlinkError, OSError: the kernel refused.
    """
    with netlink() as socket_inside:
        number = links.index(names.POD_DEVICE)
        for each in ("accept_dad", "dad_transmits", "accept_ra"):
            _write_if_there(f"net/ipv6/conf/{names.POD_DEVICE}/{each}", "0")
        socket_inside.link("set", index=_LOOPBACK, state="up")
        _replace_address(socket_inside, number, pod)
        with tolerating(_NO_IPV6):
            socket_inside.link("set", index=number, IFLA_AF_SPEC=_WITHOUT_LINK_LOCAL)
        socket_inside.link("set", index=number, state="up")
        socket_inside.route(
            "replace",
            family=socket.AF_INET,
            dst="default",
            gateway=str(HOST_IPV4),
            oif=number,
            flags=_ON_LINK,
            metrics={"mtu": mtu},
        )
        _configure_ipv6(socket_inside, number, Ghost(cluster, pod.vpc, pod.ipv4, native=True).address, mtu)


def _replace_address(inside: Netlink, number: int, pod: PodNetwork) -> None:
    with tolerating(EXISTS):
        inside.addr("add", index=number, address=str(pod.ipv4), prefixlen=32)
    for each in inside.get_addr(index=number, family=socket.AF_INET):
        if each.get("address") != str(pod.ipv4):
            inside.addr("del", index=number, address=each.get("address"), prefixlen=each["prefixlen"])


def _configure_ipv6(inside: Netlink, number: int, address: IPv6Address, mtu: int) -> None:
    """A pod that has IPv6 switched off does without."""
    with tolerating(_NO_IPV6 | EXISTS):
        inside.addr("add", index=number, address=str(address), prefixlen=128, flags=_NO_DAD)
    with tolerating(_NO_IPV6):
        inside.route(
            "replace",
            family=socket.AF_INET6,
            dst="default",
            gateway=str(GATEWAY_IPV6),
            oif=number,
            metrics={"mtu": mtu},
        )


def _write_if_there(path: str, value: str) -> None:
    try:
        sysctls.write(path, value)
    except FileNotFoundError:
        return
