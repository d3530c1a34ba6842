"""A runtime without containers, for tests of the agent and for the simulator's hollow nodes.

It keeps the port's promises on whatever event loop runs, virtual ones included: time passes only by the loop's timers.
What a container does is a ``Script``; what goes wrong is up to the ``before`` hook, which may raise at any act. The
object is the machine: an agent that is "killed" is made anew over the same one, and its containers have gone on.
"""

import asyncio
import errno
import random
import socket
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from k3py.base.clock import Clock
from k3py.runtime.exits import ExitStream
from k3py.runtime.fake_script import SIGKILL, FakeExec
from k3py.runtime.fake_script import Script as Script
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
    SandboxConfig,
    SandboxStatus,
    TimedOut,
    WrongState,
)

FIRST_PID = 1000


@dataclass
class FakeContainer:
    """A container of the fake; tests may look at it and end it."""

    config: ContainerConfig
    script: Script
    status: ContainerStatus
    resources: Resources
    signals: list[int] = field(default_factory=list)
    waiters: list[asyncio.Future[ContainerStatus]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


@dataclass
class FakeSandbox:
    """A sandbox of the fake. ``ready`` may be set to False by a test."""

    config: SandboxConfig
    created_at: float
    containers: dict[str, FakeContainer] = field(default_factory=dict)
    ready: bool = True


class FakeRuntime:
    """``Runtime`` of the port in memory."""

    def __init__(
        self,
        clock: Clock,
        source: random.Random,
        script: Callable[[SandboxConfig, ContainerConfig], Script] = lambda _pod, _container: Script(),
        before: Callable[[str, str], None] = lambda _act, _subject: None,
    ) -> None:
        self.sandboxes: dict[str, FakeSandbox] = {}
        self.acts: list[tuple[str, str]] = []
        self.connected: list[tuple[str, int]] = []
        self._clock = clock
        self._source = source
        self._script = script
        self._before = before
        self._streams: weakref.WeakSet[ExitStream] = weakref.WeakSet()
        self._echoes: set[asyncio.Task[None]] = set()
        self._pids = FIRST_PID

    def _act(self, act: str, subject: str) -> None:
        self.acts.append((act, subject))
        self._before(act, subject)

    async def start_sandbox(self, config: SandboxConfig) -> SandboxStatus:
        self._act("start_sandbox", config.pod_uid)
        found = self.sandboxes.get(config.pod_uid)
        if found is None or not found.ready:
            await self.stop_sandbox(config.pod_uid)
            self.sandboxes[config.pod_uid] = FakeSandbox(config, self._clock.now())
        return self._sandbox_status(config.pod_uid)

    async def stop_sandbox(self, pod_uid: str) -> None:
        self._act("stop_sandbox", pod_uid)
        found = self.sandboxes.get(pod_uid)
        for container_id in list(found.containers) if found else ():
            self._remove(container_id)
        self.sandboxes.pop(pod_uid, None)

    async def create_container(self, pod_uid: str, config: ContainerConfig) -> str:
        self._act("create_container", f"{pod_uid}/{config.name}")
        sandbox = self._sandbox(pod_uid)
        if not sandbox.ready:
            raise NoSuchSandbox(f"the sandbox of pod {pod_uid} is not ready")
        if config.process_namespace_of:
            target = sandbox.containers.get(config.process_namespace_of)
            if target is None or target.status.state is not ContainerState.RUNNING:
                raise CannotStart("the target container does not run", "CreateContainerError")
        script = self._script(sandbox.config, config)
        if script.create_error:
            raise CannotStart(script.create_error, "CreateContainerError")
        container_id = f"{self._source.getrandbits(128):032x}"
        self._pids += 1
        status = ContainerStatus(
            id=container_id,
            pod_uid=pod_uid,
            name=config.name,
            attempt=config.attempt,
            state=ContainerState.CREATED,
            pid=self._pids,
            created_at=self._clock.now(),
        )
        sandbox.containers[container_id] = FakeContainer(config, script, status, config.resources)
        return container_id

    async def start_container(self, container_id: str) -> None:
        self._act("start_container", container_id)
        found = self.container(container_id)
        if found.status.state is ContainerState.RUNNING:
            return
        if found.status.state is not ContainerState.CREATED:
            raise WrongState(f"cannot start container {found.config.name}: it is {found.status.state.value}")
        if found.script.start_seconds:
            await asyncio.sleep(found.script.start_seconds)
        if found.script.start_error:
            raise CannotStart(found.script.start_error, "RunContainerError")
        found.status = replace(found.status, state=ContainerState.RUNNING, started_at=self._clock.now())
        self._log(found)
        if found.script.runs_seconds is not None:
            self._end_later(found, found.script.runs_seconds, found.script.exit_code)

    def _log(self, found: FakeContainer) -> None:
        if found.script.output and found.config.log_path.parent.is_dir():
            with found.config.log_path.open("a") as log:
                log.write(f"2026-01-01T00:00:00.000000000Z stdout F {found.script.output}\n")

    def _end_later(self, found: FakeContainer, seconds: float, code: int) -> None:
        if found.timer is not None:
            found.timer.cancel()
        found.timer = asyncio.get_running_loop().call_later(seconds, self.end, found.status.id, code)

    def end(self, container_id: str, exit_code: int) -> None:
        """The container's command ends now, by itself, with this code (above 128: by a signal)."""
        found = self.container(container_id)
        if found.status.state is ContainerState.EXITED:
            return
        if found.timer is not None:
            found.timer.cancel()
        number = exit_code - 128 if 128 < exit_code <= 192 else 0
        killed_for_memory = found.script.oom_killed and number == SIGKILL
        found.status = replace(
            found.status,
            state=ContainerState.EXITED,
            pid=0,
            exit_code=exit_code,
            signal=number,
            finished_at=self._clock.now(),
            oom_killed=killed_for_memory,
            reason="OOMKilled" if killed_for_memory else "Error" if exit_code else "Completed",
        )
        for waiter in found.waiters:
            if not waiter.done():
                waiter.set_result(found.status)
        for stream in list(self._streams):
            stream.put(found.status)

    async def signal_container(self, container_id: str, signal: int) -> None:
        self._act("signal_container", container_id)
        self._signal(self.container(container_id), signal)

    def _signal(self, found: FakeContainer, signal: int) -> None:
        if found.status.pid == 0:
            return
        found.signals.append(signal)
        if signal == SIGKILL or found.status.state is ContainerState.CREATED:
            self.end(found.status.id, 128 + SIGKILL)
        elif found.script.ends_after_signal_seconds is not None:
            self._end_later(found, found.script.ends_after_signal_seconds, found.script.exit_code)

    async def stop_container(
        self, container_id: str, grace_seconds: float, signal: int | None = None
    ) -> ContainerStatus:
        self._act("stop_container", container_id)
        found = self.container(container_id)
        if found.status.state is ContainerState.RUNNING and grace_seconds > 0:
            self._signal(found, found.config.stop_signal if signal is None else signal)
            try:
                return await asyncio.wait_for(self.wait_exit(container_id), grace_seconds)
            except TimeoutError:
                pass
        self._signal(found, SIGKILL)
        return found.status

    async def remove_container(self, container_id: str) -> None:
        self._act("remove_container", container_id)
        self._remove(container_id)

    def _remove(self, container_id: str) -> None:
        for sandbox in self.sandboxes.values():
            found = sandbox.containers.pop(container_id, None)
            if found is None:
                continue
            if found.timer is not None:
                found.timer.cancel()
            for waiter in found.waiters:
                if not waiter.done():
                    waiter.set_exception(NoSuchContainer(f"container {container_id} was removed"))

    async def list(self) -> Sequence[SandboxStatus]:
        self._act("list", "")
        return [self._sandbox_status(pod_uid) for pod_uid in sorted(self.sandboxes)]

    async def status(self, container_id: str) -> ContainerStatus:
        return self.container(container_id).status

    def exits(self) -> ExitStream:
        stream = ExitStream(self._streams.discard)
        self._streams.add(stream)
        return stream

    async def wait_exit(self, container_id: str) -> ContainerStatus:
        found = self.container(container_id)
        if found.status.state is ContainerState.EXITED:
            return found.status
        waiter: asyncio.Future[ContainerStatus] = asyncio.get_running_loop().create_future()
        found.waiters.append(waiter)
        try:
            return await waiter
        finally:
            found.waiters.remove(waiter)

    async def exec(
        self,
        container_id: str,
        args: Sequence[str],
        tty: bool = False,
        stdin: bool = False,
        env: Sequence[tuple[str, str]] | None = None,
        working_dir: str | None = None,
    ) -> ExecProcess:
        self._act("exec", container_id)
        return FakeExec(self._running(container_id).script, args, stdin)

    async def exec_sync(
        self, container_id: str, args: Sequence[str], timeout_seconds: float | None = None
    ) -> ExecResult:
        self._act("exec_sync", container_id)
        script = self._running(container_id).script
        if timeout_seconds is not None and script.exec_seconds > timeout_seconds:
            await asyncio.sleep(timeout_seconds)
            raise TimedOut(f"the command did not end within {timeout_seconds:g} s")
        if script.exec_seconds:
            await asyncio.sleep(script.exec_seconds)
        return script.run_command(args, b"")

    async def attach(self, container_id: str) -> Attachment:
        self._act("attach", container_id)
        return FakeExec(self._running(container_id).script, (), stdin=False)

    async def resize(self, container_id: str, width: int, height: int) -> None:
        self.container(container_id)

    async def reopen_log(self, container_id: str) -> None:
        self._act("reopen_log", container_id)
        self.container(container_id)

    async def stats(self, container_id: str) -> ContainerStats:
        found = self._running(container_id)
        nanoseconds = int((self._clock.now() - found.status.started_at) * found.resources.cpu_request_milli * 1e6)
        memory = found.resources.memory_request_bytes
        return ContainerStats(container_id, nanoseconds, memory, memory, 1)

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        self._act("update_resources", container_id)
        self._running(container_id).resources = resources

    async def update_sandbox(self, pod_uid: str, resources: Resources) -> None:
        self._act("update_sandbox", pod_uid)
        found = self._sandbox(pod_uid)
        found.config = replace(found.config, resources=resources)

    async def connect(self, pod_uid: str, port: int, host: str = "") -> socket.socket:
        """One end of a pair of sockets whose other end echoes; port 1 refuses."""
        self._sandbox(pod_uid)
        if port == 1:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nothing listens on port {port}")
        self.connected.append((host, port))
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=theirs)
        task = asyncio.get_running_loop().create_task(_echo(reader, writer))
        self._echoes.add(task)
        task.add_done_callback(self._echoes.discard)
        return ours

    def network_namespace(self, pod_uid: str) -> Path | None:
        config = self._sandbox(pod_uid).config
        return None if config.host_network else Path(f"/run/fake/{pod_uid}/net")

    def container(self, container_id: str) -> FakeContainer:
        """The container itself. Raises NoSuchContainer."""
        for sandbox in self.sandboxes.values():
            if container_id in sandbox.containers:
                return sandbox.containers[container_id]
        raise NoSuchContainer(f"no container {container_id}")

    def _running(self, container_id: str) -> FakeContainer:
        found = self.container(container_id)
        if found.status.state is not ContainerState.RUNNING:
            raise WrongState(f"container {found.config.name} is {found.status.state.value}")
        return found

    def _sandbox(self, pod_uid: str) -> FakeSandbox:
        try:
            return self.sandboxes[pod_uid]
        except KeyError:
            raise NoSuchSandbox(f"no sandbox of pod {pod_uid}") from None

    def _sandbox_status(self, pod_uid: str) -> SandboxStatus:
        found = self.sandboxes[pod_uid]
        return SandboxStatus(
            pod_uid=pod_uid,
            name=found.config.name,
            namespace=found.config.namespace,
            ready=found.ready,
            created_at=found.created_at,
            network_namespace=self.network_namespace(pod_uid),
            containers=tuple(container.status for container in found.containers.values()),
        )


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()
