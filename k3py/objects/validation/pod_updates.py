"""What an update of a pod may change: hardly anything beside labels and images."""

from typing import Final

from k3py.model import codec
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors

ONLY: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: core_v1.Pod, old: core_v1.Pod, wrong: Errors) -> None:
    """Refuse changes of what a pod was made with."""
    if (len(new.spec.containers), len(new.spec.init_containers)) != (
        len(old.spec.containers), len(old.spec.init_containers),
    ):  # fmt: skip
        word = "containers" if len(new.spec.containers) != len(old.spec.containers) else "initContainers"
        wrong.forbidden(f"spec.{word}", "pod updates may not add or remove containers")
        return
    for word, containers in (("containers", new.spec.containers), ("initContainers", new.spec.init_containers)):
        for index, container in enumerate(containers):
            if not container.image:
                wrong.required(f"spec.{word}[{index}].image")
    _deadline(new.spec, old.spec, wrong)
    gated = bool(old.spec.scheduling_gates)
    _gates(new.spec, old.spec, wrong)
    if new.spec == old.spec:
        return
    if _with_allowed(new.spec, old.spec, gated) != new.spec:
        wrong.forbidden("spec", ONLY)


def _deadline(new: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> None:
    before, after = old.active_deadline_seconds, new.active_deadline_seconds
    if before is None:
        return
    if after is None:
        wrong.invalid("spec.activeDeadlineSeconds", None, "must not update from a positive integer to nil value")
    elif after > before:
        wrong.invalid("spec.activeDeadlineSeconds", after, "must be less than or equal to previous value")


def _gates(new: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> None:
    known = {gate.name for gate in old.scheduling_gates}
    for index, gate in enumerate(new.scheduling_gates):
        if gate.name not in known:
            detail = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            wrong.forbidden(f"spec.schedulingGates[{index}].name", detail)


def _with_allowed(new: core_v1.PodSpec, old: core_v1.PodSpec, gated: bool) -> core_v1.PodSpec:
    """The old spec with those changes of the new one that are allowed."""
    spec = codec.decode(core_v1.PodSpec, codec.encode(old))
    for after, container in zip(new.containers, spec.containers, strict=True):
        container.image = after.image
    for after, container in zip(new.init_containers, spec.init_containers, strict=True):
        container.image = after.image
    spec.active_deadline_seconds = new.active_deadline_seconds
    spec.scheduling_gates = new.scheduling_gates
    if all(each in new.tolerations for each in old.tolerations):
        spec.tolerations = new.tolerations
    if (old.termination_grace_period_seconds or 0) < 0 and new.termination_grace_period_seconds == 1:
        spec.termination_grace_period_seconds = 1
    if gated:
        if old.node_selector.items() <= new.node_selector.items():
            spec.node_selector = new.node_selector
        spec.affinity = new.affinity
    return spec


def pod_status(new: core_v1.Pod, old: core_v1.Pod, wrong: Errors) -> None:
    """A status does not name another node than the spec."""
    if new.spec.node_name != old.spec.node_name:
        wrong.forbidden("spec.nodeName", "may not be changed directly")
