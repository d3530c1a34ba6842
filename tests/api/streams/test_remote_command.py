"""Exec and attach, every generation of clients on one port."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.api.http.messages import Request
from k3py.api.streams.exec_events import RESIZE_BYTES_MAX, ResizeReader
from k3py.api.streams.remote_command import (
    FRAME_BYTES_MAX,
    INPUT_BYTES_MAX,
    Incoming,
    Output,
    RemoteCommand,
    Resize,
    Run,
    Stdin,
    StdinClosed,
    upgrade_remote_command,
)
from k3py.api.streams.spdy import INITIAL_WINDOW_BYTES, Type
from k3py.model.errors import NotFound
from k3py.model.websocket import Opcode
from tests.api.http.fakes import Client, World, settle, splits
from tests.api.streams.clients import (
    SpdyClient,
    channel,
    client_frame,
    server_frames,
    spdy_request,
    websocket_request,
)
from tests.api.streams.pod_server import options_of, status

ALL = "/exec?stdin=true&stdout=true&stderr=true"
TTY = "/exec?stdin=true&stdout=true&stderr=true&tty=true"
SPDY_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")


def world(run: Run) -> World:
    return World(lambda request: upgrade_remote_command(request, options_of(request), run))


def begin(run: Run, request: bytes) -> tuple[Client, bytes]:
    """A client whose upgrade was answered, and the answer's head."""
    client = world(run).client()
    client.send(request)
    head, _, rest = client.take().partition(b"\r\n\r\n")
    assert b"101 Switching Protocols" in head
    assert rest == b""
    return client, head


