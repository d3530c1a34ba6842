"""The table follows the server, survives its absence, and an agent that starts without it still answers."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.dns import snapshot
from k3py.agent.dns.feed import SAVE_AFTER_SECONDS, DnsFeed
from k3py.agent.dns.responder import Responder
from k3py.agent.dns.snapshot import BadSnapshot
from k3py.agent.dns.table import Table
from k3py.base import virtual_loop
from k3py.base.clock import LoopClock
from tests.agent.cluster import Cluster
from tests.agent.dns.world import ask, endpoints, says, service, source, table, vpc

WEB = "web.default.svc.cluster.local"
DB = "db.default.svc.cluster.local"


class World:
    """An agent's table, its feed and a server."""

    def __init__(self, path: Path) -> None:
        self.clock = LoopClock(asyncio.get_running_loop())
        self.cluster = Cluster(self.clock)
        self.path = path
        self.start()

    def start(self) -> None:
        """The agent starts, with what is on disk."""
        self.table = Table()
        self.responder = Responder(self.table)
        self.feed = DnsFeed(self.table, self.cluster, self.clock, random.Random(1), self.path)
        self.has_loaded = self.feed.load()
        self.task = asyncio.get_running_loop().create_task(self.feed.run())

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, name: str, expected: list[str], number: int = 1) -> None:
        async with asyncio.timeout(120):
            while says(ask(self.responder, name, number=number)) != expected:
                await asyncio.sleep(0.1)


def play(tmp_path: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World(tmp_path / "agent" / "dns.json")
        try:
            await story(world)
        finally:
            await world.end()

    virtual_loop.run(run())


def test_names_follow_the_server(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert says(ask(world.responder, WEB)) == ["SERVFAIL"]
        world.cluster.put(vpc("default", 1))
        web = world.cluster.put(service("web", "10.43.0.80"))
        await world.until(WEB, [f"{WEB} A 10.43.0.80"])
        await world.until(DB, ["NXDOMAIN"])
        world.cluster.put(service("db", "None"))
        made = world.cluster.put(endpoints("db", ("10.42.0.5", "a", True)))
        await world.until(DB, [f"{DB} A 10.42.0.5"])
        world.cluster.put(endpoints("db", ("10.42.0.6", "a", True)))
        await world.until(DB, [f"{DB} A 10.42.0.6"])
        world.cluster.drop(made)
        await world.until(DB, ["NXDOMAIN"])
        world.cluster.drop(web)
        await world.until(WEB, ["NXDOMAIN"])

    play(tmp_path, story)


def test_a_slice_may_change_its_service(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for each in (vpc("default", 1), service("db", "None"), service("web", "None")):
            world.cluster.put(each)
        world.cluster.put(endpoints("db", ("10.42.0.5", "a", True), name="one"))
        await world.until(DB, [f"{DB} A 10.42.0.5"])
        world.cluster.put(endpoints("web", ("10.42.0.5", "a", True), name="one"))
        await world.until(WEB, [f"{WEB} A 10.42.0.5"])
        await world.until(DB, ["NXDOMAIN"])

    play(tmp_path, story)


def test_a_vpc_that_goes_takes_its_names_along(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        shop = world.cluster.put(vpc("shop", 7))
        world.cluster.put(service("web", "10.43.0.80", vpc="shop"))
        await world.until(WEB, [f"{WEB} A 10.43.0.80"], 7)
        world.cluster.drop(shop)
        await world.until(WEB, ["SERVFAIL"], 7)

    play(tmp_path, story)


def test_an_agent_that_starts_without_a_server_answers_from_its_copy(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        objects = [vpc("default", 1), service("web", "10.43.0.80"), service("db", "None")]
        for each in [*objects, endpoints("db", ("10.42.0.5", "a", True)), endpoints("web", ("10.42.0.7", "", True))]:
            world.cluster.put(each)
        await world.until(DB, [f"{DB} A 10.42.0.5"])
        await asyncio.sleep(3 * SAVE_AFTER_SECONDS)
        await world.end()
        world.cluster.away = True
        world.start()
        assert world.has_loaded
        assert says(ask(world.responder, WEB)) == [f"{WEB} A 10.43.0.80"]
        assert says(ask(world.responder, DB)) == [f"{DB} A 10.42.0.5"]
        assert says(ask(world.responder, "no.default.svc.cluster.local")) == ["NXDOMAIN"]
        await asyncio.sleep(10_000)
        assert says(ask(world.responder, WEB)) == [f"{WEB} A 10.43.0.80"]
        # What went meanwhile goes when the server is back.
        world.cluster.drop(objects[1])
        world.cluster.away = False
        await world.until(WEB, ["NXDOMAIN"])
        await world.until(DB, [f"{DB} A 10.42.0.5"])

    play(tmp_path, story)


def test_the_copy_is_written_once_for_many_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    monkeypatch.setattr("k3py.agent.dns.feed.write_private", lambda path, data: written.append(path))

    async def story(world: World) -> None:
        world.cluster.put(vpc("default", 1))
        for number in range(100):
            world.cluster.put(service(f"s{number}", f"10.43.1.{number}"))
            await asyncio.sleep(0.001)
        await world.until("s99.default.svc.cluster.local", ["s99.default.svc.cluster.local A 10.43.1.99"])
        await asyncio.sleep(10 * SAVE_AFTER_SECONDS)
        assert 1 <= len(written) <= 2

    play(tmp_path, story)


def test_a_disk_that_refuses_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "agent").write_text("no folder")

    async def story(world: World) -> None:
        world.cluster.put(vpc("default", 1))
        world.cluster.put(service("web", "10.43.0.80"))
        await world.until(WEB, [f"{WEB} A 10.43.0.80"])
        await asyncio.sleep(10 * SAVE_AFTER_SECONDS)
        assert not world.task.done()
        await asyncio.sleep(600)
        assert caplog.text.count("cannot keep the name table") == 1

    play(tmp_path, story)


def test_a_table_that_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SIZE_MAX", 10)

    async def story(world: World) -> None:
        world.cluster.put(vpc("default", 1))
        await asyncio.sleep(10 * SAVE_AFTER_SECONDS)
        assert not world.path.exists()
        assert not world.task.done()

    play(tmp_path, story)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"version":2,"vpcs":[],"services":[],"slices":[]}', b"[" * 10_000])
def test_a_broken_copy_is_passed_over(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "dns.json").write_bytes(data)

    async def story(world: World) -> None:
        assert not world.has_loaded
        world.cluster.put(vpc("default", 1))
        world.cluster.put(service("web", "10.43.0.80"))
        await world.until(WEB, [f"{WEB} A 10.43.0.80"])

    play(tmp_path, story)


GOOD = snapshot.encode(
    table(service("db", "None"), endpoints("db", ("10.42.0.5", "a", True)), service("web", "10.43.0.80"))
)


def test_a_copy_is_what_it_was_made_of() -> None:
    made = Table()
    snapshot.restore(made, snapshot.decode(GOOD))
    assert snapshot.encode(made) == GOOD
    assert made.is_complete


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(32, 126)), max_size=3), st.integers(0, len(GOOD)))
def test_any_copy_is_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    for each in (bytes(data), bytes(data[:cut])):
        try:
            made = Table()
            snapshot.restore(made, snapshot.decode(each))
        except BadSnapshot:
            continue
        for number in (1, 7):
            for name, kind in ((DB, "A"), (f"_http._tcp.{DB}", "SRV"), ("5.0.42.10.in-addr.arpa", "PTR")):
                Responder(made).decide(dns.message.make_query(name, kind).to_wire(), source(number))
