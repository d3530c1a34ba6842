"""What every log has to do, tried on each of them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from k3py.store.errors import CannotOpen, Fenced, LogFailed
from k3py.store.log import Log
from k3py.store.memory_log import MemoryLog, MemoryMedium
from k3py.store.slate_log import SlateLog

MakeLog = Callable[[], Log]
Story = Callable[[], Awaitable[None]]


@pytest.fixture(params=["memory", "slate"])
def make_log(request: pytest.FixtureRequest, tmp_path: Path) -> MakeLog:
    """Makes logs over one and the same medium."""
    if request.param == "memory":
        medium = MemoryMedium()
        return lambda: MemoryLog(medium)
    from k3py.store.slate import Target

    target = Target("file:///", str(tmp_path / "db-1").lstrip("/"), {}, remote=False)
    return lambda: SlateLog(target)


async def rows(log: Log, prefix: bytes) -> list[tuple[bytes, bytes]]:
    return [row async for batch in log.scan(prefix) for row in batch]


def test_what_was_written_is_scanned_in_order_by_prefix_and_is_there_after_a_restart(make_log: MakeLog) -> None:
    async def story() -> None:
        log = make_log()
        await log.open()
        await log.write([(b"/a/2", b"two"), (b"/b/1", b"other"), (b"/a/1", b"one")], 5)
        await log.write([(b"/a/10", b"ten"), (b"/a/2", None), (b"/a", b"not below it")], 6)
        expected = [(b"/a/1", b"one"), (b"/a/10", b"ten")]
        assert await rows(log, b"/a/") == expected
        await log.close()
        await log.close()
        again = make_log()
        await again.open()
        assert await rows(again, b"/a/") == expected
        assert await rows(again, b"/c/") == []
        await again.close()

    asyncio.run(story())


def test_more_rows_than_fit_a_batch_of_a_scan_come_whole(make_log: MakeLog) -> None:
    async def story() -> None:
        log = make_log()
        await log.open()
        wanted = [(b"/r/%06d" % i, b"x" * 700) for i in range(2_500)]
        await log.write(wanted, 1)
        assert await rows(log, b"/r/") == wanted
        await log.close()

    asyncio.run(story())


def test_the_last_of_two_rows_with_one_key_counts(make_log: MakeLog) -> None:
    async def story() -> None:
        log = make_log()
        await log.open()
        await log.write([(b"k", b"1"), (b"k", b"2"), (b"gone", b"1"), (b"gone", None)], 1)
        assert await rows(log, b"") == [(b"k", b"2")]
        await log.close()

    asyncio.run(story())


def test_bytes_are_bytes(make_log: MakeLog) -> None:
    async def story() -> None:
        log = make_log()
        await log.open()
        wanted = [(b"/x/" + bytes([i]), bytes(range(256)) * i) for i in range(1, 256)]
        await log.write(wanted, 1)
        assert await rows(log, b"/x/") == wanted
        await log.close()

    asyncio.run(story())


def test_the_sequence_has_to_grow(make_log: MakeLog) -> None:
    async def story() -> None:
        log = make_log()
        await log.open()
        await log.write([(b"k", b"1")], 7)
        for sequence in (7, 3):
            with pytest.raises(LogFailed):
                await log.write([(b"k", b"2")], sequence)
        assert await rows(log, b"k") == [(b"k", b"1")]
        await log.close()

    asyncio.run(story())


def test_who_opens_fences_who_was_there(make_log: MakeLog) -> None:
    async def story() -> None:
        first, second = make_log(), make_log()
        await first.open()
        await first.write([(b"k", b"1")], 1)
        await second.open()
        with pytest.raises(Fenced):
            await first.write([(b"k", b"2")], 2)
        with pytest.raises(Fenced):
            await first.write([(b"k", b"3")], 3)
        await second.write([(b"l", b"1")], 2)
        assert await rows(second, b"") == [(b"k", b"1"), (b"l", b"1")]
        await first.close()
        await second.close()

    asyncio.run(story())


def test_a_log_that_is_not_open_does_nothing(make_log: MakeLog) -> None:
    async def story() -> None:
        log = make_log()
        await log.close()
        with pytest.raises(LogFailed, match="not open"):
            await log.write([(b"k", b"1")], 1)
        with pytest.raises(LogFailed, match="not open"):
            await rows(log, b"")

    asyncio.run(story())


def test_a_database_whose_files_are_broken_does_not_open(tmp_path: Path) -> None:
    from k3py.store.slate import Target

    target = Target("file:///", str(tmp_path / "db-1").lstrip("/"), {}, remote=False)

    async def story() -> None:
        log = SlateLog(target)
        await log.open()
        await log.write([(b"k", b"1")], 1)
        await log.close()
        for manifest in (tmp_path / "db-1/manifest").iterdir():
            manifest.write_bytes(b"")
        with pytest.raises(CannotOpen):
            await SlateLog(target).open()

    asyncio.run(story())
