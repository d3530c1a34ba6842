"""What has to be true of a host, judged from facts. Decides.

``host_facts`` finds the facts out, ``doctor`` shows the result.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from k3py.cli.certificates import CertificateAge

# 5.8 brought the last system call that containers are run with here (faccessat2, which runtimes ask for).
KERNEL_MIN: Final = (5, 8)
CONTROLLERS: Final = ("cpu", "memory", "pids")
FREE_BYTES_MIN: Final = 1024**3  # images and logs need room; below this the node reports disk pressure soon
# No clock shows less since this was written: one that does has lost its battery.
CLOCK_MIN: Final = 1_735_689_600.0  # 2025-01-01
# A daemon renews its certificate when a third of its life is left; one with less has missed that.
LIFE_LEFT_MIN: Final = 0.2
VOLATILE: Final = ("tmpfs", "ramfs")
NETWORKED: Final = ("nfs", "nfs4", "cifs", "9p", "fuse.sshfs")


class Level(StrEnum):
    """How a check ended. Only FAIL makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Result:
    """One check: what was found, and unless it is fine what to do about it."""

    name: str
    level: Level
    said: str
    remedy: str = ""


@dataclass(frozen=True)
class Tool:
    """A program: where it is (empty: nowhere), what version it says it is, or why it does not run."""

    path: str = ""
    version: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Facts:
    """What is so on this host. Times are seconds since 1970."""

    user: int = 0
    kernel: str = "6.1.0"
    cgroups: str = "v2"  # v1, v2, hybrid, or empty
    controllers: frozenset[str] = frozenset(CONTROLLERS)
    filesystems: frozenset[str] = frozenset({"overlay"})
    conmon: Tool = field(default_factory=lambda: Tool("/usr/bin/conmon", "conmon version 2.1.6"))
    runtime: Tool = field(default_factory=lambda: Tool("/usr/bin/runc", "runc version 1.1.5"))
    port: int = 6443
    port_is_free: bool = True
    port_holder: str = ""  # empty when it cannot be seen
    server_runs: bool = False
    agent_runs: bool = False
    vpc_runs: bool = False
    set_up: bool = False  # a cluster was started here before
    store: str = "/var/lib/k3py/server/store"
    store_filesystem: str = "ext4"
    store_write_cache: str = "write through"  # of its disk; empty when unknown
    free_bytes: int = 100 * 1024**3
    now: float = 1_800_000_000.0
    clock_is_synchronised: bool = True
    certificates: Sequence[CertificateAge] = ()


def examine(facts: Facts) -> list[Result]:
    """Every check, in the order in which one would mend what fails."""
    return [check(facts) for check in CHECKS]


def _root(facts: Facts) -> Result:
    if facts.user == 0:
        return Result("root", Level.OK, "running as root")
    return Result("root", Level.FAIL, f"running as user {facts.user}", "containers need root: sudo k3py doctor")


def _kernel(facts: Facts) -> Result:
    match = re.match(r"(\d+)\.(\d+)", facts.kernel)
    if match and (int(match[1]), int(match[2])) >= KERNEL_MIN:
        return Result("kernel", Level.OK, f"Linux {facts.kernel}")
    wanted = ".".join(map(str, KERNEL_MIN))
    return Result("kernel", Level.FAIL, f"Linux {facts.kernel}", f"install a kernel of at least {wanted}")


def _cgroups(facts: Facts) -> Result:
    remedy = "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 at /sys/fs/cgroup"
    if not facts.cgroups:
        return Result("cgroups", Level.FAIL, "none are mounted", remedy)
    if missing := [each for each in CONTROLLERS if each not in facts.controllers]:
        said = f"{facts.cgroups}, without {', '.join(missing)}"
        return Result(
            "cgroups", Level.FAIL, said, "enable them on the kernel's command line (cgroup_enable=memory ...)"
        )
    if facts.cgroups != "v2":
        return Result("cgroups", Level.WARN, facts.cgroups, f"v2 alone is what Kubernetes supports by now: {remedy}")
    return Result("cgroups", Level.OK, facts.cgroups)


def _overlay(facts: Facts) -> Result:
    if "overlay" in facts.filesystems:
        return Result("overlayfs", Level.OK, "the kernel has it")
    return Result("overlayfs", Level.FAIL, "the kernel does not offer it", "modprobe overlay")