class Recorder:
    """A program that notes what it gets and answers at its end."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.got: list[Incoming] = []
        self._answer = answer

    async def __call__(self, command: RemoteCommand) -> None:
        await command.write(Output.STDOUT, b"out")
        await command.write(Output.STDERR, b"err")
        async for event in command.incoming():
            self.got.append(event)
            if isinstance(event, StdinClosed):
                await command.finish(self._answer)


def test_websocket_version_5() -> None:
    async def work() -> None:
        program = Recorder(status(3))
        client, head = begin(program, websocket_request(TTY, "v5.channel.k8s.io, v4.channel.k8s.io"))
        assert b"Sec-WebSocket-Protocol: v5.channel.k8s.io" in head
        client.send(
            channel(0, b"a") + channel(4, b'{"Width":80,"Height":24}') + channel(255, b"\0") + channel(0, b"late")
        )
        await settle()
        assert program.got == [Stdin(b"a"), Resize(80, 24), StdinClosed()]
        frames = server_frames(client.take())
        assert frames[0] == (Opcode.BINARY, b"\x01out")
        assert frames[1][1][:1] == b"\x03"  # no stderr on a terminal
        assert json.loads(frames[1][1][1:]) == status(3)
        assert frames[2:] == [(Opcode.CLOSE, b"\x03\xe8")]
        client.send(client_frame(Opcode.CLOSE, b"\x03\xe8"))
        assert client.closed

    asyncio.run(work())


@pytest.mark.parametrize(
    ("version", "code", "outcome"),
    [
        ("v4.channel.k8s.io", 0, json.dumps(status(0)).encode()),
        ("v3.channel.k8s.io", 1, b"command terminated with non-zero exit code: 1"),
        ("channel.k8s.io", 0, None),
    ],
)
def test_older_websocket_versions_tell_the_outcome_in_their_way(version: str, code: int, outcome: bytes | None) -> None:
    async def work() -> None:
        async def program(command: RemoteCommand) -> None:
            await command.write(Output.STDERR, b"err")
            await command.finish(status(code))

        client, _ = begin(program, websocket_request(ALL, version))
        await settle()
        payloads = [payload for _, payload in server_frames(client.take())]
        assert payloads == [b"\x02err", *([b"\x03" + outcome] if outcome else []), b"\x03\xe8"]

    asyncio.run(work())


def opened(client: SpdyClient, *kinds: str) -> tuple[dict[str, int], bytes]:
    streams, said = {}, b""
    for kind in kinds:
        streams[kind], opening = client.open({"streamtype": kind})
        said += opening
    return streams, said


def test_spdy_takes_the_best_of_the_repeated_protocols() -> None:
    async def work() -> None:
        program = Recorder(status(0))
        client, head = begin(program, spdy_request(ALL, *SPDY_PROTOCOLS))
        assert b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in head + b"\r\n"
        spdy = SpdyClient()
        streams, said = opened(spdy, "error", "stdin", "stdout")
        client.send(said)
        await settle()
        assert all(frame[0] is Type.SYN_REPLY for frame in spdy.frames(client.take()))  # stderr is missing still
        more, said = opened(spdy, "stderr")
        client.send(said + spdy.data(streams["stdin"], b"a") + spdy.data(streams["stdin"], b"b", end=True))
        await settle()
        assert program.got == [Stdin(b"a"), Stdin(b"b"), StdinClosed()]
        got = spdy.received(client.take())
        assert got[streams["stdout"]] == b"out"
        assert got[more["stderr"]] == b"err"
        assert json.loads(got[streams["error"]]) == status(0)

    asyncio.run(work())


def test_spdy_refuses_streams_that_were_not_asked_for() -> None:
    async def work() -> None:
        client, _ = begin(Recorder(status(0)), spdy_request("/exec?stdout=true", "v4.channel.k8s.io"))
        spdy = SpdyClient()
        _, said = opened(spdy, "stdin", "nonsense", "error", "stdout", "stdout")
        client.send(said)
        frames = spdy.frames(client.take())
        assert [frame[1] for frame in frames if frame[0] is Type.RST_STREAM] == [1, 3, 9]

    asyncio.run(work())


def test_spdy_output_waits_for_the_window_of_a_client_that_has_one() -> None:
    async def work() -> None:
        async def program(command: RemoteCommand) -> None:
            await command.write(Output.STDOUT, b"x" * (INITIAL_WINDOW_BYTES + 5))
            await command.finish(status(0))

        client, _ = begin(program, spdy_request("/exec?stdout=true", "v4.channel.k8s.io"))
        spdy = SpdyClient()
        client.send(
            spdy.control(Type.SETTINGS, (1).to_bytes(4, "big") + (7).to_bytes(4, "big") + (1 << 20).to_bytes(4, "big"))
        )
        streams, said = opened(spdy, "error", "stdout")
        client.send(said)
        await settle()
        assert len(spdy.received(client.take())[streams["stdout"]]) == INITIAL_WINDOW_BYTES
        client.send(spdy.window(0, 3))
        await settle()
        assert spdy.received(client.take()) == {streams["stdout"]: b"xxx"}
        client.send(spdy.window(0, 1000))
        await settle()
        assert spdy.received(client.take())[streams["stdout"]] == b"xx"

    asyncio.run(work())


def test_spdy_input_is_granted_anew_as_the_program_reads_it() -> None:
    async def work() -> None:
        read_on = asyncio.Event()

        async def program(command: RemoteCommand) -> None:
            await read_on.wait()
            async for _ in command.incoming():
                pass

        client, _ = begin(program, spdy_request("/exec?stdin=true", "v4.channel.k8s.io"))
        spdy = SpdyClient()
        streams, said = opened(spdy, "error", "stdin")
        half = INITIAL_WINDOW_BYTES // 2
        client.send(said + spdy.data(streams["stdin"], b"x" * half))
        await settle()
        assert all(frame[0] is Type.SYN_REPLY for frame in spdy.frames(client.take()))
        read_on.set()
        await settle()
        assert spdy.frames(client.take()) == [
            (Type.WINDOW_UPDATE, 0, half),
            (Type.WINDOW_UPDATE, streams["stdin"], half),
        ]

    asyncio.run(work())


def test_input_that_the_program_does_not_read_stops_the_client() -> None:
    async def work() -> None:
        read_on = asyncio.Event()
        got = bytearray()

        async def program(command: RemoteCommand) -> None:
            await read_on.wait()
            async for event in command.incoming():
                assert isinstance(event, Stdin)
                got.extend(event.data)

        client, _ = begin(program, websocket_request(ALL, "v5.channel.k8s.io"))
        client.send(channel(0, b"x" * INPUT_BYTES_MAX))
        await settle()
        assert client.transport.reading
        client.send(channel(0, b"y"))
        assert not client.transport.reading
        read_on.set()
        await settle()
        assert client.transport.reading
        assert got == b"x" * INPUT_BYTES_MAX + b"y"

    asyncio.run(work())


def test_output_waits_for_a_slow_client() -> None:
    async def work() -> None:
        written: list[int] = []

        async def program(command: RemoteCommand) -> None:
            for number in range(100):
                await command.write(Output.STDOUT, b"x" * FRAME_BYTES_MAX)
                written.append(number)

        client, _ = begin(program, websocket_request(ALL, "v5.channel.k8s.io"))
        client.transport.full = True
        await settle()
        assert len(written) < 10
        client.transport.accept_all()
        await settle()
        assert 10 <= len(written) < 20
        client.transport.lose()
        await settle()
        assert len(written) == 100  # what nobody reads is dropped

    asyncio.run(work())


def test_a_client_that_does_not_fetch_its_pongs_is_cut_off() -> None:
    async def work() -> None:
        async def program(command: RemoteCommand) -> None:
            await command.until_disconnected()

        client, _ = begin(program, websocket_request(ALL, "v5.channel.k8s.io"))
        client.transport.full = True
        ping = client_frame(Opcode.PING, b"x" * 125) * 1000
        for _ in range(20):
            client.send(ping)
            await settle()
        assert client.transport.aborted

    asyncio.run(work())


@pytest.mark.parametrize("leaves", ["gone", "close frame", "broken protocol"])
def test_a_client_that_leaves_is_seen(leaves: str) -> None:
    async def work() -> None:
        seen: list[object] = []

        async def program(command: RemoteCommand) -> None:
            seen.extend([event async for event in command.incoming()])
            await command.until_disconnected()
            assert command.disconnected
            await command.write(Output.STDOUT, b"x")
            await command.finish(status(0))
            seen.append("ended")

        client, _ = begin(program, websocket_request(ALL, "v5.channel.k8s.io"))
        client.send(channel(0, b"a"))
        if leaves == "gone":
            client.transport.lose()
        else:
            client.send(client_frame(Opcode.CLOSE if leaves == "close frame" else 7, b""))
        await settle()
        assert seen == [Stdin(b"a"), "ended"]
        assert client.closed

    asyncio.run(work())


async def no_status(command: RemoteCommand) -> None:
    pass


async def raises(command: RemoteCommand) -> None:
    raise ValueError("secret")


async def problem(command: RemoteCommand) -> None:
    raise NotFound('container "a" not found')


@pytest.mark.parametrize(
    ("program", "said"),
    [(no_status, "without a status"), (raises, "server's log"), (problem, 'container "a" not found')],
)
def test_a_program_that_fails_is_told_as_a_failure(program: Run, said: str) -> None:
    async def work() -> None:
        client, _ = begin(program, websocket_request(ALL, "v5.channel.k8s.io"))
        await settle()
        outcome = json.loads(server_frames(client.take())[0][1][1:])
        assert outcome["status"] == "Failure"
        assert said in outcome["message"]

    asyncio.run(work())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /exec HTTP/1.1\r\nHost: a\r\n\r\n",
        websocket_request(ALL, "base64.channel.k8s.io"),
        spdy_request(ALL, "v9.channel.k8s.io"),
    ],
)
def test_what_is_no_known_upgrade_is_refused(request_bytes: bytes) -> None:
    async def work() -> None:
        client = world(no_status).client()
        client.send(request_bytes)
        assert client.take().startswith(b"HTTP/1.1 400 ")
        assert not client.closed

    asyncio.run(work())


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        (b'{"Width":1,"Height":2}\n{"Width":3,"Height":4}', [Resize(1, 2), Resize(3, 4)]),
        (b'{"Width":0,"Height":2}{"Width":65535,"Height":65536}', []),
        (b'{"Width":true,"Height":2}{"Height":2}[]}{"Width":5,"Height":6}', [Resize(5, 6)]),
        (b"x" * 5000 + b"}" + b'{"Width":5,"Height":6}', [Resize(5, 6)]),
    ],
)
def test_sizes_are_read_and_nonsense_left_out(text: bytes, sizes: list[Resize]) -> None:
    assert ResizeReader().feed(text) == sizes
    piecewise = ResizeReader()
    assert [size for byte in text for size in piecewise.feed(bytes((byte,)))] == sizes


def test_a_size_without_end_is_not_kept() -> None:
    reader = ResizeReader()
    for _ in range(100):
        reader.feed(b"x" * RESIZE_BYTES_MAX)
    assert len(reader._text) <= RESIZE_BYTES_MAX


GARBAGE = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.builds(channel, st.integers(0, 255), st.binary(max_size=40)),
        st.builds(client_frame, st.integers(0, 15), st.binary(max_size=20), st.booleans()),
    ),
    max_size=8,
).map(b"".join)


@pytest.mark.parametrize(
    "start", [lambda: websocket_request(TTY, "v5.channel.k8s.io"), lambda: spdy_request(TTY, "v4.channel.k8s.io")]
)
@given(GARBAGE, st.lists(st.integers(0, 500), max_size=5))
@settings(max_examples=40, deadline=None)
def test_garbage_neither_hangs_nor_leaks(start: Callable[[], bytes], data: bytes, cuts: list[int]) -> None:
    async def work() -> None:
        async def program(command: RemoteCommand) -> None:
            async for _ in command.incoming():
                pass

        served = world(program)
        client = served.client()
        for piece in splits(start() + data, cuts):
            client.send(piece)
            await settle()
        client.transport.lose()
        await settle()
        assert not served.shared.connections
        assert len(served.shared.tasks) == 0

    asyncio.run(work())


def test_a_plain_request_names_what_is_needed() -> None:
    with pytest.raises(Exception, match="Upgrade request required"):
        upgrade_remote_command(Request("GET", b"/exec"), options_of(Request("GET", b"/exec")), no_status)
