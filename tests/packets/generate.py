"""Random packets, most of them sensible, some damaged; all from one seed."""

import random
import struct
from ipaddress import IPv4Address, IPv6Address

from tests.packets.oracle import FRAGMENT, ICMP, ICMPV6, TCP, UDP, field, total
from tests.packets.world import (
    DNS,
    FAR,
    IN_PEERED,
    IN_STRANGE,
    LOCAL,
    OTHER_OUTSIDE,
    OUTSIDE_NATIVE,
    PEERED,
    POD,
    SERVER,
    STRANGE,
    ghost,
)

FAR4 = [IPv4Address(each).packed for each in (FAR, FAR, FAR, LOCAL, IN_PEERED, IN_STRANGE, DNS, SERVER, OTHER_OUTSIDE)]
POD4 = IPv4Address(POD).packed
FAR6 = [
    IPv6Address(each).packed
    for each in (
        *[ghost(FAR)] * 3, ghost(IN_PEERED, PEERED), ghost(IN_STRANGE, STRANGE), ghost(DNS, 0), ghost(FAR, native=True),
        "64:ff9b::192.0.2.7", "2001:db8::1", "64:ff9b::100.64.0.6",
    )
]  # fmt: skip
POD6 = IPv6Address(ghost(POD)).packed
NATIVE6, NATIVE4 = IPv6Address(ghost(POD, native=True)).packed, IPv4Address(OUTSIDE_NATIVE).packed
WORLD4 = [IPv4Address(each).packed for each in (SERVER, SERVER, "203.0.113.1", IN_STRANGE, OTHER_OUTSIDE)]
DATA_MAX = 1400


def packet4(source: random.Random) -> bytes:
    """An IPv4 packet that a pod sends."""
    destination = source.choice(FAR4)
    protocol = source.choice((TCP, UDP, UDP, ICMP, ICMP, ICMP, source.randrange(256)))
    if protocol == ICMP and source.random() < 0.5:
        data = _message(source, source.choice((3, 3, 3, 11, 12, 5)), _quoted4(source, destination, POD4), b"")
        return _damaged4(source, _header4(source, POD4, destination, ICMP, data, 0.05))
    data = _transport(source, protocol, POD4 + destination)
    return _damaged4(source, _header4(source, POD4, destination, protocol, data, 0.3))


def packet6(source: random.Random) -> bytes:
    """An IPv6 packet that the kernel routes to a pod."""
    sender = source.choice(FAR6)
    protocol = source.choice((TCP, UDP, UDP, ICMPV6, ICMPV6, ICMPV6, source.randrange(256)))
    if protocol == ICMPV6 and source.random() < 0.5:
        quoted = _quoted6(source, POD6, source.choice((sender, sender, FAR6[0])))
        words = sender + POD6 + struct.pack(">II", len(quoted) + 8, ICMPV6)
        data = _message(source, source.choice((1, 1, 2, 2, 3, 4, 137)), quoted, words)
        return _damaged6(source, _header6(source, sender, POD6, ICMPV6, data, 0.05))
    data = _transport(source, protocol, sender + POD6)
    return _damaged6(source, _header6(source, sender, POD6, protocol, data, 0.3))


def native_packet6(source: random.Random) -> bytes:
    """A packet that a native socket of a pod sends to the outside."""
    destination = bytes.fromhex("0064ff9b") + bytes(8) + source.choice(WORLD4)
    protocol = source.choice((TCP, UDP, UDP, ICMPV6, ICMPV6, ICMPV6, source.randrange(256)))
    if protocol == ICMPV6 and source.random() < 0.5:
        quoted = _quoted6(source, destination, NATIVE6)
        words = NATIVE6 + destination + struct.pack(">II", len(quoted) + 8, ICMPV6)
        data = _message(source, source.choice((1, 1, 2, 2, 3, 4, 137)), quoted, words)
        return _damaged6(source, _header6(source, NATIVE6, destination, ICMPV6, data, 0.05))
    data = _transport(source, protocol, NATIVE6 + destination)
    return _damaged6(source, _header6(source, NATIVE6, destination, protocol, data, 0.3))


def native_packet4(source: random.Random) -> bytes:
    """An answer to it, or what a router has to say of it."""
    sender = source.choice(WORLD4)
    protocol = source.choice((TCP, UDP, UDP, ICMP, ICMP, ICMP, source.randrange(256)))
    if protocol == ICMP and source.random() < 0.5:
        quoted = _quoted4(source, NATIVE4, source.choice((sender, WORLD4[0])))
        data = _message(source, source.choice((3, 3, 3, 11, 12, 5)), quoted, b"")
        return _damaged4(source, _header4(source, sender, NATIVE4, ICMP, data, 0.05))
    data = _transport(source, protocol, sender + NATIVE4)
    return _damaged4(source, _header4(source, sender, NATIVE4, protocol, data, 0.3))


