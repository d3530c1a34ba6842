"""Checks of priority classes and runtime classes.

Source: Kubernetes ``pkg/apis/scheduling/validation`` and ``pkg/apis/node/validation``.
"""

from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, node_v1, scheduling_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.resources import overhead
from k3py.objects.validation.scheduling import labels, tolerations

PRIORITY_MAX: Final = 1_000_000_000
SYSTEM_PREFIX: Final = "system-"
SYSTEM_CLASSES: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
PREEMPTION_POLICIES: Final = ("PreemptLowerPriority", "Never")


def new_priority_class(obj: scheduling_v1.PriorityClass, wrong: Errors) -> None:
    """Highest priorities and their names are the system's own. Of a change only the change itself is looked at."""
    name = obj.metadata.name
    if name.startswith(SYSTEM_PREFIX):
        if why := _not_known(obj):
            reserved = f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only"
            wrong.forbidden("metadata.name", f"{reserved}. error: {why}")
    elif obj.value > PRIORITY_MAX:
        wrong.forbidden("value", f"maximum allowed value of a user defined priority is {PRIORITY_MAX}")
    if obj.preemption_policy is not None and obj.preemption_policy not in PREEMPTION_POLICIES:
        wrong.unsupported("preemptionPolicy", obj.preemption_policy, PREEMPTION_POLICIES)


def _not_known(obj: scheduling_v1.PriorityClass) -> str:
    name = obj.metadata.name
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    if obj.value != SYSTEM_CLASSES[name]:
        return f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if obj.global_default else ""


def priority_class_update(new: scheduling_v1.PriorityClass, old: scheduling_v1.PriorityClass, wrong: Errors) -> None:
    """Value and policy stay."""
    if new.value != old.value:
        wrong.forbidden("value", "may not be changed in an update.")
    wrong.immutable("preemptionPolicy", new.preemption_policy, old.preemption_policy)


def runtime_class(obj: node_v1.RuntimeClass, wrong: Errors) -> None:
    """Everything that is wrong with a runtime class."""
    wrong.needs("handler", obj.handler, names.dns_1123_label)
    if obj.overhead is not None:
        overhead(obj.overhead.pod_fixed, "overhead", wrong)
    if obj.scheduling is not None:
        labels("scheduling.nodeSelector", obj.scheduling.node_selector, wrong)
        found = obj.scheduling.tolerations
        tolerations(found, "scheduling.tolerations", wrong)
        for index, each in enumerate(found):
            if _key(each) in map(_key, found[:index]):
                wrong.duplicate(f"scheduling.tolerations[{index}]", go_names(each))


def _key(toleration: core_v1.Toleration) -> tuple[str, ...]:
    """What makes a toleration another one: everything but how long it lasts."""
    return toleration.key, toleration.operator, toleration.value, toleration.effect


def runtime_class_update(new: node_v1.RuntimeClass, old: node_v1.RuntimeClass, wrong: Errors) -> None:
    """The handler stays."""
    wrong.immutable("handler", new.handler, old.handler)
