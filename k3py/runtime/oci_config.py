"""config.json of the OCI runtime specification out of a ContainerConfig. Pure: the host's facts come in as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from k3py.runtime import seccomp
from k3py.runtime.cgroup_values import CPU_PERIOD_MICROSECONDS, cpu_quota_microseconds, cpu_shares
from k3py.runtime.port import ContainerConfig, Mount, Resources, Rlimit, Seccomp

OCI_VERSION: Final = "1.0.2"
SHM_BYTES: Final = 64 * 1024 * 1024  # what Docker, containerd and CRI-O give; more is an emptyDir of medium Memory
DEFAULT_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The set that Docker chose and every Kubernetes runtime keeps, so that images find what they expect.
DEFAULT_CAPABILITIES: Final = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
# capabilities(7), all that exist up to Linux 5.9 (the newest so far).
_CAPABILITY_NAMES: Final = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
    SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
    SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
ALL_CAPABILITIES: Final = tuple(f"CAP_{name}" for name in _CAPABILITY_NAMES.split())
# Kernel state that tells about, or harms, the whole host (the Kubernetes documentation of procMount names them).
MASKED_PATHS: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY_PATHS: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True)
class Device:
    """A device node of the host: ``kind`` is ``c`` or ``b``."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class HostFacts:
    """What the host can do, as far as config.json depends on it.

    ``rlimit_hard`` maps names (``RLIMIT_NOFILE``) to this process's hard limits; without ``sys_resource`` (the
    capability) nothing may go above them, nor ``oom_score_adj`` below ``oom_score_adj_min``. ``swap_limit`` tells
    whether the cgroups count swap, ``oom_group`` whether all of a cgroup can be killed for its memory. ``devices``
    are what a privileged container gets.
    """

    machine: str
    capabilities: frozenset[str]
    rlimit_hard: Mapping[str, int]
    cgroup_v2: bool
    swap_limit: bool
    oom_score_adj_min: int = 0
    oom_group: bool = False
    devices: Sequence[Device] = ()

    @property
    def sys_resource(self) -> bool:
        return "CAP_SYS_RESOURCE" in self.capabilities


@dataclass(frozen=True)
class Shared:
    """What the container takes from its pod: namespace pins by OCI type; ``""`` is a new one of its own.

    A type that is missing is the host's. ``shm`` is the pod's ``/dev/shm``.
    """

    namespaces: Mapping[str, str] = field(default_factory=lambda: {"pid": "", "ipc": "", "uts": "", "network": ""})
    shm: Path | None = None


def capabilities_of(config: ContainerConfig, bounding: frozenset[str]) -> list[str]:
    """What the container may: the default set plus ``add`` less ``drop`` (``drop: ALL`` first, as Kubernetes has it).

    Nothing beyond ``bounding`` (what this process itself may pass on) is asked for: runtimes refuse that.
    """
    if config.privileged:
        chosen = set(ALL_CAPABILITIES)
    else:
        added, dropped = _capability_names(config.capabilities_add), _capability_names(config.capabilities_drop)
        base = set() if "CAP_ALL" in dropped else set(DEFAULT_CAPABILITIES)
        chosen = base | (set(ALL_CAPABILITIES) if "CAP_ALL" in added else added)
        chosen -= dropped - {"CAP_ALL"}
    return sorted(chosen & set(ALL_CAPABILITIES) & bounding)


def _capability_names(names: Sequence[str]) -> set[str]:
    return {f"CAP_{name.upper().removeprefix('CAP_')}" for name in names}


def clamp_rlimits(wanted: Sequence[Rlimit], facts: HostFacts) -> list[dict[str, Any]]:
    """OCI ``rlimits``, none above what this process may give: one that is makes every start fail."""
    clamped = []
    for limit in wanted:
        top = limit.hard
        if not facts.sys_resource and limit.name in facts.rlimit_hard:
            top = min(top, facts.rlimit_hard[limit.name])
        clamped.append({"type": limit.name, "soft": min(limit.soft, top), "hard": top})
    return clamped


def process(config: ContainerConfig, facts: HostFacts) -> dict[str, Any]:
    """``process`` of config.json."""
    held = capabilities_of(config, facts.capabilities)
    env = [f"{name}={value}" for name, value in config.env]
    if not any(entry.startswith("PATH=") for entry in env):
        env.insert(0, DEFAULT_PATH)
    if config.tty and not any(entry.startswith("TERM=") for entry in env):
        env.append("TERM=xterm")
    user: dict[str, Any] = {"uid": config.user.uid, "gid": config.user.gid}
    if config.user.groups:
        user["additionalGids"] = list(config.user.groups)
    score = config.oom_score_adj if facts.sys_resource else max(config.oom_score_adj, facts.oom_score_adj_min)
    return {
        "terminal": config.tty,
        "user": user,
        "args": list(config.args),
        "env": env,
        "cwd": config.working_dir or "/",
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), held),
        "noNewPrivileges": config.no_new_privileges and not config.privileged,
        "rlimits": clamp_rlimits(config.rlimits, facts),
        "oomScoreAdj": score,
    }


