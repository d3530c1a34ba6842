"""One container's acts, each a short list of steps that may be repeated. The record comes before what it describes."""

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from k3py.runtime import conmon, kernel, oci_config, runc
from k3py.runtime.host import Host, host_devices
from k3py.runtime.oci_config import Shared
from k3py.runtime.overlay import mount_root
from k3py.runtime.port import CannotStart, ContainerConfig, ContainerState, ContainerStatus, WrongState
from k3py.runtime.processes import is_alive, open_pidfd, send_signal, wait_ended
from k3py.runtime.records import ContainerRecord, Phase
from k3py.runtime.recover import Seen, judge
from k3py.runtime.runc import RuntimeCommand, RuntimeFailed
from k3py.runtime.steps import Step

# 128 random bits, so that ids of instances and boots never meet.
ID_BITS: Final = 128
SIGKILL: Final = 9
# conmon has only to write the rest of the log and the exit file.
CONMON_END_SECONDS_MAX: Final = 5.0
# The environment and arguments of a process are bounded by the kernel at 2 MiB; config.json holds little more.
CONFIG_BYTES_MAX: Final = 8 * 1024 * 1024


def command_of(record: ContainerRecord) -> RuntimeCommand:
    """The runtime that made the container: another one would not know it."""
    return RuntimeCommand(record.runtime_path, record.runtime_root)


def conmon_cgroup(cgroup: str) -> str:
    """The cgroup of a container's conmon: beside the container's own, below the pod's."""
    return f"{cgroup}-conmon"


