"""Rules of the core group, but for pods."""

from collections.abc import Mapping
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import core as core_defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import core, nodes, services

RULES: Final[Mapping[type[Wire], Rules]] = {
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
    core_v1.Endpoints: Rules(),
    core_v1.ReplicationController: Rules(),
    core_v1.PodTemplate: Rules(),
}
