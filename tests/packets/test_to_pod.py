"""What arrives for a pod: whole frames in, whole frames or the reason for the drop out."""

# ruff: noqa: E501  the tables have a packet a line

from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    fragment6,
)
from scapy.layers.l2 import ARP
from scapy.packet import Raw

from k3py.vpc.bpf.abi import Direction, Outcome, Setting
from tests.packets.frames import got, in4, in6, out4, routed, sent, with_identification
from tests.packets.world import (
    DNS,
    FAR,
    GATEWAY_MAC,
    IN_PEERED,
    IN_STRANGE,
    LOCAL,
    OK,
    OTHER_OUTSIDE,
    OUTSIDE_POD,
    PEERED,
    POD,
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
FAR_NATIVE = ghost(FAR, native=True)
# Packets of up to 1260 bytes may be fragmented further, and get a random identification.
LONG = Raw(bytes(1300))
ROUTER = "2001:db8::1"
DUMMY = "192.0.0.8"


@pytest.fixture(scope="module")
def pods() -> Iterator[dict[str, Pod]]:
    with node() as made:
        yield {
            "masqueraded": made.pod(Setting.NATIVE, outside=OUTSIDE_POD),
            "nat64": made.pod(Setting(0)),
            "plain": made.pod(Setting.PLAIN),
        }


def quoted6(transport: object = UDP(sport=99, dport=53) / DATA, **fields: object) -> IPv6:
    return IPv6(**{"src": ghost(POD), "dst": ghost(FAR), **fields}) / transport


def quoted4(transport: object = UDP(sport=99, dport=53) / DATA, **fields: object) -> IP:
    return IP(**{"src": POD, "dst": FAR, "id": 0, "flags": "DF", **fields}) / transport


TRANSLATED = [
    ("TCP", in6() / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1400)]), in4(flags=0) / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1400)])),
    ("UDP", in6() / UDP(sport=1, dport=2) / DATA, in4(flags=0) / UDP(sport=1, dport=2) / DATA),
    ("a long packet", in6() / TCP() / LONG, in4() / TCP() / LONG),
    ("1260 bytes", in6() / TCP() / Raw(bytes(1220)), in4(flags=0) / TCP() / Raw(bytes(1220))),
    ("1261 bytes", in6() / TCP() / Raw(bytes(1221)), in4() / TCP() / Raw(bytes(1221))),
    ("UDP without checksum", in6() / UDP(chksum=0) / LONG, in4() / UDP(chksum=0) / LONG),
    ("echo", in6() / ICMPv6EchoRequest(id=1, seq=2, data=bytes(LONG)), in4() / ICMP(type=8, id=1, seq=2) / LONG),
    ("echo answer", in6() / ICMPv6EchoReply(id=1, seq=2, data=bytes(LONG)), in4() / ICMP(type=0, id=1, seq=2) / LONG),
    ("another protocol", in6(nh=132) / LONG, in4(proto=132) / LONG),
    ("traffic class and hop limit", in6(tc=0xB9, hlim=9, fl=77) / UDP() / LONG, in4(tos=0xB9, ttl=9) / UDP() / LONG),
    ("from a peered VPC", in6(ghost(IN_PEERED, PEERED)) / UDP() / LONG, in4(IN_PEERED) / UDP() / LONG),
    ("from the system", in6(ghost(DNS, 0)) / UDP() / LONG, in4(DNS) / UDP() / LONG),
    ("from the system, natively", in6(ghost(DNS, 0, native=True)) / UDP() / LONG, in4(DNS) / UDP() / LONG),
    ("a fragment's id is kept in part", in6() / IPv6ExtHdrFragment(nh=17, offset=9, m=1, id=0x12345678) / DATA, in4(proto=17, flags="MF", frag=9, id=0x5678) / DATA),
    ("port unreachable", in6() / ICMPv6DestUnreach(code=4) / quoted6(), in4(flags=0) / ICMP(type=3, code=3) / quoted4()),
    ("no route", in6() / ICMPv6DestUnreach(code=0) / quoted6(), in4(flags=0) / ICMP(type=3, code=1) / quoted4()),
    ("prohibited", in6() / ICMPv6DestUnreach(code=1) / quoted6(), in4(flags=0) / ICMP(type=3, code=10) / quoted4()),
    ("time exceeded, by a router", in6(ROUTER) / ICMPv6TimeExceeded(code=0) / quoted6(), in4(DUMMY, flags=0) / ICMP(type=11, code=0) / quoted4()),
    ("too big, by the node", in6(ghost("169.254.0.1", 0)) / ICMPv6PacketTooBig(mtu=1400) / quoted6(TCP() / DATA),
     in4(DUMMY, flags=0) / ICMP(type=3, code=4, nexthopmtu=1380) / quoted4(TCP() / DATA)),
    ("too big for anybody", in6() / ICMPv6PacketTooBig(mtu=20) / quoted6(), in4(flags=0) / ICMP(type=3, code=4, nexthopmtu=68) / quoted4()),
    ("unknown next header", in6() / ICMPv6ParamProblem(code=1, ptr=6) / quoted6(), in4(flags=0) / ICMP(type=3, code=2) / quoted4()),
    ("a wrong field", in6() / ICMPv6ParamProblem(code=0, ptr=7) / quoted6(), in4(flags=0) / ICMP(type=12, code=0, ptr=8) / quoted4()),
    ("an error about an echo", in6() / ICMPv6DestUnreach(code=3) / quoted6(ICMPv6EchoRequest(id=1, seq=2, data=bytes(DATA))),
     in4(flags=0) / ICMP(type=3, code=1) / quoted4(ECHO)),
    ("an error about a fragment", in6() / ICMPv6PacketTooBig(mtu=1400) / quoted6(IPv6ExtHdrFragment(nh=17, offset=5, m=1, id=9) / DATA),
     in4(flags=0) / ICMP(type=3, code=4, nexthopmtu=1372) / quoted4(DATA, proto=17, flags="MF", frag=5, id=9)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "expected"), [each[1:] for each in TRANSLATED], ids=[each[0] for each in TRANSLATED]
)
def test_ghost_ipv6_becomes_ipv4(pods, packet, expected):
    result = pods["masqueraded"].gets(routed(packet))
    assert (result.outcome, result.verdict) == (Outcome.RECEIVED_FROM_VPC, OK)
    assert result.frame.hex() == with_identification(got(expected), result.frame).hex()


