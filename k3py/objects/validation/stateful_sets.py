"""Checks of StatefulSets. Source: Kubernetes ``pkg/apis/apps/validation``."""

from typing import Final

import msgspec

from k3py.model import codec, names
from k3py.model.generated import apps_v1, core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.claims import claim_spec, claim_spec_warnings
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.percentages import amount, at_most_all, count_or_percent
from k3py.objects.validation.templates import (
    compiled,
    labels_match,
    only_always,
    own_selector,
    pod_template,
    warnings_of,
)
from k3py.objects.validation.workloads import none_negative, not_decremented, not_more

MANAGEMENT_POLICIES: Final = ("OrderedReady", "Parallel")
RETENTION_POLICIES: Final = ("Retain", "Delete")
# What a change of the spec may change.
_MUTABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "update_strategy",
    "revision_history_limit",
    "persistent_volume_claim_retention_policy",
    "min_ready_seconds",
)
_IMMUTABLE_REST: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy',"
    " 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_ENDLESS_HISTORY: Final = (
    "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
)


def stateful_set(obj: apps_v1.StatefulSet, wrong: Errors) -> None:
    """A StatefulSet's spec."""
    spec = obj.spec
    if not spec.pod_management_policy:
        wrong.required("spec.podManagementPolicy")
    elif spec.pod_management_policy not in MANAGEMENT_POLICIES:
        wrong.invalid("spec.podManagementPolicy", spec.pod_management_policy, "must be 'OrderedReady' or 'Parallel'")
    _update_strategy(spec.update_strategy, wrong)
    _retention(spec.persistent_volume_claim_retention_policy, wrong)
    wrong.not_negative("spec.replicas", spec.replicas)
    wrong.not_negative("spec.minReadySeconds", spec.min_ready_seconds)
    if spec.ordinals is not None:
        wrong.not_negative("spec.ordinals.start", spec.ordinals.start)
    own_selector(spec.selector, "spec.selector", "statefulset", wrong)
    found = compiled(spec.selector)
    if found is None:
        wrong.invalid("spec.selector", spec.selector, "")
    else:
        labels_match(found, spec.template, "spec.template", wrong)
        pod_template(_with_claims(spec), "spec.template", wrong)
    only_always(spec.template, "spec.template", "StatefulSet", wrong)


def new_stateful_set(obj: apps_v1.StatefulSet, wrong: Errors) -> None:
    """What was allowed once, and is no more: objects that have it keep it."""
    for index, claim in enumerate(obj.spec.volume_claim_templates):
        claim_spec(claim.spec, f"spec.volumeClaimTemplates[{index}].spec", wrong)
    if obj.spec.service_name:
        said = names.dns_1123_label(obj.spec.service_name)
        wrong.each_invalid("spec.serviceName", obj.spec.service_name, said)


def stateful_set_update(new: apps_v1.StatefulSet, old: apps_v1.StatefulSet, wrong: Errors) -> None:
    """What pods and claims are named after stays."""
    fields = [each for each in new.spec.__struct_fields__ if each not in _MUTABLE]
    if any(getattr(new.spec, each) != getattr(old.spec, each) for each in fields):
        wrong.forbidden("spec", _IMMUTABLE_REST)


def stateful_set_status(new: apps_v1.StatefulSet, old: apps_v1.StatefulSet, wrong: Errors) -> None:
    """Numbers fit together."""
    status = new.status
    none_negative(
        (
            ("replicas", status.replicas),
            ("readyReplicas", status.ready_replicas),
            ("currentReplicas", status.current_replicas),
            ("updatedReplicas", status.updated_replicas),
            ("availableReplicas", status.available_replicas),
            ("observedGeneration", status.observed_generation),
            ("collisionCount", status.collision_count),
        ),
        wrong,
    )
    not_more("readyReplicas", status.ready_replicas, "status.replicas", status.replicas, wrong)
    not_more("currentReplicas", status.current_replicas, "status.replicas", status.replicas, wrong)
    not_more("updatedReplicas", status.updated_replicas, "status.replicas", status.replicas, wrong)
    not_more("availableReplicas", status.available_replicas, "status.replicas", status.replicas, wrong)
    not_more("availableReplicas", status.available_replicas, "status.readyReplicas", status.ready_replicas, wrong)
    not_decremented(status.collision_count, old.status.collision_count, wrong)


