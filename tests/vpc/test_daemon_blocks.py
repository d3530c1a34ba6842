"""The VPC daemon and the blocks that it hands out addresses from."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address

from k3py.vpc.ports import NetworkProblem
from k3py.vpc.rows import Attachment
from tests.vpc.stories import blocks_of, play, refused, slice_of
from tests.vpc.world import World, block, vpc


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
