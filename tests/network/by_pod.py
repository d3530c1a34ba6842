"""Packets with which a pod tries to get where it may not."""

from collections.abc import Mapping
from ipaddress import IPv6Address
from itertools import product

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_LSRR, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
)
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from k3py.model.ghost import Ghost
from k3py.vpc.kernel.names import GATEWAY_MAC
from tests.network.bed import NEIGHBOUR, NEIGHBOUR_6, NODE, NODE_6, OUTSIDE
from tests.network.packets import (
    API,
    BOTH,
    DISCARD,
    DNS,
    HOST,
    MARK,
    NODE_PORTS,
    SYSTEM,
    TWIN,
    Attack,
    Scene,
    every,
    nat64,
    outside_of,
    shapes,
    system,
)
from tests.vpc.kernel.machine import CLUSTER, NODE_IPV4, ghost


def forged_ipv4(scene: Scene) -> list[Packet]:
    targets = [scene.victim.ipv4, scene.friend.ipv4, *outside_of(scene.victim), NODE_IPV4, NODE, OUTSIDE, NEIGHBOUR]
    return every(scene.strangers, targets)


def forged_ghosts(scene: Scene) -> list[Packet]:
    pods = (scene.victim, scene.friend, scene.innocent)
    sources = [*scene.natives(pods), *(system(each, native) for each in (HOST, DNS, API) for native in BOTH)]
    sources += [NODE_6, NEIGHBOUR_6, "::1", "fe80::1", "fe80::2", nat64(OUTSIDE)]
    targets = [*scene.natives(pods), system(DNS, True), system(HOST), nat64(OUTSIDE), NEIGHBOUR_6]
    return every(sources, targets)


def other_vpc_ids(scene: Scene) -> list[Packet]:
    """From the attacker's own address to the victim's, whatever VPC is said."""
    targets = [
        Ghost(CLUSTER, vpc, pod.ipv4, native)
        for vpc in (SYSTEM, TWIN, 3, 4, 0xFFFF)
        for pod in (scene.victim, scene.friend)
        for native in BOTH
    ]
    return every(scene.natives([scene.attacker]), targets)


def other_clusters_and_versions(scene: Scene) -> list[Packet]:
    """Bits of the victim's address that are not looked at by comparing VPCs."""
    number = int(Ghost(CLUSTER, TWIN, scene.victim.ipv4, True).address)
    bits = (*range(48, 96, 7), 81, 91, 92, 95)
    return every(scene.natives([scene.attacker]), [IPv6Address(number ^ 1 << bit) for bit in bits])


def translated_to_native(scene: Scene) -> list[Packet]:
    """Between the worlds of one VPC: the flag says whether the receiver translates."""
    own = scene.attacker
    flag_0, flag_1 = ghost(own), ghost(own, native=True)
    return every([flag_1], [ghost(scene.innocent)]) + every([flag_0], [ghost(scene.innocent, native=True)])


def egress_addresses(scene: Scene) -> list[Packet]:
    targets = outside_of(scene.victim, scene.friend, scene.innocent)
    own = scene.attacker
    return every([own.ipv4], targets) + every([ghost(own, native=True)], map(nat64, targets))


def nat64_of_insiders(scene: Scene) -> list[Packet]:
    targets = [scene.victim.ipv4, scene.friend.ipv4, NODE_IPV4, HOST, DNS, "127.0.0.1", "10.43.0.50"]
    return every([ghost(scene.attacker, native=True)], map(nat64, targets))


def mapped(scene: Scene) -> list[Packet]:
    """Other IPv6 spellings of IPv4 addresses: mapped, compatible, 6to4, ISATAP, Teredo."""
    victim = int(scene.victim.ipv4)
    words = f"{victim >> 16:x}:{victim & 0xFFFF:x}"
    spelled = [f"::ffff:{words}", f"::{words}", f"2002:{words}::1", f"fe80::5efe:{words}", f"2001:0:{words}::1"]
    own = [ghost(scene.attacker, native=True), *spelled]
    return every(own, [*spelled, ghost(scene.victim, native=True)])


