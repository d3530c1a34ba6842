"""Queries from bytes and answers to bytes (RFC 1035, 2181, 6891). Speaks; never raises on what comes from outside.

A server sees one shape of query nearly always: a header, one question, perhaps an OPT record. It is read by hand, since
a general parser takes as long as all the rest of an answer.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from k3py.agent.dns.names import end_of_name, skip_name

# Types and classes (RFC 1035, 3596, 2782, 6891), named as IANA's registry names them.
A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
OPT: Final = 41
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255
IN: Final = 1

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16

HEADER_SIZE: Final = 12
# RFC 1035, section 4.2.1: what everybody can receive.
PLAIN_SIZE_MAX: Final = 512
# What fits into any path without fragments (DNS flag day 2020).
EDNS_SIZE_MAX: Final = 1232
TCP_SIZE_MAX: Final = 65_535
# A query has an OPT, perhaps a TSIG; whoever sends more has nothing good in mind.
ADDITIONAL_MAX: Final = 4

RESPONSE: Final = 0x8000
AUTHORITATIVE: Final = 0x0400
TRUNCATED: Final = 0x0200
RECURSION_DESIRED: Final = 0x0100
RECURSION_AVAILABLE: Final = 0x0080
CHECKING_DISABLED: Final = 0x0010
DNSSEC_OK: Final = 0x8000

# Points to the question's name, which stands right behind the header.
QUESTION_NAME: Final = b"\xc0\x0c"

_HEADER: Final = struct.Struct("!HHHHHH")
_FIXED: Final = struct.Struct("!HHIH")
_TWO: Final = struct.Struct("!HH")
_ONE_QUESTION: Final = bytes((0, 1, 0, 0, 0, 0, 0, 0))
_ONE_QUESTION_AND_OPT: Final = bytes((0, 1, 0, 0, 0, 0, 0, 1))


@dataclass(frozen=True, slots=True)
class Edns:
    """What an OPT record says: the asker's receive size in bytes, the version, and DO. We know no options."""

    size: int
    version: int
    dnssec_ok: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One question. ``question`` is name (in the asker's case), type and class; ``name`` the name in lower case."""

    id: int
    flags: int
    question: bytes
    name: bytes
    type: int
    rclass: int
    edns: Edns | None = None

    @property
    def canonical(self) -> bytes:
        """The query behind its id as most clients send it: without options and other records, which change nothing."""
        if self.edns is None:
            return self.flags.to_bytes(2, "big") + _ONE_QUESTION + self.question
        edns = _FIXED.pack(OPT, self.edns.size, DNSSEC_OK if self.edns.dnssec_ok else 0, 0)
        return self.flags.to_bytes(2, "big") + _ONE_QUESTION_AND_OPT + self.question + b"\0" + edns

    @property
    def udp_size_max(self) -> int:
        """How long an answer by UDP may be, in bytes."""
        if self.edns is None:
            return PLAIN_SIZE_MAX
        return max(PLAIN_SIZE_MAX, min(self.edns.size, EDNS_SIZE_MAX))


@dataclass(frozen=True, slots=True)
class Bad:
    """A message that is no query we answer; ``reply`` says so, or is None where one stays silent."""

    reply: bytes | None


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource record. An empty ``owner`` is the question's name; names inside ``rdata`` are not compressed."""

    owner: bytes
    type: int
    ttl: int
    rdata: bytes

    def encode(self, question_name: bytes) -> bytes:
        """The record; its owner is compressed where it ends the question's name."""
        owner = self.owner
        if not owner:
            owner = QUESTION_NAME
        elif question_name.lower().endswith(owner) and len(owner) > 1:
            owner = struct.pack("!H", 0xC000 | HEADER_SIZE + len(question_name) - len(owner))
        return owner + _FIXED.pack(self.type, IN, self.ttl, len(self.rdata)) + self.rdata


def read_query(data: bytes) -> Query | Bad:
    """The query in a message of any bytes."""
    if len(data) < HEADER_SIZE:
        return Bad(None)
    number, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(data)
    if flags & RESPONSE:
        return Bad(None)  # answering answers would let two servers talk for ever
    if flags & 0x7800:
        return Bad(error(number, flags, NOTIMP))
    end = end_of_name(data, HEADER_SIZE)
    if questions != 1 or answers or authorities or additionals > ADDITIONAL_MAX or end < 0 or len(data) < end + 4:
        return Bad(error(number, flags, FORMERR))
    name = data[HEADER_SIZE:end].lower()
    kind, rclass = _TWO.unpack_from(data, end)
    question = data[HEADER_SIZE : end + 4]
    edns = None
    if additionals or len(data) != end + 4:
        found = _additional(data, end + 4, additionals)
        if found is _BAD:
            return Bad(error(number, flags, FORMERR))
        edns = found
    query = Query(number, flags, question, name, kind, rclass, edns)
    if edns is not None and edns.version:
        return Bad(render(query, BADVERS, size_max=PLAIN_SIZE_MAX))
    return query


_BAD: Final = Edns(0, 0, False)


def _additional(data: bytes, offset: int, count: int) -> Edns | None:
    """The OPT record among the additional ones, None without; ``_BAD`` if the section is malformed."""
    found: Edns | None = None
    for _ in range(count):
        start, offset = offset, skip_name(data, offset)
        if offset < 0 or len(data) < offset + 10:
            return _BAD
        kind, size, ttl, length = _FIXED.unpack_from(data, offset)
        offset += 10
        if len(data) < offset + length:
            return _BAD
        if kind == OPT:
            if found is not None or offset - start != 11 or not _options_are_whole(data, offset, offset + length):
                return _BAD
            found = Edns(size, ttl >> 16 & 0xFF, bool(ttl & DNSSEC_OK))
        offset += length
    return found if offset == len(data) else _BAD


def _options_are_whole(data: bytes, offset: int, end: int) -> bool:
    while offset + 4 <= end:
        offset += 4 + _TWO.unpack_from(data, offset)[1]
    return offset == end


def error(number: int, flags: int, rcode: int) -> bytes:
    """An answer of a header alone, for messages whose question cannot be repeated."""
    kept = flags & (0x7800 | RECURSION_DESIRED)
    return _HEADER.pack(number, RESPONSE | kept | RECURSION_AVAILABLE | rcode, 0, 0, 0, 0)


def opt_record(rcode: int, dnssec_ok: bool) -> bytes:
    """An OPT record: our receive size, the upper bits of the result, DO as the asker set it (RFC 3225)."""
    extended = (rcode >> 4) << 24 | (DNSSEC_OK if dnssec_ok else 0)
    return b"\0" + _FIXED.pack(OPT, EDNS_SIZE_MAX, extended, 0)


def render(
    query: Query,
    rcode: int,
    answers: Sequence[Resource] = (),
    authority: Sequence[Resource] = (),
    additional: Sequence[Resource] = (),
    *,
    size_max: int,
    authoritative: bool = False,
) -> bytes:
    """The answer to a query in at most ``size_max`` bytes.

    What does not fit is left out: additional records silently, others with the flag TC, which asks the client to come
    again by TCP. Answers that fit stay (RFC 2181, section 9, lets clients use them or not).
    """
    name = query.question[:-4]
    tail = b"" if query.edns is None else opt_record(rcode, query.edns.dnssec_ok)
    room = size_max - HEADER_SIZE - len(query.question) - len(tail)
    flags = RESPONSE | RECURSION_AVAILABLE | query.flags & (RECURSION_DESIRED | CHECKING_DISABLED) | rcode & 0xF
    if authoritative:
        flags |= AUTHORITATIVE
    parts: list[bytes] = []
    counts = [0, 0, 0]
    for section, records in enumerate((answers, authority, additional)):
        for each in records:
            encoded = each.encode(name)
            if len(encoded) > room:
                flags |= TRUNCATED if section < 2 else 0
                break
            room -= len(encoded)
            parts.append(encoded)
            counts[section] += 1
        if flags & TRUNCATED:
            break
    counts[2] += 1 if tail else 0
    return b"".join([_HEADER.pack(query.id, flags, 1, *counts), query.question, *parts, tail])
