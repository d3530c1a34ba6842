"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Int32, Int64, Quantity, Wire, empty_list, empty_string, null, zero_int


class CrossVersionObjectReference(Wire):
    """io.k8s.api.autoscaling.v2.CrossVersionObjectReference"""

    kind: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)
    api_version: str = ""


class MetricTarget(Wire):
    """io.k8s.api.autoscaling.v2.MetricTarget"""

    type: str = field(default_factory=empty_string)
    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: Int32 | None = None


class MetricIdentifier(Wire):
    """io.k8s.api.autoscaling.v2.MetricIdentifier"""

    name: str = field(default_factory=empty_string)
    selector: meta_v1.LabelSelector | None = None


class ObjectMetricSource(Wire):
    """io.k8s.api.autoscaling.v2.ObjectMetricSource"""

    described_object: CrossVersionObjectReference = field(default_factory=CrossVersionObjectReference)
    target: MetricTarget = field(default_factory=MetricTarget)
    metric: MetricIdentifier = field(default_factory=MetricIdentifier)


class PodsMetricSource(Wire):
    """io.k8s.api.autoscaling.v2.PodsMetricSource"""

    metric: MetricIdentifier = field(default_factory=MetricIdentifier)
    target: MetricTarget = field(default_factory=MetricTarget)


class ResourceMetricSource(Wire):
    """io.k8s.api.autoscaling.v2.ResourceMetricSource"""

    name: str = field(default_factory=empty_string)
    target: MetricTarget = field(default_factory=MetricTarget)


class ContainerResourceMetricSource(Wire):
    """io.k8s.api.autoscaling.v2.ContainerResourceMetricSource"""

    name: str = field(default_factory=empty_string)
    target: MetricTarget = field(default_factory=MetricTarget)
    container: str = field(default_factory=empty_string)


class ExternalMetricSource(Wire):
    """io.k8s.api.autoscaling.v2.ExternalMetricSource"""

    metric: MetricIdentifier = field(default_factory=MetricIdentifier)
    target: MetricTarget = field(default_factory=MetricTarget)


class MetricSpec(Wire):
    """io.k8s.api.autoscaling.v2.MetricSpec"""

    type: str = field(default_factory=empty_string)
    object: ObjectMetricSource | None = None
    pods: PodsMetricSource | None = None
    resource: ResourceMetricSource | None = None
    container_resource: ContainerResourceMetricSource | None = None
    external: ExternalMetricSource | None = None


class HPAScalingPolicy(Wire):
    """io.k8s.api.autoscaling.v2.HPAScalingPolicy"""

    type: str = field(default_factory=empty_string)
    value: Int32 = field(default_factory=zero_int)
    period_seconds: Int32 = field(default_factory=zero_int)


class HPAScalingRules(Wire):
    """io.k8s.api.autoscaling.v2.HPAScalingRules"""

    stabilization_window_seconds: Int32 | None = None
    select_policy: str | None = None
    policies: list[HPAScalingPolicy] = []
    tolerance: Quantity | None = None


class HorizontalPodAutoscalerBehavior(Wire):
    """io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior"""

    scale_up: HPAScalingRules | None = None
    scale_down: HPAScalingRules | None = None


class HorizontalPodAutoscalerSpec(Wire):
    """io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec"""

    scale_target_ref: CrossVersionObjectReference = field(default_factory=CrossVersionObjectReference)
    min_replicas: Int32 | None = None
    max_replicas: Int32 = field(default_factory=zero_int)
    metrics: list[MetricSpec] = []
    behavior: HorizontalPodAutoscalerBehavior | None = None


class MetricValueStatus(Wire):
    """io.k8s.api.autoscaling.v2.MetricValueStatus"""

    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: Int32 | None = None


class ObjectMetricStatus(Wire):
    """io.k8s.api.autoscaling.v2.ObjectMetricStatus"""

    metric: MetricIdentifier = field(default_factory=MetricIdentifier)
    current: MetricValueStatus = field(default_factory=MetricValueStatus)
    described_object: CrossVersionObjectReference = field(default_factory=CrossVersionObjectReference)


class PodsMetricStatus(Wire):
    """io.k8s.api.autoscaling.v2.PodsMetricStatus"""

    metric: MetricIdentifier = field(default_factory=MetricIdentifier)
    current: MetricValueStatus = field(default_factory=MetricValueStatus)


class ResourceMetricStatus(Wire):
    """io.k8s.api.autoscaling.v2.ResourceMetricStatus"""

    name: str = field(default_factory=empty_string)
    current: MetricValueStatus = field(default_factory=MetricValueStatus)


class ContainerResourceMetricStatus(Wire):
    """io.k8s.api.autoscaling.v2.ContainerResourceMetricStatus"""

    name: str = field(default_factory=empty_string)
    current: MetricValueStatus = field(default_factory=MetricValueStatus)
    container: str = field(default_factory=empty_string)


class ExternalMetricStatus(Wire):
    """io.k8s.api.autoscaling.v2.ExternalMetricStatus"""

    metric: MetricIdentifier = field(default_factory=MetricIdentifier)
    current: MetricValueStatus = field(default_factory=MetricValueStatus)


class MetricStatus(Wire):
    """io.k8s.api.autoscaling.v2.MetricStatus"""

    type: str = field(default_factory=empty_string)
    object: ObjectMetricStatus | None = None
    pods: PodsMetricStatus | None = None
    resource: ResourceMetricStatus | None = None
    container_resource: ContainerResourceMetricStatus | None = None
    external: ExternalMetricStatus | None = None


class HorizontalPodAutoscalerCondition(Wire):
    """io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class HorizontalPodAutoscalerStatus(Wire):
    """io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus"""

    observed_generation: Int64 | None = None
    last_scale_time: str | None = None
    current_replicas: Int32 = 0
    desired_replicas: Int32 = field(default_factory=zero_int)
    current_metrics: list[MetricStatus] = field(default_factory=empty_list)
    conditions: list[HorizontalPodAutoscalerCondition] = []


class HorizontalPodAutoscaler(Wire):
    """io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"""

    kind: str = field(default_factory=lambda: "HorizontalPodAutoscaler")
    api_version: str = field(default_factory=lambda: "autoscaling/v2")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: HorizontalPodAutoscalerSpec = field(default_factory=HorizontalPodAutoscalerSpec)
    status: HorizontalPodAutoscalerStatus = field(default_factory=HorizontalPodAutoscalerStatus)
