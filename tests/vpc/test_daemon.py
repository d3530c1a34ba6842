"""The VPC daemon between agent, server and kernel: getting ready, pods, VPCs that come and go."""

import asyncio
from dataclasses import replace

import pytest

from k3py.model.vpc_socket import HostPort
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.rows import Attachment
from k3py.vpc.wanted import NODE_POD
from tests.vpc.stories import blocks_of, play, refused, slice_of
from tests.vpc.world import World, block, vpc

# --- getting ready


def test_the_daemon_is_ready_once_the_host_itself_has_its_place() -> None:
    async def story(world: World) -> None:
        daemon = await world.start()
        await asyncio.sleep(1)
        problem = await refused(daemon.attach("p1", "default", Attachment(netns="/run/netns/p1")))
        assert problem.reason == "NotReady"
        assert 'VPC "default" is not known yet' in str(problem)
        assert daemon.ready().cluster == 0
        world.cluster.put(vpc())
        await world.until(lambda: daemon.ready().ready)
        pong = daemon.ready()
        assert (pong.cluster, pong.service_cidr, pong.in_contact, pong.mtu) == (0xC0FFEE, "10.43.0.0/16", True, 1500)
        assert set(world.kernel.pods) == {NODE_POD}
        node = world.kernel.pods[NODE_POD]
        assert (node.vpc, node.netns, node.outside_ipv4) == (1, "", None)

    play(story)


def test_without_host_access_no_address_is_needed() -> None:
    async def story(world: World) -> None:
        world.config = replace(world.config, host_access=False)
        world.cluster.put(vpc())
        await world.ready()
        assert not world.kernel.pods
        assert not blocks_of(world)

    play(story)


def test_a_vpc_without_status_is_waited_for_and_one_of_another_cluster_is_refused() -> None:
    async def story(world: World) -> None:
        fresh = vpc()
        fresh.status = type(fresh.status)()
        world.cluster.put(fresh)
        daemon = await world.start()
        await asyncio.sleep(1)
        assert not daemon.ready().ready
        world.cluster.put(vpc())
        await world.until(lambda: daemon.ready().ready)
        strange = vpc("strange", 2)
        strange.status.prefix = "fd6b:3370:1000:0:1:2::/96"
        world.cluster.put(strange)
        await asyncio.sleep(1)
        assert "run 'k3py reset'" in daemon.state.troubles["strange"]
        assert (await refused(daemon.allocate("p", "strange"))).reason == "VPCNotFound"

    play(story)


# --- pods


def test_a_pod_is_attached_and_detached() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        ports = (HostPort(protocol="TCP", host_port=8080, container_port=80),)
        got = await world.attach("p1", namespace="default", name="web", host_ports=ports)
        assert got.device == "kp1"
        assert got.ghost == f"fd6b:3370:1000:c0:ffee:1:{got.ipv6.split(':', 6)[6]}"
        assert got.ipv6.startswith("fd6b:3370:1001:c0:ffee:1:")
        pod = world.kernel.pods["p1"]
        assert (str(pod.ipv4), pod.netns, pod.host_ports[0].host_port) == (got.ipv4, "/run/netns/p1", 8080)
        assert pod.outside_ipv4 is not None
        assert pod.outside_native_ipv4 == pod.outside_ipv4 + 1
        assert await world.attach("p1", namespace="default", name="web", host_ports=ports) == got
        assert daemon.state.allocation("p1") == got
        await daemon.detach("p1")
        await daemon.detach("p1")
        assert set(world.kernel.pods) == {NODE_POD}
        assert (await refused(daemon.attach("p1", "none", Attachment(netns="/x")))).reason == "VPCNotFound"

    play(story)


def test_different_pods_go_in_parallel_and_one_pods_requests_in_order() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        world.kernel.seconds = 1.0
        began = world.clock.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(world.attach(f"p{number}"))
        assert world.clock.monotonic() - began < 1.5
        assert world.kernel.inside_most == 20
        async with asyncio.TaskGroup() as group:
            group.create_task(world.attach("one"))
            await asyncio.sleep(0.5)
            group.create_task(daemon.detach("one"))
            group.create_task(world.attach("one"))
        assert world.kernel.calls[-3:] == ["attach one", "detach one", "attach one"]
        assert "one" in world.kernel.pods

    play(story)


