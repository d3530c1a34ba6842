"""Evictions: a pod goes only when its disruption budget allows it."""

import asyncio
from typing import Any

import pytest

from k3py.model.errors import BadRequest, Conflict, Forbidden, NotFound, TooManyRequests
from k3py.model.generated import core_v1, meta_v1, policy_v1
from k3py.objects import eviction
from k3py.objects.evicting import Evictions
from k3py.objects.options import WriteOptions
from k3py.objects.problems import Unexplained
from k3py.objects.service import Objects
from tests.objects.world import ADMIN, WRITE, Plain, run

NOW = 1_700_000_000.0
LABELS = {"a": "b"}


def pod(ready: bool = True, phase: str = "Running") -> core_v1.Pod:
    made = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", labels=dict(LABELS)))
    made.status.phase = phase
    made.status.conditions = [core_v1.PodCondition(type="Ready", status=str(ready))]
    return made


def budget(**status: Any) -> policy_v1.PodDisruptionBudget:
    made = policy_v1.PodDisruptionBudget(metadata=meta_v1.ObjectMeta(name="b", generation=1))
    made.spec.selector = meta_v1.LabelSelector(match_labels=dict(LABELS))
    made.status = policy_v1.PodDisruptionBudgetStatus(**{"observed_generation": 1, **status})
    return made


def test_a_disruption_is_taken_from_the_budget_and_the_pod_is_noted() -> None:
    changed = eviction.decide(pod(), [budget(disruptions_allowed=2)], NOW)
    assert changed is not None
    assert changed.status.disruptions_allowed == 1
    assert changed.status.disrupted_pods == {"p": "2023-11-14T22:13:20Z"}
    assert changed.status.conditions == []
    last = eviction.decide(pod(), [budget(disruptions_allowed=1)], NOW)
    assert last is not None
    assert [(each.status, each.reason) for each in last.status.conditions] == [("False", "InsufficientPods")]


@pytest.mark.parametrize(("status", "said", "retry"), [
    ({"observed_generation": 0}, "The disruption budget b is still being processed by the server.", 10),
    ({"desired_healthy": 2, "current_healthy": 1},
     "The disruption budget b needs 2 healthy pods and has 1 currently", 0),
    ({"conditions": [meta_v1.Condition(type="DisruptionAllowed", status="False", reason="SyncFailed", message="why")]},
     "The disruption budget b does not allow evicting pods currently because it failed sync: why", 0),
])  # fmt: skip
def test_a_budget_that_allows_nothing_says_why(status: Any, said: str, retry: int) -> None:
    with pytest.raises(TooManyRequests) as refused:
        eviction.decide(pod(), [budget(**status)], NOW)
    details = refused.value.details
    assert details is not None
    assert [(each.reason, each.message) for each in details.causes] == [("DisruptionBudget", said)]
    assert details.retry_after_seconds == retry


def test_what_serves_nobody_needs_no_budget() -> None:
    for phase in ("Pending", "Failed", "Succeeded"):
        assert eviction.decide(pod(phase=phase), [budget()], NOW) is None
    ending = pod()
    ending.metadata.deletion_timestamp = "2023-11-14T22:13:20Z"
    assert eviction.decide(ending, [budget()], NOW) is None


def test_an_unhealthy_pod_goes_when_the_healthy_suffice_or_the_policy_says_so() -> None:
    enough = budget(current_healthy=2, desired_healthy=2)
    assert eviction.decide(pod(ready=False), [enough], NOW) is None
    short = budget(current_healthy=1, desired_healthy=2)
    with pytest.raises(TooManyRequests):
        eviction.decide(pod(ready=False), [short], NOW)
    short.spec.unhealthy_pod_eviction_policy = "AlwaysAllow"
    assert eviction.decide(pod(ready=False), [short], NOW) is None
    with pytest.raises(TooManyRequests):
        eviction.decide(pod(), [short], NOW)


