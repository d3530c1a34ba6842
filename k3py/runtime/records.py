"""What must be known after any crash: one small file per sandbox and per container.

A record is written, synced and renamed into place *before* the step that it describes. An id, a cgroup and a runtime
are on disk before anything of theirs exists; identities of processes (pid, start time, boot) as soon as they are known.

Layout below ``state``: ``pods/<pod uid>/sandbox.json``, ``pods/<pod uid>/containers/<id>/container.json``,
``exits/<id>``. Below ``run`` (a tmpfs, gone with a reboot): ``pods/<pod uid>/...`` for pins and sessions,
``<runtime name>/`` for the OCI runtime's own state.

Each record has a copy, ``run/pods/<pod uid>/records/``: should the disk spoil one, what runs is still known, and is
neither stopped nor started a second time. After a reboot nothing runs, so the copy need not outlive one.
"""

import enum
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from k3py.base.paths import write_private
from k3py.runtime.processes import Identity

# A Kubernetes uid is a UUID, a static pod's a hash; what is longer or has a slash could leave its folder.
NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# A record is a few hundred bytes; more is not ours.
RECORD_BYTES_MAX: Final = 64 * 1024
# The name of a sandbox's copy; containers' ids are longer.
SANDBOX: Final = "sandbox"

R = TypeVar("R", bound=msgspec.Struct)


class Phase(enum.Enum):
    """The step a record was written before: what may exist, not what surely does."""

    CREATING = "creating"
    CREATED = "created"
    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"


class SandboxRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A pod's sandbox. ``cgroup`` is the pod's, below the cgroup root; ``boot_id`` the boot its pins belong to.

    ``runtime_path`` and ``runtime_root`` are those of the pause container, empty when there is none.
    """

    pod_uid: str
    name: str
    namespace: str
    cgroup: str
    boot_id: str
    created_at: float
    phase: Phase
    pins: tuple[str, ...]
    host_network: bool = False
    host_ipc: bool = False
    host_pid: bool = False
    runtime_path: str = ""
    runtime_root: str = ""


class ContainerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A container. Its runtime's program and state folder are kept: another runtime would not know it.

    ``process_namespace_of`` is the id of the container whose process namespace it joined, empty for none.
    """

    id: str
    pod_uid: str
    name: str
    attempt: int
    cgroup: str
    boot_id: str
    runtime_path: str
    runtime_root: str
    log_path: str
    created_at: float
    phase: Phase
    tty: bool = False
    stop_signal: int = 15
    started_at: float = 0.0
    pid: int = 0
    pid_start_ticks: int = 0
    conmon_pid: int = 0
    conmon_start_ticks: int = 0
    process_namespace_of: str = ""

    @property
    def process(self) -> Identity:
        """The container's first process."""
        return Identity(self.pid, self.pid_start_ticks, self.boot_id)

    @property
    def conmon(self) -> Identity:
        """The process that outlives the agent for this container."""
        return Identity(self.conmon_pid, self.conmon_start_ticks, self.boot_id)


@dataclass(frozen=True)
class Exit:
    """An exit file: the code conmon wrote, and when (the file's time)."""

    code: int
    at: float


def checked_name(name: str) -> str:
    """The name if it may be a folder's. Raises ValueError otherwise."""
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"cannot use {name[:140]!r} as a folder name: it needs 1 to 128 of A-Z a-z 0-9 . _ -")
    return name


class Records:
    """The files of one instance. Reading never fails for a torn or foreign file: that one counts as not there.

    A file that cannot be looked at now (no descriptor is free, the disk fails) raises OSError: it may well be there.
    """

    def __init__(self, state: Path, run: Path) -> None:
        self.state = state
        self.run = run
        self.exits = state / "exits"

    def pod(self, pod_uid: str) -> Path:
        return self.state / "pods" / checked_name(pod_uid)

    def pod_run(self, pod_uid: str) -> Path:
        return self.run / "pods" / checked_name(pod_uid)

    def container(self, pod_uid: str, container_id: str) -> Path:
        return self.pod(pod_uid) / "containers" / checked_name(container_id)

    def _copy(self, pod_uid: str, name: str) -> Path:
        return self.pod_run(pod_uid) / "records" / f"{checked_name(name)}.json"

    def write_sandbox(self, record: SandboxRecord) -> None:
        data = msgspec.json.encode(record)
        write_private(self.pod(record.pod_uid) / "sandbox.json", data)
        _replace(self._copy(record.pod_uid, SANDBOX), data)

    def write_container(self, record: ContainerRecord) -> None:
        data = msgspec.json.encode(record)
        write_private(self.container(record.pod_uid, record.id) / "container.json", data)
        _replace(self._copy(record.pod_uid, record.id), data)

    def sandbox(self, pod_uid: str) -> SandboxRecord | None:
        found = _read(self.pod(pod_uid) / "sandbox.json", SandboxRecord)
        return found or _read(self._copy(pod_uid, SANDBOX), SandboxRecord)

    def read_container(self, pod_uid: str, container_id: str) -> ContainerRecord | None:
        found = _read(self.container(pod_uid, container_id) / "container.json", ContainerRecord)
        return found or _read(self._copy(pod_uid, container_id), ContainerRecord)

    def remove_copy(self, record: ContainerRecord) -> None:
        """The container is removed: its copy goes after its folder."""
        self._copy(record.pod_uid, record.id).unlink(missing_ok=True)

    def pod_uids(self) -> list[str]:
        """Every pod of which anything is left, in either folder."""
        return sorted({*_names(self.state / "pods"), *_names(self.run / "pods")})

    def container_ids(self, pod_uid: str) -> list[str]:
        return _names(self.pod(pod_uid) / "containers")

    def containers(self, pod_uid: str) -> list[ContainerRecord]:
        """The pod's readable records, oldest first."""
        found = [self.read_container(pod_uid, container_id) for container_id in self.container_ids(pod_uid)]
        return sorted((record for record in found if record is not None), key=lambda r: (r.created_at, r.id))

    def find(self, container_id: str) -> ContainerRecord | None:
        """The record of a container whose pod is not known."""
        if not NAME_PATTERN.fullmatch(container_id):
            return None
        for pod_uid in _names(self.state / "pods"):
            if (self.container(pod_uid, container_id) / "container.json").exists():
                return self.read_container(pod_uid, container_id)
        return None

    def exit(self, container_id: str) -> Exit | None:
        """What the exit file says; None while there is none."""
        file = self.exits / checked_name(container_id)
        try:
            return Exit(int(file.read_text()[:16]), file.stat().st_mtime)
        except (FileNotFoundError, ValueError):
            return None

    def oom_seen(self, record: ContainerRecord) -> bool:
        """Whether conmon noticed that the container ran out of memory."""
        return (self.container(record.pod_uid, record.id) / "oom").exists()


def _read(file: Path, kind: type[R]) -> R | None:
    try:
        with file.open("rb") as opened:
            return msgspec.json.decode(opened.read(RECORD_BYTES_MAX), type=kind)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _replace(file: Path, data: bytes) -> None:
    """Write a file that need not survive a power cut: a reader sees the old or the new content."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_bytes(data)
    os.replace(temporary, file)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if NAME_PATTERN.fullmatch(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
