"""The daemon is killed at every step of getting ready, attaching and detaching; repetition heals it."""

import asyncio
from typing import Final

import pytest

from k3py.base.virtual_loop import Life
from k3py.model.vpc_socket import Allocation
from k3py.model.vpc_v1 import VPCBlock
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import NODE_POD
from tests.vpc.world import World, block, go_on, vpc

REQUESTS: Final = (("attach", "a"), ("attach", "b"), ("detach", "a"), ("attach", "c"), ("detach", "b"), ("attach", "d"))
# The two small slices hold three pods each, so blocks are got and given back on the way.
CIDR: Final = "10.42.0.0/28"


class Killed(Exception):
    """The life is over."""


class Dying:
    """Ends the life at the ``at``-th step; counts steps."""

    def __init__(self, world: World, life: Life, at: int) -> None:
        self._world, self._life, self._at = world, life, at
        self.steps = 0
        self.told = asyncio.Event()
        self.last = ""

    async def __call__(self, what: str) -> None:
        self.steps += 1
        if self.steps == self._at:
            self.last = what
            self._world.loop.kill(self._life)
            self.told.set()
            await asyncio.Event().wait()


async def requests(world: World, done: list[tuple[str, str]], answers: dict[str, Allocation]) -> None:
    """What the agent asks for, from where it was; each answered request is noted."""
    for verb, uid in REQUESTS[len(done) :]:
        if verb == "attach":
            answers[uid] = await world.attach(uid)
        else:
            await world.daemon.detach(uid)
            answers.pop(uid)
        done.append((verb, uid))


async def live(world: World, done: list[tuple[str, str]], answers: dict[str, Allocation]) -> None:
    await world.ready()
    await requests(world, done, answers)


def play(at: int) -> int:
    """One world with a death at a step; how many steps there were."""
    world = World()
    world.cluster.put(vpc(cidr=CIDR))
    world.cluster.put(block("default", 1, "10.42.0.8/30", "n2"))
    steps = 0

    async def story() -> None:
        nonlocal steps
        done: list[tuple[str, str]] = []
        answers: dict[str, Allocation] = {}
        life = world.new_life()
        world.step = dying = Dying(world, life, at)
        first = world.loop.start_in(life, live(world, done, answers))
        told = asyncio.ensure_future(dying.told.wait())
        await asyncio.wait((first, told), return_when=asyncio.FIRST_COMPLETED)
        steps = dying.steps
        if first.done():
            first.result()
            world.loop.kill(life)
        told.cancel()
        # Whoever is killed within the fake kernel never comes out of it.
        world.kernel.inside = 0
        world.step = go_on
        # The interrupted request may have been a release that happened; everything answered holds.
        await world.ready()
        for uid, answer in answers.items():
            under_way = REQUESTS[len(done)] if len(done) < len(REQUESTS) else ("", "")
            try:
                assert world.daemon.state.allocation(uid).ipv4 == answer.ipv4
            except NetworkProblem:
                assert under_way == ("detach", uid)
        await requests(world, done, answers)
        pods = world.daemon.state.allocator.pods
        assert set(pods) == set(world.kernel.pods) == {NODE_POD, "c", "d"}
        assert len({row.ipv4 for row in pods.values()}) == 3
        for uid, pod in world.kernel.pods.items():
            assert pod == world.daemon.wanted().pods[uid]
        await asyncio.sleep(60)
        known = {str(cidr) for _, cidr in world.daemon.wanted().blocks}
        objects = [each for each in world.cluster.objects.values() if isinstance(each, VPCBlock)]
        assert known == {each.spec.cidr for each in objects if each.spec.node_name == "n1"}
        assert not world.failures

    world.run(story())
    return steps


STEPS: Final = 120


def test_without_a_death_all_steps_are_known() -> None:
    assert 30 < play(0) < STEPS


@pytest.mark.parametrize("at", range(1, STEPS, 1))
def test_a_death_at_any_step_heals(at: int) -> None:
    play(at)
