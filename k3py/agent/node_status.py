"""The Node object as kubelet writes it: from what was measured, without measuring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from k3py import __version__
from k3py.base.clock import rfc3339
from k3py.model.generated import core_v1, meta_v1
from k3py.model.generated.core_v1 import Node, NodeCondition, NodeStatus
from k3py.model.struct import Quantity

# kubelet's threshold, and K3s' for disks: small machines have small disks.
MEMORY_AVAILABLE_MIN: Final = 100 * 1024 * 1024
DISK_AVAILABLE_PERCENT_MIN: Final = 5
INODES_AVAILABLE_PERCENT_MIN: Final = 5
PIDS_AVAILABLE_PERCENT_MIN: Final = 5
KUBELET_VERSION: Final = f"v1.36.0+k3py{__version__}"

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the host says of itself. Bytes and counts; ``addresses`` with the preferred one first."""

    hostname: str
    machine: str
    kernel_version: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str
    runtime_version: str
    addresses: Sequence[str]
    cpus: int
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_available_bytes: int
    inodes: int
    inodes_available: int
    pids_max: int
    pids: int


def architecture(machine: str) -> str:
    """``uname``'s word as Go says it: ``x86_64`` is ``amd64``."""
    return _ARCHITECTURES.get(machine, machine)


def labels(node_name: str, machine: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The labels that users select nodes by."""
    arch = architecture(machine)
    return {
        **extra,
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": node_name,
        "kubernetes.io/os": "linux",
    }


def new_node(
    node_name: str, measured: Measured, extra: Mapping[str, str], taints: Sequence[core_v1.Taint] = ()
) -> Node:
    """The Node object that is registered."""
    meta = meta_v1.ObjectMeta(
        name=node_name,
        labels=labels(node_name, measured.machine, extra),
        annotations={"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
    )
    return Node(metadata=meta, spec=core_v1.NodeSpec(taints=list(taints)))


def capacity(measured: Measured, pods_max: int) -> dict[str, Quantity]:
    return {
        "cpu": str(measured.cpus),
        "ephemeral-storage": f"{measured.disk_bytes // 1024}Ki",
        "memory": f"{measured.memory_bytes // 1024}Ki",
        "pods": str(pods_max),
    }


def allocatable(
    measured: Measured, pods_max: int, memory_reserved: int, cpu_reserved_milli: int
) -> dict[str, Quantity]:
    """What pods may have: the capacity less what is kept for the host, and a tenth of the disk."""
    cpu = measured.cpus * 1000 - cpu_reserved_milli
    return {
        "cpu": str(cpu // 1000) if cpu % 1000 == 0 else f"{cpu}m",
        "ephemeral-storage": str(measured.disk_bytes * 9 // 10),
        "memory": f"{max(0, measured.memory_bytes - memory_reserved) // 1024}Ki",
        "pods": str(pods_max),
    }


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def conditions(measured: Measured, before: Sequence[NodeCondition], trouble: str, now: float) -> list[NodeCondition]:
    """The four conditions; ``before`` keeps the times of those that did not change. ``trouble``: why not Ready."""
    memory = measured.memory_available_bytes < MEMORY_AVAILABLE_MIN
    disk = (
        _percent(measured.disk_available_bytes, measured.disk_bytes) < DISK_AVAILABLE_PERCENT_MIN
        or _percent(measured.inodes_available, measured.inodes) < INODES_AVAILABLE_PERCENT_MIN
    )
    pids = _percent(measured.pids_max - measured.pids, measured.pids_max) < PIDS_AVAILABLE_PERCENT_MIN
    found = [
        _pressure("MemoryPressure", memory, "KubeletHasInsufficientMemory", "KubeletHasSufficientMemory", "memory"),
        _pressure("DiskPressure", disk, "KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "disk"),
        _pressure("PIDPressure", pids, "KubeletHasInsufficientPID", "KubeletHasSufficientPID", "PID"),
        ("Ready", "False", "KubeletNotReady", trouble)
        if trouble
        else ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    since = {each.type: each for each in before}
    result = []
    for kind, status, reason, message in found:
        known = since.get(kind)
        changed = known is None or known.status != status
        result.append(
            NodeCondition(
                type=kind,
                status=status,
                reason=reason,
                message=message,
                last_heartbeat_time=rfc3339(now),
                last_transition_time=rfc3339(now) if known is None or changed else known.last_transition_time,
            )
        )
    return result


def _pressure(kind: str, pressed: bool, bad: str, good: str, what: str) -> tuple[str, str, str, str]:
    if pressed:
        return kind, "True", bad, f"kubelet has insufficient {what} available"
    word = "no disk pressure" if what == "disk" else f"sufficient {what} available"
    return kind, "False", good, f"kubelet has {word}"


def node_status(
    node_name: str,
    measured: Measured,
    images: Sequence[core_v1.ContainerImage],
    before: Sequence[NodeCondition],
    trouble: str,
    now: float,
    *,
    pods_max: int,
    memory_reserved: int,
    cpu_reserved_milli: int,
) -> NodeStatus:
    """The whole status."""
    addresses = [core_v1.NodeAddress(type="InternalIP", address=each) for each in measured.addresses[:1]]
    return NodeStatus(
        capacity=capacity(measured, pods_max),
        allocatable=allocatable(measured, pods_max, memory_reserved, cpu_reserved_milli),
        conditions=conditions(measured, before, trouble, now),
        addresses=[*addresses, core_v1.NodeAddress(type="Hostname", address=node_name)],
        node_info=core_v1.NodeSystemInfo(
            machine_id=measured.machine_id,
            system_uuid=measured.system_uuid,
            boot_id=measured.boot_id,
            kernel_version=measured.kernel_version,
            os_image=measured.os_image,
            container_runtime_version=measured.runtime_version,
            kubelet_version=KUBELET_VERSION,
            operating_system="linux",
            architecture=architecture(measured.machine),
        ),
        images=list(images),
    )


def same_but_heartbeat(one: NodeStatus | None, other: NodeStatus) -> bool:
    """Whether nothing changed but times and the amount of free memory and disk."""
    if one is None:
        return False
    facts = [
        (s.capacity, s.allocatable, s.addresses, s.node_info, s.images, [(c.type, c.status) for c in s.conditions])
        for s in (one, other)
    ]
    return facts[0] == facts[1]
