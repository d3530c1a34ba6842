"""Metrics as metrics-server shows them: a column per resource, and how long was measured."""

from collections.abc import Iterable, Mapping
from typing import Any

from k3py.api.columns.column import Column, Columns
from k3py.model.metrics import NodeMetrics, PodMetrics
from k3py.model.quantity import total
from k3py.model.struct import Quantity, Wire

_COLUMNS = (
    Column("Name", format="name", description="Name of the resource"),
    Column("cpu", format="quantity"),
    Column("memory", format="quantity"),
    Column("Window", format="duration"),
)


def _row(name: str, window: str, usages: Iterable[Mapping[str, Quantity]]) -> list[Any]:
    used = list(usages)
    return [name, *(total(each.get(resource, "0") for each in used) for resource in ("cpu", "memory")), window]


COLUMNS: Mapping[type[Wire], Columns] = {
    NodeMetrics: Columns(_COLUMNS, lambda node, now: _row(node.metadata.name, node.window, [node.usage])),
    PodMetrics: Columns(
        _COLUMNS, lambda pod, now: _row(pod.metadata.name, pod.window, [each.usage for each in pod.containers])
    ),
}
