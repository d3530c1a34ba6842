"""Answers made of other answers: DNS64 (RFC 6147) and names that stand for names outside. Speaks, by dnspython.

These take apart and build messages with compressed names, and are rare; so the library does it, and whoever imports
this module pays for it (some megabytes): ``resolver`` does when the first such question comes.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from k3py.agent.dns import foreign, wire
from k3py.agent.dns.foreign import BadAnswer, Foreign
from k3py.agent.dns.names import from_text
from k3py.agent.dns.wire import Query, Resource
from k3py.model import ghost

# RFC 6147, section 5.1.7: how long at most when the server did not say for how long there is no AAAA record.
DNS64_TTL_SECONDS_MAX: Final = 600


def nat64_pointer(address: IPv6Address) -> bytes:
    """The name that knows who ``64:ff9b::a.b.c.d`` is: ``d.c.b.a.in-addr.arpa`` (RFC 6147, section 5.3.1)."""
    return from_text(IPv4Address(int(address) & 0xFFFF_FFFF).reverse_pointer)


def synthesize(name: bytes, a: Foreign) -> Foreign:
    """AAAA records for the A records that ``a`` holds for the wire name ``name``; aliases stay.

    Raises:
        BadAnswer: dnspython cannot read ``a``, or what is made of it is too long for a message.
    """
    message = _message(foreign.question_of(name, wire.A), a)
    made: list[dns.rrset.RRset] = []
    for rrset in message.answer:
        if rrset.rdtype != dns.rdatatype.A:
            made.append(rrset)
            continue
        texts = [str(ghost.NAT64.network_address + int(IPv4Address(each.address))) for each in rrset]
        ttl = min(rrset.ttl, DNS64_TTL_SECONDS_MAX)
        made.append(dns.rrset.from_text_list(rrset.name, ttl, dns.rdataclass.IN, dns.rdatatype.AAAA, texts))
    question = foreign.question_of(name, wire.AAAA)
    answer = dns.message.make_response(dns.message.from_wire(_header(0, 0) + question), recursion_available=True)
    answer.set_rcode(message.rcode())
    answer.answer = made
    try:
        return foreign.read_answer(answer.to_wire(), question)
    except dns.exception.TooBig as error:
        raise BadAnswer(f"an answer cannot be translated: {error}") from error


def behind_alias(
    query: Query, alias: Sequence[Resource], name: bytes, found: Foreign | None, elapsed: int, size_max: int
) -> bytes:
    """The answer to ``query``: the records of ``alias`` (CNAMEs of the query's own name), and what ``found`` answers to
    a question for ``name``, which they lead to; None: nobody answered.

    Raises:
        BadAnswer: dnspython cannot read ``found``.
    """
    if found is None:
        return wire.render(query, wire.SERVFAIL, size_max=size_max)
    message = _message(foreign.question_of(name, query.type), found, elapsed)
    records = [*alias, *_resources(message.answer)]
    return wire.render(query, message.rcode(), records, _resources(message.authority), size_max=size_max)


def _resources(rrsets: Sequence[dns.rrset.RRset]) -> list[Resource]:
    """The records one by one, their names without compression."""
    return [
        Resource(rrset.name.to_wire() or b"", rrset.rdtype, rrset.ttl, each.to_wire() or b"")
        for rrset in rrsets
        for each in rrset
    ]


def _message(question: bytes, answer: Foreign, elapsed: int = 0) -> dns.message.Message:
    query = Query(0, wire.RECURSION_DESIRED, question, question[:-4], 0, wire.IN)
    data = foreign.render(answer, query, wire.TCP_SIZE_MAX, elapsed)
    try:
        return dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError) as error:
        raise BadAnswer(f"an answer cannot be read: {error}") from error


def _header(number: int, flags: int) -> bytes:
    return b"".join(each.to_bytes(2, "big") for each in (number, flags, 1, 0, 0, 0))
