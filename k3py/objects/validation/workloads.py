"""Checks of deployments and replica sets."""

import re
from typing import Any, Final

from k3py.model.generated import apps_v1, core_v1, meta_v1
from k3py.model.selectors import from_struct
from k3py.objects.fields import Errors
from k3py.objects.meta import check_annotations, check_finalizers, check_labels
from k3py.objects.validation.pods import pod_spec, template_warnings
from k3py.objects.validation.scheduling import label_selector

_PERCENT: Final = re.compile("[0-9]+%", re.ASCII)
_PERCENT_RULE: Final = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for"
    " validation is '[0-9]+%')"
)
_MISMATCH: Final = "`selector` does not match template `labels`"


def deployment(obj: apps_v1.Deployment, wrong: Errors) -> None:
    """A Deployment's spec."""
    spec = obj.spec
    wrong.not_negative("spec.replicas", spec.replicas)
    _selector(spec.selector, wrong)
    _template(spec.template, spec.selector, wrong)
    _strategy(spec.strategy, wrong)
    wrong.not_negative("spec.minReadySeconds", spec.min_ready_seconds)
    wrong.not_negative("spec.revisionHistoryLimit", spec.revision_history_limit)
    deadline = spec.progress_deadline_seconds
    wrong.not_negative("spec.progressDeadlineSeconds", deadline)
    if deadline is not None and deadline <= spec.min_ready_seconds:
        wrong.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def deployment_update(new: apps_v1.Deployment, old: apps_v1.Deployment, wrong: Errors) -> None:
    """The selector stays."""
    wrong.immutable("spec.selector", new.spec.selector, old.spec.selector)


