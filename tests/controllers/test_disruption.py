"""How many pods of a budget may go now."""

from typing import Any

import pytest

from k3py.base.clock import rfc3339
from k3py.controllers.disruption import DELETION_SECONDS, DisruptionController, Seen, reconcile
from k3py.model.generated import apps_v1, core_v1, meta_v1, policy_v1
from k3py.model.generated.apps_v1 import Deployment, ReplicaSet
from k3py.model.generated.core_v1 import Pod
from k3py.model.generated.policy_v1 import PodDisruptionBudget as Budget
from tests.controllers.toy import EPOCH, Toy

LABELS = {"a": "b"}
SELECTOR = meta_v1.LabelSelector(match_labels=LABELS)


def meta(name: str, *owners: meta_v1.OwnerReference, **more: Any) -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(
        name=name, namespace="shop", labels=dict(LABELS), owner_references=list(owners), generation=1, **more
    )


def owner(kind: str, name: str) -> meta_v1.OwnerReference:
    return meta_v1.OwnerReference(
        api_version="apps/v1", kind=kind, name=name, uid=f"uid-{kind}-shop-{name}", controller=True
    )


def budget(**spec: Any) -> Budget:
    return Budget(metadata=meta("b"), spec=policy_v1.PodDisruptionBudgetSpec(selector=SELECTOR, **spec))


def pod(name: str, *owners: meta_v1.OwnerReference, ready: bool = True) -> Pod:
    made = Pod(metadata=meta(name, *owners))
    made.status.phase = "Running"
    made.status.conditions = [core_v1.PodCondition(type="Ready", status=str(ready))]
    return made


def replica_set(replicas: int, *owners: meta_v1.OwnerReference) -> ReplicaSet:
    template = core_v1.PodTemplateSpec(metadata=meta_v1.ObjectMeta(labels=dict(LABELS)))
    return ReplicaSet(
        metadata=meta("web", *owners),
        spec=apps_v1.ReplicaSetSpec(replicas=replicas, selector=SELECTOR, template=template),
    )


def shop(wanted: Budget, ready: int, unready: int = 0, replicas: int = 0) -> Toy:
    toy = Toy(DisruptionController())
    toy.put(replica_set(replicas or ready + unready))
    for number in range(ready + unready):
        toy.put(pod(f"p{number}", owner("ReplicaSet", "web"), ready=number < ready))
    toy.put(wanted)
    toy.settle()
    return toy


def figures(toy: Toy) -> tuple[int, int, int, int]:
    """allowed, healthy, desired, expected"""
    status = toy.get(Budget, "shop", "b").status
    return status.disruptions_allowed, status.current_healthy, status.desired_healthy, status.expected_pods


@pytest.mark.parametrize(("spec", "ready", "unready", "replicas", "expected"), [
    ({"min_available": 2}, 3, 1, 4, (1, 3, 2, 4)),
    ({"min_available": 5}, 3, 0, 3, (0, 3, 5, 3)),
    ({"min_available": "50%"}, 3, 0, 5, (0, 3, 3, 5)),
    ({"min_available": "0%"}, 3, 0, 3, (3, 3, 0, 3)),
    ({"max_unavailable": 1}, 3, 0, 4, (0, 3, 3, 4)),
    ({"max_unavailable": "30%"}, 10, 0, 10, (3, 10, 7, 10)),
    ({"max_unavailable": 9}, 2, 0, 2, (2, 2, 0, 2)),
])  # fmt: skip
def test_what_is_healthy_beyond_what_is_wanted_may_go(
    spec: Any, ready: int, unready: int, replicas: int, expected: tuple[int, int, int, int]
) -> None:
    toy = shop(budget(**spec), ready, unready, replicas)
    assert figures(toy) == expected
    status = toy.get(Budget, "shop", "b").status
    assert status.observed_generation == 1
    assert [(each.type, each.status, each.reason) for each in status.conditions] == [
        ("DisruptionAllowed", "True", "SufficientPods")
        if expected[0]
        else ("DisruptionAllowed", "False", "InsufficientPods")
    ]


