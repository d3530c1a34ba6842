"""What an update of a pod may change: hardly anything beside labels and images. Source: ``ValidatePodUpdate``."""

from typing import Final

from k3py.model import codec, names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation import scheduling
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.pod_annotations import annotation_changes, annotations
from k3py.objects.validation.pods import SECONDS_MAX, pod

ONLY: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_ADDITIONS: Final = "only additions are allowed (no mutations or deletions)"


def pod_update(new: core_v1.Pod, old: core_v1.Pod, wrong: Errors) -> None:
    """Refuse changes of what a pod was made with."""
    changed_annotations(new, old, wrong)
    for word, after, before in (
        ("containers", new.spec.containers, old.spec.containers),
        ("initContainers", new.spec.init_containers, old.spec.init_containers),
    ):
        if len(after) != len(before):
            wrong.forbidden(f"spec.{word}", "pod updates may not add or remove containers")
            return
        _images(after, f"spec.{word}", wrong)
    if not _deadline(new.spec, old.spec, wrong):
        return
    _tolerations(new.spec, old.spec, wrong)
    _gates(new.spec, old.spec, wrong)
    if new.spec == old.spec:
        return
    munged = _munged(new.spec, old.spec)
    if old.spec.scheduling_gates:
        _gated(munged, old.spec, wrong)
    if munged != old.spec:
        wrong.forbidden("spec", ONLY)


def changed_annotations(new: core_v1.Pod, old: core_v1.Pod, wrong: Errors) -> None:
    """What annotations that pods know may become."""
    after, before = new.metadata.annotations, old.metadata.annotations
    if after or before:
        annotation_changes(after, before, "metadata.annotations", wrong)
        annotations(after, new.spec, "metadata.annotations", wrong)


def _images(found: list[core_v1.Container], path: str, wrong: Errors) -> None:
    for index, container in enumerate(found):
        if not container.image:
            wrong.required(f"{path}[{index}].image")
        if container.image != container.image.strip():
            detail = "must not have leading or trailing whitespace"
            wrong.invalid(f"{path}[{index}].image", container.image, detail)


def _deadline(new: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> bool:
    """A deadline may come, or come earlier. Returns whether the rest is worth a look."""
    before, after, path = old.active_deadline_seconds, new.active_deadline_seconds, "spec.activeDeadlineSeconds"
    if after is not None:
        if not 0 <= after <= SECONDS_MAX:
            wrong.invalid(path, after, f"must be between 0 and {SECONDS_MAX}, inclusive")
            return False
        if before is not None and after > before:
            wrong.invalid(path, after, "must be less than or equal to previous value")
            return False
    elif before is not None:
        wrong.invalid(path, None, "must not update from a positive integer to nil value")
    return True


def _tolerations(new: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> None:
    """Tolerations may come, and say another time; none goes."""
    after = {(each.key, each.operator, each.value, each.effect) for each in new.tolerations}
    if any((each.key, each.operator, each.value, each.effect) not in after for each in old.tolerations):
        wrong.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        return
    scheduling.tolerations(new.tolerations, "spec.tolerations", wrong)


def _gates(new: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> None:
    known = {gate.name for gate in old.scheduling_gates}
    for index, gate in enumerate(new.scheduling_gates):
        if gate.name not in known:
            detail = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            wrong.forbidden(f"spec.schedulingGates[{index}].name", detail)


def _munged(new: core_v1.PodSpec, old: core_v1.PodSpec) -> core_v1.PodSpec:
    """The new spec without those of its changes that are allowed."""
    spec = codec.decode(core_v1.PodSpec, codec.encode(new))
    for after, before in zip(
        (*spec.containers, *spec.init_containers), (*old.containers, *old.init_containers), strict=True
    ):
        after.image = before.image
    spec.active_deadline_seconds = old.active_deadline_seconds
    spec.scheduling_gates = old.scheduling_gates
    spec.tolerations = old.tolerations
    if (old.termination_grace_period_seconds or 0) < 0 and spec.termination_grace_period_seconds == 1:
        spec.termination_grace_period_seconds = old.termination_grace_period_seconds
    return spec


def _gated(munged: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> None:
    """A pod that waits may still be asked of fewer nodes."""
    if munged.node_selector != old.node_selector:
        if not old.node_selector.items() <= munged.node_selector.items():
            detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            wrong.invalid("spec.nodeSelector", munged.node_selector or None, detail)
        munged.node_selector = old.node_selector
    before = old.affinity.node_affinity if old.affinity is not None else None
    after = munged.affinity.node_affinity if munged.affinity is not None else None
    if before == after:
        return
    _node_affinity(after, before, wrong)
    if munged.affinity is None:
        munged.affinity = core_v1.Affinity(node_affinity=before)
    elif old.affinity is None and munged.affinity == core_v1.Affinity(node_affinity=after):
        munged.affinity = None
    else:
        munged.affinity.node_affinity = before


def _node_affinity(after: core_v1.NodeAffinity | None, before: core_v1.NodeAffinity | None, wrong: Errors) -> None:
    """Terms stay as many as they are, and requirements are only added to them."""
    required = before.required_during_scheduling_ignored_during_execution if before is not None else None
    if required is None or not required.node_selector_terms:
        return
    wanted = after.required_during_scheduling_ignored_during_execution if after is not None else None
    terms = wanted.node_selector_terms if wanted is not None else []
    path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    if len(terms) != len(required.node_selector_terms):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        wrong.invalid(path, go_names(terms), detail)
        return
    for index, (new, old) in enumerate(zip(terms, required.node_selector_terms, strict=True)):
        if not _only_more(new, old):
            wrong.invalid(f"{path}[{index}]", go_names(new), _ADDITIONS)


def _only_more(new: core_v1.NodeSelectorTerm, old: core_v1.NodeSelectorTerm) -> bool:
    if not old.match_expressions and not old.match_fields:
        return not new.match_expressions and not new.match_fields
    return (
        new.match_expressions[: len(old.match_expressions)] == old.match_expressions
        and new.match_fields[: len(old.match_fields)] == old.match_fields
    )


def ephemeral_update(new: core_v1.Pod, old: core_v1.Pod, wrong: Errors) -> None:
    """Ephemeral containers come; none goes or changes."""
    if "kubernetes.io/config.mirror" in old.metadata.annotations:
        wrong.causes.clear()
        wrong.forbidden("", "static pods do not support ephemeral containers")
        return
    pod(new, wrong)
    changed_annotations(new, old, wrong)
    by_name = {each.name: each for each in new.spec.ephemeral_containers}
    for each in old.spec.ephemeral_containers:
        after = by_name.get(each.name)
        if after is None:
            detail = f'existing ephemeral containers "{each.name}" may not be removed\n'
            wrong.forbidden("spec.ephemeralContainers", detail)
        elif after != each:
            detail = f'existing ephemeral containers "{each.name}" may not be changed\n'
            wrong.forbidden("spec.ephemeralContainers", detail)


def node_name(name: str, path: str, wrong: Errors) -> None:
    """A name that a node could have."""
    wrong.each_invalid(path, name, names.dns_1123_subdomain(name))
