"""Containers that end: when they run again, and what the pod becomes."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from k3py.model.generated import core_v1
from k3py.model.generated.core_v1 import ContainerStatus
from k3py.runtime.port import ExecResult
from tests.agent.world import Script, World, container, pod, run

Story = Callable[[World], Awaitable[None]]


def play(root: Path, story: Story, **scripts: Script) -> None:
    """Run a story; containers do what the script of their name says."""

    async def whole() -> None:
        world = World(root, lambda _pod, config: scripts.get(config.name, Script()))
        world.start()
        await story(world)
        await world.agent.stop()
        await world.running
        assert world.loop.failures == []

    run(whole())


def first(world: World) -> ContainerStatus:
    found = world.cluster.pod()
    assert found is not None
    return found.status.container_statuses[0]


def starts(world: World) -> list[str]:
    """Names of the containers that were started, in order."""
    return [each.config.name for each in sorted(world.containers(), key=lambda each: each.status.started_at)]


def test_a_crashing_container_waits_ever_longer(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        seen: dict[int, float] = {}

        def note() -> bool:
            for each in world.containers():
                if each.status.started_at:
                    seen.setdefault(each.config.attempt, each.status.started_at)
            return len(seen) == 9

        await world.until(note, 3000)
        waits = [round(seen[n + 1] - seen[n] - 1.0) for n in range(8)]
        assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
        await world.until(lambda: first(world).state.waiting is not None)
        status = first(world)
        assert status.state.waiting is not None
        assert status.state.waiting.reason == "CrashLoopBackOff"
        assert status.state.waiting.message.startswith("back-off 5m0s restarting failed container=web pod=web_default(")
        assert status.last_state.terminated is not None
        assert status.last_state.terminated.exit_code == 3
        assert world.phase() == "Running"
        assert len(world.containers()) == 2, "one dead container is kept beside the newest"
        assert "BackOff" in world.cluster.events()

    play(tmp_path, story, web=Script(runs_seconds=1.0, exit_code=3))


def test_ten_good_minutes_forgive(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: len(world.runtime.acts) and first(world).restart_count == 2, 5000)
        ended = max(each.status.finished_at for each in world.containers())
        started = max(each.status.started_at for each in world.containers())
        assert started - ended < 0.5

    play(tmp_path, story, web=Script(runs_seconds=700.0, exit_code=1))


@pytest.mark.parametrize(
    ("policy", "exit_code", "phase", "restarts"),
    [("Never", 0, "Succeeded", 0), ("Never", 1, "Failed", 0), ("OnFailure", 0, "Succeeded", 0)],
)
def test_a_pod_that_ends(tmp_path: Path, policy: str, exit_code: int, phase: str, restarts: int) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(restart_policy=policy))
        await world.until(lambda: world.phase() == phase)
        assert first(world).restart_count == restarts
        terminated = first(world).state.terminated
        assert terminated is not None
        assert (terminated.exit_code, terminated.reason) == (exit_code, "Error" if exit_code else "Completed")
        await world.until(lambda: not world.runtime.sandboxes)
        found = world.cluster.pod()
        assert found is not None
        ready = next(each for each in found.status.conditions if each.type == "Ready")
        assert (ready.status, ready.reason) == ("False", "PodFailed" if exit_code else "PodCompleted")
        # An agent that comes back leaves it ended.
        world.kill()
        world.start()
        await world.until(lambda: world.agent.pods.workers)
        acts = len([act for act, _ in world.runtime.acts if act == "create_container"])
        assert acts == 1
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone" and not world.files())

    play(tmp_path, story, web=Script(runs_seconds=1.0, exit_code=exit_code))


def test_init_containers_run_one_after_the_other(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container("web"), init_containers=[container("one"), container("two")]))
        await world.until(lambda: world.phase() == "Pending" and len(world.containers()) == 1)
        found = world.cluster.pod()
        assert found is not None
        await world.until(lambda: world.phase() == "Running")
        assert starts(world) == ["one", "two", "web"]
        times = {each.config.name: each.status for each in world.containers()}
        assert times["one"].finished_at <= times["two"].started_at
        assert times["two"].finished_at <= times["web"].started_at

    play(tmp_path, story, one=Script(runs_seconds=2.0), two=Script(runs_seconds=2.0))


def test_a_failing_init_container_fails_a_pod_that_never_restarts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container("web"), init_containers=[container("one")], restart_policy="Never"))
        await world.until(lambda: world.phase() == "Failed")
        assert not any(each.config.name == "web" for each in world.containers())

    play(tmp_path, story, one=Script(runs_seconds=1.0, exit_code=1))


def test_a_sidecar_starts_first_and_ends_last(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sidecar = container("proxy", restart_policy="Always")
        world.cluster.put(pod("web", container("web"), init_containers=[sidecar, container("one")]))
        await world.until(lambda: world.phase() == "Running")
        assert starts(world) == ["proxy", "one", "web"]
        proxy = next(each for each in world.containers() if each.config.name == "proxy")
        web = next(each for each in world.containers() if each.config.name == "web")
        world.cluster.ask_deletion()
        await world.until(lambda: web.signals)
        assert proxy.signals == []
        await world.until(lambda: world.phase() == "gone")
        assert proxy.status.finished_at >= web.status.finished_at

    play(tmp_path, story, one=Script(runs_seconds=1.0), web=Script(ends_after_signal_seconds=2.0))


def test_sidecars_do_not_keep_a_finished_pod_alive(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sidecar = container("proxy", restart_policy="Always")
        world.cluster.put(pod("web", container("web"), init_containers=[sidecar], restart_policy="Never"))
        await world.until(lambda: world.phase() == "Succeeded")
        assert not world.runtime.sandboxes

    play(tmp_path, story, web=Script(runs_seconds=1.0))


def test_the_deadline_ends_a_pod(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(active_deadline_seconds=60))
        await world.until(lambda: world.phase() == "Running")
        began = world.clock.now()
        await world.until(lambda: world.phase() == "Failed")
        assert 55 < world.clock.now() - began < 65
        found = world.cluster.pod()
        assert found is not None
        assert found.status.reason == "DeadlineExceeded"

    play(tmp_path, story)


def test_a_command_that_cannot_start_counts_as_an_end(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.cluster.pod().status.container_statuses)  # type: ignore[union-attr]
        await world.until(lambda: first(world).restart_count == 1)
        await world.until(lambda: first(world).state.waiting is not None)
        last = first(world).last_state.terminated
        assert last is not None
        assert (last.exit_code, last.reason) == (128, "StartError")
        assert "no such file" in last.message

    play(tmp_path, story, web=Script(start_error="no such file"))


def test_a_lost_sandbox_is_made_anew(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container("web"), init_containers=[container("one")]))
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        world.runtime.sandboxes.clear()  # the host was rebooted
        world.start()
        await world.until(lambda: first(world).restart_count == 1)
        await world.until(lambda: first(world).ready)
        found = world.cluster.pod()
        assert found is not None
        assert found.status.init_container_statuses[0].restart_count == 1
        last = first(world).last_state.terminated
        assert last is not None
        assert (last.exit_code, last.reason) == (137, "ContainerStatusUnknown")
        assert "SandboxChanged" in world.cluster.events()

    play(tmp_path, story, one=Script(runs_seconds=1.0))


def test_a_pod_that_never_restarts_fails_with_its_host(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(restart_policy="Never"))
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        for sandbox in world.runtime.sandboxes.values():
            sandbox.ready = False
            sandbox.containers.clear()
        world.start()
        await world.until(lambda: world.phase() == "Failed")
        assert not world.runtime.sandboxes

    play(tmp_path, story)


def test_a_liveness_probe_restarts_and_a_readiness_probe_does_not(tmp_path: Path) -> None:
    healthy = {"live": True, "ready": False}

    def answer(command: Sequence[str], _stdin: bytes) -> ExecResult:
        return ExecResult(0 if healthy[command[0]] else 1, b"", b"no")

    def probe(word: str) -> core_v1.Probe:
        return core_v1.Probe(exec=core_v1.ExecAction(command=[word]), period_seconds=5, failure_threshold=2)

    async def story(world: World) -> None:
        main = container("web", liveness_probe=probe("live"), readiness_probe=probe("ready"))
        world.cluster.put(pod("web", main, termination_grace_period_seconds=1))
        await world.until(lambda: world.phase() == "Running")
        await world.until(lambda: "Unhealthy" in world.cluster.events())
        assert not first(world).ready
        healthy["ready"] = True
        await world.until(lambda: first(world).ready)
        # Readiness is not lost with the agent.
        world.kill()
        world.start()
        await world.until(lambda: world.agent.pods.workers)
        assert first(world).ready
        healthy["live"] = False
        await world.until(lambda: first(world).restart_count == 1)
        messages = [e.message for (kind, _, _), e in world.cluster.objects.items() if kind == "Event"]
        assert "Container web failed liveness probe, will be restarted" in messages
        assert "Liveness probe failed: no" in messages
        healthy["live"] = True
        await world.until(lambda: first(world).ready)

    play(tmp_path, story, web=Script(run_command=answer))


def test_a_startup_probe_holds_back_the_others(tmp_path: Path) -> None:
    asked: list[str] = []
    started = {"yes": False}

    def answer(command: Sequence[str], _stdin: bytes) -> ExecResult:
        word = str(command[0])
        asked.append(word)
        return ExecResult(0 if word != "startup" or started["yes"] else 1, b"", b"")

    def probe(word: str) -> core_v1.Probe:
        return core_v1.Probe(exec=core_v1.ExecAction(command=[word]), period_seconds=1, failure_threshold=100)

    async def story(world: World) -> None:
        world.cluster.put(pod("web", container("web", startup_probe=probe("startup"), readiness_probe=probe("ready"))))
        await world.until(lambda: asked.count("startup") == 5)
        assert set(asked) == {"startup"}
        assert not first(world).started
        started["yes"] = True
        await world.until(lambda: first(world).ready)
        assert first(world).started
        assert asked[-1] == "ready"

    play(tmp_path, story, web=Script(run_command=answer))