def quoting(scene: Scene) -> list[Packet]:
    """ICMP errors about packets that the attacker never received."""
    victim, own = scene.victim, scene.attacker
    told = [NODE, OUTSIDE, str(scene.innocent.ipv4), str(NODE_IPV4), HOST, DNS, NEIGHBOUR]
    about = [str(victim.ipv4), str(victim.outside_ipv4), str(scene.friend.outside_ipv4)]
    errors: list[Packet] = []
    for to, other in product(told, about):
        quotes = [IP(src=to, dst=other), IP(src=other, dst=to)]
        if other != to:  # what the attacker received from there it may speak of
            quotes.append(IP(src=other, dst=str(own.ipv4)))
        for kind in (ICMP(type=3, code=3), ICMP(type=3, code=4, nexthopmtu=600), ICMP(type=11), ICMP(type=5, gw=NODE)):
            for quote in quotes:
                errors.append(IP(src=str(own.ipv4), dst=to) / kind / quote / UDP(sport=53, dport=5353) / Raw(MARK))
    return errors


def hidden_errors(scene: Scene, target: str = "") -> list[Packet]:
    """ICMPv6 errors about strangers' packets: openly, behind extension headers, as fragments."""
    own, victim = ghost(scene.attacker, native=True), scene.victim
    targets = [target] if target else [system(HOST), system(DNS, True), ghost(scene.innocent, native=True)]
    made: list[Packet] = []
    for to, native in product(targets, BOTH):
        quote = IPv6(src=to, dst=ghost(victim, native)) / UDP(sport=53, dport=5353) / Raw(bytes(1200))
        error = IPv6(src=own, dst=to) / ICMPv6PacketTooBig(mtu=1280) / Raw(bytes(quote)[:1100] + MARK)
        summed = bytes(error)[40:]
        unreachable = IPv6(src=own, dst=to) / ICMPv6DestUnreach(code=4) / Raw(bytes(quote)[:1100] + MARK)
        made += [error, unreachable]
        for header in (IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrFragment(id=7)):
            header.nh = 58
            made.append(IPv6(src=own, dst=to) / header / Raw(summed))
        for number in range(2):  # the type in the first part, the quote in the second
            part = summed[:8] if number == 0 else summed[8:]
            made.append(
                IPv6(src=own, dst=to) / IPv6ExtHdrFragment(nh=58, id=9, m=1 - number, offset=number) / Raw(part)
            )
        nested = bytes(IPv6ExtHdrDestOpt(nh=58)) + summed
        made.append(IPv6(src=own, dst=to) / IPv6ExtHdrFragment(nh=60, id=11) / Raw(nested))
    return made


def extension_headers(scene: Scene) -> list[Packet]:
    own, victim = ghost(scene.attacker, native=True), ghost(scene.victim, native=True)
    made: list[Packet] = []
    for via in (ghost(scene.innocent, native=True), system(HOST), system(DNS, True), nat64(OUTSIDE)):
        for kind in (0, 2, 3, 4):
            routing = IPv6ExtHdrRouting(type=kind, addresses=[victim], segleft=1)
            made.append(IPv6(src=own, dst=via) / routing / UDP(sport=1, dport=DISCARD) / Raw(MARK))
        segments = IPv6ExtHdrSegmentRouting(addresses=[victim, via], segleft=1, lastentry=1)
        made.append(IPv6(src=own, dst=via) / segments / UDP(sport=1, dport=DISCARD) / Raw(MARK))
    return made


def tunnels(scene: Scene) -> list[Packet]:
    """Packets for the victim inside packets that may go."""
    own, victim = scene.attacker, scene.victim
    outer = [IP(src=str(own.ipv4), dst=each) for each in (NODE, str(scene.innocent.ipv4), HOST)]
    outer += [IPv6(src=ghost(own, native=True), dst=each) for each in (system(HOST), system(DNS, True))]
    inner = [
        *shapes(str(victim.ipv4), str(victim.outside_ipv4)),
        *shapes(system(HOST), ghost(victim, native=True)),
        *shapes(ghost(scene.friend, native=True), ghost(victim, native=True)),
    ]
    made = []
    for head, each in product(outer, inner):
        layer3 = head / each
        frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / each
        made += [layer3, head / GRE() / each]
        made += [head / UDP(sport=1, dport=port) / VXLAN(vni=vni) / frame for port, vni in ((4789, 1), (8472, 1))]
    return made


