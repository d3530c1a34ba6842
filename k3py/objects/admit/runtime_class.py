"""RuntimeClass: what a runtime costs beside the containers, and where it is.

Source: Kubernetes' admission plugin RuntimeClass; "Pod Overhead", "Runtime Class".
"""

from collections.abc import Mapping
from typing import Final

from k3py.model import codec, quantity
from k3py.model.generated import core_v1, node_v1
from k3py.objects.admit.asked import Asked

CLASSES: Final = "runtimeclasses"


def add_runtime(asked: Asked) -> None:
    """Give a new pod the overhead, node selector and tolerations of its RuntimeClass.

    Raises:
        Forbidden: there is no such class, or the pod contradicts it.
    """
    spec: core_v1.PodSpec = asked.new.spec
    if spec.runtime_class_name is None:
        return
    found = _class_of(asked, spec.runtime_class_name)
    if found.overhead is not None:
        if spec.overhead and not _same(spec.overhead, found.overhead.pod_fixed):
            raise asked.refusal("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        spec.overhead = dict(found.overhead.pod_fixed)
    if found.scheduling is not None:
        _add_scheduling(asked, spec, found.scheduling)


def check_overhead(asked: Asked) -> None:
    """A pod has no overhead but its RuntimeClass's.

    Raises:
        Forbidden: it has.
    """
    spec: core_v1.PodSpec = asked.new.spec
    found = _class_of(asked, spec.runtime_class_name) if spec.runtime_class_name is not None else None
    if found is not None and found.overhead is not None:
        if not _same(spec.overhead, found.overhead.pod_fixed):
            raise asked.refusal("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    elif spec.overhead:
        raise asked.refusal("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")


def _class_of(asked: Asked, name: str) -> node_v1.RuntimeClass:
    record = asked.store.latest(CLASSES, "", name)
    if record is None:
        raise asked.refusal(f'pod rejected: RuntimeClass "{name}" not found')
    return codec.decode(node_v1.RuntimeClass, record.raw)


def _same(one: Mapping[str, str | int | float], other: Mapping[str, str | int | float]) -> bool:
    return one.keys() == other.keys() and all(quantity.nano(one[name]) == quantity.nano(other[name]) for name in one)


def _add_scheduling(asked: Asked, spec: core_v1.PodSpec, scheduling: node_v1.Scheduling) -> None:
    for key, value in sorted(scheduling.node_selector.items()):
        own = spec.node_selector.get(key, value)
        if own != value:
            raise asked.refusal(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
            )
        spec.node_selector[key] = value
    for toleration in scheduling.tolerations:
        if toleration not in spec.tolerations:
            spec.tolerations.append(toleration)
