"""Rules of roles, leases, classes and signing requests."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import certificates_v1, coordination_v1, node_v1, rbac_v1, scheduling_v1
from k3py.model.struct import Wire
from k3py.objects.rules import Rules
from k3py.objects.validation import core

RULES: Final[Mapping[type[Wire], Rules]] = {
    rbac_v1.Role: Rules(),
    rbac_v1.RoleBinding: Rules(),
    rbac_v1.ClusterRole: Rules(),
    rbac_v1.ClusterRoleBinding: Rules(),
    coordination_v1.Lease: Rules(check=core.lease, create_on_update=True),
    scheduling_v1.PriorityClass: Rules(),
    node_v1.RuntimeClass: Rules(),
    certificates_v1.CertificateSigningRequest: Rules(),
}
