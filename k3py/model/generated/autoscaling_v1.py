"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Int32, Int64, Wire, empty_string, wire, zero_int


class ScaleSpec(Wire):
    """io.k8s.api.autoscaling.v1.ScaleSpec"""

    replicas: Int32 = 0


class ScaleStatus(Wire):
    """io.k8s.api.autoscaling.v1.ScaleStatus"""

    replicas: Int32 = field(default_factory=zero_int)
    selector: str = ""


class Scale(Wire):
    """io.k8s.api.autoscaling.v1.Scale"""

    kind: str = field(default_factory=lambda: "Scale")
    api_version: str = field(default_factory=lambda: "autoscaling/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: ScaleSpec = field(default_factory=ScaleSpec)
    status: ScaleStatus = field(default_factory=ScaleStatus)


class CrossVersionObjectReference(Wire):
    """io.k8s.api.autoscaling.v1.CrossVersionObjectReference"""

    kind: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)
    api_version: str = ""


class HorizontalPodAutoscalerSpec(
    Wire, rename=wire(target_cpu_utilization_percentage="targetCPUUtilizationPercentage")
):
    """io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec"""

    scale_target_ref: CrossVersionObjectReference = field(default_factory=CrossVersionObjectReference)
    min_replicas: Int32 | None = None
    max_replicas: Int32 = field(default_factory=zero_int)
    target_cpu_utilization_percentage: Int32 | None = None


class HorizontalPodAutoscalerStatus(
    Wire, rename=wire(current_cpu_utilization_percentage="currentCPUUtilizationPercentage")
):
    """io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerStatus"""

    observed_generation: Int64 | None = None
    last_scale_time: str | None = None
    current_replicas: Int32 = field(default_factory=zero_int)
    desired_replicas: Int32 = field(default_factory=zero_int)
    current_cpu_utilization_percentage: Int32 | None = None


class HorizontalPodAutoscaler(Wire):
    """io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler"""

    kind: str = field(default_factory=lambda: "HorizontalPodAutoscaler")
    api_version: str = field(default_factory=lambda: "autoscaling/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: HorizontalPodAutoscalerSpec = field(default_factory=HorizontalPodAutoscalerSpec)
    status: HorizontalPodAutoscalerStatus = field(default_factory=HorizontalPodAutoscalerStatus)
