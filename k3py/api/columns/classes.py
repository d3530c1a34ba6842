"""Priority classes and runtime classes.

Names, order and cells are those of Kubernetes' ``pkg/printers/internalversion``.
"""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import AGE, NAME, Column, Columns, age
from k3py.api.columns.described import meaning
from k3py.model.generated import node_v1, scheduling_v1
from k3py.model.struct import Wire


def _priority_class(found: scheduling_v1.PriorityClass, now: float) -> list[Any]:
    return [found.metadata.name, found.value, found.global_default, age(found.metadata, now), found.preemption_policy]


def _runtime_class(found: node_v1.RuntimeClass, now: float) -> list[Any]:
    return [found.metadata.name, found.handler, age(found.metadata, now)]


PRIORITY_CLASSES = Columns(
    (
        NAME,
        Column("Value", type="integer", description=meaning(scheduling_v1.PriorityClass, "value")),
        Column("Global-Default", type="boolean", description=meaning(scheduling_v1.PriorityClass, "globalDefault")),
        AGE,
        Column("PreemptionPolicy", description=meaning(scheduling_v1.PriorityClass, "preemptionPolicy")),
    ),
    _priority_class,
)
RUNTIME_CLASSES = Columns((NAME, Column("Handler"), AGE), _runtime_class)

COLUMNS: Mapping[type[Wire], Columns] = {
    scheduling_v1.PriorityClass: PRIORITY_CLASSES,
    node_v1.RuntimeClass: RUNTIME_CLASSES,
}
