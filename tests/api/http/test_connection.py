"""One connection: order, keep-alive, deadlines, errors, its end. No socket, no clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.api.http.limits import Limits
from k3py.api.http.messages import Answer, BodyWriter, Request, Response, StreamResponse
from k3py.model.errors import Details, NotFound, TooManyRequests
from tests.api.http.fakes import Client, World, settle, splits
from tests.api.http.stories import GET, OK, nothing, status_of, story
from tests.api.http.test_reader import CUTS, GOOD, HOST, SMALL, STREAM


def test_a_request_is_answered_in_one_write() -> None:
    async def work() -> None:
        client = World(nothing).client()
        client.send(GET)
        assert (client.take(), client.transport.writes, client.closed) == (OK, [len(OK)], False)

    story(work)


def test_the_connection_closes_when_the_client_wants_it() -> None:
    async def work() -> None:
        world = World(nothing)
        for head, closes in [
            (b"GET / HTTP/1.1\r\nConnection: close\r\n", True),
            (b"GET / HTTP/1.0\r\n", True),
            (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", False),
            (b"GET / HTTP/1.1\r\n", False),
        ]:
            client = world.client()
            client.send(head + HOST + b"\r\n" + GET)
            got = client.take()
            assert client.closed is closes
            assert got.count(b"HTTP/1.1 200") == (1 if closes else 2)
            assert (b"Connection: close\r\n" in got) is closes

    story(work)


def test_head_gets_the_length_and_no_body() -> None:
    async def work() -> None:
        client = World(nothing).client()
        client.send(GET.replace(b"GET", b"HEAD"))
        assert client.take() == OK[:-2]

    story(work)


def test_pipelined_requests_are_answered_in_order_and_in_turns() -> None:
    seen: list[str] = []

    async def slow(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(200, request.target)

    def handler(request: Request) -> Answer | Awaitable[Answer]:
        seen.append(request.path)
        return slow(request) if "slow" in request.path else Response(200, request.target)

    async def work() -> None:
        client = World(handler, Limits(pipelined_requests=3)).client()
        paths = [b"/1", b"/2", b"/slow", b"/4", b"/5", b"/6", b"/7", b"/8"]
        client.send(b"".join(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" for path in paths))
        assert seen == ["/1", "/2", "/slow"]
        await settle()
        answers = client.take().split(b"HTTP/1.1 200 OK")[1:]
        assert [answer.rpartition(b"\r\n\r\n")[2] for answer in answers] == paths

    story(work)


def test_a_client_that_asks_ahead_is_not_read_beyond_the_bound() -> None:
    async def work() -> None:
        release = asyncio.Event()

        async def waits(request: Request) -> Response:
            await release.wait()
            return Response(200, b"{}")

        client = World(waits, Limits(pipelined_bytes=100)).client()
        client.send(GET)
        client.send(b"x" * 100)
        assert client.transport.reading
        client.send(b"x")
        assert not client.transport.reading
        release.set()
        await settle()
        assert client.transport.reading

    story(work)


def test_continue_is_sent_when_the_client_waits_for_it() -> None:
    async def work() -> None:
        client = World(lambda request: Response(200, request.body), SMALL).client()
        head = b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        client.send(head % 2)
        assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"{}")
        assert client.take() == OK
        client.send(head % 1001)  # too large: no need to send it
        assert status_of(client.take())[0] == 413

    story(work)


def test_refusals_are_status_objects_and_leave_time_to_read_them() -> None:
    async def work() -> None:
        world = World(nothing)
        client = world.client()
        client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 3\r\n\r\n" + GET)
        code, body = status_of(client.take())
        assert (code, body["kind"], body["reason"]) == (400, "Status", "BadRequest")
        client.send(GET)
        assert (client.take(), client.closed) == (b"", False)
        world.pass_time(world.limits.linger_seconds)
        assert client.closed

    story(work)


LIMITS = Limits(head_seconds=10, body_seconds=60, idle_seconds=120)


@pytest.mark.parametrize(
    ("sent", "trickle", "seconds", "code"),
    [
        (b"", b"", 120, 0),
        (GET, b"", 120, 0),
        (b"G", b"E", 10, 408),
        (GET[:-2], b"\r", 10, 408),
        (GET + b"G", b"E", 10, 408),
        (GOOD[2][:-2], b"8", 60, 408),
    ],
)
def test_each_deadline_holds_and_trickling_does_not_extend_it(
    sent: bytes, trickle: bytes, seconds: float, code: int
) -> None:
    async def work() -> None:
        world = World(nothing, LIMITS)
        client = world.client()
        client.send(sent)
        client.take()
        world.pass_time(seconds - 1)
        assert (client.take(), client.closed) == (b"", False)
        client.send(trickle)
        world.pass_time(1)
        assert client.closed if code == 0 else status_of(client.take())[0] == code

    story(work)


def test_a_problem_is_answered_as_it_is_and_other_errors_without_their_inside(caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> Response:
        if request.path == "/missing":
            raise NotFound('pods "a" not found')
        if request.path == "/busy":
            raise TooManyRequests("later", Details(retry_after_seconds=3))
        raise ValueError("the password is 1234")

    async def asynchronous(request: Request) -> Response:
        return handler(request)

    async def work(handle: Callable[[Request], Answer | Awaitable[Answer]]) -> None:
        numbers = count(1)
        client = World(handle, new_audit_id=lambda: f"audit-{next(numbers)}").client()
        answers = []
        for path in (b"/missing", b"/busy", b"/broken"):
            client.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            await settle()
            answers.append(client.take())
        assert [status_of(answer)[0] for answer in answers] == [404, 429, 500]
        assert b"Retry-After: 3\r\n" in answers[1]
        assert b"Audit-Id: audit-3\r\n" in answers[2]
        assert b"1234" not in answers[2]
        assert "audit-3" in caplog.text

    with caplog.at_level(logging.ERROR):
        asyncio.run(work(handler))
        asyncio.run(work(asynchronous))


def test_an_answer_that_cannot_be_sent_becomes_500() -> None:
    async def work() -> None:
        client = World(lambda request: Response(200, b"", headers=[("A", "x\r\nSet-Cookie: y")])).client()
        client.send(GET)
        got = client.take()
        assert status_of(got)[0] == 500
        assert b"Set-Cookie" not in got

    story(work)


def test_a_handler_that_takes_too_long_is_cancelled_with_504() -> None:
    async def work() -> None:
        ended = asyncio.Event()

        async def forever(request: Request) -> Response:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        client = World(forever, Limits(handler_seconds=0.001)).client()
        client.send(GET)
        await asyncio.wait_for(ended.wait(), 5)
        await settle()
        assert status_of(client.take())[0] == 504

    story(work)


def test_a_write_that_began_ends_though_the_client_left() -> None:
    async def work() -> None:
        release, done = asyncio.Event(), asyncio.Event()

        async def write(request: Request) -> Response:
            await release.wait()
            done.set()
            return Response(201, b"{}")

        client = World(write).client()
        client.send(GET)
        await settle()
        client.transport.lose()
        release.set()
        await settle()
        assert done.is_set()
        assert client.take() == b""

    story(work)


def test_stopping_closes_the_idle_and_lets_the_rest_end() -> None:
    async def work() -> None:
        release = asyncio.Event()

        async def waits(request: Request) -> Response:
            await release.wait()
            return Response(200, b"{}")

        async def run(writer: BodyWriter) -> None:
            writer.write(b"x")
            await asyncio.Event().wait()

        def handler(request: Request) -> Answer | Awaitable[Answer]:
            return StreamResponse(run) if request.path == "/watch" else waits(request)

        world = World(handler)
        idle, busy, watching, reading = (world.client() for _ in range(4))
        busy.send(GET)
        watching.send(GET.replace(b"/ ", b"/watch "))
        reading.send(GET[:-1])
        await settle()
        world.shared.stopping = True
        for client in (idle, busy, watching, reading):
            client.connection.stop()
        await settle()
        assert [idle.closed, busy.closed, watching.closed, reading.closed] == [True, False, True, False]
        assert watching.take().endswith(b"1\r\nx\r\n0\r\n\r\n")
        reading.send(GET[-1:])
        release.set()
        await settle()
        for client in (busy, reading):
            assert b"Connection: close" in client.take()
            assert client.closed

    story(work)


def echo(request: Request) -> Response:
    return Response(200, b"%b %b" % (request.target, request.body), "text/plain")


async def answers(client: Client, pieces: list[bytes]) -> bytes:
    for piece in pieces:
        client.send(piece)
        await settle()
    return client.take()


@given(STREAM, CUTS)
@settings(max_examples=60, deadline=None)
def test_the_answers_do_not_depend_on_how_the_bytes_came(data: bytes, cuts: list[int]) -> None:
    async def work() -> None:
        world = World(echo, SMALL)
        whole = await answers(world.client(), [data])
        assert await answers(world.client(), splits(data, cuts)) == whole
        after = world.client()  # the server is alive
        after.send(GET)
        assert b"200 OK" in after.take()

    story(work)


@given(st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_bytes_do_harm(pieces: list[bytes]) -> None:
    async def work() -> None:
        world = World(echo, SMALL)
        client = world.client()
        await answers(client, pieces)
        world.pass_time(1000)
        world.pass_time(1000)
        await settle()
        assert client.closed
        assert not world.shared.connections
        assert world.bodies.take(SMALL.bodies_bytes_per_client, "192.0.2.7")

    story(work)
