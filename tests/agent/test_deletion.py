"""How a pod ends: hooks, signals, grace, and who is told what."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from k3py.agent.network import NO_VPC_DAEMON
from k3py.model.generated import core_v1, meta_v1
from k3py.runtime.port import ExecResult
from tests.agent.test_restarts import first, play
from tests.agent.world import Script, World, container, pod

TERM, KILL = 15, 9
WRITES = ("patch", "delete")


def test_a_stubborn_container_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(termination_grace_period_seconds=20))
        await world.until(lambda: world.phase() == "Running")
        (web,) = world.containers()
        began = world.clock.now()
        world.cluster.ask_deletion()
        await world.until(lambda: web.signals)
        assert web.signals == [TERM]
        await world.until(lambda: web.status.exit_code is not None)
        assert web.status.exit_code == 128 + KILL
        assert 19.5 < world.clock.now() - began < 21
        await world.until(lambda: world.phase() == "gone")

    play(tmp_path, story, web=Script(ends_after_signal_seconds=None))


def test_a_second_deletion_may_shorten_the_grace(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(termination_grace_period_seconds=3600))
        await world.until(lambda: world.phase() == "Running")
        world.cluster.ask_deletion()
        await asyncio.sleep(10)
        began = world.clock.now()
        world.cluster.ask_deletion(grace=2)
        await world.until(lambda: world.phase() == "gone")
        assert world.clock.now() - began < 5

    play(tmp_path, story, web=Script(ends_after_signal_seconds=None))


def test_the_grace_goes_on_counting_while_the_agent_is_down(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(termination_grace_period_seconds=30))
        await world.until(lambda: world.phase() == "Running")
        began = world.clock.now()
        world.cluster.ask_deletion()
        await asyncio.sleep(10)
        world.kill()
        await asyncio.sleep(15)
        world.start()
        await world.until(lambda: world.phase() == "gone")
        assert 28 < world.clock.now() - began < 33

    play(tmp_path, story, web=Script(ends_after_signal_seconds=None))


def test_the_last_status_is_written_before_the_pod_is_deleted(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone")
        told = [
            (verb, name) for verb, kind, name in world.cluster.calls if kind == "Pod" and verb in ("patch", "delete")
        ]
        assert told[-2:] == [("patch", "web"), ("delete", "web")]
        last = [each for _, kind, each in world.cluster._log if type(each).__name__ == "Pod"][-1]
        assert last.status.phase == "Succeeded"
        assert last.status.container_statuses[0].state.terminated.exit_code == 0

    play(tmp_path, story)


def test_hooks_run_around_the_container(tmp_path: Path) -> None:
    ran: list[str] = []
    signals_at_the_end: list[int] = []
    worlds: list[World] = []

    def answer(command: Sequence[str], _stdin: bytes) -> ExecResult:
        ran.append(command[0])
        signals_at_the_end.extend(worlds[0].containers()[0].signals)
        return ExecResult(0, b"", b"")

    def hook(word: str) -> core_v1.LifecycleHandler:
        return core_v1.LifecycleHandler(exec=core_v1.ExecAction(command=[word]))

    async def story(world: World) -> None:
        worlds.append(world)
        lifecycle = core_v1.Lifecycle(post_start=hook("begin"), pre_stop=hook("end"))
        world.cluster.put(pod("web", container("web", lifecycle=lifecycle)))
        await world.until(lambda: world.phase() == "Running" and first(world).ready)
        assert ran == ["begin"]
        (web,) = world.containers()
        world.cluster.ask_deletion()
        await world.until(lambda: "end" in ran)
        assert signals_at_the_end == []
        await world.until(lambda: world.phase() == "gone")
        assert web.signals == [TERM]
        assert ran == ["begin", "end"]

    play(tmp_path, story, web=Script(run_command=answer, exec_seconds=1.0))


def test_a_failed_post_start_hook_restarts_the_container(tmp_path: Path) -> None:
    def answer(command: Sequence[str], _stdin: bytes) -> ExecResult:
        return ExecResult(1, b"", b"")

    async def story(world: World) -> None:
        hook = core_v1.LifecycleHandler(exec=core_v1.ExecAction(command=["begin"]))
        main = container("web", lifecycle=core_v1.Lifecycle(post_start=hook))
        world.cluster.put(pod("web", main, termination_grace_period_seconds=1))
        await world.until(lambda: "FailedPostStartHook" in world.cluster.events())
        await world.until(lambda: first(world).restart_count == 1)

    play(tmp_path, story, web=Script(run_command=answer))


def test_a_pod_is_deleted_while_its_image_is_pulled(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.images.pull_seconds = 1000
        world.cluster.put(pod())
        await world.until(lambda: "Pulling" in world.cluster.events())
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone", 5)
        assert not world.runtime.sandboxes

    play(tmp_path, story)


def test_a_missing_image_is_tried_again_and_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.images.missing.add("busybox:1")
        world.cluster.put(pod())

        def reason() -> str:
            found = world.cluster.pod()
            statuses = found.status.container_statuses if found else []
            return statuses[0].state.waiting.reason if statuses and statuses[0].state.waiting else ""

        await world.until(lambda: reason() == "ErrImagePull")
        await world.until(lambda: reason() == "ImagePullBackOff")
        world.images.missing.clear()
        await world.until(lambda: world.phase() == "Running")
        assert first(world).restart_count == 0
        assert {"Failed", "BackOff", "Pulled"} <= set(world.cluster.events())

    play(tmp_path, story)


def test_an_image_that_must_be_there_is_never_pulled(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container(image_pull_policy="Never")))
        await world.until(lambda: "ErrImageNeverPull" in world.cluster.events())
        world.images.present.add("busybox:1")
        await world.until(lambda: world.phase() == "Running")
        assert world.images.pulled == []

    play(tmp_path, story)


def test_a_missing_config_map_is_waited_for(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        source = core_v1.EnvFromSource(config_map_ref=core_v1.ConfigMapEnvSource(name="words"))
        world.cluster.put(pod("web", container("web", env_from=[source])))
        await world.until(lambda: "Failed" in world.cluster.events())
        await world.until(lambda: first(world).state.waiting is not None)
        waiting = first(world).state.waiting
        assert waiting is not None
        assert (waiting.reason, waiting.message) == ("CreateContainerConfigError", 'configmap "words" not found')
        meta = meta_v1.ObjectMeta(name="words", namespace="default")
        world.cluster.put(core_v1.ConfigMap(metadata=meta, data={"a": "b"}))
        await world.until(lambda: world.phase() == "Running")
        assert first(world).restart_count == 0

    play(tmp_path, story)


def test_a_pod_without_the_hosts_network_waits_and_says_why(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(host_network=False))
        await world.until(lambda: world.cluster.pod().status.conditions)  # type: ignore[union-attr]
        found = world.cluster.pod()
        assert found is not None
        condition = next(each for each in found.status.conditions if each.type == "PodReadyToStartContainers")
        assert (condition.status, condition.reason, condition.message) == ("False", "NetworkNotReady", NO_VPC_DAEMON)
        waiting = first(world).state.waiting
        assert waiting is not None
        assert (waiting.reason, waiting.message) == ("ContainerCreating", NO_VPC_DAEMON)
        await world.until(lambda: "NetworkNotReady" in world.cluster.events())
        assert world.phase() == "Pending"
        assert not world.runtime.sandboxes
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone")

    play(tmp_path, story)
