"""Rules of the group apps."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import apps_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import workloads as workload_defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import workloads

RULES: Final[Mapping[type[Wire], Rules]] = {
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
    apps_v1.StatefulSet: Rules(),
    apps_v1.DaemonSet: Rules(),
    apps_v1.ControllerRevision: Rules(),
}
