"""Hollow agents: they do with pods what an agent does, but a container is an entry in a book.

The book (``Host``) outlives the agent, as containers do. An agent believes a list only when it is not older than what
it has seen, and stops a container only when it has seen the pod's deletion.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from k3py.base.clock import rfc3339_micro
from k3py.model.codec import decode, to_plain
from k3py.model.errors import AlreadyExists, Conflict, NotFound, Problem
from k3py.model.generated import coordination_v1, core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.selectors import parse_fields
from k3py.model.user import NODE_PREFIX, NODES, User
from k3py.objects.options import Patch, PatchType, WriteOptions
from k3py.store.records import Change, ChangeType, Record
from tests.sim.world import Lost, Process

if TYPE_CHECKING:
    from tests.sim.cluster import ClusterWorld, Server

T = TypeVar("T")
LEASES = "kube-node-lease"
HEARTBEAT_SECONDS = 4.0
PATIENCE_SECONDS = 3.0
POD, NODE, LEASE = KINDS.of(core_v1.Pod), KINDS.of(core_v1.Node), KINDS.of(coordination_v1.Lease)


@dataclass
class Container:
    """An entry in the book: since when it runs, when it will be ready, when its stopping will be through."""

    name: tuple[str, str]
    runs_at: float
    ready_at: float
    stopped_at: float | None = None


@dataclass
class Host:
    """What outlives an agent: its containers, and the last revision that it has seen."""

    name: str
    address: str
    containers: dict[str, Container] = field(default_factory=dict)
    revision: int = 0
    addresses: int = 0


class Agent(Process):
    """One life of the agent of a host."""

    def __init__(self, number: int, cluster: "ClusterWorld", host: Host) -> None:
        super().__init__(number, f"agent-{host.name}")
        self.cluster = cluster
        self.world = cluster.world
        self.host = host
        self.user = User(NODE_PREFIX + host.name, (NODES,))
        self.wanted: dict[str, core_v1.Pod] = {}
        self.news = asyncio.Event()
        self._session = 0
        self._arrives_at = 0.0

    async def run(self) -> None:
        """Be an agent until killed."""
        while True:
            server = self.cluster.some_server()
            if server is not None:
                with contextlib.suppress(Lost, Problem):
                    await self._serve(server)
            await asyncio.sleep(self.world.random.uniform(0.1, 1.5))

    async def _serve(self, server: "Server") -> None:
        """One connection to one server, until it breaks."""
        await self._register(server)
        await self._watch(server)
        tasks = [asyncio.ensure_future(self._heartbeats(server)), asyncio.ensure_future(self._pods(server))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()

    # --- the network ---

    @property
    def _is_cut_off(self) -> bool:
        return self.host.name in self.cluster.cut_off

    async def _call(self, server: "Server", work: Callable[[], Awaitable[T]]) -> T:
        """Ask the server for something; it may happen twice, or happen and the answer be lost."""
        if self._is_cut_off or not server.is_alive:
            await asyncio.sleep(PATIENCE_SECONDS)
            raise Lost
        if self.cluster.chaos and self.world.chance(0.03):
            self.world.post(self.world.random.uniform(0, 5), self._again, server, work)
        answer = await self.world.call(server, work)
        if self._is_cut_off:
            raise Lost
        return answer

    def _again(self, server: "Server", work: Callable[[], Awaitable[Any]]) -> None:
        async def repeated() -> None:
            with contextlib.suppress(Problem):
                await work()

        if server.is_alive:
            self.world.loop.start_in(server.life, repeated())

    # --- registering, heartbeats ---

    async def _register(self, server: "Server") -> None:
        node = self.cluster.node(self.host)

        async def work() -> None:
            try:
                known = server.objects.read(core_v1.Node, "", self.host.name)
            except NotFound:
                await server.objects.create(NODE, "", node, WriteOptions(), self.user)
                return
            if is_ready(known):
                return
            body = {"status": {"conditions": [ready_condition(self.cluster.stamp())]}}
            await server.objects.patch(
                NODE, "", self.host.name, Patch(PatchType.STRATEGIC, body), WriteOptions(), self.user, "status"
            )

        with contextlib.suppress(AlreadyExists):
            await self._call(server, work)

    async def _heartbeats(self, server: "Server") -> None:
        while True:
            await self._call(server, lambda: self._renew(server))
            await asyncio.sleep(HEARTBEAT_SECONDS * self.world.random.uniform(0.8, 1.1))
            node = await self._call(server, lambda: self._read_node(server))
            if not is_ready(node):
                await self._register(server)

    async def _read_node(self, server: "Server") -> core_v1.Node:
        return server.objects.read(core_v1.Node, "", self.host.name)

    async def _renew(self, server: "Server") -> None:
        spec = coordination_v1.LeaseSpec(
            holder_identity=self.host.name, renew_time=rfc3339_micro(self.world.clock.now())
        )
        lease = coordination_v1.Lease(metadata=meta_v1.ObjectMeta(name=self.host.name, namespace=LEASES), spec=spec)
        try:
            patch = Patch(PatchType.MERGE, {"spec": to_plain(spec)})
            await server.objects.patch(LEASE, LEASES, self.host.name, patch, WriteOptions(), self.user)
        except NotFound:
            await server.objects.create(LEASE, LEASES, lease, WriteOptions(), self.user)

    # --- what is wanted ---

    async def _watch(self, server: "Server") -> None:
        """List and follow the pods of this node."""
        self._session += 1
        self._arrives_at = self.world.loop.time()
        session = self._session
        selector = parse_fields(f"spec.nodeName={self.host.name}", POD.selectable)

        async def work() -> tuple[int, Sequence[Record]]:
            revision, listed = server.store.revision, list(server.objects.list(POD, None, fields=selector))
            server.objects.watch(
                POD, None, revision, lambda changes: self._send(session, server, changes), fields=selector
            )
            return revision, listed

        revision, listed = await self._call(server, work)
        self.listed(revision, [decode(core_v1.Pod, record.raw) for record in listed])

    def listed(self, revision: int, pods: Sequence[core_v1.Pod]) -> None:
        """A consistent list: what is not in it was deleted. One that is older than what was seen is not believed."""
        if revision < self.host.revision:
            raise Lost
        self.host.revision = revision
        self.wanted = {pod.metadata.uid: pod for pod in pods}
        for uid in list(self.host.containers):
            if uid not in self.wanted:
                self._stop(uid)
        self.news.set()

    def _send(self, session: int, server: "Server", changes: Sequence[Change]) -> None:
        """Changes travel in order, on a connection that breaks with the server."""
        self._arrives_at = max(self._arrives_at, self.world.loop.time() + self.world.delay())
        seconds = self._arrives_at - self.world.loop.time()
        self.world.post(seconds, self._hear, session, server, tuple(changes))

    def _hear(self, session: int, server: "Server", changes: Sequence[Change]) -> None:
        if session != self._session or not self.is_alive or not server.is_alive:
            return
        if self._is_cut_off:
            self._session += 1  # the connection is broken: nothing more is heard on it
            return
        for change in changes:
            self.host.revision = max(self.host.revision, change.revision)
            pod = decode(core_v1.Pod, change.record.raw)
            if change.type is ChangeType.DELETED:
                self.wanted.pop(pod.metadata.uid, None)
                if pod.metadata.uid in self.host.containers:
                    self._stop(pod.metadata.uid)
            else:
                self.wanted[pod.metadata.uid] = pod
        self.news.set()

    # --- containers ---

    async def _pods(self, server: "Server") -> None:
        session = self._session
        while True:
            worn_out = self.cluster.chaos and self.world.chance(0.1)
            if not server.is_alive or self._session != session or worn_out:
                raise Lost
            for pod in list(self.wanted.values()):
                await self._step(server, pod)
            self.news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), 1.0)

    async def _step(self, server: "Server", pod: core_v1.Pod) -> None:
        """The next thing to do about one pod."""
        uid, now = pod.metadata.uid, self.world.loop.time()
        container = self.host.containers.get(uid)
        if pod.metadata.deletion_timestamp is not None:
            await self._end(server, pod, container)
        elif container is None:
            self._start(pod)
        elif container.runs_at <= now:
            ready = container.ready_at <= now
            known = next((c.status for c in pod.status.conditions if c.type == "Ready"), None)
            if pod.status.phase != "Running" or known != str(ready):
                await self._report(server, pod, ready)

    def _start(self, pod: core_v1.Pod) -> None:
        uid, now, random = pod.metadata.uid, self.world.loop.time(), self.world.random
        self.cluster.container_starts(self.host, uid)
        runs_at = now + random.uniform(0.1, 2)
        self.host.addresses += 1
        self.host.containers[uid] = Container(
            (pod.metadata.namespace, pod.metadata.name), runs_at, runs_at + random.uniform(0.1, 3)
        )

    def _stop(self, uid: str) -> None:
        """A container ends."""
        if not self.cluster.truth.may_stop(uid):
            self.cluster.wrong(f"{self.host.name} stops a container of {uid}, whose end nobody asked for")
        del self.host.containers[uid]

    async def _end(self, server: "Server", pod: core_v1.Pod, container: Container | None) -> None:
        uid, now = pod.metadata.uid, self.world.loop.time()
        if container is not None:
            if container.stopped_at is None:
                container.stopped_at = now + self.world.random.uniform(0.1, 3)
            if now < container.stopped_at:
                return
            self._stop(uid)
        options = meta_v1.DeleteOptions(
            grace_period_seconds=0, preconditions=meta_v1.Preconditions(uid=pod.metadata.uid)
        )
        meta = pod.metadata
        with contextlib.suppress(NotFound, Conflict):
            await self._call(server, lambda: server.objects.delete(POD, meta.namespace, meta.name, options, self.user))

    async def _report(self, server: "Server", pod: core_v1.Pod, ready: bool) -> None:
        meta, stamp = pod.metadata, self.cluster.stamp()
        status = {
            "phase": "Running",
            "podIP": self.host.address + str(int(meta.uid[:8], 16) % 250 + 1),
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": stamp}],
        }
        patch = Patch(PatchType.STRATEGIC, {"metadata": {"uid": meta.uid}, "status": status})
        with contextlib.suppress(NotFound, Conflict):
            await self._call(
                server,
                lambda: server.objects.patch(
                    POD, meta.namespace, meta.name, patch, WriteOptions(), self.user, "status"
                ),
            )


def ready_condition(stamp: str) -> dict[str, str]:
    return {
        "type": "Ready",
        "status": "True",
        "reason": "AgentReady",
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": stamp,
    }


def is_ready(node: core_v1.Node) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)
