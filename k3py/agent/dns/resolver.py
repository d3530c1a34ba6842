"""Answers to questions about the outside: plain ones, DNS64 for native askers, and what ExternalNames stand for."""

from collections.abc import Callable
from typing import Final

from k3py.agent.dns import foreign, wire
from k3py.agent.dns.cache import Found, Question, Server
from k3py.agent.dns.entries import VpcEntry
from k3py.agent.dns.foreign import BadAnswer
from k3py.agent.dns.forwarder import Forwarder
from k3py.agent.dns.names import reverse_ipv6, to_labels
from k3py.agent.dns.responder import Forward
from k3py.agent.dns.wire import Resource
from k3py.model import ghost

# A CNAME from ``64:ff9b::a.b.c.d`` never changes; the record that it leads to has a lifetime of its own.
TTL_ALIAS_SECONDS: Final = 300


class Resolver:
    """``servers_of``: whom to ask for a VPC, now."""

    def __init__(self, forwarder: Forwarder, servers_of: Callable[[VpcEntry], tuple[Server, ...]]) -> None:
        self._forwarder = forwarder
        self._servers_of = servers_of

    def at_once(self, wanted: Forward, size_max: int) -> bytes | None:
        """The answer if it is known and needs nothing done to it."""
        if wanted.alias or self._pointer(wanted) is not None:
            return None
        question = self._question(wanted, dns64=self._wants_dns64(wanted))
        found = self._forwarder.cached(question)
        return None if found is None else self._render(wanted, found, size_max)

    async def answer(self, wanted: Forward, size_max: int) -> bytes:
        """The answer; SERVFAIL if nobody gives one. Never raises for what others send."""
        try:
            pointer = self._pointer(wanted)
            if pointer is not None:
                return await self._behind(wanted, pointer[0], pointer[1], size_max)
            if wanted.alias:
                return await self._behind(wanted, wanted.alias, wanted.name, size_max)
            return self._render(wanted, await self._find(wanted), size_max)
        except BadAnswer:
            return wire.render(wanted.query, wire.SERVFAIL, size_max=size_max)

    async def _behind(self, wanted: Forward, alias: tuple[Resource, ...], name: bytes, size_max: int) -> bytes:
        from k3py.agent.dns import rewriting

        found = await self._find(Forward(wanted.query, wanted.asker, wanted.vpc, name))
        return rewriting.behind_alias(wanted.query, alias, name, found.foreign, found.elapsed, size_max)

    async def _find(self, wanted: Forward) -> Found:
        if not self._wants_dns64(wanted):
            return await self._forwarder.ask(self._question(wanted))
        kept = self._question(wanted, dns64=True)
        known = self._forwarder.cached(kept)
        if known is not None:
            return known
        native = await self._forwarder.ask(self._question(wanted))
        # RFC 6147, section 5.1.2: a name that does not exist has no A record either; any other error may hide one.
        if native.foreign is not None and (native.foreign.rcode == wire.NXDOMAIN or wire.AAAA in native.foreign.types):
            return native
        plain = await self._forwarder.ask(self._question(wanted, kind=wire.A))
        if plain.foreign is None or wire.A not in plain.foreign.types:
            return native
        from k3py.agent.dns import rewriting

        made = rewriting.synthesize(wanted.name, plain.foreign)
        if not plain.is_stale:
            self._forwarder.keep(kept, made)
        return Found(made, plain.elapsed, plain.is_stale)

    def _question(self, wanted: Forward, kind: int | None = None, *, dns64: bool = False) -> Question:
        query = wanted.query
        return Question(
            self._servers_of(wanted.vpc),
            wanted.name,
            query.type if kind is None else kind,
            query.edns is not None and query.edns.dnssec_ok,
            bool(query.flags & wire.CHECKING_DISABLED),
            dns64,
        )

    @staticmethod
    def _wants_dns64(wanted: Forward) -> bool:
        query = wanted.query
        validates = query.flags & wire.CHECKING_DISABLED and query.edns is not None and query.edns.dnssec_ok
        return wanted.asker.native and query.type == wire.AAAA and not validates

    @staticmethod
    def _pointer(wanted: Forward) -> tuple[tuple[Resource, ...], bytes] | None:
        """For the owner of ``64:ff9b::a.b.c.d``: a CNAME to the name that knows, and that name."""
        if wanted.query.type != wire.PTR or wanted.alias:
            return None
        network = reverse_ipv6(to_labels(wanted.name))
        if network is None or network.prefixlen < 128 or not network.subnet_of(ghost.NAT64):
            return None
        from k3py.agent.dns import rewriting

        name = rewriting.nat64_pointer(network.network_address)
        return (Resource(b"", wire.CNAME, TTL_ALIAS_SECONDS, name),), name

    @staticmethod
    def _render(wanted: Forward, found: Found, size_max: int) -> bytes:
        if found.foreign is None:
            return wire.render(wanted.query, wire.SERVFAIL, size_max=size_max)
        return foreign.render(found.foreign, wanted.query, size_max, found.elapsed, found.ttl_least)