class Containers:
    """Acts on containers. Callers see to it that no two act on one pod at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._records = host.records

    def folder(self, record: ContainerRecord) -> Path:
        return self._records.container(record.pod_uid, record.id)

    def new_record(self, pod_uid: str, pod_cgroup: str, config: ContainerConfig) -> ContainerRecord:
        """The record of a container to be made, under a new id."""
        host = self._host
        container_id = f"{host.source.getrandbits(ID_BITS):032x}"
        return ContainerRecord(
            id=container_id,
            pod_uid=pod_uid,
            name=config.name,
            attempt=config.attempt,
            cgroup=f"{pod_cgroup}/{container_id}",
            boot_id=host.boot_id,
            runtime_path=host.command.path,
            runtime_root=host.command.root,
            log_path=str(config.log_path),
            created_at=host.clock.now(),
            phase=Phase.CREATING,
            tty=config.tty,
            stop_signal=config.stop_signal,
            process_namespace_of=config.process_namespace_of,
        )

    async def write(self, record: ContainerRecord) -> None:
        """Keep the record; the file system's own time is spent off the event loop."""
        await asyncio.to_thread(self._records.write_container, record)

    async def create(self, record: ContainerRecord, config: ContainerConfig, shared: Shared) -> ContainerRecord:
        """Make the container; its record with identities. What fails is removed again. Raises CannotStart."""
        try:
            return await self._create(record, config, shared)
        except (RuntimeFailed, OSError, ValueError) as problem:
            await self.remove(record)
            message = f"cannot create container {config.name}: {problem}"
            raise CannotStart(message, "CreateContainerError") from problem
        except asyncio.CancelledError:
            await asyncio.shield(self.remove(record))
            raise

    async def _create(self, record: ContainerRecord, config: ContainerConfig, shared: Shared) -> ContainerRecord:
        host, folder = self._host, self.folder(record)
        await self.write(record)
        host.step(Step.CREATE_RECORDED)
        rootfs = await mount_root(folder, config.image_layers)
        host.step(Step.CREATE_MOUNTED)
        facts = replace(host.facts, devices=host_devices()) if config.privileged else host.facts
        wanted = oci_config.container_config(config, shared, facts, str(rootfs), record.cgroup)
        (folder / "config.json").write_bytes(orjson.dumps(wanted))
        host.cgroups.make(conmon_cgroup(record.cgroup))
        self._records.exits.mkdir(parents=True, exist_ok=True)
        host.step(Step.CREATE_CONFIGURED)
        launch = conmon.Launch(
            conmon=host.conmon,
            command=command_of(record),
            container_id=record.id,
            name=config.name,
            folder=folder,
            exits=self._records.exits,
            log_path=config.log_path,
            tty=config.tty,
            stdin=config.stdin,
            stdin_once=config.stdin_once,
        )
        keeper, child = await conmon.create(launch, host.cgroups.join_files(conmon_cgroup(record.cgroup)))
        host.step(Step.CREATE_ANSWERED)
        record = msgspec.structs.replace(
            record,
            phase=Phase.CREATED,
            pid=child.pid,
            pid_start_ticks=child.start_ticks,
            conmon_pid=keeper.pid,
            conmon_start_ticks=keeper.start_ticks,
        )
        await self.write(record)
        host.step(Step.CREATE_IDENTIFIED)
        return record

    async def start(self, record: ContainerRecord) -> ContainerRecord:
        """Run the command. Raises WrongState for one that ended, CannotStart."""
        status = self.status(await self.settle(record))
        if status.state is ContainerState.RUNNING:
            return record
        if status.state is not ContainerState.CREATED:
            raise WrongState(f"cannot start container {record.name}: it is {status.state.value}")
        record = msgspec.structs.replace(record, phase=Phase.STARTING, started_at=self._host.clock.now())
        await self.write(record)
        self._host.step(Step.START_RECORDED)
        try:
            await runc.call(command_of(record), "start", record.id)
        except RuntimeFailed as problem:
            message = f"cannot start container {record.name}: {problem}"
            raise CannotStart(message, "RunContainerError") from problem
        self._host.step(Step.START_ORDERED)
        record = msgspec.structs.replace(record, phase=Phase.STARTED)
        await self.write(record)
        self._host.step(Step.START_CONFIRMED)
        return record

    async def settle(self, record: ContainerRecord) -> ContainerRecord:
        """Find out whether a start that a crash interrupted took place: only the runtime can tell."""
        if record.phase is not Phase.STARTING or self.status(record).state is not ContainerState.RUNNING:
            return record
        known = await runc.state(command_of(record), record.id)
        phase = Phase.CREATED if known in ("creating", "created") else Phase.STARTED
        record = msgspec.structs.replace(record, phase=phase)
        await self.write(record)
        return record

    def status(self, record: ContainerRecord, command_running: bool = True) -> ContainerStatus:
        """What the container is now. ``command_running``: what to believe while a start is neither done nor undone."""
        ended = self._records.exit(record.id)
        conmon_alive = ended is None and is_alive(record.conmon)
        if ended is None and not conmon_alive:
            ended = self._records.exit(record.id)  # conmon may have written it between the two looks
        oom = False
        if ended is not None and ended.code == 128 + SIGKILL:
            oom = self._records.oom_seen(record) or self._host.cgroups.oom_kills(record.cgroup) > 0
        alive = ended is None and not conmon_alive and is_alive(record.process)
        return judge(record, Seen(ended, conmon_alive, alive, oom, command_running))

    def signal(self, record: ContainerRecord, number: int) -> bool:
        """Send a signal to the first process; False when it has ended."""
        sent = send_signal(record.process, number)
        self._host.step(Step.STOP_SIGNALLED)
        return sent

    async def kill(self, record: ContainerRecord) -> None:
        """SIGKILL everything in the container and wait until it ended."""
        await self._host.cgroups.kill(record.cgroup)
        self._host.step(Step.STOP_KILLED)

    async def remove(self, record: ContainerRecord) -> None:
        """Leave nothing of the container but its log."""
        host, folder = self._host, self.folder(record)
        if not record.conmon_pid:  # half made: conmon may be creating it at this moment
            await host.cgroups.kill(conmon_cgroup(record.cgroup))
        await host.cgroups.kill(record.cgroup)
        await self.end_conmon(record)
        host.step(Step.REMOVE_KILLED)
        await runc.delete(command_of(record), record.id)
        host.step(Step.REMOVE_FORGOTTEN)
        kernel.unmount_below(folder)
        host.step(Step.REMOVE_UNMOUNTED)
        for cgroup in (record.cgroup, conmon_cgroup(record.cgroup)):
            await host.cgroups.clear(cgroup, prune_to=str(Path(record.cgroup).parent))
        host.step(Step.REMOVE_CGROUP)
        (self._records.exits / record.id).unlink(missing_ok=True)
        host.step(Step.REMOVE_EXIT)
        await asyncio.to_thread(remove_tree, folder)
        self._records.remove_copy(record)
        host.step(Step.REMOVE_FILES)

    async def end_conmon(self, record: ContainerRecord) -> None:
        """Give conmon the time to write what it holds; then its cgroup is emptied."""
        descriptor = open_pidfd(record.conmon)
        if descriptor is not None:
            try:
                await wait_ended([descriptor], CONMON_END_SECONDS_MAX)
            finally:
                os.close(descriptor)
        await self._host.cgroups.kill(conmon_cgroup(record.cgroup))

    def main_process(self, record: ContainerRecord) -> dict[str, Any]:
        """``process`` of the container's config.json. Raises WrongState when it cannot be read."""
        try:
            with (self.folder(record) / "config.json").open("rb") as file:
                found: dict[str, Any] = orjson.loads(file.read(CONFIG_BYTES_MAX))["process"]
        except (OSError, orjson.JSONDecodeError, KeyError) as problem:
            raise WrongState(f"cannot use container {record.name}: its configuration is not there") from problem
        return found


def remove_tree(folder: Path) -> None:
    """Remove a folder that holds no mounts. One that is not there is no error.

    Raises OSError when something is still mounted below (it would be emptied too) or cannot be removed.
    """
    if kernel.mount_points_below(folder, Path("/proc/self/mountinfo").read_text()):
        raise OSError(f"cannot remove {folder}: something is still mounted there")
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():
            raise
