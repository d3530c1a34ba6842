"""RFC 7915 in plain Python, written from the text and not from the programs: the second opinion in generated tests.

Deviations that k3py wants, both among pods only: a UDP checksum of zero stays, and fragmented echoes are translated
with a pseudo header of length 0. All other UDP without a checksum is given one, as the RFC allows.
Packets are bytes from the IP header on; checksums are integers modulo 65535.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

ICMP, TCP, UDP, FRAGMENT, ICMPV6 = 1, 6, 17, 44, 58
# Hop-by-hop, routing, fragment, authentication, ICMPv6, destination options, mobility, HIP, shim6.
ONLY_IPV6 = {0, 43, 44, 51, 58, 60, 135, 139, 140}
ONLY_IPV4 = {1, 2} | ONLY_IPV6 - {ICMPV6}
TRANSPORT_MIN = {TCP: 20, UDP: 8, ICMP: 8, ICMPV6: 8}
CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}
QUOTED_MIN = 8
ICMPV6_ERROR_MAX = 1280
PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508]

Addresses = Callable[[bytes], bytes]


class Untranslatable(Exception):
    """The packet has to be dropped."""


def total(data: bytes) -> int:
    """The sum of 16-bit words."""
    data += bytes(len(data) % 2)
    return sum(struct.unpack(f">{len(data) // 2}H", data)) % 65535


def field(words: int) -> int:
    """The checksum field for a sum of words."""
    return 65535 - (words % 65535 or 65535)


def adjusted(old: int, removed: int, added: int) -> int:
    """A checksum field after some of the words that it covers were exchanged for others."""
    return field(65535 - old - removed + added)


@dataclass(frozen=True)
class Header:
    """What both versions say. ``offset`` counts 8 bytes."""

    source: bytes
    destination: bytes
    protocol: int
    hops: int
    traffic_class: int
    length: int
    identification: int = 0
    offset: int = 0
    more: bool = False
    fragment: bool = False


def read4(packet: bytes) -> tuple[Header, bytes]:
    """An IPv4 header, its checksum unchecked, and what follows."""
    if len(packet) < 20 or packet[0] != 0x45:
        raise Untranslatable("no plain IPv4 header")
    _, tos, length, identification, bits, hops, protocol, _ = struct.unpack_from(">BBHHHBBH", packet)
    if length < 20:
        raise Untranslatable("shorter than its header")
    offset, more = bits & 0x1FFF, bool(bits & 0x2000)
    header = Header(
        packet[12:16], packet[16:20], protocol, hops, tos, length - 20, identification, offset, more, more or offset > 0
    )
    return header, packet[20:]


def read6(packet: bytes) -> tuple[Header, bytes]:
    """An IPv6 header with its fragment header, and what follows."""
    if len(packet) < 40 or packet[0] >> 4 != 6:
        raise Untranslatable("no IPv6 header")
    first, length, protocol, hops = struct.unpack_from(">IHBB", packet)
    source, destination, traffic_class = packet[8:24], packet[24:40], first >> 20 & 0xFF
    if protocol != FRAGMENT:
        return Header(source, destination, protocol, hops, traffic_class, length), packet[40:]
    if len(packet) < 48 or length < 8:
        raise Untranslatable("torn fragment header")
    protocol, _, bits, identification = struct.unpack_from(">BBHI", packet, 40)
    header = Header(
        source, destination, protocol, hops, traffic_class, length - 8, identification & 0xFFFF, bits >> 3,
        bool(bits & 1), True,
    )  # fmt: skip
    return header, packet[48:]


def write4(header: Header, identification: int) -> bytes:
    """The IPv4 header; ``identification`` for packets that are no fragments but may become some."""
    length, bits = header.length + 20, header.offset | header.more << 13
    if header.fragment:
        identification = header.identification
    elif length > 1260:
        identification, bits = 0, 0x4000
    if length > 65535:
        raise Untranslatable("too long")
    made = struct.pack(
        ">BBHHHBBH4s4s", 0x45, header.traffic_class, length, identification, bits, header.hops, header.protocol, 0,
        header.source, header.destination,
    )  # fmt: skip
    return made[:10] + struct.pack(">H", field(total(made))) + made[12:]


def write6(header: Header) -> bytes:
    """The IPv6 header, with a fragment header for fragments."""
    extra = b""
    if header.fragment:
        bits = header.offset << 3 | header.more
        extra = struct.pack(">BBHI", header.protocol, 0, bits, header.identification)
    protocol = FRAGMENT if header.fragment else header.protocol
    length = header.length + len(extra)
    first = 6 << 28 | header.traffic_class << 20
    return struct.pack(">IHBB", first, length, protocol, header.hops) + header.source + header.destination + extra


def pseudo(header: Header) -> int:
    """ICMPv6's pseudo header; of a fragment nobody knows the whole's length."""
    length = 0 if header.fragment else header.length
    return total(header.source + header.destination + struct.pack(">II", length, ICMPV6))


def transport(old: Header, new: Header, data: bytes) -> bytes:
    """The transport header behind exchanged IP headers; as much of it as is there."""
    at = CHECKSUM_AT.get(old.protocol)
    if old.offset or at is None or len(data) < at + (4 if old.protocol == TCP else 2):
        return data
    (checksum,) = struct.unpack_from(">H", data, at)
    kind = data[0]
    if old.protocol == ICMP:
        kind = {8: 128, 0: 129}[data[0]]
        checksum = adjusted(checksum, data[0] << 8, (kind << 8) + pseudo(new))
    elif old.protocol == ICMPV6:
        kind = {128: 8, 129: 0}[data[0]]
        checksum = adjusted(checksum, (data[0] << 8) + pseudo(old), kind << 8)
    elif old.protocol == TCP or checksum:
        removed, added = total(old.source + old.destination), total(new.source + new.destination)
        checksum = adjusted(checksum, removed, added)
        if old.protocol == UDP and not checksum:
            checksum = 65535
    return bytes([kind]) + data[1:at] + struct.pack(">H", checksum) + data[at + 2 :]


def renamed(header: Header, addresses: Addresses, protocol: int) -> Header:
    """The same header with the other version's addresses and protocol number."""
    return Header(
        addresses(header.source), addresses(header.destination), protocol, header.hops, header.traffic_class,
        header.length, header.identification, header.offset, header.more, header.fragment,
    )  # fmt: skip


