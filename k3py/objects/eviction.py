"""Evictions: whether a pod may go in view of its disruption budget. Pure decisions.

Source: Kubernetes, "API-initiated Eviction" and "Specifying a Disruption Budget"; the pod registry's eviction.
"""

from collections.abc import Iterable
from typing import Final

from k3py.base.clock import rfc3339
from k3py.model import codec
from k3py.model.errors import BadRequest, Cause, Details, TooManyRequests, forbidden
from k3py.model.generated import core_v1, meta_v1, policy_v1
from k3py.model.selectors import from_struct
from k3py.objects.problems import Unexplained

DISRUPTION_ALLOWED: Final = "DisruptionAllowed"
DISRUPTION_TARGET: Final = "DisruptionTarget"
SUFFICIENT: Final = "SufficientPods"
INSUFFICIENT: Final = "InsufficientPods"
SYNC_FAILED: Final = "SyncFailed"
# More pods that were evicted and have not been seen to go: whoever counts them is behind, so no more go.
DISRUPTED_PODS_MAX: Final = 2_000
RETRY_SECONDS: Final = 10
_REFUSED: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_FREE_PHASES: Final = ("Failed", "Pending", "Succeeded")


def check_name(eviction: policy_v1.Eviction, name: str) -> None:
    """The eviction is of the pod that the URL names.

    Raises:
        BadRequest: it is not.
    """
    if eviction.metadata.name != name:
        raise BadRequest("name in URL does not match name in Eviction object")


def delete_options(eviction: policy_v1.Eviction, dry_run: bool) -> meta_v1.DeleteOptions:
    """The options of the deletion; a dry run in the request is one of the deletion too."""
    options = eviction.delete_options or meta_v1.DeleteOptions()
    if dry_run and not options.dry_run:
        options.dry_run = ["All"]
    return options


def needs_no_budget(pod: core_v1.Pod) -> bool:
    """Whether a pod serves nobody (any more), so that its end disturbs nobody."""
    return pod.status.phase in _FREE_PHASES or pod.metadata.deletion_timestamp is not None


def budgets_of(
    pod: core_v1.Pod, budgets: Iterable[policy_v1.PodDisruptionBudget]
) -> list[policy_v1.PodDisruptionBudget]:
    """Those of a namespace's budgets that select the pod; one with an empty selector selects nothing here."""
    found = []
    for each in budgets:
        try:
            selector = from_struct(each.spec.selector)
        except ValueError:
            continue
        given = each.spec.selector
        is_empty = given is None or not (given.match_labels or given.match_expressions)
        if not is_empty and selector.matches(pod.metadata.labels):
            found.append(each)
    return found


def decide(
    pod: core_v1.Pod, budgets: Iterable[policy_v1.PodDisruptionBudget], now: float
) -> policy_v1.PodDisruptionBudget | None:
    """What becomes of the pod's budget when it is evicted: the budget with one disruption less and the pod noted in
    its status, or None when nothing has to be written. ``now`` in seconds since 1970.

    Raises:
        TooManyRequests: not now. Forbidden: the budget's status makes no sense.
        Unexplained: several budgets select the pod.
    """
    if needs_no_budget(pod):
        return None
    found = budgets_of(pod, budgets)
    if not found:
        return None
    if len(found) > 1:
        said = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise Unexplained(said)
    budget = found[0]
    if not is_ready(pod) and _spares_unhealthy(budget):
        return None
    _check(budget)
    changed = codec.decode(policy_v1.PodDisruptionBudget, codec.encode(budget))
    changed.status.disruptions_allowed -= 1
    changed.status.disrupted_pods[pod.metadata.name] = rfc3339(now)
    if not changed.status.disruptions_allowed:
        set_condition(changed, now)
    return changed


def mark(pod: core_v1.Pod, now: float) -> None:
    """Say in the pod's conditions, in place, why it ends: a Job need not count that as a failure of its own."""
    condition = next((each for each in pod.status.conditions if each.type == DISRUPTION_TARGET), None)
    if condition is None:
        condition = core_v1.PodCondition(type=DISRUPTION_TARGET)
        pod.status.conditions.append(condition)
    if condition.status != "True":
        condition.last_transition_time = rfc3339(now)
    condition.status, condition.reason = "True", "EvictionByEvictionAPI"
    condition.message = "Eviction API: evicting"


def is_ready(pod: core_v1.Pod) -> bool:
    """Whether the pod's condition Ready is true."""
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions)


def _spares_unhealthy(budget: policy_v1.PodDisruptionBudget) -> bool:
    """Whether a pod that is not ready may go without counting."""
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status
    return status.current_healthy >= status.desired_healthy > 0


def _check(budget: policy_v1.PodDisruptionBudget) -> None:
    name, status = budget.metadata.name, budget.status
    if status.observed_generation < budget.metadata.generation:
        raise _too_many(f"The disruption budget {name} is still being processed by the server.", RETRY_SECONDS)
    if status.disruptions_allowed < 0:
        why = "pdb disruptions allowed is negative"
        raise forbidden("poddisruptionbudget", "policy", name, why)
    if len(status.disrupted_pods) > DISRUPTED_PODS_MAX:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden("poddisruptionbudget", "policy", name, why)
    if not status.disruptions_allowed:
        said = (
            f"The disruption budget {name} needs {status.desired_healthy} healthy pods and has"
            f" {status.current_healthy} currently"
        )
        for condition in status.conditions:
            if condition.type == DISRUPTION_ALLOWED and condition.reason == SYNC_FAILED and condition.status == "False":
                said = (
                    f"The disruption budget {name} does not allow evicting pods currently because it failed sync:"
                    f" {condition.message}"
                )
        raise _too_many(said, 0)


def _too_many(said: str, retry_seconds: int) -> TooManyRequests:
    causes = [Cause("DisruptionBudget", said, "")]
    return TooManyRequests(_REFUSED, Details(causes=causes, retry_after_seconds=retry_seconds))


def set_condition(budget: policy_v1.PodDisruptionBudget, now: float) -> None:
    """Say in the budget's conditions, in place, whether a disruption is allowed."""
    status = budget.status
    allowed = status.disruptions_allowed > 0
    condition = next((each for each in status.conditions if each.type == DISRUPTION_ALLOWED), None)
    if condition is None:
        condition = meta_v1.Condition(type=DISRUPTION_ALLOWED)
        status.conditions.append(condition)
    truth = "True" if allowed else "False"
    if condition.status != truth:
        condition.last_transition_time = rfc3339(now)
    condition.status, condition.reason = truth, SUFFICIENT if allowed else INSUFFICIENT
    condition.message = ""
    condition.observed_generation = status.observed_generation
