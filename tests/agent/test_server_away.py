"""The server is away, lies, or has lost its memory: pods run on. Only a certain deletion stops one."""

from pathlib import Path

from k3py.model.generated import core_v1, meta_v1
from tests.agent.test_restarts import first, play
from tests.agent.world import Script, World, container, pod


def test_a_crashed_container_restarts_while_the_server_is_away(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        world.cluster.away = True
        await world.until(lambda: max(each.config.attempt for each in world.containers()) == 2, 200)
        world.cluster.away = False
        await world.until(lambda: first(world).restart_count >= 2)

    play(tmp_path, story, web=Script(runs_seconds=20, exit_code=1))


def test_an_agent_that_starts_without_a_server_runs_on_from_its_records(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        meta = meta_v1.ObjectMeta(name="words", namespace="default")
        world.cluster.put(core_v1.ConfigMap(metadata=meta, data={"a": "b"}))
        source = core_v1.EnvFromSource(config_map_ref=core_v1.ConfigMapEnvSource(name="words"))
        world.cluster.put(pod("web", container("web", env_from=[source])))
        await world.until(lambda: world.phase() == "Running")
        world.cluster.away = True
        world.kill()
        (before,) = world.containers()
        await world.runtime.stop_container(before.status.id, 0)  # it ends while nobody looks
        world.start()
        await world.until(lambda: len(world.containers()) == 2)
        newest = world.containers()[-1]
        assert ("a", "b") in newest.config.env
        assert newest.config.attempt == 1

    play(tmp_path, story)


def test_an_empty_answer_stops_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        ids = [each.status.id for each in world.containers()]
        world.cluster.empty = True
        before = len(world.cluster.calls)
        await world.until(lambda: ("list", "Pod", "spec.nodeName=n1") in world.cluster.calls[before:], 300)
        await world.until(lambda: world.clock.now() > 1_700_000_600, 1000)
        assert [each.status.id for each in world.containers()] == ids
        assert all(each.status.exit_code is None for each in world.containers())
        # Nor when the agent starts anew before such a server.
        world.kill()
        world.start()
        await world.until(lambda: world.clock.now() > 1_700_001_200, 1000)
        assert [each.status.id for each in world.containers()] == ids
        assert all(each.status.exit_code is None for each in world.containers())
        world.cluster.empty = False
        world.cluster.ask_deletion()
        await world.until(lambda: not world.containers())

    play(tmp_path, story)


def test_a_server_that_made_the_node_anew_stops_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        # All is lost, and a node of this name is known since a moment ago.
        world.cluster.objects.clear()
        world.start()
        await world.until(lambda: ("create", "Node", "n1") in world.cluster.calls[-20:])
        await world.until(lambda: world.clock.now() > 1_700_000_600, 1000)
        assert [each.status.exit_code for each in world.containers()] == [None]

    play(tmp_path, story)


def test_a_pod_that_was_deleted_while_the_agent_was_down_is_stopped(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        world.cluster.put(pod("other"))
        await world.until(lambda: world.phase() == "Running" and world.phase("other") == "Running")
        world.kill()
        world.cluster.ask_deletion(grace=0)
        assert world.phase() == "gone"
        world.start()
        await world.until(lambda: len(world.containers()) == 1)
        assert world.phase("other") == "Running"
        await world.until(lambda: not [each for each in world.files() if "_web_" in each])

    play(tmp_path, story)


def test_a_forced_deletion_stops_a_running_pod(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(termination_grace_period_seconds=1))
        await world.until(lambda: world.phase() == "Running")
        world.cluster.ask_deletion(grace=0)
        await world.until(lambda: not world.runtime.sandboxes and not world.files())

    play(tmp_path, story, web=Script(ends_after_signal_seconds=None))


def test_a_pod_that_was_removed_with_its_node_is_stopped(tmp_path: Path) -> None:
    """An administrator deletes the Node, the garbage collector its pods."""

    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        world.cluster.drop(world.cluster.objects["Node", "", "n1"])
        world.cluster.ask_deletion(grace=0)
        await world.until(lambda: not world.runtime.sandboxes and not world.files())

    play(tmp_path, story)


def test_a_new_pod_of_the_same_name_is_another_pod(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(uid="one"))
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        world.cluster.ask_deletion(grace=0)
        world.cluster.put(pod(uid="two"))
        world.start()
        await world.until(lambda: set(world.runtime.sandboxes) == {"two"})
        await world.until(lambda: world.phase() == "Running")

    play(tmp_path, story)


def test_a_status_that_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        world.cluster.away = True
        await world.until(lambda: world.containers()[0].status.exit_code is not None, 200)
        assert first(world).state.running is not None
        world.cluster.away = False
        await world.until(lambda: first(world).restart_count == 1)

    play(tmp_path, story, web=Script(runs_seconds=60, exit_code=1))


def test_a_record_that_cannot_be_read_costs_no_container(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(uid="one"))
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        path = world.paths.agent_state / "pods/one/record.json"
        path.write_bytes(path.read_bytes()[:40])
        world.start()
        await world.until(lambda: world.agent.pods.workers)
        await world.until(lambda: world.clock.now() > 1_700_000_300, 1000)
        assert [each.status.exit_code for each in world.containers()] == [None]
        assert first(world).restart_count == 0

    play(tmp_path, story)


def test_a_pod_without_record_that_is_gone_is_cleared_away(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod(uid="one"))
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        (world.paths.agent_state / "pods/one/record.json").write_bytes(b"{")
        world.cluster.ask_deletion(grace=0)
        world.start()
        await world.until(lambda: not world.runtime.sandboxes)

    play(tmp_path, story)
