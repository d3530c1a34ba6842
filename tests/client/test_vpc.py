"""The VPC daemon's client: every request, restarts of the daemon, and what goes wrong."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from k3py.client.vpc import CALLS_MAX, IDLE_MAX, VpcClient, VpcRefused, VpcUnavailable
from k3py.model import vpc_socket as messages
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.socket_server import SocketServer

GOT = messages.Allocation(pod_uid="a", vpc="blue", vpc_id=2, ipv4="10.9.0.5", ipv6="fd6b::1", ghost="fd6b::2")
RESULTS: dict[type, Any] = {
    messages.PingRequest: messages.Pong(ready=True, node="n1"),
    messages.ListVpcsRequest: [
        messages.VpcEntry(name="b", vpc_id=2, cidr="10.9.0.0/24", egress="None", phase="Active")
    ],
    messages.GetRoutesRequest: [messages.RouteEntry(destination="10.9.0.0/24", kind="Pods")],
    messages.CheckReachabilityRequest: messages.Reachability(reachable=False, why="because"),
    messages.CountersRequest: [messages.PodCounters(pod_uid="a", namespace="d", name="n", vpc="b", ipv4="10.9.0.5")],
    messages.TraceRequest: messages.Traced(lost=3),
    **dict.fromkeys((messages.ReleaseRequest, messages.DetachPodRequest, messages.DetachTapRequest), None),
}
Story = Callable[[VpcClient, list[Any]], Coroutine[Any, Any, None]]


def play(tmp_path: Path, story: Story, answer: Any = None) -> None:
    asked: list[Any] = []

    async def echo(request: Any) -> Any:
        asked.append(request)
        return RESULTS.get(type(request), GOT)

    async def served() -> None:
        server = SocketServer(tmp_path / "vpc.sock", answer or echo)
        await server.start()
        try:
            async with asyncio.timeout(20), VpcClient(tmp_path / "vpc.sock") as client:
                await story(client, asked)
        finally:
            await server.stop()

    asyncio.run(served())


def test_every_request_has_its_method_and_its_result(tmp_path: Path) -> None:
    async def story(client: VpcClient, asked: list[Any]) -> None:
        attach = messages.AttachPodRequest(
            pod_uid="a",
            vpc="blue",
            netns="/run/netns/a",
            host_ports=(messages.HostPort(protocol="TCP", host_port=1, container_port=2),),
        )
        tap = messages.AttachTapRequest(pod_uid="a", vpc="blue", device="tap0", mac="02:00:00:00:00:01")
        detach, detach_tap = messages.DetachPodRequest(pod_uid="a"), messages.DetachTapRequest(pod_uid="a")
        results = [
            await client.ping(),
            await client.allocate("a", "blue"),
            await client.query("a"),
            await client.attach_pod(attach),
            await client.attach_tap(tap),
            await client.list_vpcs(),
            await client.get_routes("blue"),
            await client.check_reachability("a", "10.9.0.6"),
            await client.counters("a"),
            await client.trace(7, 1.0, "a"),
        ]
        assert results == [RESULTS.get(type(each), GOT) for each in asked]
        for work in (client.release("a"), client.detach_pod(detach), client.detach_tap(detach_tap)):
            await work
        assert attach in asked
        assert asked[-4:] == [
            messages.TraceRequest(after=7, wait_seconds=1.0, pod_uid="a"),
            messages.ReleaseRequest(pod_uid="a"),
            detach,
            detach_tap,
        ]
        kinds = {type(each) for each in asked}
        assert kinds == set(messages.AnyRequest.__args__)

    play(tmp_path, story)


def test_a_refusal_says_what_the_daemon_said(tmp_path: Path) -> None:
    async def full(request: Any) -> Any:
        raise NetworkProblem(messages.VPC_FULL, "no room in blue")

    async def story(client: VpcClient, asked: list[Any]) -> None:
        with pytest.raises(VpcRefused, match="no room in blue") as refused:
            await client.allocate("a", "blue")
        assert refused.value.reason == messages.VPC_FULL

    play(tmp_path, story, full)


def test_a_daemon_that_was_restarted_is_asked_again(tmp_path: Path) -> None:
    async def story(client: VpcClient, asked: list[Any]) -> None:
        path = tmp_path / "other.sock"

        async def pong(request: Any) -> Any:
            return messages.Pong(ready=True)

        async with VpcClient(path) as other:
            with pytest.raises(VpcUnavailable, match="is 'k3py vpc' running"):
                await other.ping()
            for _ in range(2):
                server = SocketServer(path, pong)
                await server.start()
                assert (await other.ping()).ready
                await server.stop()
            with pytest.raises(VpcUnavailable):
                await other.ping()

    play(tmp_path, story)


def test_calls_run_side_by_side_up_to_a_bound_and_few_connections_stay(tmp_path: Path) -> None:
    at_once = most = 0
    go = asyncio.Event()

    async def slow(request: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if at_once == CALLS_MAX:
            go.set()
        await go.wait()
        at_once -= 1
        return GOT

    async def story(client: VpcClient, asked: list[Any]) -> None:
        await asyncio.gather(*(client.query("a") for _ in range(CALLS_MAX + 10)))
        assert most == CALLS_MAX
        assert len(client._idle) <= IDLE_MAX

    play(tmp_path, story, slow)


def test_who_gives_up_leaves_no_half_answer_behind(tmp_path: Path) -> None:
    async def wait(request: Any) -> Any:
        if isinstance(request, messages.TraceRequest):
            await asyncio.Event().wait()
        return RESULTS[messages.PingRequest]

    async def story(client: VpcClient, asked: list[Any]) -> None:
        await client.ping()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.trace(0, 60.0)
        assert await client.ping() == RESULTS[messages.PingRequest]

    play(tmp_path, story, wait)


@pytest.mark.parametrize("said", [b"hello\n", b"{}", b'{"result": 7}\n', b"", b'{"error": []}\n'])
def test_an_answer_that_is_none_is_as_good_as_silence(tmp_path: Path, said: bytes) -> None:
    async def served() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(said)
            writer.close()

        server = await asyncio.start_unix_server(talk, tmp_path / "odd.sock")
        async with server, VpcClient(tmp_path / "odd.sock") as client:
            with pytest.raises(VpcUnavailable):
                await client.ping()

    asyncio.run(served())