def _transport(source: random.Random, protocol: int, addresses: bytes, length: int | None = None) -> bytes:
    data = source.randbytes(source.choice((0, 1, 7, 32, source.randrange(DATA_MAX))) if length is None else length)
    if protocol == TCP:
        made, at = source.randbytes(12) + b"\x50\x10\xff\xff" + bytes(4) + data, 16
    elif protocol == UDP:
        made, at = source.randbytes(4) + struct.pack(">H", len(data) + 8) + bytes(2) + data, 6
    elif protocol == ICMP:
        made, at = bytes([source.choice((0, 8))]) + bytes(3) + source.randbytes(4) + data, 2
    elif protocol == ICMPV6:
        made, at = bytes([source.choice((128, 129))]) + bytes(3) + source.randbytes(4) + data, 2
    else:
        return data
    words = total(made)
    if protocol != ICMP:
        words += total(addresses + struct.pack(">II", len(made), protocol))
    checksum = field(words)
    if protocol == UDP:
        checksum = 0 if source.random() < 0.2 else checksum or 65535
    return made[:at] + struct.pack(">H", checksum) + made[at + 2 :]


def _message(source: random.Random, kind: int, quoted: bytes, pseudo: bytes) -> bytes:
    rest = source.choice(
        (bytes(4), struct.pack(">I", source.randrange(3000)), bytes([source.randrange(50)]) + bytes(3))
    )
    made = bytes([kind, source.choice((0, 2, 4, source.randrange(17)))]) + bytes(2) + rest + quoted
    return made[:2] + struct.pack(">H", field(total(made) + total(pseudo))) + made[4:]


def _quoted4(source: random.Random, sender: bytes, receiver: bytes) -> bytes:
    protocol = source.choice((TCP, UDP, ICMP, 132))
    if source.random() < 0.1:
        sender = source.choice(FAR4)
    if source.random() < 0.1:
        receiver = FAR4[3]
    data = _transport(source, protocol, sender + receiver, source.choice((0, 4, 12, 40, 500, 1150)))
    whole = _header4(source, sender, receiver, protocol, data, 0.2)
    return whole if source.random() < 0.5 else whole[: 20 + source.choice((4, 8, 8, 8, 28))]


def _quoted6(source: random.Random, sender: bytes, receiver: bytes) -> bytes:
    protocol = source.choice((TCP, UDP, ICMPV6, 132))
    if source.random() < 0.1:
        sender = FAR6[0]
    data = _transport(source, protocol, sender + receiver, source.choice((0, 4, 12, 40, 500, 1150)))
    whole = _header6(source, sender, receiver, protocol, data, 0.2)
    return whole if source.random() < 0.5 else whole[: 40 + source.choice((4, 8, 8, 16, 28))]


def _header4(
    source: random.Random, sender: bytes, receiver: bytes, protocol: int, data: bytes, fragments: float
) -> bytes:
    bits = source.choice((0, 0x4000))
    if source.random() < fragments:
        bits |= source.choice((0x2000, 0x2000 | source.randrange(1, 2000), source.randrange(1, 8000)))
    hops = source.choice((64, source.randrange(256)))
    made = struct.pack(
        ">BBHHHBBH4s4s", 0x45, source.randrange(256), 20 + len(data), source.randrange(65536), bits, hops, protocol, 0,
        sender, receiver,
    )  # fmt: skip
    return with_checksum(made) + data


def _header6(
    source: random.Random, sender: bytes, receiver: bytes, protocol: int, data: bytes, fragments: float
) -> bytes:
    if source.random() < fragments:
        bits = source.choice((1, source.randrange(1, 2000) << 3 | 1, source.randrange(1, 8000) << 3))
        data, protocol = struct.pack(">BBHI", protocol, 0, bits, source.randrange(2**32)) + data, FRAGMENT
    first = 6 << 28 | source.randrange(2**28)
    hops = source.choice((64, source.randrange(256)))
    return struct.pack(">IHBB", first, len(data), protocol, hops) + sender + receiver + data


def with_checksum(header: bytes) -> bytes:
    """An IPv4 header with the right checksum."""
    bare = header[:10] + bytes(2) + header[12:20]
    return bare[:10] + struct.pack(">H", field(total(bare))) + bare[12:]


def _damaged4(source: random.Random, packet: bytes) -> bytes:
    damaged = _damaged6(source, packet)
    return damaged if damaged == packet or source.random() < 0.2 else with_checksum(damaged) + damaged[20:]


def _damaged6(source: random.Random, packet: bytes) -> bytes:
    """One bit in ten packets turns; some are followed by padding."""
    if source.random() < 0.1:
        at = source.randrange(min(len(packet), 110))
        packet = packet[:at] + bytes([packet[at] ^ 1 << source.randrange(8)]) + packet[at + 1 :]
    return packet + bytes(source.randrange(9)) if source.random() < 0.05 else packet
