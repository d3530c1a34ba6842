"""Roles, bindings and certificate signing requests.

Names, order and cells are those of Kubernetes' ``pkg/printers/internalversion``.
"""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import AGE, NAME, NONE, Column, Columns, age, human_duration
from k3py.api.columns.described import meaning
from k3py.model.generated import certificates_v1, rbac_v1
from k3py.model.struct import Wire


def _role(role: rbac_v1.Role | rbac_v1.ClusterRole, now: float) -> list[Any]:
    return [role.metadata.name, role.metadata.creation_timestamp]


def _binding(binding: rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding, now: float) -> list[Any]:
    def named(kind: str) -> str:
        return ", ".join(each.name for each in binding.subjects if each.kind == kind)

    accounts = [f"{each.namespace}/{each.name}" for each in binding.subjects if each.kind == "ServiceAccount"]
    role = f"{binding.role_ref.kind}/{binding.role_ref.name}"
    name, since = binding.metadata.name, age(binding.metadata, now)
    return [name, role, since, named("User"), named("Group"), ", ".join(accounts)]


def _state(status: certificates_v1.CertificateSigningRequestStatus) -> str:
    found = {each.type for each in status.conditions}
    words = ["Denied" if "Denied" in found else "Approved" if "Approved" in found else "Pending"]
    if "Failed" in found:
        words.append("Failed")
    if status.certificate:
        words.append("Issued")
    return ",".join(words)


def _signing_request(request: certificates_v1.CertificateSigningRequest, now: float) -> list[Any]:
    spec = request.spec
    return [
        request.metadata.name,
        age(request.metadata, now),
        spec.signer_name or NONE,
        spec.username,
        NONE if spec.expiration_seconds is None else human_duration(spec.expiration_seconds),
        _state(request.status),
    ]


def _subjects(binding: str) -> tuple[Column, ...]:
    words = ("Users", "Groups", "ServiceAccounts")
    return tuple(Column(word, priority=1, description=f"{word} in the {binding}") for word in words)


ROLES = Columns((NAME, Column("Created At", type="date", description=AGE.description)), _role)
ROLE_BINDINGS = Columns(
    (
        NAME,
        Column("Role", description=meaning(rbac_v1.RoleBinding, "roleRef")),
        AGE,
        *_subjects("roleBinding"),
    ),
    _binding,
)
CLUSTER_ROLE_BINDINGS = Columns(
    (
        NAME,
        Column("Role", description=meaning(rbac_v1.ClusterRoleBinding, "roleRef")),
        AGE,
        *_subjects("clusterRoleBinding"),
    ),
    _binding,
)
SIGNING_REQUESTS = Columns(
    (
        NAME,
        AGE,
        Column("SignerName", description=meaning(certificates_v1.CertificateSigningRequestSpec, "signerName")),
        Column("Requestor", description=meaning(certificates_v1.CertificateSigningRequestSpec, "request")),
        Column(
            "RequestedDuration",
            description=meaning(certificates_v1.CertificateSigningRequestSpec, "expirationSeconds"),
        ),
        Column("Condition", description=meaning(certificates_v1.CertificateSigningRequestStatus, "conditions")),
    ),
    _signing_request,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    rbac_v1.Role: ROLES,
    rbac_v1.ClusterRole: ROLES,
    rbac_v1.RoleBinding: ROLE_BINDINGS,
    rbac_v1.ClusterRoleBinding: CLUSTER_ROLE_BINDINGS,
    certificates_v1.CertificateSigningRequest: SIGNING_REQUESTS,
}