def test_several_budgets_are_refused_and_empty_selectors_select_nothing() -> None:
    with pytest.raises(Unexplained, match="more than one PodDisruptionBudget"):
        eviction.decide(pod(), [budget(), budget()], NOW)
    everything, nothing = budget(), budget()
    everything.spec.selector, nothing.spec.selector = meta_v1.LabelSelector(), None
    assert eviction.decide(pod(), [everything, nothing], NOW) is None


def test_a_budget_with_too_many_unseen_evictions_allows_no_more() -> None:
    noted = {f"p{index}": "2023-11-14T22:13:20Z" for index in range(eviction.DISRUPTED_PODS_MAX)}
    assert eviction.decide(pod(), [budget(disruptions_allowed=1, disrupted_pods=dict(noted))], NOW) is not None
    noted["one more"] = "2023-11-14T22:13:20Z"
    with pytest.raises(Forbidden, match="DisruptedPods map too big"):
        eviction.decide(pod(), [budget(disruptions_allowed=1, disrupted_pods=noted)], NOW)
    with pytest.raises(Forbidden, match="negative"):
        eviction.decide(pod(), [budget(disruptions_allowed=-1)], NOW)


async def _running_pods(plain: Plain, *names: str) -> None:
    for name in names:
        spec = {"nodeName": "n", "containers": [{"name": "c", "image": "x"}]}
        await plain.create("Pod", metadata={"name": name, "labels": LABELS}, spec=spec)
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await plain.patch("Pod", name, {"status": status}, subresource="status")


async def _budget(plain: Plain, allowed: int) -> None:
    spec = {"minAvailable": 1, "selector": {"matchLabels": LABELS}}
    await plain.create("PodDisruptionBudget", metadata={"name": "b"}, spec=spec)
    status = {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 2, "desiredHealthy": 1,
              "expectedPods": 2}  # fmt: skip
    await plain.patch("PodDisruptionBudget", "b", {"status": status}, subresource="status")


def _eviction(name: str, **options: Any) -> policy_v1.Eviction:
    made = policy_v1.Eviction(metadata=meta_v1.ObjectMeta(name=name))
    if options:
        made.delete_options = meta_v1.DeleteOptions(**options)
    return made


def test_of_two_at_once_only_one_takes_the_last_disruption() -> None:
    async def story(objects: Objects) -> None:
        plain, evictions = Plain(objects), Evictions(objects)
        await _running_pods(plain, "p", "q")
        await _budget(plain, 1)
        outcomes = await asyncio.gather(
            *(evictions.evict("default", name, _eviction(name), WRITE, ADMIN) for name in ("p", "q")),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["Deleted", "TooManyRequests"]
        pod = plain.get("Pod", "p")
        assert pod["metadata"]["deletionTimestamp"]
        assert pod["status"]["conditions"][-1]["reason"] == "EvictionByEvictionAPI"
        assert plain.get("PodDisruptionBudget", "b")["status"]["disruptedPods"].keys() == {"p"}

    run(story)


def test_a_dry_run_takes_nothing_and_options_reach_the_deletion() -> None:
    async def story(objects: Objects) -> None:
        plain, evictions = Plain(objects), Evictions(objects)
        await _running_pods(plain, "p")
        await _budget(plain, 1)
        await evictions.evict("default", "p", _eviction("p"), WriteOptions(dry_run=True), ADMIN)
        await evictions.evict("default", "p", _eviction("p", dry_run=["All"]), WRITE, ADMIN)
        assert plain.get("PodDisruptionBudget", "b")["status"]["disruptionsAllowed"] == 1
        other = _eviction("p", preconditions=meta_v1.Preconditions(uid="other"))
        with pytest.raises(Conflict):
            await evictions.evict("default", "p", other, WRITE, ADMIN)
        with pytest.raises(BadRequest, match="name in URL does not match"):
            await evictions.evict("default", "p", _eviction("q"), WRITE, ADMIN)
        with pytest.raises(NotFound):
            await evictions.evict("default", "q", _eviction("q"), WRITE, ADMIN)

    run(story)
