"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Wire, empty_string


class StorageClass(Wire):
    """io.k8s.api.storage.v1.StorageClass"""

    kind: str = field(default_factory=lambda: "StorageClass")
    api_version: str = field(default_factory=lambda: "storage.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    provisioner: str = field(default_factory=empty_string)
    parameters: dict[str, str] = {}
    reclaim_policy: str | None = None
    mount_options: list[str] = []
    allow_volume_expansion: bool | None = None
    volume_binding_mode: str | None = None
    allowed_topologies: list[core_v1.TopologySelectorTerm] = []
