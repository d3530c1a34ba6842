"""One connection: streams without an end, and upgrades. No socket, no clock."""

import asyncio

import pytest

from k3py.api.http.messages import BodyWriter, RawConnection, StreamResponse, Upgrade
from tests.api.http.fakes import World, settle
from tests.api.http.stories import GET, story


def test_a_stream_is_sent_in_chunks_and_the_connection_kept() -> None:
    async def run(writer: BodyWriter) -> None:
        writer.write(b"one")
        await writer.drain()
        writer.write(b"")
        writer.write(b"three")

    async def work() -> None:
        client = World(lambda request: StreamResponse(run)).client()
        client.send(GET)
        await settle()
        head, _, body = client.take().partition(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert body == b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        await settle()
        assert client.take().endswith(b"\r\n\r\nonethree")
        assert client.closed

    story(work)


def test_a_stream_whose_length_is_known_says_it() -> None:
    async def run(writer: BodyWriter) -> None:
        writer.write(b"one")
        await writer.drain()
        writer.write(b"two")

    async def work() -> None:
        client = World(lambda request: StreamResponse(run, length=6)).client()
        for method, expected in ((b"GET", b"onetwo"), (b"HEAD", b""), (b"GET", b"onetwo")):
            client.send(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
            await settle()
            head, _, body = client.take().partition(b"\r\n\r\n")
            assert b"Content-Length: 6" in head
            assert b"chunked" not in head
            assert body == expected
            assert not client.closed

    story(work)


def test_a_stream_ends_with_its_client() -> None:
    async def work() -> None:
        told: list[str] = []

        async def run(writer: BodyWriter) -> None:
            writer.on_close = lambda: told.append("closed")
            try:
                await asyncio.Event().wait()
            finally:
                writer.write(b"dropped")
                told.append("cancelled" if writer.closed else "not closed")

        world = World(lambda request: StreamResponse(run))
        client = world.client()
        client.send(GET)
        await settle()
        client.transport.lose()
        await settle()
        assert told == ["closed", "cancelled"]
        assert not world.shared.connections
        assert not len(world.shared.tasks)

    story(work)


@pytest.mark.parametrize(("size", "cut_off"), [(1000, False), (1001, True)])
def test_a_watcher_too_far_behind_is_cut_off(size: int, cut_off: bool) -> None:
    async def work() -> None:
        seen: list[tuple[int, bool]] = []

        async def run(writer: BodyWriter) -> None:
            client.transport.full = True
            writer.write(b"x" * (size - len(b"3e8\r\n\r\n")))
            seen.append((writer.buffered, writer.closed))
            await asyncio.Event().wait()

        client = World(lambda request: StreamResponse(run, buffer_bytes=1000)).client()
        client.send(GET)
        await settle()
        assert seen == [(0 if cut_off else size, cut_off)]
        assert client.transport.aborted is cut_off

    story(work)


def test_a_stream_that_fails_leaves_an_incomplete_body(caplog: pytest.LogCaptureFixture) -> None:
    async def run(writer: BodyWriter) -> None:
        writer.write(b"x")
        raise ValueError("broken")

    async def work() -> None:
        client = World(lambda request: StreamResponse(run)).client()
        client.send(GET)
        await settle()
        assert client.transport.aborted
        assert not client.take().endswith(b"0\r\n\r\n")

    story(work)


def test_an_upgrade_hands_the_connection_over_with_what_came_behind() -> None:
    got: list[bytes] = []
    raws: list[RawConnection] = []

    def take_over(raw: RawConnection) -> None:
        raws.append(raw)
        raw.on_data = got.append
        raw.on_close = lambda: got.append(b"closed")

    async def work() -> None:
        client = World(lambda request: Upgrade([("Upgrade", "echo")], take_over)).client()
        client.send(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst")
        client.send(b"second")
        raws[0].write(b"hello")
        head, _, rest = client.take().partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: echo", b"Connection: Upgrade"]
        assert rest == b"hello"
        raws[0].close()
        raws[0].write(b"too late")
        client.send(b"third")
        await settle()
        assert got == [b"first", b"second", b"closed"]
        assert client.take() == b""

    story(work)
