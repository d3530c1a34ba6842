"""Port-forward, every generation of clients on one port."""

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.api.streams.forward import UNREAD_BYTES_MAX, port_number
from k3py.api.streams.port_forward import upgrade_port_forward
from k3py.api.streams.spdy import Reset, Type
from k3py.model.errors import Unavailable
from k3py.model.websocket import Opcode
from tests.api.http.fakes import Client, World, settle, splits
from tests.api.streams.clients import SpdyClient, channel, client_frame, server_frames, spdy_request, websocket_request

TUNNEL = "SPDY/3.1+portforward.k8s.io"


class FakePod:
    """One port of a pod. The test is the program behind it."""

    def __init__(self) -> None:
        self.got = b""
        self.got_end = self.closed = False
        self.answers: asyncio.Queue[bytes | OSError] = asyncio.Queue()
        self.takes = asyncio.Event()
        self.takes.set()

    async def read(self, size: int) -> bytes:
        answer = await self.answers.get()
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def write(self, data: bytes) -> None:
        await self.takes.wait()
        self.got += data

    async def write_eof(self) -> None:
        self.got_end = True

    def close(self) -> None:
        self.closed = True


class Pods:
    """Connects to fake ports; 22 refuses and 23 has a problem."""

    def __init__(self) -> None:
        self.opened: list[tuple[int, FakePod]] = []

    async def __call__(self, port: int) -> FakePod:
        if port == 22:
            raise ConnectionRefusedError("refused")
        if port == 23:
            raise Unavailable("the node is gone")
        self.opened.append((port, FakePod()))
        return self.opened[-1][1]


def begin(pods: Pods, request: bytes) -> tuple[World, Client]:
    world = World(lambda asked: upgrade_port_forward(asked, pods))
    client = world.client()
    client.send(request)
    if b"\r\n\r\n" in client.transport.sent:
        head, _, client.transport.sent = client.transport.sent.partition(b"\r\n\r\n")
        assert b"101 Switching Protocols" in head
    return world, client


def pair(spdy: SpdyClient, port: str, request: str = "0") -> tuple[int, int, bytes]:
    """The error and the data stream of one forwarded connection, and what opens them."""
    error, first = spdy.open({"streamtype": "error", "port": port, "requestid": request})
    data, second = spdy.open({"streamtype": "data", "port": port, "requestid": request})
    return error, data, first + spdy.data(error, b"", end=True) + second


@pytest.mark.parametrize("tunnel", [False, True])
def test_spdy_bare_and_in_a_websocket(tunnel: bool) -> None:
    async def work() -> None:
        pods = Pods()
        start = websocket_request("/pf", TUNNEL) if tunnel else spdy_request("/pf", "portforward.k8s.io")
        _, client = begin(pods, start)
        spdy = SpdyClient()

        def say(data: bytes) -> None:
            for piece in splits(data, [3, 20, 21]):  # tunnels cut where they like
                client.send(client_frame(Opcode.BINARY, piece) if tunnel else piece)

        def heard() -> dict[int, bytes]:
            got = client.take()
            return spdy.received(b"".join(payload for _, payload in server_frames(got)) if tunnel else got)

        error, data, said = pair(spdy, "80", "0")
        say(said + spdy.data(data, b"hello"))
        await settle()
        port, pod = pods.opened[0]
        assert (port, pod.got, pod.got_end) == (80, b"hello", False)
        say(spdy.data(data, b"", end=True))
        pod.answers.put_nowait(b"world")
        await settle()
        assert pod.got_end
        assert heard()[data] == b"world"
        pod.answers.put_nowait(b"")
        await settle()
        assert heard() == {data: b"", error: b""}
        assert pod.closed

    asyncio.run(work())


