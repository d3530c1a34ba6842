"""From a datagram to what is done about it: answered at once, asked elsewhere, or nothing. Decides.

Answers about the cluster are kept rendered, per VPC and by the query's bytes behind its id, so that nearly all queries
cost two look-ups and a concatenation; those with cookies and the like are read, and find the same answers. Any change
of the table empties what is kept: it fills again within as many queries as there are names in use.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from k3py.agent.dns import wire
from k3py.agent.dns.answers import Answer, Names
from k3py.agent.dns.entries import VpcEntry
from k3py.agent.dns.table import Asker, Table
from k3py.agent.dns.wire import Bad, Query, Resource

# Together a few megabytes: what is asked again and again within seconds is far less.
KEPT_ANSWERS_MAX: Final = 4096
KEPT_BYTES_MAX: Final = 4 * 1024 * 1024
# Every pod of a node, several times over.
SOURCES_MAX: Final = 16_384
# In how many orders the records of one answer are given in turn, for clients that take the first.
ORDERS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Forward:
    """A question about the outside. ``name`` (a wire name) is what has to be asked; ``alias`` leads there from the
    query's own name, and is empty if that is it."""

    query: Query
    asker: Asker
    vpc: VpcEntry
    name: bytes
    alias: tuple[Resource, ...] = ()


class Responder:
    """Answers for one table. ``asker_of``: who asks from a source address (default: as its Ghost address says)."""

    def __init__(
        self, table: Table, asker_of: Callable[[str], Asker | None] | None = None, domain: str = "cluster.local"
    ) -> None:
        self._table = table
        self._names = Names(table, domain)
        self._asker_of = asker_of or table.asker
        self._generation = -1
        self._by_source: dict[str, dict[bytes, Iterator[bytes]]] = {}
        self._by_vpc: dict[int, dict[bytes, Iterator[bytes]]] = {}
        self._askers: dict[str, Asker] = {}
        self._kept = 0
        self._kept_bytes = 0

    def ready(self, data: bytes, source: str) -> bytes | None:
        """The answer to a datagram, if it is kept."""
        if self._table.generation != self._generation:
            self._forget()
        answers = self._by_source.get(source)
        if answers is None:
            return None
        found = answers.get(data[2:])
        return None if found is None else data[:2] + next(found)

    def decide(self, data: bytes, source: str, *, tcp: bool = False) -> bytes | Forward | None:
        """What to do about a message from ``source``: send these bytes, ask the outside, or stay silent."""
        if self._table.generation != self._generation:
            self._forget()
        query = wire.read_query(data)
        if isinstance(query, Bad):
            return query.reply
        size_max = wire.TCP_SIZE_MAX if tcp else query.udp_size_max
        asker = self._asker(source)
        if asker is None or query.rclass not in (wire.IN, wire.ANY) or query.type in (wire.AXFR, wire.IXFR, wire.OPT):
            return wire.render(query, wire.REFUSED, size_max=size_max)
        vpc = self._table.vpc(asker.vpc)
        key = b"" if tcp else query.canonical
        kept = self._by_vpc.get(asker.vpc)
        if key and kept is not None:
            found = kept.get(key)
            if found is not None:
                self._remember(source, kept)
                return data[:2] + next(found)
        if vpc is None:
            # A VPC that this node has not heard of yet: the client asks again.
            return wire.render(query, wire.SERVFAIL, size_max=size_max)
        answer = self._names.find(vpc, query.name, query.type)
        if answer is None:
            return Forward(query, asker, vpc, query.name)
        if not self._table.is_complete and answer.rcode == wire.NXDOMAIN:
            return wire.render(query, wire.SERVFAIL, size_max=size_max)
        if answer.alias:
            return Forward(query, asker, vpc, answer.alias, answer.records)
        if tcp:
            return self._render(query, answer, answer.records, size_max)
        orders = [self._render(query, answer, each, size_max) for each in _orders(answer.records)]
        self._keep(key, source, asker, orders)
        return orders[0]

    def _asker(self, source: str) -> Asker | None:
        known = self._askers.get(source)
        if known is not None:
            return known
        found = self._asker_of(source)
        if found is not None:
            if len(self._askers) >= SOURCES_MAX:
                self._askers.clear()
            self._askers[source] = found
        return found

    def _render(self, query: Query, answer: Answer, records: Sequence[Resource], size_max: int) -> bytes:
        authority = (self._names.soa(answer.zone),) if answer.zone else ()
        return wire.render(
            query, answer.rcode, records, authority, answer.additional, size_max=size_max, authoritative=True
        )

    def _keep(self, key: bytes, source: str, asker: Asker, orders: Sequence[bytes]) -> None:
        size = len(key) + sum(map(len, orders))
        if self._kept >= KEPT_ANSWERS_MAX or self._kept_bytes + size > KEPT_BYTES_MAX:
            self._forget()
        answers = self._by_vpc.setdefault(asker.vpc, {})
        self._remember(source, answers)
        answers[key] = itertools.cycle([each[2:] for each in orders])
        self._kept += 1
        self._kept_bytes += size

    def _remember(self, source: str, answers: dict[bytes, Iterator[bytes]]) -> None:
        if len(self._by_source) >= SOURCES_MAX:
            self._by_source.clear()
        self._by_source[source] = answers

    def _forget(self) -> None:
        self._by_source.clear()
        self._by_vpc.clear()
        self._askers.clear()
        self._kept = self._kept_bytes = 0
        self._generation = self._table.generation


def _orders(records: Sequence[Resource]) -> Iterator[Sequence[Resource]]:
    """The records turned by a quarter, and so on; a CNAME stays first."""
    fixed = sum(each.type == wire.CNAME for each in records)
    head, rest = records[:fixed], records[fixed:]
    count = max(1, min(len(rest), ORDERS_MAX))
    for turn in range(count):
        start = turn * len(rest) // count
        yield (*head, *rest[start:], *rest[:start])
