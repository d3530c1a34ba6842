"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Wire, empty_list, false, wire


class FieldSelectorAttributes(Wire):
    """io.k8s.api.authorization.v1.FieldSelectorAttributes"""

    raw_selector: str = ""
    requirements: list[meta_v1.FieldSelectorRequirement] = []


class LabelSelectorAttributes(Wire):
    """io.k8s.api.authorization.v1.LabelSelectorAttributes"""

    raw_selector: str = ""
    requirements: list[meta_v1.LabelSelectorRequirement] = []


class ResourceAttributes(Wire):
    """io.k8s.api.authorization.v1.ResourceAttributes"""

    namespace: str = ""
    verb: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    field_selector: FieldSelectorAttributes | None = None
    label_selector: LabelSelectorAttributes | None = None


class NonResourceAttributes(Wire):
    """io.k8s.api.authorization.v1.NonResourceAttributes"""

    path: str = ""
    verb: str = ""


class SelfSubjectAccessReviewSpec(Wire):
    """io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec"""

    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None


class SubjectAccessReviewStatus(Wire):
    """io.k8s.api.authorization.v1.SubjectAccessReviewStatus"""

    allowed: bool = field(default_factory=false)
    denied: bool = False
    reason: str = ""
    evaluation_error: str = ""


class SelfSubjectAccessReview(Wire):
    """io.k8s.api.authorization.v1.SelfSubjectAccessReview"""

    kind: str = field(default_factory=lambda: "SelfSubjectAccessReview")
    api_version: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: SelfSubjectAccessReviewSpec = field(default_factory=SelfSubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = field(default_factory=SubjectAccessReviewStatus)


class SubjectAccessReviewSpec(Wire):
    """io.k8s.api.authorization.v1.SubjectAccessReviewSpec"""

    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None
    user: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}
    uid: str = ""


class LocalSubjectAccessReview(Wire):
    """io.k8s.api.authorization.v1.LocalSubjectAccessReview"""

    kind: str = field(default_factory=lambda: "LocalSubjectAccessReview")
    api_version: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: SubjectAccessReviewSpec = field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = field(default_factory=SubjectAccessReviewStatus)


class SubjectAccessReview(Wire):
    """io.k8s.api.authorization.v1.SubjectAccessReview"""

    kind: str = field(default_factory=lambda: "SubjectAccessReview")
    api_version: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: SubjectAccessReviewSpec = field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = field(default_factory=SubjectAccessReviewStatus)


class SelfSubjectRulesReviewSpec(Wire):
    """io.k8s.api.authorization.v1.SelfSubjectRulesReviewSpec"""

    namespace: str = ""


class ResourceRule(Wire):
    """io.k8s.api.authorization.v1.ResourceRule"""

    verbs: list[str] = field(default_factory=empty_list)
    api_groups: list[str] = []
    resources: list[str] = []
    resource_names: list[str] = []


class NonResourceRule(Wire, rename=wire(non_resource_urls="nonResourceURLs")):
    """io.k8s.api.authorization.v1.NonResourceRule"""

    verbs: list[str] = field(default_factory=empty_list)
    non_resource_urls: list[str] = []


class SubjectRulesReviewStatus(Wire):
    """io.k8s.api.authorization.v1.SubjectRulesReviewStatus"""

    resource_rules: list[ResourceRule] = field(default_factory=empty_list)
    non_resource_rules: list[NonResourceRule] = field(default_factory=empty_list)
    incomplete: bool = field(default_factory=false)
    evaluation_error: str = ""


class SelfSubjectRulesReview(Wire):
    """io.k8s.api.authorization.v1.SelfSubjectRulesReview"""

    kind: str = field(default_factory=lambda: "SelfSubjectRulesReview")
    api_version: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: SelfSubjectRulesReviewSpec = field(default_factory=SelfSubjectRulesReviewSpec)
    status: SubjectRulesReviewStatus = field(default_factory=SubjectRulesReviewStatus)
