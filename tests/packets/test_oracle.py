"""The programs and an independent translator agree on generated packets. ``PACKETS_SEED=n`` replays one run."""

import os
import random
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from k3py.model.ghost import NAT64
from k3py.vpc.bpf.abi import Direction, Setting
from tests.packets import oracle
from tests.packets.generate import packet4, packet6
from tests.packets.oracle import Untranslatable
from tests.packets.world import DNS, GATEWAY_MAC, OK, PEERED, POD, POD_MAC, SHOT, VPC, Pod, ghost, node, packed

SHORT, LONG = 10_000, 500_000
SENT = packed(GATEWAY_MAC) + packed(POD_MAC)
GOT = packed(POD_MAC) + packed(GATEWAY_MAC)
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
def pod() -> Iterator[Pod]:
    with node() as made:
        yield made.pod(Setting(0))


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


def check(pod: Pod, direction: Direction, packet: bytes, expect: Callable[[bytes, bytes], bytes]) -> bool:
    """One packet through program and oracle; whether it was translated."""
    sends = direction is Direction.FROM_POD
    macs = SENT if sends else bytes(12)
    ran = pod.runs(direction, macs + (b"\x08\x00" if sends else b"\x86\xdd") + packet)
    try:
        wanted = expect(packet, ran.packet)
    except Untranslatable as untranslatable:
        reason = untranslatable
    else:
        assert ran.verdict == OK
        assert ran.packet.hex() == wanted.hex()
        return True
    assert ran.verdict == SHOT, f"not dropped although: {reason}"
    return False


def run(pod: Pod, direction: Direction, seed: int, count: int) -> int:
    """Many packets; how many of them were translated."""
    source = random.Random(seed)
    translated = 0
    for index in range(count):
        if direction is Direction.FROM_POD:
            packet = packet4(source)
            expect = lambda sent, _: SENT + b"\x86\xdd" + expected6(sent)  # noqa: E731
        else:
            packet = packet6(source)
            expect = lambda sent, got: GOT + b"\x08\x00" + expected4(sent, int.from_bytes(got[18:20], "big"))  # noqa: E731
        try:
            translated += check(pod, direction, packet, expect)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, packet {index}: {packet.hex()}\n{error}") from error
    return translated


def seed() -> int:
    return int(os.environ.get("PACKETS_SEED", "1"))


@pytest.mark.parametrize("direction", list(Direction), ids=lambda each: each.name.lower())
def test_generated_packets(pod, direction):
    assert SHORT * 0.3 < run(pod, direction, seed(), SHORT) < SHORT * 0.95


@pytest.mark.long
@pytest.mark.parametrize("direction", list(Direction), ids=lambda each: each.name.lower())
def test_a_million_generated_packets(pod, direction):
    before = sum(each.packets for each in pod.counts(direction).values())
    run(pod, direction, seed(), LONG)
    assert sum(each.packets for each in pod.counts(direction).values()) - before == LONG
