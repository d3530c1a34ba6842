"""Checks of roles and their bindings. Source: Kubernetes ``pkg/apis/rbac/validation``.

Whether somebody may give the rights that a role names is not asked here: that is admission's to ask.
"""

from typing import Final

from k3py.model import names
from k3py.model.generated import rbac_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.scheduling import label_selector

GROUP: Final = "rbac.authorization.k8s.io"
SUBJECT_KINDS: Final = ("ServiceAccount", "User", "Group")

Binding = rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding


def role(obj: rbac_v1.Role, wrong: Errors) -> None:
    """Rules name verbs, groups and resources."""
    for index, rule in enumerate(obj.rules):
        _rule(rule, True, f"rules[{index}]", wrong)


def cluster_role(obj: rbac_v1.ClusterRole, wrong: Errors) -> None:
    """As a role, and paths besides; aggregation selects something."""
    for index, rule in enumerate(obj.rules):
        _rule(rule, False, f"rules[{index}]", wrong)
    if obj.aggregation_rule is None:
        return
    path, selectors = "aggregationRule.clusterRoleSelectors", obj.aggregation_rule.cluster_role_selectors
    if not selectors:
        wrong.required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for index, selector in enumerate(selectors):
        found = Errors()
        label_selector(selector, f"{path}[{index}]", found)
        wrong.causes += found.causes
        if found:
            wrong.invalid(f"{path}[{index}]", selector, "invalid label selector.")


def role_binding(obj: rbac_v1.RoleBinding, wrong: Errors) -> None:
    """A binding names one role, of its namespace or of the cluster, and whom it is given to."""
    _binding(obj, ("Role", "ClusterRole"), wrong)


def cluster_role_binding(obj: rbac_v1.ClusterRoleBinding, wrong: Errors) -> None:
    """As ``role_binding``, of a role of the cluster."""
    _binding(obj, ("ClusterRole",), wrong)


def role_update(new: rbac_v1.Role, old: rbac_v1.Role, wrong: Errors) -> None:
    """Anything may change. Kubernetes looks at the rules twice, and its causes say so."""
    del old
    role(new, wrong)


def cluster_role_update(new: rbac_v1.ClusterRole, old: rbac_v1.ClusterRole, wrong: Errors) -> None:
    """As ``role_update``."""
    del old
    cluster_role(new, wrong)


def role_binding_update(new: rbac_v1.RoleBinding, old: rbac_v1.RoleBinding, wrong: Errors) -> None:
    """The role stays. Kubernetes looks at the whole binding twice, and its causes say so."""
    role_binding(new, wrong)
    _same_role(new, old, wrong)


def cluster_role_binding_update(
    new: rbac_v1.ClusterRoleBinding, old: rbac_v1.ClusterRoleBinding, wrong: Errors
) -> None:
    """As ``role_binding_update``."""
    cluster_role_binding(new, wrong)
    _same_role(new, old, wrong)


def _same_role(new: Binding, old: Binding, wrong: Errors) -> None:
    """Who is bound to another role gets another binding."""
    if new.role_ref != old.role_ref:
        reference = new.role_ref
        value = {"APIGroup": reference.api_group, "Kind": reference.kind, "Name": reference.name}
        wrong.invalid("roleRef", value, "cannot change roleRef")


def _rule(rule: rbac_v1.PolicyRule, namespaced: bool, path: str, wrong: Errors) -> None:
    if not rule.verbs:
        wrong.required(f"{path}.verbs", "verbs must contain at least one value")
    if rule.non_resource_urls:
        place = f"{path}.nonResourceURLs"
        if namespaced:
            wrong.invalid(place, rule.non_resource_urls, "namespaced rules cannot apply to non-resource URLs")
        if rule.api_groups or rule.resources or rule.resource_names:
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            wrong.invalid(place, rule.non_resource_urls, detail)
        return
    if not rule.api_groups:
        wrong.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.resources:
        wrong.required(f"{path}.resources", "resource rules must supply at least one resource")


def _binding(obj: Binding, kinds: tuple[str, ...], wrong: Errors) -> None:
    reference = obj.role_ref
    if reference.api_group != GROUP:
        wrong.unsupported("roleRef.apiGroup", reference.api_group, (GROUP,))
    if reference.kind not in kinds:
        wrong.unsupported("roleRef.kind", reference.kind, kinds)
    wrong.needs("roleRef.name", reference.name, names.path_segment)
    for index, subject in enumerate(obj.subjects):
        _subject(subject, isinstance(obj, rbac_v1.RoleBinding), f"subjects[{index}]", wrong)


def _subject(subject: rbac_v1.Subject, namespaced: bool, path: str, wrong: Errors) -> None:
    if not subject.name:
        wrong.required(f"{path}.name")
    if subject.kind == "ServiceAccount":
        if subject.name:
            wrong.each_invalid(f"{path}.name", subject.name, names.dns_1123_subdomain(subject.name))
        if subject.api_group:
            wrong.unsupported(f"{path}.apiGroup", subject.api_group, ("",))
        if not namespaced and not subject.namespace:
            wrong.required(f"{path}.namespace")
    elif subject.kind not in SUBJECT_KINDS:
        wrong.unsupported(f"{path}.kind", subject.kind, SUBJECT_KINDS)
    elif subject.api_group != GROUP:
        wrong.unsupported(f"{path}.apiGroup", subject.api_group, (GROUP,))
