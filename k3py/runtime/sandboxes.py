"""A pod's sandbox: made in steps that may be repeated, and removed whole, whatever state a crash left it in."""

import asyncio
from pathlib import Path

import msgspec
import orjson

from k3py.runtime import kernel, oci_config, runc, sandbox
from k3py.runtime.containers import Containers, command_of, remove_tree
from k3py.runtime.host import Host
from k3py.runtime.pause import pause_program
from k3py.runtime.port import CannotStart, ContainerConfig, NotSupported, SandboxConfig, SandboxStatus
from k3py.runtime.records import Phase, SandboxRecord, checked_name
from k3py.runtime.runc import RuntimeCommand, RuntimeFailed
from k3py.runtime.steps import Step
from k3py.runtime.sysctls import sysctl_files

PAUSE = "pause"


class Sandboxes:
    """Acts on sandboxes. Callers see to it that no two act on one pod at a time."""

    def __init__(self, host: Host, containers: Containers) -> None:
        self._host = host
        self._records = host.records
        self._containers = containers

    def pins(self, pod_uid: str) -> Path:
        """The folder of the pod's pins."""
        return self._records.pod_run(pod_uid) / "ns"

    def ready(self, record: SandboxRecord, mountinfo: str) -> bool:
        """Whether all that containers need is there."""
        if record.phase is Phase.STOPPING or record.boot_id != self._host.boot_id:
            return False
        if not sandbox.pins_are_there(self.pins(record.pod_uid), record.pins, mountinfo):
            return False
        if not self._host.cgroups.exists(record.cgroup):
            return False
        return "pid" not in record.pins or bool(self._host.cgroups.processes(f"{record.cgroup}/{PAUSE}"))

    def status(self, record: SandboxRecord, mountinfo: str) -> SandboxStatus:
        """The sandbox as seen, without its containers."""
        return SandboxStatus(
            pod_uid=record.pod_uid,
            name=record.name,
            namespace=record.namespace,
            ready=self.ready(record, mountinfo),
            created_at=record.created_at,
            network_namespace=self.network_pin(record),
        )

    def network_pin(self, record: SandboxRecord) -> Path | None:
        return self.pins(record.pod_uid) / "net" if "net" in record.pins else None

    async def start(self, config: SandboxConfig) -> SandboxRecord:
        """Make the sandbox. What fails is removed again. Raises CannotStart."""
        try:
            record = self._new_record(config)
            sysctls = sysctl_files(config.sysctls, not config.host_network, not config.host_ipc)
        except ValueError as problem:
            raise CannotStart(f"cannot start pod {config.name}: {problem}", "CreateContainerError") from problem
        try:
            await self._start(config, record, sysctls)
        except (OSError, RuntimeFailed, NotSupported) as problem:
            await self.stop(config.pod_uid)
            message = f"cannot start pod {config.name}: {problem}"
            raise CannotStart(message, "CreateContainerError") from problem
        except asyncio.CancelledError:
            await asyncio.shield(self.stop(config.pod_uid))
            raise
        return record

    def _new_record(self, config: SandboxConfig) -> SandboxRecord:
        checked_name(config.pod_uid)
        for part in Path(config.cgroup_parent).parts:
            checked_name(part)
        command = self._host.command if config.share_process_namespace else RuntimeCommand("", "")
        return SandboxRecord(
            pod_uid=config.pod_uid,
            name=config.name,
            namespace=config.namespace,
            cgroup=config.cgroup_parent,
            boot_id=self._host.boot_id,
            created_at=self._host.clock.now(),
            phase=Phase.CREATING,
            pins=sandbox.pins_for(config.host_network, config.host_ipc, config.share_process_namespace),
            host_network=config.host_network,
            host_ipc=config.host_ipc,
            host_pid=config.host_pid,
            runtime_path=command.path,
            runtime_root=command.root,
        )

    async def _start(self, config: SandboxConfig, record: SandboxRecord, sysctls: list[tuple[str, str]]) -> None:
        step = self._host.step
        await asyncio.to_thread(self._records.write_sandbox, record)
        step(Step.SANDBOX_RECORDED)
        self._host.cgroups.make(record.cgroup, config.resources)
        step(Step.SANDBOX_CGROUP)
        wanted = sandbox.Wanted(record.pins, config.hostname, sysctls)
        await sandbox.make_pins(self.pins(config.pod_uid), wanted)
        step(Step.SANDBOX_PINNED)
        if "pid" in record.pins:
            await self._start_pause(record)

    async def _start_pause(self, record: SandboxRecord) -> None:
        """Start the first process of the shared process namespace in a container of its own, and pin the namespace."""
        host = self._host
        bundle = self._records.pod(record.pod_uid) / PAUSE
        program = bundle / "rootfs" / PAUSE
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_bytes(pause_program(host.facts.machine))
        program.chmod(0o755)
        config = ContainerConfig(
            name=PAUSE,
            attempt=0,
            image_layers=(),
            args=(f"/{PAUSE}",),
            log_path=Path("/dev/null"),
            read_only_root=True,
            capabilities_drop=("ALL",),
            no_new_privileges=True,
        )
        cgroup = f"{record.cgroup}/{PAUSE}"
        without = msgspec.structs.replace(record, pins=tuple(name for name in record.pins if name != "pid"))
        shared = sandbox.shared_of(without, self.pins(record.pod_uid))
        wanted = oci_config.container_config(config, shared, host.facts, str(program.parent), cgroup)
        (bundle / "config.json").write_bytes(orjson.dumps(wanted))
        command, name = RuntimeCommand(record.runtime_path, record.runtime_root), pause_id(record.pod_uid)
        join = f"{record.cgroup}/{PAUSE}-start"
        host.cgroups.make(join)
        pid = await runc.create_without_conmon(command, bundle, name, host.cgroups.join_files(join))
        host.step(Step.SANDBOX_PAUSE_CREATED)
        await runc.call(command, "start", name)
        host.step(Step.SANDBOX_PAUSE_STARTED)
        sandbox.bind_namespace(f"/proc/{pid}/ns/pid", self.pins(record.pod_uid) / "pid")
        host.step(Step.SANDBOX_PROCESSES_PINNED)

    async def stop(self, pod_uid: str) -> None:
        """Leave nothing of the pod but its logs, from whatever state."""
        host, records = self._host, self._records
        record = records.sandbox(pod_uid)
        if record is not None:
            if record.phase is not Phase.STOPPING:
                record = msgspec.structs.replace(record, phase=Phase.STOPPING)
                await asyncio.to_thread(records.write_sandbox, record)
            host.step(Step.TEARDOWN_RECORDED)
            joined = any(found.process_namespace_of for found in self._records.containers(pod_uid))
            if "pid" in record.pins or joined:
                await self._end_containers(pod_uid)
        cgroup = self._cgroup(pod_uid, record)
        if cgroup is not None:
            await host.cgroups.kill(cgroup)
            host.step(Step.TEARDOWN_KILLED)
            await self._forget_containers(pod_uid, record)
            host.step(Step.TEARDOWN_FORGOTTEN)
        kernel.unmount_below(records.pod(pod_uid))
        kernel.unmount_below(records.pod_run(pod_uid))
        host.step(Step.TEARDOWN_UNMOUNTED)
        if cgroup is not None:
            await host.cgroups.clear(cgroup)
        host.step(Step.TEARDOWN_CGROUP)
        for container_id in records.container_ids(pod_uid):
            (records.exits / container_id).unlink(missing_ok=True)
        host.step(Step.TEARDOWN_EXITS)
        await asyncio.to_thread(remove_tree, records.pod_run(pod_uid))
        host.step(Step.TEARDOWN_RUN)
        await asyncio.to_thread(remove_tree, records.pod(pod_uid) / "containers")
        host.step(Step.TEARDOWN_CONTAINERS)
        await asyncio.to_thread(remove_tree, records.pod(pod_uid))
        host.step(Step.TEARDOWN_FILES)

    def _cgroup(self, pod_uid: str, record: SandboxRecord | None) -> str | None:
        """The pod's cgroup. Should its record be lost with its copy, the containers' own records name it."""
        if record is not None:
            return record.cgroup
        return next((str(Path(found.cgroup).parent) for found in self._records.containers(pod_uid)), None)

    async def _end_containers(self, pod_uid: str) -> None:
        """Let conmon bury the containers' processes: a process namespace ends only when all in it are buried."""
        for found in self._records.containers(pod_uid):
            await self._host.cgroups.kill(found.cgroup)
            await self._containers.end_conmon(found)

    async def _forget_containers(self, pod_uid: str, record: SandboxRecord | None) -> None:
        """Have the runtimes forget their containers, all at once."""
        calls = [runc.delete(command_of(found), found.id) for found in self._records.containers(pod_uid)]
        if record is not None and "pid" in record.pins:
            command = RuntimeCommand(record.runtime_path, record.runtime_root)
            calls.append(runc.delete(command, pause_id(pod_uid)))
        await asyncio.gather(*calls)


def pause_id(pod_uid: str) -> str:
    """The runtime's id of a pod's pause container."""
    return f"{PAUSE}-{pod_uid}"
