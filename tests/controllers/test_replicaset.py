"""ReplicaSet: what it decides, case by case."""

from typing import Any

import pytest

from k3py.base.clock import rfc3339
from k3py.controllers.actions import Create, Delete, Patch, Update, Wake, said
from k3py.controllers.owners import owned_by
from k3py.controllers.replicaset import BURST_REPLICAS, ReplicaSetController, reconcile
from k3py.model.generated import apps_v1, core_v1, meta_v1
from tests.controllers.toy import EPOCH, Toy, template

NOW = EPOCH


def replica_set(replicas: int, **spec: Any) -> apps_v1.ReplicaSet:
    return apps_v1.ReplicaSet(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", uid="rs", generation=1),
        spec=apps_v1.ReplicaSetSpec(
            replicas=replicas,
            selector=meta_v1.LabelSelector(match_labels={"app": "web"}),
            template=template(),
            **spec,
        ),
    )


def pod(name: str, owner: str = "rs", ready_for: float | None = 60, node: str = "n1", **more: Any) -> core_v1.Pod:
    made = core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace="default",
            uid=f"uid-{name}",
            resource_version="1",
            labels=more.pop("labels", {"app": "web"}),
            annotations=more.pop("annotations", {}),
            creation_timestamp=rfc3339(NOW - more.pop("age", 60)),
            deletion_timestamp=more.pop("deleted", None),
            owner_references=[owned_by(replica_set(0))] if owner == "rs" else [],
        ),
        spec=core_v1.PodSpec(node_name=node),
        status=core_v1.PodStatus(phase=more.pop("phase", "Running")),
    )
    if owner not in ("rs", ""):
        made.metadata.owner_references = [meta_v1.OwnerReference(kind="X", name="x", uid=owner, controller=True)]
    if ready_for is not None:
        made.status.conditions = [
            core_v1.PodCondition(type="Ready", status="True", last_transition_time=rfc3339(NOW - ready_for))
        ]
    if restarts := more.pop("restarts", 0):
        made.status.container_statuses = [core_v1.ContainerStatus(restart_count=restarts)]
    assert not more
    return made


GONE = "2023-11-14T22:13:20Z"
ONE, NONE, TWO = ["create Pod web-*: 1 of 2 replicas there"], [], ["create Pod web-*: 0 of 2 replicas there"] * 2
CASES = [
    ("all are there", 2, [pod("a"), pod("b")], NONE),
    ("one is missing", 2, [pod("a")], ONE),
    ("a finished one does not count", 2, [pod("a"), pod("b", phase="Succeeded")], ONE),
    ("a failed one does not count", 2, [pod("a"), pod("b", phase="Failed")], ONE),
    ("one that is being deleted does not count", 2, [pod("a"), pod("b", deleted=GONE)], ONE),
    ("somebody else's does not count", 2, [pod("a", "other"), pod("b", "other")], TWO),
    ("one too many", 1, [pod("a"), pod("b", ready_for=None)], ["delete Pod b: 2 there, 1 wanted"]),
    ("none are wanted", 0, [pod("a")], ["delete Pod a: 1 there, 0 wanted"]),
    ("an orphan is taken in", 1, [pod("a", "")],
     ["patch Pod a: adopt: the selector of web matches and nobody manages it"]),
    ("an orphan of others stays", 0, [pod("a", "", labels={"app": "db"})], NONE),
    ("a dying orphan is not taken in", 0, [pod("a", "", deleted=GONE)], NONE),
    ("a relabelled pod is let go and replaced", 2, [pod("a"), pod("b", labels={"app": "debug"})],
     ["patch Pod b: release: the selector no longer matches its labels", *ONE]),
]  # fmt: skip


