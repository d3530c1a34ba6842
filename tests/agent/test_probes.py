"""Probes: what results mean; handlers: what happens on the wire."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.handlers import HandlerFailed, Handlers, parse_status_line, port_number, request_head
from k3py.agent.network import HostNetworkOnly
from k3py.agent.probes import ProbeKind, ProbeState, Verdict, due_kinds, first_at, judge
from k3py.model.generated import core_v1
from k3py.model.generated.core_v1 import Probe
from tests.agent.world import container

JUDGED = [
    (ProbeKind.READINESS, Probe(), "+", ["ready"]),
    (ProbeKind.READINESS, Probe(success_threshold=2), "++", ["nothing new", "ready"]),
    (ProbeKind.READINESS, Probe(), "---", ["nothing new", "nothing new", "unready"]),
    (ProbeKind.READINESS, Probe(failure_threshold=2), "-+--", ["nothing new", "ready", "nothing new", "unready"]),
    (ProbeKind.LIVENESS, Probe(failure_threshold=1), "+-", ["nothing new", "kill"]),
    (ProbeKind.LIVENESS, Probe(), "--+--", ["nothing new"] * 5),
    (ProbeKind.STARTUP, Probe(failure_threshold=2), "-+", ["nothing new", "started"]),
    (ProbeKind.STARTUP, Probe(failure_threshold=2), "---", ["nothing new", "kill", "kill"]),
]


@pytest.mark.parametrize(("kind", "probe", "results", "expected"), JUDGED)
def test_what_follows(kind: ProbeKind, probe: Probe, results: str, expected: list[str]) -> None:
    state, verdicts = ProbeState(kind), []
    for each in results:
        state, verdict = judge(state, probe, passed=each == "+")
        verdicts.append(verdict.value)
    assert verdicts == expected


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 5))
def test_a_container_is_killed_only_after_so_many_failures_in_a_row(results: list[bool], threshold: int) -> None:
    state, failed = ProbeState(ProbeKind.LIVENESS), 0
    for passed in results:
        failed = 0 if passed else failed + 1
        state, verdict = judge(state, Probe(failure_threshold=threshold), passed=passed)
        assert (verdict is Verdict.KILL) == (failed >= threshold)


def test_the_startup_probe_goes_first() -> None:
    both = container(startup_probe=Probe(), liveness_probe=Probe(), readiness_probe=Probe())
    assert due_kinds(both, started=False) == [ProbeKind.STARTUP]
    assert due_kinds(both, started=True) == [ProbeKind.READINESS, ProbeKind.LIVENESS]
    assert due_kinds(container(), started=True) == []
    assert first_at(Probe(initial_delay_seconds=10), 100.0, 103.0) == 110.0
    assert first_at(Probe(initial_delay_seconds=10), 100.0, 200.0) == 200.0


class Connects:
    """A runtime that connects to this host, as with the host's network."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    async def connect(self, pod_uid: str, port: int, host: str = "") -> socket.socket:
        self.hosts.append(host)
        made = socket.socket()
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        return made


def asked(answer: bytes, handler: Callable[[int], Any], timeout: float = 5.0) -> tuple[bytes, bytes]:
    """What a handler gets from, and sends to, a server with this answer."""
    sent = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        sent = await reader.read(4096)
        writer.write(answer)
        writer.close()

    async def story() -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        runtime: Any = Connects()
        try:
            return await Handlers(runtime, HostNetworkOnly()).run(handler(port), "uid", container(), "c", timeout)
        finally:
            server.close()

    return asyncio.run(story()), sent


def get(path: str = "/healthz", **fields: Any) -> Callable[[int], Probe]:
    return lambda port: Probe(http_get=core_v1.HTTPGetAction(path=path, port=port, **fields))


def test_http() -> None:
    headers = [core_v1.HTTPHeader(name="host", value="shop"), core_v1.HTTPHeader(name="X", value="1\r\nY: 2")]
    body, sent = asked(b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\nfine", get(http_headers=headers))
    assert body == b"fine"
    assert sent.startswith(b"GET /healthz HTTP/1.1\r\n")
    assert b"host: shop\r\n" in sent
    assert b"Host:" not in sent
    assert b"X: 1Y: 2\r\n" in sent


BAD_ANSWERS = [
    (b"HTTP/1.1 500 No\r\n\r\n", "HTTP probe failed with statuscode: 500"),
    (b"HTTP/1.1 404\r\n\r\n", "statuscode: 404"),
    (b"nonsense\r\n\r\n", "malformed HTTP response"),
    (b"", "EOF"),
]


@pytest.mark.parametrize(("answer", "text"), BAD_ANSWERS)
def test_bad_answers(answer: bytes, text: str) -> None:
    with pytest.raises(HandlerFailed, match=text):
        asked(answer, get())


def test_a_redirect_is_good_enough() -> None:
    asked(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", get())


def test_tcp() -> None:
    asked(b"", lambda port: Probe(tcp_socket=core_v1.TCPSocketAction(port=port)))
    with pytest.raises(HandlerFailed, match=r"dial tcp 127\.0\.0\.1:1: connect: "):
        asked(b"", lambda _: Probe(tcp_socket=core_v1.TCPSocketAction(port=1)))


class Elsewhere(HostNetworkOnly):
    """A network in which the node reaches the pod at an address of its own, where nobody answers."""

    def node_address(self, pod_uid: str) -> str:
        return "127.255.255.254"


@pytest.mark.parametrize("host", ["fd6b:3370::1", "127.0.0.1"])
def test_a_host_of_the_pods_choice_is_asked_from_the_pods_network_never_from_the_nodes(host: str) -> None:
    async def story() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        runtime: Any = Connects()
        handlers = Handlers(runtime, Elsewhere())
        await handlers.run(
            Probe(tcp_socket=core_v1.TCPSocketAction(port=port, host=host)), "uid", container(), "c", 5.0
        )
        assert runtime.hosts == [host]
        with pytest.raises(HandlerFailed, match="connect: "):
            await handlers.run(Probe(tcp_socket=core_v1.TCPSocketAction(port=port)), "uid", container(), "c", 5.0)
        assert runtime.hosts == [host]
        server.close()

    asyncio.run(story())


def test_a_silent_server_runs_out_of_time() -> None:
    async def story() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        runtime: Any = Connects()
        handler = get()(server.sockets[0].getsockname()[1])
        with pytest.raises(HandlerFailed, match=r"timed out after 0\.1s"):
            await Handlers(runtime, HostNetworkOnly()).run(handler, "uid", container(), "c", 0.1)
        server.close()

    asyncio.run(story())


def test_ports_have_names() -> None:
    web = container(ports=[core_v1.ContainerPort(name="http", container_port=8080)])
    assert port_number(web, "http") == 8080
    assert port_number(web, "80") == 80
    for bad in ("none", 0, 70000):
        with pytest.raises(HandlerFailed, match="couldn't find port"):
            port_number(web, bad)


@given(st.binary(max_size=40))
def test_any_status_line_is_read_or_refused(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= parse_status_line(line) <= 999


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_can_begin_another_line(name: str, value: str) -> None:
    action = core_v1.HTTPGetAction(http_headers=[core_v1.HTTPHeader(name=name, value=value)])
    head = request_head(action, "/", "10.42.0.5:80")
    assert head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
    assert head.count(b"\n") in (6, 7)
