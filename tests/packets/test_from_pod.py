"""What leaves a pod: whole frames in, whole frames or the reason for the drop out."""

# ruff: noqa: E501  the tables have a packet a line

from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR, fragment
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    fragment6,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from k3py.vpc.bpf.abi import Direction, Outcome, Setting
from tests.packets.frames import out4, out6, sent
from tests.packets.world import (
    DNS,
    FAR,
    GATEWAY_MAC,
    IN_PEERED,
    LOCAL,
    LOCAL_NATIVE,
    LOCAL_PLAIN,
    NEIGHBOR_MAC,
    OK,
    OTHER_OUTSIDE,
    OUTSIDE_POD,
    PEERED,
    POD,
    POD_MAC,
    REDIRECT,
    SERVER,
    SHOT,
    STRANGE,
    Pod,
    ghost,
    node,
)

DATA = Raw(b"The quick brown fox jumps over the lazy dog")
ECHO = ICMP(type=8, id=1, seq=2) / DATA
NATIVE = ghost(POD, native=True)


@pytest.fixture(scope="module")
def pods() -> Iterator[dict[str, Pod]]:
    with node() as made:
        everything = Setting.NATIVE | Setting.SHORT_CUT
        yield {
            "masqueraded": made.pod(everything, outside=OUTSIDE_POD),
            "nat64": made.pod(everything),
            "plain": made.pod(Setting(0), outside=OUTSIDE_POD),
        }


def quoting(icmp: ICMP, quoted: IP = IP(src=FAR, dst=POD, id=9) / UDP(sport=53, dport=99) / DATA) -> IP:
    return out4(flags=0) / icmp / quoted


def about(icmp: object, quoted: object = IPv6(src=ghost(FAR), dst=ghost(POD)) / UDP(sport=53, dport=99) / DATA) -> IPv6:
    return out6() / icmp / quoted


TRANSLATED = [
    ("TCP", out4() / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1400)]), out6() / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1400)])),
    ("UDP", out4() / UDP(sport=1, dport=2) / DATA, out6() / UDP(sport=1, dport=2) / DATA),
    ("UDP without checksum", out4() / UDP(sport=1, dport=2, chksum=0) / DATA, out6() / UDP(sport=1, dport=2, chksum=0) / DATA),
    ("echo", out4() / ECHO, out6() / ICMPv6EchoRequest(id=1, seq=2, data=bytes(DATA))),
    ("echo answer", out4() / ICMP(type=0, id=1, seq=2) / DATA, out6() / ICMPv6EchoReply(id=1, seq=2, data=bytes(DATA))),
    ("another protocol", out4(proto=132) / DATA, out6(nh=132) / DATA),
    ("traffic class and hop limit", out4(tos=0xB9, ttl=9) / UDP() / DATA, out6(tc=0xB9, hlim=9) / UDP() / DATA),
    ("the last hop, for the kernel to tell", out4(ttl=1) / UDP() / DATA, out6(hlim=1) / UDP() / DATA),
    ("the last hop to a neighbour", out4(LOCAL, ttl=1) / UDP() / DATA, out6(ghost(LOCAL), hlim=1) / UDP() / DATA),
    ("to a peered VPC", out4(IN_PEERED) / UDP() / DATA, out6(ghost(IN_PEERED, PEERED)) / UDP() / DATA),
    ("to the system", out4(DNS) / UDP() / DATA, out6(ghost(DNS, 0)) / UDP() / DATA),
    ("to itself over the gateway", out4(POD) / UDP() / DATA, out6(ghost(POD)) / UDP() / DATA),
    ("port unreachable", quoting(ICMP(type=3, code=3)), about(ICMPv6DestUnreach(code=4))),
    ("host unreachable", quoting(ICMP(type=3, code=1)), about(ICMPv6DestUnreach(code=0))),
    ("prohibited", quoting(ICMP(type=3, code=13)), about(ICMPv6DestUnreach(code=1))),
    ("protocol unreachable", quoting(ICMP(type=3, code=2)), about(ICMPv6ParamProblem(code=1, ptr=6))),
    ("fragmentation needed", quoting(ICMP(type=3, code=4, nexthopmtu=1400)), about(ICMPv6PacketTooBig(mtu=1420))),
    ("an MTU below IPv6's", quoting(ICMP(type=3, code=4, nexthopmtu=600)), about(ICMPv6PacketTooBig(mtu=1280))),
    ("a router that does not tell its MTU", quoting(ICMP(type=3, code=4), IP(src=FAR, dst=POD, id=9, len=1500) / UDP(chksum=0, len=1480)),
     about(ICMPv6PacketTooBig(mtu=1512), IPv6(src=ghost(FAR), dst=ghost(POD), plen=1480) / UDP(chksum=0, len=1480))),
    ("time exceeded", quoting(ICMP(type=11, code=1)), about(ICMPv6TimeExceeded(code=1))),
    ("parameter problem", quoting(ICMP(type=12, code=0, ptr=9)), about(ICMPv6ParamProblem(code=0, ptr=6))),
    ("an error about TCP", quoting(ICMP(type=3, code=3), IP(src=FAR, dst=POD, id=9) / TCP() / DATA),
     about(ICMPv6DestUnreach(code=4), IPv6(src=ghost(FAR), dst=ghost(POD)) / TCP() / DATA)),
    ("an error about an echo", quoting(ICMP(type=3, code=3), IP(src=FAR, dst=POD, id=9) / ECHO),
     about(ICMPv6DestUnreach(code=4), IPv6(src=ghost(FAR), dst=ghost(POD)) / ICMPv6EchoRequest(id=1, seq=2, data=bytes(DATA)))),
    ("an error about a later fragment", quoting(ICMP(type=11, code=1), IP(src=FAR, dst=POD, id=9, frag=100, proto=17) / DATA),
     about(ICMPv6TimeExceeded(code=1), IPv6(src=ghost(FAR), dst=ghost(POD)) / IPv6ExtHdrFragment(nh=17, offset=100, id=9) / DATA)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "expected"), [each[1:] for each in TRANSLATED], ids=[each[0] for each in TRANSLATED]
)
def test_ipv4_becomes_ghost_ipv6(pods, packet, expected):
    result = pods["masqueraded"].sends(sent(packet))
    assert (result.outcome, result.verdict) == (Outcome.SENT_TO_VPC, OK)
    assert result.frame.hex() == sent(expected).hex()


