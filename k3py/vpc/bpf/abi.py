"""What programs and Python share: structs, flags, and the list of what may become of a packet.

The C side is in ``bpf/lib``; a test compares names, values, sizes and offsets with the compiled objects' type
information. Addresses and MACs are bytes in network order, all numbers are the machine's.
"""

import ctypes
from enum import IntEnum, IntFlag
from typing import Final


class Direction(IntEnum):
    """Which way a packet goes, seen from the pod."""

    FROM_POD = 0
    TO_POD = 1


class Outcome(IntEnum):
    """What became of a packet."""

    SENT_TO_VPC = 0
    SENT_SHORT_CUT = 1
    SENT_OUTSIDE = 2
    SENT_NATIVE = 3
    NEIGHBOR_ANSWERED = 4
    RECEIVED_FROM_VPC = 5
    RECEIVED_SHORT_CUT = 6
    RECEIVED_FROM_OUTSIDE = 7
    RECEIVED_NATIVE = 8
    RECEIVED_NEIGHBOR = 9
    IGNORED_MULTICAST_REPORT = 10
    DROP_NOT_IP = 16
    DROP_MALFORMED = 17
    DROP_IPV4_OPTIONS = 18
    DROP_PROTOCOL = 19
    DROP_NEIGHBOR = 20
    DROP_SOURCE_NOT_OURS = 21
    DROP_DESTINATION_NOT_OURS = 22
    DROP_MULTICAST = 23
    DROP_NO_ROUTE = 24
    DROP_ROUTE_DENIED = 25
    DROP_NOT_GHOST = 26
    DROP_OTHER_VPC = 27
    DROP_NATIVE_MISMATCH = 28
    DROP_HOP_LIMIT = 29
    DROP_ICMP_TYPE = 30
    DROP_ICMP_QUOTE = 31
    DROP_ICMP_FRAGMENT = 32
    DROP_ICMP_TOO_LONG = 33
    DROP_ZERO_CHECKSUM = 34
    DROP_NO_ROOM = 35

    @property
    def dropped(self) -> bool:
        """Whether the packet went no further, and somebody may want to know."""
        return self >= Outcome.DROP_NOT_IP


# Counters are kept for this many outcomes per direction.
OUTCOMES_MAX: Final = 48

# What became of a packet, or why it was dropped, in words for users.
MEANING: Final = {
    Outcome.SENT_TO_VPC: "routed by the node to another pod or to the node itself",
    Outcome.SENT_SHORT_CUT: "handed to a pod of this node at once",
    Outcome.SENT_OUTSIDE: "left towards the outside",
    Outcome.SENT_NATIVE: "routed by the node, from a native IPv6 socket",
    Outcome.NEIGHBOR_ANSWERED: "asked for the gateway's MAC, and was answered",
    Outcome.RECEIVED_FROM_VPC: "came from another pod or from the node itself",
    Outcome.RECEIVED_SHORT_CUT: "came from a pod of this node at once",
    Outcome.RECEIVED_FROM_OUTSIDE: "came from the outside",
    Outcome.RECEIVED_NATIVE: "came for a native IPv6 socket",
    Outcome.RECEIVED_NEIGHBOR: "the gateway's answer about its MAC",
    Outcome.IGNORED_MULTICAST_REPORT: "a kernel's report of its multicast groups; nobody needs it",
    Outcome.DROP_NOT_IP: "it is of no protocol that the pod speaks: IPv4, ARP, native IPv6",
    Outcome.DROP_MALFORMED: "its headers contradict themselves or the packet's length",
    Outcome.DROP_IPV4_OPTIONS: "it has IPv4 options",
    Outcome.DROP_PROTOCOL: "its protocol number means something else in the other IP version",
    Outcome.DROP_NEIGHBOR: "it is ARP or neighbour discovery that needs no answer",
    Outcome.DROP_SOURCE_NOT_OURS: "its source is not the pod's address",
    Outcome.DROP_DESTINATION_NOT_OURS: "its destination is not the pod's address",
    Outcome.DROP_MULTICAST: "its destination is multicast or broadcast",
    Outcome.DROP_NO_ROUTE: "the VPC has no route to its destination",
    Outcome.DROP_ROUTE_DENIED: "the VPC may not reach its destination",
    Outcome.DROP_NOT_GHOST: "it does not come from, or go to, a Ghost address of this cluster",
    Outcome.DROP_OTHER_VPC: "it is of a VPC that is not peered",
    Outcome.DROP_NATIVE_MISMATCH: "a native IPv6 socket and a translated one cannot talk",
    Outcome.DROP_HOP_LIMIT: "its time to live is 0",
    Outcome.DROP_ICMP_TYPE: "its ICMP type has no counterpart",
    Outcome.DROP_ICMP_QUOTE: "the ICMP error is about somebody else's packet",
    Outcome.DROP_ICMP_FRAGMENT: "it is a fragment of ICMP that cannot be translated",
    Outcome.DROP_ICMP_TOO_LONG: "the ICMP error quotes more than fits",
    Outcome.DROP_ZERO_CHECKSUM: "it is UDP without a checksum, which is needed there and cannot be made",
    Outcome.DROP_NO_ROOM: "the kernel had no memory or refused the change",
}


