"""Both ends of the tunnel over real TLS connections on loopback."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from k3py.model.errors import BadRequest, NotFound, TooManyRequests
from k3py.model.streams import (
    MESSAGE_BYTES_MAX,
    Channel,
    Exec,
    MessageStream,
    NodeUnreachable,
    StreamRequest,
    StreamReset,
    decode_status,
    messages,
    split,
)
from k3py.pki.contexts import client_context
from k3py.pki.identity import ADMIN, node_identity
from k3py.proxy.client import HANDLERS_MAX
from k3py.proxy.dial import dial
from k3py.proxy.frames import Hello, TunnelError, encode_hello
from k3py.proxy.tunnel import STREAMS_MAX, WINDOW_BYTES
from tests.proxy.helpers import DEADLINE_SECONDS, Node, cluster, echo, node_tls, request, run, silent

POLICIES = {"asyncio": asyncio.DefaultEventLoopPolicy, "uvloop": uvloop.EventLoopPolicy}


@pytest.fixture(autouse=True, params=POLICIES)
def loop_policy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Servers run on uvloop, whose transports differ in detail: every story is told on both."""
    asyncio.set_event_loop_policy(POLICIES[request.param]())
    yield
    asyncio.set_event_loop_policy(None)


async def all_of(stream: MessageStream) -> list[bytes]:
    seen = []
    while (message := await stream.read()) is not None:
        seen.append(message)
    return seen


async def write_for_ever(stream: MessageStream) -> None:
    while True:
        await stream.write(b"\0x")


def test_a_command_and_its_answer() -> None:
    async def story() -> None:
        async with cluster(echo) as (server, _, _ca), await server.hub.open("n1", request()) as stream:
            assert server.hub.nodes == ["n1"]
            for message in messages(Channel.STDIN, b"x" * (MESSAGE_BYTES_MAX + 5)):
                await stream.write(message)
            await stream.close()
            *output, last = await all_of(stream)
            assert b"".join(m[1:] for m in output) == b"x" * (MESSAGE_BYTES_MAX + 5)
            assert split(last)[0] is Channel.STATUS

    run(story())


def test_two_hundred_streams_at_once_keep_their_order() -> None:
    async def one(server: Any, number: int) -> None:
        async with await server.hub.open("n1", request(f"pod-{number}")) as stream:
            sent = [b"\0%d:%d:" % (number, i) + b"x" * (i * 97 % 3000) for i in range(25)]

            async def write() -> None:
                for message in sent:
                    await stream.write(message)
                await stream.close()

            _, received = await asyncio.gather(write(), all_of(stream))
            assert [m[1:] for m in received[:-1]] == [m[1:] for m in sent]

    async def story() -> None:
        async with cluster(echo) as (server, _, _ca):
            await asyncio.gather(*(one(server, number) for number in range(200)))

    run(story())


def test_a_slow_reader_holds_up_its_own_writer_and_nobody_else() -> None:
    written = 0

    async def chatty(request: StreamRequest, stream: MessageStream) -> None:
        nonlocal written
        if request.pod == "other":
            await stream.write(b"\1quick")
            return
        for _ in range(200):
            await stream.write(b"\1" * MESSAGE_BYTES_MAX)
            written += MESSAGE_BYTES_MAX

    async def story() -> None:
        async with cluster(chatty) as (server, _, _ca):
            stream = await server.hub.open("n1", request())
            still = 0
            while still < 5:  # round trips of other streams in which the writer did not get on
                before = written
                async with await server.hub.open("n1", request("other")) as other:
                    assert await all_of(other) == [b"\1quick"]
                still = still + 1 if written == before > 0 else 0
            assert WINDOW_BYTES - 2 * MESSAGE_BYTES_MAX < written <= WINDOW_BYTES
            assert sum(map(len, await all_of(stream))) == 200 * MESSAGE_BYTES_MAX

    run(story())


def test_when_the_server_is_killed_handlers_end_and_the_node_comes_back() -> None:
    cancelled = asyncio.Event()
    started = asyncio.Event()

    async def follow(request: StreamRequest, stream: MessageStream) -> None:
        await stream.write(b"\1first")
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def story() -> None:
        async with cluster(follow) as (server, node, _):
            stream = await server.hub.open("n1", request())
            await started.wait()
            await server.kill()
            await cancelled.wait()
            with pytest.raises(StreamReset):
                await all_of(stream)
            with pytest.raises(StreamReset):
                await stream.write(b"\0more")
            assert not node.client.is_connected
            await server.listen()
            stream = await server.hub.open("n1", request(), wait_seconds=DEADLINE_SECONDS)
            assert await stream.read() == b"\1first"

    run(story())


