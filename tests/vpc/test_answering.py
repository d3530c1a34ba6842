"""What each request on the socket gets."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from k3py.model import vpc_socket as messages
from k3py.model.vpc_socket import HostPort
from k3py.vpc.answering import HOST_PORTS_MAX, answer
from k3py.vpc.daemon import VpcDaemon
from k3py.vpc.ports import NetworkProblem
from tests.vpc.world import World, endpoints, service, vpc


def play(story: Callable[[World, VpcDaemon], Coroutine[Any, Any, None]]) -> None:
    world = World()

    async def whole() -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("blue", 2, "10.9.0.0/24", "None"))
        await story(world, await world.ready())

    world.run(whole())


async def reason(daemon: VpcDaemon, request: Any) -> str:
    with pytest.raises(NetworkProblem) as refused:
        await answer(daemon, request)
    assert len(str(refused.value)) > 20
    return refused.value.reason


def attach(uid: str = "p1", netns: str = "/run/netns/p1", **values: Any) -> messages.AttachPodRequest:
    return messages.AttachPodRequest(pod_uid=uid, vpc="default", netns=netns, **values)


def test_a_pod_from_ping_to_detach() -> None:
    async def story(world: World, daemon: VpcDaemon) -> None:
        assert (await answer(daemon, messages.PingRequest())).ready
        ports = (HostPort(protocol="UDP", host_port=5353, container_port=53, host_ip="192.0.2.7"),)
        got = await answer(daemon, attach(namespace="default", name="web", host_ports=ports))
        assert await answer(daemon, messages.QueryRequest(pod_uid="p1")) == got
        assert str(world.kernel.pods["p1"].host_ports[0].host_ip) == "192.0.2.7"
        (counters,) = await answer(daemon, messages.CountersRequest(pod_uid="p1"))
        assert (counters.name, counters.ipv4) == ("web", got.ipv4)
        (count,) = counters.counts
        assert (count.direction, count.outcome, count.packets, count.dropped) == ("FromPod", "DROP_NO_ROUTE", 2, True)
        assert {each.pod_uid for each in await answer(daemon, messages.CountersRequest())} == {"p1", "node"}
        assert await answer(daemon, messages.TraceRequest()) == messages.Traced()
        assert await answer(daemon, messages.DetachPodRequest(pod_uid="p1")) is None
        assert await reason(daemon, messages.QueryRequest(pod_uid="p1")) == messages.NOT_FOUND
        assert await reason(daemon, messages.CountersRequest(pod_uid="p1")) == messages.NOT_FOUND

    play(story)


def test_a_virtual_machine_hangs_on_its_tap() -> None:
    async def story(world: World, daemon: VpcDaemon) -> None:
        request = messages.AttachTapRequest(pod_uid="vm", vpc="default", device="tap0", mac="02:00:00:00:00:0A")
        assert (await answer(daemon, request)).pod_uid == "vm"
        pod = world.kernel.pods["vm"]
        assert (pod.tap, pod.mac, pod.netns) == ("tap0", "02:00:00:00:00:0a", "")
        assert await answer(daemon, messages.DetachTapRequest(pod_uid="vm")) is None
        assert "vm" not in world.kernel.pods

    play(story)


def test_vpcs_and_their_routes_are_listed() -> None:
    async def story(world: World, daemon: VpcDaemon) -> None:
        await answer(daemon, attach())
        default, blue = await answer(daemon, messages.ListVpcsRequest())
        assert (default.name, default.vpc_id, default.cidr, default.egress, default.phase, default.pods) == (
            "default", 1, "10.42.0.0/16", "Masquerade", "Active", 1,
        )  # fmt: skip
        assert len(default.blocks) == 1
        assert (blue.egress, blue.blocks, blue.pods) == ("None", (), 0)
        routes = await answer(daemon, messages.GetRoutesRequest(vpc="blue"))
        assert routes[-1].kind == "Denied"
        assert await reason(daemon, messages.GetRoutesRequest(vpc="red")) == messages.VPC_NOT_FOUND

    play(story)


def test_reachability_knows_the_services() -> None:
    async def story(world: World, daemon: VpcDaemon) -> None:
        await answer(daemon, attach())
        world.cluster.put(service("db", "10.43.0.50"))
        world.cluster.put(endpoints("db-1", "10.42.0.9"))
        await world.until(lambda: daemon.feed.ports and daemon.feed.ports[0].backends)
        found = await answer(daemon, messages.CheckReachabilityRequest(pod_uid="p1", destination="10.43.0.50"))
        assert found.reachable
        assert "service db" in found.why

    play(story)


@pytest.mark.parametrize(
    "request_",
    [
        attach(uid=""),
        attach(uid="node"),
        attach(uid="a/b"),
        attach(uid="a.b"),
        attach(uid="x" * 65),
        attach(netns=""),
        attach(netns="relative"),
        attach(netns="/" + "x" * 5000),
        attach(netns="/a\0b"),
        attach(host_ports=(HostPort(protocol="SCTP", host_port=1, container_port=1),)),
        attach(host_ports=(HostPort(protocol="TCP", host_port=0, container_port=1),)),
        attach(host_ports=(HostPort(protocol="TCP", host_port=1, container_port=70000),)),
        attach(host_ports=(HostPort(protocol="TCP", host_port=1, container_port=1, host_ip="::1"),)),
        attach(host_ports=(HostPort(protocol="TCP", host_port=1, container_port=1),) * (HOST_PORTS_MAX + 1)),
        messages.AttachTapRequest(pod_uid="vm", vpc="default", device="a/b", mac="02:00:00:00:00:01"),
        messages.AttachTapRequest(pod_uid="vm", vpc="default", device="x" * 16, mac="02:00:00:00:00:01"),
        messages.AttachTapRequest(pod_uid="vm", vpc="default", device="tap0", mac="hello"),
        messages.AllocateRequest(pod_uid="node", vpc="default"),
        messages.ReleaseRequest(pod_uid="node"),
        messages.DetachPodRequest(pod_uid="node"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(request_: Any) -> None:
    async def story(world: World, daemon: VpcDaemon) -> None:
        assert await reason(daemon, request_) == messages.BAD_REQUEST
        assert set(daemon.state.allocator.pods) == {"node"}

    play(story)


def test_a_store_that_fails_is_an_internal_refusal() -> None:
    async def story(world: World, daemon: VpcDaemon) -> None:
        await answer(daemon, attach())
        world.medium.writer += 1
        assert await reason(daemon, attach("p2", "/run/netns/p2")) == messages.INTERNAL
        assert len(world.failures) == 1
        assert "p2" not in world.kernel.pods

    play(story)