@pytest.mark.parametrize(("replicas", "pods", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_as_many_pods_as_asked_for(replicas: int, pods: list[core_v1.Pod], expected: list[str]) -> None:
    actions = reconcile(replica_set(replicas), pods, pods, NOW)
    assert [said(each) for each in actions if not isinstance(each, Update)] == expected


FIRST_TO_GO = [
    ("an unassigned one", pod("x", node="", ready_for=None), pod("y", ready_for=None)),
    ("a pending one", pod("x", phase="Pending", ready_for=None), pod("y", ready_for=None)),
    ("one that is not ready", pod("x", ready_for=None), pod("y")),
    ("a cheaper one", pod("x"), pod("y", annotations={"controller.kubernetes.io/pod-deletion-cost": "10"})),
    ("one that was ready later", pod("x", ready_for=2), pod("y", ready_for=500)),
    ("one that restarted more", pod("x", restarts=3), pod("y")),
    ("a younger one", pod("x", age=10, ready_for=5), pod("y", age=1000, ready_for=5)),
]


@pytest.mark.parametrize(("first", "last"), [c[1:] for c in FIRST_TO_GO], ids=[c[0] for c in FIRST_TO_GO])
@pytest.mark.parametrize("turned", [False, True])
def test_the_pod_that_hurts_least_goes_first(first: core_v1.Pod, last: core_v1.Pod, turned: bool) -> None:
    pods = [last, first] if turned else [first, last]
    assert [a.target.name for a in reconcile(replica_set(1), pods, pods, NOW) if isinstance(a, Delete)] == ["x"]


def test_a_node_with_many_of_the_family_loses_one_first() -> None:
    pods = [pod("a", node="n1"), pod("b", node="n2")]
    family = [*pods, pod("old-1", node="n2"), pod("old-2", node="n2")]
    deletes = [a for a in reconcile(replica_set(1), pods, family, NOW) if isinstance(a, Delete)]
    assert [a.target.name for a in deletes] == ["b"]


def test_a_turn_creates_no_more_than_a_burst() -> None:
    made = [a for a in reconcile(replica_set(BURST_REPLICAS + 1), [], [], NOW) if isinstance(a, Create)]
    assert len(made) == BURST_REPLICAS


def test_a_set_that_is_being_deleted_neither_makes_nor_adopts() -> None:
    dying = replica_set(3)
    dying.metadata.deletion_timestamp = GONE
    actions = reconcile(dying, [pod("a", "")], [], NOW)
    assert not [a for a in actions if isinstance(a, Create | Delete | Patch)]


def test_a_pod_is_available_once_it_was_ready_long_enough() -> None:
    wanted = replica_set(2, min_ready_seconds=30)
    pods = [pod("a", ready_for=30), pod("b", ready_for=10)]
    actions = reconcile(wanted, pods, pods, NOW)
    status = next(a.object.status for a in actions if isinstance(a, Update))
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (2, 2, 1)
    assert [a.seconds for a in actions if isinstance(a, Wake)] == [20]


def test_status_is_written_once() -> None:
    wanted, pods = replica_set(1), [pod("a")]
    wanted.status = next(a.object.status for a in reconcile(wanted, pods, pods, NOW) if isinstance(a, Update))
    assert reconcile(wanted, pods, pods, NOW) == []
    assert wanted.status.fully_labeled_replicas == wanted.status.observed_generation == 1


def test_a_failure_to_create_is_told_until_it_is_over() -> None:
    wanted = replica_set(1)
    actions = reconcile(wanted, [], [], NOW, failure="exceeded quota")
    wanted.status = actions[0].object.status  # type: ignore[union-attr]
    told = wanted.status.conditions[0]
    assert (told.type, told.status, told.reason, told.message) == (
        "ReplicaFailure", "True", "FailedCreate", "exceeded quota",
    )  # fmt: skip
    again = reconcile(wanted, [], [], NOW + 5, failure="exceeded quota")
    assert not [a for a in again if isinstance(a, Update)], "the same failure is not news"
    over = reconcile(wanted, [pod("a")], [], NOW + 9)
    assert next(a.object.status.conditions for a in over if isinstance(a, Update)) == []


def test_a_story_scale_up_lose_one_scale_down() -> None:
    toy = Toy(ReplicaSetController())
    toy.put(replica_set(3))
    toy.settle(agents=True)
    assert len(toy.all(core_v1.Pod)) == 3
    toy.remove(toy.all(core_v1.Pod)[0])
    toy.settle(agents=True)
    assert toy.get(apps_v1.ReplicaSet, "default", "web").status.available_replicas == 3
    toy.change(apps_v1.ReplicaSet, "default", "web", {"spec": {"replicas": 1}})
    toy.settle(agents=True)
    assert len(toy.all(core_v1.Pod)) == 1
    assert sum(e.startswith("SuccessfulCreate: Created pod: web-") for e in toy.events) == 4
    assert sum(e.startswith("SuccessfulDelete: Deleted pod: web-") for e in toy.events) == 2
    toy.settle()
    assert not toy.dirty
