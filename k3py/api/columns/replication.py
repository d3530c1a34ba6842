"""ReplicationControllers, PodTemplates and Endpoints, as Kubernetes' ``pkg/printers/internalversion`` shows them."""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import AGE, NAME, NONE, Column, Columns, age, containers_and_images, label_map
from k3py.api.columns.described import meaning
from k3py.api.columns.workloads import CONTAINERS, IMAGES, replica_cells, replica_columns
from k3py.model.generated import core_v1
from k3py.model.struct import Wire

_ENDPOINTS_SHOWN = 3


def _replication_controller(controller: core_v1.ReplicationController, now: float) -> list[Any]:
    return replica_cells(controller, label_map(controller.spec.selector), now)


def _pod_template(template: core_v1.PodTemplate, now: float) -> list[Any]:
    del now
    labels = label_map(template.template.metadata.labels)
    return [template.metadata.name, *containers_and_images(template.template), labels]


def _endpoints(endpoints: core_v1.Endpoints, now: float) -> list[Any]:
    return [endpoints.metadata.name, _addresses(endpoints.subsets), age(endpoints.metadata, now)]


def _addresses(subsets: list[core_v1.EndpointSubset]) -> str:
    """The first few addresses with their ports; not those that are not ready."""
    if not subsets:
        return NONE
    found = []
    for subset in subsets:
        ports = [f":{port.port}" for port in subset.ports] or [""]
        found += [
            f"[{address.ip}]{port}" if port and ":" in address.ip else f"{address.ip}{port}"
            for port in ports
            for address in subset.addresses
        ]
    shown, more = ",".join(found[:_ENDPOINTS_SHOWN]), len(found) - _ENDPOINTS_SHOWN
    return f"{shown} + {more} more..." if more > 0 else shown


REPLICATION_CONTROLLERS = Columns(
    replica_columns(core_v1.ReplicationControllerSpec, core_v1.ReplicationControllerStatus), _replication_controller
)
POD_TEMPLATES = Columns(
    (
        NAME,
        Column("Containers", description=CONTAINERS.description),
        Column("Images", description=IMAGES.description),
        Column("Pod Labels", description="The labels for the pod template."),
    ),
    _pod_template,
)
ENDPOINTS = Columns((NAME, Column("Endpoints", description=meaning(core_v1.Endpoints, "subsets")), AGE), _endpoints)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.ReplicationController: REPLICATION_CONTROLLERS,
    core_v1.PodTemplate: POD_TEMPLATES,
    core_v1.Endpoints: ENDPOINTS,
}
