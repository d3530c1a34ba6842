"""Native sockets and the outside: 64:ff9b::/96 leaves as IPv4 and comes back as IPv6, whole frames compared."""

# ruff: noqa: E501  the tables have a packet a line

from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    fragment6,
)
from scapy.packet import Raw

from k3py.vpc.bpf.abi import Direction, Outcome, Setting
from tests.packets.frames import got, routed, sent, with_identification
from tests.packets.world import (
    FAR,
    LOCAL,
    OK,
    OTHER_OUTSIDE,
    OUTSIDE_NATIVE,
    OUTSIDE_POD,
    POD,
    SERVER,
    SHOT,
    Pod,
    ghost,
    node,
)

DATA = Raw(b"The quick brown fox jumps over the lazy dog")
LONG = Raw(bytes(1300))
ECHO, ECHO6 = ICMP(type=8, id=1, seq=2) / DATA, ICMPv6EchoRequest(id=1, seq=2, data=bytes(DATA))
NATIVE, SERVER6, ROUTER, ROUTER6 = ghost(POD, native=True), f"64:ff9b::{SERVER}", "203.0.113.1", "64:ff9b::203.0.113.1"


@pytest.fixture(scope="module")
def pod() -> Iterator[Pod]:
    with node() as made:
        yield made.pod(Setting.NATIVE | Setting.SHORT_CUT, outside=OUTSIDE_POD, outside_native=OUTSIDE_NATIVE)


def leaving6(dst: str = SERVER6, **fields: object) -> IPv6:
    return IPv6(**{"src": NATIVE, "dst": dst, **fields})


def leaving4(dst: str = SERVER, **fields: object) -> IP:
    return IP(**{"src": OUTSIDE_NATIVE, "dst": dst, "id": 0, "flags": 0, **fields})


def arriving4(src: str = SERVER, **fields: object) -> IP:
    return IP(**{"src": src, "dst": OUTSIDE_NATIVE, **fields})


def arriving6(src: str = SERVER6, **fields: object) -> IPv6:
    return IPv6(**{"src": src, "dst": NATIVE, **fields})


def quoted4(**fields: object) -> IP:
    """What a pod's error quotes, as the outside knows it: it never becomes a fragment."""
    return arriving4(**{"id": 0, "flags": "DF", **fields})


LEAVING = [
    ("TCP", leaving6() / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1400)]), leaving4() / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1400)])),
    ("UDP", leaving6() / UDP(sport=1, dport=2) / DATA, leaving4() / UDP(sport=1, dport=2) / DATA),
    ("UDP without checksum", leaving6() / UDP(chksum=0) / DATA, leaving4() / UDP(chksum=0) / DATA),
    ("echo", leaving6() / ECHO6, leaving4() / ECHO),
    ("echo answer", leaving6() / ICMPv6EchoReply(id=1, seq=2, data=bytes(DATA)), leaving4() / ICMP(type=0, id=1, seq=2) / DATA),
    ("another protocol", leaving6(nh=132) / DATA, leaving4(proto=132) / DATA),
    ("a long packet", leaving6() / TCP() / LONG, leaving4(flags="DF") / TCP() / LONG),
    ("traffic class, hop limit and flow label", leaving6(tc=0xB9, hlim=9, fl=77) / UDP() / DATA, leaving4(tos=0xB9, ttl=9) / UDP() / DATA),
    ("the last hop, for the kernel to tell", leaving6(hlim=1) / UDP() / DATA, leaving4(ttl=1) / UDP() / DATA),
    ("a fragment", leaving6() / IPv6ExtHdrFragment(nh=17, offset=9, m=1, id=0x12345678) / DATA, leaving4(proto=17, flags="MF", frag=9, id=0x5678) / DATA),
    ("an error about UDP", leaving6() / ICMPv6DestUnreach(code=4) / arriving6() / UDP(sport=1, dport=2) / DATA, leaving4() / ICMP(type=3, code=3) / quoted4() / UDP(sport=1, dport=2) / DATA),
    ("an error about TCP", leaving6() / ICMPv6DestUnreach(code=1) / arriving6() / TCP() / DATA, leaving4() / ICMP(type=3, code=10) / quoted4() / TCP() / DATA),
    ("an error about an echo", leaving6() / ICMPv6TimeExceeded(code=1) / arriving6() / ECHO6, leaving4() / ICMP(type=11, code=1) / quoted4() / ECHO),
    ("an error about a fragment", leaving6() / ICMPv6TimeExceeded(code=1) / arriving6() / IPv6ExtHdrFragment(nh=17, offset=5, id=9) / DATA,
     leaving4() / ICMP(type=11, code=1) / quoted4(proto=17, flags=0, frag=5, id=9) / DATA),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "expected"), [each[1:] for each in LEAVING], ids=[each[0] for each in LEAVING])
