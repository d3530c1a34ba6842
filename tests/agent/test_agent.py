"""The whole agent on a fake machine, in virtual time."""

from pathlib import Path

from tests.agent.world import World, pod, run


def test_a_pod_runs_and_is_deleted(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        world.start()
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        found = world.cluster.pod()
        assert found is not None
        assert {each.type: each.status for each in found.status.conditions} == {
            "PodReadyToStartContainers": "True", "Initialized": "True", "Ready": "True", "ContainersReady": "True",
            "PodScheduled": "True",
        }  # fmt: skip
        assert not [each for each in found.status.conditions if each.reason or each.message], "why it was not so before"
        status = found.status.container_statuses[0]
        assert status.ready
        assert status.state.running is not None
        assert (found.status.pod_ip, found.status.host_ip, found.status.qos_class) == (
            "192.0.2.7",
            "192.0.2.7",
            "BestEffort",
        )
        assert len(world.containers()) == 1
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone")
        await world.until(lambda: not world.agent.pods.workers)
        assert world.runtime.sandboxes == {}
        assert world.files() == []
        assert world.cluster.events() == ["Pulling", "Pulled", "Created", "Started", "Killing"]
        await world.agent.stop()

    run(story())
