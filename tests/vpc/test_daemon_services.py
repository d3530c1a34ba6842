"""What the VPC daemon tries again, and the services that it switches."""

import asyncio
from ipaddress import IPv4Address

from k3py.vpc.wanted import NODE_POD
from tests.vpc.stories import play
from tests.vpc.world import World, service, vpc


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