@pytest.mark.parametrize(("port", "said"), [("22", b"refused"), ("23", b"the node is gone")])
def test_why_a_port_cannot_be_reached_is_told_on_the_error_stream(port: str, said: bytes) -> None:
    async def work() -> None:
        pods = Pods()
        _, client = begin(pods, spdy_request("/pf", "portforward.k8s.io"))
        spdy = SpdyClient()
        refused, _, opening = pair(spdy, port, "0")
        _, data, more = pair(spdy, "80", "1")
        client.send(opening + more + spdy.data(data, b"x"))
        await settle()
        assert spdy.received(client.take())[refused].endswith(said)
        assert pods.opened[0][1].got == b"x"

    asyncio.run(work())


def test_a_connection_that_breaks_is_told() -> None:
    async def work() -> None:
        pods = Pods()
        _, client = begin(pods, spdy_request("/pf", "portforward.k8s.io"))
        spdy = SpdyClient()
        error, _, opening = pair(spdy, "80")
        client.send(opening)
        await settle()
        pods.opened[0][1].answers.put_nowait(ConnectionResetError("reset by peer"))
        await settle()
        assert b"reset by peer" in spdy.received(client.take())[error]

    asyncio.run(work())


def test_streams_that_make_no_sense_are_reset() -> None:
    async def work() -> None:
        _, client = begin(Pods(), spdy_request("/pf", "portforward.k8s.io"))
        spdy = SpdyClient()
        for headers in (
            {"streamtype": "stdin", "port": "80"},
            {"streamtype": "data", "port": "0"},
            {"streamtype": "data", "port": "65536"},
            {"streamtype": "data"},
        ):
            stream, opening = spdy.open(headers)
            client.send(opening)
            assert (Type.RST_STREAM, stream, Reset.PROTOCOL_ERROR) in spdy.frames(client.take())

    asyncio.run(work())


def test_a_client_that_resets_or_leaves_ends_the_connection() -> None:
    async def work() -> None:
        pods = Pods()
        world, client = begin(pods, spdy_request("/pf", "portforward.k8s.io"))
        spdy = SpdyClient()
        _, first, opening = pair(spdy, "80", "0")
        _, _, more = pair(spdy, "81", "1")
        client.send(opening + more)
        await settle()
        client.send(spdy.control(Type.RST_STREAM, struct.pack(">II", first, Reset.CANCEL)))
        await settle()
        assert [pod.closed for _, pod in pods.opened] == [True, False]
        client.transport.lose()
        await settle()
        assert [pod.closed for _, pod in pods.opened] == [True, True]
        assert len(world.shared.tasks) == 0

    asyncio.run(work())


@pytest.mark.parametrize("spdy_client", [True, False])
def test_a_pod_that_reads_slowly_slows_the_client_down(spdy_client: bool) -> None:
    async def work() -> None:
        pods = Pods()
        spdy = SpdyClient()
        if spdy_client:
            _, client = begin(pods, spdy_request("/pf", "portforward.k8s.io"))
            _, data, opening = pair(spdy, "80")
            client.send(opening)
        else:
            _, client = begin(pods, websocket_request("/pf?ports=80", "v4.channel.k8s.io"))
            data = 0
        await settle()
        pod = pods.opened[0][1]
        pod.takes.clear()

        def say(payload: bytes) -> None:
            client.send(spdy.data(data, payload) if spdy_client else channel(data, payload))

        say(b"x" * UNREAD_BYTES_MAX)
        await settle()
        assert client.transport.reading
        say(b"y")
        await settle()
        assert not client.transport.reading
        pod.takes.set()
        await settle()
        assert client.transport.reading
        assert len(pod.got) == UNREAD_BYTES_MAX + 1

    asyncio.run(work())