def test_native_packets_leave_as_ipv4(pod, packet, expected):
    result = pod.sends(sent(packet))
    assert (result.outcome, result.verdict) == (Outcome.SENT_OUTSIDE, OK)
    assert result.frame.hex() == with_identification(sent(expected), result.frame).hex()


ARRIVING = [
    ("TCP", arriving4() / TCP(sport=1, dport=2, flags="SA", options=[("MSS", 1400)]), arriving6() / TCP(sport=1, dport=2, flags="SA", options=[("MSS", 1400)])),
    ("UDP", arriving4() / UDP(sport=1, dport=2) / DATA, arriving6() / UDP(sport=1, dport=2) / DATA),
    ("echo", arriving4() / ECHO, arriving6() / ECHO6),
    ("echo answer", arriving4() / ICMP(type=0, id=1, seq=2) / DATA, arriving6() / ICMPv6EchoReply(id=1, seq=2, data=bytes(DATA))),
    ("another protocol", arriving4(proto=132) / DATA, arriving6(nh=132) / DATA),
    ("type of service and time to live", arriving4(tos=0xB9, ttl=9) / UDP() / DATA, arriving6(tc=0xB9, hlim=9) / UDP() / DATA),
    ("a fragment", arriving4(proto=17, flags="MF", frag=9, id=0x5678) / DATA, arriving6() / IPv6ExtHdrFragment(nh=17, offset=9, m=1, id=0x5678) / DATA),
    ("port unreachable", arriving4() / ICMP(type=3, code=3) / leaving4() / UDP(sport=1, dport=2) / DATA, arriving6() / ICMPv6DestUnreach(code=4) / leaving6() / UDP(sport=1, dport=2) / DATA),
    ("fragmentation needed, by a router", arriving4(ROUTER) / ICMP(type=3, code=4, nexthopmtu=1400) / leaving4(flags="DF") / TCP() / DATA,
     arriving6(ROUTER6) / ICMPv6PacketTooBig(mtu=1420) / leaving6() / TCP() / DATA),
    ("an MTU below IPv6's", arriving4(ROUTER) / ICMP(type=3, code=4, nexthopmtu=600) / leaving4() / TCP() / DATA, arriving6(ROUTER6) / ICMPv6PacketTooBig(mtu=1280) / leaving6() / TCP() / DATA),
    ("eight bytes of TCP are quoted", arriving4(ROUTER) / ICMP(type=11) / leaving4(proto=6, len=1400) / Raw(bytes(TCP())[:8]), arriving6(ROUTER6) / ICMPv6TimeExceeded() / leaving6(nh=6, plen=1380) / Raw(bytes(TCP())[:8])),
    ("protocol unreachable", arriving4() / ICMP(type=3, code=2) / leaving4(proto=132) / DATA, arriving6() / ICMPv6ParamProblem(code=1, ptr=6) / leaving6(nh=132) / DATA),
    ("an error about an echo", arriving4(ROUTER) / ICMP(type=3, code=1) / leaving4() / ECHO, arriving6(ROUTER6) / ICMPv6DestUnreach(code=0) / leaving6() / ECHO6),
    ("an error about a fragment", arriving4(ROUTER) / ICMP(type=11, code=1) / leaving4(proto=17, flags="MF", frag=5, id=9) / DATA,
     arriving6(ROUTER6) / ICMPv6TimeExceeded(code=1) / leaving6() / IPv6ExtHdrFragment(nh=17, offset=5, m=1, id=9) / DATA),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "expected"), [each[1:] for each in ARRIVING], ids=[each[0] for each in ARRIVING])
def test_ipv4_from_outside_arrives_as_native_ipv6(pod, packet, expected):
    result = pod.gets(routed(packet))
    assert (result.outcome, result.verdict) == (Outcome.RECEIVED_FROM_OUTSIDE, OK)
    assert result.frame.hex() == got(expected).hex()


