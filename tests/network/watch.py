"""Attacks and their witnesses: every frame that arrives at a pod is seen, and a control frame ends each attack."""

import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network
from pathlib import Path

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from k3py.vpc.kernel import names, namespaces
from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.wanted import PodNetwork, Protocol, VpcNetwork
from tests.network.bed import NEIGHBOUR, NODE, NODE_6, OUTSIDE, ROUTER, Bed
from tests.network.packets import DISCARD, MARK, NODE_PORT, OTHER_NODE_PORT, Scene
from tests.network.sniffer import Sniffer
from tests.vpc.kernel.machine import CLOSED, TWIN, ghost

CONTROL = b"k3py-control"
APART = VpcNetwork(4, "apart", IPv4Network("10.50.0.0/16"))
# Of a control frame that was sent in the same second; one that is not there is lost.
CONTROL_SECONDS = 5.0


# Where one listens besides: at the uplink's other end, and at machines.
LAN = (("uplink", "router", "to-node"), ("neighbour", "neighbour", "eth0"), ("outside", "outside", "eth0"))


class Theatre:
    """Pods of four VPCs, two of them on one range, each with a sniffer; and sniffers on the LAN."""

    def __init__(self, place: Bed) -> None:
        self.place, machine = place, place.machine

        def pods() -> list[PodNetwork]:
            return [
                machine.pod("attacker", "10.42.0.3"),
                machine.pod("innocent", "10.42.0.4"),
                machine.pod("victim", "10.42.0.4", TWIN),
                machine.pod("friend", "10.42.0.5", TWIN),
                machine.pod("closed", "10.44.0.3", CLOSED, outside=False),
                machine.pod("apart", "10.50.0.4", APART),
            ]

        attacker, innocent, victim, friend, self.closed, self.apart = place.home.do(pods)
        self.scene = Scene(attacker, innocent, victim, friend)
        place.connect(APART)
        self.sniffers: dict[str, Sniffer] = {}
        self._sinks: list[socket.socket] = []
        for each in machine.pods.values():
            self.sniffers[each.uid] = Sniffer(each.netns)
            self._sinks += [namespaces.inside(Path(each.netns), sink(family)) for family in FAMILIES]
        for name, netns, device in LAN:
            self.sniffers[name] = Sniffer(getattr(place, netns), device)
        self._gateway = place.mac("up0")
        place.home.run(self._open_node_ports())
        self.seen()

    async def _open_node_ports(self) -> None:
        node = self.place.machine.node
        rules = [
            DnatRule(protocol, port, ((pod.outside_ipv4, DISCARD),))
            for port, pod in ((NODE_PORT, self.scene.victim), (OTHER_NODE_PORT, self.apart))
            for protocol in Protocol
            if pod.outside_ipv4
        ]
        node.set_node_ports(rules)
        await node.recheck()

    def by_pod(self, pod: PodNetwork, packets: Iterable[Packet]) -> None:
        """Let a pod send."""
        self._send(pod.netns, names.pod_mac(pod), names.GATEWAY_MAC, packets)

    def by_neighbour(self, packets: Iterable[Packet]) -> None:
        """Let the machine on the LAN send, to the node."""
        self._send(self.place.neighbour, "02:00:00:00:00:66", self._gateway, packets)

    def seen(self) -> dict[str, list[Packet]]:
        """What arrived where, without control frames. At a pod that is everything, on the LAN what has the mark."""
        self.place.home.do(self._send_control)
        heard: dict[str, list[Packet]] = {}
        for name, sniffer in self.sniffers.items():
            frames, controlled = [], False
            while not controlled:
                arrived = sniffer.wait(CONTROL_SECONDS)
                assert arrived, f"the sniffer at {name} sees nothing, so it proves nothing"
                controlled = any(CONTROL in each for each in arrived)
                frames += [each for each in arrived if CONTROL not in each]
            judged = bool if name in self.place.machine.pods else strange_on_the_lan
            heard[name] = [Ether(each) for each in frames if judged(each)]
        return {name: frames for name, frames in heard.items() if frames}

    def close(self) -> None:
        """Give all sockets back."""
        for each in (*self.sniffers.values(), *self._sinks):
            each.close()

    def _send_control(self) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
            for each in self.place.machine.pods.values():
                asking.sendto(CONTROL, (ghost(each), DISCARD))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            for address in (ROUTER, NEIGHBOUR, OUTSIDE):
                asking.sendto(CONTROL, (address, DISCARD))

    @staticmethod
    def _send(netns: str, source: str, gateway: str, packets: Iterable[Packet]) -> None:
        def send() -> None:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                raw.bind(("eth0", 0))
                for each in packets:
                    raw.send(framed(each, source, gateway))

        namespaces.inside(Path(netns), send)


def framed(packet: Packet, source: str, gateway: str) -> bytes:
    """The frame; MACs that the packet does not say are those of the sender and its next hop."""
    frame = packet if isinstance(packet, Ether) else Ether() / packet
    for field, mac in (("src", source), ("dst", gateway)):
        if field not in frame.fields:
            setattr(frame, field, mac)
    return bytes(frame)


def strange_on_the_lan(frame: bytes) -> bool:
    """What pods may not let out: anything of an attack that does not come from the node's own addresses."""
    packet = Ether(frame)
    by_node = (IP in packet and packet[IP].src == NODE) or (IPv6 in packet and packet[IPv6].src == NODE_6)
    return MARK[:12] in frame and not by_node


FAMILIES = (socket.AF_INET, socket.AF_INET6)


def sink(family: socket.AddressFamily) -> Callable[[], socket.socket]:
    """Opens a port that swallows control datagrams, so that nobody has to say that it is closed."""

    def make() -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(("", DISCARD))
        return made

    return make


def said(heard: Mapping[str, list[Packet]]) -> str:
    """A breach in words."""
    return "\n".join(f"{name}: {each.summary()}" for name, frames in heard.items() for each in frames[:5])
