"""Where a pod's packets go in the host's own tables: addresses, routes, and constants of its programs. Decides."""

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from k3py.model.ghost import PREFIX_LENGTH, SYSTEM_VPC, Ghost, block
from k3py.vpc.bpf.abi import Setting, Settings
from k3py.vpc.kernel import names
from k3py.vpc.kernel.values import Link, Route
from k3py.vpc.wanted import HOST_IPV4, NodeConfig, PodNetwork, Wanted

# What translation adds to a packet: 20 bytes of header, 8 of fragment header (RFC 7915, 1.4).
HEADER_BYTES: Final = 20
TRANSLATION_BYTES: Final = 28
DEFAULT_VPC: Final = 1
# prefix, version, flags and cluster id: all of a cluster's addresses with the same flags.
CLUSTER_PREFIX_LENGTH: Final = PREFIX_LENGTH - 16


def pod_mtu(config: NodeConfig) -> int:
    """How long, in bytes, packets may be that a pod sends: they fit the underlay as Ghost packets, fragments too."""
    return config.mtu - TRANSLATION_BYTES


def pod_end_mtu(config: NodeConfig) -> int:
    """The MTU of a pod's end: how long packets may be that arrive there, where what is longer is lost silently.

    Everything that fits the underlay, and has lost 20 bytes at least when it has become IPv4, fits. The routes in the
    pod see to it that it sends no more than ``pod_mtu``, 8 bytes less.
    """
    return config.mtu - HEADER_BYTES


def host_ghost(wanted: Wanted) -> IPv6Address:
    """Whom pods see when the node talks to them."""
    return Ghost(wanted.cluster, SYSTEM_VPC, HOST_IPV4).address


def both_forms(wanted: Wanted, ipv4: IPv4Address) -> tuple[IPv6Address, IPv6Address]:
    """An address of the system VPC, translated and native."""
    first, second = (Ghost(wanted.cluster, SYSTEM_VPC, ipv4, native).address for native in (False, True))
    return first, second


def system_addresses(wanted: Wanted) -> frozenset[IPv6Address]:
    """The node's own on loopback: itself, DNS and API, the latter two for native sockets too."""
    return frozenset({host_ghost(wanted), *both_forms(wanted, wanted.dns), *both_forms(wanted, wanted.api)})


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
    """What is in our blocks and no pod's is unreachable, so that senders learn of it and nothing goes in circles.

    The same holds for all that is nobody's block: the host's default route would carry it to strangers.
    """
    blocks = {
        block(wanted.cluster, vpc, network, native=native) for vpc, network in wanted.blocks for native in (False, True)
    }
    return frozenset(Route(each) for each in (*cluster_prefixes(wanted.cluster), *blocks))


def host_ranges(config: NodeConfig, wanted: Wanted) -> tuple[IPv4Network, ...]:
    """What the host itself reaches through the node pod: pods of VPC ``default``, and services."""
    default = wanted.vpcs.get(DEFAULT_VPC)
    return (default.cidr, wanted.service_cidr) if config.host_access and default else ()


def pod_routes(config: NodeConfig, wanted: Wanted, pod: PodNetwork) -> frozenset[Route]:
    """The host's routes to a pod, and, if the pod is the host itself, through it.

    What fits the host end and not the pod's (``pod_end_mtu``) is fragmented, or its sender told, by the route's MTU:
    what is not translated may be as long as what the pod sends, and IPv4 that becomes IPv6 grows by up to 28 bytes.
    What becomes IPv4 fits anyway.
    """
    device, source, mtu = names.device(config, pod), host_ghost(wanted), pod_mtu(config)
    translated, native = (Ghost(wanted.cluster, pod.vpc, pod.ipv4, each).address for each in (False, True))
    routes = {Route(IPv6Network(translated), device, source), Route(IPv6Network(native), device, source, mtu=mtu)}
    if pod.outside_ipv4:
        routes.add(Route(IPv4Network(pod.outside_ipv4), device, mtu=mtu))
    if pod.outside_native_ipv4:
        longest = pod_end_mtu(config) - TRANSLATION_BYTES
        routes.add(Route(IPv4Network(pod.outside_native_ipv4), device, mtu=longest))
    if names.is_node(pod):
        through = names.node_end(config)
        routes |= {Route(each, through, pod.ipv4, HOST_IPV4, mtu) for each in host_ranges(config, wanted)}
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
