"""The pods' cgroups: made with their limits, measured, killed and removed. cgroup v1, hybrid and v2 (cgroups(7)).

A pod has one cgroup; below it lie one leaf per container, which the OCI runtime makes, and ``conmon``, which holds
the processes that outlive the agent. Everything of a pod is below its cgroup, so killing that kills all of the pod,
also what a crash left half made and no record names.
"""

import contextlib
import errno
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from k3py.runtime.cgroup_values import (
    CPU_PERIOD_MICROSECONDS,
    NO_LIMIT_V1,
    cpu_quota_microseconds,
    cpu_shares,
    cpu_weight,
    parse_flat_keyed,
    parse_number,
)
from k3py.runtime.port import ContainerStats, Resources
from k3py.runtime.processes import PROC, wait_ended

V2_CONTROLLERS: Final = ("cpu", "cpuset", "io", "memory", "pids")
# A process that forks while it is killed needs more rounds; from the second on it is frozen first (v1).
KILL_ROUNDS_MAX: Final = 20
KILL_ROUND_SECONDS: Final = 2.0


class StillRunning(OSError):
    """Processes of a cgroup did not end although they were killed (they hang in the kernel)."""


@dataclass(frozen=True)
class Layout:
    """Where which controller is mounted. ``unified`` is the v2 tree; ``v1`` maps controllers to v1 trees.

    ``hybrid``: v1 with a v2 tree beside it that owns controllers, which crun refuses.
    """

    unified: Path | None = None
    v1: Mapping[str, Path] = field(default_factory=dict)
    unified_controllers: frozenset[str] = frozenset()

    @property
    def is_v2(self) -> bool:
        return self.unified is not None and not self.v1

    @property
    def hybrid(self) -> bool:
        return bool(self.v1) and bool(self.unified_controllers)

    @property
    def trees(self) -> list[Path]:
        """Every tree once (a v1 tree may hold two controllers)."""
        found = list(dict.fromkeys(self.v1.values()))
        return found if self.unified is None else [*found, self.unified]


def parse_layout(mountinfo: str) -> Layout:
    """The layout out of ``/proc/self/mountinfo``; ``unified_controllers`` is left empty (see ``detect``)."""
    unified = None
    v1: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if not separator or len(before) < 5 or len(after) < 3:
            continue
        point = Path(before[4])
        if after[0] == "cgroup2" and unified is None:
            unified = point
        elif after[0] == "cgroup":
            for option in after[2].split(","):
                if option not in ("rw", "ro", "xattr", "clone_children", "noprefix"):
                    v1.setdefault(option.removeprefix("name="), point)
    return Layout(unified, v1)


def detect() -> Layout:
    """This machine's layout. Raises OSError when no cgroups are mounted."""
    layout = parse_layout(Path("/proc/self/mountinfo").read_text())
    if not layout.trees:
        raise FileNotFoundError("cannot limit containers: no cgroups are mounted on this host")
    if layout.unified is None:
        return layout
    controllers = (layout.unified / "cgroup.controllers").read_text().split()
    return Layout(layout.unified, layout.v1, frozenset(controllers))


