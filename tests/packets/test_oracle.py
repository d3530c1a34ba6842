"""The programs and an independent translator agree on generated packets. ``PACKETS_SEED=n`` replays one run."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from k3py.model.ghost import NAT64
from k3py.vpc.bpf.abi import Direction, Setting
from tests.packets import oracle
from tests.packets.generate import NATIVE4, NATIVE6, native_packet4, native_packet6, packet4, packet6
from tests.packets.oracle import Untranslatable
from tests.packets.world import (
    DNS,
    GATEWAY_MAC,
    OK,
    OUTSIDE_NATIVE,
    PEERED,
    POD,
    POD_MAC,
    SHOT,
    VPC,
    Pod,
    ghost,
    node,
    packed,
)

SHORT, LONG = 10_000, 500_000
SENT = packed(GATEWAY_MAC) + packed(POD_MAC)
GOT = packed(POD_MAC) + packed(GATEWAY_MAC)
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
POD4, POD6 = IPv4Address(POD).packed, IPv6Address(ghost(POD)).packed
PREFIXES = [
    (IPv4Network("10.0.0.0/16"), IPv6Address(ghost("0.0.0.0")).packed[:12]),
    (IPv4Network("10.8.0.0/16"), IPv6Address(ghost("0.0.0.0", PEERED)).packed[:12]),
    (IPv4Network(f"{DNS}/32"), IPv6Address(ghost("0.0.0.0", 0)).packed[:12]),
]
NOWHERE = [IPv4Network(each) for each in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "100.64.0.0/10")]
OUTSIDE, SYSTEM = NAT64.network_address.packed[:12], PREFIXES[2][1]
NATIVE = IPv6Address(ghost(POD, native=True)).packed[:10]
# Ids of the VPCs that this pod hears: its own, the peered one, the system.
HEARD = [each.to_bytes(2, "big") for each in (VPC, PEERED, 0)]
DUMMY = IPv4Address("192.0.0.8").packed


@pytest.fixture(scope="module")
def pods() -> Iterator[dict[str, Pod]]:
    with node() as made:
        yield {"translated": made.pod(Setting(0)), "native": made.pod(Setting.NATIVE, outside_native=OUTSIDE_NATIVE)}


def prefix_of(ipv4: bytes) -> bytes:
    """What this pod finds behind an address."""
    address = IPv4Address(ipv4)
    if any(address in each for each in NOWHERE):
        raise Untranslatable("no route")
    return next((prefix for network, prefix in PREFIXES if address in network), OUTSIDE)


def expected6(packet: bytes) -> bytes:
    """The IPv6 packet that has to leave, by RFC 7915 and the pod's routes."""
    peer = packet[16:20]
    prefix = prefix_of(peer)
    if packet[12:16] != POD4:
        raise Untranslatable("forged")

    def addresses(ipv4: bytes) -> bytes:
        if ipv4 not in (POD4, peer):
            raise Untranslatable("a stranger's packet is quoted")
        return POD6 if ipv4 == POD4 else prefix + peer

    if packet[9] == oracle.ICMP and packet[20:21] not in (b"\0", b"\x08") and not packet[7] and not packet[6] & 0x1F:
        quoted = packet[28:48]
        if quoted[12:16] != peer or quoted[16:20] != POD4:
            raise Untranslatable("a stranger's packet is quoted")
    return oracle.to_ipv6(packet, addresses, among_pods=prefix not in (OUTSIDE, SYSTEM))


def check_quote(quoted: bytes) -> None:
    """An error has to be about a packet that the pod can have sent."""
    target = quoted[24:40]
    if target[:10] == NATIVE:
        target = POD6[:10] + target[10:]
    if quoted[8:24] != POD6 or prefix_of(target[12:]) != target[:12]:
        raise Untranslatable("the pod cannot have sent what is quoted")


def expected4(packet: bytes, identification: int) -> bytes:
    """The IPv4 packet that the pod has to get."""
    sender, native = packet[8:24], False
    if packet[24:40] != POD6:
        raise Untranslatable("for another")
    if sender[:10] == NATIVE:
        native, sender = True, POD6[:10] + sender[10:]
    ghost_sender, system = sender[:10] == POD6[:10], sender[10:12] == SYSTEM[10:]
    if ghost_sender and sender[10:12] not in HEARD:
        raise Untranslatable("another VPC")
    if packet[6] == oracle.ICMPV6 and packet[40:41] < b"\x80":
        check_quote(packet[48:88])
        shown = sender[12:] if (ghost_sender and not system) or sender[:12] == OUTSIDE else DUMMY
    elif sender[:12] == OUTSIDE or (ghost_sender and (system or not native)):
        shown = sender[12:]
    else:
        raise Untranslatable("not from the pod's world")

    seen: list[bytes] = []

    def addresses(ipv6: bytes) -> bytes:
        seen.append(ipv6)
        if ipv6 == POD6:
            return POD4
        return shown if len(seen) == 1 else ipv6[12:]

    return oracle.to_ipv4(packet, addresses, identification, among_pods=ghost_sender and not system)


