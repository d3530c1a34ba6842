"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Int32, Wire


class LeaseSpec(Wire):
    """io.k8s.api.coordination.v1.LeaseSpec"""

    holder_identity: str | None = None
    lease_duration_seconds: Int32 | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: Int32 | None = None
    strategy: str | None = None
    preferred_holder: str | None = None


class Lease(Wire):
    """io.k8s.api.coordination.v1.Lease"""

    kind: str = field(default_factory=lambda: "Lease")
    api_version: str = field(default_factory=lambda: "coordination.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: LeaseSpec = field(default_factory=LeaseSpec)
