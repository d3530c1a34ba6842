"""The Runtime of the port on OCI runtimes: conmon and runc, crun or youki, pinned namespaces, overlayfs.

It remembers nothing that it could not find out: what is there comes from the records, /proc and the cgroups, so a new
one made over the same folders goes on where a killed one stopped.
"""

import asyncio
import random
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.base.turns import Turns
from k3py.runtime import cgroups, conmon, host, oci_config, runc, sandbox
from k3py.runtime.cgroups import Cgroups
from k3py.runtime.containers import Containers, command_of
from k3py.runtime.exec import PipedExec, Session, TerminalExec, run_to_end, start_piped, start_terminal
from k3py.runtime.exits import ExitStream, ExitWatch
from k3py.runtime.oci_config import Shared
from k3py.runtime.port import (
    Attachment,
    CannotStart,
    ContainerConfig,
    ContainerState,
    ContainerStats,
    ContainerStatus,
    ExecProcess,
    ExecResult,
    NoSuchContainer,
    NoSuchSandbox,
    Resources,
    RuntimeProblem,
    SandboxConfig,
    SandboxStatus,
    WrongState,
)
from k3py.runtime.processes import boot_id, is_alive
from k3py.runtime.records import NAME_PATTERN, ContainerRecord, Phase, Records, SandboxRecord
from k3py.runtime.runc import RuntimeCommand, RuntimeFailed
from k3py.runtime.sandboxes import Sandboxes
from k3py.runtime.steps import Hook, go_on

# After SIGKILL only a process that hangs in the kernel is still there; then an error is better than waiting on.
KILLED_SECONDS_MAX = 30.0
SESSION_BITS = 64


def open_host(
    state: Path, run: Path, clock: Clock, source: random.Random, runtime: str | None = None, step: Hook = go_on
) -> host.Host:
    """Look this machine over. ``state`` and ``run`` are this instance's alone; ``runtime`` a path or None to choose.

    Raises NotSupported when a program is missing, OSError without cgroups.
    """
    state.mkdir(parents=True, exist_ok=True)
    run.mkdir(parents=True, exist_ok=True)
    state, run = state.resolve(), run.resolve()
    layout = cgroups.detect()
    path = runtime or runc.choose_runtime(layout.hybrid)
    name = Path(path).name
    if name == "crun" and layout.hybrid and layout.unified is not None:
        path = runc.wrapper_for_hybrid(path, layout.unified, run)
    return host.Host(
        records=Records(state, run),
        cgroups=Cgroups(layout),
        command=RuntimeCommand(path, str(run / name)),
        conmon=conmon.find_conmon(),
        facts=host.host_facts(layout),
        clock=clock,
        source=source,
        boot_id=boot_id(),
        step=step,
    )