def test_what_the_kernel_refuses_keeps_the_address_and_can_be_asked_again() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        world.kernel.vanished.add("/run/netns/p1")
        problem = await refused(daemon.attach("p1", "default", Attachment(netns="/run/netns/p1")))
        assert problem.reason == "DeviceVanished"
        before = daemon.state.allocation("p1").ipv4
        world.kernel.vanished.clear()
        assert (await world.attach("p1")).ipv4 == before
        world.kernel.broken = "no netlink today"
        assert (await refused(daemon.detach("p1"))).reason == "KernelRefused"
        assert daemon.state.allocation("p1").ipv4 == before
        world.kernel.broken = ""
        await daemon.detach("p1")
        assert "p1" not in daemon.state.allocator.pods

    play(story)


def test_an_address_without_a_link_is_given_kept_and_released() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        got = await daemon.allocate("p1", "default")
        assert await daemon.allocate("p1", "default") == got
        assert "p1" not in world.kernel.pods
        await world.attach("p1")
        assert (await refused(daemon.release("p1"))).reason == "Conflict"
        await daemon.detach("p1")
        await daemon.release("p1")
        with pytest.raises(NetworkProblem, match="no address on this node"):
            daemon.state.allocation("p1")

    play(story)


def test_a_pod_of_another_vpc_may_have_the_same_address() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("blue", 2))
        daemon = await world.ready()
        await asyncio.sleep(1)
        await world.attach("a", "blue")
        assert daemon.wanted().vpcs[2].name == "blue"
        assert world.kernel.pods["a"].vpc == 2

    play(story)


def test_the_routes_of_a_vpc_are_there_before_its_first_pod() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        world.kernel.converge_seconds = 5.0
        world.cluster.put(vpc("blue", 2))
        await world.until(lambda: 2 in daemon.state.vpcs)
        await world.attach("a", "blue")
        assert "a" in world.kernel.pods
        world.kernel.broken = "no netlink today"
        world.cluster.put(vpc("red", 3))
        await world.until(lambda: daemon.converger.trouble)
        problem = await refused(daemon.attach("b", "red", Attachment(netns="/run/netns/b")))
        assert str(problem) == "no netlink today"
        assert "b" not in world.kernel.pods
        world.kernel.broken = ""
        await world.attach("b", "red")

    play(story)


# --- VPCs come and go


def test_a_vpc_that_is_being_deleted_takes_no_pods_and_keeps_those_that_it_has() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("blue", 2, "10.9.0.0/24"))
        daemon = await world.ready()
        got = await world.attach("old", "blue")
        ending = vpc("blue", 2, "10.9.0.0/24")
        ending.status.phase = "Terminating"
        world.cluster.put(ending)
        await world.until(lambda: not daemon.state.vpcs[2].active)
        assert (await refused(daemon.attach("new", "blue", Attachment(netns="/x")))).reason == "VPCTerminating"
        assert await world.attach("old", "blue") == got
        world.cluster.drop(ending)
        await world.until(lambda: daemon.state.vpcs[2].gone)
        assert "old" in world.kernel.pods
        await daemon.detach("old")
        await world.until(lambda: 2 not in daemon.state.vpcs)
        await world.until(lambda: not [each for each in blocks_of(world) if each.spec.vpc == "blue"])

    play(story)


def test_a_block_waits_for_its_own_vpc_not_for_one_that_had_its_name() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("blue", 2, "10.9.0.0/16"))
        daemon = await world.ready()
        await world.attach("p1", "blue")
        mine, new = block("blue", 5, "10.9.7.0/26", "n1"), vpc("blue", 5, "10.9.0.0/16")
        daemon.blocks.told(mine)
        assert not [key for key in daemon.state.allocator.blocks if key[1] == slice_of(mine)]
        world.cluster.put(mine)
        world.cluster.put(new)
        await world.until(lambda: (5, slice_of(mine)) in daemon.state.allocator.blocks)
        assert (2, slice_of(mine)) not in daemon.state.allocator.blocks

    play(story)


def test_a_way_out_that_is_opened_or_closed_reaches_pods_that_are_there() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("blue", 2, "10.9.0.0/24", "None"))
        await world.ready()
        await world.attach("p", "blue")
        assert world.kernel.pods["p"].outside_ipv4 is None
        world.cluster.put(vpc("blue", 2, "10.9.0.0/24"))
        await world.until(lambda: world.kernel.pods["p"].outside_ipv4 is not None)
        world.cluster.put(vpc("blue", 2, "10.9.0.0/24", "None"))
        await world.until(lambda: world.kernel.pods["p"].outside_ipv4 is None)

    play(story)
