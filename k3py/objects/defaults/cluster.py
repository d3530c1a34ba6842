"""Defaults of bindings, leases and priority classes.

Source: Kubernetes ``pkg/apis/rbac/v1/defaults.go``, ``pkg/apis/scheduling/v1/defaults.go`` and the strategies.
"""

from typing import Final

from k3py.model.generated import coordination_v1, rbac_v1, scheduling_v1

RBAC_GROUP: Final = "rbac.authorization.k8s.io"
PREEMPTION: Final = "PreemptLowerPriority"


def binding(obj: rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding) -> None:
    """Roles, users and groups are of RBAC's own group; service accounts are of none."""
    obj.role_ref.api_group = obj.role_ref.api_group or RBAC_GROUP
    for subject in obj.subjects:
        if subject.kind in ("Group", "User"):
            subject.api_group = subject.api_group or RBAC_GROUP


def lease(obj: coordination_v1.Lease) -> None:
    """Elections that the server coordinates are not offered: what belongs to them is not kept."""
    obj.spec.strategy = obj.spec.preferred_holder = None


def priority_class(obj: scheduling_v1.PriorityClass) -> None:
    """Pods of the class may take the place of lesser ones."""
    if obj.preemption_policy is None:
        obj.preemption_policy = PREEMPTION


def new_priority_class(obj: scheduling_v1.PriorityClass) -> None:
    """It has a generation, which never moves: what would move it is immutable."""
    obj.metadata.generation = 1
