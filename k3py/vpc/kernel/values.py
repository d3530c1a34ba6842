"""What is seen in the kernel, and the parts that what is wanted is made of: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Final

# The routing protocol number that our routes carry; unassigned in iproute2's and the kernel's lists.
ROUTE_PROTOCOL: Final = 107


@dataclass(frozen=True)
class Route:
    """A route of ours. No ``device``: unreachable. A ``gateway`` is on the link, whatever its address.

    ``mtu`` in bytes, 0 for the device's: what is longer is fragmented, or its sender told.
    """

    destination: IPv4Network | IPv6Network
    device: str = ""
    source: IPv4Address | IPv6Address | None = None
    gateway: IPv4Address | None = None
    mtu: int = 0


@dataclass(frozen=True)
class Link:
    """An interface as seen. ``peer_namespace``: the kernel's id for the namespace of the other end; None: this one.

    ``carrier``: both ends are up. ``arp`` and ``generates`` (IPv6 addresses by itself) are off on host ends.
    """

    name: str
    index: int
    group: int
    mac: str
    mtu: int
    up: bool
    carrier: bool
    arp: bool
    peer_namespace: int | None = None
    kind: str = ""


@dataclass(frozen=True)
class Programs:
    """A pod's pinned programs: the interface that each is attached to, 0 where it is gone or was never made.

    ``mark``: what they were made of, written when both were in place.
    """

    from_pod: int = 0
    to_pod: int = 0
    mark: bytes = b""


class Namespace(Enum):
    """Where a pod's end belongs, when the kernel has no id for it."""

    UNKNOWN = "no link leads there yet"
    GONE = "there is no such namespace"


@dataclass(frozen=True)
class SeenPod:
    """One pod's part. ``namespace``: the id of the pod's namespace, None for the daemon's own.

    ``routes``: those through its device. ``entries``: what the shared maps hold, at least under the keys that the pod
    needs. ``joined``: the socket programs were told of its namespace by this process.
    """

    link: Link | None = None
    node_end: Link | None = None
    programs: Programs | None = None
    routes: frozenset[Route] = frozenset()
    namespace: int | Namespace | None = Namespace.UNKNOWN
    entries: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=lambda: MappingProxyType({}))
    joined: bool = False


@dataclass(frozen=True)
class Seen:
    """Everything of ours that the kernel has. ``links`` by name, ``programs`` by pin name, ``pods`` by uid.

    ``entries``: the shared maps' content by the map's name. ``sysctls``: those that were asked for, by path below
    ``/proc/sys``; what does not exist is left out. ``table_text``: what our nft table was made from, None when it is
    not as it was written. ``joined``: uids whose namespaces the socket programs were told of. ``uplinks``: names of the
    host's own interfaces.
    """

    links: Mapping[str, Link] = field(default_factory=lambda: MappingProxyType({}))
    routes: frozenset[Route] = frozenset()
    addresses: frozenset[IPv6Address] = frozenset()
    programs: Mapping[str, Programs] = field(default_factory=lambda: MappingProxyType({}))
    namespaces: Mapping[str, int | Namespace | None] = field(default_factory=lambda: MappingProxyType({}))
    entries: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=lambda: MappingProxyType({}))
    sysctls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    table_text: str | None = None
    joined: frozenset[str] = frozenset()
    uplinks: tuple[str, ...] = ()