# Pieces of 128 bytes are summed, the UDP header among them; tests/vpc/bpf tries the longest.
@pytest.mark.parametrize("size", [0, 1, 2, 119, 120, 121, 122, 247, 248, 1000, 1473, 3000])
def test_udp_without_checksum_is_given_one(pod, size):
    data = Raw(bytes((index * 37 + size) % 251 for index in range(size)))
    result = pod.gets(routed(arriving4() / UDP(sport=1, dport=2, chksum=0) / data))
    assert result.outcome == Outcome.RECEIVED_FROM_OUTSIDE
    assert result.frame.hex() == got(arriving6() / UDP(sport=1, dport=2) / data).hex()


def test_a_checksum_that_would_be_zero_is_ones(pod):
    bare = UDP(bytes(arriving6() / UDP() / Raw(bytes(2)))[40:])
    data = Raw(bare.chksum.to_bytes(2, "big"))
    expected = got(arriving6() / UDP() / data)
    assert expected[-4:-2] == b"\xff\xff"
    assert pod.gets(routed(arriving4() / UDP(chksum=0) / data)).frame == expected
    assert pod.gets(routed(arriving4() / UDP() / data)).frame == expected


def test_fragments_stay_fragments(pod):
    data = Raw(bytes(index % 251 for index in range(3000)))
    six = fragment6(leaving6() / IPv6ExtHdrFragment(id=0x1234) / UDP(sport=1, dport=2) / data, 1048)
    four = fragment(leaving4(id=0x1234) / UDP(sport=1, dport=2) / data, 1000)
    for piece, wanted in zip(six, four, strict=True):
        assert pod.sends(sent(piece)).frame.hex() == sent(wanted).hex()
    four = fragment(arriving4(id=0x1234) / UDP(sport=2, dport=1) / data, 1000)
    six = fragment6(arriving6() / IPv6ExtHdrFragment(id=0x1234) / UDP(sport=2, dport=1) / data, 1048)
    for piece, wanted in zip(four, six, strict=True):
        assert pod.gets(routed(piece)).frame.hex() == got(wanted).hex()


