"""The whole server on the loopback, asked with dnspython; who asks is said by the test."""

import asyncio
import random
import socket
import struct
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.reversename
import pytest
import uvloop

from k3py.agent.dns import server as server_module
from k3py.agent.dns import tcp as tcp_module
from k3py.agent.dns import wire
from k3py.agent.dns.exchange import exchange
from k3py.agent.dns.forwarder import Forwarder
from k3py.agent.dns.server import CannotServe, DnsServer
from k3py.agent.dns.table import Asker, Table
from k3py.base.clock import SystemClock
from tests.agent.dns.upstream import LoopbackServer, Records
from tests.agent.dns.world import SHOP, endpoints, says, service, source, table

WEB = "web.default.svc.cluster.local"
RECORDS: Records = {
    ("www.example.com", "A"): ["100 CNAME web.example.com.", "web.example.com. 50 A 192.0.2.1"],
    ("six.example.com", "AAAA"): ["100 AAAA 2001:db8::1"],
    ("six.example.com", "A"): ["100 A 192.0.2.6"],
    ("long.example.com", "TXT"): [f"100 TXT {'x' * 200}{n}" for n in range(20)],
    ("many.example.com", "A"): [f"100 A 10.{n >> 8}.{n & 255}.1" for n in range(3000)],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["100 PTR www.example.com."],
}
DEADLINE_SECONDS = 20
T = TypeVar("T")


def within(work: Coroutine[Any, Any, T]) -> T:
    async def run() -> T:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await work

    with asyncio.Runner(loop_factory=_loops[-1]) as runner:
        return runner.run(run())


_loops: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop]


