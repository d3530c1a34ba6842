"""The agent is killed between any two steps of starting and of deleting a pod, and comes back on the same machine.

It always ends well: a wanted pod runs, each container exactly once; a deleted pod is gone without a trace.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from k3py.model.generated.core_v1 import EphemeralContainer, Pod
from tests.agent.world import Script, World, container, pod, run

# How many of the agent's callbacks lie between two kills: each callback is one step between two awaits.
STRIDE = 1


def plain() -> Pod:
    return pod()


def with_init() -> Pod:
    return pod("web", container("web"), init_containers=[container("setup")], termination_grace_period_seconds=3)


def with_debugger() -> Pod:
    made = pod()
    debugger = EphemeralContainer(name="debugger", image="busybox:1", target_container_name="web")
    made.spec.ephemeral_containers = [debugger]
    return made


PODS: list[tuple[str, Callable[[], Pod]]] = [
    ("plain", plain),
    ("with an init container", with_init),
    ("with an ephemeral container", with_debugger),
]


def script(_: object, config: object) -> Script:
    if getattr(config, "name", "") == "setup":
        return Script(runs_seconds=0.5)
    return Script(ends_after_signal_seconds=0.2)


def steps_of(root: Path, story: Callable[[World, int | None], object]) -> int:
    """Into how many steps the agent's part of the story falls when nothing goes wrong."""
    counted = 0

    async def whole() -> None:
        nonlocal counted
        world = World(root, script)
        counted = await story(world, None)  # type: ignore[misc]

    run(whole())
    shutil.rmtree(root)
    return counted


class Killer:
    """Ends the agent's life before its n-th step."""

    def __init__(self, world: World, kill_at: int | None) -> None:
        self.world, self.kill_at, self.count = world, kill_at, 0
        world.loop.before_step = self.step

    def step(self) -> None:
        self.count += 1
        if self.count == self.kill_at:
            self.world.kill()


async def start_story(world: World, kill_at: int | None, make: Callable[[], Pod]) -> int:
    """From an empty node to a running pod, with a kill on the way."""
    world.cluster.put(make())
    world.start()
    killer = Killer(world, kill_at)
    if kill_at is None:
        await world.until(lambda: world.phase() == "Running")
        return killer.count
    await world.until(lambda: world.life.is_over)
    world.start()
    await world.until(lambda: world.phase() == "Running", 60)
    await world.until(lambda: world.cluster.pod().status.conditions[2].status == "True", 60)  # type: ignore[union-attr]
    wanted = ["web", *(each.name for each in make().spec.ephemeral_containers)]

    def running() -> list[str]:
        return [each.config.name for each in world.containers() if each.status.exit_code is None]

    await world.until(lambda: running() == wanted, 60)
    assert {each.config.attempt for each in world.containers()} == {0}
    starts = [subject for act, subject in world.runtime.acts if act == "start_container"]
    assert len(starts) == len(set(starts))
    statuses = world.cluster.pod().status.container_statuses  # type: ignore[union-attr]
    assert [each.restart_count for each in statuses] == [0]
    await world.agent.stop()
    return 0


async def delete_story(world: World, kill_at: int | None, make: Callable[[], Pod]) -> int:
    """From a running pod to nothing, with a kill on the way."""
    world.cluster.put(make())
    world.start()
    await world.until(lambda: world.phase() == "Running")
    killer = Killer(world, kill_at)
    world.cluster.ask_deletion()
    if kill_at is None:
        await world.until(lambda: world.phase() == "gone" and not world.agent.pods.workers)
        return killer.count
    await world.until(lambda: world.life.is_over)
    world.start()
    await world.until(lambda: world.phase() == "gone" and not world.runtime.sandboxes, 60)
    await world.until(lambda: not world.files(), 10)
    await world.agent.stop()
    return 0


@pytest.mark.parametrize(("name", "make"), PODS, ids=[name for name, _ in PODS])
@pytest.mark.parametrize("story", [start_story, delete_story], ids=["start", "delete"])
def test_a_kill_between_any_two_steps_ends_well(
    tmp_path: Path, name: str, make: Callable[[], Pod], story: Callable[..., object]
) -> None:
    total = steps_of(tmp_path / "counting", lambda world, kill_at: story(world, kill_at, make))
    assert total > 50
    for kill_at in range(1, total, STRIDE):
        root = tmp_path / str(kill_at)

        async def whole(kill_at: int = kill_at, root: Path = root) -> None:
            await story(World(root, script), kill_at, make)  # type: ignore[misc]

        try:
            run(whole())
        except BaseException as problem:
            raise AssertionError(f"killed before step {kill_at} of {total}") from problem
        shutil.rmtree(root)