@pytest.mark.parametrize(("size", "transport", "transport6"), [
    (3000, UDP(sport=1, dport=2), UDP(sport=1, dport=2)),
    (3000, TCP(sport=1, dport=2), TCP(sport=1, dport=2)),
    (3000, UDP(sport=1, dport=2, chksum=0), UDP(sport=1, dport=2, chksum=0)),
])  # fmt: skip
def test_fragments_stay_fragments(pods, size, transport, transport6):
    data = Raw(bytes(index % 251 for index in range(size)))
    pieces = fragment(out4(flags=0, id=0x1234) / transport / data, 1000)
    expected = fragment6(out6() / IPv6ExtHdrFragment(id=0x1234) / transport6 / data, 1048)
    assert len(pieces) == len(expected) > 2
    for piece, wanted in zip(pieces, expected, strict=True):
        assert pods["masqueraded"].sends(sent(piece)).frame.hex() == sent(wanted).hex()


SHORT_CUTS = [
    ("to a neighbour", out4(LOCAL, ttl=64) / UDP() / DATA, out4(LOCAL, ttl=63) / UDP() / DATA),
    ("to one behind a device without a peer", out4(LOCAL_PLAIN, ttl=64) / TCP(), out4(LOCAL_PLAIN, ttl=63) / TCP()),
    ("native to a neighbour", IPv6(src=NATIVE, dst=ghost(LOCAL_NATIVE, native=True), hlim=64) / TCP(),
     IPv6(src=NATIVE, dst=ghost(LOCAL_NATIVE, native=True), hlim=63) / TCP()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "expected"), [each[1:] for each in SHORT_CUTS], ids=[each[0] for each in SHORT_CUTS]
)
def test_a_neighbour_gets_the_packet_as_it_is(pods, packet, expected):
    result = pods["masqueraded"].sends(sent(packet))
    assert (result.outcome, result.verdict) == (Outcome.SENT_SHORT_CUT, REDIRECT)
    assert result.frame.hex() == bytes(Ether(dst=NEIGHBOR_MAC, src=GATEWAY_MAC) / expected).hex()


def test_without_the_setting_neighbours_are_reached_as_all_others(pods):
    result = pods["plain"].sends(sent(out4(LOCAL) / UDP() / DATA))
    assert result.outcome == Outcome.SENT_TO_VPC
    assert result.frame == sent(out6(ghost(LOCAL)) / UDP() / DATA)