def exec_process(
    main: Mapping[str, Any],
    args: Sequence[str],
    tty: bool,
    env: Sequence[tuple[str, str]] | None,
    working_dir: str | None,
) -> dict[str, Any]:
    """The ``process`` of a command run beside the main one, whose ``process`` is ``main``: same user, same rights.

    Given whole to every runtime, because crun 1.8 loses PATH when it is given single variables.
    """
    names = {name for name, _ in env or ()}
    kept = [entry for entry in main["env"] if entry.partition("=")[0] not in names]
    kept += [f"{name}={value}" for name, value in env or ()]
    if tty and not any(entry.startswith("TERM=") for entry in kept):
        kept.append("TERM=xterm")
    return {**main, "terminal": tty, "args": list(args), "env": kept, "cwd": working_dir or main["cwd"]}


def resources(wanted: Resources, facts: HostFacts) -> dict[str, Any]:
    """``linux.resources`` without devices: shares, quota, memory, processes. 0 or -1 lift a limit (runtime-spec)."""
    found: dict[str, Any] = {"cpu": {"shares": cpu_shares(wanted.cpu_request_milli)}}
    if wanted.cpu_limit_milli is not None:
        found["cpu"] |= {
            "quota": cpu_quota_microseconds(wanted.cpu_limit_milli),
            "period": CPU_PERIOD_MICROSECONDS,
        }
    if wanted.memory_limit_bytes is not None:
        found["memory"] = {"limit": wanted.memory_limit_bytes}
        if facts.swap_limit:
            found["memory"]["swap"] = wanted.memory_limit_bytes
    if wanted.pids_limit is not None:
        found["pids"] = {"limit": wanted.pids_limit}
    if facts.oom_group:
        found["unified"] = {"memory.oom.group": "1"}  # all of a container dies of its limit, as kubelet has it
    return found


def container_config(
    config: ContainerConfig, shared: Shared, facts: HostFacts, rootfs: str, cgroup: str
) -> dict[str, Any]:
    """The whole config.json. ``rootfs`` is the mounted root, ``cgroup`` the path below the cgroup root."""
    masked = MASKED_PATHS if config.masked_paths is None else config.masked_paths
    readonly = READONLY_PATHS if config.readonly_paths is None else config.readonly_paths
    limits = resources(config.resources, facts)
    limits["devices"] = [{"allow": config.privileged, "access": "rwm"}]
    linux: dict[str, Any] = {
        "namespaces": _namespaces(shared, facts),
        "cgroupsPath": f"/{cgroup}",
        "maskedPaths": [] if config.privileged else list(masked),
        "readonlyPaths": [] if config.privileged else list(readonly),
        "resources": limits,
        "rootfsPropagation": _root_propagation(config.mounts),
    }
    if config.privileged:
        linux["devices"] = [_device(device) for device in facts.devices]
    elif config.seccomp is Seccomp.RUNTIME_DEFAULT:
        held = capabilities_of(config, facts.capabilities)
        linux["seccomp"] = seccomp.runtime_default(facts.machine, held)
    return {
        "ociVersion": OCI_VERSION,
        "process": process(config, facts),
        "root": {"path": rootfs, "readonly": config.read_only_root},
        "mounts": [*_system_mounts(config, shared, facts), *(_bind(mount) for mount in config.mounts)],
        "linux": linux,
    }


def _namespaces(shared: Shared, facts: HostFacts) -> list[dict[str, str]]:
    found = [{"type": "mount"}]
    if facts.cgroup_v2:
        found.append({"type": "cgroup"})
    for kind, pin in shared.namespaces.items():
        found.append({"type": kind, "path": pin} if pin else {"type": kind})
    return found


def _root_propagation(mounts: Sequence[Mount]) -> str:
    order = ("rprivate", "rslave", "rshared")
    return order[max((order.index(mount.propagation.value) for mount in mounts), default=0)]


def _system_mounts(config: ContainerConfig, shared: Shared, facts: HostFacts) -> list[dict[str, Any]]:
    plain = ["nosuid", "noexec", "nodev"]
    system = [*plain, "rw" if config.privileged else "ro"]
    shm: dict[str, Any] = {"destination": "/dev/shm", "type": "tmpfs", "source": "shm"}
    shm["options"] = [*plain, "mode=1777", f"size={SHM_BYTES}"]
    if shared.shm is not None:
        shm |= {"type": "bind", "source": str(shared.shm), "options": ["rbind", "rw", *plain]}
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    found: list[dict[str, Any]] = [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": plain},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": pts},
        shm,
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": plain},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": system},
    ]
    if facts.cgroup_v2:  # on v1 this would be a dozen mounts per container for what few programs read
        found.append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": system})
    taken = {mount.destination.rstrip("/") for mount in config.mounts}
    return [mount for mount in found if mount["destination"] not in taken]


def _bind(mount: Mount) -> dict[str, Any]:
    options = ["rbind", mount.propagation.value, "ro" if mount.read_only else "rw", *mount.options]
    return {"destination": mount.destination, "type": "bind", "source": str(mount.source), "options": options}


def _device(device: Device) -> dict[str, Any]:
    return {
        "path": device.path,
        "type": device.kind,
        "major": device.major,
        "minor": device.minor,
        "fileMode": device.mode,
        "uid": device.uid,
        "gid": device.gid,
    }
