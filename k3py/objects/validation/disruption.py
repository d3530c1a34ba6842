"""Checks of PodDisruptionBudgets. Source: Kubernetes ``pkg/apis/policy/validation``."""

import re
from typing import Final

from k3py.model import names
from k3py.model.generated import meta_v1, policy_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.percentages import at_most_all, count_or_percent
from k3py.objects.validation.scheduling import label_selector

UNHEALTHY_POLICIES: Final = ("AlwaysAllow", "IfHealthyBudget")
STATUSES: Final = ("False", "True", "Unknown")
REASON_LENGTH_MAX: Final = 1_024
MESSAGE_LENGTH_MAX: Final = 32 << 10
_REASON_PATTERN: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON: Final = re.compile(_REASON_PATTERN, re.ASCII)
_REASON_RULE: Final = names.mismatch(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric"
    " characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON_PATTERN, "my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")  # fmt: skip


def budget(obj: policy_v1.PodDisruptionBudget, wrong: Errors) -> None:
    """A budget says what has to stay, or what may go."""
    spec = obj.spec
    if spec.min_available is not None and spec.max_unavailable is not None:
        wrong.invalid("spec", go_names(spec), "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", spec.min_available), ("maxUnavailable", spec.max_unavailable)):
        count_or_percent(f"spec.{name}", value, wrong)
        at_most_all(f"spec.{name}", value, wrong)
    if spec.selector is not None:
        label_selector(spec.selector, "spec.selector", wrong)
    policy = spec.unhealthy_pod_eviction_policy
    if policy is not None and policy not in UNHEALTHY_POLICIES:
        wrong.unsupported("spec.unhealthyPodEvictionPolicy", policy, UNHEALTHY_POLICIES)


def budget_status(new: policy_v1.PodDisruptionBudget, old: policy_v1.PodDisruptionBudget, wrong: Errors) -> None:
    """Conditions are well formed, no number is negative."""
    del old
    status = new.status
    conditions(status.conditions, "status.conditions", wrong)
    wrong.not_negative("status.disruptionsAllowed", status.disruptions_allowed)
    wrong.not_negative("status.currentHealthy", status.current_healthy)
    wrong.not_negative("status.desiredHealthy", status.desired_healthy)
    wrong.not_negative("status.expectedPods", status.expected_pods)


def conditions(found: list[meta_v1.Condition], path: str, wrong: Errors) -> None:
    """Conditions of the common type. Source: apimachinery ``pkg/apis/meta/v1/validation``."""
    seen: dict[str, int] = {}
    for index, each in enumerate(found):
        place = f"{path}[{index}]"
        if each.type in seen:
            wrong.duplicate(f"{place}.type", each.type)
        seen.setdefault(each.type, index)
        wrong.each_invalid(f"{place}.type", each.type, names.qualified_name(each.type))
        if each.status not in STATUSES:
            wrong.unsupported(f"{place}.status", each.status, STATUSES)
        wrong.not_negative(f"{place}.observedGeneration", each.observed_generation)
        if not each.last_transition_time:
            wrong.required(f"{place}.lastTransitionTime", "must be set")
        if not each.reason:
            wrong.required(f"{place}.reason", "must be set")
        else:
            if not _REASON.fullmatch(each.reason):
                wrong.invalid(f"{place}.reason", each.reason, _REASON_RULE)
            if len(each.reason.encode()) > REASON_LENGTH_MAX:
                wrong.too_long(f"{place}.reason", REASON_LENGTH_MAX)
        if len(each.message.encode()) > MESSAGE_LENGTH_MAX:
            wrong.too_long(f"{place}.message", MESSAGE_LENGTH_MAX)
