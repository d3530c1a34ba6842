"""Deployments, ReplicaSets, StatefulSets, DaemonSets and their revisions.

Names, order and cells are those of Kubernetes' ``pkg/printers/internalversion``.
"""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import (
    AGE,
    NAME,
    NONE,
    Column,
    Columns,
    age,
    containers_and_images,
    label_map,
    selector_text,
)
from k3py.api.columns.described import meaning
from k3py.model.generated import apps_v1, core_v1, meta_v1
from k3py.model.struct import Wire

CONTAINERS = Column("Containers", priority=1, description="Names of each container in the template.")
IMAGES = Column("Images", priority=1, description="Images referenced by each container in the template.")
READY = Column("Ready", description="Number of the pod with ready state")


def selector_column(kind: type[Wire]) -> Column:
    """Which pods a kind counts as its own; ``kind`` is the Struct class of its spec."""
    return Column("Selector", priority=1, description=meaning(kind, "selector"))


def replica_columns(spec: type[Wire], status: type[Wire]) -> tuple[Column, ...]:
    """Those of what keeps a number of equal pods; the Struct classes of its spec and status say what they mean."""
    return (
        NAME,
        Column("Desired", "integer", description=meaning(spec, "replicas")),
        Column("Current", "integer", description=meaning(status, "replicas")),
        Column("Ready", "integer", description=meaning(status, "readyReplicas")),
        AGE,
        CONTAINERS,
        IMAGES,
        selector_column(spec),
    )


def controller_text(metadata: meta_v1.ObjectMeta) -> str:
    """The controlling owner as ``statefulset.apps/name``; ``<none>`` without one."""
    for owner in metadata.owner_references:
        if owner.controller:
            group = owner.api_version.rpartition("/")[0]
            return f"{owner.kind.lower()}{'.' if group else ''}{group}/{owner.name}"
    return NONE


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
    return replica_cells(replica_set, selector_text(replica_set.spec.selector), now)


def replica_cells(obj: apps_v1.ReplicaSet | core_v1.ReplicationController, selector: str, now: float) -> list[Any]:
    """What ``replica_columns`` hold of an object; ``selector`` is its selector as text."""
    template = obj.spec.template
    return [
        obj.metadata.name,
        obj.spec.replicas or 0,
        obj.status.replicas,
        obj.status.ready_replicas,
        age(obj.metadata, now),
        *(("", "") if template is None else containers_and_images(template)),
        selector,
    ]


def _stateful_set(stateful_set: apps_v1.StatefulSet, now: float) -> list[Any]:
    return [
        stateful_set.metadata.name,
        f"{stateful_set.status.ready_replicas}/{stateful_set.spec.replicas or 0}",
        age(stateful_set.metadata, now),
        *containers_and_images(stateful_set.spec.template),
    ]


def _daemon_set(daemon_set: apps_v1.DaemonSet, now: float) -> list[Any]:
    status = daemon_set.status
    return [
        daemon_set.metadata.name,
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        label_map(daemon_set.spec.template.spec.node_selector),
        age(daemon_set.metadata, now),
        *containers_and_images(daemon_set.spec.template),
        selector_text(daemon_set.spec.selector),
    ]


def _revision(revision: apps_v1.ControllerRevision, now: float) -> list[Any]:
    return [
        revision.metadata.name,
        controller_text(revision.metadata),
        revision.revision,
        age(revision.metadata, now),
    ]


DEPLOYMENTS = Columns(
    (
        NAME,
        READY,
        Column("Up-to-date", description=meaning(apps_v1.DeploymentStatus, "updatedReplicas")),
        Column("Available", description=meaning(apps_v1.DeploymentStatus, "availableReplicas")),
        AGE,
        CONTAINERS,
        IMAGES,
        selector_column(apps_v1.DeploymentSpec),
    ),
    _deployment,
)
REPLICA_SETS = Columns(replica_columns(apps_v1.ReplicaSetSpec, apps_v1.ReplicaSetStatus), _replica_set)
STATEFUL_SETS = Columns((NAME, READY, AGE, CONTAINERS, IMAGES), _stateful_set)
DAEMON_SETS = Columns(
    (
        NAME,
        Column("Desired", "integer", description=meaning(apps_v1.DaemonSetStatus, "desiredNumberScheduled")),
        Column("Current", "integer", description=meaning(apps_v1.DaemonSetStatus, "currentNumberScheduled")),
        Column("Ready", "integer", description=meaning(apps_v1.DaemonSetStatus, "numberReady")),
        Column("Up-to-date", "integer", description=meaning(apps_v1.DaemonSetStatus, "updatedNumberScheduled")),
        Column("Available", "integer", description=meaning(apps_v1.DaemonSetStatus, "numberAvailable")),
        Column("Node Selector", description=meaning(core_v1.PodSpec, "nodeSelector")),
        AGE,
        CONTAINERS,
        IMAGES,
        selector_column(apps_v1.DaemonSetSpec),
    ),
    _daemon_set,
)
REVISIONS = Columns(
    (
        NAME,
        Column("Controller", description="Controller of the object"),
        Column("Revision", description=meaning(apps_v1.ControllerRevision, "revision")),
        AGE,
    ),
    _revision,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    apps_v1.Deployment: DEPLOYMENTS,
    apps_v1.ReplicaSet: REPLICA_SETS,
    apps_v1.StatefulSet: STATEFUL_SETS,
    apps_v1.DaemonSet: DAEMON_SETS,
    apps_v1.ControllerRevision: REVISIONS,
}
