"""HorizontalPodAutoscaler of autoscaling/v1: one number for CPU; all else of autoscaling/v2 travels in annotations.

Source: Kubernetes ``pkg/apis/autoscaling/v1/conversion.go``.
"""

from typing import Any, Final

import msgspec

from k3py.model import codec
from k3py.model.generated import autoscaling_v1, autoscaling_v2, meta_v1
from k3py.objects.defaults.autoscaling import CPU_UTILIZATION, MIN_REPLICAS, cpu_utilization
from k3py.objects.normalise import normalise
from k3py.objects.validation.go_names import go_names
from k3py.objects.views.metrics import (
    go_json,
    read_list,
    read_specs,
    read_statuses,
    written_specs,
    written_statuses,
)
from k3py.objects.views.view import View

METRICS: Final = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT_METRICS: Final = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS: Final = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR: Final = "autoscaling.alpha.kubernetes.io/behavior"
# All that carries a newer version's fields through an older one; none of it is ever stored.
CARRIED: Final = (
    METRICS,
    CURRENT_METRICS,
    CONDITIONS,
    BEHAVIOR,
    "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
)


def to_stored(obj: autoscaling_v1.HorizontalPodAutoscaler) -> autoscaling_v2.HorizontalPodAutoscaler:
    """The autoscaler of autoscaling/v2 that one of autoscaling/v1 stands for. Annotations that cannot be read say
    nothing."""
    carried, spec, status = obj.metadata.annotations, obj.spec, obj.status
    percent = spec.target_cpu_utilization_percentage
    metrics = read_specs(carried.get(METRICS, "")) or []
    if percent is not None:
        metrics.append(cpu_utilization(percent))
    current = read_statuses(carried[CURRENT_METRICS]) if CURRENT_METRICS in carried else None
    if current is None:
        current = _current(status.current_cpu_utilization_percentage)
    conditions = read_list(carried.get(CONDITIONS, ""), autoscaling_v2.HorizontalPodAutoscalerCondition)
    return autoscaling_v2.HorizontalPodAutoscaler(
        metadata=_without_carried(obj.metadata),
        spec=autoscaling_v2.HorizontalPodAutoscalerSpec(
            scale_target_ref=_reference(spec.scale_target_ref, autoscaling_v2.CrossVersionObjectReference),
            min_replicas=MIN_REPLICAS if spec.min_replicas is None else spec.min_replicas,
            max_replicas=spec.max_replicas,
            metrics=metrics or [cpu_utilization(CPU_UTILIZATION)],
            behavior=_read_behavior(carried[BEHAVIOR]) if BEHAVIOR in carried else None,
        ),
        status=autoscaling_v2.HorizontalPodAutoscalerStatus(
            observed_generation=status.observed_generation,
            last_scale_time=status.last_scale_time,
            current_replicas=status.current_replicas,
            desired_replicas=status.desired_replicas,
            current_metrics=current,
            conditions=conditions or [],
        ),
    )


def from_stored(obj: autoscaling_v2.HorizontalPodAutoscaler) -> autoscaling_v1.HorizontalPodAutoscaler:
    """An autoscaler of autoscaling/v2 as autoscaling/v1 shows it."""
    spec, status = obj.spec, obj.status
    metadata = _without_carried(obj.metadata)
    metadata.annotations.update(_carried(obj))
    percentages = [used for each in spec.metrics if (used := _cpu_percentage(each)) is not None]
    return autoscaling_v1.HorizontalPodAutoscaler(
        metadata=metadata,
        spec=autoscaling_v1.HorizontalPodAutoscalerSpec(
            scale_target_ref=_reference(spec.scale_target_ref, autoscaling_v1.CrossVersionObjectReference),
            min_replicas=spec.min_replicas,
            max_replicas=spec.max_replicas,
            target_cpu_utilization_percentage=percentages[0] if percentages else None,
        ),
        status=autoscaling_v1.HorizontalPodAutoscalerStatus(
            observed_generation=status.observed_generation,
            last_scale_time=status.last_scale_time,
            current_replicas=status.current_replicas,
            desired_replicas=status.desired_replicas,
            current_cpu_utilization_percentage=_cpu_used(status),
        ),
    )


def _carried(obj: autoscaling_v2.HorizontalPodAutoscaler) -> dict[str, str]:
    """What autoscaling/v1 has no field for."""
    made: dict[str, str] = {}
    others = [each for each in obj.spec.metrics if _cpu_percentage(each) is None]
    if others:
        made[METRICS] = written_specs(others)
    if obj.status.current_metrics:
        made[CURRENT_METRICS] = written_statuses(obj.status.current_metrics)
    if obj.spec.behavior is not None:
        made[BEHAVIOR] = go_json(go_names(obj.spec.behavior))
    if obj.status.conditions:
        made[CONDITIONS] = go_json(obj.status.conditions)
    return made


def _cpu_percentage(metric: autoscaling_v2.MetricSpec) -> int | None:
    """The utilization that a metric wants of CPU; None when it is about something else."""
    if metric.type != "Resource" or metric.resource is None or metric.resource.name != "cpu":
        return None
    return metric.resource.target.average_utilization


def _cpu_used(status: autoscaling_v2.HorizontalPodAutoscalerStatus) -> int | None:
    """The utilization of CPU; the last one counts."""
    found = None
    for metric in status.current_metrics:
        if metric.type == "Resource" and metric.resource is not None and metric.resource.name == "cpu":
            used = metric.resource.current.average_utilization
            found = found if used is None else used
    return found


def _current(percent: int | None) -> list[autoscaling_v2.MetricStatus]:
    if percent is None:
        return []
    current = autoscaling_v2.MetricValueStatus(average_utilization=percent)
    resource = autoscaling_v2.ResourceMetricStatus(name="cpu", current=current)
    return [autoscaling_v2.MetricStatus(type="Resource", resource=resource)]


def _reference(reference: Any, kind: Any) -> Any:
    """The same reference as another version's type."""
    return kind(kind=reference.kind, name=reference.name, api_version=reference.api_version)


def _without_carried(metadata: meta_v1.ObjectMeta) -> meta_v1.ObjectMeta:
    kept = {key: value for key, value in metadata.annotations.items() if key not in CARRIED}
    return msgspec.structs.replace(metadata, annotations=kept)


def _read_behavior(text: str) -> autoscaling_v2.HorizontalPodAutoscalerBehavior | None:
    """Behavior from JSON with Go's field names, whatever their case; None when there is none in it."""
    try:
        plain = _json_names(msgspec.json.decode(text))
        made = codec.convert(autoscaling_v2.HorizontalPodAutoscalerBehavior, plain, lenient=True)[0]
        normalise(made)
    except (ValueError, TypeError, RecursionError):
        return None
    return None if made.scale_up is None and made.scale_down is None else made


_JSON_NAMES: Final = {
    name.lower(): name
    for name in (
        "scaleUp", "scaleDown", "stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance", "type", "value",
        "periodSeconds",
    )
}  # fmt: skip


def _json_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {_JSON_NAMES.get(key.lower(), key): _json_names(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_json_names(each) for each in value]
    return value


AUTOSCALERS: Final = View(autoscaling_v2.HorizontalPodAutoscaler, to_stored, from_stored)
