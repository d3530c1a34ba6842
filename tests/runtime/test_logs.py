"""Log files: from the end, followed, rotated, torn."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.runtime.log_lines import LINE_BYTES_MAX, LogOptions
from k3py.runtime.logs import read_log, tail_offset

STAMP = b"2026-01-01T00:00:00.000000000Z stdout "


def line(text: bytes, final: bool = True) -> bytes:
    return STAMP + (b"F " if final else b"P ") + text + b"\n"


async def everything(path: Path, options: LogOptions) -> bytes:
    return b"".join([data async for data in read_log(path, options)])


def read(path: Path, **options: int) -> bytes:
    return asyncio.run(everything(path, LogOptions(**options)))  # type: ignore[arg-type]


def test_a_log_is_read_whole_or_its_tail(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(line(b"a") + line(b"b1", final=False) + line(b"b2") + line(b"c") + STAMP + b"F unfinished")
    assert read(log) == b"a\nb1b2\nc\n"
    assert read(log, tail_lines=0) == b""
    assert read(log, tail_lines=1) == b"c\n"
    assert read(log, tail_lines=2) == b"b1b2\nc\n"
    assert read(log, tail_lines=99) == b"a\nb1b2\nc\n"


def test_the_tail_of_a_large_log(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    texts = [b"%d" % n * 20 for n in range(20_000)]
    log.write_bytes(b"".join(map(line, texts)))
    for count in (1, 1000, 19_999, 20_000, 30_000):
        assert read(log, tail_lines=count).splitlines() == texts[-count:]


@given(
    st.lists(st.tuples(st.binary(max_size=5).filter(lambda b: b"\n" not in b), st.booleans()), max_size=8),
    st.integers(0, 9),
)
def test_a_tail_is_the_end_of_the_whole(pieces: list[tuple[bytes, bool]], count: int) -> None:
    data = b"".join(line(text, final) for text, final in pieces)
    offset = tail_offset(data, count)
    finals = sum(final for _, final in pieces)
    if offset is None:
        assert finals <= count
    else:
        assert data[offset:].count(STAMP + b"F ") == min(count, finals)
        assert offset == 0 or data[:offset].endswith(b"\n")


def test_what_is_no_log_line_is_left_out_and_bounded(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(b"torn\n" + b"\0" * (LINE_BYTES_MAX * 3) + b"\n" + line(b"good"))
    assert read(log) == b"good\n"


def test_there_must_be_a_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")


def test_a_follower_sees_what_comes_through_rotations_until_the_end(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(line(b"one") + line(b"two"))

    async def story() -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seen = read_log(log, LogOptions(follow=True, tail_lines=1), ended)
        assert await anext(seen) == b"two\n"
        with log.open("ab") as old:
            old.write(line(b"thr", final=False))
            old.flush()
            assert await anext(seen) == b"thr"
            old.write(line(b"ee"))
            old.flush()
            log.rename(tmp_path / "0.log.1")
            old.write(line(b"late"))
            old.flush()
            log.write_bytes(line(b"four"))
        rest = b""
        while b"four" not in rest:
            rest += await anext(seen)
        assert rest == b"ee\nlate\nfour\n"
        with log.open("ab") as new:
            new.write(line(b"last"))
        ended.set_result(None)
        assert b"".join([data async for data in seen]) == b"last\n"

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_follower_of_a_log_that_is_removed_ends(tmp_path: Path) -> None:
    folder = tmp_path / "pod"
    folder.mkdir()
    log = folder / "0.log"
    log.write_bytes(line(b"one"))

    async def story() -> None:
        seen = read_log(log, LogOptions(follow=True))
        assert await anext(seen) == b"one\n"
        log.unlink()
        folder.rmdir()
        assert [data async for data in seen] == []

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_follower_stops_at_its_limit(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(line(b"one"))
    assert read(log, follow=True, limit_bytes=2) == b"on"
