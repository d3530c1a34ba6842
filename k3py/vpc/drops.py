"""What the programs tell about packets that they dropped, in words. Speaks; outside bytes never make it fail."""

import ctypes
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from k3py.vpc.bpf.abi import MEANING, Direction, Event, Outcome

ETHERNET_BYTES: Final = 14
_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}
_WITH_PORTS: Final = (6, 17, 132)


@dataclass(frozen=True)
class Head:
    """What the first bytes of a frame say; empty and 0 where they say nothing."""

    protocol: str = ""
    source: str = ""
    destination: str = ""
    source_port: int = 0
    destination_port: int = 0


@dataclass(frozen=True)
class Drop:
    """One dropped packet. ``time_ns`` is CLOCK_MONOTONIC; ``length`` that of the frame, in bytes."""

    time_ns: int
    ifindex: int
    length: int
    outcome: str
    meaning: str
    direction: str
    vpc: int
    head: Head


def read_drop(record: bytes) -> Drop | None:
    """A record of the ring; None when it is too short to be one. Outcomes that are not known are told by number."""
    if len(record) < ctypes.sizeof(Event):
        return None
    event = Event.from_buffer_copy(record)
    length = min(event.head_length, len(event.head))
    try:
        outcome = Outcome(event.outcome)
        name, meaning = outcome.name, MEANING.get(outcome, "")
    except ValueError:
        name, meaning = f"OUTCOME_{event.outcome}", "a newer program dropped it"
    return Drop(
        time_ns=event.time_ns,
        ifindex=event.ifindex,
        length=event.length,
        outcome=name,
        meaning=meaning,
        direction=direction_name(event.direction),
        vpc=event.vpc,
        head=read_head(bytes(event.head[:length])),
    )


def direction_name(direction: int) -> str:
    """As the socket says it."""
    return "ToPod" if direction == Direction.TO_POD else "FromPod"


def read_head(frame: bytes) -> Head:
    """What an Ethernet frame's first bytes say (IEEE 802.3, RFC 826, RFC 791, RFC 8200)."""
    if len(frame) < ETHERNET_BYTES:
        return Head()
    kind, packet = int.from_bytes(frame[12:14], "big"), frame[ETHERNET_BYTES:]
    if kind == _IPV4 and len(packet) >= 20:
        return _ipv4(packet)
    if kind == _IPV6 and len(packet) >= 40:
        source, destination = str(IPv6Address(packet[8:24])), str(IPv6Address(packet[24:40]))
        return _transport(packet[6], packet[40:], source, destination)
    if kind == _ARP and len(packet) >= 28:
        return Head("ARP", str(IPv4Address(packet[14:18])), str(IPv4Address(packet[24:28])))
    return Head({_IPV4: "IPv4", _IPV6: "IPv6", _ARP: "ARP"}.get(kind, f"ethertype {kind:#06x}"))


def _ipv4(packet: bytes) -> Head:
    source, destination = str(IPv4Address(packet[12:16])), str(IPv4Address(packet[16:20]))
    is_first = int.from_bytes(packet[6:8], "big") & 0x1FFF == 0
    payload = packet[4 * (packet[0] & 0xF) :] if is_first and packet[0] & 0xF >= 5 else b""
    return _transport(packet[9], payload, source, destination)


def _transport(number: int, payload: bytes, source: str, destination: str) -> Head:
    protocol = _PROTOCOLS.get(number, f"protocol {number}")
    if number not in _WITH_PORTS or len(payload) < 4:
        return Head(protocol, source, destination)
    ports = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
    return Head(protocol, source, destination, *ports)
