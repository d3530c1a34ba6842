"""Packets with which a machine on the LAN tries to get to pods."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from itertools import product

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_LSRR
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrFragment,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, GRE, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from k3py.model.ghost import Ghost
from k3py.vpc.kernel.names import GATEWAY_MAC
from k3py.vpc.wanted import PodNetwork
from tests.network.bed import NEIGHBOUR, NEIGHBOUR_6, NODE, NODE_6, NOWHERE, OUTSIDE
from tests.network.packets import (
    API,
    BOTH,
    DISCARD,
    DNS,
    HOST,
    MARK,
    NODE_PORTS,
    OTHER_NODE_PORT,
    Attack,
    Scene,
    every,
    nat64,
    outside_of,
    system,
)
from tests.vpc.kernel.machine import CLUSTER, NODE_IPV4, ghost


def everywhere_inside(scene: Scene, pods: Iterable[PodNetwork]) -> tuple[list[str], list[str]]:
    """All addresses behind the node, IPv4 and IPv6."""
    pods = list(pods)
    ipv4 = [*(str(each.ipv4) for each in pods), *outside_of(*pods), str(NODE_IPV4), "10.43.0.50", DNS, API, "10.42.0.9"]
    ipv6 = [*scene.natives(pods), *(system(each, native) for each in (HOST, DNS, API) for native in BOTH)]
    ipv6 += [str(Ghost(CLUSTER, vpc, IPv4Address("10.42.0.9"), native)) for vpc in (0, 1, 2, 9) for native in BOTH]
    return [each for each in ipv4 if each != "None"], ipv6


def routed_in(scene: Scene) -> list[Packet]:
    """The neighbour uses the node as its router."""
    ipv4, ipv6 = everywhere_inside(scene, (scene.attacker, scene.innocent, scene.victim, scene.friend))
    return every([NEIGHBOUR, OUTSIDE], ipv4) + every([NEIGHBOUR_6, nat64(OUTSIDE), nat64(NEIGHBOUR)], ipv6)


def routed_in_as_insider(scene: Scene) -> list[Packet]:
    ipv4, ipv6 = everywhere_inside(scene, (scene.attacker, scene.innocent, scene.victim, scene.friend))
    return every([*ipv4, NODE, HOST], ipv4) + every([*ipv6, NODE_6], ipv6)


def answers_for_insiders(scene: Scene) -> list[Packet]:
    """The neighbour asks the node in the name of pods: the node must not tell them."""
    ipv4, ipv6 = everywhere_inside(scene, (scene.attacker, scene.innocent, scene.victim, scene.friend))
    made = every(ipv4, [NODE, NOWHERE, OUTSIDE]) + every(ipv6, [NODE_6, "2001:db8:1::9", nat64(OUTSIDE)])
    for packet in every(ipv4, [OUTSIDE, NOWHERE]):
        packet.ttl = 1
        made.append(packet)
    return made


def node_ports_as_insider(scene: Scene) -> list[Packet]:
    """A port of the node is open to the LAN, but not to those who claim to be pods."""
    ipv4, _ = everywhere_inside(scene, (scene.attacker, scene.innocent, scene.victim, scene.friend))
    sources = [*product((*ipv4, HOST, "169.254.169.254"), NODE_PORTS)]
    sources += product(
        ("10.50.0.4", "10.50.0.9"), (OTHER_NODE_PORT,)
    )  # that VPC's range is none that the host routes itself
    return [
        IP(src=source, dst=NODE) / each / Raw(MARK)
        for source, port in sources
        for each in (TCP(sport=40000, dport=port, flags="S"), UDP(sport=40000, dport=port))
    ]


def errors_from_the_lan(scene: Scene) -> list[Packet]:
    """Errors about packets that pods never sent, for them and for the node."""
    ipv4, ipv6 = everywhere_inside(scene, (scene.attacker, scene.innocent, scene.victim, scene.friend))
    made: list[Packet] = []
    for inside in ipv4:
        for quote in (IP(src=inside, dst=OUTSIDE), IP(src=NODE, dst=OUTSIDE), IP(src=OUTSIDE, dst=inside)):
            for to in (inside, NODE):
                for kind in (ICMP(type=3, code=3), ICMP(type=3, code=4, nexthopmtu=600)):
                    made.append(IP(src=NEIGHBOUR, dst=to) / kind / quote / UDP(sport=4000, dport=53) / Raw(MARK))
    for inside in ipv6:
        quote = IPv6(src=inside, dst=nat64(OUTSIDE)) / UDP(sport=4000, dport=53) / Raw(MARK)
        for to in (inside, NODE_6):
            made.append(IPv6(src=NEIGHBOUR_6, dst=to) / ICMPv6PacketTooBig(mtu=1280) / quote)
    return made


def source_routes(scene: Scene) -> list[Packet]:
    ipv4, ipv6 = everywhere_inside(scene, (scene.innocent, scene.victim))
    made: list[Packet] = [
        IP(src=NEIGHBOUR, dst=NODE, options=[IPOption_LSRR(routers=[each])]) / UDP(dport=DISCARD) / Raw(MARK)
        for each in ipv4
    ]
    for inside, kind in product(ipv6, (0, 2, 3, 4)):
        routing = IPv6ExtHdrRouting(type=kind, addresses=[inside], segleft=1)
        made.append(IPv6(src=NEIGHBOUR_6, dst=NODE_6) / routing / UDP(dport=DISCARD) / Raw(MARK))
    return made


def tunnels_from_the_lan(scene: Scene) -> list[Packet]:
    ipv4, ipv6 = everywhere_inside(scene, (scene.innocent, scene.victim))
    inner = every([NEIGHBOUR], ipv4[:4]) + every([NEIGHBOUR_6, system(HOST)], ipv6[:4])
    made: list[Packet] = []
    for each in inner:
        frame = Ether(src="02:00:00:00:00:01", dst=GATEWAY_MAC) / each
        for head in (IP(src=NEIGHBOUR, dst=NODE), IPv6(src=NEIGHBOUR_6, dst=NODE_6)):
            made += [head / each, head / GRE() / each]
            made += [head / UDP(sport=1, dport=port) / VXLAN(vni=1) / frame for port in (4789, 8472)]
    return made


def fragments_from_the_lan(scene: Scene) -> list[Packet]:
    """Rules that look at ports see none in these."""
    ipv4, ipv6 = everywhere_inside(scene, (scene.innocent, scene.victim))
    made: list[Packet] = []
    for each in ipv4:
        made += [
            IP(src=NEIGHBOUR, dst=each, id=5, flags="MF", proto=17)
            / Raw(bytes(UDP(sport=1, dport=9, len=64)) + MARK[:24]),
            IP(src=NEIGHBOUR, dst=each, id=5, frag=4, proto=17) / Raw(MARK[:32]),
        ]
    for each in ipv6:
        made += [
            IPv6(src=system(HOST), dst=each) / IPv6ExtHdrFragment(nh=17, id=5, offset=offset, m=more) / Raw(MARK[:32])
            for offset, more in ((0, 1), (4, 0), (0, 0))
        ]
    return made


def shouts_on_the_lan(scene: Scene) -> list[Packet]:
    made = every([NEIGHBOUR, str(scene.victim.ipv4)], ["224.0.0.1", "255.255.255.255", "239.1.1.1", "192.0.2.255"])
    made += every([NEIGHBOUR_6, system(HOST), ghost(scene.victim, native=True)], ["ff02::1", "ff05::2", "ff0e::1"])
    ipv4, ipv6 = everywhere_inside(scene, (scene.innocent, scene.victim))
    mac = "02:00:00:00:00:66"
    made += [
        Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=op, psrc=each, pdst=each) for each in ipv4 for op in (1, 2)
    ]
    for each in ipv6:
        made.append(Ether(src=mac) / IPv6(src=NEIGHBOUR_6, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=each, O=1))
    return made


# What a machine on the LAN may try; no pod hears of any of it.
BY_NEIGHBOUR: Mapping[str, Attack] = {
    each.__name__: each
    for each in (
        routed_in, routed_in_as_insider, answers_for_insiders, node_ports_as_insider, errors_from_the_lan,
        source_routes, tunnels_from_the_lan, fragments_from_the_lan, shouts_on_the_lan,
    )
}  # fmt: skip
