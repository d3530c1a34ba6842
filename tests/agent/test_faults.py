"""Everything that may fail does, now and then; when the faults stop, all is well."""

import asyncio
import copy
import errno
import random
from pathlib import Path

import pytest

from k3py.agent import steps
from k3py.agent.configs import WATCHES_MAX
from k3py.agent.events import BURST, EventRecorder
from k3py.base.paths import write_private
from k3py.model.generated import core_v1, meta_v1
from k3py.runtime.port import RuntimeProblem
from tests.agent.cluster import Cluster
from tests.agent.test_restarts import first, play
from tests.agent.world import World, container, pod, run


@pytest.mark.parametrize("seed", range(12))
def test_a_failing_runtime_and_a_flapping_server(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)

    async def story() -> None:
        world = World(tmp_path)
        faulty = True

        def before(act: str, subject: str) -> None:
            if faulty and act != "list" and source.random() < 0.4:
                raise RuntimeProblem(f"{act} of {subject} failed")

        world.runtime._before = before
        world.start()
        world.cluster.put(pod("web", container("web"), init_containers=[], termination_grace_period_seconds=2))
        for _ in range(20):
            world.cluster.away = source.random() < 0.3
            if source.random() < 0.3:
                world.kill()
                world.start()
            began = world.clock.now()
            wait = source.uniform(0.01, 8)
            await world.until(lambda began=began, wait=wait: world.clock.now() - began > wait)  # type: ignore[misc]
            running = [each for each in world.containers() if each.status.pid and each.status.exit_code is None]
            assert len(running) <= 1, "the container runs once"
        faulty = world.cluster.away = False
        await world.until(lambda: world.phase() == "Running" and first(world).ready, 400)
        faulty = True
        world.cluster.ask_deletion()
        began = world.clock.now()
        await world.until(lambda: world.clock.now() - began > 20)
        faulty = False
        await world.until(lambda: world.phase() == "gone" and not world.runtime.sandboxes and not world.files(), 400)
        await world.agent.stop()
        await world.running

    run(story())


def test_a_mistake_in_one_pod_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = steps.hostname

    def broken(wanted: core_v1.Pod, node: str) -> str:
        if wanted.metadata.name == "bad":
            raise KeyError("nobody foresaw this")
        return made(wanted, node)

    monkeypatch.setattr(steps, "hostname", broken)

    async def story(world: World) -> None:
        world.cluster.put(pod("bad"))
        world.cluster.put(pod("web"))
        await world.until(lambda: world.phase() == "Running")
        assert world.phase("bad") in ("", "Pending")
        monkeypatch.setattr(steps, "hostname", made)
        await world.until(lambda: world.phase("bad") == "Running")

    play(tmp_path, story)


