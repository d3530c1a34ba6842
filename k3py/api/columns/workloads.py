"""Deployments and ReplicaSets."""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import AGE, NAME, Column, Columns, age, containers_and_images, selector_text
from k3py.model.generated import apps_v1
from k3py.model.struct import Wire

_WIDE = (
    Column("Containers", priority=1, description="Names of the containers in the template."),
    Column("Images", priority=1, description="Images of the containers in the template."),
    Column("Selector", priority=1, description="Which pods it counts as its own."),
)


def _deployment(deployment: apps_v1.Deployment, now: float) -> list[Any]:
    status = deployment.status
    return [
        deployment.metadata.name,
        f"{status.ready_replicas}/{deployment.spec.replicas or 0}",
        status.updated_replicas,
        status.available_replicas,
        age(deployment.metadata, now),
        *containers_and_images(deployment.spec.template),
        selector_text(deployment.spec.selector),
    ]


def _replica_set(replica_set: apps_v1.ReplicaSet, now: float) -> list[Any]:
    return [
        replica_set.metadata.name,
        replica_set.spec.replicas or 0,
        replica_set.status.replicas,
        replica_set.status.ready_replicas,
        age(replica_set.metadata, now),
        *containers_and_images(replica_set.spec.template),
        selector_text(replica_set.spec.selector),
    ]


DEPLOYMENTS = Columns(
    (
        NAME,
        Column("Ready", description="Pods that are ready, of those wanted."),
        Column("Up-to-date", description="Pods of the current template."),
        Column("Available", description="Pods that have been ready for minReadySeconds."),
        AGE,
        *_WIDE,
    ),
    _deployment,
)
REPLICA_SETS = Columns(
    (
        NAME,
        Column("Desired", "integer", description="Pods wanted."),
        Column("Current", "integer", description="Pods there are."),
        Column("Ready", "integer", description="Pods that are ready."),
        AGE,
        *_WIDE,
    ),
    _replica_set,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    apps_v1.Deployment: DEPLOYMENTS,
    apps_v1.ReplicaSet: REPLICA_SETS,
}
