"""Where a pod's packets go in the host's own tables: addresses, routes, and constants of its programs. Decides."""

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Final

from k3py.model.ghost import PREFIX_LENGTH, SYSTEM_VPC, Ghost, block
from k3py.vpc.bpf.abi import Setting, Settings
from k3py.vpc.kernel import names
from k3py.vpc.kernel.values import Link, Route
from k3py.vpc.wanted import HOST_IPV4, NodeConfig, PodNetwork, Wanted

# What translation adds to a packet: 20 bytes of header, 8 of fragment header (RFC 7915, 1.4).
TRANSLATION_BYTES: Final = 28
DEFAULT_VPC: Final = 1
# prefix, version, flags and cluster id: all of a cluster's addresses with the same flags.
CLUSTER_PREFIX_LENGTH: Final = PREFIX_LENGTH - 16


def host_ghost(wanted: Wanted) -> IPv6Address:
    """Whom pods see when the node talks to them."""
    return Ghost(wanted.cluster, SYSTEM_VPC, HOST_IPV4).address


def system_addresses(wanted: Wanted) -> frozenset[IPv6Address]:
    """The node's own on loopback: itself, DNS and API, the latter two for native sockets too."""
    services = {
        Ghost(wanted.cluster, SYSTEM_VPC, each, native).address
        for each in (wanted.dns, wanted.api)
        for native in (False, True)
    }
    return frozenset({host_ghost(wanted), *services})


def cluster_prefixes(cluster: int) -> tuple[IPv6Network, IPv6Network]:
    """All Ghost addresses of a cluster: translated ones, native ones."""
    first, second = (Ghost(cluster, SYSTEM_VPC, HOST_IPV4, native).address for native in (False, True))
    return (
        IPv6Network((first, CLUSTER_PREFIX_LENGTH), strict=False),
        IPv6Network((second, CLUSTER_PREFIX_LENGTH), strict=False),
    )


def system_prefixes(cluster: int) -> tuple[IPv6Network, IPv6Network]:
    """All Ghost addresses of the cluster's system VPC, which only nodes have."""
    everything = IPv4Network("0.0.0.0/0")
    return block(cluster, SYSTEM_VPC, everything), block(cluster, SYSTEM_VPC, everything, native=True)


def block_routes(wanted: Wanted) -> frozenset[Route]:
    """What is in our blocks and no pod's is unreachable, so that senders learn of it and nothing goes in circles."""
    return frozenset(
        Route(block(wanted.cluster, vpc, network, native=native))
        for vpc, network in wanted.blocks
        for native in (False, True)
    )


def host_ranges(config: NodeConfig, wanted: Wanted) -> tuple[IPv4Network, ...]:
    """What the host itself reaches through the node pod: pods of VPC ``default``, and services."""
    default = wanted.vpcs.get(DEFAULT_VPC)
    return (default.cidr, wanted.service_cidr) if config.host_access and default else ()


def pod_routes(config: NodeConfig, wanted: Wanted, pod: PodNetwork) -> frozenset[Route]:
    """The host's routes to a pod, and, if the pod is the host itself, through it."""
    device, source = names.device(config, pod), host_ghost(wanted)
    routes = {
        Route(IPv6Network(Ghost(wanted.cluster, pod.vpc, pod.ipv4, native).address), device, source)
        for native in (False, True)
    }
    routes |= {
        Route(IPv4Network(each), device) for each in (pod.outside_ipv4, pod.outside_native_ipv4) if each is not None
    }
    if names.is_node(pod):
        through = names.node_end(config)
        routes |= {Route(each, through, pod.ipv4, HOST_IPV4) for each in host_ranges(config, wanted)}
    return frozenset(routes)


def pod_settings(wanted: Wanted, pod: PodNetwork) -> bytes:
    """The constants of a pod's programs."""
    made = Settings()
    flags = Setting.SHORT_CUT | Setting.NATIVE
    if names.is_node(pod):
        flags = Setting.SHORT_CUT | Setting.PLAIN
    elif pod.tap:
        flags |= Setting.PLAIN
    made.ghost[:] = Ghost(wanted.cluster, pod.vpc, pod.ipv4).packed
    made.ipv4[:] = pod.ipv4.packed
    if pod.outside_ipv4:
        made.outside_ipv4[:] = pod.outside_ipv4.packed
    if pod.outside_native_ipv4:
        made.outside_native_ipv4[:] = pod.outside_native_ipv4.packed
    made.flags, made.vpc = flags, pod.vpc
    made.pod_mac[:] = mac_bytes(names.pod_mac(pod))
    made.gateway_mac[:] = mac_bytes(names.GATEWAY_MAC)
    return bytes(made)


def mac_bytes(mac: str) -> bytes:
    """A MAC's 6 bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def programs_mark(base: bytes, settings: bytes) -> bytes:
    """What tells whether a pod's programs are still the right ones. ``base`` stands for their objects and maps."""
    return hashlib.sha256(base + settings).digest()


def host_end_is_right(config: NodeConfig, link: Link) -> bool:
    """Whether a host end has all of its attributes; being up is another matter."""
    has = (link.mtu, link.group, link.mac, link.arp)
    return has == (config.mtu, config.group, names.GATEWAY_MAC, False)


def uplinks(links: Iterable[Link], config: NodeConfig) -> tuple[str, ...]:
    """The host's own interfaces among all of its."""
    ours = {config.group, names.node_group(config)}
    return tuple(sorted(each.name for each in links if each.group not in ours and each.name != "lo"))
