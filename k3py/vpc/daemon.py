"""The VPC daemon's state side: what pods are given, and when the machine is told. Acts.

Each step of a request may be the last before a crash; the same request again does the rest. An address is kept before
anybody hears of it, and given back only after the kernel has let the pod go.
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

import msgspec

from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.base.turns import Gate, Turns
from k3py.client.port import Client
from k3py.model import vpc_socket
from k3py.model.vpc_v1 import DEFAULT_VPC
from k3py.vpc.allocator import NeedsBlock
from k3py.vpc.block_keeper import BlockKeeper
from k3py.vpc.converging import Converger
from k3py.vpc.node_pod import NodePod
from k3py.vpc.ports import NetworkProblem, Node, ServiceTable
from k3py.vpc.records import Records
from k3py.vpc.rows import Attachment, Kept
from k3py.vpc.server_watch import ServerWatch
from k3py.vpc.service_feed import Offload, ServiceFeed, Translate
from k3py.vpc.state import State, read_host_port
from k3py.vpc.trace import Trace
from k3py.vpc.wanted import NODE_POD, NodeConfig, Wanted

log = logging.getLogger(__name__)

# A pod whose VPC's blocks fill up while it waits tries again; more often means that something is wrong.
ALLOCATION_TRIES_MAX: Final = 8


@dataclass(frozen=True)
class Machine:
    """What the daemon asks of its host.

    Attributes:
        node, services, translate: the kernel side, and ``services.table.service_ports``.
        node_addresses: IPv4 addresses of the host that node ports are served on.
        exists: whether a path (of a network namespace) or, for TAPs, a device is there.
        boot_id: /proc/sys/kernel/random/boot_id.
        offload: ``asyncio.to_thread``, or something that calls at once.
    """

    node: Node
    services: ServiceTable
    translate: Translate
    node_addresses: Callable[[], Sequence[IPv4Address]]
    exists: Callable[[Attachment], bool]
    boot_id: str
    offload: Offload


@dataclass
class VpcDaemon:
    """Make it with what ``records.open()`` returned, ``start`` it, ``follow`` a server as soon as there is one.

    ``failed`` is told when the daemon cannot go on: the process has to end, the next one recovers.
    """

    config: NodeConfig
    records: Records
    kept: Kept
    machine: Machine
    clock: Clock
    source: random.Random
    failed: Callable[[str], None]
    state: State = field(init=False)

    def __post_init__(self) -> None:
        machine, source = self.machine, self.source
        self.state = state = State(self.config, self.kept)
        self.kept = Kept()
        self._gate, self._turns = Gate(), Turns()
        self._tasks = Tasks(lambda name, problem: self.failed(f"{name} failed: {problem!r}"))
        self.converger = Converger(machine.node, state.wanted, self._gate, source)
        self.feed = ServiceFeed(
            state, machine.services, machine.translate, machine.node_addresses, self.clock, source, machine.offload
        )
        self.trace = Trace(machine.node, lambda: state.allocator.pods, self.clock)
        self.blocks = BlockKeeper(
            state, self.records, self.converger.reached, self._network_changed, self.clock, source
        )
        self.watch = ServerWatch(
            state, self.records, self.blocks, self._network_changed, self.feed.poke, self.clock, source
        )
        self.node_pod = NodePod(state, self._allocate_node, self.converger.ask, source)

    async def start(self) -> None:
        """Restore what was kept, and make the kernel so; without a server too. Returns before that is done.

        Raises:
            NetworkProblem: EgressExhausted, the egress range is too small for the pods that there are.
            LogFailed: the store cannot be written.
        """
        state = self.state
        attached = {uid: row.attachment for uid, row in state.kept.pods.items() if row.attachment is not None}
        vanished = frozenset(uid for uid, each in attached.items() if not self.machine.exists(each))
        await self.records.put(state.restore(self.machine.boot_id, vanished))
        # The first converging writes the table of rules, which has node ports too.
        await self.feed.hand_over()
        for name, work in (
            ("network", self.converger.run()),
            ("services", self.feed.run()),
            ("blocks", self.blocks.run()),
            ("node pod", self.node_pod.run()),
        ):
            self._tasks.start(work, f"VPC daemon: {name}")
        self._network_changed()

    def follow(self, client: Client) -> None:
        """Follow a server; once."""
        self.watch.start(client, self._tasks)

    async def stop(self) -> None:
        """End. Links, programs and addresses stay as they are."""
        await self._tasks.stop()
        await self.records.close()

    def on_drop(self, record: bytes) -> None:
        """Gets each record of the events ring (``ports.OnDrop``)."""
        self.trace.on_drop(record)

    def ready(self) -> vpc_socket.Pong:
        """How the daemon does."""
        wanted = self.state.wanted()
        why = self._why_not_ready(wanted)
        return vpc_socket.Pong(
            ready=not why,
            node=self.config.node_name,
            why=why,
            in_contact=self.watch.in_contact,
            cluster=self.state.cluster,
            service_cidr=str(wanted.service_cidr) if wanted is not None else "",
            mtu=self.config.mtu,
        )

    def wanted(self) -> Wanted:
        """What the kernel should look like. Raises NetworkProblem: NotReady."""
        wanted = self.state.wanted()
        if wanted is None:
            raise NetworkProblem(vpc_socket.NOT_READY, self._why_not_ready(None))
        return wanted

    # --- what pods ask for

    async def allocate(self, uid: str, vpc: str) -> vpc_socket.Allocation:
        """The pod's addresses, kept. Raises NetworkProblem; LogFailed."""
        self._check_ready()
        async with self._turns.turn(uid):
            await self._allocate(uid, vpc)
            await self.records.put([])
            return self.state.allocation(uid)

    async def release(self, uid: str) -> None:
        """Give the pod's addresses back. Raises NetworkProblem: Conflict, while it is attached; LogFailed."""
        async with self._turns.turn(uid):
            row = self.state.allocator.pods.get(uid)
            if row is not None and row.attachment is not None:
                raise NetworkProblem(
                    vpc_socket.CONFLICT, f"cannot release the address of pod {uid}: it is attached; detach it"
                )
            await self._forget(uid)

    async def attach(self, uid: str, vpc: str, attachment: Attachment) -> vpc_socket.Allocation:
        """Give the pod an address and its link. Raises NetworkProblem; LogFailed."""
        for port in attachment.host_ports:
            read_host_port(port)
        self._check_ready()
        async with self._turns.turn(uid):
            await self._allocate(uid, vpc)
            known = self.state.allocator.pods[uid].attachment
            device = known.device if known is not None else attachment.device
            attachment = msgspec.structs.replace(attachment, device=device)
            self.state.stay(uid)
            await self.records.put(self.state.allocator.attach(uid, attachment))
            # Programs and routes of the VPC come first: a pod's first packet is already under the rules.
            await self.converger.reached()
            async with self._gate.together():
                done = await self.machine.node.attach(self.wanted(), uid)
            self._pods_changed()
            # Not waited for: the name is for people, and a crash costs only it.
            self.records.put(self.state.allocator.attach(uid, msgspec.structs.replace(attachment, device=done.device)))
            return self.state.allocation(uid)

    async def detach(self, uid: str) -> None:
        """Take the pod's link away, then give its addresses back. Raises NetworkProblem; LogFailed."""
        async with self._turns.turn(uid):
            row = self.state.allocator.pods.get(uid)
            if row is None:
                return
            if row.attachment is not None:
                self.state.leave(uid)
                async with self._gate.together():
                    await self.machine.node.detach(self.wanted(), uid)
            await self._forget(uid)
            self.state.stay(uid)
            self._pods_changed()

    # ---

    async def _allocate(self, uid: str, vpc_name: str) -> None:
        """See to it that the pod has its addresses. They are kept when the next row is: wait for that."""
        allocator = self.state.allocator
        known = allocator.pods.get(uid)
        for _ in range(ALLOCATION_TRIES_MAX):
            held = self.state.vpcs.get(known.vpc_id) if known is not None and known.vpc == vpc_name else None
            vpc = held or self.state.vpc(vpc_name)
            try:
                puts = allocator.allocate(uid, vpc, outside=uid != NODE_POD)
            except NeedsBlock:
                await self.blocks.obtain(vpc)
                continue
            self.records.put(puts)
            if puts and allocator.wants_block(vpc.id):
                self.blocks.poke()
            return
        raise NetworkProblem(
            vpc_socket.NO_BLOCK, f'cannot give pod {uid} an address of VPC "{vpc_name}": others were faster; try again'
        )

    async def _allocate_node(self) -> None:
        await self._allocate(NODE_POD, DEFAULT_VPC)
        await self.records.put([])

    async def _forget(self, uid: str) -> None:
        puts = self.state.allocator.release(uid)
        if puts:
            gone = self.state.forget_vpcs()
            if gone:
                self._network_changed()
            await self.records.put([*puts, *gone])
            self.blocks.poke()

    def _network_changed(self) -> None:
        self.converger.ask()
        self.blocks.vpcs_changed()
        self.node_pod.poke()
        self.trace.devices_changed()
        self.feed.poke()

    def _pods_changed(self) -> None:
        self.trace.devices_changed()
        self.feed.poke()

    def _check_ready(self) -> None:
        why = self._why_not_ready(self.state.wanted())
        if why:
            raise NetworkProblem(vpc_socket.NOT_READY, why)

    def _why_not_ready(self, wanted: Wanted | None) -> str:
        if wanted is None:
            away = "" if self.watch.in_contact else "; the server has not been reached yet"
            trouble = self.state.troubles.get(DEFAULT_VPC, f'VPC "{DEFAULT_VPC}" is not known yet{away}')
            return f"the cluster's network is not known: {trouble}"
        if self.config.host_access and NODE_POD not in wanted.pods:
            return f"the node itself has no address in VPC {DEFAULT_VPC} yet: {self.node_pod.trouble or 'wait'}"
        made = self.converger.made
        if made is None or (self.config.host_access and NODE_POD not in made.pods):
            trouble_here = self.converger.trouble
            return f"the node's network is being made: {trouble_here or 'wait'}"
        of_node = self.converger.problems.get(NODE_POD)
        return f"the node's own link cannot be made: {of_node}" if of_node is not None else ""