def _conmon(facts: Facts) -> Result:
    return _tool("conmon", facts.conmon, "apt-get install conmon")


def _runtime(facts: Facts) -> Result:
    return _tool("OCI runtime", facts.runtime, "apt-get install runc (or crun)")


def _tool(name: str, tool: Tool, remedy: str) -> Result:
    if not tool.path:
        return Result(name, Level.FAIL, "not installed", remedy)
    if tool.problem:
        return Result(name, Level.FAIL, f"{tool.path} does not run: {tool.problem}", remedy)
    return Result(name, Level.OK, f"{tool.path} ({tool.version})")


def _port(facts: Facts) -> Result:
    if facts.server_runs:
        return Result("port", Level.OK, f"{facts.port} is the server's")
    if facts.port_is_free:
        return Result("port", Level.OK, f"{facts.port} is free")
    holder = facts.port_holder or "another process"
    # 'k3py up' takes the next free port by itself; a server that has been set up keeps its own.
    level = Level.FAIL if facts.set_up else Level.WARN
    return Result("port", level, f"{facts.port} is used by {holder}", "end it, or choose another: k3py up --port PORT")


def _store(facts: Facts) -> Result:
    if not facts.store.startswith("/"):
        return Result("store", Level.OK, facts.store or "not on this host")
    where = f"{facts.store} on {facts.store_filesystem or 'an unknown file system'}"
    if facts.store_filesystem in VOLATILE:
        return Result("store", Level.WARN, where, "the state is lost with the power: use a disk or s3://bucket/prefix")
    if facts.store_filesystem in NETWORKED:
        return Result("store", Level.WARN, where, "a network file system may lie about syncs: use a disk or s3://...")
    if facts.free_bytes < FREE_BYTES_MIN:
        said = f"{where}, {facts.free_bytes // 1024**2} MiB free"
        return Result("store", Level.FAIL, said, "make room: 'k3py image remove', old logs")
    cache = {
        "write back": ", the disk caches writes and is told to flush them",
        "write through": ", the disk keeps what it has acknowledged",
    }.get(facts.store_write_cache, "")
    return Result("store", Level.OK, where + cache)


def _clock(facts: Facts) -> Result:
    if facts.now < CLOCK_MIN or any(each.begins > facts.now + 60 for each in facts.certificates):
        return Result("clock", Level.FAIL, "it is behind", "set it, and let it be kept: apt-get install chrony")
    if not facts.clock_is_synchronised:
        remedy = "apt-get install chrony; certificates and leases need clocks that agree"
        return Result("clock", Level.WARN, "nothing keeps it synchronised", remedy)
    return Result("clock", Level.OK, "kept synchronised")


def _certificates(facts: Facts) -> Result:
    if not facts.certificates:
        return Result("certificates", Level.OK, "none yet")
    expired = [each.name for each in facts.certificates if each.ends <= facts.now]
    if expired:
        remedy = "restart the daemons ('k3py down', 'k3py up'): they get new ones"
        return Result("certificates", Level.FAIL, f"expired: {', '.join(expired)}", remedy)
    late = [each.name for each in facts.certificates
            if (each.ends - facts.now) < LIFE_LEFT_MIN * (each.ends - each.begins)]  # fmt: skip
    if late:
        said = f"about to expire: {', '.join(late)}"
        return Result("certificates", Level.WARN, said, "look into the daemons' logs why they were not renewed")
    return Result("certificates", Level.OK, f"{len(facts.certificates)}, all good")


def _daemons(facts: Facts) -> Result:
    states = {"server": facts.server_runs, "agent": facts.agent_runs, "VPC daemon": facts.vpc_runs}
    if all(states.values()):
        return Result("daemons", Level.OK, "server, agent and VPC daemon run")
    if not facts.set_up:
        return Result("daemons", Level.OK, "no cluster was started here yet; 'k3py up' does")
    down = [name for name, runs in states.items() if not runs]
    return Result("daemons", Level.FAIL, f"not running: {', '.join(down)}", "k3py up; their logs say why they ended")


CHECKS: Final[Sequence[Callable[[Facts], Result]]] = (
    _root, _kernel, _cgroups, _overlay, _conmon, _runtime, _port, _store, _clock, _certificates, _daemons,
)  # fmt: skip
