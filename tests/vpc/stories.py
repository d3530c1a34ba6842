"""How the stories of the VPC daemon are told."""

from collections.abc import Callable, Coroutine
from ipaddress import IPv4Network
from typing import Any

import pytest

from k3py.model.vpc_v1 import VPCBlock
from k3py.vpc.ports import NetworkProblem
from tests.vpc.world import World

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
