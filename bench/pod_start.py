"""How long until a container has written its first byte: ours beside a bare OCI runtime and ``podman run``.

Each way starts the same command in the same root file system ``--count`` times, one after the other, and waits for a
byte in a fifo that is bound into the container. Ours makes a sandbox (namespaces, cgroups), mounts the layers, lets
conmon create the container and starts it: what the agent does for a pod. The bare runtime makes its own namespaces
and has nobody who keeps logs or the exit code: the floor. Needs root; prints one JSON object.

    python bench/pod_start.py [--count 20] [--work FOLDER-ON-TMPFS]
"""

import argparse
import asyncio
import json
import os
import random
import select
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from k3py.base.clock import SystemClock
from k3py.runtime import kernel, oci_config
from k3py.runtime.cgroups import Cgroups, detect
from k3py.runtime.host import Host
from k3py.runtime.oci import OciRuntime, open_host
from k3py.runtime.port import ContainerConfig, Mount, SandboxConfig, Seccomp

Start = Callable[[int], Callable[[], None]]
FIRST_BYTE_SECONDS_MAX = 20
SCRIPT = "echo x > /first; exec sleep 60"


class Bench:
    """The folders and the fifo that all ways share."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.layer = work / "layer"
        self.fifo = work / "first"
        (self.layer / "bin").mkdir(parents=True)
        for name in ("proc", "sys", "dev", "tmp"):
            (self.layer / name).mkdir()
        shutil.copy("/bin/busybox", self.layer / "bin/busybox")
        for name in ("sh", "sleep", "echo"):
            (self.layer / "bin" / name).symlink_to("busybox")
        os.mkfifo(self.fifo)
        self.reader = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)

    def wait_first_byte(self) -> float:
        """The moment at which the container wrote."""
        if not select.select([self.reader], [], [], FIRST_BYTE_SECONDS_MAX)[0]:
            raise TimeoutError("the container wrote nothing")
        moment = time.perf_counter()
        os.read(self.reader, 100)
        return moment

    def config(self) -> ContainerConfig:
        mounts = (Mount(self.fifo, "/first"),)
        return ContainerConfig("main", 0, (self.layer,), ("sh", "-c", SCRIPT), self.work / "main.log", mounts=mounts)

    def measure(self, start: Start, count: int) -> dict[str, float]:
        """Milliseconds until the first byte."""
        taken = []
        for number in range(count):
            begin = time.perf_counter()
            clean = start(number)
            taken.append((self.wait_first_byte() - begin) * 1e3)
            clean()
        taken.sort()
        return {
            "p50_ms": round(statistics.median(taken), 1),
            "min_ms": round(taken[0], 1),
            "p90_ms": round(taken[max(0, int(len(taken) * 0.9) - 1)], 1),
            "count": count,
        }


@contextmanager
def ours(bench: Bench, runtime_path: str, instance: str, seccomp: Seccomp) -> Iterator[Start]:
    """Sandbox, create, start through the port; one event loop for all, as in the agent."""
    host = open_host(bench.work / "state", bench.work / "run", SystemClock(), random.Random(), runtime_path)
    runtime = OciRuntime(host)
    with asyncio.Runner() as runner:

        def start(number: int) -> Callable[[], None]:
            uid = f"bench-{number}"

            async def go() -> None:
                pod = SandboxConfig(uid, "bench", "default", "bench", f"{instance}/pods/burstable/pod{uid}")
                await runtime.start_sandbox(pod)
                container = await runtime.create_container(uid, replace(bench.config(), seccomp=seccomp))
                await runtime.start_container(container)

            runner.run(go())
            return lambda: runner.run(runtime.stop_sandbox(uid))

        yield start
        runner.run(runtime.close())


def bare(bench: Bench, host: Host, instance: str) -> Start:
    """overlayfs and ``run --detach``: what the runtime itself needs."""
    command = host.command

    def start(number: int) -> Callable[[], None]:
        folder, name = bench.work / f"bare-{number}", f"bare-{number}"
        for part in ("upper", "work", "rootfs"):
            (folder / part).mkdir(parents=True)
        options = f"lowerdir={bench.layer},upperdir={folder}/upper,workdir={folder}/work"
        kernel.mount("overlay", f"{folder}/rootfs", "overlay", 0, options)
        plain = replace(bench.config(), seccomp=Seccomp.UNCONFINED)
        shared = oci_config.Shared()
        wanted = oci_config.container_config(plain, shared, host.facts, f"{folder}/rootfs", f"{instance}/{name}")
        (folder / "config.json").write_text(json.dumps(wanted))
        quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        runtime = [command.path, "--root", command.root]
        subprocess.run([*runtime, "run", "--detach", "--bundle", str(folder), name], check=True, **quiet)

        def clean() -> None:
            subprocess.run([*runtime, "delete", "--force", name], check=True, **quiet)
            kernel.unmount(f"{folder}/rootfs")
            shutil.rmtree(folder)

        return clean

    return start


def podman(bench: Bench, instance: str) -> Start:
    """``podman run --detach --network none`` with a store of its own."""
    base = ["podman", "--root", f"{bench.work}/podman/root", "--runroot", f"{bench.work}/podman/run"]
    base += ["--tmpdir", f"{bench.work}/podman/tmp", "--cgroup-manager", "cgroupfs", "--storage-driver", "overlay"]
    base += ["--runtime", shutil.which("runc") or "crun"]
    archive = subprocess.run(["tar", "-C", bench.layer, "-c", "."], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(
        [*base, "import", "-", "bench"], input=archive, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def start(number: int) -> Callable[[], None]:
        name = f"bench-{number}"
        line = [*base, "run", "--detach", "--name", name, "--network", "none", "--volume", f"{bench.fifo}:/first"]
        line += ["--cgroup-parent", f"/{instance}"]
        line += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "bench", "sh", "-c", SCRIPT]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        remove = [*base, "rm", "--force", "--time", "0", name]
        return lambda: void(subprocess.run(remove, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    return start


def sweep(work: Path) -> None:
    """Remove the folder. podman cleans up in the background for a moment, and mounts its store again for that."""
    for _ in range(50):
        kernel.unmount_below(work)
        shutil.rmtree(work, ignore_errors=True)
        if not work.exists():
            return
        time.sleep(0.1)


def void(_: object) -> None:
    """Forget a result."""


def main() -> None:
    """Measure every way that this host offers."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--count", type=int, default=20)
    arguments.add_argument("--work", type=Path, default=Path(f"/dev/shm/k3py-bench-{os.getpid()}"))
    asked = arguments.parse_args()
    bench = Bench(asked.work)
    instance = f"k3py-bench-{os.getpid()}"
    found: dict[str, Any] = {"load_before": os.getloadavg()[0], "cores": os.cpu_count(), "ways": {}}
    try:
        for name in ("runc", "crun"):
            path = shutil.which(name)
            if path is None:
                continue
            host = open_host(bench.work / "state", bench.work / "run", SystemClock(), random.Random(), path)
            found["ways"][f"bare {name} run"] = bench.measure(bare(bench, host, instance), asked.count)
            for seccomp in (Seccomp.RUNTIME_DEFAULT, Seccomp.UNCONFINED):
                with ours(bench, path, instance, seccomp) as start:
                    found["ways"][f"k3py with {name}, {seccomp.value}"] = bench.measure(start, asked.count)
        if shutil.which("podman"):
            found["ways"]["podman run"] = bench.measure(podman(bench, instance), asked.count)
    finally:
        os.close(bench.reader)
        asyncio.run(Cgroups(detect()).clear(instance))
        sweep(bench.work)
    found["load_after"] = os.getloadavg()[0]
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
