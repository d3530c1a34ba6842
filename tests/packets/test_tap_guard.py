"""What leaves a virtual machine that translates inside: Ghost IPv6 that is its own, unchanged, and nothing else."""

# ruff: noqa: E501  the tables have a packet a line

from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrFragment,
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
    OK,
    OTHER_OUTSIDE,
    PEERED,
    POD,
    POD_MAC,
    REDIRECT,
    SHOT,
    STRANGE,
    Pod,
    ghost,
    node,
)

DATA = Raw(b"The quick brown fox jumps over the lazy dog")
NATIVE, FAR_NATIVE = ghost(POD, native=True), ghost(FAR, native=True)


@pytest.fixture(scope="module")
def machines() -> Iterator[dict[str, Pod]]:
    with node() as made:
        yield {"dual": made.machine(Setting.NATIVE | Setting.SHORT_CUT), "translated": made.machine(Setting(0))}


PASSES = [
    ("TCP", out6() / TCP(), Outcome.SENT_TO_VPC),
    ("UDP without checksum, as its translator left it", out6() / UDP(chksum=0) / DATA, Outcome.SENT_TO_VPC),
    ("echo", out6() / ICMPv6EchoRequest(id=1, seq=2), Outcome.SENT_TO_VPC),
    ("a fragment", out6() / IPv6ExtHdrFragment(nh=17, offset=9, m=1) / DATA, Outcome.SENT_TO_VPC),
    ("to a pod of this node", out6(ghost(LOCAL)) / TCP(), Outcome.SENT_TO_VPC),
    ("to a peered VPC's pod", out6(ghost(IN_PEERED, PEERED)) / TCP(), Outcome.SENT_TO_VPC),
    ("to the system", out6(ghost(DNS, 0)) / UDP(), Outcome.SENT_TO_VPC),
    ("an error about what it received", out6() / ICMPv6DestUnreach(code=4) / IPv6(src=ghost(FAR), dst=ghost(POD)) / UDP() / DATA, Outcome.SENT_TO_VPC),
    ("to the outside", out6("64:ff9b::192.0.2.7") / TCP(), Outcome.SENT_OUTSIDE),
    ("native", IPv6(src=NATIVE, dst=FAR_NATIVE) / TCP(), Outcome.SENT_NATIVE),
    ("native to a pod of this node", IPv6(src=NATIVE, dst=ghost(LOCAL_NATIVE, native=True)) / TCP(), Outcome.SENT_NATIVE),
    ("native to the system", IPv6(src=NATIVE, dst=ghost(DNS, 0)) / UDP(), Outcome.SENT_NATIVE),
    ("native to the outside", IPv6(src=NATIVE, dst="64:ff9b::192.0.2.7") / TCP(), Outcome.SENT_NATIVE),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "outcome"), [each[1:] for each in PASSES], ids=[each[0] for each in PASSES])
def test_its_own_packets_pass_unchanged(machines, packet, outcome):
    frame = sent(packet)
    result = machines["dual"].sends(frame)
    assert (result.outcome, result.verdict, result.frame) == (outcome, OK, frame)


@pytest.mark.parametrize("source", [ghost(POD), NATIVE, "fe80::5"], ids=["translated", "native", "link-local"])
def test_neighbour_discovery_finds_the_gateway(machines, source):
    asked = IPv6(src=source, dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="fe80::1")
    frame = bytes(Ether(dst="33:33:ff:00:00:01", src=POD_MAC) / asked / ICMPv6NDOptSrcLLAddr(lladdr=POD_MAC))
    result = machines["dual"].sends(frame)
    answer = ICMPv6ND_NA(R=0, S=1, O=1, tgt="fe80::1") / ICMPv6NDOptDstLLAddr(lladdr=GATEWAY_MAC)
    expected = Ether(dst=POD_MAC, src=GATEWAY_MAC) / IPv6(src="fe80::1", dst=source, hlim=255) / answer
    assert (result.outcome, result.verdict) == (Outcome.NEIGHBOR_ANSWERED, REDIRECT)
    assert result.frame.hex() == bytes(expected).hex()