ERROR6, ERROR4 = ICMPv6DestUnreach(code=4), ICMP(type=3, code=3)
KEPT = [
    ("another pod's source", leaving6(src=ghost(LOCAL, native=True)) / TCP(), Outcome.DROP_SOURCE_NOT_OURS),
    ("its translated source", leaving6(src=ghost(POD)) / TCP(), Outcome.DROP_SOURCE_NOT_OURS),
    ("to another pod's outside address", leaving6(f"64:ff9b::{OTHER_OUTSIDE}") / TCP(), Outcome.DROP_ROUTE_DENIED),
    ("to its own outside address", leaving6(f"64:ff9b::{OUTSIDE_NATIVE}") / TCP(), Outcome.DROP_ROUTE_DENIED),
    ("to a pod by the outside's prefix", leaving6(f"64:ff9b::{FAR}") / TCP(), Outcome.DROP_NO_ROUTE),
    ("to a multicast of the outside", leaving6("64:ff9b::224.0.0.1") / UDP(), Outcome.DROP_MULTICAST),
    ("to loopback of the outside", leaving6("64:ff9b::127.0.0.1") / UDP(), Outcome.DROP_NO_ROUTE),
    ("hop-by-hop options", leaving6() / IPv6ExtHdrHopByHop() / UDP(), Outcome.DROP_PROTOCOL),
    ("destination options", leaving6() / IPv6ExtHdrDestOpt() / UDP(), Outcome.DROP_PROTOCOL),
    ("ICMP in IPv6", leaving6(nh=1) / DATA, Outcome.DROP_PROTOCOL),
    ("a fragmented echo", leaving6() / IPv6ExtHdrFragment(nh=58, m=1) / ECHO6, Outcome.DROP_ICMP_FRAGMENT),
    ("a fragmented error", leaving6() / IPv6ExtHdrFragment(nh=58, m=1) / ERROR6 / arriving6() / UDP(), Outcome.DROP_ICMP_FRAGMENT),
    ("an error without counterpart", leaving6() / ICMPv6DestUnreach(code=5) / arriving6() / UDP(), Outcome.DROP_ICMP_TYPE),
    ("an error about somebody else's packet", leaving6() / ERROR6 / IPv6(src=SERVER6, dst=ghost(LOCAL, native=True)) / UDP(), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet of a third", leaving6() / ERROR6 / arriving6(ROUTER6) / UDP(), Outcome.DROP_ICMP_QUOTE),
    ("an error about an error", leaving6() / ERROR6 / arriving6() / ERROR6 / leaving6() / UDP(), Outcome.DROP_ICMP_QUOTE),
    ("a short quote", leaving6() / ERROR6 / arriving6(nh=17, plen=60) / Raw(b"1234"), Outcome.DROP_MALFORMED),
    ("a torn transport header", leaving6(nh=6) / Raw(b"12345678"), Outcome.DROP_MALFORMED),
    ("no hops left", leaving6(hlim=0) / UDP(), Outcome.DROP_HOP_LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "reason"), [each[1:] for each in KEPT], ids=[each[0] for each in KEPT])
def test_what_may_not_leave_has_a_reason(pod, packet, reason):
    result = pod.sends(sent(packet))
    assert (result.outcome, result.verdict) == (reason, SHOT)


REFUSED = [
    ("a fragment of UDP without checksum", arriving4(flags="MF") / UDP(chksum=0, len=2000) / LONG, Outcome.DROP_ZERO_CHECKSUM),
    ("a datagram without checksum that is not as long as it says", arriving4() / UDP(chksum=0, len=20) / DATA, Outcome.DROP_MALFORMED),
    ("a fragmented echo", arriving4(flags="MF") / ECHO, Outcome.DROP_ICMP_FRAGMENT),
    ("ICMPv6 in IPv4", arriving4(proto=58) / Raw(bytes(40)), Outcome.DROP_PROTOCOL),
    ("a redirect", arriving4() / ICMP(type=5) / leaving4() / UDP(), Outcome.DROP_ICMP_TYPE),
    ("a timestamp", arriving4() / ICMP(type=13) / DATA, Outcome.DROP_ICMP_TYPE),
    ("an error about another pod's packet", arriving4() / ERROR4 / IP(src=OTHER_OUTSIDE, dst=SERVER) / UDP(), Outcome.DROP_ICMP_QUOTE),
    ("an error about the IPv4 sockets' packet", arriving4() / ERROR4 / IP(src=OUTSIDE_POD, dst=SERVER) / UDP(), Outcome.DROP_ICMP_QUOTE),
    ("an error about an error", arriving4() / ERROR4 / leaving4() / ERROR4 / arriving4() / UDP(), Outcome.DROP_ICMP_QUOTE),
    ("a short quote", arriving4() / ERROR4 / leaving4(proto=17, len=60) / Raw(b"1234"), Outcome.DROP_MALFORMED),
    ("a long quote", arriving4() / ERROR4 / leaving4() / UDP() / Raw(bytes(1200)), Outcome.DROP_ICMP_TOO_LONG),
    ("another pod's outside address", IP(src=SERVER, dst=OTHER_OUTSIDE) / UDP(), Outcome.DROP_DESTINATION_NOT_OURS),
    ("a source inside the pod's VPC", arriving4("10.0.1.6") / UDP(), Outcome.DROP_OTHER_VPC),
    ("a source that the pod may not answer", arriving4(OTHER_OUTSIDE) / UDP(), Outcome.DROP_ROUTE_DENIED),
    ("what was translated elsewhere", arriving6() / UDP(), Outcome.DROP_NOT_GHOST),
    ("an error about what never left as IPv6", arriving6(ROUTER6) / ICMPv6TimeExceeded() / leaving6() / UDP(), Outcome.DROP_ICMP_QUOTE),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "reason"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_may_not_arrive_has_a_reason(pod, packet, reason):
    result = pod.gets(routed(packet))
    assert (result.outcome, result.verdict) == (reason, SHOT)


def test_a_damaged_checksum_stays_damaged(pod):
    frame, wanted = bytearray(routed(arriving4() / UDP() / DATA)), bytearray(got(arriving6() / UDP() / DATA))
    frame[-1] ^= 0x55
    wanted[-1] ^= 0x55
    assert pod.gets(bytes(frame)).frame == bytes(wanted)


def test_a_pod_without_native_sockets_has_no_such_address():
    with node() as made:
        pod = made.pod(Setting(0), outside_native=OUTSIDE_NATIVE)
        assert pod.gets(routed(arriving4() / UDP())).outcome == Outcome.DROP_DESTINATION_NOT_OURS


def test_counters_add_up(pod):
    for direction, run, frames in (
        (Direction.FROM_POD, pod.sends, [sent(each[1]) for each in LEAVING + KEPT]),
        (Direction.TO_POD, pod.gets, [routed(each[1]) for each in ARRIVING + REFUSED]),
    ):
        before = pod.counts(direction).values()
        for frame in frames:
            run(frame)
        after = pod.counts(direction).values()
        assert sum(each.packets for each in after) - sum(each.packets for each in before) == len(frames)
        assert sum(each.bytes for each in after) - sum(each.bytes for each in before) == sum(map(len, frames))