def test_fragments_stay_fragments(pods):
    data = Raw(bytes(index % 251 for index in range(3000)))
    pieces = fragment6(in6() / IPv6ExtHdrFragment(id=0x1234) / UDP(sport=1, dport=2) / data, 1048)
    expected = fragment(in4(flags=0, id=0x1234) / UDP(sport=1, dport=2) / data, 1000)
    for piece, wanted in zip(pieces, expected, strict=True):
        assert pods["masqueraded"].gets(routed(piece)).frame.hex() == got(wanted).hex()


def test_a_fragmented_echo_travels_between_pods(pods):
    data = Raw(bytes(index % 251 for index in range(2000)))
    whole = out4(POD, flags=0, id=7) / ICMP(type=8, id=1, seq=2) / data
    for piece in fragment(whole, 1000):
        travelled = pods["masqueraded"].sends(sent(piece)).frame
        assert pods["masqueraded"].gets(travelled).frame == got(piece)


def test_answers_of_nat64_reach_pods_without_another_way_out(pods):
    packet, expected = in6("64:ff9b::192.0.2.7") / TCP() / LONG, in4(SERVER) / TCP() / LONG
    assert pods["nat64"].gets(routed(packet)).frame == got(expected)
    error = in6("64:ff9b::203.0.113.1") / ICMPv6TimeExceeded() / quoted6(dst="64:ff9b::192.0.2.7")
    expected = in4("203.0.113.1", flags=0) / ICMP(type=11) / quoted4(dst=SERVER)
    result = pods["nat64"].gets(routed(error))
    assert result.frame == with_identification(got(expected), result.frame)


