"""Checks of a Job's policies: when it fails, when it has succeeded, when a pod is replaced.

Source: Kubernetes ``pkg/apis/batch/validation``.
"""

from collections.abc import Sequence
from typing import Final

from k3py.model import names
from k3py.model.generated import batch_v1
from k3py.objects.fields import Errors, shown
from k3py.objects.validation import job_indexes

RULES_MAX: Final = 20
EXIT_CODES_MAX: Final = 255
PATTERNS_MAX: Final = 20
ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
OPERATORS: Final = ("In", "NotIn")
STATUSES: Final = ("False", "True", "Unknown")
REPLACEMENTS: Final = ("Failed", "TerminatingOrFailed")


def failure_policy(policy: batch_v1.PodFailurePolicy, spec: batch_v1.JobSpec, path: str, wrong: Errors) -> None:
    """What a failed pod means for its job."""
    path = f"{path}.rules"
    if len(policy.rules) > RULES_MAX:
        wrong.too_many(path, len(policy.rules), RULES_MAX)
    containers = {each.name for each in (*spec.template.spec.containers, *spec.template.spec.init_containers)}
    for index, rule in enumerate(policy.rules):
        place = f"{path}[{index}]"
        if rule.action == "FailIndex":
            if spec.backoff_limit_per_index is None:
                wrong.invalid(f"{place}.action", rule.action, "requires the backoffLimitPerIndex to be set")
        else:
            _one_of(rule.action, f"{place}.action", ACTIONS, wrong)
        if rule.on_exit_codes is not None:
            _exit_codes(rule.on_exit_codes, containers, f"{place}.onExitCodes", wrong)
        if rule.on_pod_conditions:
            _conditions(rule.on_pod_conditions, f"{place}.onPodConditions", wrong)
        if rule.on_exit_codes is not None and rule.on_pod_conditions:
            wrong.unfit(place, "specifying both OnExitCodes and OnPodConditions is not supported")
        elif rule.on_exit_codes is None and not rule.on_pod_conditions:
            wrong.unfit(place, "specifying one of OnExitCodes and OnPodConditions is required")


def success_policy(policy: batch_v1.SuccessPolicy, completions: int, path: str, wrong: Errors) -> None:
    """Which indexes have to succeed, or how many."""
    path = f"{path}.rules"
    if not policy.rules:
        wrong.required(path, "at least one rules must be specified when the successPolicy is specified")
    if len(policy.rules) > RULES_MAX:
        wrong.too_many(path, len(policy.rules), RULES_MAX)
    for index, rule in enumerate(policy.rules):
        _success_rule(rule, completions, f"{path}[{index}]", wrong)


def replacement_policy(spec: batch_v1.JobSpec, path: str, wrong: Errors) -> None:
    """When a pod is replaced; who looks at failures waits for them."""
    policy = spec.pod_replacement_policy
    supported = REPLACEMENTS if spec.pod_failure_policy is None else ("Failed",)
    if policy is not None and policy not in supported:
        wrong.unsupported(path, policy, supported)


def _one_of(value: str, path: str, supported: Sequence[str], wrong: Errors) -> None:
    if not value:
        wrong.required(path, f"valid values: [{' '.join(shown(each) for each in supported)}]")
    elif value not in supported:
        wrong.unsupported(path, value, supported)


def _exit_codes(
    codes: batch_v1.PodFailurePolicyOnExitCodesRequirement, containers: set[str], path: str, wrong: Errors
) -> None:
    _one_of(codes.operator, f"{path}.operator", OPERATORS, wrong)
    if codes.container_name is not None and codes.container_name not in containers:
        detail = "must be one of the container or initContainer names in the pod template"
        wrong.invalid(f"{path}.containerName", codes.container_name, detail)
    values, path = codes.values, f"{path}.values"
    if not values:
        wrong.invalid(path, None, "at least one value is required")
    elif len(values) > EXIT_CODES_MAX:
        wrong.too_many(path, len(values), EXIT_CODES_MAX)
    seen: set[int] = set()
    for index, value in enumerate(values):
        if codes.operator == "In" and value == 0:
            wrong.invalid(f"{path}[{index}]", value, "must not be 0 for the In operator")
        if value in seen:
            wrong.duplicate(f"{path}[{index}]", value)
        seen.add(value)
    if values != sorted(values):
        wrong.invalid(path, values, "must be ordered")


def _conditions(patterns: list[batch_v1.PodFailurePolicyOnPodConditionsPattern], path: str, wrong: Errors) -> None:
    if len(patterns) > PATTERNS_MAX:
        wrong.too_many(path, len(patterns), PATTERNS_MAX)
    for index, pattern in enumerate(patterns):
        wrong.each_invalid(f"{path}[{index}].type", pattern.type, names.qualified_name(pattern.type))
        _one_of(pattern.status, f"{path}[{index}].status", STATUSES, wrong)


def _success_rule(rule: batch_v1.SuccessPolicyRule, completions: int, path: str, wrong: Errors) -> None:
    if rule.succeeded_count is None and rule.succeeded_indexes is None:
        wrong.required(path, "at least one of succeededCount or succeededIndexes must be specified")
    named = 0
    if rule.succeeded_indexes is not None:
        place = f"{path}.succeededIndexes"
        if len(rule.succeeded_indexes.encode()) > job_indexes.TEXT_LENGTH_MAX:
            wrong.too_long(place, job_indexes.TEXT_LENGTH_MAX)
        try:
            named = job_indexes.count(rule.succeeded_indexes, completions)
        except ValueError as error:
            wrong.invalid(place, rule.succeeded_indexes, f"error parsing succeededIndexes: {error}")
    if rule.succeeded_count is None:
        return
    place = f"{path}.succeededCount"
    wrong.not_negative(place, rule.succeeded_count)
    if rule.succeeded_count > completions:
        detail = f"must be less than or equal to {completions} (the number of specified completions)"
        wrong.invalid(place, rule.succeeded_count, detail)
    if rule.succeeded_indexes is not None and rule.succeeded_count > named:
        detail = (
            f"must be less than or equal to {named} (the number of indexes in the specified succeededIndexes field)"
        )
        wrong.invalid(place, rule.succeeded_count, detail)