def error_to_icmpv6(kind: int, code: int, rest: bytes, quoted_length: int) -> tuple[int, int, int]:
    """Type, code and second word of an ICMPv6 error: section 4.2."""
    if kind == 11:
        return 3, code, 0
    if kind == 12:
        pointers = {0: 0, 1: 1, 2: 4, 3: 4, 8: 7, 9: 6, **dict.fromkeys(range(12, 16), 8)}
        pointers |= dict.fromkeys(range(16, 20), 24)
        if code in (0, 2) and rest[0] in pointers:
            return 4, 0, pointers[rest[0]]
    if kind == 3:
        if code in (0, 1, 5, 6, 7, 8, 11, 12):
            return 1, 0, 0
        if code in (9, 10, 13, 15):
            return 1, 1, 0
        if code == 2:
            return 4, 1, 6
        if code == 3:
            return 1, 4, 0
        if code == 4:
            mtu = int.from_bytes(rest[2:], "big")
            mtu = mtu or next((each for each in PLATEAUS if each < quoted_length), PLATEAUS[-1])
            return 2, 0, max(1280, mtu + 20)
    raise Untranslatable(f"ICMP {kind}/{code}")


def error_to_icmp(kind: int, code: int, rest: bytes, about_fragment: bool) -> tuple[int, int, int]:
    """Type, code and second word of an ICMPv4 error: section 5.2."""
    word = int.from_bytes(rest, "big")
    if kind == 1 and code in (0, 1, 2, 3, 4):
        return 3, {1: 10, 4: 3}.get(code, 1), 0
    if kind == 2:
        return 3, 4, max(68, min(word, 65535) - (28 if about_fragment else 20))
    if kind == 3:
        return 11, code, 0
    if kind == 4 and code == 1:
        return 3, 2, 0
    if kind == 4 and code == 0:
        pointers = {0: 0, 1: 1, 4: 2, 5: 2, 6: 9, 7: 8, **dict.fromkeys(range(8, 24), 12)}
        pointers |= dict.fromkeys(range(24, 40), 16)
        if word in pointers:
            return 12, 0, pointers[word] << 24
    raise Untranslatable(f"ICMPv6 {kind}/{code}")


def quoted_to_ipv6(data: bytes, addresses: Addresses) -> bytes:
    """The packet that an error quotes, or its beginning."""
    old, payload = read4(data)
    if len(payload) < QUOTED_MIN or old.protocol in ONLY_IPV6:
        raise Untranslatable("quote")
    if old.protocol == ICMP and not old.offset and payload[0] not in (0, 8):
        raise Untranslatable("an error about an error")
    new = renamed(old, addresses, ICMPV6 if old.protocol == ICMP else old.protocol)
    return write6(new) + transport(old, new, payload)