def expected_outside4(packet: bytes, identification: int) -> bytes:
    """What leaves the node of a native packet to the outside."""
    peer = packet[24:40]
    if packet[8:24] != NATIVE6 or peer[:12] != OUTSIDE or prefix_of(peer[12:]) != OUTSIDE:
        raise Untranslatable("not the pod's, or not to the outside")
    if packet[6] == oracle.ICMPV6 and packet[40:41] < b"\x80" and packet[56:88] != peer + NATIVE6:
        raise Untranslatable("a stranger's packet is quoted")

    def addresses(ipv6: bytes) -> bytes:
        return NATIVE4 if ipv6 == NATIVE6 else ipv6[12:]

    return oracle.to_ipv4(packet, addresses, identification, among_pods=False)


def expected_outside6(packet: bytes) -> bytes:
    """What a native socket gets from outside."""
    if packet[16:20] != NATIVE4:
        raise Untranslatable("for another")
    if packet[9] != oracle.ICMP and prefix_of(packet[12:16]) != OUTSIDE:
        raise Untranslatable("not from the outside")
    first = not packet[7] and not packet[6] & 0x1F
    if packet[9] == oracle.ICMP and first and packet[20:21] not in (b"\0", b"\x08") and packet[40:44] != NATIVE4:
        raise Untranslatable("a stranger's packet is quoted")

    roles = iter(["sender", "pod", "pod", "receiver"])  # of the packet, and of the one that it may quote

    def addresses(ipv4: bytes) -> bytes:
        return NATIVE6 if next(roles) == "pod" else OUTSIDE + ipv4

    return oracle.to_ipv6(packet, addresses, among_pods=False)


def drawn(frame: bytes) -> int:
    """The identification that a program drew for a packet that may be fragmented."""
    return int.from_bytes(frame[18:20], "big")


@dataclass(frozen=True)
class Way:
    """Packets of one kind, and the frame that has to come of each: given the packet, and the frame that came."""

    pod: str
    direction: Direction
    generate: Callable[[random.Random], bytes]
    expect: Callable[[bytes, bytes], bytes]


FROM, TO = Direction.FROM_POD, Direction.TO_POD
WAYS = {
    "from the pod": Way("translated", FROM, packet4, lambda sent, _: SENT + IPV6 + expected6(sent)),
    "to the pod": Way("translated", TO, packet6, lambda sent, got: GOT + IPV4 + expected4(sent, drawn(got))),
    "native to the outside": Way(
        "native", FROM, native_packet6, lambda sent, got: SENT + IPV4 + expected_outside4(sent, drawn(got))
    ),
    "native from the outside": Way("native", TO, native_packet4, lambda sent, _: GOT + IPV6 + expected_outside6(sent)),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


def check(pod: Pod, way: Way, packet: bytes) -> bool:
    """One packet through program and oracle; whether it was translated."""
    macs = SENT if way.direction is Direction.FROM_POD else bytes(12)
    ran = pod.runs(way.direction, macs + (IPV4 if way.generate in (packet4, native_packet4) else IPV6) + packet)
    try:
        wanted = way.expect(packet, ran.packet)
    except Untranslatable as untranslatable:
        reason = untranslatable
    else:
        assert ran.verdict == OK
        assert ran.packet.hex() == wanted.hex()
        return True
    assert ran.verdict == SHOT, f"not dropped although: {reason}"
    return False


def run(pod: Pod, way: Way, seed: int, count: int) -> int:
    """Many packets; how many of them were translated."""
    source = random.Random(seed)
    translated = 0
    for index in range(count):
        packet = way.generate(source)
        try:
            translated += check(pod, way, packet)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, packet {index}: {packet.hex()}\n{error}") from error
    return translated


def seed() -> int:
    return int(os.environ.get("PACKETS_SEED", "1"))


@EVERY_WAY
def test_generated_packets(pods, way):
    assert SHORT * 0.3 < run(pods[way.pod], way, seed(), SHORT) < SHORT * 0.95


@pytest.mark.long
@EVERY_WAY
def test_two_million_generated_packets(pods, way):
    pod = pods[way.pod]
    before = sum(each.packets for each in pod.counts(way.direction).values())
    run(pod, way, seed(), LONG)
    assert sum(each.packets for each in pod.counts(way.direction).values()) - before == LONG
