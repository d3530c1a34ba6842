"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Int32, Int64, IntOrString, Wire, zero_int


class PodDisruptionBudgetSpec(Wire):
    """io.k8s.api.policy.v1.PodDisruptionBudgetSpec"""

    min_available: IntOrString | None = None
    selector: meta_v1.LabelSelector | None = None
    max_unavailable: IntOrString | None = None
    unhealthy_pod_eviction_policy: str | None = None


class PodDisruptionBudgetStatus(Wire):
    """io.k8s.api.policy.v1.PodDisruptionBudgetStatus"""

    observed_generation: Int64 = 0
    disrupted_pods: dict[str, str] = {}
    disruptions_allowed: Int32 = field(default_factory=zero_int)
    current_healthy: Int32 = field(default_factory=zero_int)
    desired_healthy: Int32 = field(default_factory=zero_int)
    expected_pods: Int32 = field(default_factory=zero_int)
    conditions: list[meta_v1.Condition] = []


class PodDisruptionBudget(Wire):
    """io.k8s.api.policy.v1.PodDisruptionBudget"""

    kind: str = field(default_factory=lambda: "PodDisruptionBudget")
    api_version: str = field(default_factory=lambda: "policy/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: PodDisruptionBudgetSpec = field(default_factory=PodDisruptionBudgetSpec)
    status: PodDisruptionBudgetStatus = field(default_factory=PodDisruptionBudgetStatus)


class Eviction(Wire):
    """io.k8s.api.policy.v1.Eviction"""

    kind: str = field(default_factory=lambda: "Eviction")
    api_version: str = field(default_factory=lambda: "policy/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    delete_options: meta_v1.DeleteOptions | None = None
