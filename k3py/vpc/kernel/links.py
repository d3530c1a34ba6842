"""Interfaces: pairs made, dressed, brought up and deleted. Acts."""

import os
import socket
import time
from typing import Final

from k3py.vpc.kernel import names, sysctls
from k3py.vpc.kernel.layout import pod_end_mtu
from k3py.vpc.kernel.netlink import ABSENT, EXISTS, Netlink, tolerating
from k3py.vpc.wanted import NodeConfig, PodNetwork

# The interface makes itself no IPv6 address (IN6_ADDR_GEN_MODE_NONE).
_GENERATES_NONE: Final = 1
_UP: Final = 1
_OPERATIONAL: Final = "UP"
# A fifth of a second in all: longer than any kernel takes, and no reason to fail if one should.
_CARRIER_TRIES_MAX: Final = 100
_CARRIER_WAIT_SECONDS: Final = 0.002


def index(name: str) -> int:
    """The interface's number; 0: there is none."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def make(netlink: Netlink, config: NodeConfig, pod: PodNetwork, device: str) -> None:
    """The pair, both ends down; the pod's end comes to be inside the pod's namespace."""
    peer = {"ifname": names.POD_DEVICE, "address": names.pod_mac(pod), "mtu": pod_end_mtu(config)}
    made = {
        "ifname": device,
        "kind": "veth",
        "address": names.GATEWAY_MAC,
        "mtu": config.mtu,
        "group": config.group,
    }
    if names.is_node(pod):
        name = names.node_end(config)
        netlink.link("add", **made, peer={**peer, "ifname": name, "group": names.node_group(config)})
    else:
        namespace = os.open(pod.netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            netlink.link("add", **made, peer={**peer, "net_ns_fd": namespace})
        finally:
            os.close(namespace)
    dress(netlink, config, device)


def dress(netlink: Netlink, config: NodeConfig, device: str) -> None:
    """A host end's or TAP device's attributes. Neighbours are never asked for: the programs write the MACs."""
    netlink.link(
        "set",
        index=index(device),
        address=names.GATEWAY_MAC,
        mtu=config.mtu,
        group=config.group,
        arp=False,
        IFLA_AF_SPEC={"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _GENERATES_NONE)]})]},
    )


def bring_up(netlink: Netlink, device: str) -> None:
    """Packets flow. The host's defaults for new interfaces may say otherwise, so forwarding is set here too."""
    sysctls.write(f"net/ipv6/conf/{device}/disable_ipv6", "0")
    for family in ("ipv4", "ipv6"):
        sysctls.write(f"net/{family}/conf/{device}/forwarding", "1")
    number = index(device)
    netlink.link("set", index=number, state="up")
    _await_both_ends(netlink, number)


def _await_both_ends(netlink: Netlink, number: int) -> None:
    """An end whose carrier has just come drops what it is to send until the kernel has noticed, somewhat later.

    Since 6.8 asking for one interface makes it notice (``linkwatch_sync_dev``); older kernels take some milliseconds.
    """
    for _ in range(_CARRIER_TRIES_MAX):
        (host_end,) = netlink.get_links(number)
        peer, namespace = host_end.get("link"), host_end.get("link_netnsid")
        if not peer:
            return
        elsewhere = {} if namespace is None else {"IFLA_IF_NETNSID": namespace}
        (pod_end,) = netlink.link("get", index=peer, **elsewhere)
        if not pod_end["flags"] & _UP or _OPERATIONAL == host_end.get("operstate") == pod_end.get("operstate"):
            return
        time.sleep(_CARRIER_WAIT_SECONDS)


def remove(netlink: Netlink, device: str) -> None:
    """Delete an interface, its peer with it."""
    number = index(device)
    if number:
        with tolerating(ABSENT):
            netlink.link("del", index=number)


def release(netlink: Netlink, device: str) -> None:
    """Take somebody else's interface down and out of our group."""
    number = index(device)
    if number:
        with tolerating(ABSENT):
            netlink.link("set", index=number, state="down", group=0, arp=True)


def configure_node_end(netlink: Netlink, config: NodeConfig, pod: PodNetwork) -> None:
    """The node pod's own end, in the host's namespace: its address, and up."""
    number = index(names.node_end(config))
    sysctls.write(f"net/ipv6/conf/{names.node_end(config)}/disable_ipv6", "1")
    with tolerating(EXISTS):
        netlink.addr("add", index=number, address=str(pod.ipv4), prefixlen=32)
    for each in netlink.get_addr(index=number, family=socket.AF_INET):
        if each.get("address") != str(pod.ipv4):
            netlink.addr("del", index=number, address=each.get("address"), prefixlen=each["prefixlen"])
    netlink.link("set", index=number, state="up")
