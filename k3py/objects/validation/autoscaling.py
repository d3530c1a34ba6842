"""Checks of HorizontalPodAutoscalers. Source: Kubernetes ``pkg/apis/autoscaling/validation``."""

from typing import Final

from k3py.model import names, quantity
from k3py.model.generated import autoscaling_v2
from k3py.objects.fields import Errors

METRIC_TYPES: Final = ("ContainerResource", "External", "Object", "Pods", "Resource")
TARGET_TYPES: Final = ("Utilization", "Value", "AverageValue")
SELECT_POLICIES: Final = ("Disabled", "Max", "Min")
POLICY_TYPES: Final = ("Percent", "Pods")
PERIOD_SECONDS_MAX: Final = 1_800
STABILIZATION_SECONDS_MAX: Final = 3_600
# In this order Kubernetes looks at sources, and only at the first that is there: JSON name -> type.
_SOURCES: Final = {
    "object": "Object",
    "external": "External",
    "pods": "Pods",
    "resource": "Resource",
    "containerResource": "ContainerResource",
}
_TARGET_OR_UTILIZATION: Final = "must set either a target raw value or a target utilization"
_TARGET_AND_UTILIZATION: Final = "may not set both a target raw value and a target utilization"


def new_autoscaler(obj: autoscaling_v2.HorizontalPodAutoscaler, wrong: Errors) -> None:
    """A new autoscaler's spec."""
    _Checks(None).spec(obj.spec, wrong)


def autoscaler_update(
    new: autoscaling_v2.HorizontalPodAutoscaler, old: autoscaling_v2.HorizontalPodAutoscaler, wrong: Errors
) -> None:
    """A changed autoscaler's spec: what was allowed once and is no more may stay."""
    _Checks(old.spec).spec(new.spec, wrong)


def autoscaler_status(
    new: autoscaling_v2.HorizontalPodAutoscaler, old: autoscaling_v2.HorizontalPodAutoscaler, wrong: Errors
) -> None:
    """No number is negative."""
    del old
    wrong.not_negative("status.currentReplicas", new.status.current_replicas)
    wrong.not_negative("status.desiredReplicas", new.status.desired_replicas)


def version_problem(api_version: str, may_lack_group: bool) -> str:
    """What is wrong with the ``apiVersion`` of a reference; empty when nothing is."""
    if api_version.count("/") > 1:
        return f"unexpected GroupVersion string: {api_version}"
    if not may_lack_group and not api_version.rpartition("/")[0]:
        return "apiVersion must specify API group"
    return ""


class _Checks:
    """Checks a spec; what the old spec had already may stay."""

    def __init__(self, old: autoscaling_v2.HorizontalPodAutoscalerSpec | None) -> None:
        self._least = 0 if old is not None and old.min_replicas == 0 else 1
        self._any_target = old is not None and bool(_target_problem(old.scale_target_ref))
        self._any_object = old is not None and any(
            each.object is not None and version_problem(each.object.described_object.api_version, True)
            for each in old.metrics
        )

    def spec(self, spec: autoscaling_v2.HorizontalPodAutoscalerSpec, wrong: Errors) -> None:
        """Bounds, target, metrics and behavior."""
        least, most = spec.min_replicas, spec.max_replicas
        if least is not None and least < self._least:
            wrong.invalid("spec.minReplicas", least, f"must be greater than or equal to {self._least}")
        if most == 0:
            wrong.required("spec.maxReplicas", "must be set and greater than 0")
        elif most < 0:
            wrong.invalid("spec.maxReplicas", most, "must be greater than 0")
        if least is not None and most < least:
            wrong.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
        problem = "" if self._any_target else _target_problem(spec.scale_target_ref)
        _reference(spec.scale_target_ref, problem, "spec.scaleTargetRef", wrong)
        for index, metric in enumerate(spec.metrics):
            self._metric(metric, f"spec.metrics[{index}]", wrong)
        if least == 0 and not any(each.type in ("Object", "External") for each in spec.metrics):
            detail = "must specify at least one Object or External metric to support scaling to zero replicas"
            wrong.forbidden("spec.metrics", detail)
        if spec.behavior is not None:
            for name, rules in (("scaleUp", spec.behavior.scale_up), ("scaleDown", spec.behavior.scale_down)):
                if rules is not None:
                    _rules(rules, f"spec.behavior.{name}", wrong)

    def _metric(self, metric: autoscaling_v2.MetricSpec, path: str, wrong: Errors) -> None:
        if not metric.type:
            wrong.required(f"{path}.type", "must specify a metric source type")
        if metric.type not in METRIC_TYPES:
            wrong.unsupported(f"{path}.type", metric.type, METRIC_TYPES)
        sources = {
            "object": metric.object,
            "external": metric.external,
            "pods": metric.pods,
            "resource": metric.resource,
            "containerResource": metric.container_resource,
        }
        present = [name for name, source in sources.items() if source is not None]
        if present:
            self._source(sources[present[0]], f"{path}.{present[0]}", wrong)
        expected = next((name for name, kind in _SOURCES.items() if kind == metric.type), None)
        if expected is None:
            wrong.unsupported(f"{path}.type", metric.type, METRIC_TYPES)
        elif expected not in present:
            wrong.required(f"{path}.{expected}", "must populate information for the given metric source")
        for name in present if len(present) > 1 else ():
            if name != expected:
                wrong.forbidden(f"{path}.{name}", "must populate the given metric source only")

    def _source(self, source: object, path: str, wrong: Errors) -> None:
        if isinstance(source, autoscaling_v2.ObjectMetricSource):
            version = source.described_object.api_version
            problem = "" if self._any_object else version_problem(version, True)
            _reference(source.described_object, problem, f"{path}.describedObject", wrong)
            _object(source, path, wrong)
        elif isinstance(source, autoscaling_v2.ExternalMetricSource):
            _external(source, path, wrong)
        elif isinstance(source, autoscaling_v2.PodsMetricSource):
            _identifier(source.metric, f"{path}.metric", wrong)
            _target(source.target, f"{path}.target", wrong)
            if source.target.average_value is None:
                wrong.required(f"{path}.target.averageValue", "must specify a positive target averageValue")
        elif isinstance(source, autoscaling_v2.ResourceMetricSource | autoscaling_v2.ContainerResourceMetricSource):
            _resource(source, path, wrong)


