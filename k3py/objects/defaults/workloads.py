"""Defaults of workloads, and what only the server sets of them.

Source: Kubernetes ``pkg/apis/apps/v1/defaults.go`` and the kinds' strategies.
"""

import re
from typing import Final

from k3py.model.generated import apps_v1
from k3py.objects.defaults.pods import template_spec
from k3py.objects.defaults.storage import claim as claim_defaults

SURGE: Final = "25%"
HISTORY: Final = 10
PROGRESS_SECONDS: Final = 600
# How often a DaemonSet's template changed; a field once, an annotation since.
TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
_GENERATION: Final = re.compile("[+-]?[0-9]{1,18}", re.ASCII)


def deployment(obj: apps_v1.Deployment) -> None:
    """One replica, rolled out a quarter at a time."""
    spec = obj.spec
    if spec.replicas is None:
        spec.replicas = 1
    strategy = spec.strategy
    strategy.type = strategy.type or "RollingUpdate"
    if strategy.type == "RollingUpdate":
        if strategy.rolling_update is None:
            strategy.rolling_update = apps_v1.RollingUpdateDeployment()
        rolling = strategy.rolling_update
        if rolling.max_unavailable is None:
            rolling.max_unavailable = SURGE
        if rolling.max_surge is None:
            rolling.max_surge = SURGE
    if spec.revision_history_limit is None:
        spec.revision_history_limit = HISTORY
    if spec.progress_deadline_seconds is None:
        spec.progress_deadline_seconds = PROGRESS_SECONDS
    template_spec(spec.template.spec)


def replica_set(obj: apps_v1.ReplicaSet) -> None:
    """One replica."""
    if obj.spec.replicas is None:
        obj.spec.replicas = 1
    template_spec(obj.spec.template.spec)


def stateful_set(obj: apps_v1.StatefulSet) -> None:
    """One replica after the other, whose claims stay."""
    spec = obj.spec
    spec.pod_management_policy = spec.pod_management_policy or "OrderedReady"
    strategy = spec.update_strategy
    if not strategy.type:
        strategy.type = "RollingUpdate"
        if strategy.rolling_update is None:
            strategy.rolling_update = apps_v1.RollingUpdateStatefulSetStrategy()
    rolling = strategy.rolling_update
    if strategy.type == "RollingUpdate" and rolling is not None and rolling.partition is None:
        rolling.partition = 0
    if spec.persistent_volume_claim_retention_policy is None:
        spec.persistent_volume_claim_retention_policy = apps_v1.StatefulSetPersistentVolumeClaimRetentionPolicy()
    retention = spec.persistent_volume_claim_retention_policy
    retention.when_deleted = retention.when_deleted or "Retain"
    retention.when_scaled = retention.when_scaled or "Retain"
    if spec.replicas is None:
        spec.replicas = 1
    if spec.revision_history_limit is None:
        spec.revision_history_limit = HISTORY
    for claim in spec.volume_claim_templates:
        claim.api_version, claim.kind = "v1", "PersistentVolumeClaim"
        claim_defaults(claim)
    template_spec(spec.template.spec)


def new_stateful_set(obj: apps_v1.StatefulSet) -> None:
    """Kubernetes replaces one pod at a time: more is behind a gate that is closed."""
    if obj.spec.update_strategy.rolling_update is not None:
        obj.spec.update_strategy.rolling_update.max_unavailable = None


def stateful_set_changed(new: apps_v1.StatefulSet, old: apps_v1.StatefulSet) -> None:
    """As ``new_stateful_set``, but that an object keeps what it has."""
    before = old.spec.update_strategy.rolling_update
    if before is None or before.max_unavailable is None:
        new_stateful_set(new)


def daemon_set(obj: apps_v1.DaemonSet) -> None:
    """Replaced one pod at a time."""
    strategy = obj.spec.update_strategy
    strategy.type = strategy.type or "RollingUpdate"
    if strategy.type == "RollingUpdate":
        if strategy.rolling_update is None:
            strategy.rolling_update = apps_v1.RollingUpdateDaemonSet()
        if strategy.rolling_update.max_unavailable is None:
            strategy.rolling_update.max_unavailable = 1
        if strategy.rolling_update.max_surge is None:
            strategy.rolling_update.max_surge = 0
    if obj.spec.revision_history_limit is None:
        obj.spec.revision_history_limit = HISTORY
    _set_generation(obj, _generation(obj))
    template_spec(obj.spec.template.spec)


def new_daemon_set(obj: apps_v1.DaemonSet) -> None:
    """Its template is the first, unless the user counts from elsewhere."""
    _set_generation(obj, max(1, _generation(obj)))


def daemon_set_changed(new: apps_v1.DaemonSet, old: apps_v1.DaemonSet) -> None:
    """The server counts templates, not the user."""
    changed = new.spec.template != old.spec.template
    _set_generation(new, _generation(old) + changed)


def keep_template_generation(new: apps_v1.DaemonSet, old: apps_v1.DaemonSet) -> None:
    """A status does not count templates."""
    _set_generation(new, _generation(old))


def _generation(obj: apps_v1.DaemonSet) -> int:
    text = obj.metadata.annotations.get(TEMPLATE_GENERATION, "")
    return int(text) if _GENERATION.fullmatch(text) else 0


def _set_generation(obj: apps_v1.DaemonSet, number: int) -> None:
    obj.metadata.annotations[TEMPLATE_GENERATION] = str(number)


def keep_labels(new: apps_v1.Deployment, old: apps_v1.Deployment) -> None:
    """The status subresource of a Deployment does not write labels."""
    new.metadata.labels = old.metadata.labels


def spec_or_annotations_changed(new: apps_v1.Deployment, old: apps_v1.Deployment) -> bool:
    """A Deployment's generation also moves with its annotations."""
    return new.spec != old.spec or new.metadata.annotations != old.metadata.annotations
