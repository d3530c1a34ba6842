"""Priority: a pod's number and policy come from its PriorityClass. Source: Kubernetes' admission plugin Priority."""

from functools import lru_cache
from typing import Final

from k3py.model import codec
from k3py.model.generated import core_v1, scheduling_v1
from k3py.objects.admit.asked import Asked
from k3py.store.store import Store

CLASSES: Final = "priorityclasses"
PREEMPT: Final = "PreemptLowerPriority"
# A cluster has a handful; each is decoded once per version.
DECODED_MAX: Final = 128


def set_priority(asked: Asked) -> None:
    """Give a new pod its priority; without a class it gets the default one's, if there is one.

    Raises:
        Forbidden: there is no such class, or the pod says something else than its class.
    """
    spec: core_v1.PodSpec = asked.new.spec
    name = spec.priority_class_name
    found = _class_of(asked.store, name) if name else _default(asked.store)
    if found is None and name:
        raise asked.refusal(f"no PriorityClass with name {name} was found")
    if found is not None:
        spec.priority_class_name = found.metadata.name
    value = found.value if found is not None else 0
    policy = (found.preemption_policy if found is not None else None) or PREEMPT
    given = "must not be provided in pod spec; priority admission controller computed"
    if spec.priority is not None and spec.priority != value:
        raise asked.refusal(
            f"the integer value of priority ({spec.priority}) {given} {value} from the given PriorityClass name"
        )
    if spec.preemption_policy is not None and spec.preemption_policy != policy:
        raise asked.refusal(
            f"the string value of PreemptionPolicy ({spec.preemption_policy}) {given} {policy} from the given"
            " PriorityClass name"
        )
    spec.priority, spec.preemption_policy = value, policy


def _class_of(store: Store, name: str) -> scheduling_v1.PriorityClass | None:
    record = store.latest(CLASSES, "", name)
    return _decoded(record.raw) if record is not None else None


def _default(store: Store) -> scheduling_v1.PriorityClass | None:
    """The default class; of several the one with the lowest value."""
    classes = [_decoded(record.raw) for record in store.list_latest(CLASSES, None)]
    return min(
        (each for each in classes if each.global_default),
        key=lambda each: (each.value, each.metadata.name),
        default=None,
    )


@lru_cache(DECODED_MAX)
def _decoded(raw: bytes) -> scheduling_v1.PriorityClass:
    return codec.decode(scheduling_v1.PriorityClass, raw)
