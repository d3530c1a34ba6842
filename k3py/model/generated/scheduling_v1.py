"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Int32, Wire, zero_int


class PriorityClass(Wire):
    """io.k8s.api.scheduling.v1.PriorityClass"""

    kind: str = field(default_factory=lambda: "PriorityClass")
    api_version: str = field(default_factory=lambda: "scheduling.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    value: Int32 = field(default_factory=zero_int)
    global_default: bool = False
    description: str = ""
    preemption_policy: str | None = None
