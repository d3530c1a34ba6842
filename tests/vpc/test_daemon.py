"""The VPC daemon between agent, server and kernel, and what a death anywhere leaves."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from k3py.model.ghost import Ghost
from k3py.model.vpc_socket import HostPort
from k3py.model.vpc_v1 import VPCBlock
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.rows import Attachment
from k3py.vpc.wanted import NODE_POD
from tests.agent.cluster import Cluster
from tests.vpc.world import World, block, endpoints, service, vpc

Story = Callable[[World], Coroutine[Any, Any, None]]


def play(story: Story) -> World:
    world = World()
    world.run(story(world))
    return world


async def refused(work: Coroutine[Any, Any, Any]) -> NetworkProblem:
    with pytest.raises(NetworkProblem) as caught:
        await work
    return caught.value


def blocks_of(world: World) -> list[VPCBlock]:
    return [each for each in world.cluster.objects.values() if isinstance(each, VPCBlock)]


def slice_of(each: VPCBlock) -> IPv4Network:
    return IPv4Network(each.spec.cidr)


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


# --- blocks


def test_a_slice_that_is_taken_is_passed_over() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc(cidr="10.42.0.0/24"))
        for third in ("10.42.0.0/26", "10.42.0.64/26", "10.42.0.128/26"):
            world.cluster.put(block("default", 1, third, "n2"))
        await world.ready()
        mine = [each for each in blocks_of(world) if each.spec.node_name == "n1"]
        assert [each.metadata.name for each in mine] == ["default-10-42-0-192"]
        assert not mine[0].metadata.owner_references  # it stays as long as the node's pods do
        assert mine[0].spec.vpc_id == 1

    play(story)


def test_a_full_vpc_refuses_until_somebody_gives_a_slice_back() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("tiny", 2, "10.9.0.0/28"))
        taken = [block("tiny", 2, f"10.9.0.{4 * each}/30", "n2") for each in range(4)]
        for each in taken:
            world.cluster.put(each)
        daemon = await world.ready()
        await asyncio.sleep(1)
        problem = await refused(daemon.attach("p", "tiny", Attachment(netns="/run/netns/p")))
        assert problem.reason == "VPCFull"
        assert "all 4 slices of 10.9.0.0/28 have an owner" in str(problem)
        world.cluster.drop(taken[1])
        assert (await world.attach("p", "tiny")).ipv4 == "10.9.0.4"

    play(story)


def test_a_full_vpc_keeps_no_other_from_giving_back() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("tiny", 2, "10.9.0.0/28"))
        green = world.cluster.put(vpc("green", 3, "10.10.0.0/16"))
        for each in range(3):
            world.cluster.put(block("tiny", 2, f"10.9.0.{4 * each}/30", "n2"))
        daemon = await world.ready()
        await world.until(lambda: 3 in daemon.state.vpcs)
        with suppress(NetworkProblem):
            for each in range(4):
                await daemon.attach(f"t{each}", "tiny", Attachment(netns=f"/run/netns/t{each}"))
        await world.attach("g", "green")
        world.cluster.drop(green)
        await world.until(lambda: daemon.state.vpcs[3].gone)
        await daemon.detach("g")
        await world.until(lambda: 3 not in daemon.state.vpcs)
        assert all(each.spec.vpc != "green" for each in blocks_of(world))

    play(story)


def test_many_pods_get_more_blocks_ahead_of_time_and_empty_ones_go_back() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        for number in range(60):
            await world.attach(f"p{number}")
        await world.until(lambda: len(blocks_of(world)) == 2)
        for number in range(60, 140):
            await world.attach(f"p{number}")
        await world.until(lambda: len(blocks_of(world)) >= 3)
        assert len({pod.ipv4 for pod in world.kernel.pods.values()}) == 141
        world.kernel.converge_seconds = 1.0
        for number in range(140):
            await daemon.detach(f"p{number}")
        await world.until(lambda: len(blocks_of(world)) == 2)
        assert {key[1] for key in daemon.wanted().blocks} == {slice_of(each) for each in blocks_of(world)}

    play(story)


def test_with_the_server_away_addresses_last_as_long_as_the_blocks() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc(cidr="10.42.0.0/24"))
        daemon = await world.ready()
        world.cluster.away = True
        await world.until(lambda: not daemon.watch.in_contact)
        attached = 0

        async def attach_all() -> None:
            nonlocal attached
            for number in range(100):
                await daemon.attach(f"p{number}", "default", Attachment(netns=f"/run/netns/p{number}"))
                attached += 1

        problem = await refused(attach_all())
        assert problem.reason == "NoBlock"
        assert "the server is away" in str(problem)
        assert attached >= 60
        world.cluster.away = False
        await world.attach("late")

    play(story)


def test_a_block_that_was_deleted_under_pods_is_asked_for_again_and_lost_when_another_has_it() -> None:
    async def story(world: World) -> None:
        world.config = replace(world.config, host_access=False)
        world.cluster.put(vpc())
        daemon = await world.ready()
        await world.attach("p1")
        (first,) = blocks_of(world)
        world.cluster.drop(first)
        await world.until(lambda: blocks_of(world))
        (again,) = blocks_of(world)
        assert (again.spec.node_name, again.spec.cidr) == ("n1", first.spec.cidr)
        stolen = block("default", 1, first.spec.cidr, "n2")
        world.cluster.drop(again)
        world.cluster.put(stolen)
        await asyncio.sleep(5)
        assert "p1" in world.kernel.pods
        assert IPv4Address((await world.attach("p2")).ipv4) not in slice_of(stolen)
        await daemon.detach("p1")
        await asyncio.sleep(60)
        assert [each.spec.node_name for each in blocks_of(world) if each.spec.cidr == first.spec.cidr] == ["n2"]

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


# --- restarts


def test_a_daemon_that_starts_without_server_has_everything() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(service("web"))
        world.cluster.put(endpoints("web-1", "10.42.0.9"))
        first = await world.ready()
        got = await world.attach("p1")
        await asyncio.sleep(1)
        wanted, services = first.wanted(), world.table.switched[-1]
        await first.stop()
        world.kernel.pods.clear()
        world.table.switched.clear()
        daemon = await world.ready(follow=False)
        assert daemon.wanted() == wanted
        assert not daemon.ready().in_contact
        assert set(world.kernel.pods) == {NODE_POD, "p1"}
        await world.until(lambda: world.table.switched)
        assert world.table.switched[-1] == services
        assert await world.attach("p1") == got
        await world.attach("p2")

    play(story)


def test_what_the_server_forgot_while_the_daemon_was_dead_is_forgotten() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("blue", 2))
        gone = world.cluster.put(service("gone"))
        world.cluster.put(service("stays"))
        first = await world.ready()
        await world.until(lambda: len(first.state.services) == 2 and 2 in first.state.vpcs)
        await first.stop()
        world.cluster.drop(gone)
        world.cluster.drop(world.cluster.objects["VPC", "", "blue"])
        daemon = await world.ready()
        await world.until(lambda: set(daemon.state.services) == {("default", "stays")})
        await world.until(lambda: set(daemon.state.vpcs) == {1})
        await daemon.stop()
        daemon = await world.ready(follow=False)
        assert set(daemon.state.services) == {("default", "stays")}
        assert set(daemon.state.vpcs) == {1}

    play(story)


def test_a_server_of_another_cluster_changes_nothing() -> None:
    """One that lost its store, say: it has a VPC "default" too, but no service and no block of ours."""

    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(vpc("blue", 2))
        world.cluster.put(service("web"))
        world.cluster.put(endpoints("web-1", "10.42.0.9"))
        first = await world.ready()
        await world.attach("p1")
        await world.attach("p2", "blue")
        await asyncio.sleep(5)
        kept, wanted, switched = first.state.services, first.wanted(), world.table.switched[-1]
        await first.stop()
        ours, world.cluster = world.cluster, Cluster(world.clock)
        foreign = vpc()
        foreign.status.prefix = f"{Ghost(0xBAD, 1, IPv4Address(0))}/96"
        world.cluster.put(foreign)
        daemon = await world.ready()
        await asyncio.sleep(60)
        world.cluster.drop(foreign)
        await asyncio.sleep(60)
        assert daemon.wanted() == wanted
        assert daemon.state.services.keys() == kept.keys()
        assert world.table.switched[-1] == switched
        assert not blocks_of(world)
        await daemon.stop()
        # And nothing of it was kept.
        world.cluster = ours
        daemon = await world.ready()
        assert daemon.wanted() == wanted
        await world.attach("p3", "blue")

    play(story)


def test_a_restart_has_the_services_before_it_writes_rules() -> None:
    """The rules of node ports are part of the table that the first converging writes."""

    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.cluster.put(service("web"))
        first = await world.ready()
        await world.until(lambda: ("default", "web") in first.state.services)
        await asyncio.sleep(1)
        await first.stop()
        world.table.switched.clear()
        before: list[int] = []

        async def note(what: str) -> None:
            if what == "before converging":
                before.append(len(world.table.switched))

        world.step = note
        daemon = await world.ready(follow=False)
        assert before[0] == 1
        await daemon.stop()
        # One that cannot be switched stops nobody.
        world.table.broken = "no"
        daemon = await world.ready(follow=False)
        assert daemon.feed.trouble == "no"
        world.table.broken = ""
        await world.until(lambda: not daemon.feed.trouble)

    play(story)


def test_after_a_reboot_pods_keep_their_addresses_and_their_links_are_not_wanted() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        first = await world.ready()
        got = await world.attach("p1")
        await first.stop()
        world.boot_id = "second boot"
        world.kernel.pods.clear()
        world.kernel.vanished.add("/run/netns/p1")
        daemon = await world.ready()
        assert "p1" not in daemon.wanted().pods
        assert daemon.state.allocation("p1").ipv4 == got.ipv4
        assert (await world.daemon.allocate("p2", "default")).ipv4 != got.ipv4
        await daemon.detach("p1")
        assert "p1" not in daemon.state.allocator.pods

    play(story)


def test_a_namespace_that_vanished_within_a_boot_stops_nobody() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        first = await world.ready()
        await world.attach("p1")
        await first.stop()
        world.kernel.vanished.add("/run/netns/p1")
        world.kernel.pods.clear()
        daemon = await world.ready()
        assert daemon.converger.problems["p1"].reason == "DeviceVanished"
        assert "p1" in daemon.wanted().pods
        await world.attach("p2")

    play(story)


def test_a_kernel_that_refuses_is_tried_again_and_says_why() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        world.kernel.broken = "no netlink today"
        daemon = await world.start()
        await asyncio.sleep(30)
        assert "no netlink today" in daemon.ready().why
        world.kernel.broken = ""
        await world.until(lambda: daemon.ready().ready)

    play(story)


# --- services


def test_the_nodes_own_link_is_tried_again_until_it_is_made() -> None:
    async def story(world: World) -> None:
        world.kernel.vanished.add("")  # the node pod's
        world.cluster.put(vpc())
        daemon = await world.start()
        await world.until(lambda: NODE_POD in daemon.converger.problems)
        await asyncio.sleep(60)
        assert "the node's own link cannot be made" in daemon.ready().why
        world.kernel.vanished.clear()
        await world.until(lambda: daemon.ready().ready)
        await world.attach("p1")

    play(story)


def test_a_burst_of_changes_is_one_switch() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        await asyncio.sleep(1)
        before = len(world.table.switched)
        for number in range(100):
            world.cluster.put(service(f"s{number}", f"10.43.1.{number}"))
        await world.until(lambda: len(daemon.feed.ports) == 100)
        assert len(world.table.switched) - before <= 3
        world.table.broken = "map full"
        world.cluster.put(service("late", "10.43.2.1"))
        await world.until(lambda: daemon.feed.trouble == "map full")
        world.table.broken = ""
        await world.until(lambda: len(daemon.feed.ports) == 101)

    play(story)


def test_pods_are_part_of_what_is_switched() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        got = await world.attach("p1")
        await world.until(lambda: world.table.switched and (1, IPv4Address(got.ipv4)) in world.table.switched[-1][1])
        await daemon.detach("p1")
        await world.until(lambda: (1, IPv4Address(got.ipv4)) not in world.table.switched[-1][1])

    play(story)


def test_an_object_that_nobody_can_translate_does_not_end_the_daemon() -> None:
    async def story(world: World) -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        odd = world.cluster.put(service("odd", "no address"))
        await world.until(lambda: daemon.feed.trouble)
        await world.attach("p1")
        world.cluster.drop(odd)
        world.cluster.put(service("fine"))
        await world.until(lambda: len(daemon.feed.ports) == 1 and not daemon.feed.trouble)
        assert not world.failures

    play(story)
