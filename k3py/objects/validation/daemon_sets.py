"""Checks of DaemonSets and ControllerRevisions. Source: Kubernetes ``pkg/apis/apps/validation``."""

from typing import Final

from k3py.model.generated import apps_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.percentages import amount, at_most_all, count_or_percent
from k3py.objects.validation.scheduling import label_selector
from k3py.objects.validation.templates import (
    compiled,
    is_empty,
    labels_match,
    only_always,
    pod_template,
    warnings_of,
)
from k3py.objects.validation.workloads import none_negative, not_decremented

STRATEGIES: Final = ("RollingUpdate", "OnDelete")


def daemon_set(obj: apps_v1.DaemonSet, wrong: Errors) -> None:
    """A DaemonSet's spec."""
    spec = obj.spec
    if spec.selector is not None:
        label_selector(spec.selector, "spec.selector", wrong)
    found = compiled(spec.selector)
    if found is not None:
        labels_match(found, spec.template, "spec.template", wrong)
    if spec.selector is not None and is_empty(spec.selector):
        wrong.invalid("spec.selector", spec.selector, "empty selector is invalid for daemonset")
    pod_template(spec.template, "spec.template", wrong)
    only_always(spec.template, "spec.template", "DaemonSet", wrong)
    wrong.not_negative("spec.minReadySeconds", spec.min_ready_seconds)
    _update_strategy(spec.update_strategy, wrong)
    wrong.not_negative("spec.revisionHistoryLimit", spec.revision_history_limit)


def daemon_set_update(new: apps_v1.DaemonSet, old: apps_v1.DaemonSet, wrong: Errors) -> None:
    """The selector stays. Kubernetes looks at the spec twice, and its causes say so."""
    daemon_set(new, wrong)
    wrong.immutable("spec.selector", new.spec.selector, old.spec.selector)


def daemon_set_status(new: apps_v1.DaemonSet, old: apps_v1.DaemonSet, wrong: Errors) -> None:
    """No number is negative."""
    status = new.status
    none_negative(
        (
            ("currentNumberScheduled", status.current_number_scheduled),
            ("numberMisscheduled", status.number_misscheduled),
            ("desiredNumberScheduled", status.desired_number_scheduled),
            ("numberReady", status.number_ready),
            ("observedGeneration", status.observed_generation),
            ("updatedNumberScheduled", status.updated_number_scheduled),
            ("numberAvailable", status.number_available),
            ("numberUnavailable", status.number_unavailable),
            ("collisionCount", status.collision_count),
        ),
        wrong,
    )
    not_decremented(status.collision_count, old.status.collision_count, wrong)


def warnings(obj: apps_v1.DaemonSet) -> list[str]:
    """What the user should hear of a new DaemonSet."""
    return warnings_of(obj.spec.template, "spec.template")


def controller_revision(obj: apps_v1.ControllerRevision, wrong: Errors) -> None:
    """It keeps something, under a number."""
    if obj.data is None:
        wrong.required("data", "data is mandatory")
    wrong.not_negative("revision", obj.revision)


def controller_revision_update(new: apps_v1.ControllerRevision, old: apps_v1.ControllerRevision, wrong: Errors) -> None:
    """What it keeps stays."""
    wrong.immutable("data", new.data, old.data)


def _update_strategy(strategy: apps_v1.DaemonSetUpdateStrategy, wrong: Errors) -> None:
    path, rolling = "spec.updateStrategy", strategy.rolling_update
    if strategy.type == "OnDelete":
        return
    if strategy.type != "RollingUpdate":
        wrong.unsupported(path, go_names(strategy), STRATEGIES)
        return
    path = f"{path}.rollingUpdate"
    if rolling is None:
        wrong.required(path)
        return
    unavailable, surge = rolling.max_unavailable, rolling.max_surge
    for check in (count_or_percent, at_most_all):
        check(f"{path}.maxUnavailable", unavailable, wrong)
        check(f"{path}.maxSurge", surge, wrong)
    if amount(unavailable) and amount(surge):
        wrong.invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    elif not amount(unavailable) and not amount(surge):
        wrong.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")