def quoted_to_ipv4(data: bytes, addresses: Addresses) -> bytes:
    """The same the other way; a quote that was no fragment says that it must not become one."""
    old, payload = read6(data)
    if len(payload) < QUOTED_MIN or old.protocol in ONLY_IPV4:
        raise Untranslatable("quote")
    if old.protocol == ICMPV6 and not old.offset and payload[0] not in (128, 129):
        raise Untranslatable("an error about an error")
    new = renamed(old, addresses, ICMP if old.protocol == ICMPV6 else old.protocol)
    header = bytearray(write4(new, 0))
    if not old.fragment:
        header[6:8], header[10:12] = b"\x40\x00", bytes(2)
        header[10:12] = struct.pack(">H", field(total(bytes(header))))
    return bytes(header) + transport(old, new, payload)


def summed(header: Header, data: bytes) -> bytes:
    """A UDP datagram with the checksum that IPv6 wants: section 4.5."""
    if header.fragment or int.from_bytes(data[4:6], "big") != len(data):
        raise Untranslatable("nobody can sum it")
    words = total(header.source + header.destination + struct.pack(">II", len(data), UDP)) + total(data)
    return data[:6] + struct.pack(">H", field(words) or 65535) + data[8:]


def to_ipv6(packet: bytes, addresses: Addresses, among_pods: bool = True) -> bytes:
    """An IPv4 packet as IPv6: section 4. UDP without checksum is given one, unless it stays among pods.

    Raises:
        Untranslatable: it has to be dropped. ``addresses`` raises it for addresses that have no counterpart.
    """
    old, data = read4(packet)
    if total(packet[:20]) or not old.hops or old.length > len(data) or old.protocol in ONLY_IPV6:
        raise Untranslatable("header")
    data = data[: old.length]
    if not old.offset and len(data) < TRANSPORT_MIN.get(old.protocol, 0):
        raise Untranslatable("torn transport header")
    if not among_pods and old.protocol == ICMP and old.fragment:
        raise Untranslatable("a fragment of ICMP")
    new = renamed(old, addresses, ICMPV6 if old.protocol == ICMP else old.protocol)
    if not among_pods and old.protocol == UDP and not old.offset and not any(data[6:8]):
        return write6(new) + summed(new, data)
    if old.protocol != ICMP or old.offset or data[0] in (0, 8):
        return write6(new) + transport(old, new, data)
    if old.fragment:
        raise Untranslatable("a fragmented error")
    quoted = quoted_to_ipv6(data[8:], addresses)
    (checksum,) = struct.unpack_from(">H", data, 2)
    kind, code, rest = error_to_icmpv6(data[0], data[1], data[4:8], int.from_bytes(data[10:12], "big"))
    message = struct.pack(">BBHI", kind, code, 0, rest) + quoted
    new = Header(new.source, new.destination, ICMPV6, new.hops, new.traffic_class, len(message))
    if len(message) + 40 > ICMPV6_ERROR_MAX:
        raise Untranslatable("too long")
    checksum = adjusted(checksum, total(data[:2] + bytes(2) + data[4:]), total(message) + pseudo(new))
    return write6(new) + message[:2] + struct.pack(">H", checksum) + message[4:]


def to_ipv4(packet: bytes, addresses: Addresses, identification: int = 0, among_pods: bool = True) -> bytes:
    """An IPv6 packet as IPv4: section 5.

    Raises:
        Untranslatable: as ``to_ipv6``.
    """
    (length,) = struct.unpack_from(">H", packet, 4)
    if length + 40 > len(packet):
        raise Untranslatable("longer than the frame")
    old, data = read6(packet[: length + 40])
    if not old.hops or old.protocol in ONLY_IPV4:
        raise Untranslatable("header")
    if not old.offset and len(data) < TRANSPORT_MIN.get(old.protocol, 0):
        raise Untranslatable("torn transport header")
    if not among_pods and old.protocol == ICMPV6 and old.fragment:
        raise Untranslatable("a fragment of ICMP")
    new = renamed(old, addresses, ICMP if old.protocol == ICMPV6 else old.protocol)
    if old.protocol != ICMPV6 or old.offset or data[0] in (128, 129):
        return write4(new, identification) + transport(old, new, data)
    if old.fragment or data[0] > 127:
        raise Untranslatable("ICMP")
    quoted = quoted_to_ipv4(data[8:], addresses)
    (checksum,) = struct.unpack_from(">H", data, 2)
    kind, code, rest = error_to_icmp(data[0], data[1], data[4:8], data[14] == FRAGMENT)
    message = struct.pack(">BBHI", kind, code, 0, rest) + quoted
    checksum = adjusted(checksum, total(data[:2] + bytes(2) + data[4:]) + pseudo(old), total(message))
    new = Header(new.source, new.destination, ICMP, new.hops, new.traffic_class, len(message))
    return write4(new, identification) + message[:2] + struct.pack(">H", checksum) + message[4:]
