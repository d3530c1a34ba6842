"""The unix socket: who may ask, what garbage gets, and what happens at each bound."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k3py.model.vpc_socket import LINE_BYTES_MAX, VERSION, Answer, PingRequest, Pong, TraceRequest
from k3py.vpc.lines import BadLine, Lines, TooLong, read_request
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.socket_server import CONNECTIONS_MAX, AlreadyServed, SocketServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PING = b'{"request":"Ping"}\n'
DEADLINE_SECONDS = 20.0


class Handler:
    """Answers Ping at once, Trace when it is told to; ``query`` says what the others get."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.asked: list[Any] = []
        self.query: Callable[[], Awaitable[Any]] | None = None

    async def __call__(self, request: Any) -> Any:
        self.asked.append(request)
        if isinstance(request, PingRequest):
            return Pong(ready=True, node="n1")
        if isinstance(request, TraceRequest):
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if self.query is not None:
            return await self.query()
        return None


def play(path: Path, story: Callable[[SocketServer, Handler], Coroutine[Any, Any, None]], uid: int = 0) -> None:
    async def served() -> None:
        handler = Handler()
        server = SocketServer(path, handler, uid)
        await server.start()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await story(server, handler)
        finally:
            await server.stop()

    asyncio.run(served())
    assert not path.exists()


async def ask(streams: Streams, line: bytes = PING) -> Answer:
    streams[1].write(line)
    return await heard(streams)


async def heard(streams: Streams) -> Answer:
    return msgspec.json.decode(await streams[0].readline(), type=Answer)


def reason(answer: Answer) -> str:
    return answer.error.reason if answer.error is not None else ""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "vpc.sock"


