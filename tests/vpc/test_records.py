"""The daemon's store: what was put is there again, damaged rows are named, and nothing is lost."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.base.virtual_loop import VirtualLoop
from k3py.model.vpc_socket import HostPort
from k3py.store.errors import Corrupt, LogFailed
from k3py.store.log import Put
from k3py.store.memory_log import MemoryLog, MemoryMedium
from k3py.vpc import rows
from k3py.vpc.records import CACHED_ROWS_MAX, Records, log_in
from k3py.vpc.rows import Attachment, BlockRow, Kept, NodeRow, PodRow, VpcRow
from tests.vpc.world import endpoints, service

POD = PodRow(
    "blue",
    2,
    IPv4Address("10.9.0.5"),
    IPv4Address("100.64.0.1"),
    IPv4Address("100.64.0.2"),
    Attachment("/run/netns/a", "", "", "default", "web", (HostPort(protocol="UDP", host_port=53, container_port=53),)),
)
BLOCK = BlockRow("blue", 2, IPv4Network("10.9.0.0/26"), leaving=True)
VPC = VpcRow(2, "blue", IPv4Network("10.9.0.0/24"), True, 7, IPv4Network("10.43.0.0/16"), terminating=True)
EVERYTHING: list[Put] = [
    rows.put_node(NodeRow(7, "boot", "100.64.0.0/18")),
    rows.put_pod("a", POD),
    rows.put_block(BLOCK),
    rows.put_vpc(VPC),
    rows.put_released("2", int(IPv4Address("10.9.0.9")), 12),
    rows.put_released(rows.OUTSIDE_POOL, int(IPv4Address("100.64.0.9")), 13),
]


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


def test_what_was_put_is_there_again_also_in_a_folder(tmp_path: Path) -> None:
    async def story() -> None:
        records = Records(log_in(tmp_path / "store"), pytest.fail)
        assert await records.open() == Kept()
        await records.put(EVERYTHING)
        records.put_cached(rows.put_service(("default", "web"), service("web")))
        records.put_cached(rows.put_slice(("default", "web-1"), endpoints("web-1", "10.9.0.5")))
        await records.close()
        await records.close()
        again = Records(log_in(tmp_path / "store"), pytest.fail)
        kept = await again.open()
        assert kept.sequence > 0
        assert kept.node == NodeRow(7, "boot", "100.64.0.0/18")
        assert (kept.pods, kept.blocks, kept.vpcs) == ({"a": POD}, [BLOCK], {2: VPC})
        assert kept.released == {
            "2": {int(IPv4Address("10.9.0.9")): 12},
            "outside": {int(IPv4Address("100.64.0.9")): 13},
        }
        assert kept.services == {("default", "web"): service("web")}
        assert kept.slices == {("default", "web-1"): endpoints("web-1", "10.9.0.5")}
        await again.put([rows.put_pod("a", None), rows.put_block(BLOCK, remove=True)])
        await again.close()
        assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700

    play(story)


def test_a_put_is_answered_when_it_and_all_before_it_are_durable() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        log = SlowLog(medium)
        records = Records(log, pytest.fail)
        await records.open()
        first = records.put([(b"pod/a", b"1")])
        await asyncio.sleep(0)
        # While the first batch is on its way, others collect, and go together.
        others = [records.put([(b"pod/%d" % number, b"1")]) for number in range(50)]
        last = records.put([])
        assert not first.done()
        log.go.set()
        await last
        assert all(each.done() for each in (first, *others))
        assert log.batches == 2
        await records.close()

    play(story)


def test_cached_objects_come_behind_in_pieces() -> None:
    async def story() -> None:
        log = SlowLog(MemoryMedium())
        log.go.set()
        records = Records(log, pytest.fail)
        await records.open()
        for number in range(3 * CACHED_ROWS_MAX):
            records.put_cached((b"service/x/%d" % number, b"{}"))
        await records.put([(b"pod/a", b"1")])
        assert log.sizes[0] <= CACHED_ROWS_MAX + 3
        assert b"pod/a" in log.medium.rows
        await records.close()
        assert len(log.medium.rows) == 3 * CACHED_ROWS_MAX + 3

    play(story)


def test_a_disk_that_is_waited_for_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    class Full(MemoryLog):
        async def open(self) -> None:
            await asyncio.sleep(60)
            await super().open()

    async def story() -> None:
        records = Records(Full(MemoryMedium()), pytest.fail)
        await records.open()
        await records.close()

    loop = VirtualLoop()  # type: ignore[abstract]
    loop.run_until_complete(story())
    loop.close()
    assert "is its disk full" in caplog.text


def test_a_disk_that_fails_is_told_once_and_nothing_is_answered() -> None:
    async def story() -> None:
        told: list[str] = []
        log = SlowLog(MemoryMedium())
        log.go.set()
        records = Records(log, told.append)
        await records.open()
        log.failure = "the disk is gone"
        with pytest.raises(LogFailed, match="the disk is gone"):
            await records.put([(b"pod/a", b"1")])
        with pytest.raises(LogFailed, match="the disk is gone"):
            await records.put([])
        records.put_cached((b"service/a/b", b"{}"))
        assert len(told) == 1
        await records.close()

    play(story)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((b"format", b"2"), "it has format 2, this program knows 1"),
        ((b"pod/a", b'{"vpc": "blue"'), "'pod/a'"),
        ((b"pod/a", b'{"vpc":"blue","vpc_id":2,"ipv4":"10.9.0.500"}'), "'pod/a'"),
        ((b"pod/a", b'{"vpc":"blue","vpc_id":2,"ipv4":"10.9.0.5","colour":1}'), "unknown field"),
        ((b"block/2/x", b"[]"), "'block/2/x'"),
        ((b"released/2/here", b"1"), "'released/2/here'"),
        ((b"released/2/10.9.0.1", b"soon"), "is no number"),
        ((b"sequence", b"-1"), "is no number"),
        ((b"peering/2", b"{}"), "nobody knows rows like 'peering/2'"),
        ((b"\xff\xfe", b"{}"), "cannot read"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_nothing_is_changed(row: tuple[bytes, bytes], words: str) -> None:
    async def story() -> None:
        medium = MemoryMedium()
        medium.rows = {**{key: value for key, value in EVERYTHING if value is not None}, row[0]: row[1]}
        before = dict(medium.rows)
        with pytest.raises(Corrupt, match=words):
            await Records(MemoryLog(medium), pytest.fail).open()
        assert medium.rows == before

    play(story)


def test_a_damaged_copy_of_the_servers_stops_nobody() -> None:
    kept = Kept()
    rows.read_row((b"service/default/web", b"{broken"), kept)
    rows.read_row((b"slice/default/web", b'{"kind": 7}'), kept)
    assert kept.damaged == ["service/default/web", "slice/default/web"]


@given(st.binary(max_size=40), st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_bytes_do_worse_than_being_refused(key: bytes, value: bytes) -> None:
    for prefix in (b"", b"pod/", b"block/", b"vpc/", b"released/1/", b"service/", b"node", b"sequence", b"format"):
        try:
            rows.read_row((prefix + key, value), Kept())
        except Corrupt as problem:
            assert "cannot read" in str(problem)  # noqa: PT017


class SlowLog(MemoryLog):
    """Writes when ``go`` is set, and fails when it is told to."""

    def __init__(self, medium: MemoryMedium) -> None:
        super().__init__(medium)
        self.medium = medium
        self.go = asyncio.Event()
        self.batches = 0
        self.sizes: list[int] = []
        self.failure = ""

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        await self.go.wait()
        if self.failure:
            raise LogFailed(self.failure)
        self.batches += 1
        self.sizes.append(len(rows))
        await super().write(rows, sequence)
