"""Ephemeral containers: begun in a pod that runs, once, and in the way of nothing."""

import asyncio
import copy
from pathlib import Path
from typing import Any

from k3py.agent.ephemeral import as_container
from k3py.model.generated.core_v1 import ContainerStatus, EphemeralContainer
from k3py.model.streams import Attach, Exec, Logs
from k3py.runtime.port import ContainerState
from tests.agent.test_restarts import first, play
from tests.agent.test_streams import answer, asking
from tests.agent.world import Script, World, container, pod, run


def add(world: World, name: str = "debugger", **fields: Any) -> None:
    """As ``kubectl debug`` does by the subresource."""
    found = copy.deepcopy(world.cluster.pod())
    assert found is not None
    found.spec.ephemeral_containers.append(EphemeralContainer(name=name, image="busybox:1", **fields))
    world.cluster.put(found)


def shown(world: World) -> list[ContainerStatus]:
    found = world.cluster.pod()
    assert found is not None
    return found.status.ephemeral_container_statuses


async def until_running(world: World) -> None:
    await world.until(lambda: shown(world) and shown(world)[0].state.running is not None)


def test_it_joins_a_running_pod_and_says_so(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        main = first(world)
        add(world, target_container_name="web", stdin=True, tty=True)
        await until_running(world)
        (status,) = shown(world)
        assert (status.name, status.ready, status.started, status.restart_count) == ("debugger", False, None, 0)
        made = next(each for each in world.containers() if each.config.name == "debugger")
        assert made.config.process_namespace_of == main.container_id.removeprefix("k3py://")
        assert (made.config.stdin, made.config.tty) == (True, True)
        assert first(world) == main, "the pod's own container noticed nothing"
        assert "Started" in world.cluster.events()

    play(tmp_path, story)


def test_its_end_is_the_end_of_it_alone(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        add(world)
        await world.until(lambda: shown(world) and shown(world)[0].state.terminated is not None)
        await asyncio.sleep(600)
        (status,) = shown(world)
        assert (status.state.terminated.exit_code, status.restart_count) == (3, 0)  # type: ignore[union-attr]
        assert (world.phase(), first(world).restart_count, first(world).ready) == ("Running", 0, True)

    play(tmp_path, story, debugger=Script(runs_seconds=1, exit_code=3))


def test_it_needs_no_initialized_pod(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container("web"), init_containers=[container("setup")]))
        await world.until(lambda: [each.config.name for each in world.containers()] == ["setup"])
        add(world)
        await until_running(world)
        assert world.phase() == "Pending"

    play(tmp_path, story)


def test_without_its_target_it_waits(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container("web"), restart_policy="Always"))
        await world.until(lambda: world.phase() == "Running" and first(world).state.waiting is not None)
        add(world, target_container_name="web")
        await world.until(lambda: shown(world) and shown(world)[0].state.waiting is not None)
        await world.until(lambda: shown(world)[0].state.waiting.reason == "CreateContainerConfigError")  # type: ignore[union-attr]
        assert shown(world)[0].state.waiting.message == "unable to find target container web"  # type: ignore[union-attr]

    play(tmp_path, story, web=Script(runs_seconds=0.1, exit_code=1))


def test_its_pod_ends_without_waiting_for_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container("web"), restart_policy="Never"))
        await world.until(lambda: world.phase() == "Running")
        add(world)
        await until_running(world)
        await world.until(lambda: world.phase() == "Succeeded")
        assert world.containers() == []

    play(tmp_path, story, web=Script(runs_seconds=20))


def test_logs_exec_and_attach_reach_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        add(world)
        await until_running(world)
        there = {"container": "debugger"}
        assert (await answer(world, asking(Logs, world, **there))).text() == "hello\n"
        assert (await answer(world, asking(Logs, world, stream="Stdout", **there))).text() == "hello\n"
        assert (await answer(world, asking(Logs, world, stream="Stderr", **there))).text() == ""
        assert (await answer(world, asking(Exec, world, command=("true",), **there))).status()["status"] == "Success"
        assert (await answer(world, asking(Attach, world, **there))).status()["status"] == "Success"

    play(tmp_path, story, debugger=Script(output="hello"))


def test_a_new_agent_finds_it_and_starts_no_second_one(tmp_path: Path) -> None:
    """With its record, and without: then what the machine shows is taken up."""

    async def story(lost: bool) -> None:
        world = World(tmp_path / str(lost))
        world.start()
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        add(world)
        await until_running(world)
        before = shown(world)[0].container_id
        world.kill()
        if lost:
            for record in (world.paths.agent_state / "pods").glob("*/record.json"):
                record.write_text("torn")
        world.start()
        await asyncio.sleep(120)
        assert [each.status.state for each in world.containers()] == [ContainerState.RUNNING] * 2
        assert shown(world)[0].container_id == before
        world.kill()

    for lost in (False, True):
        run(story(lost))


def test_whatever_the_pod_says_it_never_restarts() -> None:
    made = as_container(EphemeralContainer(name="d", image="i", restart_policy="Always", stdin=True))
    assert (made.restart_policy, made.name, made.image, made.stdin) == ("Never", "d", "i", True)
