"""Metrics as annotations of autoscaling/v1 objects hold them: JSON of types that only that version has.

Names, order of fields and what an absent field means are those of Kubernetes' ``pkg/apis/autoscaling/v1``.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec

from k3py.model import codec
from k3py.model.generated import autoscaling_v2
from k3py.model.struct import Wire
from k3py.objects.normalise import normalise

T = TypeVar("T", bound=Wire)
Plain = dict[str, Any]


class _Absent(Enum):
    """What stands for a value that is not there."""

    LEFT_OUT = 0
    EMPTY = 1
    ZERO = 2


_OUT, _EMPTY, _ZERO = _Absent.LEFT_OUT, _Absent.EMPTY, _Absent.ZERO
# Field of a source in autoscaling/v1 -> where it is in autoscaling/v2, and what v1 writes when it is not.
_Fields = Mapping[str, tuple[str, _Absent]]
_SPECS: Final[Mapping[str, _Fields]] = {
    "object": {
        "target": ("describedObject", _OUT),
        "metricName": ("metric.name", _EMPTY),
        "targetValue": ("target.value", _ZERO),
        "selector": ("metric.selector", _OUT),
        "averageValue": ("target.averageValue", _OUT),
    },
    "pods": {
        "metricName": ("metric.name", _EMPTY),
        "targetAverageValue": ("target.averageValue", _ZERO),
        "selector": ("metric.selector", _OUT),
    },
    "resource": {
        "name": ("name", _EMPTY),
        "targetAverageUtilization": ("target.averageUtilization", _OUT),
        "targetAverageValue": ("target.averageValue", _OUT),
    },
    "containerResource": {
        "name": ("name", _EMPTY),
        "targetAverageUtilization": ("target.averageUtilization", _OUT),
        "targetAverageValue": ("target.averageValue", _OUT),
        "container": ("container", _EMPTY),
    },
    "external": {
        "metricName": ("metric.name", _EMPTY),
        "metricSelector": ("metric.selector", _OUT),
        "targetValue": ("target.value", _OUT),
        "targetAverageValue": ("target.averageValue", _OUT),
    },
}
_STATUSES: Final[Mapping[str, _Fields]] = {
    "object": {
        "target": ("describedObject", _OUT),
        "metricName": ("metric.name", _EMPTY),
        "currentValue": ("current.value", _ZERO),
        "selector": ("metric.selector", _OUT),
        "averageValue": ("current.averageValue", _OUT),
    },
    "pods": {
        "metricName": ("metric.name", _EMPTY),
        "currentAverageValue": ("current.averageValue", _ZERO),
        "selector": ("metric.selector", _OUT),
    },
    "resource": {
        "name": ("name", _EMPTY),
        "currentAverageUtilization": ("current.averageUtilization", _OUT),
        "currentAverageValue": ("current.averageValue", _ZERO),
    },
    "containerResource": {
        "name": ("name", _EMPTY),
        "currentAverageUtilization": ("current.averageUtilization", _OUT),
        "currentAverageValue": ("current.averageValue", _ZERO),
        "container": ("container", _EMPTY),
    },
    "external": {
        "metricName": ("metric.name", _EMPTY),
        "metricSelector": ("metric.selector", _OUT),
        "currentValue": ("current.value", _ZERO),
        "currentAverageValue": ("current.averageValue", _OUT),
    },
}


def go_json(value: Any) -> str:
    """JSON as Go writes it: characters that HTML gives a meaning are escaped."""
    text = codec.encode(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def written_specs(metrics: Sequence[autoscaling_v2.MetricSpec]) -> str:
    """Metrics as the annotation holds them."""
    return go_json([_old(codec.to_plain(each), _SPECS) for each in metrics])


def written_statuses(metrics: Sequence[autoscaling_v2.MetricStatus]) -> str:
    """What metrics were, as the annotation holds them."""
    return go_json([_old(codec.to_plain(each), _STATUSES) for each in metrics])


def read_specs(text: str) -> list[autoscaling_v2.MetricSpec] | None:
    """Metrics from an annotation; None when it cannot be read: it then says nothing."""
    found = _items(text)
    return None if found is None else _typed([_spec(each) for each in found], autoscaling_v2.MetricSpec)


def read_statuses(text: str) -> list[autoscaling_v2.MetricStatus] | None:
    """What metrics were, from an annotation; None when it cannot be read."""
    found = _items(text)
    return None if found is None else _typed([_new(each, _STATUSES) for each in found], autoscaling_v2.MetricStatus)


def read_list(text: str, kind: type[T]) -> list[T] | None:
    """Objects of a type that both versions share, from an annotation; None when it cannot be read."""
    found = _items(text)
    return None if found is None else _typed(found, kind)


def _items(text: str) -> list[Plain] | None:
    try:
        found = msgspec.json.decode(text, type=list[Plain] | None)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found or []


def _typed(items: Sequence[Plain], kind: type[T]) -> list[T] | None:
    try:
        made = [codec.convert(kind, each, lenient=True)[0] for each in items]
        for each in made:
            normalise(each)
    except (ValueError, TypeError):
        return None
    return made


def _old(metric: Plain, table: Mapping[str, _Fields]) -> Plain:
    made: Plain = {"type": metric.get("type", "")}
    for source, fields in table.items():
        if source in metric:
            found = {name: _get(metric[source], path, absent) for name, (path, absent) in fields.items()}
            made[source] = {name: value for name, value in found.items() if value is not None}
    return made


def _get(value: Plain, path: str, absent: _Absent) -> Any:
    found: Any = value
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if found is not None:
        return found
    return {_Absent.LEFT_OUT: None, _Absent.EMPTY: "", _Absent.ZERO: "0"}[absent]


def _new(metric: Plain, table: Mapping[str, _Fields]) -> Plain:
    made: Plain = {"type": metric.get("type", "")}
    for source, fields in table.items():
        if isinstance(metric.get(source), dict):
            made[source] = {}
            for name, (path, absent) in fields.items():
                _put(made[source], path, _get(metric[source], name, absent))
    return made


def _put(target: Plain, path: str, value: Any) -> None:
    if value is None:
        return
    *parents, last = path.split(".")
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value


def _spec(metric: Plain) -> Plain:
    """A metric whose target says of what type it is, which v1 leaves to whoever reads it."""
    made = _new(metric, _SPECS)
    for source in _SPECS:
        if source in made:
            target = made[source].setdefault("target", {})
            if source == "object" and "averageValue" in target and target["value"] == "0":
                del target["value"]  # v1 cannot leave it out, and nothing is wanted to be zero
            target["type"] = _target_type(source, target)
    return made


def _target_type(source: str, target: Plain) -> str:
    if source in ("resource", "containerResource"):
        return "Utilization" if "averageUtilization" in target else "AverageValue"
    if source == "external":
        return "Value" if "value" in target else "AverageValue"
    return "AverageValue" if source == "pods" or "averageValue" in target else "Value"
