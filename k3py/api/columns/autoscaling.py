"""HorizontalPodAutoscalers, scales and PodDisruptionBudgets, as Kubernetes' printers show them."""

from collections.abc import Mapping
from typing import Any, Final

from k3py.api.columns.column import AGE, NAME, NONE, UNKNOWN, UNSET, Column, Columns, age
from k3py.api.columns.described import meaning
from k3py.model.generated import autoscaling_v1, autoscaling_v2, policy_v1
from k3py.model.struct import Wire

# More targets than these are counted, not shown.
TARGETS_SHOWN: Final = 2
_NOT_SET: Final = "N/A"
# A metric's type -> the attribute of its source.
_SOURCES: Final = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "container_resource",
}


def _targets(autoscaler: autoscaling_v2.HorizontalPodAutoscaler) -> str:
    """``cpu: 12%/80%, 30/50 (avg) + 1 more...``."""
    specs, statuses = autoscaler.spec.metrics, autoscaler.status.current_metrics
    if not specs:
        return NONE
    texts = [_target(spec, statuses[at] if at < len(statuses) else None) for at, spec in enumerate(specs)]
    more = len(texts) - TARGETS_SHOWN
    shown = ", ".join(texts[:TARGETS_SHOWN])
    return f"{shown} + {more} more..." if more > 0 else shown


def _target(spec: autoscaling_v2.MetricSpec, status: autoscaling_v2.MetricStatus | None) -> str:
    attribute = _SOURCES.get(spec.type)
    if attribute is None:
        return "<unknown type>"
    source, seen = getattr(spec, attribute), getattr(status, attribute, None)
    if source is None:
        return UNKNOWN
    target: autoscaling_v2.MetricTarget = source.target
    current: autoscaling_v2.MetricValueStatus | None = None if seen is None else seen.current
    if spec.type in ("Resource", "ContainerResource"):
        return f"{source.name}: {_of_resource(target, current)}"
    if target.average_value is not None:
        note = "" if spec.type == "Pods" else " (avg)"
        return f"{_known(current and current.average_value)}/{target.average_value}{note}"
    return f"{_known(current and current.value)}/{target.value}"


def _of_resource(target: autoscaling_v2.MetricTarget, current: autoscaling_v2.MetricValueStatus | None) -> str:
    if target.average_value is not None:
        return f"{_known(current and current.average_value)}/{target.average_value}"
    used = None if current is None else current.average_utilization
    wanted = "<auto>" if target.average_utilization is None else f"{target.average_utilization}%"
    return f"{UNKNOWN if used is None else f'{used}%'}/{wanted}"


def _known(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _autoscaler(autoscaler: autoscaling_v2.HorizontalPodAutoscaler, now: float) -> list[Any]:
    spec = autoscaler.spec
    return [
        autoscaler.metadata.name,
        f"{spec.scale_target_ref.kind}/{spec.scale_target_ref.name}",
        _targets(autoscaler),
        UNSET if spec.min_replicas is None else str(spec.min_replicas),
        spec.max_replicas,
        autoscaler.status.current_replicas,
        age(autoscaler.metadata, now),
    ]


def _scale(scale: autoscaling_v1.Scale, now: float) -> list[Any]:
    return [scale.metadata.name, scale.spec.replicas, scale.status.replicas, age(scale.metadata, now)]


def _budget(budget: policy_v1.PodDisruptionBudget, now: float) -> list[Any]:
    least, most = budget.spec.min_available, budget.spec.max_unavailable
    return [
        budget.metadata.name,
        _NOT_SET if least is None else str(least),
        _NOT_SET if most is None else str(most),
        budget.status.disruptions_allowed,
        age(budget.metadata, now),
    ]


_Spec: Final = autoscaling_v2.HorizontalPodAutoscalerSpec
AUTOSCALERS = Columns(
    (
        NAME,
        Column("Reference", description=meaning(_Spec, "scaleTargetRef")),
        Column("Targets", description=meaning(_Spec, "metrics")),
        Column("MinPods", description=meaning(_Spec, "minReplicas")),
        Column("MaxPods", description=meaning(_Spec, "maxReplicas")),
        Column("Replicas", description=meaning(autoscaling_v2.HorizontalPodAutoscalerStatus, "currentReplicas")),
        AGE,
    ),
    _autoscaler,
)
SCALES = Columns(
    (
        NAME,
        Column("Desired", "integer", description=meaning(autoscaling_v1.ScaleSpec, "replicas")),
        Column("Available", "integer", description=meaning(autoscaling_v1.ScaleStatus, "replicas")),
        AGE,
    ),
    _scale,
)
BUDGETS = Columns(
    (
        NAME,
        Column("Min Available", description="The minimum number of pods that must be available."),
        Column("Max Unavailable", description="The maximum number of pods that may be unavailable."),
        Column(
            "Allowed Disruptions",
            "integer",
            description="Calculated number of pods that may be disrupted at this time.",
        ),
        AGE,
    ),
    _budget,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    autoscaling_v1.Scale: SCALES,
    autoscaling_v2.HorizontalPodAutoscaler: AUTOSCALERS,
    policy_v1.PodDisruptionBudget: BUDGETS,
}
