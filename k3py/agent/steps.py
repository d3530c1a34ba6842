"""Carries out the quick steps of one pod's plan. Each writes the record before it does what the record then says."""

import logging
from dataclasses import dataclass
from pathlib import Path

from k3py.agent.actions import (
    Action,
    CreateContainer,
    Forget,
    MarkStopping,
    Move,
    RemoveContainer,
    StartContainer,
    StartSandbox,
    StopSandbox,
)
from k3py.agent.container_config import HostFiles, Settings, container_config, mount_of, volume_mounts
from k3py.agent.environment import ConfigProblem, environment
from k3py.agent.ephemeral import ephemeral_containers, target_id
from k3py.agent.image_accounts import read_accounts
from k3py.agent.memory import PodMemory
from k3py.agent.network import Network, NetworkProblem
from k3py.agent.places import Places
from k3py.agent.plan import deletion_deadline, grace_of
from k3py.agent.pod_files import Dns, hostname, hosts, resolv_conf
from k3py.agent.pod_logs import PodLogs, read_termination_message
from k3py.agent.pod_states import PodEvent, PodState, step
from k3py.agent.ports import Events, NodeView, Prepared
from k3py.agent.record import ContainerRecord, Ended, HookState, PodRecord, Records, Trouble
from k3py.agent.resources import cgroup_parent, pod_resources
from k3py.agent.restarts import next_back_off, restart_at, restarts, trouble_wait
from k3py.agent.security import sysctls
from k3py.agent.settings import AgentSettings
from k3py.agent.volume_files import VolumeFiles, resolve_sub_path
from k3py.agent.volumes import VolumeProblem
from k3py.base.clock import Clock
from k3py.model.generated.core_v1 import Container, Pod
from k3py.runtime.port import (
    CannotStart,
    Mount,
    Runtime,
    RuntimeProblem,
    SandboxConfig,
)

log = logging.getLogger(__name__)

# What a shell says of a command that cannot be run; containerd reports a failed start the same way.
START_FAILED_CODE = 128


@dataclass(frozen=True)
class Tools:
    """What the steps of all pods are done with."""

    records: Records
    runtime: Runtime
    network: Network
    events: Events
    node: NodeView
    clock: Clock
    places: Places
    settings: AgentSettings