def test_when_the_node_is_killed_its_streams_end_and_what_had_come_can_be_read() -> None:
    async def lines(request: StreamRequest, stream: MessageStream) -> None:
        if request.pod == "other":
            return
        for number in range(3):
            await stream.write(b"\1%d" % number)
        await asyncio.Event().wait()

    async def story() -> None:
        async with cluster(lines) as (server, node, ca):
            stream = await server.hub.open("n1", request())
            assert await stream.read() == b"\x010"
            async with await server.hub.open("n1", request("other")) as other:
                assert await all_of(other) == []  # so what was sent before it has come too
            last = await server.hub.open("n1", request())
            await node.kill()
            with pytest.raises(StreamReset):
                await all_of(last)
            with pytest.raises(NodeUnreachable, match='cannot reach node "n1"'):
                await server.hub.open("n1", request(), wait_seconds=0)
            assert await stream.read() == b"\x011"
            assert await stream.read() == b"\x012"
            with pytest.raises(StreamReset):
                await stream.read()
            again = Node(server, ca, echo)
            async with await server.hub.open("n1", request(), wait_seconds=5) as stream:
                await stream.close()
                assert len(await all_of(stream)) == 1
            await again.kill()

    run(story())


def test_the_newest_connection_of_a_node_counts() -> None:
    async def story() -> None:
        async with cluster(silent) as (server, _, ca):
            stream = await server.hub.open("n1", request())
            raw = await dial(server.url, node_tls(ca, node_identity("n1")))
            first_is_gone = asyncio.create_task(stream.read())
            raw.write(encode_hello(Hello(1, 1, WINDOW_BYTES, 1)))
            with pytest.raises(StreamReset, match="connected again"):
                await first_is_gone
            raw.abort()

    run(story())


@pytest.mark.parametrize(
    ("error", "reason"), [(NotFound("pod is gone"), "NotFound"), (RuntimeError("secret detail"), "InternalError")]
)
def test_a_failed_handler_ends_its_stream_with_a_status(error: Exception, reason: str) -> None:
    async def failing(request: StreamRequest, stream: MessageStream) -> None:
        await stream.write(b"\1some output")
        raise error

    async def story() -> None:
        async with cluster(failing) as (server, _, _ca):
            stream = await server.hub.open("n1", request())
            output, last = await all_of(stream)
            assert output == b"\1some output"
            assert decode_status(split(last)[1])["reason"] == reason
            assert b"secret detail" not in last
            with pytest.raises(StreamReset, match="served"):
                await write_for_ever(stream)

    run(story())


def test_the_user_leaves_and_the_handler_is_told() -> None:
    cancelled = asyncio.Event()
    started = asyncio.Event()

    async def follow(request: StreamRequest, stream: MessageStream) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def story() -> None:
        async with cluster(follow) as (server, _, _ca):
            async with await server.hub.open("n1", request()) as stream:
                await started.wait()
            await cancelled.wait()
            stream.reset("twice does no harm")
            await stream.close()

    run(story())


def test_streams_up_to_the_bound_and_no_further() -> None:
    async def story() -> None:
        async with cluster(silent) as (server, _, _ca):
            streams = [await server.hub.open("n1", request()) for _ in range(STREAMS_MAX)]
            with pytest.raises(TooManyRequests, match=f"{STREAMS_MAX} are open"):
                await server.hub.open("n1", request())
            streams[7].reset()
            await server.hub.open("n1", request())
            with pytest.raises(TooManyRequests):
                await server.hub.open("n1", request())

    run(story())
    assert HANDLERS_MAX > STREAMS_MAX


def test_a_request_too_large_and_a_message_too_large_harm_nobody() -> None:
    async def story() -> None:
        async with cluster(echo) as (server, _, _ca):
            huge = Exec(namespace="d", pod="p", uid="u", container="c", command=("x" * 70_000,))
            with pytest.raises(BadRequest):
                await server.hub.open("n1", huge)
            stream = await server.hub.open("n1", request())
            for bad in (b"", b"x" * (MESSAGE_BYTES_MAX + 1)):
                with pytest.raises(ValueError, match="cannot send a message"):
                    await stream.write(bad)
            await stream.close()
            with pytest.raises(ValueError, match="this side has closed"):
                await stream.write(b"\0x")
            assert len(await all_of(stream)) == 1

    run(story())


def test_who_has_no_node_certificate_gets_no_tunnel() -> None:
    async def story() -> None:
        async with cluster(echo) as (server, _, ca):
            for context in (client_context(ca.certificate_pem), node_tls(ca, ADMIN)):
                with pytest.raises(TunnelError, match="403"):
                    await dial(server.url, context)
            assert server.hub.nodes == ["n1"]

    run(story())


def test_garbage_from_a_node_ends_its_connection_alone() -> None:
    async def story() -> None:
        async with cluster(echo) as (server, _, ca):
            source = random.Random(4)
            hello = encode_hello(Hello(1, 1, WINDOW_BYTES, 9))
            for greeting in (b"", hello):
                raw = await dial(server.url, node_tls(ca, node_identity("n2")))
                gone = asyncio.Event()
                raw.on_close = gone.set
                raw.on_data = lambda data: None
                raw.write(greeting + b"\xff" + source.randbytes(5000))
                await gone.wait()
            async with await server.hub.open("n1", request()) as stream:
                await stream.close()
                assert len(await all_of(stream)) == 1
            assert server.hub.nodes == ["n1"]

    run(story())


def test_a_deleted_node_is_cut_off_at_once() -> None:
    async def story() -> None:
        async with cluster(silent) as (server, _, _ca):
            stream = await server.hub.open("n1", request())
            server.hub.cut("n1", "the node was deleted")
            with pytest.raises(StreamReset, match="deleted"):
                await stream.read()
            server.hub.cut("n1", "twice does no harm")

    run(story())
