"""Keeps the Node object and its Lease: registers, reports what changed, says every few seconds that the node lives."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from k3py.agent import node_status
from k3py.agent.environment import NodeFacts
from k3py.agent.node_status import Measured
from k3py.agent.settings import AgentSettings
from k3py.base.backoff import Backoff
from k3py.base.clock import Clock, rfc3339_micro
from k3py.base.paths import write_private
from k3py.client.port import Client, PatchType
from k3py.model.codec import to_plain
from k3py.model.errors import AlreadyExists, NotFound, Problem
from k3py.model.generated import meta_v1
from k3py.model.generated.coordination_v1 import Lease, LeaseSpec
from k3py.model.generated.core_v1 import ContainerImage, Node, NodeStatus

log = logging.getLogger(__name__)

LEASE_NAMESPACE: Final = "kube-node-lease"
# How often the host is measured; what did not change is not sent.
MEASURE_SECONDS: Final = 10.0
RETRY_SECONDS_MAX: Final = 15.0


class _Kept(msgspec.Struct):
    """What the node remembers of its Node object."""

    uid: str = ""


class NodeKeeper:
    """This node, for the server and for its own pods. ``trouble`` says why it is not Ready (empty: it is)."""

    def __init__(
        self,
        client: Client,
        settings: AgentSettings,
        clock: Clock,
        source: random.Random,
        measure: Callable[[], Measured],
        images: Callable[[], Sequence[ContainerImage]],
        kept: Path,
    ) -> None:
        self._client, self._settings, self._clock = client, settings, clock
        self._source = source
        self._measure, self._images, self._file = measure, images, kept
        self._measured = measure()
        self._reported: NodeStatus | None = None
        self._reported_at = 0.0
        self._uid = self._load()
        self.trouble = "container runtime status check may not have completed yet"
        self._changed = asyncio.Event()
        self._known = asyncio.Event()
        if self._uid:
            self._known.set()

    # --- for pods

    @property
    def uid(self) -> str:
        """The Node object's uid, also while the server is away; empty before the first registration."""
        return self._uid

    async def known(self) -> None:
        """Wait until the node has been registered, now or by an earlier agent."""
        await self._known.wait()

    @property
    def memory_capacity_bytes(self) -> int:
        return self._measured.memory_bytes

    def facts(self, pod_ips: Sequence[str]) -> NodeFacts:
        settings = self._settings
        can_have = node_status.allocatable(
            self._measured, settings.pods_max, settings.memory_reserved_bytes, settings.cpu_reserved_milli
        )
        return NodeFacts(settings.node_name, tuple(self._measured.addresses), tuple(pod_ips), can_have)

    # --- for the server

    def set_trouble(self, text: str) -> None:
        """Why the node is not Ready; empty when it is. Reported at once."""
        if text != self.trouble:
            self.trouble = text
            self._changed.set()

    async def run_status(self) -> None:
        """Register, then report the status when it changes and every ``status_seconds``, for ever."""
        backoff = Backoff(self._source, 0.25, RETRY_SECONDS_MAX)
        registered = False
        while True:
            try:
                if not registered:
                    await self._register()
                    registered = True
                await self._report()
                backoff.reset()
                await self._pause(MEASURE_SECONDS)
            except NotFound:
                registered, self._reported = False, None
                await asyncio.sleep(backoff.next_seconds())
            except (Problem, OSError) as problem:
                log.debug("cannot report the node's status for now: %s", problem)
                await asyncio.sleep(backoff.next_seconds())

    async def run_lease(self) -> None:
        """Renew the Lease every ``lease_seconds``, for ever."""
        while True:
            wait = self._settings.lease_seconds
            try:
                await self._renew()
            except Problem as problem:
                log.debug("cannot renew the node's lease for now: %s", problem)
                # Sooner than usual: a few lost renewals must not make the node look dead.
                wait = min(wait, wait / 5 * (0.5 + self._source.random()))
            await asyncio.sleep(wait)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _register(self) -> None:
        name, settings = self._settings.node_name, self._settings
        try:
            node = await self._client.get(Node, name)
        except NotFound:
            try:
                new = node_status.new_node(name, self._measured, settings.labels, settings.taints)
                node = await self._client.create(new)
            except AlreadyExists:
                node = await self._client.get(Node, name)
        wanted = node_status.labels(name, self._measured.machine, settings.labels)
        if any(node.metadata.labels.get(key) != value for key, value in wanted.items()):
            await self._client.patch(Node, name, "", {"metadata": {"labels": wanted}}, PatchType.MERGE)
        self._reported = node.status
        if node.metadata.uid != self._uid:
            write_private(self._file, msgspec.json.encode(_Kept(uid=node.metadata.uid)))
            self._uid = node.metadata.uid
        self._known.set()
        log.info("node %s is registered", name)

    async def _report(self) -> None:
        self._changed.clear()
        self._measured = await asyncio.to_thread(self._measure) if self._reported else self._measured
        settings, now = self._settings, self._clock.now()
        status = node_status.node_status(
            settings.node_name,
            self._measured,
            self._images(),
            self._reported.conditions if self._reported else (),
            self.trouble,
            now,
            pods_max=settings.pods_max,
            memory_reserved=settings.memory_reserved_bytes,
            cpu_reserved_milli=settings.cpu_reserved_milli,
        )
        due = now - self._reported_at >= settings.status_seconds
        if not due and node_status.same_but_heartbeat(self._reported, status):
            return
        body = {"status": to_plain(status)}
        await self._client.patch(Node, settings.node_name, "", body, PatchType.STRATEGIC, "status")
        self._reported, self._reported_at = status, now

    async def _renew(self) -> None:
        name, settings = self._settings.node_name, self._settings
        spec = LeaseSpec(
            holder_identity=name,
            lease_duration_seconds=settings.lease_duration_seconds,
            renew_time=rfc3339_micro(self._clock.now()),
        )
        try:
            body = {"spec": to_plain(spec)}
            await self._client.patch(Lease, name, LEASE_NAMESPACE, body, PatchType.MERGE)
        except NotFound:
            await self._client.create(Lease(metadata=self._lease_meta(), spec=spec))

    def _lease_meta(self) -> meta_v1.ObjectMeta:
        name = self._settings.node_name
        owner = meta_v1.OwnerReference(api_version="v1", kind="Node", name=name, uid=self._uid)
        owners = [owner] if self._uid else []
        return meta_v1.ObjectMeta(name=name, namespace=LEASE_NAMESPACE, owner_references=owners)

    def _load(self) -> str:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Kept).uid
        except (OSError, msgspec.MsgspecError):
            return ""
