"""Logs, exec, attach and port-forward, with a node that is a script."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from k3py.api.bridge import PodConnection, bridge
from k3py.api.http.messages import Response, StreamResponse, Upgrade
from k3py.api.pods import pick_container
from k3py.api.streams.remote_command import Incoming, Output, Resize, Stdin, StdinClosed
from k3py.model import codec
from k3py.model.errors import BadRequest, NotFound
from k3py.model.generated import core_v1
from k3py.model.streams import (
    Channel,
    Exec,
    Logs,
    StreamRequest,
    StreamReset,
    exit_status,
    status_message,
    success_status,
)
from tests.api.world import PODS, Recorder, World, pod, run


class Stream:
    """The node's end of a stream: what it says is given, what it hears is kept."""

    def __init__(self, *says: bytes | Exception) -> None:
        self._says = list(says)
        self.heard: list[bytes] = []
        self.reset_reason: str | None = None

    async def read(self) -> bytes | None:
        await asyncio.sleep(0)
        if not self._says:
            return None
        said = self._says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    async def write(self, message: bytes) -> None:
        self.heard.append(message)

    async def close(self) -> None:
        return

    def reset(self, reason: str = "") -> None:
        self.reset_reason = reason


class Nodes:
    """Every stream is made by a function of the request."""

    def __init__(self, make: Callable[[StreamRequest], Stream]) -> None:
        self._make = make
        self.asked: list[tuple[str, StreamRequest]] = []

    async def open(self, node: str, request: StreamRequest) -> Stream:
        self.asked.append((node, request))
        return self._make(request)


def out(text: str) -> bytes:
    return bytes((Channel.STDOUT,)) + text.encode()


def test_a_log_is_text_as_it_comes() -> None:
    nodes = Nodes(lambda request: Stream(out(""), out("one\n"), out("two\n"), status_message(success_status())))

    async def story(world: World) -> None:
        _, made = await world.json("POST", PODS, pod("p", "n1"))
        answer = await world.ask("GET", f"{PODS}/p/log?tailLines=5&follow=true&timestamps=1&limitBytes=100")
        assert isinstance(answer, StreamResponse)
        assert answer.content_type == "text/plain"
        writer = Recorder()
        await answer.run(writer)
        assert writer.data == b"one\ntwo\n"
        node, request = nodes.asked[0]
        assert node == "n1"
        assert request == Logs(
            namespace="default", pod="p", uid=made["metadata"]["uid"], container="c",
            follow=True, tail_lines=5, timestamps=True, limit_bytes=100,
        )  # fmt: skip

    run(story, nodes)


def test_what_the_node_refuses_is_the_answer() -> None:
    waiting = BadRequest('container "c" in pod "p" is waiting to start: ContainerCreating')
    nodes = Nodes(lambda request: Stream(status_message(waiting.status())))

    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        status, body = await world.json("GET", f"{PODS}/p/log")
        assert (status, body["message"]) == (400, waiting.message)

    run(story, nodes)


def test_a_stream_that_breaks_is_no_complete_log() -> None:
    nodes = Nodes(lambda request: Stream(out("one\n"), StreamReset("the node is gone")))

    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        answer = await world.ask("GET", f"{PODS}/p/log")
        assert isinstance(answer, StreamResponse)
        with pytest.raises(StreamReset):
            await answer.run(Recorder())

    run(story, nodes)


def test_a_node_that_is_away_is_503() -> None:
    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        status, body = await world.json("GET", f"{PODS}/p/log")
        assert (status, body["reason"]) == (503, "ServiceUnavailable")
        assert '"n1"' in body["message"]

    run(story)