def deployment_status(new: apps_v1.Deployment, old: apps_v1.Deployment, wrong: Errors) -> None:
    """Numbers fit together."""
    status = new.status
    for name, value in (
        ("observedGeneration", status.observed_generation),
        ("replicas", status.replicas),
        ("updatedReplicas", status.updated_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
        ("unavailableReplicas", status.unavailable_replicas),
    ):
        wrong.not_negative(f"status.{name}", value)
    _not_more("updatedReplicas", status.updated_replicas, "replicas", status.replicas, wrong)
    _not_more("readyReplicas", status.ready_replicas, "replicas", status.replicas, wrong)
    _not_more("availableReplicas", status.available_replicas, "replicas", status.replicas, wrong)
    _not_more("availableReplicas", status.available_replicas, "readyReplicas", status.ready_replicas, wrong)
    if (status.collision_count or 0) < (old.status.collision_count or 0):
        wrong.invalid("status.collisionCount", status.collision_count, "cannot be decremented")


def replica_set(obj: apps_v1.ReplicaSet, wrong: Errors) -> None:
    """A ReplicaSet's spec."""
    spec = obj.spec
    wrong.not_negative("spec.replicas", spec.replicas)
    wrong.not_negative("spec.minReadySeconds", spec.min_ready_seconds)
    _selector(spec.selector, wrong)
    _template(spec.template, spec.selector, wrong)


def replica_set_update(new: apps_v1.ReplicaSet, old: apps_v1.ReplicaSet, wrong: Errors) -> None:
    """The selector stays."""
    wrong.immutable("spec.selector", new.spec.selector, old.spec.selector)


def replica_set_status(new: apps_v1.ReplicaSet, old: apps_v1.ReplicaSet, wrong: Errors) -> None:
    """Numbers fit together."""
    del old
    status = new.status
    for name, value in (
        ("replicas", status.replicas),
        ("fullyLabeledReplicas", status.fully_labeled_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
        ("observedGeneration", status.observed_generation),
    ):
        wrong.not_negative(f"status.{name}", value)
    _not_more("fullyLabeledReplicas", status.fully_labeled_replicas, "replicas", status.replicas, wrong)
    _not_more("readyReplicas", status.ready_replicas, "replicas", status.replicas, wrong)
    _not_more("availableReplicas", status.available_replicas, "replicas", status.replicas, wrong)
    _not_more("availableReplicas", status.available_replicas, "readyReplicas", status.ready_replicas, wrong)


def warnings(obj: Any) -> list[str]:
    """What kubectl shows of a template that works but should not be written so."""
    return template_warnings(obj.spec.template.spec, "spec.template.spec")


def _not_more(name: str, value: int, bound: str, maximum: int, wrong: Errors) -> None:
    if value > maximum:
        shown = "status.replicas" if bound == "replicas" else bound
        wrong.invalid(f"status.{name}", value, f"cannot be greater than {shown}")


def _selector(selector: meta_v1.LabelSelector | None, wrong: Errors) -> None:
    if selector is None:
        wrong.required("spec.selector")
        return
    label_selector(selector, "spec.selector", wrong)
    if not selector.match_labels and not selector.match_expressions:
        wrong.invalid("spec.selector", selector, "empty selector is invalid for deployment")


def _template(template: core_v1.PodTemplateSpec, selector: meta_v1.LabelSelector | None, wrong: Errors) -> None:
    path, meta = "spec.template", template.metadata
    if selector is None or _is_fit(selector):
        compiled = from_struct(selector)
        if selector is None or ((selector.match_labels or selector.match_expressions)
                                and not compiled.matches(meta.labels)):  # fmt: skip
            wrong.invalid(f"{path}.metadata.labels", meta.labels or None, _MISMATCH)
    check_labels(f"{path}.labels", meta.labels, wrong)
    check_annotations(f"{path}.annotations", meta.annotations, wrong)
    check_finalizers(f"{path}.finalizers", meta.finalizers, wrong)
    pod_spec(template.spec, meta, f"{path}.spec", wrong)
    if template.spec.ephemeral_containers:
        wrong.forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")
    if template.spec.restart_policy and template.spec.restart_policy != "Always":
        wrong.unsupported(f"{path}.spec.restartPolicy", template.spec.restart_policy, ("Always",))
    if template.spec.active_deadline_seconds is not None:
        wrong.forbidden(f"{path}.spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported")


def _is_fit(selector: meta_v1.LabelSelector) -> bool:
    try:
        from_struct(selector)
    except ValueError:
        return False
    return True


def _strategy(strategy: apps_v1.DeploymentStrategy, wrong: Errors) -> None:
    path = "spec.strategy"
    if strategy.type == "Recreate":
        if strategy.rolling_update is not None:
            wrong.forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif strategy.type == "RollingUpdate":
        rolling = strategy.rolling_update
        if rolling is None:
            wrong.required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")
            return
        unavailable, surge = rolling.max_unavailable, rolling.max_surge
        _count_or_percent(f"{path}.rollingUpdate.maxUnavailable", unavailable, wrong)
        _count_or_percent(f"{path}.rollingUpdate.maxSurge", surge, wrong)
        if _is_zero(unavailable) and _is_zero(surge):
            wrong.invalid(f"{path}.rollingUpdate.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
        _at_most_all(f"{path}.rollingUpdate.maxUnavailable", unavailable, wrong)
    else:
        shown = {"Type": strategy.type, "RollingUpdate": strategy.rolling_update}
        wrong.unsupported(path, shown, ("Recreate", "RollingUpdate"))


def _count_or_percent(path: str, value: int | str | None, wrong: Errors) -> None:
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            wrong.invalid(path, value, _PERCENT_RULE)
    else:
        wrong.not_negative(path, value)


def _is_zero(value: int | str | None) -> bool:
    if isinstance(value, str):
        return bool(_PERCENT.fullmatch(value)) and int(value[:-1]) == 0
    return value in (0, None)


def _at_most_all(path: str, value: int | str | None, wrong: Errors) -> None:
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        wrong.invalid(path, value, "must not be greater than 100%")