def test_a_neighbour_without_native_sockets_gets_no_short_cut(pods):
    packet = sent(IPv6(src=NATIVE, dst=ghost(LOCAL, native=True)) / TCP())
    result = pods["masqueraded"].sends(packet)
    assert (result.outcome, result.frame) == (Outcome.SENT_NATIVE, packet)


MASQUERADED = [
    ("TCP", out4(SERVER) / TCP(), IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF") / TCP()),
    ("UDP", out4(SERVER) / UDP() / DATA, IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF") / UDP() / DATA),
    ("UDP without checksum", out4(SERVER) / UDP(chksum=0) / DATA, IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF") / UDP(chksum=0) / DATA),
    ("echo", out4(SERVER) / ECHO, IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF") / ECHO),
    ("a later fragment", out4(SERVER, frag=9, proto=17) / DATA, IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF", frag=9, proto=17) / DATA),
    ("an error about UDP", out4(SERVER) / ICMP(type=3, code=3) / IP(src=SERVER, dst=POD, id=9) / UDP() / DATA,
     IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF") / ICMP(type=3, code=3) / IP(src=SERVER, dst=OUTSIDE_POD, id=9) / UDP() / DATA),
    ("an error about TCP", out4(SERVER) / ICMP(type=3, code=3) / IP(src=SERVER, dst=POD, id=9) / TCP() / DATA,
     IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF") / ICMP(type=3, code=3) / IP(src=SERVER, dst=OUTSIDE_POD, id=9) / TCP() / DATA),
    ("an error about an echo", out4(SERVER) / ICMP(type=11) / IP(src=SERVER, dst=POD, id=9) / ECHO,
     IP(src=OUTSIDE_POD, dst=SERVER, id=7, flags="DF") / ICMP(type=11) / IP(src=SERVER, dst=OUTSIDE_POD, id=9) / ECHO),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "expected"), [each[1:] for each in MASQUERADED], ids=[each[0] for each in MASQUERADED]
)
def test_the_outside_sees_an_address_that_is_unique_on_the_node(pods, packet, expected):
    result = pods["masqueraded"].sends(sent(packet))
    assert (result.outcome, result.verdict) == (Outcome.SENT_OUTSIDE, OK)
    assert result.frame.hex() == sent(expected).hex()


def test_without_such_an_address_the_outside_is_behind_nat64(pods):
    result = pods["nat64"].sends(sent(out4(SERVER) / TCP()))
    assert result.outcome == Outcome.SENT_OUTSIDE
    assert result.frame == sent(out6("64:ff9b::192.0.2.7") / TCP())


NATIVE_SENT = [
    ("to a pod", ghost(FAR, native=True)),
    ("to a peered VPC's pod", ghost(IN_PEERED, PEERED, native=True)),
    ("to the system", ghost(DNS, 0)),
    ("to the outside", "64:ff9b::192.0.2.7"),
]


@pytest.mark.parametrize("destination", [each[1] for each in NATIVE_SENT], ids=[each[0] for each in NATIVE_SENT])
def test_native_packets_pass_unchanged(pods, destination):
    packet = sent(IPv6(src=NATIVE, dst=destination) / TCP())
    result = pods["masqueraded"].sends(packet)
    assert (result.outcome, result.verdict, result.frame) == (Outcome.SENT_NATIVE, OK, packet)


def test_whoever_is_asked_for_is_the_gateway(pods):
    asked = Ether(dst="ff:ff:ff:ff:ff:ff", src=POD_MAC) / ARP(op=1, hwsrc=POD_MAC, psrc=POD, pdst="169.254.1.1")
    result = pods["plain"].sends(bytes(asked))
    answer = ARP(op=2, hwsrc=GATEWAY_MAC, psrc="169.254.1.1", hwdst=POD_MAC, pdst=POD)
    assert (result.outcome, result.verdict) == (Outcome.NEIGHBOR_ANSWERED, REDIRECT)
    assert result.frame == bytes(Ether(dst=POD_MAC, src=GATEWAY_MAC) / answer)


@pytest.mark.parametrize("option", [b"", ICMPv6NDOptSrcLLAddr(lladdr=POD_MAC)], ids=["bare", "with its own MAC"])
def test_neighbour_discovery_finds_the_gateway(pods, option):
    asked = IPv6(src=NATIVE, dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="fe80::1") / option
    result = pods["masqueraded"].sends(bytes(Ether(dst="33:33:ff:00:00:01", src=POD_MAC) / asked))
    answer = ICMPv6ND_NA(R=0, S=1, O=1, tgt="fe80::1") / ICMPv6NDOptDstLLAddr(lladdr=GATEWAY_MAC)
    expected = Ether(dst=POD_MAC, src=GATEWAY_MAC) / IPv6(src="fe80::1", dst=NATIVE, hlim=255) / answer
    assert (result.outcome, result.verdict) == (Outcome.NEIGHBOR_ANSWERED, REDIRECT)
    assert result.frame.hex() == bytes(expected).hex()


def with_bad_checksum() -> bytes:
    frame = bytearray(sent(out4() / UDP() / DATA))
    frame[24] ^= 1
    return bytes(frame)


REFUSED = [
    ("a forged source", sent(out4(src=LOCAL) / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("the outside address as source", sent(out4(src=OUTSIDE_POD) / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("a forged ARP sender", sent(ARP(op=1, psrc=LOCAL, pdst="169.254.1.1")), Outcome.DROP_SOURCE_NOT_OURS),
    ("an ARP probe", sent(ARP(op=1, psrc="0.0.0.0", pdst=POD)), Outcome.DROP_NEIGHBOR),
    ("an announcement", sent(ARP(op=1, psrc=POD, pdst=POD)), Outcome.DROP_NEIGHBOR),
    ("a multicast", sent(out4("224.0.0.1") / UDP()), Outcome.DROP_MULTICAST),
    ("a broadcast", sent(out4("255.255.255.255") / UDP()), Outcome.DROP_MULTICAST),
    ("loopback", sent(out4("127.0.0.1") / UDP()), Outcome.DROP_NO_ROUTE),
    ("another pod's outside address", sent(out4(OTHER_OUTSIDE) / UDP()), Outcome.DROP_ROUTE_DENIED),
    ("its own outside address", sent(out4(OUTSIDE_POD) / UDP()), Outcome.DROP_ROUTE_DENIED),
    ("IPv4 options", sent(out4(options=[IPOption_RR()]) / UDP()), Outcome.DROP_IPV4_OPTIONS),
    ("a wrong header checksum", with_bad_checksum(), Outcome.DROP_MALFORMED),
    ("longer than the frame", sent(out4(len=2000) / UDP()), Outcome.DROP_MALFORMED),
    ("shorter than its header", sent(out4(len=19) / UDP()), Outcome.DROP_MALFORMED),
    ("a torn transport header", sent(out4(proto=6) / Raw(b"12345678")), Outcome.DROP_MALFORMED),
    ("no hops left", sent(out4(ttl=0) / UDP()), Outcome.DROP_HOP_LIMIT),
    ("ICMPv6 in IPv4", sent(out4(proto=58) / Raw(bytes(40))), Outcome.DROP_PROTOCOL),
    ("an extension header in IPv4", sent(out4(proto=44) / Raw(bytes(40))), Outcome.DROP_PROTOCOL),
    ("to a neighbour too", sent(out4(LOCAL, proto=58) / Raw(bytes(40))), Outcome.DROP_PROTOCOL),
    ("a redirect", sent(out4() / ICMP(type=5) / IP() / UDP()), Outcome.DROP_ICMP_TYPE),
    ("a redirect to a neighbour", sent(out4(LOCAL) / ICMP(type=5) / IP() / UDP()), Outcome.DROP_ICMP_TYPE),
    ("a redirect to the outside", sent(out4(SERVER) / ICMP(type=5) / IP() / UDP()), Outcome.DROP_ICMP_TYPE),
    ("a timestamp", sent(out4() / ICMP(type=13) / DATA), Outcome.DROP_ICMP_TYPE),
    ("an error without counterpart", sent(quoting(ICMP(type=3, code=14))), Outcome.DROP_ICMP_TYPE),
    ("an error about somebody else's packet", sent(quoting(ICMP(type=3), IP(src=FAR, dst=LOCAL) / UDP())), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet of a third", sent(quoting(ICMP(type=3), IP(src=LOCAL, dst=POD) / UDP())), Outcome.DROP_ICMP_QUOTE),
    ("the same to the outside", sent(out4(SERVER) / ICMP(type=3) / IP(src=SERVER, dst=LOCAL) / UDP()), Outcome.DROP_ICMP_QUOTE),
    ("an error about an error", sent(quoting(ICMP(type=3), IP(src=FAR, dst=POD) / ICMP(type=3) / IP() / UDP())), Outcome.DROP_ICMP_QUOTE),
    ("a short quote", sent(quoting(ICMP(type=3), IP(src=FAR, dst=POD, proto=17, len=60) / Raw(b"1234"))), Outcome.DROP_MALFORMED),
    ("a long quote", sent(quoting(ICMP(type=3), IP(src=FAR, dst=POD) / UDP() / Raw(bytes(1200)))), Outcome.DROP_ICMP_TOO_LONG),
    ("a fragmented error", sent(out4(flags="MF") / ICMP(type=3) / IP(src=FAR, dst=POD) / UDP()), Outcome.DROP_ICMP_FRAGMENT),
    ("fragmented echo to the system", sent(out4(DNS, flags="MF") / ECHO), Outcome.DROP_ICMP_FRAGMENT),
    ("a fragment of UDP without checksum to the system", sent(out4(DNS, flags="MF") / UDP(chksum=0, len=2000) / DATA), Outcome.DROP_ZERO_CHECKSUM),
    ("a VLAN tag", sent(Dot1Q(vlan=5) / out4() / UDP()), Outcome.DROP_NOT_IP),
    ("another protocol", bytes(Ether(dst=GATEWAY_MAC, src=POD_MAC, type=0x88CC) / DATA), Outcome.DROP_NOT_IP),
    ("a native packet as if translated", sent(IPv6(src=ghost(POD), dst=ghost(FAR, native=True)) / TCP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("another pod's native source", sent(IPv6(src=ghost(LOCAL, native=True), dst=ghost(FAR, native=True)) / TCP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("another VPC's native source", sent(IPv6(src=ghost(POD, STRANGE, native=True), dst=ghost(FAR, native=True)) / TCP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("the system's source", sent(IPv6(src=ghost(POD, 0, native=True), dst=ghost(FAR, native=True)) / TCP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("native to translated", sent(IPv6(src=NATIVE, dst=ghost(FAR)) / TCP()), Outcome.DROP_NATIVE_MISMATCH),
    ("native to another VPC", sent(IPv6(src=NATIVE, dst=ghost(FAR, STRANGE, native=True)) / TCP()), Outcome.DROP_OTHER_VPC),
    ("native to the system by a pod's address", sent(IPv6(src=NATIVE, dst=ghost(FAR, 0, native=True)) / TCP()), Outcome.DROP_OTHER_VPC),
    ("native to another cluster", sent(IPv6(src=NATIVE, dst="fd6b:3370:1001:c0ff:ee12:7:a00:106") / TCP()), Outcome.DROP_NOT_GHOST),
    ("native to an unknown flag", sent(IPv6(src=NATIVE, dst="fd6b:3370:1003:c0ff:ee11:7:a00:106") / TCP()), Outcome.DROP_NOT_GHOST),
    ("native to the world", sent(IPv6(src=NATIVE, dst="2001:db8::a00:106") / TCP()), Outcome.DROP_NO_ROUTE),
    ("native to an outside address", sent(IPv6(src=NATIVE, dst="64:ff9b::100.64.0.6") / TCP()), Outcome.DROP_ROUTE_DENIED),
    ("NAT64 to a pod", sent(IPv6(src=NATIVE, dst="64:ff9b::10.0.1.6") / TCP()), Outcome.DROP_NO_ROUTE),
    ("native multicast", sent(IPv6(src="fe80::5", dst="ff02::2") / ICMPv6ND_RS()), Outcome.DROP_MULTICAST),
    ("a router advertisement", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / ICMPv6ND_NA()), Outcome.DROP_ICMP_TYPE),
    ("a test for duplicates", sent(IPv6(src="::", dst="ff02::1:ff00:5", hlim=255) / ICMPv6ND_NS(tgt=NATIVE)), Outcome.DROP_NEIGHBOR),
    ("discovery from afar", sent(IPv6(src=NATIVE, dst="fe80::1", hlim=64) / ICMPv6ND_NS(tgt="fe80::1")), Outcome.DROP_MALFORMED),
    ("a native error about somebody else's packet", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / ICMPv6DestUnreach() / IPv6(src=ghost(LOCAL, native=True), dst=NATIVE) / UDP()), Outcome.DROP_ICMP_QUOTE),
    ("an error to a neighbour about somebody else's packet", sent(out4(LOCAL) / ICMP(type=3) / IP(src=LOCAL, dst=FAR) / UDP()), Outcome.DROP_ICMP_QUOTE),
    ("native hop-by-hop options", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / IPv6ExtHdrHopByHop() / UDP()), Outcome.DROP_PROTOCOL),
    ("a native routing header", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / IPv6ExtHdrRouting() / UDP()), Outcome.DROP_PROTOCOL),
    ("native destination options in a fragment", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / IPv6ExtHdrFragment(nh=60) / Raw(bytes(16))), Outcome.DROP_PROTOCOL),
    ("a fragmented native error", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / IPv6ExtHdrFragment(nh=58, m=1) / ICMPv6DestUnreach() / Raw(bytes(48))), Outcome.DROP_ICMP_FRAGMENT),
    ("a torn native transport header", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / IPv6ExtHdrFragment(nh=6, m=1) / Raw(bytes(8))), Outcome.DROP_MALFORMED),
    ("IPv6 longer than the frame", sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True), plen=99) / TCP()), Outcome.DROP_MALFORMED),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "reason"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_is_refused_has_a_reason(pods, frame, reason):
    result = pods["masqueraded"].sends(frame)
    assert (result.outcome, result.verdict) == (reason, SHOT)


def test_a_report_of_multicast_groups_ends_here_and_is_no_drop(pods):
    report = IPv6(src="::", dst="ff02::16", hlim=1) / IPv6ExtHdrHopByHop() / ICMPv6MLReport2()
    result = pods["masqueraded"].sends(sent(report))
    assert (result.outcome, result.verdict) == (Outcome.IGNORED_MULTICAST_REPORT, SHOT)
    assert not result.outcome.dropped


def test_a_pod_without_native_sockets_sends_no_ipv6(pods):
    assert (
        pods["plain"].sends(sent(IPv6(src=NATIVE, dst=ghost(FAR, native=True)) / TCP())).outcome == Outcome.DROP_NOT_IP
    )


@pytest.mark.parametrize(
    ("ipv4", "ipv6"), [(DNS, ghost(DNS, 0)), (SERVER, "64:ff9b::192.0.2.7")], ids=["system", "NAT64"]
)
def test_whoever_is_no_pod_gets_a_checksum(pods, ipv4, ipv6):
    result = pods["nat64"].sends(sent(out4(ipv4) / UDP(sport=1, dport=2, chksum=0) / DATA))
    assert result.frame.hex() == sent(out6(ipv6) / UDP(sport=1, dport=2) / DATA).hex()


def test_a_checksum_that_becomes_zero_is_written_as_ones(pods):
    bare = UDP(bytes(out6() / UDP() / Raw(bytes(2)))[40:])
    data = Raw(bare.chksum.to_bytes(2, "big"))
    expected = sent(out6() / UDP() / data)
    assert expected[-4:-2] == b"\xff\xff"
    assert pods["masqueraded"].sends(sent(out4() / UDP() / data)).frame == expected
    error = quoting(ICMP(type=3, code=3), IP(src=FAR, dst=POD, id=9) / UDP() / data)
    expected = sent(about(ICMPv6DestUnreach(code=4), IPv6(src=ghost(FAR), dst=ghost(POD)) / UDP() / data))
    assert expected[-4:-2] == b"\xff\xff"
    assert pods["masqueraded"].sends(sent(error)).frame == expected


def test_padding_does_not_travel(pods):
    padded = sent(out4() / UDP() / Raw(b"x")) + bytes(17)
    assert pods["masqueraded"].sends(padded).frame == sent(out6() / UDP() / Raw(b"x"))


def test_a_damaged_checksum_stays_damaged(pods):
    frame = bytearray(sent(out4() / UDP() / DATA))
    frame[-1] ^= 0x55
    wanted = bytearray(sent(out6() / UDP() / DATA))
    wanted[-1] ^= 0x55
    assert pods["masqueraded"].sends(bytes(frame)).frame == bytes(wanted)


def test_counters_add_up_to_what_was_sent(pods):
    pod = pods["masqueraded"]
    before = pod.counts(Direction.FROM_POD)
    frames = [sent(each[1]) for each in TRANSLATED + SHORT_CUTS + MASQUERADED] + [each[1] for each in REFUSED]
    for frame in frames:
        pod.sends(frame)
    after = pod.counts(Direction.FROM_POD)
    packets = sum(each.packets for each in after.values()) - sum(each.packets for each in before.values())
    length = sum(each.bytes for each in after.values()) - sum(each.bytes for each in before.values())
    assert (packets, length) == (len(frames), sum(map(len, frames)))
