"""Pods' network by the VPC daemon, which may be away at any time: only new pods wait for it.

What it gave is kept in a file per pod, so that an agent that starts while the daemon is away knows its pods' addresses,
and so that nothing that a pod had is forgotten: what cannot be given back now is given back later.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final, Protocol

import msgspec

from k3py.agent.network import NO_VPC_DAEMON, NetworkProblem
from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.base.paths import write_private
from k3py.base.tasks import Tasks
from k3py.base.turns import Turns
from k3py.client.vpc import VpcRefused, VpcUnavailable
from k3py.model.generated.core_v1 import Container, Pod
from k3py.model.service_range import dns_address
from k3py.model.vpc_socket import NOT_READY, Allocation, AttachPodRequest, DetachPodRequest, HostPort, Pong
from k3py.model.vpc_v1 import DEFAULT_VPC, VPC_LABEL

log = logging.getLogger(__name__)

# A daemon that is being exchanged is back within a second or two; longer, and the pod says why it waits.
ATTACH_SECONDS: Final = 10.0
FIRST_WAIT_SECONDS: Final = 0.05
WAIT_SECONDS_MAX: Final = 2.0
CLUSTER_FILE: Final = "cluster.json"


class Daemon(Protocol):
    """``k3py.client.vpc.VpcClient``, as far as the agent needs it."""

    async def ping(self) -> Pong: ...

    async def attach_pod(self, request: AttachPodRequest) -> Allocation: ...

    async def detach_pod(self, request: DetachPodRequest) -> None: ...


class NetworkFacts(msgspec.Struct, frozen=True):
    """What of the cluster's network never changes: its id, and the range of its services."""

    cluster: int
    service_cidr: str


class _Kept(msgspec.Struct):
    """``allocation`` None: whatever the daemon has for the pod is to be given back."""

    allocation: Allocation | None


