"""Questions to other servers and what they answer (RFC 1035, 2308, 2181). Speaks.

A forwarder hands on what it was told, so an answer is kept as it came, behind the question: only the places of its
lifetimes are remembered, and its OPT record, which belongs to one hop only, is cut out.
"""

import struct
from collections.abc import Iterator, Sequence
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
    start = HEADER_SIZE + len(question)
    try:
        records = list(_records(data, start, counts))
    except BadAnswer:
        if truncated:  # it may be cut anywhere, and is asked for again
            return Foreign(rcode, True, (0, 0, 0), b"", (), 0, frozenset())
        raise
    # The OPT record is the last one that is kept: behind it are only additional ones, which may be left out.
    last = next((place for place, each in enumerate(records) if each.type == wire.OPT), len(records))
    if last < len(records):
        rcode |= (records[last].ttl >> 24) << 4
    end = records[last].begin if last < len(records) else records[-1].end if records else start
    kept = records[:last]
    types = frozenset(each.type for each in kept if each.section == 0)
    lifetime = 0 if truncated else _lifetime(data, rcode, kept, types)
    ttls = tuple(each.fixed + 4 - start for each in kept)
    sections = [each.section for each in kept]
    counted = (sections.count(0), sections.count(1), sections.count(2))
    return Foreign(rcode, truncated, counted, data[start:end], ttls, lifetime, types)


@dataclass(frozen=True, slots=True)
class _Record:
    """Where a record begins and ends, and where its fixed part stands."""

    section: int
    begin: int
    fixed: int
    end: int
    type: int
    ttl: int


def _records(data: bytes, offset: int, counts: Sequence[int]) -> Iterator[_Record]:
    for section, count in enumerate(counts):
        for _ in range(count):
            fixed = skip_name(data, offset)
            if fixed < 0 or len(data) < fixed + 10:
                raise BadAnswer(f"a record at byte {offset} is cut off")
            kind, rclass, ttl, length = _FIXED.unpack_from(data, fixed)
            begin, offset = offset, fixed + 10 + length
            if offset > len(data):
                raise BadAnswer(f"the data of a record at byte {begin} are cut off")
            if kind != wire.OPT and rclass != wire.IN:
                raise BadAnswer(f"a record is of class {rclass}")
            yield _Record(section, begin, fixed, offset, kind, ttl)


def _lifetime(data: bytes, rcode: int, records: Sequence[_Record], types: frozenset[int]) -> int:
    """For how many seconds an answer may be kept: as its shortest record; a negative one as its SOA says (RFC 2308)."""
    # RFC 2181, section 8: a TTL with its highest bit set counts as 0.
    least = min([LIFETIME_SECONDS_MAX, *(each.ttl if each.ttl < 2**31 else 0 for each in records)])
    if rcode == NOERROR and types and types != {wire.CNAME}:
        return least
    zones = [each for each in records if each.section == 1 and each.type == wire.SOA and each.end - each.fixed >= 32]
    if rcode in (NOERROR, NXDOMAIN) and zones:
        return min([least, *(int(_TTL.unpack_from(data, each.end - 4)[0]) for each in zones)])
    return 0


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
