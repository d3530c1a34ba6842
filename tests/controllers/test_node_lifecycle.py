"""Nodes that fall silent, and what becomes of their pods."""

from typing import Any

import pytest

from k3py.base.clock import rfc3339, rfc3339_micro
from k3py.controllers.node_lifecycle import NodeLifecycleController
from k3py.controllers.taint_eviction import TaintEvictionController, due_at
from k3py.model.generated import coordination_v1, core_v1, meta_v1
from tests.controllers.toy import EPOCH, Toy

Node, Pod, Lease = core_v1.Node, core_v1.Pod, coordination_v1.Lease
UNREACHABLE, NOT_READY = "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"


def world(*names: str, startup_grace_seconds: float = 60) -> Toy:
    toy = Toy(NodeLifecycleController(), TaintEvictionController(startup_grace_seconds))
    for name in names:
        said = core_v1.NodeCondition(type="Ready", status="True", reason="AgentReady", last_heartbeat_time="x")
        toy.put(Node(metadata=meta_v1.ObjectMeta(name=name), status=core_v1.NodeStatus(conditions=[said])))
    beat(toy, *names)
    toy.settle()
    return toy


def beat(toy: Toy, *names: str) -> None:
    for name in names:
        spec = coordination_v1.LeaseSpec(renew_time=rfc3339_micro(toy.now))
        toy.put(Lease(metadata=meta_v1.ObjectMeta(name=name, namespace="kube-node-lease"), spec=spec))


def live(toy: Toy, seconds: int, *names: str) -> None:
    """Time passes; these nodes renew every ten seconds."""
    for _ in range(0, seconds, 10):
        toy.settle(seconds=10)
        beat(toy, *names)
    toy.settle()


def pod(toy: Toy, name: str, node: str, *tolerations: core_v1.Toleration) -> None:
    made = Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default"),
        spec=core_v1.PodSpec(node_name=node, tolerations=list(tolerations)),
    )
    toy.ready(toy.put(made))


def ready(toy: Toy, name: str) -> str:
    return next(c.status for c in toy.get(Node, "", name).status.conditions if c.type == "Ready")


def taints(toy: Toy, name: str) -> set[tuple[str, str]]:
    return {(t.key, t.effect) for t in toy.get(Node, "", name).spec.taints}


def tolerating(seconds: int | None) -> core_v1.Toleration:
    return core_v1.Toleration(key=UNREACHABLE, operator="Exists", effect="NoExecute", toleration_seconds=seconds)


def test_nodes_that_renew_stay_ready() -> None:
    toy = world("n1", "n2")
    live(toy, 300, "n1", "n2")
    assert toy.log == []


def test_a_silent_node_is_unknown_and_tainted() -> None:
    toy = world("n1", "n2")
    pod(toy, "a", "n1")
    live(toy, 30, "n2")
    assert ready(toy, "n1") == "True"
    live(toy, 20, "n2")
    conditions = {c.type: (c.status, c.reason) for c in toy.get(Node, "", "n1").status.conditions}
    assert conditions == {
        "Ready": ("Unknown", "NodeStatusUnknown"),
        "MemoryPressure": ("Unknown", "NodeStatusNeverUpdated"),
        "DiskPressure": ("Unknown", "NodeStatusNeverUpdated"),
        "PIDPressure": ("Unknown", "NodeStatusNeverUpdated"),
    }
    assert taints(toy, "n1") == {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}
    assert taints(toy, "n2") == set()
    assert "NodeNotReady: Node n1 status is now: NodeNotReady" in toy.events
    assert "NodeNotReady: Node is not ready" in toy.events


