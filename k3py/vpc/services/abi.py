"""What the socket programs and Python share: structs and flags of ``bpf/lib/service_maps.h``.

A test compares names, values, sizes and offsets with the compiled object's type information. IPv4 addresses are bytes
in network order, ports big-endian numbers, all other numbers the machine's.
"""

import ctypes
from enum import IntEnum, IntFlag
from typing import Final


class NamespaceFlag(IntFlag):
    """Flags of ``Namespace``. HOST: the node itself, which has node ports at 127.0.0.1 and ::1 too."""

    HOST = 1


class ServiceFlag(IntFlag):
    """Flags of ``Service``. NATIVE: IPv6 sockets reach it at its native Ghost address."""

    NATIVE = 1


class Form(IntEnum):
    """How the address of a service looks to the process."""

    IPV4 = 0
    NATIVE = 1
    LOOPBACK = 2


class Namespace(ctypes.Structure):
    """A network namespace whose sockets see services; the key is its cookie, 8 bytes."""

    _fields_ = [("vpc", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("cluster", ctypes.c_uint32)]


class ServiceKey(ctypes.Structure):
    """One address and port of a service; ``protocol`` is 6 or 17."""

    _fields_ = [
        ("vpc", ctypes.c_uint32),
        ("ipv4", ctypes.c_uint8 * 4),
        ("port", ctypes.c_uint16.__ctype_be__),
        ("protocol", ctypes.c_uint16),
    ]


class Service(ctypes.Structure):
    """Where it leads: ``count`` backends of a set. The key stands in the value too, so that a reader can check it."""

    _fields_ = [
        ("key", ServiceKey),
        ("set", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("affinity_seconds", ctypes.c_uint32),
    ]


class BackendKey(ctypes.Structure):
    """The place of a backend in a set."""

    _fields_ = [("set", ctypes.c_uint32), ("index", ctypes.c_uint32)]


class Backend(ctypes.Structure):
    """A backend; ``set`` is the key's."""

    _fields_ = [
        ("set", ctypes.c_uint32),
        ("ipv4", ctypes.c_uint8 * 4),
        ("port", ctypes.c_uint16.__ctype_be__),
        ("reserved", ctypes.c_uint16),
    ]


class MemberKey(ctypes.Structure):
    """Says that a set has a backend; kept for services with affinity."""

    _fields_ = [
        ("set", ctypes.c_uint32),
        ("ipv4", ctypes.c_uint8 * 4),
        ("port", ctypes.c_uint16.__ctype_be__),
        ("reserved", ctypes.c_uint16),
    ]


class ReverseKey(ctypes.Structure):
    """A socket by its cookie, and the backend that it was led to."""

    _fields_ = [
        ("socket", ctypes.c_uint64),
        ("ipv4", ctypes.c_uint8 * 4),
        ("port", ctypes.c_uint16.__ctype_be__),
        ("form", ctypes.c_uint16),
    ]


class Reverse(ctypes.Structure):
    """The service that the socket believes to talk to."""

    _fields_ = [("ipv4", ctypes.c_uint8 * 4), ("port", ctypes.c_uint16.__ctype_be__), ("reserved", ctypes.c_uint16)]


class AffinityKey(ctypes.Structure):
    """A client, which is a network namespace by its cookie, and a service."""

    _fields_ = [("namespace", ctypes.c_uint64), ("service", ServiceKey), ("reserved", ctypes.c_uint32)]


class Affinity(ctypes.Structure):
    """The backend of the client's last connection; ``seen_ns`` is CLOCK_MONOTONIC."""

    _fields_ = [
        ("seen_ns", ctypes.c_uint64),
        ("ipv4", ctypes.c_uint8 * 4),
        ("port", ctypes.c_uint16.__ctype_be__),
        ("reserved", ctypes.c_uint16),
    ]


# Python's struct for each of C's.
STRUCTS: Final[dict[str, type[ctypes.Structure]]] = {
    "namespace": Namespace,
    "service_key": ServiceKey,
    "service": Service,
    "backend_key": BackendKey,
    "backend": Backend,
    "member_key": MemberKey,
    "reverse_key": ReverseKey,
    "reverse": Reverse,
    "affinity_key": AffinityKey,
    "affinity": Affinity,
}
