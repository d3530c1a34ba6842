"""Domain names as they stand in a message (RFC 1035, section 3.1), and the names that stand for addresses.

A *wire name* is its labels, each after its length, and a zero byte; here always without compression, and in lower case
unless a function says otherwise (names are compared without case, RFC 4343).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

LABEL_LENGTH_MAX: Final = 63
NAME_LENGTH_MAX: Final = 255
ROOT: Final = b"\0"

_IN_ADDR: Final = (b"in-addr", b"arpa")
_IP6: Final = (b"ip6", b"arpa")
_HEX: Final = b"0123456789abcdef"

Labels = tuple[bytes, ...]
"""Labels from left to right, without the root."""


class BadName(ValueError):
    """Text or bytes are no domain name; the message says why."""


def from_text(text: str) -> bytes:
    """The wire name of ``www.example.com`` (a dot at its end changes nothing), in lower case.

    Raises:
        BadName: a label is empty, too long or not ASCII, or the name is too long.
    """
    try:
        labels = tuple(text.rstrip(".").lower().encode("ascii").split(b".")) if text.strip(".") else ()
    except UnicodeEncodeError as error:
        raise BadName(f"{text!r} is no domain name: it is not ASCII") from error
    return from_labels(labels)


def from_labels(labels: Labels) -> bytes:
    """The wire name of these labels.

    Raises:
        BadName: a label is empty or too long, or the name is too long.
    """
    if not all(0 < len(each) <= LABEL_LENGTH_MAX for each in labels):
        raise BadName(f"{labels!r} make no domain name: a label has 1 to {LABEL_LENGTH_MAX} bytes")
    name = b"".join([bytes((len(each),)) + each for each in labels]) + ROOT
    if len(name) > NAME_LENGTH_MAX:
        raise BadName(f"{labels!r} make no domain name: it has {NAME_LENGTH_MAX} bytes at most")
    return name


def to_labels(name: bytes) -> Labels:
    """The labels of a wire name that is known to be well-formed."""
    labels, offset = [], 0
    while length := name[offset]:
        labels.append(name[offset + 1 : offset + 1 + length])
        offset += 1 + length
    return tuple(labels)


def end_of_name(data: bytes, offset: int) -> int:
    """The offset behind the uncompressed wire name at ``offset`` of a message, or -1 if there is no whole one."""
    start, size = offset, len(data)
    while offset < size:
        length = data[offset]
        if length == 0:
            return offset + 1 if offset + 1 - start <= NAME_LENGTH_MAX else -1
        if length > LABEL_LENGTH_MAX:
            return -1
        offset += 1 + length
    return -1


def skip_name(data: bytes, offset: int) -> int:
    """As ``end_of_name``, but a compression pointer may end the name."""
    size = len(data)
    while offset < size:
        length = data[offset]
        if length == 0:
            return offset + 1
        if length >= 0xC0:
            return offset + 2 if offset + 2 <= size else -1
        if length > LABEL_LENGTH_MAX:
            return -1
        offset += 1 + length
    return -1


def reverse_ipv4(labels: Labels) -> IPv4Network | None:
    """What a name below ``in-addr.arpa`` stands for: an address (a /32) or, cut short, a network of whole bytes."""
    octets = labels[:-2]
    if labels[-2:] != _IN_ADDR or len(octets) > 4:
        return None
    number = 0
    for each in reversed(octets):
        if not each.isdigit() or len(each) > 3 or int(each) > 255 or (len(each) > 1 and each[0] == 0x30):
            return None
        number = number << 8 | int(each)
    bits = 8 * len(octets)
    return IPv4Network((number << (32 - bits), bits))


def reverse_ipv6(labels: Labels) -> IPv6Network | None:
    """What a name below ``ip6.arpa`` stands for: an address (a /128) or, cut short, a network of whole nibbles."""
    nibbles = labels[:-2]
    if labels[-2:] != _IP6 or len(nibbles) > 32:
        return None
    if not all(len(each) == 1 and each in _HEX for each in nibbles):
        return None
    bits = 4 * len(nibbles)
    number = int(b"".join(reversed(nibbles)), 16) if nibbles else 0
    return IPv6Network((number << (128 - bits), bits))


def reverse_name(address: IPv4Address | IPv6Address) -> bytes:
    """The wire name whose PTR record names the owner of an address."""
    return from_text(address.reverse_pointer)


def reverse_zone(network: IPv4Network | IPv6Network) -> bytes:
    """The smallest zone of whole bytes (IPv6: nibbles) around a network: ``43.10.in-addr.arpa`` for 10.43.0.0/16."""
    step = 8 if network.version == 4 else 4
    labels = to_labels(reverse_name(network.network_address))
    whole = network.max_prefixlen // step
    return from_labels(labels[whole - network.prefixlen // step :])