class VpcNetwork:
    """The agent's ``Network``."""

    def __init__(self, daemon: Daemon, folder: Path, clock: Clock, new_backoff: Callable[[float, float], Backoff]):
        self._daemon = daemon
        self._folder = folder
        self._clock = clock
        self._new_backoff = new_backoff
        self._tasks = Tasks()
        # A pod is asked for one thing at a time: what is given back late must not take a new network away.
        self._turns = Turns()
        self._pods: dict[str, _Kept] = {}
        self._known = asyncio.Event()
        self.facts: NetworkFacts | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._load()

    def start(self) -> None:
        """Meet the daemon, and give back what an earlier agent could not."""
        if self.facts is None:
            self._tasks.start(self._meet(), "first contact with the VPC daemon")
        for uid, kept in self._pods.items():
            if kept.allocation is None:
                self._tasks.start(self._give_back(uid), f"network of {uid}")

    async def stop(self) -> None:
        """Let go; pods keep their network."""
        await self._tasks.stop()

    async def known(self) -> NetworkFacts:
        """Wait until the cluster's network is known."""
        await self._known.wait()
        assert self.facts is not None
        return self.facts

    # --- the port

    def missing(self, pod: Pod) -> str | None:
        """Why the pod cannot have its network now; None: it can."""
        return None if pod.spec.host_network or self.facts is not None else NO_VPC_DAEMON

    async def attach(self, pod: Pod, namespace: Path) -> Sequence[str]:
        """Connect the namespace; waits a while for a daemon that is away.

        Raises:
            NetworkProblem: it refused, or is still away.
        """
        request = AttachPodRequest(
            pod_uid=pod.metadata.uid,
            vpc=pod.metadata.labels.get(VPC_LABEL) or DEFAULT_VPC,
            netns=str(namespace),
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            host_ports=host_ports(pod),
        )
        async with self._turns.turn(request.pod_uid):
            allocation = await self._attach(request)
            self._keep(request.pod_uid, _Kept(allocation))
        return self.addresses(request.pod_uid)

    async def _attach(self, request: AttachPodRequest) -> Allocation:
        backoff = self._new_backoff(FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        until = self._clock.monotonic() + ATTACH_SECONDS
        while True:
            try:
                return await self._daemon.attach_pod(request)
            except (VpcUnavailable, VpcRefused) as problem:
                away = isinstance(problem, VpcUnavailable) or problem.reason == NOT_READY
                if not away or self._clock.monotonic() >= until:
                    raise NetworkProblem(str(problem)) from problem
            await asyncio.sleep(backoff.next_seconds())

    async def detach(self, pod_uid: str) -> None:
        """Give back the pod's network: now, or as soon as the daemon is back."""
        kept = self._pods.get(pod_uid)
        if kept is not None and kept.allocation is None:
            return  # that is under way
        # Also for a pod that is not known: an agent may have ended between the daemon's answer and its own note.
        try:
            self._keep(pod_uid, _Kept(None))
        except OSError as problem:  # a full disk must not keep the pod that may have filled it
            log.warning("cannot note that the network of pod %s is given back: %s", pod_uid, problem)
            self._pods[pod_uid] = _Kept(None)
        if not await self._try_to_give_back(pod_uid):
            self._tasks.start(self._give_back(pod_uid), f"network of {pod_uid}")

    def addresses(self, pod_uid: str) -> Sequence[str]:
        """The pod's IPv4 and IPv6 address; empty when it has none."""
        kept = self._pods.get(pod_uid)
        given = kept.allocation if kept is not None else None
        return () if given is None else (given.ipv4, given.ipv6)

    def node_address(self, pod_uid: str) -> str:
        """The pod's Ghost address, from which everything is translated to its IPv4."""
        kept = self._pods.get(pod_uid)
        return kept.allocation.ghost if kept is not None and kept.allocation is not None else ""

    def name_servers(self) -> Sequence[str]:
        """The tenth address of the services' range, as Kubernetes distributions have it."""
        return () if self.facts is None else (str(dns_address(IPv4Network(self.facts.service_cidr))),)

    # --- the daemon

    async def _meet(self) -> None:
        backoff = self._new_backoff(FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        while True:
            try:
                pong = await self._daemon.ping()
                if pong.ready:
                    break
                log.debug("the VPC daemon is not ready: %s", pong.why)
            except (VpcUnavailable, VpcRefused) as problem:
                log.debug("cannot reach the VPC daemon yet: %s", problem)
            await asyncio.sleep(backoff.next_seconds())
        self.facts = NetworkFacts(pong.cluster, pong.service_cidr)
        self._known.set()
        try:
            write_private(self._folder / CLUSTER_FILE, msgspec.json.encode(self.facts))
        except OSError as problem:  # the next agent has to meet the daemon before it is ready
            log.warning("cannot keep what is known of the cluster's network: %s", problem)

    async def _give_back(self, pod_uid: str) -> None:
        backoff = self._new_backoff(FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        while True:
            if await self._try_to_give_back(pod_uid):
                return
            await asyncio.sleep(backoff.next_seconds())

    async def _try_to_give_back(self, pod_uid: str) -> bool:
        async with self._turns.turn(pod_uid):
            return await self._given_back(pod_uid)

    async def _given_back(self, pod_uid: str) -> bool:
        kept = self._pods.get(pod_uid)
        if kept is None or kept.allocation is not None:
            return True  # attached anew meanwhile
        try:
            await self._daemon.detach_pod(DetachPodRequest(pod_uid=pod_uid))
        except (VpcUnavailable, VpcRefused) as problem:
            log.debug("cannot give back the network of pod %s yet: %s", pod_uid, problem)
            return False
        if self._pods.get(pod_uid) is kept:
            del self._pods[pod_uid]
            self._file(pod_uid).unlink(missing_ok=True)
        return True

    # --- files

    def _file(self, pod_uid: str) -> Path:
        return self._folder / f"pod-{pod_uid}.json"

    def _keep(self, pod_uid: str, kept: _Kept) -> None:
        write_private(self._file(pod_uid), msgspec.json.encode(kept))
        self._pods[pod_uid] = kept

    def _load(self) -> None:
        for path in sorted(self._folder.glob("pod-*.json")):
            try:
                self._pods[path.stem.removeprefix("pod-")] = msgspec.json.decode(path.read_bytes(), type=_Kept)
            except msgspec.MsgspecError as problem:
                log.error("cannot read %s: %s", path, problem)
        try:
            self.facts = msgspec.json.decode((self._folder / CLUSTER_FILE).read_bytes(), type=NetworkFacts)
            self._known.set()
        except FileNotFoundError:
            return
        except msgspec.MsgspecError as problem:
            log.error("cannot read %s: %s", self._folder / CLUSTER_FILE, problem)


def host_ports(pod: Pod) -> tuple[HostPort, ...]:
    """The ports of the node that the pod's containers ask for."""
    sidecars = [each for each in pod.spec.init_containers if each.restart_policy == "Always"]
    containers: list[Container] = [*pod.spec.containers, *sidecars]
    return tuple(
        HostPort(
            protocol=each.protocol or "TCP",
            host_port=each.host_port,
            container_port=each.container_port,
            host_ip="" if each.host_ip in ("", "0.0.0.0", "::") else each.host_ip,
        )
        for container in containers
        for each in container.ports
        if each.host_port
    )
