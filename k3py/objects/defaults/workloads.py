"""Defaults of workloads. Source: Kubernetes ``pkg/apis/apps/v1/defaults.go``."""

from typing import Final

from k3py.model.generated import apps_v1
from k3py.objects.defaults.pods import pod_spec

SURGE: Final = "25%"
HISTORY: Final = 10
PROGRESS_SECONDS: Final = 600


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
    pod_spec(spec.template.spec)


def replica_set(obj: apps_v1.ReplicaSet) -> None:
    """One replica."""
    if obj.spec.replicas is None:
        obj.spec.replicas = 1
    pod_spec(obj.spec.template.spec)


def keep_labels(new: apps_v1.Deployment, old: apps_v1.Deployment) -> None:
    """The status subresource of a Deployment does not write labels."""
    new.metadata.labels = old.metadata.labels


def spec_or_annotations_changed(new: apps_v1.Deployment, old: apps_v1.Deployment) -> bool:
    """A Deployment's generation also moves with its annotations."""
    return new.spec != old.spec or new.metadata.annotations != old.metadata.annotations
