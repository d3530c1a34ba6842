"""The relay to the API: bytes go through as they are, a server that is away costs no pod its time."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.api_relay import BUFFER_BYTES, ApiRelay, Streams, order
from k3py.base.clock import SystemClock

HERE = "::1"
SECONDS = 20.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"bye")
    writer.close()


@contextlib.asynccontextmanager
async def server(serve: Serve = echo) -> AsyncIterator[int]:
    """An upstream server on a free port."""
    made = await asyncio.start_server(serve, HERE, 0)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()


@contextlib.asynccontextmanager
async def relay(*ports: int, **settings: float) -> AsyncIterator[ApiRelay]:
    made = ApiRelay([(HERE, port) for port in ports], SystemClock(), **settings)  # type: ignore[arg-type]
    await made.start([HERE], 0)
    try:
        yield made
    finally:
        await made.stop()
        assert made.connections == 0


async def dial(relayed: ApiRelay) -> Streams:
    host, port = relayed.listening[0]
    return await asyncio.open_connection(host, port)


def unused_port() -> int:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind((HERE, 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        async with asyncio.timeout(SECONDS):
            await story()

    asyncio.run(told())


def test_bytes_go_both_ways_and_an_end_of_one_way_leaves_the_other() -> None:
    async def story() -> None:
        async with server() as port, relay(port) as relayed:
            reader, writer = await dial(relayed)
            blob = bytes(range(256)) * 4096
            writer.write(blob)
            assert await reader.readexactly(len(blob)) == blob
            writer.write_eof()
            assert await reader.read() == b"bye", "the server speaks after the client has ended"
            writer.close()

    run(story)


def test_a_slow_reader_slows_the_sender_and_memory_stays_bounded() -> None:
    async def story() -> None:
        sent = 0
        stuck = asyncio.Event()

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x" * BUFFER_BYTES)
                    try:
                        await asyncio.wait_for(writer.drain(), 0.5)
                    except TimeoutError:
                        stuck.set()
                        await writer.drain()
                    sent += BUFFER_BYTES

        async with server(flood) as port, relay(port) as relayed:
            _, writer = await dial(relayed)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await stuck.wait()
            assert sent < 64 * 1024 * 1024, "kernel buffers fill up, ours do not grow"
            writer.transport.abort()

    run(story)


def test_the_next_server_is_asked_and_remembered() -> None:
    async def story() -> None:
        dead = unused_port()
        async with server() as port, relay(dead, port, failed_seconds=3600) as relayed:
            for _ in range(3):
                reader, writer = await dial(relayed)
                writer.write(b"hi")
                assert await reader.readexactly(2) == b"hi"
                writer.close()

    run(story)


def test_without_a_server_a_pod_is_refused_at_once_and_served_when_one_is_back() -> None:
    async def story() -> None:
        port = unused_port()
        async with relay(port, failed_seconds=0.2) as relayed:
            reader, _ = await dial(relayed)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            back = await asyncio.start_server(echo, HERE, port)
            while True:
                reader, writer = await dial(relayed)
                writer.write(b"x")
                with contextlib.suppress(ConnectionError):
                    if await reader.read(1) == b"x":
                        break
            writer.close()
            back.close()

    run(story)


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def story() -> None:
        # A full backlog: connections hang as if packets were lost.
        with socket.socket(socket.AF_INET6) as silent:
            silent.bind((HERE, 0))
            silent.listen(0)
            fillers = [socket.socket(socket.AF_INET6) for _ in range(3)]
            for each in fillers:
                each.setblocking(False)
                each.connect_ex(silent.getsockname())
            async with server() as port, relay(silent.getsockname()[1], port, connect_seconds=0.3) as relayed:
                reader, writer = await dial(relayed)
                writer.write(b"hi")
                assert await reader.readexactly(2) == b"hi"
                writer.close()
            for each in fillers:
                each.close()

    run(story)


def test_the_bound_on_connections_holds_and_frees_itself() -> None:
    async def story() -> None:
        async with server() as port, relay(port, connections_max=2) as relayed:
            held = [await dial(relayed) for _ in range(2)]
            for reader, writer in held:
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
            reader, _ = await dial(relayed)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            held[0][1].transport.abort()
            while relayed.connections == 2:
                await asyncio.sleep(0)
            reader, writer = await dial(relayed)
            writer.write(b"y")
            assert await reader.readexactly(1) == b"y"

    run(story)


def test_one_pod_does_not_take_the_places_of_all() -> None:
    async def story() -> None:
        async with server() as port:
            relayed = ApiRelay([(HERE, port)], SystemClock(), per_source_max=2)
            await relayed.start(["127.0.0.1"], 0)
            here = relayed.listening[0]
            greedy = [await asyncio.open_connection(*here) for _ in range(3)]
            with pytest.raises(ConnectionResetError):
                await greedy[2][0].read()
            other = await asyncio.open_connection(*here, local_addr=("127.0.0.2", 0))
            other[1].write(b"let me in")
            assert await other[0].readexactly(9) == b"let me in"
            greedy[0][1].transport.abort()
            while relayed.connections > 2:
                await asyncio.sleep(0)
            again = await asyncio.open_connection(*here)
            again[1].write(b"and me")
            assert await again[0].readexactly(6) == b"and me"
            for _, writer in (*greedy, other, again):
                writer.transport.abort()
            await relayed.stop()
            assert relayed.connections == 0

    asyncio.run(asyncio.wait_for(story(), SECONDS))


def test_silence_ends_a_connection_and_talk_keeps_it() -> None:
    async def story() -> None:
        async with server() as port, relay(port, idle_seconds=1.5) as relayed:
            reader, writer = await dial(relayed)
            for _ in range(4):  # longer than that together, and each far from it
                await asyncio.sleep(0.45)
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""

    run(story)


def test_a_server_that_breaks_off_ends_the_pods_connection() -> None:
    async def story() -> None:
        async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

        async with server(broken) as port, relay(port) as relayed:
            reader, writer = await dial(relayed)
            writer.write(b"x")
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            while relayed.connections:
                await asyncio.sleep(0)

    run(story)


def test_it_listens_before_the_address_is_there() -> None:
    async def story() -> None:
        made = ApiRelay([(HERE, 1)], SystemClock())
        await made.start(["fd6b:3370::a2b:1", "192.0.2.1"], unused_port())
        assert [address for address, _ in made.listening] == ["fd6b:3370::a2b:1", "192.0.2.1"]
        await made.stop()
        assert made.listening == []

    run(story)


def test_when_one_address_is_taken_none_is_held() -> None:
    async def story() -> None:
        with socket.socket(socket.AF_INET6) as other:
            other.bind((HERE, 0))
            other.listen()
            made = ApiRelay([(HERE, 1)], SystemClock())
            with pytest.raises(OSError, match="in use"):
                await made.start(["fd6b:3370::a2b:1", HERE], other.getsockname()[1])
            assert made.listening == []

    run(story)


@given(st.integers(1, 5), st.integers(0, 4), st.dictionaries(st.integers(0, 4), st.floats(0, 10)), st.floats(0, 10))
def test_the_order_names_each_server_once_and_none_that_just_failed(
    count: int, first: int, failed_at: dict[int, float], since: float
) -> None:
    found = order(count, first % count, failed_at, since)
    assert len(set(found)) == len(found)
    assert set(found) == {number for number in range(count) if failed_at.get(number, -1) <= since}
