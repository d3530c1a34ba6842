"""Long answers and busy clients beside others: each piece when it is its turn, and none longer than the bound."""

import asyncio
import gzip
from collections.abc import Awaitable, Iterator
from time import perf_counter

import pytest

from k3py.api.http.connection import SLICE_BYTES
from k3py.api.http.flow import RECEIVED_BYTES
from k3py.api.http.intake import MUCH_BYTES
from k3py.api.http.limits import Limits
from k3py.api.http.messages import Answer, BodyWriter, RawConnection, Request, Response, StreamResponse, Upgrade
from k3py.api.http.parts import Parts, Steps
from k3py.api.http.shared import BODY_REST_SECONDS
from k3py.api.http.shares import MUCH_SECONDS
from k3py.base import virtual_loop
from tests.api.http.fakes import Client, World, settle
from tests.api.http.stories import GET, OK, dechunked, nothing, story

PIECE = b"x" * 100_000
GZIP = GET[:-2] + b"Accept-Encoding: gzip\r\n\r\n"


def is_read(client: Client) -> bool:
    return client.transport.reading


class Made:
    """A body in steps that counts what was made of it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.made = 0

    def __call__(self) -> Iterator[bytes]:
        for _ in range(self.count):
            self.made += 1
            yield PIECE
            yield b""


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_in_steps_is_sent_whole_and_the_connection_kept(packed: bool) -> None:
    async def work() -> None:
        client = World(lambda request: Response(200, parts=Steps(Made(3)))).client()
        client.send((GZIP if packed else GET) + GET.replace(b"GET", b"HEAD"))
        await settle()
        first, _, second = client.take()[9:].partition(b"HTTP/1.1 ")
        head, _, body = first.partition(b"\r\n\r\n")
        assert (b"Content-Encoding: gzip" in head) is packed
        assert (gzip.decompress(dechunked(body)) if packed else dechunked(body)) == 3 * PIECE
        assert second.endswith(b"\r\n\r\n")
        assert not client.closed

    story(work)


@pytest.mark.parametrize("packed", [False, True])
def test_a_slow_reader_costs_a_few_pieces_and_is_gone_after_a_minute_without_taking_any(packed: bool) -> None:
    async def work() -> None:
        made = Made(1000)
        world = World(lambda request: Response(200, parts=Steps(made)))
        client = world.client()
        client.transport.full, client.transport.high = True, 0
        client.send(GZIP if packed else GET)
        await settle()
        if not packed:  # such pieces are next to nothing in gzip
            assert made.made <= 1 + SLICE_BYTES // len(PIECE)
        world.pass_time(world.limits.write_seconds - 1)
        client.transport.accept_all()
        await settle()
        assert not client.transport.aborted
        while client.transport.waiting <= client.transport.high:
            await settle()
        world.pass_time(world.limits.write_seconds)
        assert client.transport.aborted

    story(work)


def test_an_endless_stream_may_be_paused_by_its_reader() -> None:
    async def run(writer: BodyWriter) -> None:
        writer.write(b"x" * (SLICE_BYTES + 1))
        await asyncio.Event().wait()

    async def work() -> None:
        world = World(lambda request: StreamResponse(run))
        client = world.client()
        client.transport.full = True
        client.send(GET)
        await settle()
        world.pass_time(10 * world.limits.write_seconds)
        assert not client.transport.aborted
        client.transport.lose()
        await settle()

    story(work)


def test_of_many_long_lists_one_slice_goes_out_in_each_round() -> None:
    async def work() -> None:
        body = Parts(b"[", [PIECE] * 50, b"]")
        world = World(lambda request: Response(200, parts=body))
        clients = [world.client() for _ in range(5)]
        for client in clients:
            client.send(GET)
        rounds = []
        while not all(client.transport.sent.endswith(b"]") for client in clients):
            before = sum(len(client.transport.writes) for client in clients)
            await asyncio.sleep(0)
            rounds.append(sum(len(client.transport.writes) for client in clients) - before)
        assert max(rounds) == 1

    story(work)


def test_of_many_who_ask_ahead_one_goes_on_in_each_round() -> None:
    async def work() -> None:
        world = World(nothing, Limits(pipelined_requests=2))
        clients = [world.client() for _ in range(5)]
        for client in clients:
            client.send(GET * 10)
        assert [client.take().count(OK) for client in clients] == [2] * 5
        rounds = []
        for _ in range(40):
            await asyncio.sleep(0)
            rounds.append(sum(client.take().count(OK) for client in clients))
        assert (max(rounds), sum(rounds)) == (2, 40)

    story(work)


def test_who_sends_much_is_read_again_when_it_is_its_turn() -> None:
    async def work() -> None:
        world = World(nothing)
        clients = [world.client() for _ in range(3)]
        head = GET.replace(b"GET", b"POST")[:-2] + b"Content-Length: %d\r\n\r\n" % (4 * MUCH_BYTES)
        for client in clients:
            client.send(head + bytes(MUCH_BYTES))
        assert [client.transport.reading for client in clients] == [False] * 3
        again = []
        for _ in range(4):
            await asyncio.sleep(0)
            again.append(sum(client.transport.reading for client in clients))
        assert again == [1, 2, 3, 3]
        little = world.client()
        little.send(head + bytes(MUCH_BYTES - len(head) - 1))
        assert little.transport.reading

    story(work)


def test_a_body_that_trickles_in_beyond_the_bound_is_read_in_turns_and_the_next_one_begins_anew() -> None:
    async def work() -> None:
        client = World(nothing).client()
        head = GET.replace(b"GET", b"POST")[:-2] + b"Content-Length: %d\r\n\r\n" % MUCH_BYTES
        for _ in range(2):
            client.send(head)
            client.send(bytes(MUCH_BYTES - len(head) - 1))
            assert client.transport.reading
            for _ in range(2):
                client.send(bytes(1))
                assert is_read(client) is False
                await settle()
                assert is_read(client)
            client.send(bytes(len(head) - 1))
            assert client.transport.reading
            assert client.take().count(OK) == 1

    story(work)


def test_pieces_of_bodies_are_some_time_apart_while_another_ones_write_is_under_way() -> None:
    async def work() -> None:
        loop, world = asyncio.get_running_loop(), World(nothing)
        world.shared.turns.hurry.now = loop.time
        head = GET.replace(b"GET", b"POST")[:-2] + b"Content-Length: %d\r\n\r\n" % (4 * MUCH_BYTES)
        clients = [world.client() for _ in range(3)]
        with world.shared.turns.hurry.short():
            for client in clients:
                client.send(head + bytes(MUCH_BYTES))
            again = []
            for _ in range(3):
                await asyncio.sleep(0.4 * BODY_REST_SECONDS)
                again.append(sum(map(is_read, clients)))
        assert again == [1, 1, 2]

    virtual_loop.run(work())


def test_who_takes_much_waits_its_turn_while_another_ones_write_is_under_way() -> None:
    durable = asyncio.Event()

    def handle(request: Request) -> Answer | Awaitable[Answer]:
        if request.method == "GET":
            return Response(200, b"{}")

        async def write() -> Answer:
            await durable.wait()
            return Response(200, b"{}")

        return write()

    async def work() -> None:
        world = World(handle)
        writer, flooder, other = world.client(), world.client(), world.client()
        flooder.connection._intake._share.took(perf_counter() - 2 * MUCH_SECONDS, perf_counter())
        flooder.send(GET)
        assert flooder.take().count(OK) == 1
        writer.send(GET.replace(b"GET", b"PUT"))
        await asyncio.sleep(0)
        for client in (flooder, other):
            client.send(GET)
        assert (flooder.take().count(OK), other.take().count(OK)) == (0, 1)
        await settle()
        assert flooder.take().count(OK) == 1
        durable.set()
        await settle()
        assert writer.take().count(OK) == 1
        world.shared.turns.hurry.now = lambda: 1e12  # long after
        flooder.send(GET)
        assert flooder.take().count(OK) == 1

    story(work)


def test_a_stopping_server_ends_a_list_properly() -> None:
    async def work() -> None:
        world = World(lambda request: Response(200, parts=Steps(Made(3))))
        client = world.client()
        client.send(GET)
        await asyncio.sleep(0)
        world.shared.stopping = True
        client.connection.stop()
        await settle()
        assert dechunked(client.take().partition(b"\r\n\r\n")[2]) == 3 * PIECE
        assert client.closed

    story(work)


def test_watchers_are_bounded_together() -> None:
    async def run(writer: BodyWriter) -> None:
        writer.write(PIECE)
        await asyncio.Event().wait()

    def watch(request: Request) -> Answer:
        return StreamResponse(run)

    async def work() -> None:
        world = World(watch, Limits(backlog_bytes=4 * (len(PIECE) + 100)))
        clients = [world.client() for _ in range(6)]
        for client in clients:
            client.transport.full = True
            client.send(GET)
        await settle()
        assert sum(client.transport.aborted for client in clients) == 2
        for client in clients:
            client.transport.lose()
        await settle()
        assert world.shared.backlog.bytes == 0

    story(work)


def test_an_upgraded_client_that_sends_much_is_heard_in_pieces_and_loses_nothing() -> None:
    heard: list[bytes] = []

    def take_over(raw: RawConnection) -> None:
        raw.on_data = heard.append

    async def work() -> None:
        world = World(lambda request: Upgrade((("Upgrade", "x"),), take_over))
        client = world.client()
        client.send(GET)
        client.take()
        data = bytes(range(256)) * (5 * RECEIVED_BYTES // 256)
        client.send(b"first")
        client.send(data)
        assert (heard, client.transport.reading) == ([b"first"], False)
        await asyncio.sleep(0)
        assert list(map(len, heard)) == [5, RECEIVED_BYTES]
        await settle()
        assert (b"".join(heard), client.transport.reading) == (b"first" + data, True)
        client.send(data)
        client.transport.lose()
        assert b"".join(heard) == b"first" + data * 2

    story(work)


def test_who_takes_over_a_connection_can_stop_it_between_two_pieces() -> None:
    heard: list[bytes] = []
    taken: list[RawConnection] = []

    def listen(data: bytes) -> None:
        heard.append(data)
        taken[0].pause_reading()

    def take_over(raw: RawConnection) -> None:
        taken.append(raw)
        raw.on_data = listen

    async def work() -> None:
        client = World(lambda request: Upgrade((("Upgrade", "x"),), take_over)).client()
        client.send(GET + b"x" * (3 * RECEIVED_BYTES))
        for count in (1, 2, 3):
            await settle()
            assert (len(heard), client.transport.reading) == (count, False)
            taken[0].resume_reading()
        await settle()
        assert (len(heard), client.transport.reading) == (3, True)

    story(work)
