"""Frames between a pod and its gateway, written with scapy, which computes every length and checksum anew."""

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.packets.world import FAR, GATEWAY_MAC, POD, POD_MAC, ghost


def sent(packet: Packet) -> bytes:
    """From the pod to its gateway."""
    return bytes(Ether(dst=GATEWAY_MAC, src=POD_MAC) / packet)


def got(packet: Packet) -> bytes:
    """From the gateway to the pod."""
    return bytes(Ether(dst=POD_MAC, src=GATEWAY_MAC) / packet)


def routed(packet: Packet) -> bytes:
    """As the kernel's routing hands a packet to the pod's device, which has no neighbours: without MACs."""
    return bytes(Ether(dst="00:00:00:00:00:00", src="00:00:00:00:00:00") / packet)


def out4(dst: str = FAR, **fields: object) -> IP:
    """An IPv4 header of the pod's."""
    return IP(**{"src": POD, "dst": dst, "id": 7, "flags": "DF", **fields})


def out6(dst: str = ghost(FAR), **fields: object) -> IPv6:
    """The same translated."""
    return IPv6(**{"src": ghost(POD), "dst": dst, **fields})


def in6(src: str = ghost(FAR), **fields: object) -> IPv6:
    """A translated packet for the pod."""
    return IPv6(**{"src": src, "dst": ghost(POD), **fields})


def in4(src: str = FAR, **fields: object) -> IP:
    """What the pod sees of it."""
    return IP(**{"src": src, "dst": POD, "id": 0, "flags": "DF", **fields})


def with_identification(expected: bytes, frame: bytes) -> bytes:
    """The expected frame with the identification that was drawn for a packet that may be fragmented."""
    packet = Ether(expected)
    if packet[IP].flags.DF or packet[IP].flags.MF or packet[IP].frag:
        return expected
    packet[IP].id = Ether(frame)[IP].id
    packet[IP].chksum = None
    return bytes(packet)