@pytest.fixture(autouse=True, params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def _loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test on both event loops: the agent runs on uvloop."""
    _loops.append(request.param)
    yield
    _loops.pop()


class World:
    """A server on 127.0.0.1 and ::1, and a name server outside. The client on ::1 is native, and of VPC ``shop``."""

    def __init__(self, made: Table | None = None) -> None:
        many = [(f"10.42.1.{host}", "", True) for host in range(200)]
        self.table = made or table(
            service("web", "10.43.0.80"),
            service("many", "None"),
            endpoints("many", *many),
            service("far", external="www.example.com"),
            service("sale", "10.43.0.90", vpc="shop"),
        )
        self.outside = LoopbackServer(dict(RECORDS))

    async def __aenter__(self) -> "World":
        await self.outside.start()
        self.server = DnsServer(
            self.table,
            Forwarder(exchange, SystemClock(), random.SystemRandom()),
            lambda vpc: (("127.0.0.1", self.outside.port),),
            {"127.0.0.1": Asker(1), "::1": Asker(SHOP, native=True)}.get,
        )
        await self.server.start(["127.0.0.1", "::1"], 0)
        self.ports = dict(self.server.bound)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()
        await self.outside.stop()

    async def ask(self, name: str, kind: str = "A", at: str = "127.0.0.1", **more: Any) -> dns.message.Message:
        query = dns.message.make_query(name, kind, **more)
        return await dns.asyncquery.udp(query, at, timeout=5, port=self.ports[at], raise_on_truncation=False)

    async def ask_tcp(self, name: str, kind: str = "A", address: str = "127.0.0.1") -> dns.message.Message:
        query = dns.message.make_query(name, kind)
        return await dns.asyncquery.tcp(query, address, timeout=5, port=self.ports[address])


def play(story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with World() as world:
            await story(world)

    within(run())


def test_services_answer_by_udp_and_tcp() -> None:
    async def story(world: World) -> None:
        for _ in range(3):
            assert says(await world.ask(WEB)) == [f"{WEB} A 10.43.0.80"]
        assert says(await world.ask_tcp(WEB)) == [f"{WEB} A 10.43.0.80"]
        assert says(await world.ask("nobody.default.svc.cluster.local")) == ["NXDOMAIN"]
        assert world.outside.asked == []

    play(story)


def test_the_source_address_says_whose_names_exist() -> None:
    async def story(world: World) -> None:
        sale = "sale.default.svc.cluster.local"
        assert says(await world.ask(sale)) == ["NXDOMAIN"]
        assert says(await world.ask(sale, at="::1")) == [f"{sale} A 10.43.0.90"]
        assert says(await world.ask(WEB, at="::1")) == ["NXDOMAIN"]

    play(story)


def test_a_cut_answer_is_whole_by_tcp() -> None:
    async def story(world: World) -> None:
        name = "many.default.svc.cluster.local"
        assert (await world.ask(name)).flags & dns.flags.TC
        assert len(says(await world.ask_tcp(name))) == 200

    play(story)


def test_other_names_come_from_outside_once() -> None:
    async def story(world: World) -> None:
        expected = ["web.example.com A 192.0.2.1", "www.example.com CNAME web.example.com."]
        for case in ("www.example.com", "WWW.example.COM", "www.example.com"):
            answer = await world.ask(case)
            assert sorted(each.lower() for each in says(answer)) == [each.lower() for each in expected]
            assert answer.question[0].name.to_text(omit_final_dot=True) == case
            assert not answer.flags & dns.flags.AA
        assert says(await world.ask_tcp("www.example.com")) == expected
        assert says(await world.ask("no.example.com")) == ["NXDOMAIN"]
        assert world.outside.asked == ["udp", "udp"]

    play(story)


def test_a_long_answer_is_fetched_and_given_by_tcp() -> None:
    async def story(world: World) -> None:
        assert (await world.ask("long.example.com", "TXT")).flags & dns.flags.TC
        assert len(says(await world.ask_tcp("long.example.com", "TXT"))) == 20
        assert world.outside.asked == ["udp", "tcp"]

    play(story)


def test_each_question_leaves_from_a_port_of_its_own() -> None:
    async def story(world: World) -> None:
        await asyncio.gather(*(world.ask(f"n{number}.example.com") for number in range(20)))
        assert len(world.outside.ports) > 10

    play(story)


def test_an_external_name_is_followed() -> None:
    async def story(world: World) -> None:
        expected = [
            "far.default.svc.cluster.local CNAME www.example.com.",
            "web.example.com A 192.0.2.1",
            "www.example.com CNAME web.example.com.",
        ]
        assert says(await world.ask("far.default.svc.cluster.local")) == expected
        assert says(await world.ask_tcp("far.default.svc.cluster.local")) == expected

    play(story)


def test_native_askers_reach_ipv4_names_by_dns64() -> None:
    async def story(world: World) -> None:
        for _ in range(2):
            assert says(await world.ask("www.example.com", "AAAA", "::1")) == [
                "web.example.com AAAA 64:ff9b::c000:201",
                "www.example.com CNAME web.example.com.",
            ]
        assert len(world.outside.asked) == 2
        assert says(await world.ask("six.example.com", "AAAA", "::1")) == ["six.example.com AAAA 2001:db8::1"]
        assert says(await world.ask("no.example.com", "AAAA", "::1")) == ["NXDOMAIN"]
        assert says(await world.ask("www.example.com", "AAAA")) == ["NOERROR"]

    play(story)


def test_more_addresses_than_fit_when_they_are_translated_are_a_failure_soon() -> None:
    async def story(world: World) -> None:
        assert says(await world.ask("many.example.com", "AAAA", "::1")) == ["SERVFAIL"]
        assert says(await world.ask_tcp("many.example.com", "AAAA", "::1")) == ["SERVFAIL"]

    play(story)


def test_who_validates_gets_no_dns64() -> None:
    async def story(world: World) -> None:
        query = dns.message.make_query("www.example.com", "AAAA", want_dnssec=True)
        query.flags |= dns.flags.CD
        assert says(await dns.asyncquery.udp(query, "::1", timeout=5, port=world.ports["::1"])) == ["NOERROR"]

    play(story)


def test_a_nat64_address_has_the_name_of_its_ipv4_address() -> None:
    async def story(world: World) -> None:
        name = dns.reversename.from_address("64:ff9b::192.0.2.1").to_text()
        answer = await world.ask(name, "PTR", "::1")
        assert "1.2.0.192.in-addr.arpa PTR www.example.com." in says(answer)

    play(story)


def test_a_dead_outside_is_a_failure_soon() -> None:
    async def story(world: World) -> None:
        await world.outside.stop()
        assert says(await world.ask("www.example.com")) == ["SERVFAIL"]
        assert says(await world.ask("far.default.svc.cluster.local")) == ["SERVFAIL"]
        await world.outside.start()

    play(story)


def test_garbage_harms_nobody() -> None:
    async def story(world: World) -> None:
        source = random.Random(3)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as strange:
            for _ in range(300):
                strange.sendto(source.randbytes(source.randint(0, 600)), ("127.0.0.1", world.ports["127.0.0.1"]))
        _, writer = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
        writer.write(source.randbytes(5000))
        writer.close()
        assert says(await world.ask(WEB)) == [f"{WEB} A 10.43.0.80"]

    play(story)


def test_a_connection_carries_many_questions_at_a_time() -> None:
    async def story(world: World) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
        for number in range(40):
            query = dns.message.make_query(f"n{number}.example.com", "A", id=number).to_wire()
            writer.write(struct.pack("!H", len(query)) + query)
        writer.write_eof()
        ids = set()
        for _ in range(40):
            size = struct.unpack("!H", await reader.readexactly(2))[0]
            ids.add(dns.message.from_wire(await reader.readexactly(size)).id)
        assert ids == set(range(40))
        assert await reader.read() == b""
        writer.close()

    play(story)


def test_connections_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "CONNECTIONS_PER_SOURCE_MAX", 2)

    async def story(world: World) -> None:
        connections = [await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"]) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
        for each in connections:
            each[1].close()
            assert await each[0].read() == b""
        assert says(await world.ask_tcp(WEB)) == [f"{WEB} A 10.43.0.80"]

    play(story)


def test_all_connections_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "CONNECTIONS_MAX", 1)

    async def story(world: World) -> None:
        first = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
        reader, writer = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
        first[1].close()

    play(story)


def test_a_connection_has_a_bounded_number_of_open_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        world.outside.delay = asyncio.Event()
        _, writer = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
        for number in range(2 * tcp_module.PIPELINE_MAX):
            query = dns.message.make_query(f"n{number}.example.com", "A").to_wire()
            writer.write(struct.pack("!H", len(query)) + query)
        while len(world.outside.asked) < tcp_module.PIPELINE_MAX:
            await asyncio.sleep(0)
        assert says(await world.ask(WEB)) == [f"{WEB} A 10.43.0.80"]
        assert len(world.outside.asked) == world.server._waiting_count == tcp_module.PIPELINE_MAX
        world.outside.delay.set()
        while len(world.outside.asked) < 2 * tcp_module.PIPELINE_MAX:
            await asyncio.sleep(0)
        writer.close()

    play(story)


def test_a_query_by_tcp_is_no_longer_than_queries_are() -> None:
    async def story(world: World) -> None:
        for size, answered in ((tcp_module.QUERY_SIZE_MAX, True), (tcp_module.QUERY_SIZE_MAX + 1, False)):
            query = dns.message.make_query(WEB, "A", use_edns=0, payload=1232)
            query = dns.message.make_query(WEB, "A", use_edns=0, options=[padding(size - len(query.to_wire()) - 4)])
            data = query.to_wire(max_size=wire.TCP_SIZE_MAX)
            assert len(data) == size
            reader, writer = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
            writer.write(struct.pack("!H", size) + data)
            if answered:
                length = struct.unpack("!H", await reader.readexactly(2))[0]
                assert says(dns.message.from_wire(await reader.readexactly(length))) == [f"{WEB} A 10.43.0.80"]
            else:
                with suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()

    play(story)


def padding(size: int) -> dns.edns.GenericOption:
    return dns.edns.GenericOption(12, bytes(size))  # RFC 7830


def test_a_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "IDLE_SECONDS", 0.05)

    async def story(world: World) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.ports["127.0.0.1"])
        writer.write(b"\0")
        assert await reader.read() == b""
        writer.close()

    play(story)


@pytest.mark.parametrize("bound", ["WAITING_PER_SOURCE_MAX", "WAITING_MAX"])
def test_places_for_waiting_are_bounded(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(server_module, bound, 3)

    async def story(world: World) -> None:
        messages = await asyncio.gather(*(world.ask(f"n{number}.example.com") for number in range(30)))
        results = [says(each) for each in messages]
        assert ["SERVFAIL"] in results
        assert ["NXDOMAIN"] in results
        assert not world.server._waiting
        assert says(await world.ask("last.example.com")) == ["NXDOMAIN"]

    play(story)


def test_an_address_may_be_served_before_it_exists() -> None:
    async def story() -> None:
        made = DnsServer(table(), Forwarder(exchange, SystemClock(), random.Random(1)), lambda vpc: ())
        await made.start(["192.0.2.10", "2001:db8::10"], 0)
        assert len(made.bound) == 2
        await made.stop()
        assert made.bound == []

    within(story())


def test_pods_ask_the_clusters_address_as_soon_as_it_is_there() -> None:
    here, pod = source(0, "10.43.0.10"), source(1, "10.42.0.9")

    async def story() -> None:
        made = DnsServer(
            table(service("web", "10.43.0.80")), Forwarder(exchange, SystemClock(), random.Random(1)), lambda vpc: ()
        )
        await made.start([here], 0)
        try:
            for address in (here, pod):
                subprocess.run(["ip", "-6", "address", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)
            query = dns.message.make_query(WEB, "A")
            for ask_by in (dns.asyncquery.udp, dns.asyncquery.tcp):
                answer = None
                while answer is None:  # the kernel makes an address usable a moment after it was added
                    with suppress(dns.exception.Timeout, OSError):
                        answer = await ask_by(query, here, timeout=0.5, port=made.bound[0][1], source=pod)
                assert says(answer) == [f"{WEB} A 10.43.0.80"]
        finally:
            for address in (here, pod):
                subprocess.run(["ip", "-6", "address", "delete", f"{address}/128", "dev", "lo"], check=False)
            await made.stop()

    within(story())


def test_a_port_that_is_taken_is_said_and_nothing_stays_open() -> None:
    async def story() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            made = DnsServer(table(), Forwarder(exchange, SystemClock(), random.Random(1)), lambda vpc: ())
            with pytest.raises(CannotServe, match=r"cannot serve DNS on ::1, 127\.0\.0\.1"):
                await made.start(["::1", "127.0.0.1"], port)
        again = DnsServer(table(), Forwarder(exchange, SystemClock(), random.Random(1)), lambda vpc: ())
        await again.start(["::1", "127.0.0.1"], port)
        await again.stop()

    within(story())