def test_more_objects_than_watches(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        names = [f"m{n}" for n in range(WATCHES_MAX + 5)]
        for name in names:
            meta = meta_v1.ObjectMeta(name=name, namespace="default")
            world.cluster.put(core_v1.ConfigMap(metadata=meta, data={name: "1"}))
        sources = [core_v1.EnvFromSource(config_map_ref=core_v1.ConfigMapEnvSource(name=name)) for name in names]
        world.cluster.put(pod("web", container("web", env_from=sources)))
        await world.until(lambda: world.phase() == "Running")
        assert set(names) <= {key for key, _ in world.containers()[0].config.env}
        watches = {name for verb, kind, name in world.cluster.calls if (verb, kind) == ("watch", "ConfigMap")}
        assert len(watches) == WATCHES_MAX
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone" and not world.files())

    play(tmp_path, story)


def test_events_are_counted_and_bounded(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        recorder = EventRecorder(world.cluster, world.clock, "n1")
        web = world.cluster.put(pod())
        for _ in range(BURST + 10):
            recorder.emit(web, "Unhealthy", "no", container="web", warning=True)
        assert recorder._queue.qsize() == BURST
        sending = asyncio.create_task(recorder.run())
        await world.until(lambda: recorder._queue.empty())
        await world.until(lambda: _counts(world.cluster) == [BURST])
        sending.cancel()

    play(tmp_path, story)


def _counts(cluster: Cluster) -> list[int]:
    events = [each for (kind, _, _), each in cluster.objects.items() if kind == "Event"]
    assert all(
        each.involved_object.field_path == "spec.containers{web}" for each in events if each.reason == "Unhealthy"
    )
    return [each.count for each in events if each.reason == "Unhealthy"]


def test_a_full_disk_costs_no_container_and_not_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True

    def write(path: Path, data: bytes) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_private(path, data)

    monkeypatch.setattr("k3py.agent.record.write_private", write)
    monkeypatch.setattr("k3py.agent.node.write_private", write)

    async def story(world: World) -> None:
        nonlocal full
        world.cluster.put(pod())
        began = world.clock.now()
        await world.until(lambda: world.clock.now() - began > 30)
        assert world.containers() == [], "nothing is begun that is not recorded"
        full = False
        await world.until(lambda: world.phase() == "Running")
        full = True
        web = copy.deepcopy(world.cluster.pod())
        assert web is not None
        web.metadata.labels = {"a": "b"}
        world.cluster.put(web)
        await world.until(lambda: world.clock.now() - began > 90)
        assert [each.status.exit_code for each in world.containers()] == [None]
        world.cluster.ask_deletion()
        await world.until(lambda: world.clock.now() - began > 120)
        full = False
        await world.until(lambda: world.phase() == "gone" and not world.files())

    play(tmp_path, story)


@pytest.mark.parametrize("failing", range(1, 9))
def test_a_record_that_cannot_be_kept_once_starts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Whichever write it is that the disk refuses: the container that was made before it is found and used."""
    writes = 0

    def write(path: Path, data: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_private(path, data)

    monkeypatch.setattr("k3py.agent.record.write_private", write)

    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        assert [each.config.attempt for each in world.containers()] == [0]
        assert first(world).restart_count == 0

    play(tmp_path, story)


def test_a_stray_sandbox_that_will_not_go_costs_no_agent(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        web = world.cluster.pod()
        assert web is not None
        (world.paths.agent_state / "pods" / web.metadata.uid / "record.json").write_text("torn")
        world.cluster.drop(web)
        token = world.paths.run / f"agent/objects/default/token-{web.metadata.uid}-1.json"
        token.parent.mkdir(parents=True, exist_ok=True)
        token.touch()
        refusals = 3

        def before(act: str, subject: str) -> None:
            nonlocal refusals
            if act == "stop_sandbox" and refusals:
                refusals -= 1
                raise RuntimeProblem("its processes do not die")

        world.runtime._before = before
        world.start()
        await world.until(lambda: not world.runtime.sandboxes)
        assert refusals == 0
        await world.until(lambda: not token.exists())

    play(tmp_path, story)


def test_no_image_goes_while_it_is_not_known_what_runs(tmp_path: Path) -> None:
    """The layers of a running container's image must stay, also when its record is spoilt or the runtime is slow."""

    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        assert world.agent._images_in_use()
        world.kill()
        web = world.cluster.pod()
        assert web is not None
        (world.paths.agent_state / "pods" / web.metadata.uid / "record.json").write_text("torn")
        silent = world.cluster.away = True

        def before(act: str, subject: str) -> None:
            if silent and act == "list":
                raise RuntimeProblem("no answer")

        world.runtime._before = before
        world.start()
        assert world.agent._images_in_use() is None
        silent = False
        await world.until(lambda: world.agent.pods._taken_up)
        assert world.agent._images_in_use() is None
        world.agent._garbage._high_percent = 0
        await world.agent._garbage.collect()
        assert world.images.present
        world.cluster.away = False
        await world.until(lambda: world.agent._images_in_use())

    play(tmp_path, story)