class Steps:
    """The quick steps of one pod."""

    def __init__(self, tools: Tools, record: PodRecord, memory: PodMemory) -> None:
        self._tools = tools
        self._record = record
        self._memory = memory

    @property
    def _pod(self) -> Pod:
        return self._record.pod

    def save(self) -> None:
        self._tools.records.save(self._record)

    def volume_files(self) -> VolumeFiles:
        context = self._pod.spec.security_context
        return VolumeFiles(self._tools.places.volumes(self._pod), context.fs_group if context else None)

    async def act(self, action: Action) -> None:
        """Carry out one quick action. Expected failures become the pod's trouble; others are raised."""
        match action:
            case Move():
                if action.event is PodEvent.SANDBOX_LOST:
                    # The next sandbox is to be connected, though its namespace may have the same name.
                    await self._detach()
                self._move(action)
            case StartSandbox():
                await self._start_sandbox()
            case StopSandbox():
                await self._stop_sandbox(action)
            case CreateContainer():
                await self._create(action)
            case StartContainer():
                await self._start(action)
            case MarkStopping():
                self._mark_stopping(action)
            case RemoveContainer():
                await self._remove(action)
            case Forget():
                await self._forget()
            case _:
                raise TypeError(f"cannot carry out {type(action).__name__}: it is no quick step")

    def _move(self, action: Move) -> None:
        record = self._record
        after = step(record.state, action.event)
        match action.event:
            case PodEvent.DELETED:
                record.stop_by = deletion_deadline(record)
            case PodEvent.FAILED | PodEvent.ENDED:
                record.failure, record.failure_message = action.failure, action.message
                record.stop_by = self._tools.clock.now() + grace_of(record)
                if action.failure:
                    self._tools.events.emit(self._pod, action.failure, action.message)
            case PodEvent.SANDBOX_LOST:
                self._sandbox_lost()
        record.state = after
        if after is not PodState.GONE:
            self.save()

    def _sandbox_lost(self) -> None:
        self._memory.sandbox_trouble = None
        self._memory.prepared.clear()
        if self._pod.spec.restart_policy == "Never":
            return
        for each in self._pod.spec.init_containers:
            if self._record.container(each.name).ended is not None:
                self._record.touch(each.name).rerun = True
        text = "Pod sandbox changed, it will be killed and re-created."
        self._tools.events.emit(self._pod, "SandboxChanged", text)

    async def _start_sandbox(self) -> None:
        pod, tools = self._pod, self._tools
        spec = pod.spec
        config = SandboxConfig(
            pod_uid=pod.metadata.uid,
            name=pod.metadata.name,
            namespace=pod.metadata.namespace,
            hostname=hostname(pod, tools.settings.node_name),
            cgroup_parent=cgroup_parent(tools.places.cgroup_root, pod),
            host_network=spec.host_network,
            host_pid=spec.host_pid,
            host_ipc=spec.host_ipc,
            share_process_namespace=bool(spec.share_process_namespace),
            sysctls=sysctls(spec),
            resources=pod_resources(spec, tools.settings.pids_limit),
        )
        try:
            seen = await tools.runtime.start_sandbox(config)
            if seen.network_namespace is not None and not spec.host_network:
                await tools.network.attach(pod, seen.network_namespace)
        except (RuntimeProblem, NetworkProblem) as problem:
            text = f"Failed to create pod sandbox: {problem}"
            tools.events.emit(pod, "FailedCreatePodSandBox", text, warning=True)
            self._memory.sandbox_trouble = self._trouble(self._memory.sandbox_trouble, "CreatePodSandboxError", text)
            return
        self._memory.sandbox_trouble = None
        self._memory.seen = seen

    async def _stop_sandbox(self, action: StopSandbox) -> None:
        uid = self._record.uid
        await self._tools.runtime.stop_sandbox(uid)
        await self._detach()
        self._memory.seen = None
        if action.release_volumes:
            await self.volume_files().remove()
            self._memory.volumes = None

    async def _detach(self) -> None:
        if not self._pod.spec.host_network:
            await self._tools.network.detach(self._record.uid)

    # --- containers

    async def _create(self, action: CreateContainer) -> None:
        name, tools = action.container, self._tools
        container = self.container_spec(name)
        prepared = self._memory.prepared[name]
        known = self._record.touch(name)
        try:
            files = self._host_files(container, action.attempt)
            node = tools.node.facts(tools.network.addresses(self._record.uid))
            config = container_config(
                self._pod,
                container,
                action.attempt,
                prepared.image,
                objects=prepared.objects,
                node=node,
                accounts=read_accounts(prepared.image.layers),
                mounts=self._mounts(container, prepared),
                files=files,
                process_namespace_of=target_id(self._record, name, self._memory.seen),
                settings=Settings(
                    memory_capacity_bytes=tools.node.memory_capacity_bytes,
                    seccomp_default=tools.settings.seccomp_default,
                    pids_limit=tools.settings.pids_limit,
                ),
            )
        except (ConfigProblem, VolumeProblem, OSError) as problem:
            self._refused(container, "CreateContainerConfigError", str(problem))
            return
        if action.fresh:
            self._begin_attempt(known, action.attempt)
        known.image_id = next(iter(prepared.image.repository_digests), prepared.image.id)
        self.save()
        try:
            known.id = await tools.runtime.create_container(self._record.uid, config)
        except CannotStart as problem:
            self._refused(container, problem.reason, str(problem))
            return
        known.trouble = None
        self.save()
        self._memory.put(await tools.runtime.status(known.id))
        del self._memory.prepared[name]
        tools.events.emit(self._pod, "Created", f"Created container: {name}", container=name)

    def _begin_attempt(self, known: ContainerRecord, attempt: int) -> None:
        if known.ended is not None and not known.rerun:
            known.back_off_seconds = next_back_off(known)
            known.back_off_at = self._tools.clock.now()
        if known.ended is not None:
            known.previous = known.ended
        known.attempt, known.id, known.ended, known.rerun = attempt, "", None, False
        known.post_start = known.pre_stop = HookState.NONE
        known.stop_at, known.stop_grace_seconds, known.stop_why = None, 0.0, ""
        known.started = known.ready = False

    def _refused(self, container: Container, reason: str, message: str) -> None:
        """The attempt cannot be made: shown as waiting, tried again after a while, with everything read anew."""
        known = self._record.touch(container.name)
        known.trouble = self._trouble(known.trouble, reason, message)
        self._memory.prepared.pop(container.name, None)
        text = f"Error: {message}"
        self._tools.events.emit(self._pod, "Failed", text, container=container.name, warning=True)

    def _trouble(self, before: Trouble | None, reason: str, message: str) -> Trouble:
        wait = trouble_wait(before.wait_seconds if before else 0.0)
        return Trouble(reason=reason, message=message, at=self._tools.clock.now(), wait_seconds=wait)

    async def _start(self, action: StartContainer) -> None:
        name, tools = action.container, self._tools
        try:
            await tools.runtime.start_container(action.id)
        except CannotStart as problem:
            known = self._record.touch(name)
            now = tools.clock.now()
            known.ended = Ended(
                attempt=known.attempt,
                id=action.id,
                exit_code=START_FAILED_CODE,
                reason="StartError",
                message=str(problem),
                started_at=now,
                finished_at=now,
            )
            self.save()
            tools.events.emit(self._pod, "Failed", f"Error: {problem}", container=name, warning=True)
            return
        self._memory.put(await tools.runtime.status(action.id))
        tools.events.emit(self._pod, "Started", f"Started container {name}", container=name)

    def _mark_stopping(self, action: MarkStopping) -> None:
        known = self._record.touch(action.container)
        first = known.stop_at is None
        known.stop_at = action.stop_at
        known.stop_grace_seconds, known.stop_why = action.grace_seconds, action.why
        self.save()
        if first:
            text = f"Stopping container {action.container}"
            self._tools.events.emit(self._pod, "Killing", text, container=action.container)

    async def _remove(self, action: RemoveContainer) -> None:
        known = self._record.touch(action.container)
        if known.attempt == action.attempt and known.id:
            # Made anew under the same number: until then nothing of that number is missing.
            known.id = ""
            self.save()
        await self._tools.runtime.remove_container(action.id)
        self._memory.drop(action.id)
        self.logs().trim(action.container, known.attempt)

    async def _forget(self) -> None:
        await self._tools.runtime.stop_sandbox(self._record.uid)
        await self._detach()
        self._memory.seen = None
        await self.volume_files().remove()
        self.logs().remove()
        self._tools.records.remove(self._record.uid)

    def logs(self) -> PodLogs:
        return PodLogs(self._tools.places, self._pod)

    def container_spec(self, name: str) -> Container:
        """Raises StopIteration when the pod has no such container."""
        spec = self._pod.spec
        every = (*spec.init_containers, *spec.containers, *ephemeral_containers(spec))
        return next(each for each in every if each.name == name)

    def record_end(self, name: str, ended: Ended) -> None:
        """Note how an attempt ended, with the message that it left."""
        container = self.container_spec(name)
        path = self._tools.places.termination_log(self._pod, name, ended.attempt)
        log_path = self._tools.places.log(self._pod, name, ended.attempt)
        message = read_termination_message(path, log_path, container.termination_message_policy, ended.exit_code)
        known = self._record.touch(name)
        known.ended = Ended(
            attempt=ended.attempt,
            id=ended.id,
            exit_code=ended.exit_code,
            signal=ended.signal,
            reason=ended.reason,
            message=message or ended.message,
            started_at=ended.started_at,
            finished_at=ended.finished_at,
        )
        known.id = ended.id
        known.started = known.ready = False
        self.save()
        init = container in self._pod.spec.init_containers
        again = not self._record.deleted and restarts(self._pod.spec, container, known.ended, init=init)
        if again and restart_at(known) > self._tools.clock.now():
            meta = self._pod.metadata
            text = f"Back-off restarting failed container {name} in pod {meta.name}_{meta.namespace}({meta.uid})"
            self._tools.events.emit(self._pod, "BackOff", text, container=name, warning=True)

    def _host_files(self, container: Container, attempt: int) -> HostFiles:
        pod, places, settings = self._pod, self._tools.places, self._tools.settings
        termination = places.termination_log(pod, container.name, attempt)
        termination.parent.mkdir(parents=True, exist_ok=True)
        termination.touch(mode=0o666)
        termination.chmod(0o666)
        etc = places.etc(pod)
        etc.mkdir(mode=0o755, parents=True, exist_ok=True)
        addresses = self._tools.network.addresses(pod.metadata.uid)
        dns = Dns(self._tools.network.name_servers(), settings.cluster_domain)
        texts = {
            "hosts": hosts(pod, _text(Path("/etc/hosts")), settings.node_name, addresses, settings.cluster_domain),
            "hostname": hostname(pod, settings.node_name) + "\n",
            "resolv.conf": resolv_conf(pod, _text(Path("/etc/resolv.conf")), dns),
        }
        for name, text in texts.items():
            if not (etc / name).exists():
                (etc / name).write_text(text)
                (etc / name).chmod(0o644)
        log_path = places.log(pod, container.name, attempt)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        shown = {f"/etc/{name}": etc / name for name in texts}
        return HostFiles(log=log_path, termination_log=termination, etc=shown)

    def _mounts(self, container: Container, prepared: Prepared) -> list[Mount]:
        node = self._tools.node.facts(self._tools.network.addresses(self._record.uid))
        values = environment(self._pod, container, prepared.image.config.env, prepared.objects, node)
        found = []
        for wanted, place, sub in volume_mounts(container, values, self._memory.volumes or {}):
            found.append(mount_of(wanted, resolve_sub_path(place, sub) if sub else place))
        return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
