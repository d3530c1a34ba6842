"""The table of rules: what is particular about each kind. A new kind is one line here and its functions beside.

Everything that no entry says otherwise is as for most kinds: the name is a DNS-1123 subdomain, ``status`` is written
through its subresource only, and a change of ``spec`` moves ``metadata.generation`` where the registry says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from k3py.model import names, vpc_v1
from k3py.model.generated import apps_v1, coordination_v1, core_v1, discovery_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import core as core_defaults
from k3py.objects.defaults import pods as pod_defaults
from k3py.objects.defaults import vpc as vpc_defaults
from k3py.objects.defaults import workloads as workload_defaults
from k3py.objects.fields import Errors
from k3py.objects.meta import NameRule
from k3py.objects.validation import core, discovery, nodes, pod_updates, pods, services, vpc, workloads


def nothing(*_: Any) -> None:
    """No rule."""


def no_warnings(_: Any) -> list[str]:
    """Nothing to warn of."""
    return []


def spec_changed(new: Any, old: Any) -> bool:
    """Whether ``metadata.generation`` moves: for most kinds, when ``spec`` changes."""
    return bool(new.spec != old.spec)


@dataclass(frozen=True)
class Rules:
    """What is particular about a kind.

    Attributes:
        default: fills in what the user left out; may be repeated.
        prepare_create: takes out what a user cannot set (status), sets what only the server does.
        prepare_update: (new, old): carries over what an update of the main resource cannot change, beside status.
        prepare_status: (new, old): likewise for the status subresource, beside spec.
        check: (object, errors): everything wrong with an object, new or changed.
        check_update: (new, old, errors): what a change of the main resource may not do.
        check_status: (new, old, errors): what a change of the status may not do.
        generation_moves: (new, old).
        name: what the kind's names may look like.
        status_on_create: a new object may bring its status (a node that registers itself).
        create_on_update: a PUT of an object that is not there creates it.
        returns_deleted: a deletion answers with the object, not with a ``Status``.
        warn: what the user should hear although it is no error.
    """

    default: Callable[[Any], None] = nothing
    prepare_create: Callable[[Any], None] = nothing
    prepare_update: Callable[[Any, Any], None] = nothing
    prepare_status: Callable[[Any, Any], None] = nothing
    check: Callable[[Any, Errors], None] = nothing
    check_update: Callable[[Any, Any, Errors], None] = nothing
    check_status: Callable[[Any, Any, Errors], None] = nothing
    generation_moves: Callable[[Any, Any], bool] = spec_changed
    name: NameRule = names.dns_1123_subdomain
    status_on_create: bool = False
    create_on_update: bool = False
    returns_deleted: bool = False
    warn: Callable[[Any], list[str]] = no_warnings


PLAIN: Final = Rules()

RULES: Final[dict[type[Wire], Rules]] = {
    core_v1.Namespace: Rules(
        default=core_defaults.namespace,
        prepare_create=core_defaults.new_namespace,
        prepare_update=core_defaults.keep_namespace_finalizers,
        check=core.namespace,
        name=names.dns_1123_label,
        returns_deleted=True,
    ),
    core_v1.Node: Rules(
        default=core_defaults.node,
        check=nodes.node,
        check_update=nodes.node_update,
        check_status=nodes.node_status,
        status_on_create=True,
    ),
    core_v1.Pod: Rules(
        default=pod_defaults.pod,
        prepare_create=pod_defaults.new_pod,
        prepare_update=pod_defaults.keep_ephemeral_containers,
        prepare_status=pod_defaults.keep_qos_class,
        check=pods.pod,
        check_update=pod_updates.pod_update,
        check_status=pod_updates.pod_status,
        returns_deleted=True,
        warn=pods.warnings,
    ),
    core_v1.Service: Rules(
        default=core_defaults.service,
        prepare_create=core_defaults.new_service,
        prepare_update=core_defaults.keep_service_values,
        check=services.service,
        check_update=services.service_update,
        name=names.dns_1123_label,
        create_on_update=True,
        returns_deleted=True,
    ),
    core_v1.ConfigMap: Rules(check=core.config_map, check_update=core.config_map_update),
    core_v1.Secret: Rules(default=core_defaults.secret, check=core.secret, check_update=core.secret_update),
    core_v1.ServiceAccount: Rules(returns_deleted=True),
    core_v1.Event: Rules(default=core_defaults.event, check=core.event, create_on_update=True),
    apps_v1.Deployment: Rules(
        default=workload_defaults.deployment,
        prepare_status=workload_defaults.keep_labels,
        check=workloads.deployment,
        check_update=workloads.deployment_update,
        check_status=workloads.deployment_status,
        generation_moves=workload_defaults.spec_or_annotations_changed,
        warn=workloads.warnings,
    ),
    apps_v1.ReplicaSet: Rules(
        default=workload_defaults.replica_set,
        check=workloads.replica_set,
        check_update=workloads.replica_set_update,
        check_status=workloads.replica_set_status,
        warn=workloads.warnings,
    ),
    discovery_v1.EndpointSlice: Rules(
        default=core_defaults.endpoint_slice,
        check=discovery.endpoint_slice,
        check_update=discovery.endpoint_slice_update,
        generation_moves=core_defaults.endpoint_slice_changed,
    ),
    coordination_v1.Lease: Rules(check=core.lease, create_on_update=True),
    vpc_v1.VPC: Rules(
        default=vpc_defaults.vpc,
        prepare_create=vpc_defaults.new_vpc,
        check=vpc.vpc,
        check_update=vpc.vpc_update,
        check_status=vpc.vpc_status,
        name=vpc.name,
    ),
    vpc_v1.VPCBlock: Rules(check=vpc.block, check_update=vpc.block_update),
}


def rules_of(kind: type[Wire]) -> Rules:
    """The rules of a Struct class."""
    return RULES.get(kind, PLAIN)
