"""Deployment: whole rollouts, played in a toy cluster with the ReplicaSet controller beside it."""

from typing import Any

import pytest

from k3py.controllers.deployment import DeploymentController
from k3py.controllers.replica_sets import template_hash
from k3py.controllers.replicaset import ReplicaSetController
from k3py.model.generated import apps_v1, core_v1, meta_v1
from tests.controllers.toy import Toy, deployment, template

Deployment, Set, Pod = apps_v1.Deployment, apps_v1.ReplicaSet, core_v1.Pod
REVISION = "deployment.kubernetes.io/revision"


def cluster(wanted: Deployment) -> Toy:
    toy = Toy(DeploymentController(), ReplicaSetController())
    toy.put(wanted)
    toy.settle(agents=True)
    return toy


def web(toy: Toy) -> Deployment:
    found: Deployment = toy.get(Deployment, "default", "web")
    return found


def sizes(toy: Toy) -> dict[str, int]:
    """Image -> replicas asked for."""
    return {each.spec.template.spec.containers[0].image: each.spec.replicas for each in toy.all(Set)}


def condition(toy: Toy, kind: str) -> tuple[str, str, str]:
    return next((c.status, c.reason, c.message) for c in web(toy).status.conditions if c.type == kind)


def set_image(toy: Toy, image: str, **spec: Any) -> None:
    containers = [{"name": "main", "image": image, "resources": {}}]
    toy.change(Deployment, "default", "web", {"spec": {"template": {"spec": {"containers": containers}}, **spec}})


def test_a_new_deployment_is_rolled_out() -> None:
    toy = cluster(deployment(3))
    status = web(toy).status
    assert (status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas) == (3,) * 4
    assert (status.unavailable_replicas, status.observed_generation) == (0, 1)
    made = toy.all(Set)[0]
    value = template_hash(web(toy).spec.template, None)
    assert made.metadata.name == f"web-{value}"
    assert made.spec.selector.match_labels == {"app": "web", "pod-template-hash": value}
    assert {pod.metadata.labels["pod-template-hash"] for pod in toy.all(Pod)} == {value}
    assert web(toy).metadata.annotations[REVISION] == made.metadata.annotations[REVISION] == "1"
    assert condition(toy, "Available") == (
        "True", "MinimumReplicasAvailable", "Deployment has minimum availability.",
    )  # fmt: skip
    message = f'ReplicaSet "{made.metadata.name}" has successfully progressed.'
    assert condition(toy, "Progressing") == ("True", "NewReplicaSetAvailable", message)
    assert toy.events[0] == f"ScalingReplicaSet: Scaled up replica set {made.metadata.name} from 0 to 3"


def test_nothing_is_written_once_all_is_well() -> None:
    toy = cluster(deployment(3))
    before = len(toy.log)
    for each in (Deployment, Set):
        for value in toy.all(each):
            toy.dirty[toy.controllers[each is Set], ("default", value.metadata.name)] = None
    toy.settle(agents=True)
    assert toy.log[before:] == []


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "least"),
    [
        ("25%", "25%", 13, 8),
        (1, 0, 11, 10),
        (0, 1, 10, 9),
        ("100%", 0, 20, 10),
        (0, "34%", 10, 7),
        ("5%", "5%", 11, 10),
    ],
)
def test_a_rolling_update_keeps_its_bounds(surge: Any, unavailable: Any, most: int, least: int) -> None:
    rolling = apps_v1.RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    toy = cluster(deployment(10, strategy=apps_v1.DeploymentStrategy(type="RollingUpdate", rolling_update=rolling)))
    seen: list[tuple[int, int]] = []
    put = toy.put

    def watched(value: Any) -> Any:
        result = put(value)
        pods = [p for p in toy.all(Pod) if p.metadata.deletion_timestamp is None]
        seen.append((len(pods), sum(bool(p.status.conditions) for p in pods)))
        return result

    toy.put = watched  # type: ignore[method-assign]
    set_image(toy, "web:2")
    toy.settle(agents=True)
    assert sizes(toy) == {"web:1": 0, "web:2": 10}
    assert max(there for there, _ in seen) == most
    assert min(ready for _, ready in seen) == least


def test_a_rollout_that_cannot_become_ready_stops_at_its_bounds_and_times_out() -> None:
    toy = cluster(deployment(4))
    set_image(toy, "broken")
    toy.settle(seconds=0)
    assert sizes(toy) == {"web:1": 3, "broken": 2}
    toy.settle(seconds=700)
    name = next(each.metadata.name for each in toy.all(Set) if each.spec.replicas == 2)
    assert condition(toy, "Progressing") == (
        "False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.',
    )  # fmt: skip
    assert condition(toy, "Available")[0] == "True"
    toy.settle(agents=True)
    assert condition(toy, "Progressing")[:2] == ("True", "NewReplicaSetAvailable")