def test_requests_of_one_connection_are_answered_in_order(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        assert path.stat().st_mode & 0o777 == 0o600
        streams = await asyncio.open_unix_connection(path)
        streams[1].write(b'{"request":"Query","podUid":"a"}\n\n  \n' + PING)
        assert (await heard(streams)).result == msgspec.Raw(b"null")
        assert msgspec.json.decode((await heard(streams)).result, type=Pong) == Pong(ready=True, node="n1")
        streams[1].close()

    play(path, story)


@pytest.mark.parametrize(
    "line",
    [b"hello\n", b"{}\n", b'{"request":"Fly"}\n', b'{"request":"Query"}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n",
     b'{"request":"Ping","colour":1}\n', b'{"request":"Query","podUid":7}\n', b"null\n"],
)  # fmt: skip
def test_garbage_is_refused_and_the_connection_goes_on(path: Path, line: bytes) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        streams = await asyncio.open_unix_connection(path)
        assert reason(await ask(streams, line)) == "BadRequest"
        assert reason(await ask(streams)) == ""
        streams[1].close()

    play(path, story)


@given(st.lists(st.binary(max_size=200), max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_the_daemon_lives(path: Path, pieces: list[bytes]) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        streams = await asyncio.open_unix_connection(path)
        for piece in pieces:
            streams[1].write(piece)
        streams[1].write(b"\n")
        streams[1].write_eof()
        for line in (await streams[0].read()).splitlines():
            msgspec.json.decode(line, type=Answer)
        streams[1].close()
        other = await asyncio.open_unix_connection(path)
        assert reason(await ask(other)) == ""
        other[1].close()

    play(path, story)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_line_is_a_request_or_bad(line: bytes) -> None:
    for each in (line, b'{"request":"Query","podUid":' + line + b"}", b'{"version":' + line + b"}"):
        try:
            read_request(each)
        except BadLine as error:
            assert str(error)  # noqa: PT017


@given(st.lists(st.binary(max_size=30)))
@settings(max_examples=100, deadline=None)
def test_lines_do_not_depend_on_how_bytes_arrive(pieces: list[bytes]) -> None:
    lines, got = Lines(), list[bytes]()
    for piece in pieces:
        lines.feed(piece)
        while (line := lines.next()) is not None:
            got.append(line)
    assert got == b"".join(pieces).split(b"\n")[:-1]


def test_another_version_is_told_which_one_is_spoken(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        streams = await asyncio.open_unix_connection(path)
        answer = await ask(streams, b'{"request":"Dance","version":2,"with":"whom"}\n')
        assert answer.error is not None
        assert f"speaks version {VERSION} of the protocol, the request is of 2" in answer.error.message
        streams[1].close()

    play(path, story)


def test_a_line_may_be_as_long_as_the_bound_and_not_longer(path: Path) -> None:
    lines = Lines()
    lines.feed(b"x" * LINE_BYTES_MAX + b"\nrest")
    assert lines.next() == b"x" * LINE_BYTES_MAX
    lines.feed(b"x" * LINE_BYTES_MAX)
    with pytest.raises(TooLong):
        lines.next()

    async def story(server: SocketServer, handler: Handler) -> None:
        streams = await asyncio.open_unix_connection(path)
        room = LINE_BYTES_MAX - len(PING) + 1
        assert reason(await ask(streams, PING[:-1] + b" " * room + b"\n")) == ""
        answer = await ask(streams, b"x" * (LINE_BYTES_MAX + 1))
        assert reason(answer) == "BadRequest"
        assert await streams[0].read() == b""
        streams[1].close()

    play(path, story)


def test_another_user_is_refused_and_cut_off(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        streams = await asyncio.open_unix_connection(path)
        answer = await heard(streams)
        assert reason(answer) == "Forbidden"
        assert await streams[0].read() == b""
        streams[1].close()
        assert not handler.asked

    play(path, story, uid=12345)


def ask_as(uid: int, path: Path) -> int:
    """Let a child of this user ask; a descriptor that its answer can be read from."""
    heard_at, said_at = os.pipe()
    if os.fork() == 0:
        try:
            # Before the change: other users may not come here.
            os.chdir(path.parent)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as asking:
                asking.connect(path.name)
                os.write(said_at, asking.recv(65536))
        finally:
            os._exit(0)
    os.close(said_at)
    return heard_at


def test_the_kernel_says_who_asks_whatever_the_files_mode(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        path.chmod(0o666)
        with open(ask_as(65534, path), "rb") as said:
            answer = await asyncio.to_thread(said.read)
        os.wait()
        assert reason(msgspec.json.decode(answer, type=Answer)) == "Forbidden"
        assert not handler.asked

    play(path, story)


def test_one_connection_too_many_is_refused(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        held = [await asyncio.open_unix_connection(path) for _ in range(CONNECTIONS_MAX)]
        assert reason(await ask(held[-1])) == ""
        late = await asyncio.open_unix_connection(path)
        assert reason(await heard(late)) == "Busy"
        for _, writer in (*held, late):
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while reason(await ask(await asyncio.open_unix_connection(path))) != "":
                await asyncio.sleep(0)

    play(path, story)


def test_requests_go_on_without_their_asker_and_still_count(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        done: list[int] = []
        gate = asyncio.Event()

        async def work() -> None:
            await gate.wait()
            done.append(1)

        handler.query = work
        for number in range(CONNECTIONS_MAX):
            _, writer = await asyncio.open_unix_connection(path)
            writer.write(b'{"request":"DetachPod","podUid":"a"}\n')
            while len(handler.asked) <= number:
                await asyncio.sleep(0)
            writer.close()
            await writer.wait_closed()
        late = await asyncio.open_unix_connection(path)
        assert reason(await heard(late)) == "Busy"
        gate.set()
        while len(done) < CONNECTIONS_MAX:
            await asyncio.sleep(0)
        streams = await asyncio.open_unix_connection(path)
        assert reason(await ask(streams)) == ""
        for _, writer in (streams, late):
            writer.close()

    play(path, story)


def test_a_wait_for_drops_ends_with_its_connection(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"request":"Trace","waitSeconds":60}\n')
        while not handler.asked:
            await asyncio.sleep(0)
        writer.close()
        await handler.cancelled.wait()

    play(path, story)


def test_a_refusal_has_its_reason_and_a_bug_is_internal(path: Path) -> None:
    async def story(server: SocketServer, handler: Handler) -> None:
        streams = await asyncio.open_unix_connection(path)

        async def refuse() -> None:
            raise NetworkProblem("VPCFull", "no room")

        async def fail() -> None:
            raise RuntimeError("a bug")

        handler.query = refuse
        answer = await ask(streams, b'{"request":"Query","podUid":"a"}\n')
        assert answer.error is not None
        assert (answer.error.reason, answer.error.message) == ("VPCFull", "no room")
        handler.query = fail
        assert reason(await ask(streams, b'{"request":"Query","podUid":"a"}\n')) == "Internal"
        assert reason(await ask(streams)) == ""
        streams[1].close()

    play(path, story)


def test_a_stale_file_is_replaced_and_a_living_daemon_is_not(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def story(server: SocketServer, handler: Handler) -> None:
        with pytest.raises(AlreadyServed, match="another VPC daemon"):
            await SocketServer(path, handler).start()
        streams = await asyncio.open_unix_connection(path)
        assert reason(await ask(streams)) == ""
        streams[1].close()

    play(path, story)
