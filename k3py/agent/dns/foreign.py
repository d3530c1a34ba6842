"""Questions to other servers and what they answer (RFC 1035, 2308, 2181). Speaks.

A forwarder hands on what it was told, so an answer is kept as it came, behind the question: only the places of its
lifetimes are remembered, and its OPT record, which belongs to one hop only, is cut out.
"""

import struct
from dataclasses import dataclass
from typing import Final

from k3py.agent.dns import wire
from k3py.agent.dns.names import skip_name
from k3py.agent.dns.wire import HEADER_SIZE, NOERROR, NXDOMAIN, Query

# What the outside says is believed no longer than this: names of clouds move, and a day's TTL helps nobody here.
LIFETIME_SECONDS_MAX: Final = 300

_HEADER: Final = struct.Struct("!HHHHHH")
_FIXED: Final = struct.Struct("!HHIH")
_TTL: Final = struct.Struct("!I")
_OPCODE: Final = 0x7800
_RCODE: Final = 0x000F
# A plain OPT record has 11 bytes.
_OPT_SIZE: Final = 11


class BadAnswer(Exception):
    """A message is no answer to our question; it says why."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An answer of another server.

    ``body`` is what stood behind the question, ``ttls`` the offsets in it of the records' lifetimes, which are as they
    came; ``lifetime`` says for how many seconds the whole may be kept (0: not at all). ``types`` are those of the
    answer section.
    """

    rcode: int
    truncated: bool
    counts: tuple[int, int, int]
    body: bytes
    ttls: tuple[int, ...]
    lifetime: int
    types: frozenset[int]


def question_of(name: bytes, kind: int) -> bytes:
    """The question section for a wire name."""
    return name + struct.pack("!HH", kind, wire.IN)


def make_query(
    number: int, name: bytes, kind: int, *, edns: bool = True, dnssec_ok: bool = False, checking_disabled: bool = False
) -> bytes:
    """A query with recursion desired."""
    flags = wire.RECURSION_DESIRED | (wire.CHECKING_DISABLED if checking_disabled else 0)
    tail = wire.opt_record(0, dnssec_ok) if edns else b""
    return _HEADER.pack(number, flags, 1, 0, 0, 1 if edns else 0) + question_of(name, kind) + tail


def answers(data: bytes, number: int, question: bytes) -> bool:
    """Whether a message is an answer to the query with this id and question (lower case). Cheap: for every datagram."""
    if len(data) < HEADER_SIZE:
        return False
    got, flags, questions = struct.unpack_from("!HHH", data)
    if got != number or not flags & wire.RESPONSE or flags & _OPCODE:
        return False
    if questions == 0 and len(data) == HEADER_SIZE and flags & _RCODE:
        return True  # what servers that cannot read EDNS say
    end = HEADER_SIZE + len(question)
    return (
        questions == 1 and data[HEADER_SIZE : end - 4].lower() == question[:-4] and data[end - 4 : end] == question[-4:]
    )


def read_answer(data: bytes, question: bytes) -> Foreign:
    """An answer in its parts; ``question`` is what was asked.

    Raises:
        BadAnswer: the message is malformed.
    """
    flags, questions, *counts = struct.unpack_from("!HHHHH", data, 2)
    rcode, truncated = flags & _RCODE, bool(flags & wire.TRUNCATED)
    if questions == 0:
        return Foreign(rcode, False, (0, 0, 0), b"", (), 0, frozenset())
    start = offset = HEADER_SIZE + len(question)
    ttls: list[int] = []
    least = negative = LIFETIME_SECONDS_MAX
    has_soa = False
    types: set[int] = set()
    kept = [0, 0, 0]
    end = 0
    for section, count in enumerate(counts):
        for _ in range(count):
            fixed = skip_name(data, offset)
            if fixed < 0 or len(data) < fixed + 10:
                if truncated:
                    return Foreign(rcode, True, (0, 0, 0), b"", (), 0, frozenset())
                raise BadAnswer(f"a record at byte {offset} is cut off")
            kind, rclass, ttl, length = _FIXED.unpack_from(data, fixed)
            begin, offset = offset, fixed + 10 + length
            if offset > len(data):
                raise BadAnswer(f"the data of a record at byte {begin} are cut off")
            if kind == wire.OPT:
                rcode |= (ttl >> 24) << 4
                end = begin
                continue
            if rclass != wire.IN:
                raise BadAnswer(f"a record is of class {rclass}")
            if end:
                continue  # records behind the OPT: only additional ones, which may be left out
            ttl = ttl if ttl < 2**31 else 0  # RFC 2181, section 8
            ttls.append(fixed + 4 - start)
            kept[section] += 1
            if section == 0:
                types.add(kind)
            if section == 1 and kind == wire.SOA and length >= 22:
                has_soa = True
                negative = min(negative, ttl, _TTL.unpack_from(data, offset - 4)[0])
            least = min(least, ttl)
    body = data[start : end or offset]
    lifetime = 0
    if rcode == NOERROR and kept[0] and types != {wire.CNAME}:
        lifetime = least
    elif rcode in (NOERROR, NXDOMAIN) and has_soa:
        lifetime = min(least, negative)
    lifetime = 0 if truncated else lifetime
    return Foreign(rcode, truncated, (kept[0], kept[1], kept[2]), body, tuple(ttls), lifetime, frozenset(types))


def render(foreign: Foreign, query: Query, size_max: int, elapsed: int, ttl_least: int = 0) -> bytes:
    """The answer to ``query``, which asks what ``foreign`` answers, ``elapsed`` seconds after it was heard.

    Records live that much shorter, never longer than ``LIFETIME_SECONDS_MAX``, and not less than ``ttl_least`` (for
    answers that are served beyond their time).
    """
    tail = b"" if query.edns is None else wire.opt_record(foreign.rcode, query.edns.dnssec_ok)
    kept = query.flags & (wire.RECURSION_DESIRED | wire.CHECKING_DISABLED)
    flags = wire.RESPONSE | wire.RECURSION_AVAILABLE | kept | foreign.rcode & _RCODE
    counts, body = foreign.counts, foreign.body
    if HEADER_SIZE + len(query.question) + len(body) + len(tail) > size_max:
        flags, counts, body = flags | wire.TRUNCATED, (0, 0, 0), b""
    elif foreign.ttls:
        changed = bytearray(body)
        for offset in foreign.ttls:
            ttl = _TTL.unpack_from(changed, offset)[0]
            left = (min(ttl, LIFETIME_SECONDS_MAX) if ttl < 2**31 else 0) - elapsed
            _TTL.pack_into(changed, offset, max(left, ttl_least, 0))
        body = bytes(changed)
    header = _HEADER.pack(query.id, flags, 1, counts[0], counts[1], counts[2] + (1 if tail else 0))
    return header + query.question + body + tail
