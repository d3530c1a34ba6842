"""What this host can do, looked up once, and the parts that all acts share."""

import os
import platform
import random
import resource
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from k3py.base.clock import Clock
from k3py.runtime.cgroups import Cgroups, Layout
from k3py.runtime.oci_config import ALL_CAPABILITIES, Device, HostFacts
from k3py.runtime.records import Records
from k3py.runtime.runc import RuntimeCommand
from k3py.runtime.steps import Hook, go_on

# Terminals, shared memory and queues are the container's own, never the host's.
_OWN_DEVICES: Final = ("pts", "shm", "mqueue", "console", "ptmx", "tty", "fd")
# More than any host has; a bound against a /dev that is not one.
DEVICES_MAX: Final = 4096


@dataclass(frozen=True)
class Host:
    """The parts that sandboxes and containers are made with. ``source`` makes container ids."""

    records: Records
    cgroups: Cgroups
    command: RuntimeCommand
    conmon: str
    facts: HostFacts
    clock: Clock
    source: random.Random
    boot_id: str
    step: Hook = go_on


def capability_names(bits: int) -> frozenset[str]:
    """Names out of a capability mask as ``/proc/self/status`` shows it."""
    return frozenset(name for number, name in enumerate(ALL_CAPABILITIES) if bits >> number & 1)


def parse_capabilities(status: str) -> frozenset[str]:
    """What this process holds and may pass on: effective and bounding set out of ``/proc/self/status``."""
    masks = {}
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in ("CapEff", "CapBnd"):
            masks[name] = int(value, 16)
    return capability_names(masks.get("CapEff", 0) & masks.get("CapBnd", 0))


def host_facts(layout: Layout) -> HostFacts:
    """The facts of this host and process."""
    hard = {}
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            limit = resource.getrlimit(getattr(resource, name))[1]
            hard[name] = 2**64 - 1 if limit == resource.RLIM_INFINITY else limit
    return HostFacts(
        machine=platform.machine(),
        capabilities=parse_capabilities(Path("/proc/self/status").read_text()),
        rlimit_hard=hard,
        cgroup_v2=layout.is_v2,
        swap_limit=_counts_swap(layout),
        oom_group=layout.is_v2 and "memory" in layout.unified_controllers,
        oom_score_adj_min=int(Path("/proc/self/oom_score_adj").read_text()),
    )


def _counts_swap(layout: Layout) -> bool:
    if layout.is_v2:
        assert layout.unified is not None
        return any(layout.unified.glob("*/memory.swap.max"))
    memory = layout.v1.get("memory")
    return memory is not None and (memory / "memory.memsw.limit_in_bytes").exists()


def host_devices(folder: Path = Path("/dev")) -> list[Device]:
    """The host's device nodes, for a privileged container."""
    found: list[Device] = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _OWN_DEVICES]
        for name in files:
            if name in _OWN_DEVICES or len(found) >= DEVICES_MAX:
                continue
            path = os.path.join(here, name)
            seen = os.lstat(path)
            if not (stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode)):
                continue
            kind = "b" if stat.S_ISBLK(seen.st_mode) else "c"
            numbers = os.major(seen.st_rdev), os.minor(seen.st_rdev)
            mode = stat.S_IMODE(seen.st_mode)
            found.append(Device(path, kind, *numbers, mode, seen.st_uid, seen.st_gid))
    return found