FROM_OUTSIDE = [
    ("TCP", IP(src=SERVER, dst=OUTSIDE_POD) / TCP(), IP(src=SERVER, dst=POD) / TCP()),
    ("UDP", IP(src=SERVER, dst=OUTSIDE_POD) / UDP() / DATA, IP(src=SERVER, dst=POD) / UDP() / DATA),
    ("echo answer", IP(src=SERVER, dst=OUTSIDE_POD) / ICMP(type=0) / DATA, IP(src=SERVER, dst=POD) / ICMP(type=0) / DATA),
    ("fragmentation needed", IP(src="203.0.113.1", dst=OUTSIDE_POD) / ICMP(type=3, code=4, nexthopmtu=1400) / IP(src=OUTSIDE_POD, dst=SERVER) / TCP() / DATA,
     IP(src="203.0.113.1", dst=POD) / ICMP(type=3, code=4, nexthopmtu=1400) / IP(src=POD, dst=SERVER) / TCP() / DATA),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "expected"), [each[1:] for each in FROM_OUTSIDE], ids=[each[0] for each in FROM_OUTSIDE]
)
def test_answers_from_outside_find_the_pod(pods, packet, expected):
    result = pods["masqueraded"].gets(routed(packet))
    assert (result.outcome, result.verdict) == (Outcome.RECEIVED_FROM_OUTSIDE, OK)
    assert result.frame.hex() == got(expected).hex()


NATIVE_RECEIVED = [
    ("from a pod", IPv6(src=FAR_NATIVE, dst=NATIVE) / TCP()),
    ("from a peered VPC's pod", IPv6(src=ghost(IN_PEERED, PEERED, native=True), dst=NATIVE) / TCP()),
    ("from the system", IPv6(src=ghost(DNS, 0), dst=NATIVE) / TCP()),
    ("from the outside", IPv6(src="64:ff9b::192.0.2.7", dst=NATIVE) / TCP()),
    ("too big, by a router", IPv6(src=ROUTER, dst=NATIVE) / ICMPv6PacketTooBig(mtu=1300) / IPv6(src=NATIVE, dst=FAR_NATIVE) / TCP()),
]  # fmt: skip


@pytest.mark.parametrize("packet", [each[1] for each in NATIVE_RECEIVED], ids=[each[0] for each in NATIVE_RECEIVED])
def test_native_packets_arrive_unchanged(pods, packet):
    result = pods["masqueraded"].gets(routed(packet))
    assert (result.outcome, result.verdict, result.frame) == (Outcome.RECEIVED_NATIVE, OK, got(packet))


@pytest.mark.parametrize(
    "frame",
    [
        got(ARP(op=2, hwsrc=GATEWAY_MAC, psrc="169.254.1.1", pdst=POD)),
        got(IPv6(src="fe80::1", dst=NATIVE, hlim=255) / ICMPv6ND_NA(tgt="fe80::1")),
    ],
    ids=["ARP", "neighbour discovery"],
)
def test_the_gateways_own_answers_pass(pods, frame):
    result = pods["masqueraded"].gets(frame)
    assert (result.outcome, result.verdict, result.frame) == (Outcome.RECEIVED_NEIGHBOR, OK, frame)


def test_a_short_cut_ends_here_only_where_the_device_has_no_peer(pods):
    frame = sent(IP(src=LOCAL, dst=POD) / UDP() / DATA)
    assert pods["plain"].gets(frame).outcome == Outcome.RECEIVED_SHORT_CUT
    assert pods["masqueraded"].gets(frame).outcome == Outcome.DROP_DESTINATION_NOT_OURS


