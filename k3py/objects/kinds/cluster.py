"""Rules of roles, leases, classes and signing requests."""

from collections.abc import Mapping
from typing import Final

from k3py.model import names
from k3py.model.generated import certificates_v1, coordination_v1, node_v1, rbac_v1, scheduling_v1
from k3py.model.struct import Wire
from k3py.objects import certificate_requests
from k3py.objects.defaults import cluster as defaults
from k3py.objects.rules import Part, Rules
from k3py.objects.validation import certificates, leases, rbac, scheduling_classes

RULES: Final[Mapping[type[Wire], Rules]] = {
    rbac_v1.Role: Rules(
        check=rbac.role,
        check_update=rbac.role_update,
        name=names.path_segment,
        create_on_update=True,
        metadata_looks=(2, 1),
    ),
    rbac_v1.RoleBinding: Rules(
        default=defaults.binding,
        check=rbac.role_binding,
        check_update=rbac.role_binding_update,
        name=names.path_segment,
        create_on_update=True,
        metadata_looks=(2, 1),
    ),
    rbac_v1.ClusterRole: Rules(
        check=rbac.cluster_role,
        check_update=rbac.cluster_role_update,
        name=names.path_segment,
        create_on_update=True,
        metadata_looks=(2, 1),
    ),
    rbac_v1.ClusterRoleBinding: Rules(
        default=defaults.binding,
        check=rbac.cluster_role_binding,
        check_update=rbac.cluster_role_binding_update,
        name=names.path_segment,
        create_on_update=True,
        metadata_looks=(2, 1),
    ),
    coordination_v1.Lease: Rules(
        default=defaults.lease, check=leases.lease, create_on_update=True, unconditional_update=False
    ),
    scheduling_v1.PriorityClass: Rules(
        default=defaults.priority_class,
        prepare_create=defaults.new_priority_class,
        check_create=scheduling_classes.new_priority_class,
        check_update=scheduling_classes.priority_class_update,
    ),
    node_v1.RuntimeClass: Rules(
        unconditional_update=False,
        check=scheduling_classes.runtime_class,
        check_update=scheduling_classes.runtime_class_update,
        metadata_looks=(1, 1),
    ),
    certificates_v1.CertificateSigningRequest: Rules(
        prepare_update=certificate_requests.keep_request,
        stamp=certificate_requests.stamp_conditions,
        check_create=certificates.request,
        check_update=certificates.request_update,
        check_status=certificates.request_status,
        name=names.path_segment,
        parts={"approval": Part(certificate_requests.keep_for_approval, certificates.request_approval)},
        metadata_looks=(1, 1),
    ),
}
