"""A machine's corner for runtime tests: folders on a tmpfs, an image layer of busybox, and an inventory of traces."""

import asyncio
import contextlib
import os
import random
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from k3py.base.clock import SystemClock
from k3py.runtime import cgroups, kernel
from k3py.runtime.oci import OciRuntime, open_host
from k3py.runtime.port import ContainerConfig, SandboxConfig
from k3py.runtime.steps import Hook, go_on

BUSYBOX = Path("/bin/busybox")
APPLETS = (
    *("cat", "chmod", "dd", "echo", "env", "false", "grep", "hostname", "id", "kill", "ls", "mount", "nc", "ps", "sh"),
    *("sleep", "stty", "tail", "touch", "true", "tty", "unshare", "wc"),
)
SECONDS_MAX = 30.0

needs_containers = pytest.mark.skipif(
    os.geteuid() != 0
    or not BUSYBOX.exists()
    or shutil.which("conmon") is None
    or (shutil.which("runc") or shutil.which("crun")) is None,
    reason="needs root, busybox-static, conmon and an OCI runtime",
)


@dataclass
class Machine:
    """One instance's folders and names."""

    root: Path
    layer: Path

    @property
    def instance(self) -> str:
        return f"k3py-test-{self.root.name}"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def runtime(self, program: str | None = None, step: Hook = go_on) -> OciRuntime:
        """A runtime over this machine's folders; like a restarted agent when there was one before.

        K3PY_TEST_RUNTIME names the program to test all stories with, youki for one.
        """
        program = program or os.environ.get("K3PY_TEST_RUNTIME")
        path = None if program is None else shutil.which(program)
        host = open_host(self.root / "state", self.root / "run", SystemClock(), random.Random(), path, step)
        return OciRuntime(host)

    def pod(self, uid: str = "uid-1", **more: Any) -> SandboxConfig:
        cgroup = f"{self.instance}/pods/burstable/pod{uid}"
        return SandboxConfig(uid, more.pop("name", "web"), "default", more.pop("hostname", "web-0"), cgroup, **more)

    def shell(self, script: str, name: str = "main", attempt: int = 0, **more: Any) -> ContainerConfig:
        """A container that runs a shell script."""
        log = self.logs / f"{name}-{attempt}.log"
        return ContainerConfig(name, attempt, (self.layer,), ("sh", "-c", script), log, **more)

    def processes(self) -> set[int]:
        """Living processes in cgroups of this instance."""
        found = set()
        for tree in cgroups.detect().trees:
            for folder, _, _ in os.walk(tree / self.instance):
                found.update(int(pid) for pid in Path(folder, "cgroup.procs").read_text().split())
        return found

    def traces(self) -> dict[str, list[str]]:
        """Everything of this instance that is on the machine: nothing of it may be left in the end."""
        trees = cgroups.detect().trees
        mounts = kernel.mount_points_below(self.root, Path("/proc/self/mountinfo").read_text())
        files = [
            str(path.relative_to(self.root))
            for folder in ("state", "run")
            for path in (self.root / folder).rglob("*")
            if not (path.is_dir() and path.name in ("pods", "exits", "runc", "crun", "hybrid"))
            and path.parent.name != "hybrid"
        ]
        processes = []
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if os.fsencode(self.root) in line:
                processes.append(line.decode())
        return {
            "cgroups": [str(tree / self.instance) for tree in trees if (tree / self.instance).exists()],
            "mounts": mounts,
            "files": files,
            "processes": processes,
        }


NO_TRACES: dict[str, list[str]] = {"cgroups": [], "mounts": [], "files": [], "processes": []}


def make_layer(folder: Path) -> Path:
    """An image layer with busybox."""
    (folder / "bin").mkdir(parents=True)
    for name in ("proc", "sys", "dev", "tmp", "etc", "data"):
        (folder / name).mkdir()
    (folder / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, folder / "bin/busybox")
    for name in APPLETS:
        (folder / "bin" / name).symlink_to("busybox")
    return folder


@contextmanager
def new_machine() -> Iterator[Machine]:
    """A machine whose traces are removed afterwards, whatever happened."""
    root = Path(f"/dev/shm/k3py-runtime-{os.getpid()}-{random.getrandbits(32):08x}")
    machine = Machine(root, make_layer(root / "layer"))
    machine.logs.mkdir()
    try:
        yield machine
    finally:

        async def clean() -> None:
            runtime = machine.runtime()
            for sandbox in await runtime.list():
                await runtime.stop_sandbox(sandbox.pod_uid)
            await runtime.close()

        try:
            asyncio.run(clean())
            with contextlib.suppress(TimeoutError, AssertionError):
                # What was killed in the middle of a start may be ending still.
                asyncio.run(until(lambda: machine.traces() == NO_TRACES))
            assert machine.traces() == NO_TRACES
        finally:
            kernel.unmount_below(root)
            shutil.rmtree(root)


def play(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a story, which must end within a deadline."""
    asyncio.run(asyncio.wait_for(work(), SECONDS_MAX))


async def until(seen: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is seen that tells of itself in no other way. Fails after a deadline."""
    async with asyncio.timeout(seconds):
        while not seen():
            await asyncio.sleep(0.005)


def log_text(machine: Machine, name: str = "main", attempt: int = 0) -> list[str]:
    """The texts of a container's log lines."""
    lines = (machine.logs / f"{name}-{attempt}.log").read_text().splitlines()
    return [line.split(" ", 3)[3] for line in lines]


async def run(runtime: OciRuntime, config: Any) -> str:
    """Create and start a container in pod uid-1; its id."""
    container = await runtime.create_container("uid-1", config)
    await runtime.start_container(container)
    return container


async def output_of(machine: Machine, runtime: OciRuntime, script: str, **more: Any) -> list[str]:
    """Run a script to its end in a container of its own; the lines it wrote."""
    await runtime.start_sandbox(machine.pod())
    name = more.pop("name", "main")
    container = await run(runtime, machine.shell(script, name, **more))
    await runtime.wait_exit(container)
    await runtime.remove_container(container)
    return log_text(machine, name)
