"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Int64, Wire, empty_list, empty_string, null


class TokenReviewSpec(Wire):
    """io.k8s.api.authentication.v1.TokenReviewSpec"""

    token: str = ""
    audiences: list[str] = []


class UserInfo(Wire):
    """io.k8s.api.authentication.v1.UserInfo"""

    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}


class TokenReviewStatus(Wire):
    """io.k8s.api.authentication.v1.TokenReviewStatus"""

    authenticated: bool = False
    user: UserInfo = field(default_factory=UserInfo)
    audiences: list[str] = []
    error: str = ""


class TokenReview(Wire):
    """io.k8s.api.authentication.v1.TokenReview"""

    kind: str = field(default_factory=lambda: "TokenReview")
    api_version: str = field(default_factory=lambda: "authentication.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: TokenReviewSpec = field(default_factory=TokenReviewSpec)
    status: TokenReviewStatus = field(default_factory=TokenReviewStatus)


class BoundObjectReference(Wire):
    """io.k8s.api.authentication.v1.BoundObjectReference"""

    kind: str = ""
    api_version: str = ""
    name: str = ""
    uid: str = ""


class TokenRequestSpec(Wire):
    """io.k8s.api.authentication.v1.TokenRequestSpec"""

    audiences: list[str] = field(default_factory=empty_list)
    expiration_seconds: Int64 | None = field(default_factory=null)
    bound_object_ref: BoundObjectReference | None = field(default_factory=null)


class TokenRequestStatus(Wire):
    """io.k8s.api.authentication.v1.TokenRequestStatus"""

    token: str = field(default_factory=empty_string)
    expiration_timestamp: str | None = field(default_factory=null)


class TokenRequest(Wire):
    """io.k8s.api.authentication.v1.TokenRequest"""

    kind: str = field(default_factory=lambda: "TokenRequest")
    api_version: str = field(default_factory=lambda: "authentication.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: TokenRequestSpec = field(default_factory=TokenRequestSpec)
    status: TokenRequestStatus = field(default_factory=TokenRequestStatus)


class SelfSubjectReviewStatus(Wire):
    """io.k8s.api.authentication.v1.SelfSubjectReviewStatus"""

    user_info: UserInfo = field(default_factory=UserInfo)


class SelfSubjectReview(Wire):
    """io.k8s.api.authentication.v1.SelfSubjectReview"""

    kind: str = field(default_factory=lambda: "SelfSubjectReview")
    api_version: str = field(default_factory=lambda: "authentication.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    status: SelfSubjectReviewStatus = field(default_factory=SelfSubjectReviewStatus)