def fragments(scene: Scene) -> list[Packet]:
    """Parts that say other things than their first: overlapping, tiny, and without a first one."""
    own = scene.attacker
    made: list[Packet] = []
    for target in (str(scene.victim.outside_ipv4), str(NODE_IPV4), NODE, HOST, OUTSIDE):
        first = IP(src=str(own.ipv4), dst=target, id=77, flags="MF", proto=17)
        made += [
            first / Raw(bytes(UDP(sport=1, dport=DISCARD, len=64)) + MARK[:24]),
            IP(src=str(own.ipv4), dst=target, id=77, frag=1, proto=17) / Raw(MARK),
            IP(src=str(scene.victim.ipv4), dst=target, id=77, frag=1, proto=17) / Raw(MARK),
            IP(src=str(scene.victim.outside_ipv4), dst=target, id=77, frag=4, proto=17) / Raw(MARK),
            IP(src=str(own.ipv4), dst=target, id=78, frag=8189, proto=1) / Raw(MARK),
            first / Raw(b"\x00\x09"),
        ]
    native = ghost(own, native=True)
    for target in (ghost(scene.victim, native=True), ghost(scene.victim), system(HOST)):
        for source in (native, ghost(scene.victim, native=True)):
            for offset, more in ((0, 1), (1, 1), (1, 0), (0, 0)):
                header = IPv6ExtHdrFragment(nh=17, id=5, offset=offset, m=more)
                made.append(IPv6(src=source, dst=target) / header / Raw(bytes(UDP(sport=1, dport=9)) + MARK[:24]))
    return made


def ipv4_options(scene: Scene) -> list[Packet]:
    own, victim = scene.attacker, scene.victim
    vias = (str(scene.innocent.ipv4), NODE, HOST, str(NODE_IPV4))
    options = [
        *(IPOption_LSRR(routers=[str(each)]) for each in (victim.ipv4, victim.outside_ipv4)),
        IPOption_RR(routers=["0.0.0.0"] * 3),
    ]
    return [
        IP(src=str(own.ipv4), dst=via, options=[option]) / UDP(sport=1, dport=DISCARD) / Raw(MARK)
        for via, option in product(vias, options)
    ]


def everybody(scene: Scene) -> list[Packet]:
    own = str(scene.attacker.ipv4)
    groups = ("224.0.0.1", "224.0.0.251", "239.1.1.1", "255.255.255.255", "10.42.255.255", "192.0.2.255")
    made = [
        Ether(src="02:00:00:00:00:01", dst=mac) / each
        for target in groups
        for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", GATEWAY_MAC)
        for each in shapes(own, target)
        if target != "10.42.255.255"
    ]
    for source in (ghost(scene.attacker, native=True), "fe80::1", "::"):
        made += every([source], ["ff02::1", "ff02::fb", "ff05::2", "ff0e::1", "ff02::1:ff00:4"])
    return made