def test_it_follows_pods_and_replicas() -> None:
    toy = shop(budget(max_unavailable=1), 3)
    assert figures(toy) == (1, 3, 2, 3)
    toy.put(pod("p0", owner("ReplicaSet", "web"), ready=False))
    toy.settle()
    assert figures(toy) == (0, 2, 2, 3)
    toy.put(replica_set(2))
    toy.settle()
    assert figures(toy) == (1, 2, 1, 2)


def test_sets_of_one_deployment_count_once() -> None:
    toy = Toy(DisruptionController())
    template = core_v1.PodTemplateSpec(metadata=meta_v1.ObjectMeta(labels=dict(LABELS)))
    spec = apps_v1.DeploymentSpec(replicas=4, selector=SELECTOR, template=template)
    toy.put(Deployment(metadata=meta("web"), spec=spec))
    toy.put(replica_set(3, owner("Deployment", "web")))
    toy.put(pod("p", owner("ReplicaSet", "web")))
    toy.put(budget(max_unavailable="50%"))
    toy.settle()
    assert figures(toy) == (0, 1, 2, 4)


def test_an_evicted_pod_counts_as_gone_until_time_shows_that_it_stays() -> None:
    toy = shop(budget(min_available=1), 3)
    known = toy.get(Budget, "shop", "b")
    known.status.disrupted_pods = {"p0": rfc3339(EPOCH), "p9": rfc3339(EPOCH)}
    known.status.disruptions_allowed = 1
    toy.put(known)
    toy.settle()
    assert figures(toy) == (1, 2, 1, 3)
    assert toy.get(Budget, "shop", "b").status.disrupted_pods.keys() == {"p0"}, "p9 is gone"
    toy.settle(DELETION_SECONDS + 1)
    assert figures(toy) == (2, 3, 1, 3)
    assert any("NotDeleted" in each for each in toy.events)


def test_a_pod_that_is_being_deleted_is_not_healthy_and_no_longer_noted() -> None:
    going = pod("p")
    going.metadata.deletion_timestamp = rfc3339(EPOCH)
    wanted = budget(min_available=0)
    wanted.status.disrupted_pods = {"p": rfc3339(EPOCH)}
    (update,) = reconcile(wanted, Seen([going]), EPOCH)
    assert update.object.status.disrupted_pods == {}  # type: ignore[union-attr]
    assert update.object.status.current_healthy == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "why"), [
    ("ReplicaSet", 'found no controllers for pod "p"'),
    ("DaemonSet", "daemonsets.apps does not implement the scale subresource"),
    ("Job", "jobs.batch does not implement the scale subresource"),
])  # fmt: skip
def test_nothing_goes_while_nobody_knows_how_many_are_expected(kind: str, why: str) -> None:
    toy = Toy(DisruptionController())
    known = budget(max_unavailable=1)
    known.status.disruptions_allowed = 1
    toy.put(pod("p", owner(kind, "other")))
    toy.put(known)
    toy.settle()
    status = toy.get(Budget, "shop", "b").status
    assert status.disruptions_allowed == 0
    assert [(each.status, each.reason, each.message) for each in status.conditions] == [("False", "SyncFailed", why)]
    assert any("CalculateExpectedPodCountFailed" in each for each in toy.events)


def test_pods_without_a_controller_are_told_of() -> None:
    toy = Toy(DisruptionController())
    toy.put(pod("p"))
    toy.put(budget(max_unavailable=1))
    toy.settle()
    assert figures(toy) == (0, 1, 0, 0)
    assert any("UnmanagedPods" in each for each in toy.events)


def test_nothing_is_written_twice_and_an_empty_budget_says_so() -> None:
    toy = Toy(DisruptionController())
    toy.put(budget(min_available=1))
    toy.settle()
    assert any("NoPods" in each for each in toy.events)
    written = [each for each in toy.log if each.startswith("update")]
    toy.put(pod("other"))
    toy.settle()
    assert len([each for each in toy.log if each.startswith("update")]) == len(written) + 1