class Setting(IntFlag):
    """Flags of ``Settings``."""

    NATIVE = 1
    SHORT_CUT = 2
    PLAIN = 4


class LocalFlag(IntFlag):
    """Flags of ``LocalPod``."""

    PLAIN = 1
    NATIVE = 2


class RouteKind(IntEnum):
    """Where a route leads."""

    VPC = 1
    OUTSIDE = 2
    DENIED = 3


class Settings(ctypes.Structure):
    """One pod's constants. ``outside_ipv4`` of zeros: the way out is NAT64.

    ``outside_native_ipv4``: what 64:ff9b::/96 is left from by native IPv6 sockets, translated here; zeros: not here.
    """

    _fields_ = [
        ("ghost", ctypes.c_uint8 * 16),
        ("ipv4", ctypes.c_uint8 * 4),
        ("outside_ipv4", ctypes.c_uint8 * 4),
        ("outside_native_ipv4", ctypes.c_uint8 * 4),
        ("flags", ctypes.c_uint32),
        ("vpc", ctypes.c_uint16),
        ("reserved", ctypes.c_uint16),
        ("pod_mac", ctypes.c_uint8 * 6),
        ("gateway_mac", ctypes.c_uint8 * 6),
    ]


class RouteKey(ctypes.Structure):
    """``prefix_length`` is 32, for the sender's VPC id, and the destination's."""

    _fields_ = [
        ("prefix_length", ctypes.c_uint32),
        ("vpc", ctypes.c_uint16),
        ("reserved", ctypes.c_uint16),
        ("destination", ctypes.c_uint8 * 4),
    ]


class Route(ctypes.Structure):
    """``prefix``: the first 12 bytes of the destination's IPv6 address, the native flag clear."""

    _fields_ = [("kind", ctypes.c_uint32), ("vpc", ctypes.c_uint32), ("prefix", ctypes.c_uint8 * 12)]


class LocalKey(ctypes.Structure):
    """A pod of this node by its VPC id and guest IPv4."""

    _fields_ = [("vpc", ctypes.c_uint32), ("ipv4", ctypes.c_uint8 * 4)]


class LocalPod(ctypes.Structure):
    """How a pod of this node is reached without translation."""

    _fields_ = [("ifindex", ctypes.c_uint32), ("mac", ctypes.c_uint8 * 6), ("flags", ctypes.c_uint16)]


class PeerKey(ctypes.Structure):
    """The VPC with id ``receiver`` takes packets of ``sender``."""

    _fields_ = [("receiver", ctypes.c_uint16), ("sender", ctypes.c_uint16)]


class Counter(ctypes.Structure):
    """One CPU's share of an outcome; bytes are those of the frames as they arrived."""

    _fields_ = [("packets", ctypes.c_uint64), ("bytes", ctypes.c_uint64), ("last_event_ns", ctypes.c_uint64)]


class Event(ctypes.Structure):
    """A packet was dropped. ``time_ns`` is CLOCK_MONOTONIC; ``head`` holds the frame's first ``head_length`` bytes."""

    _fields_ = [
        ("time_ns", ctypes.c_uint64),
        ("ifindex", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
        ("outcome", ctypes.c_uint16),
        ("direction", ctypes.c_uint16),
        ("head_length", ctypes.c_uint16),
        ("vpc", ctypes.c_uint16),
        ("head", ctypes.c_uint8 * 64),
    ]


# Python's struct for each of C's.
STRUCTS: Final[dict[str, type[ctypes.Structure]]] = {
    "settings": Settings,
    "route_key": RouteKey,
    "route": Route,
    "local_key": LocalKey,
    "local_pod": LocalPod,
    "peer_key": PeerKey,
    "counter": Counter,
    "event": Event,
}