REFUSED = [
    ("IPv4", sent(out4() / UDP()), Outcome.DROP_NOT_IP),
    ("IPv4 to the outside", sent(IP(src=POD, dst="192.0.2.7") / UDP()), Outcome.DROP_NOT_IP),
    ("ARP", sent(ARP(op=1, psrc=POD, pdst="169.254.1.1")), Outcome.DROP_NOT_IP),
    ("a VLAN tag", sent(Dot1Q(vlan=5) / out6() / UDP()), Outcome.DROP_NOT_IP),
    ("another protocol", bytes(Ether(dst=GATEWAY_MAC, src=POD_MAC, type=0x88CC) / DATA), Outcome.DROP_NOT_IP),
    ("another's source", sent(out6(src=ghost(LOCAL)) / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("another VPC's source", sent(out6(src=ghost(POD, STRANGE)) / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("the system's source", sent(out6(src=ghost(POD, 0)) / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("a source in the world", sent(out6(src="2001:db8::5") / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("the outside's source", sent(out6(src="64:ff9b::192.0.2.7") / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("a link-local source", sent(IPv6(src="fe80::5", dst="fe80::1") / UDP()), Outcome.DROP_SOURCE_NOT_OURS),
    ("to another VPC", sent(out6(ghost(FAR, STRANGE)) / UDP()), Outcome.DROP_OTHER_VPC),
    ("to another cluster", sent(out6("fd6b:3370:1000:c0ff:ee12:7:a00:106") / UDP()), Outcome.DROP_NOT_GHOST),
    ("to the world", sent(out6("2001:db8::a00:106") / UDP()), Outcome.DROP_NO_ROUTE),
    ("to an outside address", sent(out6(f"64:ff9b::{OTHER_OUTSIDE}") / UDP()), Outcome.DROP_ROUTE_DENIED),
    ("to a pod by the outside's prefix", sent(out6(f"64:ff9b::{FAR}") / UDP()), Outcome.DROP_NO_ROUTE),
    ("translated to native", sent(out6(FAR_NATIVE) / UDP()), Outcome.DROP_NATIVE_MISMATCH),
    ("native to translated", sent(IPv6(src=NATIVE, dst=ghost(FAR)) / UDP()), Outcome.DROP_NATIVE_MISMATCH),
    ("a router advertisement", sent(IPv6(src="fe80::1", dst="ff02::1", hlim=255) / ICMPv6ND_RA()), Outcome.DROP_MULTICAST),
    ("a router advertisement to a pod", sent(out6(hlim=255) / ICMPv6ND_RA()), Outcome.DROP_ICMP_TYPE),
    ("a router solicitation", sent(IPv6(src="fe80::5", dst="ff02::2", hlim=255) / ICMPv6ND_RS()), Outcome.DROP_MULTICAST),
    ("a multicast report", sent(IPv6(src=NATIVE, dst="ff02::16") / ICMPv6MLReport()), Outcome.DROP_MULTICAST),
    ("a neighbour advertisement", sent(out6(hlim=255) / ICMPv6ND_NA()), Outcome.DROP_ICMP_TYPE),
    ("a test for duplicates", sent(IPv6(src="::", dst="ff02::1:ff00:5", hlim=255) / ICMPv6ND_NS(tgt=NATIVE)), Outcome.DROP_NEIGHBOR),
    ("discovery from afar", sent(IPv6(src=NATIVE, dst="fe80::1", hlim=64) / ICMPv6ND_NS(tgt="fe80::1")), Outcome.DROP_MALFORMED),
    ("an error about somebody else's packet", sent(out6() / ICMPv6DestUnreach() / IPv6(src=ghost(FAR), dst=ghost(LOCAL)) / UDP()), Outcome.DROP_ICMP_QUOTE),
    ("an error about a packet of a third", sent(out6() / ICMPv6DestUnreach() / IPv6(src=ghost(LOCAL), dst=ghost(POD)) / UDP()), Outcome.DROP_ICMP_QUOTE),
    ("longer than the frame", sent(out6(plen=2000) / UDP()), Outcome.DROP_MALFORMED),
    ("no hops left", sent(out6(hlim=0) / UDP()), Outcome.DROP_HOP_LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "reason"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_is_refused_has_a_reason(machines, frame, reason):
    result = machines["dual"].sends(frame)
    assert (result.outcome, result.verdict) == (reason, SHOT)


def test_a_machine_without_native_sockets_has_no_such_source(machines):
    result = machines["translated"].sends(sent(IPv6(src=NATIVE, dst=FAR_NATIVE) / TCP()))
    assert (result.outcome, result.verdict) == (Outcome.DROP_SOURCE_NOT_OURS, SHOT)
    assert machines["translated"].sends(sent(out6() / TCP())).outcome == Outcome.SENT_TO_VPC


def test_padding_does_not_travel(machines):
    frame = sent(out6() / UDP() / Raw(b"x"))
    assert machines["dual"].sends(frame + bytes(17)).frame == frame


def test_counters_add_up_to_what_was_sent(machines):
    machine = machines["dual"]
    frames = [sent(each[1]) for each in PASSES] + [each[1] for each in REFUSED]
    before = machine.counts(Direction.FROM_POD).values()
    for frame in frames:
        machine.sends(frame)
    after = machine.counts(Direction.FROM_POD).values()
    assert sum(each.packets for each in after) - sum(each.packets for each in before) == len(frames)
    assert sum(each.bytes for each in after) - sum(each.bytes for each in before) == sum(map(len, frames))
