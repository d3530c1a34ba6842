"""Rules of the core group, but for pods."""

from collections.abc import Mapping
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import core as core_defaults
from k3py.objects.defaults import replication as replication_defaults
from k3py.objects.defaults import services as service_defaults
from k3py.objects.rules import Part, Rules
from k3py.objects.validation import core, endpoints, events, nodes, replication, services

RULES: Final[Mapping[type[Wire], Rules]] = {
    core_v1.Namespace: Rules(
        default=core_defaults.namespace,
        prepare_create=core_defaults.new_namespace,
        prepare_update=core_defaults.keep_namespace_finalizers,
        check=core.namespace,
        check_status=core.namespace_status,
        name=names.dns_1123_label,
        parts={"finalize": Part(core_defaults.keep_namespace_status, core.namespace_finalize)},
        returns_deleted=True,
        metadata_looks=(1, 1),
    ),
    core_v1.Node: Rules(
        default=core_defaults.node,
        prepare_create=core_defaults.new_node,
        prepare_update=core_defaults.keep_node_config,
        prepare_status=core_defaults.keep_node_config,
        check_create=nodes.new_node,
        check_update=nodes.node_update,
        check_status=nodes.node_status,
        status_on_create=True,
        warn=nodes.node_warnings,
        metadata_looks=(1, 1),
    ),
    core_v1.Service: Rules(
        default=service_defaults.service,
        prepare_create=service_defaults.new_service,
        prepare_update=service_defaults.keep_service_values,
        check=services.service,
        check_update=services.service_update,
        check_status=services.service_status,
        name=names.dns_1123_label,
        create_on_update=True,
        returns_deleted=True,
        warn=services.service_warnings,
        metadata_looks=(1, 1),
    ),
    core_v1.ConfigMap: Rules(check_create=core.config_map, check_update=core.config_map_update, metadata_looks=(1, 1)),
    core_v1.Secret: Rules(
        default=core_defaults.secret,
        check_create=core.secret,
        check_update=core.secret_update,
        warn=core.secret_warnings,
        metadata_looks=(1, 1),
    ),
    core_v1.ServiceAccount: Rules(
        prepare_create=core_defaults.only_names,
        prepare_update=core_defaults.keep_only_names,
        returns_deleted=True,
        warn=core.service_account_warnings,
        warn_update=core.service_account_update_warnings,
        metadata_looks=(1, 1),
    ),
    core_v1.Event: Rules(
        default=core_defaults.event,
        check=events.event,
        name=names.path_segment,
        create_on_update=True,
        metadata_looks=(0, 0),
    ),
    core_v1.Endpoints: Rules(
        default=core_defaults.endpoints,
        check_create=endpoints.new_endpoints,
        check_update=endpoints.endpoints_update,
        create_on_update=True,
        warn=endpoints.endpoints_warnings,
        metadata_looks=(1, 1),
    ),
    core_v1.ReplicationController: Rules(
        default=replication_defaults.replication_controller,
        check=replication.replication_controller,
        check_update=replication.replication_controller_update,
        check_status=replication.replication_controller_status,
        warn=replication.replication_controller_warnings,
        warn_update=replication.replication_controller_update_warnings,
        metadata_looks=(1, 1),
    ),
    core_v1.PodTemplate: Rules(
        default=replication_defaults.pod_template,
        check=replication.pod_template,
        generation_moves=replication_defaults.template_changed,
        returns_deleted=True,
        warn=replication.pod_template_warnings,
    ),
}
