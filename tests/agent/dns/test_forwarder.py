"""Other names: asked in turn, once at a time, kept as long as they hold, and a while longer when nobody answers."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import dns.message
import dns.rcode
import pytest

from k3py.agent.dns import cache as cache_module
from k3py.agent.dns import foreign, forwarder, wire
from k3py.agent.dns.cache import Question
from k3py.agent.dns.forwarder import Forwarder
from k3py.agent.dns.names import from_text
from k3py.agent.dns.wire import Query
from k3py.base import virtual_loop
from k3py.base.clock import LoopClock
from tests.agent.dns.upstream import Records, Servers

RECORDS: Records = {
    ("www.example.com", "A"): ["100 A 192.0.2.1"],
    ("day.example.com", "A"): ["86400 A 192.0.2.2"],
    ("never.example.com", "A"): ["0 A 192.0.2.3"],
    ("long.example.com", "TXT"): [f"100 TXT {'x' * 200}{n}" for n in range(20)],
}
ONE, TWO = ("192.0.2.53", 53), ("192.0.2.54", 53)


def about(name: str = "www.example.com", kind: int = wire.A, *servers: tuple[str, int]) -> Question:
    return Question(servers or (ONE,), from_text(name), kind)


def play(story: Callable[[Forwarder, Servers], Awaitable[None]]) -> None:
    async def run() -> None:
        servers = Servers(dict(RECORDS))
        made = Forwarder(servers, LoopClock(asyncio.get_running_loop()), random.Random(7))
        try:
            await story(made, servers)
        finally:
            await made.stop()

    virtual_loop.run(run())


async def text(made: Forwarder, question: Question) -> str:
    """The answer as the client sees it: its result, and each record with its lifetime."""
    found = await made.ask(question)
    if found.foreign is None:
        return "SERVFAIL"
    section = foreign.question_of(question.name, question.type)
    data = foreign.render(
        found.foreign, Query(1, 0, section, question.name, 0, 1), 65_535, found.elapsed, found.ttl_least
    )
    message = dns.message.from_wire(data)
    records = [f"{rrset.ttl} {each.to_text()}" for rrset in message.answer for each in rrset]
    return " ".join([dns.rcode.to_text(message.rcode()), *records])


def test_an_answer_is_asked_once_and_ages() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        assert await text(made, about()) == "NOERROR 100 192.0.2.1"
        await asyncio.sleep(40)
        assert await text(made, about()) == "NOERROR 60 192.0.2.1"
        assert len(servers.asked) == 1
        await asyncio.sleep(61)
        assert await text(made, about()) == "NOERROR 100 192.0.2.1"
        assert len(servers.asked) == 2

    play(story)


def test_nothing_is_believed_for_longer_than_five_minutes() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        assert await text(made, about("day.example.com")) == "NOERROR 300 192.0.2.2"
        await asyncio.sleep(299)
        assert await text(made, about("day.example.com")) == "NOERROR 1 192.0.2.2"
        await asyncio.sleep(2)
        await text(made, about("day.example.com"))
        assert len(servers.asked) == 2

    play(story)


def test_what_may_not_be_kept_is_not() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        for _ in range(2):
            assert await text(made, about("never.example.com")) == "NOERROR 0 192.0.2.3"
        assert len(servers.asked) == 2

    play(story)


def test_a_no_is_kept_as_long_as_the_zone_says() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        for name, kind, expected in (("no.example.com", wire.A, "NXDOMAIN"), ("www.example.com", wire.AAAA, "NOERROR")):
            before = len(servers.asked)
            assert await text(made, about(name, kind)) == expected
            await asyncio.sleep(29)
            assert await text(made, about(name, kind)) == expected
            assert len(servers.asked) == before + 1
            await asyncio.sleep(2)
            await text(made, about(name, kind))
            assert len(servers.asked) == before + 2

    play(story)


def test_equal_questions_travel_together() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        answers = await asyncio.gather(*(text(made, about()) for _ in range(100)))
        assert set(answers) == {"NOERROR 100 192.0.2.1"}
        assert len(servers.asked) == 1

    play(story)


def test_a_silent_server_costs_two_seconds_once() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        loop = asyncio.get_running_loop()
        servers.silent = {ONE[0]}
        assert await text(made, about("www.example.com", wire.A, ONE, TWO)) == "NOERROR 100 192.0.2.1"
        assert loop.time() == pytest.approx(2.01)
        assert await text(made, about("day.example.com", wire.A, ONE, TWO)) == "NOERROR 300 192.0.2.2"
        assert loop.time() == pytest.approx(2.02)
        await asyncio.sleep(forwarder.PENALTY_SECONDS)
        servers.silent = set()
        await text(made, about("never.example.com", wire.A, ONE, TWO))
        assert servers.asked[-1] == (ONE[0], False)

    play(story)


def test_when_all_are_silent_the_client_is_told_and_nobody_is_asked_again_at_once() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        servers.silent = {ONE[0], TWO[0]}
        assert await text(made, about("www.example.com", wire.A, ONE, TWO)) == "SERVFAIL"
        assert asyncio.get_running_loop().time() == pytest.approx(4.0)
        assert await text(made, about("www.example.com", wire.A, ONE, TWO)) == "SERVFAIL"
        assert len(servers.asked) == 2
        await asyncio.sleep(cache_module.FAILURE_SECONDS)
        servers.silent = set()
        assert await text(made, about("www.example.com", wire.A, ONE, TWO)) == "NOERROR 100 192.0.2.1"

    play(story)


def test_an_old_answer_is_better_than_none_for_an_hour() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        loop = asyncio.get_running_loop()
        await text(made, about())
        servers.silent = {ONE[0]}
        await asyncio.sleep(200)
        before = loop.time()
        assert await text(made, about()) == "NOERROR 30 192.0.2.1"
        assert loop.time() - before == pytest.approx(forwarder.STALE_AFTER_SECONDS)
        await asyncio.sleep(1)  # the server has failed meanwhile: nobody waits for it now
        before = loop.time()
        assert await text(made, about()) == "NOERROR 30 192.0.2.1"
        assert loop.time() == before
        await asyncio.sleep(3500)
        assert await text(made, about()) == "SERVFAIL"

    play(story)


def test_an_old_answer_is_better_than_a_refusal() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        await text(made, about())
        servers.broken = with_rcode(dns.rcode.SERVFAIL)
        await asyncio.sleep(200)
        assert await text(made, about()) == "NOERROR 30 192.0.2.1"

    play(story)


def with_rcode(rcode: dns.rcode.Rcode) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        message = dns.message.from_wire(data)
        message.set_rcode(rcode)
        message.answer.clear()
        return message.to_wire()

    return change


def test_a_refusal_is_handed_on_after_all_were_asked() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        servers.broken = with_rcode(dns.rcode.REFUSED)
        assert await text(made, about("www.example.com", wire.A, ONE, TWO)) == "REFUSED"
        assert [each for each, _ in servers.asked] == [ONE[0], TWO[0]]

    play(story)


def test_a_server_with_another_edns_is_asked_without() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        def newer(data: bytes) -> bytes:
            message = dns.message.from_wire(data)
            if message.edns < 0:
                return data
            message.use_edns(0)
            message.set_rcode(dns.rcode.BADVERS)
            message.answer.clear()
            return message.to_wire()

        servers.broken = newer
        assert await text(made, about()) == "NOERROR 100 192.0.2.1"
        assert len(servers.asked) == 2

    play(story)


def test_a_server_without_edns_is_asked_without() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        def old(data: bytes) -> bytes:
            if dns.message.from_wire(data).edns >= 0:
                return data[:2] + b"\x80\x01" + bytes(8)
            return data

        servers.broken = old
        assert await text(made, about()) == "NOERROR 100 192.0.2.1"
        assert len(servers.asked) == 2

    play(story)


def test_a_cut_answer_is_fetched_by_tcp() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        answer = await text(made, about("long.example.com", wire.TXT))
        assert answer.count("xxx") > 20
        assert servers.asked == [(ONE[0], False), (ONE[0], True)]

    play(story)


def test_an_answer_to_another_question_is_none() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        servers.broken = lambda data: data.replace(b"\3www", b"\3wwx", 1)
        assert await text(made, about()) == "SERVFAIL"

    play(story)


def test_no_more_than_a_thousand_questions_are_open() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        answers = await asyncio.gather(*(text(made, about(f"n{number}.example.com")) for number in range(1100)))
        assert servers.open_most == forwarder.IN_FLIGHT_MAX == 1000
        assert answers.count("SERVFAIL") == 100
        assert answers.count("NXDOMAIN") == 1000
        assert not made._in_flight

    play(story)


def test_nobody_to_ask_is_a_failure() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        found = await made.ask(Question((), from_text("www.example.com"), wire.A))
        assert found.foreign is None

    play(story)


def test_an_outage_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="k3py.agent.dns.forwarder")

    async def story(made: Forwarder, servers: Servers) -> None:
        servers.silent = {ONE[0]}
        for number in range(5):
            await text(made, about(f"n{number}.example.com"))
        servers.silent = set()
        for number in range(10, 15):
            await text(made, about(f"n{number}.example.com"))

    play(story)
    assert [each.getMessage() for each in caplog.records] == [
        "cannot resolve names outside the cluster: no answer from 192.0.2.53",
        "names outside the cluster are answered again by 192.0.2.53",
    ]


def test_failing_servers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "PENALTIES_MAX", 4)

    async def story(made: Forwarder, servers: Servers) -> None:
        servers.silent = {f"192.0.2.{number}" for number in range(20)}
        await asyncio.gather(*(made.ask(about("x.org", wire.A, (f"192.0.2.{n}", 53))) for n in range(20)))
        assert len(made._penalties) == 4
        assert len(made._failing) == 4

    play(story)


def test_ids_are_drawn() -> None:
    async def story(made: Forwarder, servers: Servers) -> None:
        for number in range(50):
            await text(made, about(f"n{number}.example.com"))
        assert len(servers.ids) > 40

    play(story)
