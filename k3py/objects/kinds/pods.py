"""Rules of pods."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import core_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import pods as pod_defaults
from k3py.objects.rules import Part, Rules
from k3py.objects.validation import pod_resize, pod_status, pod_updates, pods

RULES: Final[Mapping[type[Wire], Rules]] = {
    core_v1.Pod: Rules(
        default=pod_defaults.pod,
        prepare_create=pod_defaults.new_pod,
        prepare_update=pod_defaults.changed_pod,
        prepare_status=pod_defaults.keep_status_values,
        check=pods.pod,
        check_create=pods.new_pod,
        check_update=pod_updates.pod_update,
        check_status=pod_status.pod_status,
        returns_deleted=True,
        warn=pods.warnings,
        warn_update=lambda new, old: [],
        parts={
            "ephemeralcontainers": Part(pod_defaults.keep_all_but_ephemeral_containers, pod_updates.ephemeral_update),
            "resize": Part(pod_resize.keep_all_but_resources, pod_resize.resize),
        },
        metadata_looks=(1, 1),
    ),
}