@pytest.mark.parametrize("version", ["v4.channel.k8s.io", "v5.channel.k8s.io"])
def test_channels_of_a_websocket(version: str) -> None:
    async def work() -> None:
        pods = Pods()
        _, client = begin(pods, websocket_request("/pf?ports=80,22", version))
        await settle()
        client.send(channel(0, b"hello") + channel(1, b"ignored") + channel(9, b"ignored"))
        client.send(channel(255, b"\0"))
        await settle()
        port, pod = pods.opened[0]
        assert (port, pod.got, pod.got_end) == (80, b"hello", version.startswith("v5"))
        payloads = [payload for _, payload in server_frames(client.take())]
        assert payloads[:4] == [b"\x00\x50\x00", b"\x01\x50\x00", b"\x02\x16\x00", b"\x03\x16\x00"]
        assert payloads[4] == b"\x03cannot connect to port 22: refused"
        pod.answers.put_nowait(b"world")
        pod.answers.put_nowait(b"")
        await settle()
        frames = server_frames(client.take())
        assert frames[0] == (Opcode.BINARY, b"\x00world")
        assert frames[-1] == (Opcode.CLOSE, b"\x03\xe8")
        assert not any(payload.startswith(b"\xff") for _, payload in frames)  # the Python client could not bear it
        assert client.closed
        assert pod.closed

    asyncio.run(work())


def test_version_4_is_preferred_as_by_kubelet() -> None:
    async def work() -> None:
        world = World(lambda asked: upgrade_port_forward(asked, Pods()))
        client = world.client()
        client.send(websocket_request("/pf?ports=80", "v5.channel.k8s.io,v4.channel.k8s.io"))
        assert b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n" in client.take()

    asyncio.run(work())


@pytest.mark.parametrize("query", ["", "?ports=", "?ports=0", "?ports=80,x", "?ports=" + ",".join(["1"] * 128)])
def test_channels_need_ports(query: str) -> None:
    async def work() -> None:
        world = World(lambda asked: upgrade_port_forward(asked, Pods()))
        client = world.client()
        client.send(websocket_request("/pf" + query, "v4.channel.k8s.io"))
        assert client.take().startswith(b"HTTP/1.1 400 ")

    asyncio.run(work())


def test_stopping_says_goodbye() -> None:
    async def work() -> None:
        pods = Pods()
        for start in (
            spdy_request("/pf", "portforward.k8s.io"),
            websocket_request("/pf", TUNNEL),
            websocket_request("/pf?ports=80", "v5.channel.k8s.io"),
        ):
            _, client = begin(pods, start)
            client.connection.stop()
            assert client.closed
            assert client.take()

    asyncio.run(work())


@given(st.text(max_size=8))
def test_ports_are_numbers_within_bounds(text: str) -> None:
    number = port_number(text)
    assert number is None or (str(number) == text.lstrip("0") and 0 < number < 65536)


@pytest.mark.parametrize("tunnel", [False, True])
@given(st.lists(st.tuples(st.integers(0, 4), st.binary(max_size=30)), max_size=8), st.lists(st.integers(0, 500)))
@settings(max_examples=40, deadline=None)
def test_garbage_neither_hangs_nor_leaks(tunnel: bool, steps: list[tuple[int, bytes]], cuts: list[int]) -> None:
    async def work() -> None:
        pods = Pods()
        start = websocket_request("/pf", TUNNEL) if tunnel else spdy_request("/pf", "portforward.k8s.io")
        world, client = begin(pods, start)
        spdy = SpdyClient()
        said = b""
        for step, data in steps:
            said += [
                lambda data: data,
                lambda data: pair(spdy, "80", data.hex())[2],
                lambda data: spdy.data(3, data, end=len(data) % 3 == 0),
                lambda data: spdy.control(Type.RST_STREAM, data[:8]),
                lambda data: pair(spdy, "22", data.hex())[2],
            ][step](data)
        for piece in splits(said, cuts):
            client.send(client_frame(Opcode.BINARY, piece) if tunnel else piece)
            await settle()
        client.transport.lose()
        await settle()
        assert all(pod.closed for _, pod in pods.opened)
        assert not world.shared.connections
        assert len(world.shared.tasks) == 0

    asyncio.run(work())