ERROR = ICMPv6DestUnreach(code=4)
REFUSED = [
    ("from another VPC on the same range", in6(ghost(IN_STRANGE, STRANGE)) / UDP(), Outcome.DROP_OTHER_VPC),
    ("natively from another VPC", IPv6(src=ghost(FAR, STRANGE, native=True), dst=NATIVE) / UDP(), Outcome.DROP_OTHER_VPC),
    ("from another cluster", in6("fd6b:3370:1000:c0ff:ee12:7:a00:106") / UDP(), Outcome.DROP_NOT_GHOST),
    ("from another version", in6("fd6b:3370:2000:c0ff:ee11:7:a00:106") / UDP(), Outcome.DROP_NOT_GHOST),
    ("from an unknown flag", in6("fd6b:3370:1002:c0ff:ee11:7:a00:106") / UDP(), Outcome.DROP_NOT_GHOST),
    ("from the world", in6("2001:db8::a00:106") / UDP(), Outcome.DROP_NOT_GHOST),
    ("NAT64 where there is another way out", in6("64:ff9b::192.0.2.7") / UDP(), Outcome.DROP_NOT_GHOST),
    ("native to translated", in6(FAR_NATIVE) / UDP(), Outcome.DROP_NATIVE_MISMATCH),
    ("translated to native", IPv6(src=ghost(FAR), dst=NATIVE) / UDP(), Outcome.DROP_NATIVE_MISMATCH),
    ("for another pod", IPv6(src=ghost(FAR), dst=ghost(LOCAL)) / UDP(), Outcome.DROP_DESTINATION_NOT_OURS),
    ("for the same address in another VPC", IPv6(src=ghost(FAR), dst=ghost(POD, STRANGE)) / UDP(), Outcome.DROP_DESTINATION_NOT_OURS),
    ("a multicast", IPv6(src="fe80::1", dst="ff02::1") / UDP(), Outcome.DROP_MULTICAST),
    ("IPv4 for the pod's own address", IP(src=SERVER, dst=POD) / UDP(), Outcome.DROP_DESTINATION_NOT_OURS),
    ("IPv4 for another's outside address", IP(src=SERVER, dst=OTHER_OUTSIDE) / UDP(), Outcome.DROP_DESTINATION_NOT_OURS),
    ("a source inside the pod's VPC from outside", IP(src=FAR, dst=OUTSIDE_POD) / UDP(), Outcome.DROP_OTHER_VPC),
    ("a source from outside that may not be answered", IP(src=OTHER_OUTSIDE, dst=OUTSIDE_POD) / UDP(), Outcome.DROP_ROUTE_DENIED),
    ("hop-by-hop options", in6() / IPv6ExtHdrHopByHop() / UDP(), Outcome.DROP_PROTOCOL),
    ("destination options", in6() / IPv6ExtHdrDestOpt() / UDP(), Outcome.DROP_PROTOCOL),
    ("ICMP in IPv6", in6(nh=1) / DATA, Outcome.DROP_PROTOCOL),
    ("a fragment of fragments", in6() / IPv6ExtHdrFragment(nh=44) / Raw(bytes(20)), Outcome.DROP_PROTOCOL),
    ("a multicast report", in6() / ICMPv6MLReport(), Outcome.DROP_ICMP_TYPE),
    ("neighbour discovery", in6(hlim=255) / ICMPv6ND_NS(tgt=NATIVE), Outcome.DROP_ICMP_TYPE),
    ("an error without counterpart", in6() / ICMPv6DestUnreach(code=5) / quoted6(), Outcome.DROP_ICMP_TYPE),
    ("a pointer without counterpart", in6() / ICMPv6ParamProblem(code=0, ptr=2) / quoted6(), Outcome.DROP_ICMP_TYPE),
    ("an error about another pod's packet", in6() / ERROR / quoted6(src=ghost(LOCAL)), Outcome.DROP_ICMP_QUOTE),
    ("an error about the native socket's", in6() / ERROR / quoted6(src=NATIVE), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet to another VPC", in6() / ERROR / quoted6(dst=ghost(FAR, STRANGE)), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet to the world", in6() / ERROR / quoted6(dst="2001:db8::a00:106"), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet to almost NAT64's prefix", in6() / ERROR / quoted6(dst="64:ff9b:1::192.0.2.7"), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet to the outside, which left as IPv4", in6("64:ff9b::203.0.113.1") / ERROR / quoted6(dst="64:ff9b::192.0.2.7"), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet to a denied address", in6() / ERROR / quoted6(dst="64:ff9b::100.64.0.6"), Outcome.DROP_ICMP_QUOTE),
    ("an error about an error", in6() / ERROR / quoted6(ERROR / quoted6()), Outcome.DROP_ICMP_QUOTE),
    ("an error from another VPC", in6(ghost(IN_STRANGE, STRANGE)) / ERROR / quoted6(), Outcome.DROP_OTHER_VPC),
    ("a short quote", in6() / ERROR / quoted6(Raw(b"1234"), nh=17), Outcome.DROP_MALFORMED),
    ("a fragmented error", in6() / IPv6ExtHdrFragment(nh=58, m=1) / ERROR / quoted6(), Outcome.DROP_ICMP_FRAGMENT),
    ("a fragmented echo from the system", in6(ghost(DNS, 0)) / IPv6ExtHdrFragment(nh=58, m=1) / ICMPv6EchoReply(), Outcome.DROP_ICMP_FRAGMENT),
    ("longer than the frame", in6(plen=2000) / UDP(), Outcome.DROP_MALFORMED),
    ("a torn transport header", in6(nh=6) / Raw(b"12345678"), Outcome.DROP_MALFORMED),
    ("a torn fragment header", in6(nh=44) / Raw(b"1234"), Outcome.DROP_MALFORMED),
    ("no hops left", in6(hlim=0) / UDP(), Outcome.DROP_HOP_LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "reason"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_is_refused_has_a_reason(pods, packet, reason):
    result = pods["masqueraded"].gets(routed(packet))
    assert (result.outcome, result.verdict) == (reason, SHOT)


def test_a_report_of_multicast_groups_ends_here_and_is_no_drop(pods):
    report = IPv6(src="::", dst="ff02::16", hlim=1) / IPv6ExtHdrHopByHop() / ICMPv6MLReport2()
    result = pods["masqueraded"].gets(routed(report))
    assert (result.outcome, result.verdict) == (Outcome.IGNORED_MULTICAST_REPORT, SHOT)


def test_a_pod_without_native_sockets_gets_none(pods):
    packet = IPv6(src=FAR_NATIVE, dst=NATIVE) / TCP()
    assert pods["nat64"].gets(routed(packet)).outcome == Outcome.DROP_NATIVE_MISMATCH


def test_a_damaged_checksum_stays_damaged(pods):
    frame, wanted = bytearray(routed(in6() / UDP() / LONG)), bytearray(got(in4() / UDP() / LONG))
    frame[-1] ^= 0x55
    wanted[-1] ^= 0x55
    assert pods["masqueraded"].gets(bytes(frame)).frame == bytes(wanted)


def test_counters_add_up_to_what_arrived(pods):
    pod = pods["masqueraded"]
    before = pod.counts(Direction.TO_POD)
    frames = [routed(each[1]) for each in TRANSLATED + FROM_OUTSIDE + NATIVE_RECEIVED + REFUSED]
    for frame in frames:
        pod.gets(frame)
    after = pod.counts(Direction.TO_POD)
    packets = sum(each.packets for each in after.values()) - sum(each.packets for each in before.values())
    length = sum(each.bytes for each in after.values()) - sum(each.bytes for each in before.values())
    assert (packets, length) == (len(frames), sum(map(len, frames)))
