"""What ``pods/resize`` may change: cpu and memory of containers that keep running. Source: ``ValidatePodResize``."""

from typing import Final

from k3py.model import codec
from k3py.model.generated import core_v1
from k3py.objects.defaults.pods import keep_metadata_and_status
from k3py.objects.fields import Errors
from k3py.objects.qos import qos_class
from k3py.objects.validation.pods import pod

_RESIZABLE: Final = ("cpu", "memory")
_MIRROR: Final = "kubernetes.io/config.mirror"


def keep_all_but_resources(new: core_v1.Pod, old: core_v1.Pod) -> None:
    """The new pod is the old one with the new resources; other containers are left for ``resize`` to refuse."""
    keep_metadata_and_status(new, old)
    after = new.spec
    if (len(after.containers), len(after.init_containers)) != (
        len(old.spec.containers), len(old.spec.init_containers),
    ):  # fmt: skip
        return
    spec = codec.decode(core_v1.PodSpec, codec.encode(old.spec))
    spec.containers = _merged(after.containers, spec.containers)
    spec.init_containers = _merged(after.init_containers, spec.init_containers)
    spec.resources = after.resources
    new.spec = spec


def _merged(new: list[core_v1.Container], old: list[core_v1.Container]) -> list[core_v1.Container]:
    if [each.name for each in new] != [each.name for each in old]:
        return new
    for after, before in zip(new, old, strict=True):
        before.resources, before.resize_policy = after.resources, after.resize_policy
    return old


def resize(new: core_v1.Pod, old: core_v1.Pod, wrong: Errors) -> None:
    """What is wrong with a pod whose resources are new."""
    unfit = _unfit(old)
    if unfit:
        wrong.causes.clear()
        wrong.forbidden("", unfit)
        return
    pod(new, wrong)
    if old.status.qos_class != qos_class(new.spec):
        wrong.invalid("spec", new.status.qos_class, "Pod QOS Class may not change as a result of resizing")
    if not _is_supported(old):
        wrong.forbidden("spec", "Pod running on node without support for resize")
    if (len(new.spec.containers), len(new.spec.init_containers)) != (
        len(old.spec.containers), len(old.spec.init_containers),
    ):  # fmt: skip
        wrong.forbidden("spec", "only cpu and memory resources are mutable")
        return
    _pod_level(new.spec, old.spec, wrong)
    _containers(new.spec, old.spec, wrong)


def _unfit(pod: core_v1.Pod) -> str:
    """Why a pod cannot be resized at all."""
    if _MIRROR in pod.metadata.annotations:
        return "static pods cannot be resized"
    if pod.spec.os is not None and pod.spec.os.name == "windows":
        return "windows pods cannot be resized"
    return ""


def _is_supported(pod: core_v1.Pod) -> bool:
    """A node that can resize says what running containers have."""
    for status in pod.status.container_statuses:
        if status.state.running is not None:
            return status.resources is not None
    return True


def _containers(new: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> None:
    munged = codec.decode(core_v1.PodSpec, codec.encode(new))
    for index, before in enumerate(old.init_containers):
        if before.restart_policy == "Always":
            path = f"spec.initContainers[{index}].resources"
            _nothing_removed(new.init_containers[index].resources, before.resources, path, wrong)
    for index, before in enumerate(old.containers):
        path = f"spec.containers[{index}].resources"
        _nothing_removed(new.containers[index].resources, before.resources, path, wrong)
    for after, before in zip(munged.containers, old.containers, strict=True):
        _take_back(after.resources, before.resources)
        if after != before:
            wrong.forbidden("spec", "only cpu and memory resources are mutable")
    for after, before in zip(munged.init_containers, old.init_containers, strict=True):
        if before.restart_policy == "Always":
            _take_back(after.resources, before.resources)
            if after != before:
                wrong.forbidden("spec", "only cpu and memory resources for sidecar containers are mutable")
        elif after != before:
            wrong.forbidden("spec", "resources for non-sidecar init containers are immutable")
    munged.resources = old.resources
    if not wrong and munged != old:
        wrong.forbidden("spec", "only cpu and memory resources are mutable")


def _pod_level(new: core_v1.PodSpec, old: core_v1.PodSpec, wrong: Errors) -> None:
    before, after = old.resources or core_v1.ResourceRequirements(), new.resources or core_v1.ResourceRequirements()
    _nothing_removed(after, before, "spec.resources", wrong)
    munged = codec.decode(core_v1.ResourceRequirements, codec.encode(after))
    _take_back(munged, before)
    if munged != before:
        wrong.forbidden("spec", "only cpu and memory resources are mutable")


def _nothing_removed(
    after: core_v1.ResourceRequirements, before: core_v1.ResourceRequirements, path: str, wrong: Errors
) -> None:
    if not before.requests.keys() <= after.requests.keys():
        wrong.forbidden(f"{path}.requests", "resource requests cannot be removed")
    if not before.limits.keys() <= after.limits.keys():
        wrong.forbidden(f"{path}.limits", "resource limits cannot be removed")


def _take_back(new: core_v1.ResourceRequirements, old: core_v1.ResourceRequirements) -> None:
    """Undo, in place, what may change."""
    for after, before in ((new.limits, old.limits), (new.requests, old.requests)):
        for name in _RESIZABLE:
            if name in before:
                after[name] = before[name]
            else:
                after.pop(name, None)
