"""Defaults of HorizontalPodAutoscalers. Source: Kubernetes ``pkg/apis/autoscaling/v2/defaults.go``."""

from typing import Final

from k3py.model.generated import autoscaling_v2

MIN_REPLICAS: Final = 1
CPU_UTILIZATION: Final = 80
_PERIOD_SECONDS: Final = 15
_ALL: Final = 100
_PODS_AT_ONCE: Final = 4


def autoscaler(obj: autoscaling_v2.HorizontalPodAutoscaler) -> None:
    """At least one pod, 80 % of the CPU that pods ask for; who says something of behavior says it all."""
    spec = obj.spec
    if spec.min_replicas is None:
        spec.min_replicas = MIN_REPLICAS
    if not spec.metrics:
        spec.metrics = [cpu_utilization(CPU_UTILIZATION)]
    behavior = spec.behavior
    if behavior is not None:
        behavior.scale_up = _filled(behavior.scale_up, _up())
        behavior.scale_down = _filled(behavior.scale_down, _down())


def cpu_utilization(percent: int) -> autoscaling_v2.MetricSpec:
    """The one metric that autoscaling/v1 has a field for."""
    target = autoscaling_v2.MetricTarget(type="Utilization", average_utilization=percent)
    return autoscaling_v2.MetricSpec(
        type="Resource", resource=autoscaling_v2.ResourceMetricSource(name="cpu", target=target)
    )


def _up() -> autoscaling_v2.HPAScalingRules:
    """At once, four pods or twice as many, whichever is more."""
    return autoscaling_v2.HPAScalingRules(
        stabilization_window_seconds=0,
        select_policy="Max",
        policies=[_policy("Pods", _PODS_AT_ONCE), _policy("Percent", _ALL)],
    )


def _down() -> autoscaling_v2.HPAScalingRules:
    """As far as it goes; how long to wait first is the controller's setting."""
    return autoscaling_v2.HPAScalingRules(select_policy="Max", policies=[_policy("Percent", _ALL)])


def _policy(kind: str, value: int) -> autoscaling_v2.HPAScalingPolicy:
    return autoscaling_v2.HPAScalingPolicy(type=kind, value=value, period_seconds=_PERIOD_SECONDS)


def _filled(
    rules: autoscaling_v2.HPAScalingRules | None, default: autoscaling_v2.HPAScalingRules
) -> autoscaling_v2.HPAScalingRules:
    if rules is None:
        return default
    if rules.select_policy is None:
        rules.select_policy = default.select_policy
    if rules.stabilization_window_seconds is None:
        rules.stabilization_window_seconds = default.stabilization_window_seconds
    rules.policies = rules.policies or default.policies
    return rules