def test_a_node_that_says_it_is_not_ready_is_tainted_so() -> None:
    toy = world("n1", "n2")
    said = {"type": "Ready", "status": "False", "lastHeartbeatTime": "y", "lastTransitionTime": None}
    toy.change(Node, "", "n1", {"status": {"conditions": [said]}})
    toy.settle()
    assert taints(toy, "n1") == {(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")}


def test_a_node_that_comes_back_loses_our_taints_and_keeps_others() -> None:
    toy = world("n1", "n2")
    toy.change(Node, "", "n1", {"spec": {"taints": [{"key": "mine", "effect": "NoSchedule"}]}})
    live(toy, 60, "n2")
    assert len(taints(toy, "n1")) == 3
    said = {"type": "Ready", "status": "True", "lastHeartbeatTime": "z", "lastTransitionTime": None}
    toy.change(Node, "", "n1", {"status": {"conditions": [said]}})
    live(toy, 20, "n1", "n2")
    assert taints(toy, "n1") == {("mine", "NoSchedule")}


def test_cordon_and_pressure_are_taints_too() -> None:
    toy = world("n1")
    toy.change(Node, "", "n1", {"spec": {"unschedulable": True}})
    toy.settle()
    assert taints(toy, "n1") == {("node.kubernetes.io/unschedulable", "NoSchedule")}
    toy.change(Node, "", "n1", {"spec": {"unschedulable": False}})
    toy.settle()
    assert taints(toy, "n1") == set()


def test_when_nobody_is_heard_of_nobody_is_evicted() -> None:
    toy = world("n1", "n2")
    pod(toy, "a", "n1")
    live(toy, 600)
    assert ready(toy, "n1") == ready(toy, "n2") == "Unknown"
    assert {effect for name in ("n1", "n2") for _, effect in taints(toy, name)} == {"NoSchedule"}
    assert toy.get(Pod, "default", "a") is not None


def test_pods_leave_a_silent_node_when_their_toleration_ends() -> None:
    toy = world("n1", "n2")
    pod(toy, "impatient", "n1")
    pod(toy, "patient", "n1", tolerating(300))
    pod(toy, "eternal", "n1", tolerating(None))
    pod(toy, "elsewhere", "n2")
    live(toy, 120, "n2")
    doomed = {p.metadata.name for p in toy.all(Pod) if p.metadata.deletion_timestamp}
    assert doomed == {"impatient"}
    target = next(c for c in toy.get(Pod, "default", "impatient").status.conditions if c.type == "DisruptionTarget")
    assert target.reason == "DeletionByTaintManager"
    live(toy, 300, "n2")
    doomed = {p.metadata.name for p in toy.all(Pod) if p.metadata.deletion_timestamp}
    assert doomed == {"impatient", "patient"}


def test_a_node_that_returns_in_time_keeps_its_pods() -> None:
    toy = world("n1", "n2")
    pod(toy, "patient", "n1", tolerating(300))
    live(toy, 200, "n2")
    said = {"type": "Ready", "status": "True", "lastHeartbeatTime": "z", "lastTransitionTime": None}
    toy.change(Node, "", "n1", {"status": {"conditions": [said]}})
    live(toy, 400, "n1", "n2")
    assert toy.get(Pod, "default", "patient").metadata.deletion_timestamp is None


def test_a_restart_of_the_server_gives_every_node_a_new_grace() -> None:
    toy = world("n1", "n2")
    live(toy, 30, "n2")
    toy.now += 3600
    fresh = Toy(NodeLifecycleController(), TaintEvictionController())
    fresh.now = toy.now
    for value in toy.objects.values():
        fresh.put(value)
    fresh.settle(seconds=39)
    assert fresh.log == []


def test_a_server_that_stood_still_gives_every_node_a_new_grace() -> None:
    toy = world("n1", "n2")
    toy.now += 500  # nobody woke meanwhile
    for who in list(toy.wakes):
        toy.dirty[who] = None
    toy.wakes.clear()
    toy.settle()
    assert toy.log == []
    live(toy, 60, "n2")
    assert ready(toy, "n1") == "Unknown"


def test_old_taints_evict_nobody_before_the_start_up_grace() -> None:
    toy = world("n1", "n2", startup_grace_seconds=60)
    old = {"key": UNREACHABLE, "effect": "NoExecute", "timeAdded": rfc3339(EPOCH - 9999)}
    said = {"type": "Ready", "status": "Unknown", "lastHeartbeatTime": None, "lastTransitionTime": None}
    pod(toy, "a", "n1")
    toy.change(Node, "", "n1", {"spec": {"taints": [old]}, "status": {"conditions": [said]}})
    live(toy, 50, "n2")
    assert toy.get(Pod, "default", "a").metadata.deletion_timestamp is None
    live(toy, 20, "n2")
    assert toy.get(Pod, "default", "a").metadata.deletion_timestamp is not None


AT = rfc3339(EPOCH)
TAINT = core_v1.Taint(key="k", value="v", effect="NoExecute", time_added=AT)
SOFT = core_v1.Taint(key="k", effect="NoSchedule", time_added=AT)


def tolerance(**fields: Any) -> core_v1.Toleration:
    return core_v1.Toleration(**fields)


@pytest.mark.parametrize(
    ("tolerations", "taints", "expected"),
    [
        ([], [TAINT], 0),
        ([], [SOFT], None),
        ([tolerance(operator="Exists")], [TAINT], None),
        ([tolerance(operator="Exists", toleration_seconds=30)], [TAINT], 30),
        ([tolerance(operator="Exists", toleration_seconds=-5)], [TAINT], 0),
        ([tolerance(key="k", value="v", toleration_seconds=9), tolerance(operator="Exists")], [TAINT], 9),
        ([tolerance(key="k", value="other")], [TAINT], 0),
    ],
)
def test_when_a_pod_has_to_leave(tolerations: Any, taints: Any, expected: float | None) -> None:
    due = due_at(tolerations, taints, EPOCH + 7)
    assert due == (None if expected is None else EPOCH + expected)