WRONG_OPTIONS = [
    ("tailLines=-1", 422, 'tailLines: Invalid value: -1: must be greater than or equal to 0'),
    ("limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
    ("sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
    ("sinceTime=2026-01-01T00:00:00Z&sinceSeconds=1", 422,
     ": Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"),
    ("tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("sinceTime=yesterday", 400,
     'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"'),
    ("stream=Both", 422, 'stream: Unsupported value: "Both": supported values: "All", "Stderr", "Stdout"'),
    ("stream=Stderr&tailLines=1", 422,
     ": Forbidden: `tailLines` and specific `stream` are mutually exclusive for now"),
    ("container=none", 400, "container none is not valid for pod p"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "code", "message"), WRONG_OPTIONS)
def test_log_options_that_cannot_be(query: str, code: int, message: str) -> None:
    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        status, body = await world.json("GET", f"{PODS}/p/log?{query}")
        prefix = 'PodLogOptions "p" is invalid: ' if code == 422 else ""
        assert (status, body["message"]) == (code, prefix + message)

    run(story)


def test_everything_wrong_with_log_options_is_said_at_once() -> None:
    async def story(world: World) -> None:
        status, body = await world.json("GET", f"{PODS}/nobody/log?tailLines=-1&limitBytes=-2")
        assert (status, body["details"]["kind"]) == (422, "PodLogOptions")
        assert [each["field"] for each in body["details"]["causes"]] == ["tailLines", "limitBytes"]

    run(story)


def _pod(*names: str) -> core_v1.Pod:
    body = pod("p")
    body["spec"]["containers"] = [{"name": name, "image": "x"} for name in names]
    return codec.convert(core_v1.Pod, body)[0]


def test_which_container_is_meant() -> None:
    assert pick_container(_pod("a"), "") == "a"
    assert pick_container(_pod("a", "b"), "b") == "b"
    with pytest.raises(BadRequest, match=r"a container name must be specified for pod p, choose one of: \[a b\]"):
        pick_container(_pod("a", "b"), "")
    with pytest.raises(BadRequest, match="container z is not valid for pod p"):
        pick_container(_pod("a"), "z")


class Command:
    """The client's side of an exec: what it sends is given, what it gets is kept."""

    def __init__(self, *sends: Incoming, disconnected: bool = False) -> None:
        self._sends = sends
        self.disconnected = disconnected
        self.written: list[tuple[Output, bytes]] = []
        self.status: dict[str, Any] | None = None
        self._sent = asyncio.Event()

    async def incoming(self):  # type: ignore[no-untyped-def]
        for each in self._sends:
            yield each
        self._sent.set()

    async def write(self, channel: Output, data: bytes) -> None:
        self.written.append((channel, data))

    async def finish(self, status: Any) -> None:
        self.status = dict(status)


def _bridged(command: Command, stream: Stream) -> None:
    asyncio.run(bridge(command, stream))  # type: ignore[arg-type]


def test_exec_carries_both_outputs_and_the_exit_code() -> None:
    stream = Stream(out("hi"), bytes((Channel.STDERR,)) + b"oh", status_message(exit_status(3)))
    command = Command(Stdin(b"in"), Resize(80, 24), StdinClosed())
    _bridged(command, stream)
    assert command.written == [(Output.STDOUT, b"hi"), (Output.STDERR, b"oh")]
    assert command.status is not None
    assert command.status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert stream.heard[0] == bytes((Channel.STDIN,)) + b"in"
    assert stream.heard[1][0] == Channel.RESIZE
    assert stream.heard[2] == bytes((Channel.CLOSE, Channel.STDIN))


@pytest.mark.parametrize("end", [StreamReset("gone"), None])
def test_a_lost_node_is_told_to_the_client(end: Exception | None) -> None:
    command = Command()
    _bridged(command, Stream(*([end] if end else [])))
    assert command.status is not None
    assert command.status["reason"] == "ServiceUnavailable"


def test_a_client_that_left_resets_the_stream() -> None:
    stream, command = Stream(out("x"), out("y")), Command(disconnected=True)
    _bridged(command, stream)
    assert stream.reset_reason == "the client is gone"
    assert command.status is None


def test_exec_asks_the_node_for_what_the_client_asked() -> None:
    nodes = Nodes(lambda request: Stream())

    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        upgrade = {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-version": "13",
            "sec-websocket-protocol": "v5.channel.k8s.io",
        }
        path = f"{PODS}/p/exec?command=ls&command=-l&stdout=true&stderr=1&container=c"
        assert isinstance(await world.ask("GET", path, headers=upgrade), Upgrade)
        for wrong in ("stdout=true", "command=ls", "command=ls&stdout=true&container=z"):
            answer = await world.ask("GET", f"{PODS}/p/exec?{wrong}", headers=upgrade)
            assert isinstance(answer, Response)
            assert answer.status == 400, wrong
        answer = await world.ask("GET", path)
        assert isinstance(answer, Response)
        assert answer.status == 400
        status, _ = await world.json("GET", f"{PODS}/none/exec?command=ls&stdout=true")
        assert status == NotFound.code

    run(story, nodes)
    assert all(isinstance(request, Exec) for _, request in nodes.asked)


def test_a_forwarded_connection_is_a_byte_stream() -> None:
    async def story() -> None:
        stream = Stream(out("abcdef"), out("g"), status_message(success_status()))
        connection = PodConnection(stream)
        assert await connection.read(4) == b"abcd"
        assert await connection.read(4) == b"ef"
        assert await connection.read(4) == b"g"
        assert await connection.read(4) == b""
        await connection.write(b"x" * 40_000)
        await connection.write_eof()
        assert b"".join(each[1:] for each in stream.heard[:-1]) == b"x" * 40_000
        assert stream.heard[-1] == bytes((Channel.CLOSE, Channel.STDIN))
        connection.close()
        assert stream.reset_reason is not None
        refused = PodConnection(Stream(status_message(BadRequest("connection refused").status())))
        with pytest.raises(ConnectionError, match="connection refused"):
            await refused.read(1)

    asyncio.run(story())
