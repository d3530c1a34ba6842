"""The VPC daemon again after a death, of its own, the server's or the host's."""

import asyncio
from ipaddress import IPv4Address

from k3py.model.ghost import Ghost
from k3py.vpc.wanted import NODE_POD
from tests.agent.cluster import Cluster
from tests.vpc.stories import blocks_of, play
from tests.vpc.world import World, endpoints, service, vpc


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
