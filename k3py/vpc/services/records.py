"""Entries of the socket programs' maps, as bytes and back. Speaks."""

import ctypes
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from k3py.vpc.services import abi
from k3py.vpc.services.diff import BackendSet, Pointer, Present
from k3py.vpc.services.entries import Frontend
from k3py.vpc.wanted import Backend, Protocol

COOKIE_BYTES: Final = 8
_PROTOCOLS: Final = frozenset(each.value for each in Protocol)
_MEMBER: Final = (1).to_bytes(4, "little")


@dataclass(frozen=True)
class Joined:
    """What the map of namespaces says of one."""

    vpc: int
    host: bool
    cluster: int


def namespace_key(cookie: int) -> bytes:
    """The key of a network namespace."""
    return cookie.to_bytes(COOKIE_BYTES, "little")


def namespace(joined: Joined) -> bytes:
    """The entry of a network namespace."""
    flags = abi.NamespaceFlag.HOST if joined.host else abi.NamespaceFlag(0)
    return bytes(abi.Namespace(joined.vpc, flags, joined.cluster))


def parse_namespace(value: bytes) -> Joined:
    """What the entry of a network namespace says."""
    parsed = abi.Namespace.from_buffer_copy(value)
    return Joined(parsed.vpc, bool(parsed.flags & abi.NamespaceFlag.HOST), parsed.cluster)


def service_key(frontend: Frontend) -> bytes:
    """The key of a frontend."""
    return bytes(_key(frontend))


def service(frontend: Frontend, pointer: Pointer) -> bytes:
    """The entry of a frontend."""
    flags = abi.ServiceFlag.NATIVE if pointer.native else abi.ServiceFlag(0)
    return bytes(abi.Service(_key(frontend), pointer.set, pointer.count, flags, pointer.affinity_seconds))


def backends(number: int, content: BackendSet) -> Iterator[tuple[bytes, bytes]]:
    """Keys and entries of a set's backends."""
    for index, each in enumerate(content.backends):
        value = abi.Backend(number, _packed(each.ipv4), each.port, 0)
        yield bytes(abi.BackendKey(number, index)), bytes(value)


def members(number: int, content: BackendSet) -> Iterator[tuple[bytes, bytes]]:
    """Keys and entries that say which backends a set has; none for a set without affinity."""
    for each in content.backends if content.affine else ():
        yield bytes(abi.MemberKey(number, _packed(each.ipv4), each.port, 0)), _MEMBER


def set_of(key: bytes) -> int:
    """Which set the key of a backend or member belongs to."""
    return int.from_bytes(key[:4], "little")


def reverse_key(socket: int, backend: Backend, form: abi.Form) -> bytes:
    """The key of what a socket believes of a backend."""
    return bytes(abi.ReverseKey(socket, _packed(backend.ipv4), backend.port, form))


def parse_reverse(value: bytes) -> tuple[IPv4Address, int]:
    """Address and port of the service that a socket believes to talk to."""
    parsed = abi.Reverse.from_buffer_copy(value)
    return IPv4Address(bytes(parsed.ipv4)), parsed.port


def parse_present(
    services: Iterable[tuple[bytes, bytes]], backends: Iterable[tuple[bytes, bytes]], members: Iterable[bytes]
) -> Present:
    """What the maps say, from their entries (and the keys of members) in any order."""
    # What is neither TCP nor UDP is none of ours: no program looks it up.
    parsed = (_parse_service(*each) for each in services)
    pointers = dict(each for each in parsed if each is not None)
    by_set: dict[int, dict[int, Backend]] = defaultdict(dict)
    for key, value in backends:
        place, backend = abi.BackendKey.from_buffer_copy(key), abi.Backend.from_buffer_copy(value)
        by_set[place.set][place.index] = Backend(IPv4Address(bytes(backend.ipv4)), backend.port)
    member_of: dict[int, set[Backend]] = defaultdict(set)
    for key in members:
        member = abi.MemberKey.from_buffer_copy(key)
        member_of[member.set].add(Backend(IPv4Address(bytes(member.ipv4)), member.port))
    sets = {
        each: _content(by_set.get(each, {}), member_of.get(each, set())) for each in by_set.keys() | member_of.keys()
    }
    return Present(pointers, sets)


def _content(places: dict[int, Backend], members: set[Backend]) -> BackendSet | None:
    """The set, if it can be used as it is. A writer that died left a smaller set, or one with missing members."""
    ordered = tuple(places[index] for index in sorted(places))
    if not ordered or sorted(places) != list(range(len(ordered))) or (members and members != set(ordered)):
        return None
    return BackendSet(ordered, bool(members))


def _parse_service(key: bytes, value: bytes) -> tuple[Frontend, Pointer] | None:
    said, pointer = abi.ServiceKey.from_buffer_copy(key), abi.Service.from_buffer_copy(value)
    if said.protocol not in _PROTOCOLS:
        return None
    frontend = Frontend(said.vpc, IPv4Address(bytes(said.ipv4)), said.port, Protocol(said.protocol))
    native = bool(pointer.flags & abi.ServiceFlag.NATIVE)
    return frontend, Pointer(pointer.set, pointer.count, native, pointer.affinity_seconds)


def _key(frontend: Frontend) -> abi.ServiceKey:
    return abi.ServiceKey(frontend.vpc, _packed(frontend.ipv4), frontend.port, frontend.protocol.value)


def _packed(address: IPv4Address) -> "ctypes.Array[ctypes.c_uint8]":
    return (ctypes.c_uint8 * 4).from_buffer_copy(address.packed)