def addressed_to_others(scene: Scene) -> list[Packet]:
    """Frames for other MACs, with packets of a stranger."""
    macs = ("ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "02:00:00:00:00:99", "00:00:00:00:00:00")
    victim = scene.victim
    inside = every([victim.ipv4, scene.attacker.ipv4], outside_of(victim))
    inside += every(scene.natives([scene.friend]), [ghost(victim, native=True)])
    return [Ether(src="02:00:00:00:00:01", dst=mac) / each for mac in macs for each in inside]


def tagged(scene: Scene) -> list[Packet]:
    victim = scene.victim
    inside = every([scene.attacker.ipv4, victim.ipv4], outside_of(victim)) + every([scene.attacker.ipv4], [OUTSIDE])
    inside += every([ghost(scene.friend, native=True)], [ghost(victim, native=True)])
    made: list[Packet] = []
    for each in inside:
        for tags in (Dot1Q(vlan=0), Dot1Q(vlan=7), Dot1AD(vlan=7) / Dot1Q(vlan=8), Dot1Q(vlan=0) / Dot1Q(vlan=0)):
            made.append(Ether(dst=GATEWAY_MAC) / tags.copy() / each)
    return made


def other_protocols(scene: Scene) -> list[Packet]:
    """What is neither IP nor ARP."""
    inside = bytes(shapes(str(scene.victim.ipv4), str(scene.victim.outside_ipv4))[1])
    kinds = (0x88CC, 0x8864, 0x8847, 0x88E5, 0x86DE, 0x0842, 0x0004, 0x8035)
    macs = ("ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:0e", GATEWAY_MAC)
    return [Ether(dst=mac, src="02:00:00:00:00:01", type=kind) / Raw(inside) for kind in kinds for mac in macs]


def address_tricks(scene: Scene) -> list[Packet]:
    """Somebody says that others' addresses are his."""
    own, made = scene.attacker, []
    mac, everyone = "02:00:00:00:00:66", "ff:ff:ff:ff:ff:ff"
    claimed = [HOST, NODE, OUTSIDE, DNS, str(NODE_IPV4), *map(str, (scene.victim.ipv4, scene.victim.outside_ipv4))]
    for address, to in product(claimed, (everyone, GATEWAY_MAC)):
        for operation in (1, 2):
            made.append(Ether(src=mac, dst=to) / ARP(op=operation, hwsrc=mac, psrc=address, pdst=address))
            made.append(Ether(src=mac, dst=to) / ARP(op=operation, hwsrc=mac, psrc=str(own.ipv4), pdst=address))
    sixes = [system(HOST), system(DNS), NODE_6, "fe80::1", *scene.natives([scene.victim, scene.innocent])]
    sources = ["fe80::1", "fe80::66", ghost(own, native=True), system(HOST)]
    for address, source, to in product(sixes, sources, ("ff02::1", system(HOST), ghost(scene.victim, native=True))):
        link = ICMPv6NDOptDstLLAddr(lladdr=mac)
        made.append(Ether(src=mac) / IPv6(src=source, dst=to, hlim=255) / ICMPv6ND_NA(tgt=address, R=1, O=1) / link)
        made.append(Ether(src=mac) / IPv6(src=source, dst=to, hlim=255) / ICMPv6ND_NS(tgt=address) / link)
        made.append(
            Ether(src=mac) / IPv6(src=source, dst=to, hlim=255) / ICMPv6ND_Redirect(tgt=source, dst=address) / link
        )
    for source, to in product(sources, ("ff02::1", system(HOST), ghost(scene.victim, native=True))):
        prefix = ICMPv6NDOptPrefixInfo(prefix="fd6b:3370::", prefixlen=32)
        advert = ICMPv6ND_RA(routerlifetime=9000, prf=1) / prefix
        made += [
            Ether(src=mac) / IPv6(src=source, dst=to, hlim=255) / advert,
            Ether(src=mac) / IPv6(src=source, dst=to, hlim=255) / IPv6ExtHdrHopByHop() / advert,
        ]
    return made


def garbage(scene: Scene) -> list[Packet]:
    """Headers that lie about lengths and versions."""
    good = shapes(str(scene.attacker.ipv4), str(scene.victim.outside_ipv4))[1]
    six = shapes(ghost(scene.attacker, native=True), ghost(scene.victim, native=True))[1]
    raw4, raw6 = bytes(good), bytes(six)
    cut = [raw4[:size] for size in range(0, len(raw4), 5)], [raw6[:size] for size in range(0, len(raw6), 7)]
    made = [Ether(type=kind) / Raw(each) for kind, parts in zip((0x800, 0x86DD), cut, strict=True) for each in parts]
    for first in (0x40, 0x44, 0x4F, 0x55, 0x65, 0x05):
        made.append(Ether(type=0x800) / Raw(bytes([first]) + raw4[1:]))
        made.append(Ether(type=0x86DD) / Raw(bytes([first]) + raw4[1:]))
        made.append(Ether(type=0x86DD) / Raw(bytes([first]) + raw6[1:]))
        made.append(Ether(type=0x800) / Raw(bytes([first]) + raw6[1:]))
    return made


def node_ports(scene: Scene) -> list[Packet]:
    """Ports of the node that lead to pods of other VPCs, at all addresses of the node that pods know."""
    own = scene.attacker
    made: list[Packet] = []
    for to, port in product((NODE, str(NODE_IPV4), HOST, DNS, API), NODE_PORTS):
        for head in (IP(src=str(own.ipv4), dst=to), IPv6(src=ghost(own, native=True), dst=nat64(to))):
            made += [head / TCP(dport=port, flags="S"), head / UDP(dport=port) / Raw(MARK)]
    return made


# Who hears of what a pod tries, and may: those of its own VPC what is in its own tunnels, and itself its gateway's
# answers and the node's errors. Nobody hears of anything else.
MAY_HEAR: Mapping[str, frozenset[str]] = {
    "tunnels": frozenset({"attacker", "innocent"}),
    "address_tricks": frozenset({"attacker"}),
    "node_ports": frozenset({"attacker"}),
}
# What a pod may try.
BY_POD: Mapping[str, Attack] = {
    each.__name__: each
    for each in (
        forged_ipv4, forged_ghosts, other_vpc_ids, other_clusters_and_versions, translated_to_native, egress_addresses,
        nat64_of_insiders, mapped, quoting, extension_headers, tunnels, fragments, ipv4_options, everybody,
        addressed_to_others, tagged, other_protocols, address_tricks, garbage, node_ports,
    )
}  # fmt: skip