class OciRuntime:
    """``Runtime`` of the port. Acts on one pod follow each other; different pods go on side by side."""

    def __init__(self, parts: host.Host) -> None:
        self._host = parts
        self._records = parts.records
        self._containers = Containers(parts)
        self._sandboxes = Sandboxes(parts, self._containers)
        self._watch = ExitWatch(parts.records, self._containers.status, self._kill_rest)
        self._tasks = Tasks()
        self._pods = Turns()

    async def start_sandbox(self, config: SandboxConfig) -> SandboxStatus:
        async with self._pods.turn(config.pod_uid):
            record = self._records.sandbox(config.pod_uid) if _usable(config.pod_uid) else None
            if record is None or not self._sandboxes.ready(record, _mountinfo()):
                if record is not None:
                    await self._stop(config.pod_uid)
                record = await self._sandboxes.start(config)
            return await self._sandbox_status(record, _mountinfo())

    async def stop_sandbox(self, pod_uid: str) -> None:
        if _usable(pod_uid):
            async with self._pods.turn(pod_uid):
                await self._stop(pod_uid)

    async def _stop(self, pod_uid: str) -> None:
        ids = self._records.container_ids(pod_uid)
        await self._sandboxes.stop(pod_uid)
        for container_id in ids:
            self._watch.forget(container_id)

    async def create_container(self, pod_uid: str, config: ContainerConfig) -> str:
        async with self._pods.turn(pod_uid):
            record = self._sandbox_record(pod_uid)
            if not self._sandboxes.ready(record, _mountinfo()):
                raise NoSuchSandbox(f"cannot create container {config.name}: the sandbox of pod {pod_uid} is not ready")
            shared = sandbox.shared_of(record, self._sandboxes.pins(pod_uid))
            if config.process_namespace_of and shared.namespaces.get("pid") == "":
                shared = self._joining(shared, pod_uid, config)
            else:
                config = replace(config, process_namespace_of="")
            new = self._containers.new_record(pod_uid, record.cgroup, config)
            created = await self._containers.create(new, config, shared)
            if config.process_namespace_of:
                await self._check_joined(created)
            self._watch.follow(created)
            return created.id

    def _joining(self, shared: Shared, pod_uid: str, config: ContainerConfig) -> Shared:
        """What a container shares that joins another's processes. Raises CannotStart when that one does not run."""
        target = self._records.find(config.process_namespace_of)
        if target is None or target.pod_uid != pod_uid or not is_alive(target.process):
            message = f"cannot create container {config.name}: its target container does not run"
            raise CannotStart(message, "CreateContainerError")
        return replace(shared, namespaces={**shared.namespaces, "pid": f"/proc/{target.pid}/ns/pid"})

    async def _check_joined(self, created: ContainerRecord) -> None:
        """The namespace was named by a pid: had the target ended meanwhile, it might have been a stranger's."""
        target = self._records.find(created.process_namespace_of)
        if target is None or not is_alive(target.process):
            await self._containers.remove(created)
            message = f"cannot create container {created.name}: its target container has ended"
            raise CannotStart(message, "CreateContainerError")

    async def start_container(self, container_id: str) -> None:
        async with self._pods.turn(self._container(container_id).pod_uid):
            await self._containers.start(self._container(container_id))

    async def signal_container(self, container_id: str, signal: int) -> None:
        self._containers.signal(self._container(container_id), signal)

    async def stop_container(
        self, container_id: str, grace_seconds: float, signal: int | None = None
    ) -> ContainerStatus:
        record = self._container(container_id)
        status = await self._settled_status(record)
        living = status.state is ContainerState.RUNNING or status.pid > 0
        if not living:
            return status
        if status.state is not ContainerState.CREATED and grace_seconds > 0:
            self._containers.signal(record, record.stop_signal if signal is None else signal)
            try:
                return await asyncio.wait_for(self._watch.wait(record), grace_seconds)
            except TimeoutError:
                pass
        await self._containers.kill(record)
        try:
            return await asyncio.wait_for(self._watch.wait(record), KILLED_SECONDS_MAX)
        except TimeoutError:
            raise RuntimeProblem(f"cannot stop container {record.name}: its end is not reported") from None

    async def remove_container(self, container_id: str) -> None:
        record = self._records.find(container_id)
        if record is None:
            return
        async with self._pods.turn(record.pod_uid):
            current = self._records.find(container_id)
            if current is not None:
                await self._containers.remove(current)
                self._watch.forget(container_id)

    async def list(self) -> Sequence[SandboxStatus]:
        mountinfo = _mountinfo()
        found = []
        for pod_uid in self._records.pod_uids():
            record = self._records.sandbox(pod_uid)
            if record is None:
                found.append(SandboxStatus(pod_uid, "", "", ready=False, created_at=0.0, network_namespace=None))
            else:
                found.append(await self._sandbox_status(record, mountinfo))
        return found

    async def _sandbox_status(self, record: SandboxRecord, mountinfo: str) -> SandboxStatus:
        statuses = []
        for found in self._records.containers(record.pod_uid):
            statuses.append(await self._settled_status(found))
        return replace(self._sandboxes.status(record, mountinfo), containers=tuple(statuses))

    async def status(self, container_id: str) -> ContainerStatus:
        return await self._settled_status(self._container(container_id))

    async def _settled_status(self, record: ContainerRecord) -> ContainerStatus:
        """The status; a start that a crash interrupted is cleared up, one that is going on is not yet a start."""
        if record.phase is not Phase.STARTING:
            return self._containers.status(record)
        if record.pod_uid in self._pods:
            return self._containers.status(record, command_running=False)
        async with self._pods.turn(record.pod_uid):
            current = self._container(record.id)
            return self._containers.status(await self._containers.settle(current))

    def exits(self) -> ExitStream:
        stream = self._watch.stream()
        for pod_uid in self._records.pod_uids():
            for record in self._records.containers(pod_uid):
                status = self._containers.status(record)
                if status.state is not ContainerState.EXITED and status.pid:
                    self._watch.follow(record)
        return stream

    async def wait_exit(self, container_id: str) -> ContainerStatus:
        return await self._watch.wait(self._container(container_id))

    async def exec(
        self,
        container_id: str,
        args: Sequence[str],
        tty: bool = False,
        stdin: bool = False,
        env: Sequence[tuple[str, str]] | None = None,
        working_dir: str | None = None,
    ) -> ExecProcess:
        if tty:
            return await self._exec_terminal(container_id, args, env, working_dir)
        return await self._exec_piped(container_id, args, stdin, env, working_dir)

    async def _exec_terminal(
        self, container_id: str, args: Sequence[str], env: Sequence[tuple[str, str]] | None, working_dir: str | None
    ) -> TerminalExec:
        return await start_terminal(self._session(container_id, args, True, env, working_dir))

    async def _exec_piped(
        self,
        container_id: str,
        args: Sequence[str],
        stdin: bool,
        env: Sequence[tuple[str, str]] | None,
        working_dir: str | None,
    ) -> PipedExec:
        return await start_piped(self._session(container_id, args, False, env, working_dir), stdin)

    def _session(
        self,
        container_id: str,
        args: Sequence[str],
        tty: bool,
        env: Sequence[tuple[str, str]] | None,
        working_dir: str | None,
    ) -> Session:
        record = self._running(container_id, "run a command in")
        process = oci_config.exec_process(self._containers.main_process(record), args, tty, env, working_dir)
        name = f"{self._host.source.getrandbits(SESSION_BITS):016x}"
        folder = self._records.pod_run(record.pod_uid) / "exec" / name
        return Session(command_of(record), record.id, record.cgroup, folder, process)

    async def exec_sync(
        self, container_id: str, args: Sequence[str], timeout_seconds: float | None = None
    ) -> ExecResult:
        process = await self._exec_piped(container_id, args, False, None, None)
        return await run_to_end(process, timeout_seconds)

    async def attach(self, container_id: str) -> Attachment:
        record = self._running(container_id, "attach to")
        return await conmon.attach(self._containers.folder(record), record.tty)

    async def resize(self, container_id: str, width: int, height: int) -> None:
        record = self._container(container_id)
        if record.tty:
            conmon.resize(self._containers.folder(record), width, height)

    async def reopen_log(self, container_id: str) -> None:
        conmon.reopen_log(self._containers.folder(self._container(container_id)))

    async def stats(self, container_id: str) -> ContainerStats:
        record = self._running(container_id, "measure")
        return self._host.cgroups.stats(record.id, record.cgroup)

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        record = self._running(container_id, "change")
        wanted = orjson.dumps(oci_config.resources(resources, self._host.facts))
        try:
            await runc.call(command_of(record), "update", "--resources", "-", record.id, stdin=wanted)
        except RuntimeFailed as problem:
            raise RuntimeProblem(f"cannot change the limits of container {record.name}: {problem}") from problem

    async def update_sandbox(self, pod_uid: str, resources: Resources) -> None:
        self._host.cgroups.apply(self._sandbox_record(pod_uid).cgroup, resources)

    async def connect(self, pod_uid: str, port: int, host: str = "") -> socket.socket:
        return await sandbox.connect(self.network_namespace(pod_uid), port, host)

    def network_namespace(self, pod_uid: str) -> Path | None:
        return self._sandboxes.network_pin(self._sandbox_record(pod_uid))

    def _kill_rest(self, record: ContainerRecord) -> None:
        """With a shared or the host's process namespace, what the first process leaves behind would run on."""
        if self._host.cgroups.processes(record.cgroup):
            self._tasks.start(self._host.cgroups.kill(record.cgroup), f"kill the rest of {record.name}")

    async def close(self) -> None:
        """Watch nothing any more. Containers go on."""
        self._watch.close()
        await self._tasks.stop()

    def _container(self, container_id: str) -> ContainerRecord:
        record = self._records.find(container_id)
        if record is None:
            raise NoSuchContainer(f"no container {container_id[:80]} is on this node")
        return record

    def _running(self, container_id: str, act: str) -> ContainerRecord:
        record = self._container(container_id)
        status = self._containers.status(record)
        if (status.state is not ContainerState.RUNNING and status.pid == 0) or status.state is ContainerState.CREATED:
            raise WrongState(f"cannot {act} container {record.name}: it is {status.state.value}")
        return record

    def _sandbox_record(self, pod_uid: str) -> SandboxRecord:
        record = self._records.sandbox(pod_uid) if _usable(pod_uid) else None
        if record is None:
            raise NoSuchSandbox(f"no sandbox of pod {pod_uid[:80]} is on this node")
        return record


def _usable(pod_uid: str) -> bool:
    return NAME_PATTERN.fullmatch(pod_uid) is not None


def _mountinfo() -> str:
    return Path("/proc/self/mountinfo").read_text()
