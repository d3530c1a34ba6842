"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Int32, Wire, empty_bytes, empty_string, null


class CertificateSigningRequestSpec(Wire):
    """io.k8s.api.certificates.v1.CertificateSigningRequestSpec"""

    request: bytes = field(default_factory=empty_bytes)
    signer_name: str = field(default_factory=empty_string)
    expiration_seconds: Int32 | None = None
    usages: list[str] = []
    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}


class CertificateSigningRequestCondition(Wire):
    """io.k8s.api.certificates.v1.CertificateSigningRequestCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    reason: str = ""
    message: str = ""
    last_update_time: str | None = field(default_factory=null)
    last_transition_time: str | None = field(default_factory=null)


class CertificateSigningRequestStatus(Wire):
    """io.k8s.api.certificates.v1.CertificateSigningRequestStatus"""

    conditions: list[CertificateSigningRequestCondition] = []
    certificate: bytes = b""


class CertificateSigningRequest(Wire):
    """io.k8s.api.certificates.v1.CertificateSigningRequest"""

    kind: str = field(default_factory=lambda: "CertificateSigningRequest")
    api_version: str = field(default_factory=lambda: "certificates.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: CertificateSigningRequestSpec = field(default_factory=CertificateSigningRequestSpec)
    status: CertificateSigningRequestStatus = field(default_factory=CertificateSigningRequestStatus)
