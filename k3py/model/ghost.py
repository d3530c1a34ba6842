"""Ghost addresses: IPv6 addresses that spell out cluster, VPC and guest IPv4.

::

    | prefix fd6b:3370 (32) | version 1 (4) | flags (12) | cluster id (32) | VPC id (16) | guest IPv4 (32) |

On the wire between pods there is nothing else, so isolation is a comparison of two bytes in the packet. The prefix lies
in RFC 4193's unique local addresses. Flag 0, *native*, tells an IPv6 socket of a pod from the IPv4 socket that is
reached by translation (RFC 7915): both have the same cluster, VPC and IPv4.
"""

import random
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

PREFIX: Final = IPv6Network("fd6b:3370::/32")
# RFC 6052's well-known prefix: an IPv4 address outside the cluster, as an IPv6 socket writes it.
NAT64: Final = IPv6Network("64:ff9b::/96")

VERSION: Final = 1
NATIVE_FLAG: Final = 0x001
CLUSTER_ID_MAX: Final = 2**32 - 1
VPC_ID_MAX: Final = 2**16 - 1
# The node's own side of things and the cluster's services; no pod lives there.
SYSTEM_VPC: Final = 0
# Bits in front of the guest IPv4: a block of n bits in its VPC is a route of this many more.
PREFIX_LENGTH: Final = 96

_HEX_DIGITS: Final = frozenset("0123456789abcdef")
_PREFIX_BITS: Final = int(PREFIX.network_address) >> 96


class GhostError(ValueError):
    """The parts make no Ghost address, or an address is none; the message says which part is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class Ghost:
    """One Ghost address in its parts.

    Raises:
        GhostError: the cluster id is not within 1 to 2**32 - 1, or the VPC id not within 0 to 65535.
    """

    cluster: int
    vpc: int
    ipv4: IPv4Address
    native: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.cluster <= CLUSTER_ID_MAX:
            raise GhostError(f"cluster id {self.cluster} is not within 1 to {CLUSTER_ID_MAX}")
        if not SYSTEM_VPC <= self.vpc <= VPC_ID_MAX:
            raise GhostError(f"VPC id {self.vpc} is not within {SYSTEM_VPC} to {VPC_ID_MAX}")

    @property
    def address(self) -> IPv6Address:
        """The address as IPv6."""
        return IPv6Address(_number(self.cluster, self.vpc, int(self.ipv4), self.native))

    @property
    def packed(self) -> bytes:
        """The address as it stands in a packet: 16 bytes."""
        return self.address.packed

    @property
    def prefix(self) -> bytes:
        """The 12 bytes in front of the guest IPv4."""
        return self.packed[:12]

    def __str__(self) -> str:
        return str(self.address)


def parse(address: IPv6Address | str | bytes) -> Ghost:
    """The parts of a Ghost address given as an address, its text, or its 16 bytes.

    Raises:
        GhostError: no IPv6 address, another prefix, a version or flag that this program does not know, cluster id 0.
    """
    number = int(_ipv6(address))
    version, flags = number >> 92 & 0xF, number >> 80 & 0xFFF
    if number >> 96 != _PREFIX_BITS:
        raise GhostError(f"{_ipv6(address)} is no Ghost address: it does not lie in {PREFIX}")
    if version != VERSION:
        raise GhostError(f"{_ipv6(address)} is a Ghost address of version {version}; only {VERSION} is known")
    if flags & ~NATIVE_FLAG:
        raise GhostError(f"{_ipv6(address)} is a Ghost address with unknown flags {flags:#05x}")
    ipv4 = IPv4Address(number & 0xFFFF_FFFF)
    return Ghost(number >> 48 & CLUSTER_ID_MAX, number >> 32 & VPC_ID_MAX, ipv4, bool(flags & NATIVE_FLAG))


def parse_pod(address: IPv6Address | str | bytes, cluster: int) -> Ghost:
    """The parts of a Ghost address that a pod of this cluster may have.

    Raises:
        GhostError: as ``parse``; another cluster's; the system VPC's.
    """
    ghost = parse(address)
    if ghost.cluster != cluster:
        raise GhostError(f"{ghost} is of cluster {ghost.cluster:08x}, not of {cluster:08x}")
    if ghost.vpc == SYSTEM_VPC:
        raise GhostError(f"{ghost} is of the system VPC, where no pod lives")
    return ghost


def block(cluster: int, vpc: int, network: IPv4Network, *, native: bool = False) -> IPv6Network:
    """The route for a slice of a VPC: all Ghost addresses whose guest IPv4 lies in ``network``.

    Raises:
        GhostError: as ``Ghost``.
    """
    first = Ghost(cluster, vpc, network.network_address, native)
    return IPv6Network((first.address, PREFIX_LENGTH + network.prefixlen))


def new_cluster_id(source: random.Random) -> int:
    """A random cluster id, never 0."""
    return source.randint(1, CLUSTER_ID_MAX)


def cluster_id_of(uid: str) -> int:
    """The id of the cluster whose namespace kube-system has this uid: its first 8 hex digits, 1 instead of 0.

    Raises:
        GhostError: the text does not begin with 8 hex digits.
    """
    digits = uid[:8]
    if len(digits) < 8 or not set(digits) <= _HEX_DIGITS:
        raise GhostError(f"{uid!r} is no uid: it does not begin with 8 hex digits")
    return int(digits, 16) or 1


def _number(cluster: int, vpc: int, ipv4: int, native: bool) -> int:
    flags = NATIVE_FLAG if native else 0
    return _PREFIX_BITS << 96 | VERSION << 92 | flags << 80 | cluster << 48 | vpc << 32 | ipv4


def _ipv6(address: IPv6Address | str | bytes) -> IPv6Address:
    try:
        parsed = IPv6Address(address)
    except ValueError as error:
        raise GhostError(f"{address!r} is no IPv6 address") from error
    if parsed.scope_id is not None:
        raise GhostError(f"{parsed} has a zone, which no Ghost address has")
    return parsed
