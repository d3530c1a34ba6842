"""Connections into pods and to the node, by the addresses that are asked for."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from k3py.agent.places import Places
from k3py.agent.streams import PodStreams
from k3py.base.clock import SystemClock
from k3py.base.paths import Paths
from k3py.model.generated.core_v1 import PodStatus
from k3py.model.streams import Channel, PortForward
from k3py.model.usage import NodeUsage
from k3py.runtime.fake import FakeRuntime
from k3py.runtime.port import SandboxConfig
from tests.agent.streams import ServerEnd


class OnePod:
    """A node with one pod, which has an address (or none yet)."""

    def __init__(self, address: str) -> None:
        status = PodStatus(pod_ip=address)
        self._worker = SimpleNamespace(record=SimpleNamespace(uid="u"), status=lambda: status)

    def find(self, namespace: str, name: str, uid: str) -> Any:
        return self._worker if uid == "u" else None


async def no_usage() -> NodeUsage:
    return NodeUsage()


def play(folder: Path, address: str, story: Callable[[PodStreams, FakeRuntime], Awaitable[None]]) -> None:
    async def whole() -> None:
        runtime = FakeRuntime(SystemClock(), random.Random(1))
        await runtime.start_sandbox(SandboxConfig("u", "web", "default", "web", "cgroup"))
        places = Places.of(Paths.below(folder))
        pods = cast(Any, OnePod(address))
        streams = PodStreams(pods, runtime, places, SystemClock(), no_usage, lambda: "127.0.0.1")
        async with asyncio.timeout(20):
            await story(streams, runtime)

    asyncio.run(whole())


def to_pod(port: int, *, own_address: bool) -> PortForward:
    return PortForward(namespace="default", pod="web", uid="u", port=port, own_address=own_address)


@pytest.mark.parametrize(
    ("own_address", "pod_address", "host"), [(False, "10.42.0.5", ""), (True, "10.42.0.5", "10.42.0.5"), (True, "", "")]
)
def test_a_pod_is_reached_from_within_or_by_its_address(
    tmp_path: Path, own_address: bool, pod_address: str, host: str
) -> None:
    async def story(streams: PodStreams, runtime: FakeRuntime) -> None:
        end = ServerEnd()
        serving = asyncio.create_task(streams.handle(to_pod(80, own_address=own_address), end))
        end.send(Channel.STDIN, b"echo")
        await end.until("echo")
        end.hang_up()
        await serving
        assert end.status()["status"] == "Success"
        assert runtime.connected == [(host, 80)]

    play(tmp_path, pod_address, story)


def test_a_port_where_nobody_listens_is_said_in_the_words_of_gos_dialer(tmp_path: Path) -> None:
    async def story(streams: PodStreams, runtime: FakeRuntime) -> None:
        end = ServerEnd()
        await streams.handle(to_pod(1, own_address=True), end)
        assert (end.status()["code"], end.status()["message"]) == (
            503, "dial tcp 10.42.0.5:1: connect: connection refused",
        )  # fmt: skip

    play(tmp_path, "10.42.0.5", story)


def test_the_node_itself_is_meant_when_no_pod_is_named(tmp_path: Path) -> None:
    async def story(streams: PodStreams, runtime: FakeRuntime) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            request = PortForward(namespace="", pod="", uid="", port=port, own_address=True)
            refused = ServerEnd()
            await streams.handle(request, refused)
            assert refused.status()["message"] == f"dial tcp 127.0.0.1:{port}: connect: connection refused"
            listener.listen()
            end = ServerEnd()
            serving = asyncio.create_task(streams.handle(request, end))
            connection, _ = await asyncio.to_thread(listener.accept)
            with connection:
                connection.sendall(b"from the node")
            await serving
            assert (end.text(), end.status()["status"]) == ("from the node", "Success")

    play(tmp_path, "", story)
