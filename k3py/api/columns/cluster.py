"""Namespaces, nodes, leases, events."""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import AGE, NAME, NONE, UNKNOWN, Column, Columns, age, human_duration, since
from k3py.api.columns.described import meaning
from k3py.base.clock import parse_rfc3339
from k3py.model.generated import coordination_v1, core_v1
from k3py.model.struct import Wire

_ROLE = "node-role.kubernetes.io/"


def _node_status(node: core_v1.Node) -> str:
    ready = next((each for each in node.status.conditions if each.type == "Ready"), None)
    words = ["Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"]
    if node.spec.unschedulable:
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(node: core_v1.Node) -> str:
    roles = {key.removeprefix(_ROLE) for key in node.metadata.labels if key.startswith(_ROLE)}
    roles |= {value for key, value in node.metadata.labels.items() if key == "kubernetes.io/role" and value}
    return ",".join(sorted(roles - {""})) or NONE


def _node_address(node: core_v1.Node, kind: str) -> str:
    return next((each.address for each in node.status.addresses if each.type == kind), NONE)


def _node(node: core_v1.Node, now: float) -> list[Any]:
    info = node.status.node_info
    kernel = info.kernel_version or UNKNOWN
    return [
        node.metadata.name,
        _node_status(node),
        _node_roles(node),
        age(node.metadata, now),
        info.kubelet_version,
        _node_address(node, "InternalIP"),
        _node_address(node, "ExternalIP"),
        info.os_image or UNKNOWN,
        f"{kernel} ({info.architecture})" if info.architecture else kernel,
        info.container_runtime_version or UNKNOWN,
    ]


def _namespace(namespace: core_v1.Namespace, now: float) -> list[Any]:
    return [namespace.metadata.name, namespace.status.phase, age(namespace.metadata, now)]


def _lease(lease: coordination_v1.Lease, now: float) -> list[Any]:
    return [lease.metadata.name, lease.spec.holder_identity or "", age(lease.metadata, now)]


def _event_ages(event: core_v1.Event, now: float) -> tuple[str, str]:
    """Last and first seen."""
    first = since(event.first_timestamp or event.event_time, now)
    last_time = event.series.last_observed_time if event.series is not None else event.last_timestamp
    last = human_duration(now - parse_rfc3339(last_time)) if last_time else first
    return last, first


def _event(event: core_v1.Event, now: float) -> list[Any]:
    last, first = _event_ages(event, now)
    component = event.source.component or event.reporting_component
    instance = event.source.host or event.reporting_instance
    target = event.involved_object
    kind = target.kind.lower()
    return [
        last,
        event.type,
        event.reason,
        f"{kind}/{target.name}" if target.name else kind,
        target.field_path,
        f"{component}, {instance}" if instance else component,
        event.message.strip(),
        first,
        event.series.count if event.series is not None else (event.count or 1),
        event.metadata.name,
    ]


NODES = Columns(
    (
        NAME,
        Column("Status", description="The status of the node"),
        Column("Roles", description="The roles of the node"),
        AGE,
        Column("Version", description=meaning(core_v1.NodeSystemInfo, "kubeletVersion")),
        Column("Internal-IP", priority=1, description=meaning(core_v1.NodeStatus, "addresses")),
        Column("External-IP", priority=1, description=meaning(core_v1.NodeStatus, "addresses")),
        Column("OS-Image", priority=1, description=meaning(core_v1.NodeSystemInfo, "osImage")),
        Column("Kernel-Version", priority=1, description=meaning(core_v1.NodeSystemInfo, "kernelVersion")),
        Column("Container-Runtime", priority=1, description=meaning(core_v1.NodeSystemInfo, "containerRuntimeVersion")),
    ),
    _node,
)
NAMESPACES = Columns((NAME, Column("Status", description="The status of the namespace"), AGE), _namespace)
LEASES = Columns(
    (NAME, Column("Holder", description=meaning(coordination_v1.LeaseSpec, "holderIdentity")), AGE), _lease
)
EVENTS = Columns(
    (
        Column("Last Seen", description=meaning(core_v1.Event, "lastTimestamp")),
        Column("Type", description=meaning(core_v1.Event, "type")),
        Column("Reason", description=meaning(core_v1.Event, "reason")),
        Column("Object", description=meaning(core_v1.Event, "involvedObject")),
        Column("Subobject", priority=1, description=meaning(core_v1.ObjectReference, "fieldPath")),
        Column("Source", priority=1, description=meaning(core_v1.Event, "source")),
        Column("Message", description=meaning(core_v1.Event, "message")),
        Column("First Seen", priority=1, description=meaning(core_v1.Event, "firstTimestamp")),
        Column("Count", priority=1, description=meaning(core_v1.Event, "count")),
        Column("Name", format="name", priority=1, description=NAME.description),
    ),
    _event,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.Node: NODES,
    core_v1.Namespace: NAMESPACES,
    core_v1.Event: EVENTS,
    coordination_v1.Lease: LEASES,
}
