"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import Wire, empty_list, empty_string, wire


class PolicyRule(Wire, rename=wire(non_resource_urls="nonResourceURLs")):
    """io.k8s.api.rbac.v1.PolicyRule"""

    verbs: list[str] = field(default_factory=empty_list)
    api_groups: list[str] = []
    resources: list[str] = []
    resource_names: list[str] = []
    non_resource_urls: list[str] = []


class Role(Wire):
    """io.k8s.api.rbac.v1.Role"""

    kind: str = field(default_factory=lambda: "Role")
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    rules: list[PolicyRule] = field(default_factory=empty_list)


class AggregationRule(Wire):
    """io.k8s.api.rbac.v1.AggregationRule"""

    cluster_role_selectors: list[meta_v1.LabelSelector] = []


class ClusterRole(Wire):
    """io.k8s.api.rbac.v1.ClusterRole"""

    kind: str = field(default_factory=lambda: "ClusterRole")
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    rules: list[PolicyRule] = field(default_factory=empty_list)
    aggregation_rule: AggregationRule | None = None


class Subject(Wire):
    """io.k8s.api.rbac.v1.Subject"""

    kind: str = field(default_factory=empty_string)
    api_group: str = ""
    name: str = field(default_factory=empty_string)
    namespace: str = ""


class RoleRef(Wire):
    """io.k8s.api.rbac.v1.RoleRef"""

    api_group: str = field(default_factory=empty_string)
    kind: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)


class RoleBinding(Wire):
    """io.k8s.api.rbac.v1.RoleBinding"""

    kind: str = field(default_factory=lambda: "RoleBinding")
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    subjects: list[Subject] = []
    role_ref: RoleRef = field(default_factory=RoleRef)


class ClusterRoleBinding(Wire):
    """io.k8s.api.rbac.v1.ClusterRoleBinding"""

    kind: str = field(default_factory=lambda: "ClusterRoleBinding")
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    subjects: list[Subject] = []
    role_ref: RoleRef = field(default_factory=RoleRef)