def warnings(obj: apps_v1.StatefulSet) -> list[str]:
    """What the user should hear of a new StatefulSet."""
    said = warnings_of(obj.spec.template, "spec.template") + _claim_warnings(obj, "")
    return said + _history_warnings(obj)


def update_warnings(new: apps_v1.StatefulSet, old: apps_v1.StatefulSet) -> list[str]:
    """What the user should hear of a change."""
    changed = new.metadata.generation != old.metadata.generation
    said = warnings_of(new.spec.template, "spec.template") if changed else []
    return said + _claim_warnings(new, ".Spec") + _history_warnings(new)


def _claim_warnings(obj: apps_v1.StatefulSet, suffix: str) -> list[str]:
    """Kubernetes calls the place of a claim otherwise when it was changed: ``suffix``."""
    said: list[str] = []
    for index, claim in enumerate(obj.spec.volume_claim_templates):
        said += claim_spec_warnings(claim.spec, f"spec.volumeClaimTemplates[{index}]{suffix}")
    return said


def _history_warnings(obj: apps_v1.StatefulSet) -> list[str]:
    limit = obj.spec.revision_history_limit
    return [_ENDLESS_HISTORY] if limit is not None and limit < 0 else []


def _with_claims(spec: apps_v1.StatefulSetSpec) -> core_v1.PodTemplateSpec:
    """The template as pods will have it: with a volume for each claim that they bring along."""
    if not spec.volume_claim_templates:
        return spec.template
    template = codec.decode(core_v1.PodTemplateSpec, codec.encode(spec.template))
    present = {each.name for each in template.spec.volumes}
    for claim in spec.volume_claim_templates:
        if claim.metadata.name not in present:
            source = core_v1.PersistentVolumeClaimVolumeSource(claim_name=claim.metadata.name)
            template.spec.volumes.append(
                core_v1.Volume(name=claim.metadata.name, persistent_volume_claim=source)
            )  # fmt: skip
    return template


def _update_strategy(strategy: apps_v1.StatefulSetUpdateStrategy, wrong: Errors) -> None:
    path, rolling = "spec.updateStrategy", strategy.rolling_update
    if not strategy.type:
        wrong.required(path)
    elif strategy.type == "OnDelete":
        if rolling is not None:
            shown = go_names(msgspec.structs.replace(rolling, partition=rolling.partition or 0))
            wrong.invalid(f"{path}.rollingUpdate", shown, "only allowed for updateStrategy 'RollingUpdate'")
    elif strategy.type != "RollingUpdate":
        wrong.invalid(path, go_names(strategy), "must be 'RollingUpdate' or 'OnDelete'")
    elif rolling is not None:
        path = f"{path}.rollingUpdate"
        wrong.not_negative(f"{path}.partition", rolling.partition)
        if rolling.max_unavailable is not None:
            count_or_percent(f"{path}.maxUnavailable", rolling.max_unavailable, wrong)
            if amount(rolling.max_unavailable) == 0:
                wrong.invalid(f"{path}.maxUnavailable", rolling.max_unavailable, "cannot be 0")
            at_most_all(f"{path}.maxUnavailable", rolling.max_unavailable, wrong)


def _retention(policy: apps_v1.StatefulSetPersistentVolumeClaimRetentionPolicy | None, wrong: Errors) -> None:
    if policy is None:
        return
    path = "spec.persistentVolumeClaimRetentionPolicy"
    for name, value in (("whenDeleted", policy.when_deleted), ("whenScaled", policy.when_scaled)):
        if value not in RETENTION_POLICIES:
            wrong.unsupported(f"{path}.{name}", value, RETENTION_POLICIES)
