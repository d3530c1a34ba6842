"""Asks other servers: in turn, each question once at a time, and not too many at once. Acts through ``Exchange``."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from k3py.agent.dns import foreign, wire
from k3py.agent.dns.cache import Cache, Found, Question, Server
from k3py.agent.dns.foreign import BadAnswer, Foreign
from k3py.base.clock import Clock
from k3py.base.tasks import Tasks

log = logging.getLogger(__name__)

# A server that is silent for so long is passed over; clients give up after five seconds.
SERVER_SECONDS: Final = 2.0
# A client gets an old answer, if there is one, when a new one takes longer (RFC 8767, section 5).
STALE_AFTER_SECONDS: Final = 1.8
# Each has a socket of its own.
IN_FLIGHT_MAX: Final = 1000
# For so long a server that failed is asked last.
PENALTY_SECONDS: Final = 10.0
PENALTIES_MAX: Final = 256


class Exchange(Protocol):
    """One message to one server, and its answer."""

    async def __call__(
        self, server: Server, message: bytes, accept: Callable[[bytes], bool], seconds: float, *, tcp: bool
    ) -> bytes:
        """The first message from ``server`` that ``accept`` takes, from a fresh random port.

        Raises:
            OSError: the server cannot be reached, or refuses; TimeoutError (which is one) after ``seconds``.
        """
        ...


class Forwarder:
    """Answers about the outside. ``source`` chooses the ids of queries: give one that cannot be guessed."""

    def __init__(self, exchange: Exchange, clock: Clock, source: random.Random) -> None:
        self._exchange = exchange
        self._clock = clock
        self._source = source
        self._cache = Cache()
        self._in_flight: dict[Question, asyncio.Task[Foreign | None]] = {}
        self._penalties: dict[Server, float] = {}
        self._failing: set[tuple[Server, ...]] = set()
        self._tasks = Tasks()

    async def stop(self) -> None:
        """Give up what is being asked."""
        await self._tasks.stop()

    def cached(self, question: Question) -> Found | None:
        """What is known already."""
        return self._cache.get(question, self._clock.monotonic())

    def keep(self, question: Question, made: Foreign) -> None:
        """Keep an answer that was made of others."""
        self._cache.put(question, made, self._clock.monotonic())

    async def ask(self, question: Question) -> Found:
        """The answer, from the cache or a server; a failure if no server gives one and none is remembered."""
        known = self.cached(question)
        if known is not None:
            return known
        task = self._in_flight.get(question)
        if task is None:
            if len(self._in_flight) >= IN_FLIGHT_MAX or not question.servers:
                return self._cache.stale(question, self._clock.monotonic()) or Found(None)
            task = self._tasks.start(self._ask(question), "dns question")
            self._in_flight[question] = task
            task.add_done_callback(lambda _: self._in_flight.pop(question, None))
        stale = self._cache.stale(question, self._clock.monotonic())
        await asyncio.wait({task}, timeout=STALE_AFTER_SECONDS if stale is not None else None)
        if not task.done():
            assert stale is not None
            return stale
        if task.cancelled() or task.exception() is not None:
            return Found(None)
        return Found(task.result()) if task.result() is not None else stale or Found(None)

    async def _ask(self, question: Question) -> Foreign | None:
        """Each server in turn until one knows."""
        refusal: Foreign | None = None
        for server in self._ordered(question.servers):
            try:
                answer = await self._ask_one(server, question)
            except (OSError, BadAnswer) as problem:
                log.debug("name server %s gave no answer: %s", server[0], problem or "it is silent")
                self._penalise(server)
                continue
            if answer.rcode in (wire.NOERROR, wire.NXDOMAIN):
                self._penalties.pop(server, None)
                if question.servers in self._failing:
                    self._failing.discard(question.servers)
                    log.info("names outside the cluster are answered again by %s", server[0])
                self._cache.put(question, answer, self._clock.monotonic())
                return answer
            refusal = refusal or answer
        if refusal is None:
            self._say_failing(question.servers)
        self._cache.put_failure(question, self._clock.monotonic())
        # An old answer is better than a refusal.
        return refusal if self._cache.stale(question, self._clock.monotonic()) is None else None

    def _say_failing(self, servers: tuple[Server, ...]) -> None:
        """Once, until they answer again."""
        if servers not in self._failing and len(self._failing) < PENALTIES_MAX:
            self._failing.add(servers)
            log.warning("cannot resolve names outside the cluster: no answer from %s", ", ".join(s[0] for s in servers))

    async def _ask_one(self, server: Server, question: Question) -> Foreign:
        answer = await self._send(server, question, edns=True, tcp=False)
        # RFC 6891, section 6.2.2: an old server, or one with a result that not every client could be told.
        edns = answer.rcode not in (wire.FORMERR, wire.NOTIMP) and answer.rcode < wire.BADVERS
        if not edns:
            answer = await self._send(server, question, edns=False, tcp=False)
        if answer.truncated:
            answer = await self._send(server, question, edns=edns, tcp=True)
        return answer

    async def _send(self, server: Server, question: Question, *, edns: bool, tcp: bool) -> Foreign:
        number = self._source.getrandbits(16)
        message = foreign.make_query(
            number,
            question.name,
            question.type,
            edns=edns,
            dnssec_ok=question.dnssec_ok,
            checking_disabled=question.checking_disabled,
        )
        section = foreign.question_of(question.name, question.type)
        data = await self._exchange(
            server, message, lambda data: foreign.answers(data, number, section), SERVER_SECONDS, tcp=tcp
        )
        return foreign.read_answer(data, section)

    def _ordered(self, servers: Sequence[Server]) -> list[Server]:
        now = self._clock.monotonic()
        return sorted(servers, key=lambda server: self._penalties.get(server, 0.0) > now)

    def _penalise(self, server: Server) -> None:
        now = self._clock.monotonic()
        if len(self._penalties) >= PENALTIES_MAX:
            self._penalties = {each: until for each, until in self._penalties.items() if until > now}
        if len(self._penalties) < PENALTIES_MAX:
            self._penalties[server] = now + PENALTY_SECONDS
