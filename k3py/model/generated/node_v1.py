"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Quantity, Wire, empty_string


class Overhead(Wire):
    """io.k8s.api.node.v1.Overhead"""

    pod_fixed: dict[str, Quantity] = {}


class Scheduling(Wire):
    """io.k8s.api.node.v1.Scheduling"""

    node_selector: dict[str, str] = {}
    tolerations: list[core_v1.Toleration] = []


class RuntimeClass(Wire):
    """io.k8s.api.node.v1.RuntimeClass"""

    kind: str = field(default_factory=lambda: "RuntimeClass")
    api_version: str = field(default_factory=lambda: "node.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    handler: str = field(default_factory=empty_string)
    overhead: Overhead | None = None
    scheduling: Scheduling | None = None
