"""Rules of the group apps."""

from collections.abc import Mapping
from typing import Final

from k3py.model import names
from k3py.model.generated import apps_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import workloads as workload_defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import daemon_sets, stateful_sets, workloads

RULES: Final[Mapping[type[Wire], Rules]] = {
    apps_v1.Deployment: Rules(
        default=workload_defaults.deployment,
        prepare_status=workload_defaults.keep_labels,
        check=workloads.deployment,
        check_update=workloads.deployment_update,
        check_status=workloads.deployment_status,
        generation_moves=workload_defaults.spec_or_annotations_changed,
        warn=workloads.warnings,
        warn_update=workloads.update_warnings,
    ),
    apps_v1.ReplicaSet: Rules(
        default=workload_defaults.replica_set,
        check=workloads.replica_set,
        check_update=workloads.replica_set_update,
        check_status=workloads.replica_set_status,
        warn=workloads.warnings,
        warn_update=workloads.update_warnings,
        metadata_looks=(1, 1),
    ),
    apps_v1.StatefulSet: Rules(
        default=workload_defaults.stateful_set,
        prepare_create=workload_defaults.new_stateful_set,
        prepare_update=workload_defaults.stateful_set_changed,
        check=stateful_sets.stateful_set,
        check_create=stateful_sets.new_stateful_set,
        check_update=stateful_sets.stateful_set_update,
        check_status=stateful_sets.stateful_set_status,
        name=names.dns_1123_label,
        warn=stateful_sets.warnings,
        warn_update=stateful_sets.update_warnings,
    ),
    apps_v1.DaemonSet: Rules(
        default=workload_defaults.daemon_set,
        prepare_create=workload_defaults.new_daemon_set,
        prepare_update=workload_defaults.daemon_set_changed,
        prepare_status=workload_defaults.keep_template_generation,
        check=daemon_sets.daemon_set,
        check_update=daemon_sets.daemon_set_update,
        check_status=daemon_sets.daemon_set_status,
        warn=daemon_sets.warnings,
        warn_update=workloads.update_warnings,
        metadata_looks=(1, 1),
    ),
    apps_v1.ControllerRevision: Rules(
        check=daemon_sets.controller_revision,
        check_update=daemon_sets.controller_revision_update,
        metadata_looks=(1, 1),
    ),
}