def test_undo_takes_the_old_set_again_under_a_new_revision() -> None:
    toy = cluster(deployment(2))
    first = toy.all(Set)[0].metadata.name
    set_image(toy, "web:2")
    toy.settle(agents=True)
    assert web(toy).metadata.annotations[REVISION] == "2"
    old = toy.get(Set, "default", first).spec.template
    set_image(toy, old.spec.containers[0].image)
    toy.settle(agents=True)
    assert len(toy.all(Set)) == 2
    assert sizes(toy) == {"web:1": 2, "web:2": 0}
    again = toy.get(Set, "default", first)
    assert web(toy).metadata.annotations[REVISION] == again.metadata.annotations[REVISION] == "3"
    assert again.metadata.annotations["deployment.kubernetes.io/revision-history"] == "1"


def test_history_is_kept_as_far_as_asked_for() -> None:
    toy = cluster(deployment(1, revision_history_limit=2))
    for number in range(2, 7):
        set_image(toy, f"web:{number}")
        toy.settle(agents=True)
    assert sorted(sizes(toy)) == ["web:4", "web:5", "web:6"]


def test_recreate_waits_until_all_old_pods_are_gone() -> None:
    toy = cluster(deployment(3, strategy=apps_v1.DeploymentStrategy(type="Recreate")))
    set_image(toy, "web:2")
    toy.settle()
    assert sizes(toy) == {"web:1": 0}, "its pods are still ending"
    for pod in toy.all(Pod)[:2]:
        toy.remove(pod)
    toy.settle()
    assert sizes(toy) == {"web:1": 0}
    toy.settle(agents=True)
    assert sizes(toy) == {"web:1": 0, "web:2": 3}
    assert web(toy).status.available_replicas == 3


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    toy = cluster(deployment(2))
    toy.change(Deployment, "default", "web", {"spec": {"paused": True}})
    toy.settle(agents=True)
    assert condition(toy, "Progressing") == ("Unknown", "DeploymentPaused", "Deployment is paused")
    set_image(toy, "web:2", replicas=5)
    toy.settle(agents=True)
    assert sizes(toy) == {"web:1": 5}
    toy.change(Deployment, "default", "web", {"spec": {"paused": False}})
    toy.settle(agents=True)
    assert sizes(toy) == {"web:1": 0, "web:2": 5}
    assert condition(toy, "Progressing")[1] == "NewReplicaSetAvailable"


@pytest.mark.parametrize(("before", "after", "shares"), [(10, 20, (15, 10)), (10, 5, (4, 3)), (10, 0, (0, 0))])
def test_a_scale_in_mid_rollout_is_shared_in_proportion(before: int, after: int, shares: tuple[int, int]) -> None:
    toy = cluster(deployment(before))
    set_image(toy, "broken")
    toy.settle()
    assert sizes(toy) == {"web:1": 8, "broken": 5}
    toy.change(Deployment, "default", "web", {"spec": {"replicas": after}})
    toy.turn(toy.controllers[0], ("default", "web"))
    assert sum(sizes(toy).values()) == sum(shares)
    toy.settle(agents=True)
    assert sizes(toy) == {"web:1": 0, "broken": after}


def test_somebody_elses_set_of_the_same_name_is_left_alone() -> None:
    toy = Toy(DeploymentController(), ReplicaSetController())
    wanted = deployment(1)
    name = f"web-{template_hash(wanted.spec.template, None)}"
    taken = Set(metadata=meta_v1.ObjectMeta(name=name, namespace="default"))
    taken.metadata.owner_references = [meta_v1.OwnerReference(kind="X", name="x", uid="x", controller=True)]
    taken.spec.template = template("other:1", app="other")
    taken.spec.replicas = 0
    toy.put(taken)
    toy.put(wanted)
    toy.settle(agents=True)
    assert web(toy).status.collision_count == 1
    assert sizes(toy) == {"other:1": 0, "web:1": 1}


def test_an_orphaned_set_is_taken_in() -> None:
    toy = cluster(deployment(2))
    name = toy.all(Set)[0].metadata.name
    toy.change(Set, "default", name, {"metadata": {"ownerReferences": None}})
    toy.settle(agents=True)
    assert toy.get(Set, "default", name).metadata.owner_references[0].name == "web"
    assert len(toy.all(Set)) == 1


def test_annotations_of_the_deployment_reach_its_set() -> None:
    toy = cluster(deployment(1))
    toy.change(Deployment, "default", "web", {"metadata": {"annotations": {"kubernetes.io/change-cause": "a reason"}}})
    toy.settle(agents=True)
    assert toy.all(Set)[0].metadata.annotations["kubernetes.io/change-cause"] == "a reason"


def test_a_failing_set_shows_in_the_deployment() -> None:
    toy = cluster(deployment(1))
    name = toy.all(Set)[0].metadata.name
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    toy.change(Set, "default", name, {"status": {"conditions": [failure]}})
    toy.turn(toy.controllers[0], ("default", "web"))
    assert condition(toy, "ReplicaFailure") == ("True", "FailedCreate", "exceeded quota")


def test_a_deployment_of_none_is_complete() -> None:
    toy = cluster(deployment(0))
    assert condition(toy, "Progressing")[1] == "NewReplicaSetAvailable"
    assert sizes(toy) == {"web:1": 0}
