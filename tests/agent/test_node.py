"""The node for the server: its object, its lease, its conditions; and what of it pods may learn."""

from dataclasses import replace
from pathlib import Path

import pytest

from k3py.agent.node_status import (
    allocatable,
    capacity,
    conditions,
    labels,
    new_node,
    node_status,
    same_but_heartbeat,
)
from k3py.agent.settings import AgentSettings
from k3py.model.generated import core_v1
from k3py.model.generated.coordination_v1 import Lease
from k3py.model.generated.core_v1 import Node
from tests.agent.test_restarts import play
from tests.agent.world import MEASURED, NODE, World

NOW = 1_700_000_000.0


def test_capacity_and_what_pods_may_have_of_it() -> None:
    assert capacity(MEASURED, 110) == {
        "cpu": "4", "memory": "8388608Ki", "ephemeral-storage": "104857600Ki", "pods": "110",
    }  # fmt: skip
    can_have = allocatable(MEASURED, 110, 1 << 30, 500)
    assert (can_have["cpu"], can_have["memory"]) == ("3500m", "7340032Ki")


def test_labels() -> None:
    found = labels("n1", "aarch64", {"zone": "a", "kubernetes.io/os": "plan9"})
    assert found["kubernetes.io/hostname"] == "n1"
    assert found["kubernetes.io/arch"] == "arm64"
    assert found["kubernetes.io/os"] == "linux"
    assert found["zone"] == "a"
    taint = core_v1.Taint(key="k", effect="NoSchedule")
    assert new_node("n1", MEASURED, {}, [taint]).spec.taints == [taint]


PRESSURES = [
    ({}, ["False", "False", "False", "True"]),
    ({"memory_available_bytes": 1 << 20}, ["True", "False", "False", "True"]),
    ({"disk_available_bytes": 1 << 30}, ["False", "True", "False", "True"]),
    ({"inodes_available": 1}, ["False", "True", "False", "True"]),
    ({"inodes": 0, "inodes_available": 0}, ["False", "False", "False", "True"]),
    ({"pids": 32700}, ["False", "False", "True", "True"]),
]


@pytest.mark.parametrize(("changes", "expected"), PRESSURES)
def test_conditions(changes: dict[str, int], expected: list[str]) -> None:
    found = conditions(replace(MEASURED, **changes), (), "", NOW)  # type: ignore[arg-type]
    assert [each.type for each in found] == ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    assert [each.status for each in found] == expected
    assert conditions(MEASURED, (), "the runtime is away", NOW)[3].status == "False"


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    before = conditions(MEASURED, (), "", NOW)
    after = conditions(MEASURED, before, "", NOW + 60)
    assert [each.last_transition_time for each in after] == [each.last_transition_time for each in before]
    assert after[0].last_heartbeat_time != before[0].last_heartbeat_time


def test_free_memory_alone_is_no_news() -> None:
    def status(available: int) -> core_v1.NodeStatus:
        measured = replace(MEASURED, memory_available_bytes=available)
        return node_status("n1", measured, (), (), "", NOW, pods_max=110, memory_reserved=0, cpu_reserved_milli=0)

    assert same_but_heartbeat(status(4 << 30), status(3 << 30))
    assert not same_but_heartbeat(status(4 << 30), status(1))
    assert not same_but_heartbeat(None, status(1))


def test_the_node_registers_and_says_that_it_lives(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.until(lambda: ("Lease", "kube-node-lease", NODE) in world.cluster.objects)
        node: Node = world.cluster.objects[("Node", "", NODE)]
        await world.until(lambda: world.cluster.objects[("Node", "", NODE)].status.conditions)
        node = world.cluster.objects[("Node", "", NODE)]
        assert {each.type: each.status for each in node.status.conditions}["Ready"] == "True"
        assert [each.address for each in node.status.addresses] == ["192.0.2.7", NODE]
        assert node.status.node_info.operating_system == "linux"
        lease: Lease = world.cluster.objects[("Lease", "kube-node-lease", NODE)]
        assert (lease.spec.holder_identity, lease.spec.lease_duration_seconds) == (NODE, 40)
        renewals = [("patch", "Lease", NODE), ("create", "Lease", NODE)]
        before, began = len(world.cluster.calls), world.clock.now()
        await world.until(lambda: world.clock.now() - began > 290, 400)
        since = world.cluster.calls[before:]
        assert 28 <= sum(each in renewals for each in since) <= 30
        assert sum(each == ("patch", "Node", NODE) for each in since) <= 1, "nothing has changed"

    play(tmp_path, story)


def test_a_node_that_was_deleted_registers_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.until(lambda: ("Node", "", NODE) in world.cluster.objects)
        uid = world.agent.node.uid
        world.cluster.drop(world.cluster.objects[("Node", "", NODE)])
        await world.until(lambda: ("Node", "", NODE) in world.cluster.objects, 400)
        await world.until(lambda: world.agent.node.uid != uid)
        world.kill()
        world.cluster.away = True
        world.start()
        assert world.agent.node.uid == world.cluster.objects[("Node", "", NODE)].metadata.uid

    play(tmp_path, story)


def test_leases_are_renewed_sooner_after_a_failure(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.until(lambda: ("Lease", "kube-node-lease", NODE) in world.cluster.objects)
        world.cluster.away = True
        before, began = len(world.cluster.calls), world.clock.now()
        await world.until(lambda: world.clock.now() - began > 60, 100)
        tries = sum(each == ("patch", "Lease", NODE) for each in world.cluster.calls[before:])
        assert 20 < tries < 70

    play(tmp_path, story)


def test_settings_have_kubernetes_defaults() -> None:
    settings = AgentSettings(node_name="n1")
    assert (settings.lease_seconds, settings.lease_duration_seconds, settings.status_seconds) == (10, 40, 300)
