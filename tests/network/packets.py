"""Of whom attacks are about, and what their packets are made of. Written with scapy, frame by frame."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import product

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
)
from scapy.packet import Packet, Raw

from k3py.model.ghost import Ghost
from k3py.vpc.wanted import PodNetwork
from tests.network.bed import NEIGHBOUR, NODE, OUTSIDE
from tests.vpc.kernel.machine import CLUSTER, NODE_IPV4, ghost

# In every packet, so that it is known again wherever it comes out.
MARK = b"k3py-attack-" * 3
DISCARD = 9
# They lead to the victim, and to a pod of a VPC with a range of its own.
NODE_PORTS = NODE_PORT, OTHER_NODE_PORT = 30080, 30081
SYSTEM, DEFAULT, TWIN = 0, 1, 2
HOST, DNS, API = "169.254.1.1", "10.43.0.10", "10.43.0.1"
BOTH = (False, True)


@dataclass(frozen=True)
class Scene:
    """Whom the attacks are about.

    Attributes:
        attacker: the pod that sends, in VPC default; ``innocent`` is there too.
        victim: in VPC twin, with the innocent's address; ``friend`` is there too.
    """

    attacker: PodNetwork
    innocent: PodNetwork
    victim: PodNetwork
    friend: PodNetwork

    @property
    def strangers(self) -> list[str]:
        """IPv4 addresses that are not the attacker's to send from."""
        pods = (self.innocent, self.friend, self.victim)
        outside = [str(each) for pod in pods for each in (pod.outside_ipv4, pod.outside_native_ipv4)]
        own = [str(self.attacker.outside_ipv4), str(self.attacker.outside_native_ipv4)]
        return [str(self.victim.ipv4), str(self.friend.ipv4), str(NODE_IPV4), *outside, *own, *ELSEWHERE]

    def natives(self, pods: Iterable[PodNetwork]) -> list[str]:
        """Ghost addresses with both flags."""
        return [ghost(pod, native) for pod in pods for native in BOTH]


# Addresses of nobody, of everybody, of the node and of others.
ELSEWHERE = ("0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", HOST, DNS, API, NODE, NEIGHBOUR, OUTSIDE)
Attack = Callable[[Scene], list[Packet]]


def system(ipv4: str, native: bool = False) -> str:
    """A Ghost address of the system VPC."""
    return str(Ghost(CLUSTER, SYSTEM, IPv4Address(ipv4), native))


def shapes(source: str, destination: str) -> list[Packet]:
    """A connection's first packet, a datagram, and an echo."""
    head = (IPv6 if ":" in destination else IP)(src=source, dst=destination)
    echo = ICMPv6EchoRequest(data=MARK) if ":" in destination else ICMP() / Raw(MARK)
    return [
        head / TCP(sport=40000, dport=DISCARD, flags="S") / Raw(MARK),
        head / UDP(sport=40000, dport=DISCARD) / Raw(MARK),
        head / echo,
    ]


def every(sources: Iterable[object], destinations: Iterable[object]) -> list[Packet]:
    """All shapes from all of them to all of them."""
    pairs = product(sorted({str(each) for each in sources}), sorted({str(each) for each in destinations}))
    return [each for source, destination in pairs for each in shapes(source, destination)]


def outside_of(*pods: PodNetwork) -> list[str]:
    """The node-unique addresses of pods."""
    return [str(each) for pod in pods for each in (pod.outside_ipv4, pod.outside_native_ipv4)]


def nat64(ipv4: object) -> str:
    """An IPv4 address as IPv6 sockets write it."""
    return f"64:ff9b::{ipv4}"