class Cgroups:
    """The acts. Paths are relative to the trees' roots, without a leading slash."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def make(self, path: str, resources: Resources | None = None) -> None:
        """Make the cgroup in every tree, controllers enabled on the way, and set its limits."""
        for tree in self.layout.trees:
            here = tree
            for part in Path(path).parts:
                if tree == self.layout.unified:
                    self._enable_controllers(here)
                here /= part
                here.mkdir(exist_ok=True)
                if tree == self.layout.v1.get("cpuset"):
                    _inherit_cpuset(here)
        if resources is not None:
            self.apply(path, resources)

    def _enable_controllers(self, folder: Path) -> None:
        if not self.layout.is_v2:
            return
        available = _read(folder / "cgroup.controllers").split()
        enabled = _read(folder / "cgroup.subtree_control").split()
        missing = [f"+{name}" for name in V2_CONTROLLERS if name in available and name not in enabled]
        if missing:
            (folder / "cgroup.subtree_control").write_text(" ".join(missing))

    def apply(self, path: str, resources: Resources) -> None:
        """Set the limits of an existing cgroup; what is None becomes unlimited."""
        for file, value in self._values(path, resources):
            with contextlib.suppress(FileNotFoundError):  # a controller this kernel or parent does not have
                file.write_text(value)

    def _values(self, path: str, wanted: Resources) -> list[tuple[Path, str]]:
        quota = None if wanted.cpu_limit_milli is None else cpu_quota_microseconds(wanted.cpu_limit_milli)
        memory, pids = wanted.memory_limit_bytes, wanted.pids_limit
        found: list[tuple[Path, str]] = []
        if self.layout.is_v2:
            folder = self._folder("", path)
            return [
                (folder / "cpu.weight", str(cpu_weight(wanted.cpu_request_milli))),
                (folder / "cpu.max", f"{'max' if quota is None else quota} {CPU_PERIOD_MICROSECONDS}"),
                (folder / "memory.max", "max" if memory is None else str(memory)),
                (folder / "pids.max", "max" if pids is None else str(pids)),
            ]
        if "cpu" in self.layout.v1:
            folder = self._folder("cpu", path)
            found.append((folder / "cpu.shares", str(cpu_shares(wanted.cpu_request_milli))))
            found.append((folder / "cpu.cfs_quota_us", str(NO_LIMIT_V1 if quota is None else quota)))
        if "memory" in self.layout.v1:
            folder = self._folder("memory", path)
            found.append((folder / "memory.limit_in_bytes", str(NO_LIMIT_V1 if memory is None else memory)))
        if "pids" in self.layout.v1:
            found.append((self._folder("pids", path) / "pids.max", "max" if pids is None else str(pids)))
        return found

    def _folder(self, controller: str, path: str) -> Path:
        """The cgroup's folder in the tree of a v1 controller, else in the v2 tree."""
        tree = self.layout.v1.get(controller, self.layout.unified)
        if tree is None:
            raise FileNotFoundError(f"no cgroup tree has the controller {controller}")
        return tree / path

    def join_files(self, path: str) -> list[str]:
        """The files into which a process writes its pid to live in the cgroup, one per tree."""
        return [str(tree / path / "cgroup.procs") for tree in self.layout.trees]

    def exists(self, path: str) -> bool:
        return all((tree / path).is_dir() for tree in self.layout.trees)

    def processes(self, path: str) -> set[int]:
        """The pids in the cgroup and below it, in any tree."""
        found: set[int] = set()
        for tree in self.layout.trees:
            for folder, _, _ in os.walk(tree / path, onerror=_only_gone):
                found.update(int(pid) for pid in _read(Path(folder) / "cgroup.procs").split())
        return found - {0}

    async def kill(self, path: str) -> None:
        """SIGKILL everything in the cgroup and below it, and wait until it has ended. Raises StillRunning."""
        for attempt in range(KILL_ROUNDS_MAX):
            pids = self.processes(path)
            if not pids:
                return
            descriptors = self._kill_once(path, pids, freeze=attempt > 0)
            try:
                await wait_ended(descriptors, KILL_ROUND_SECONDS)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        left = sorted(self.processes(path))
        if left:
            raise StillRunning(f"cannot end the processes of cgroup {path}: {left} do not die")

    def _kill_once(self, path: str, pids: set[int], freeze: bool) -> list[int]:
        """Signal all; pidfds of what was signalled."""
        descriptors = []
        if self.layout.is_v2:
            for pid in pids:
                with contextlib.suppress(OSError):
                    descriptors.append(os.pidfd_open(pid))
            kill_file = self._folder("", path) / "cgroup.kill"
            if kill_file.exists():
                kill_file.write_text("1")
                return descriptors
        freezer = None
        if freeze and "freezer" in self.layout.v1:
            freezer = self._folder("freezer", path) / "freezer.state"
            _write_if_there(freezer, "FROZEN")
        for pid in self.processes(path) if freeze else pids:
            descriptor = self._kill_member(path, pid)
            if descriptor is not None:
                descriptors.append(descriptor)
        if freezer is not None:
            _write_if_there(freezer, "THAWED")
        return descriptors

    def _kill_member(self, path: str, pid: int) -> int | None:
        """Kill one process, after its pidfd was opened and its membership seen again: a pid alone may be a stranger."""
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            if not is_member(_read(PROC / str(pid) / "cgroup"), path):
                raise ProcessLookupError
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            os.close(descriptor)
            return None
        return descriptor

    def remove(self, path: str, prune_to: str = "") -> None:
        """Remove the cgroup and all below it from every tree, and parents below ``prune_to`` that this leaves empty."""
        for tree in self.layout.trees:
            top = tree / path
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(folder)
            for parent in Path(path).parents:
                if parent in (Path(), Path(prune_to)) or not _remove_if_empty(tree / parent):
                    break

    async def clear(self, path: str, prune_to: str = "") -> None:
        """Remove the cgroup; what has come in since it was killed (a start that a crash left under way) is killed too.

        Raises OSError when it cannot be removed, StillRunning.
        """
        for _ in range(KILL_ROUNDS_MAX):
            try:
                return self.remove(path, prune_to)
            except OSError as problem:
                if problem.errno != errno.EBUSY:
                    raise
            await self.kill(path)
        raise StillRunning(f"cannot remove cgroup {path}: something keeps coming in")

    def oom_kills(self, path: str) -> int:
        """How many processes of the cgroup the kernel killed for memory; 0 when it is gone."""
        name = "memory.events" if self.layout.is_v2 else "memory.oom_control"
        try:
            folder = self._folder("memory", path)
        except FileNotFoundError:
            return 0
        return parse_flat_keyed(_read(folder / name)).get("oom_kill", 0)

    def stats(self, container_id: str, path: str) -> ContainerStats:
        """CPU, memory and processes of the cgroup. Files that are not there count as 0."""
        memory = self._folder("memory", path)
        use = parse_flat_keyed(_read(memory / "memory.stat"))
        if self.layout.is_v2:
            folder = self._folder("", path)
            nanoseconds = parse_flat_keyed(_read(folder / "cpu.stat")).get("usage_usec", 0) * 1000
            usage, inactive = parse_number(_read(memory / "memory.current")), use.get("inactive_file", 0)
            processes = parse_number(_read(folder / "pids.current"))
        else:
            nanoseconds = parse_number(_read(self._folder("cpuacct", path) / "cpuacct.usage"))
            usage = parse_number(_read(memory / "memory.usage_in_bytes"))
            inactive = use.get("total_inactive_file", 0)
            processes = parse_number(_read(self._folder("pids", path) / "pids.current"))
        return ContainerStats(container_id, nanoseconds, usage, max(0, usage - inactive), processes)


def is_member(proc_cgroup: str, path: str) -> bool:
    """Whether ``/proc/PID/cgroup`` names the cgroup or one below it, in any tree."""
    for line in proc_cgroup.splitlines():
        where = line.split(":", 2)[-1].lstrip("/")
        if where == path or where.startswith(path + "/"):
            return True
    return False


def _inherit_cpuset(folder: Path) -> None:
    """v1: a new cpuset is empty and takes no process until CPUs and memory nodes are copied from its parent."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not _read(folder / name).strip():
            (folder / name).write_text(_read(folder.parent / name).strip())


def _read(file: Path) -> str:
    """The file's text, empty when it is gone or not readable (a cgroup may vanish while it is read)."""
    try:
        return file.read_text()
    except OSError as problem:
        _only_gone(problem)
        return ""


def _only_gone(problem: OSError) -> None:
    """Let pass what a cgroup that vanishes or lacks a file causes. Raises the problem when we could not look at all."""
    if problem.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        raise problem


def _write_if_there(file: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        file.write_text(text)


def _remove_if_empty(folder: Path) -> bool:
    """False when it stays: it has other children."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