def _target_problem(reference: autoscaling_v2.CrossVersionObjectReference) -> str:
    """Only one kind of the core group can be scaled."""
    return version_problem(reference.api_version, reference.kind == "ReplicationController")


def _reference(reference: autoscaling_v2.CrossVersionObjectReference, problem: str, path: str, wrong: Errors) -> None:
    for name, value in (("kind", reference.kind), ("name", reference.name)):
        wrong.needs(f"{path}.{name}", value, names.path_segment)
    if problem:
        wrong.invalid(f"{path}.apiVersion", reference.api_version, problem)


def _object(source: autoscaling_v2.ObjectMetricSource, path: str, wrong: Errors) -> None:
    _identifier(source.metric, f"{path}.metric", wrong)
    _target(source.target, f"{path}.target", wrong)
    if source.target.value is None and source.target.average_value is None:
        wrong.required(f"{path}.target.averageValue", "must set either a target value or averageValue")


def _external(source: autoscaling_v2.ExternalMetricSource, path: str, wrong: Errors) -> None:
    _identifier(source.metric, f"{path}.metric", wrong)
    _target(source.target, f"{path}.target", wrong)
    value, average = source.target.value, source.target.average_value
    if value is None and average is None:
        detail = "must set either a target value for metric or a per-pod target"
        wrong.required(f"{path}.target.averageValue", detail)
    elif value is not None and average is not None:
        wrong.forbidden(f"{path}.target.value", "may not set both a target value for metric and a per-pod target")


def _resource(
    source: autoscaling_v2.ResourceMetricSource | autoscaling_v2.ContainerResourceMetricSource, path: str, wrong: Errors
) -> None:
    if not source.name:
        wrong.required(f"{path}.name", "must specify a resource name")
    if isinstance(source, autoscaling_v2.ContainerResourceMetricSource):
        wrong.needs(f"{path}.container", source.container, names.dns_1123_label, "must specify a container")
    _target(source.target, f"{path}.target", wrong)
    value, utilization = source.target.average_value, source.target.average_utilization
    if value is None and utilization is None:
        wrong.required(f"{path}.target.averageUtilization", _TARGET_OR_UTILIZATION)
    elif value is not None and utilization is not None:
        wrong.forbidden(f"{path}.target.averageValue", _TARGET_AND_UTILIZATION)


def _identifier(metric: autoscaling_v2.MetricIdentifier, path: str, wrong: Errors) -> None:
    wrong.needs(f"{path}.name", metric.name, names.path_segment, "must specify a metric name")


def _target(target: autoscaling_v2.MetricTarget, path: str, wrong: Errors) -> None:
    if not target.type:
        wrong.required(f"{path}.type", "must specify a metric target type")
    if target.type not in TARGET_TYPES:
        wrong.invalid(f"{path}.type", target.type, "must be either Utilization, Value, or AverageValue")
    for name, amount in (("value", target.value), ("averageValue", target.average_value)):
        if amount is not None and quantity.parse(amount or "0") <= 0:
            wrong.invalid(f"{path}.{name}", amount, "must be positive")
    utilization = target.average_utilization
    if utilization is not None and utilization < 1:
        wrong.invalid(f"{path}.averageUtilization", utilization, "must be greater than 0")


def _rules(rules: autoscaling_v2.HPAScalingRules, path: str, wrong: Errors) -> None:
    window, place = rules.stabilization_window_seconds, f"{path}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        wrong.invalid(place, window, "must be greater than or equal to zero")
    if window is not None and window > STABILIZATION_SECONDS_MAX:
        wrong.invalid(place, window, f"must be less than or equal to {STABILIZATION_SECONDS_MAX}")
    if rules.select_policy is not None and rules.select_policy not in SELECT_POLICIES:
        wrong.unsupported(f"{path}.selectPolicy", rules.select_policy, SELECT_POLICIES)
    if not rules.policies:
        wrong.required(f"{path}.policies", "must specify at least one Policy")
    for index, policy in enumerate(rules.policies):
        _policy(policy, f"{path}.policies[{index}]", wrong)
    if rules.tolerance is not None and quantity.parse(rules.tolerance or "0") < 0:
        wrong.invalid(f"{path}.tolerance", rules.tolerance, "must be greater than or equal to 0")


def _policy(policy: autoscaling_v2.HPAScalingPolicy, path: str, wrong: Errors) -> None:
    if policy.type not in POLICY_TYPES:
        wrong.unsupported(f"{path}.type", policy.type, POLICY_TYPES)
    if policy.value <= 0:
        wrong.invalid(f"{path}.value", policy.value, "must be greater than zero")
    if policy.period_seconds <= 0:
        wrong.invalid(f"{path}.periodSeconds", policy.period_seconds, "must be greater than zero")
    if policy.period_seconds > PERIOD_SECONDS_MAX:
        detail = f"must be less than or equal to {PERIOD_SECONDS_MAX}"
        wrong.invalid(f"{path}.periodSeconds", policy.period_seconds, detail)
