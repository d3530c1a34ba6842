"""One node's VPC daemon in one process on virtual time: a server, a kernel, and a daemon that can die anywhere."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from typing import Any, TypeVar

from k3py.base.clock import LoopClock
from k3py.base.virtual_loop import Life, VirtualLoop
from k3py.model.generated.core_v1 import Node as NodeObject
from k3py.model.generated.core_v1 import Service, ServiceSpec
from k3py.model.generated.discovery_v1 import Endpoint, EndpointSlice
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.ghost import Ghost
from k3py.model.vpc_socket import DEVICE_VANISHED, Allocation
from k3py.model.vpc_v1 import EGRESS_MASQUERADE, VPC, VPCBlock, VPCBlockSpec, VPCSpec, VPCStatus, block_name
from k3py.store.log import Put
from k3py.store.memory_log import MemoryLog, MemoryMedium
from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.bpf.counters import Total
from k3py.vpc.daemon import Machine, VpcDaemon
from k3py.vpc.ports import Attached, NetworkProblem
from k3py.vpc.records import Records
from k3py.vpc.rows import Attachment
from k3py.vpc.wanted import NODE_POD, Backend, NodeConfig, PodNetwork, Protocol, ServicePort, Wanted
from tests.agent.cluster import Cluster

T = TypeVar("T")
Step = Callable[[str], Coroutine[Any, Any, None]]
NODE = "n1"
CLUSTER = 0xC0FFEE
# What is answered too early shows.
WRITE_SECONDS = 0.02
EGRESS = IPv4Network("100.64.0.0/20")


async def go_on(what: str) -> None:
    """A step after which nobody dies."""


class FakeKernel:
    """What outlives the daemon: the links of pods, the VPCs and blocks that have routes; and what is missing."""

    def __init__(self) -> None:
        self.pods: dict[str, PodNetwork] = {}
        self.wanted: Wanted | None = None
        self.vanished: set[str] = set()
        self.broken = ""
        self.calls: list[str] = []
        self.inside = 0
        self.inside_most = 0
        self.seconds = 0.0
        self.converge_seconds = 0.0

    @property
    def pod_uids(self) -> set[str]:
        return set(self.pods) - {NODE_POD}


class FakeNode:
    """The port ``Node`` over a kernel; ``step`` is told before and after each change."""

    def __init__(self, kernel: FakeKernel, step: Step = go_on) -> None:
        self.kernel, self._step = kernel, step

    async def converge(self, wanted: Wanted) -> Mapping[str, NetworkProblem]:
        kernel = self.kernel
        kernel.calls.append("converge")
        assert not kernel.inside, "nobody attaches meanwhile"
        await self._step("before converging")
        if kernel.broken:
            raise NetworkProblem("KernelRefused", kernel.broken)
        await asyncio.sleep(kernel.converge_seconds)
        problems = {}
        kernel.wanted = wanted
        for uid in set(kernel.pods) - set(wanted.pods):
            del kernel.pods[uid]
        for uid, pod in wanted.pods.items():
            if pod.netns in kernel.vanished:
                problems[uid] = NetworkProblem(DEVICE_VANISHED, f"{pod.netns} is gone")
            else:
                kernel.pods[uid] = pod
            await self._step("within converging")
        return problems

    async def attach(self, wanted: Wanted, uid: str) -> Attached:
        kernel = self.kernel
        kernel.calls.append(f"attach {uid}")
        kernel.inside += 1
        kernel.inside_most = max(kernel.inside_most, kernel.inside)
        try:
            await self._step("before attaching")
            await asyncio.sleep(kernel.seconds)
            pod = wanted.pods[uid]
            assert kernel.wanted is not None
            assert pod.vpc in kernel.wanted.vpcs, "routes of the VPC come first"
            if pod.netns in kernel.vanished:
                raise NetworkProblem(DEVICE_VANISHED, f"{pod.netns} is gone")
            taken = {(each.vpc, each.ipv4) for other, each in kernel.pods.items() if other != uid}
            assert (pod.vpc, pod.ipv4) not in taken, "no address twice"
            kernel.pods[uid] = pod
            await self._step("after attaching")
            return Attached(f"k{uid}")
        finally:
            kernel.inside -= 1

    async def detach(self, wanted: Wanted, uid: str) -> None:
        kernel = self.kernel
        kernel.calls.append(f"detach {uid}")
        assert uid not in wanted.pods
        await self._step("before detaching")
        if kernel.broken:
            raise NetworkProblem("KernelRefused", kernel.broken)
        kernel.pods.pop(uid, None)
        await self._step("after detaching")

    def counters(self, uid: str) -> Mapping[Direction, Mapping[Outcome, Total]]:
        if uid not in self.kernel.pods:
            return {}
        return {Direction.FROM_POD: {Outcome.DROP_NO_ROUTE: Total(2, 200)}}

    def ifindex(self, uid: str) -> int:
        return sorted(self.kernel.pods).index(uid) + 10 if uid in self.kernel.pods else 0


class FakeTable:
    """The port ``ServiceTable``."""

    def __init__(self) -> None:
        self.switched: list[tuple[list[ServicePort], dict[tuple[int, IPv4Address], PodNetwork]]] = []
        self.broken = ""

    def switch(
        self,
        services: Sequence[ServicePort],
        pods: Mapping[tuple[int, IPv4Address], PodNetwork],
        node_addresses: Sequence[IPv4Address],
    ) -> None:
        if self.broken:
            raise NetworkProblem("KernelRefused", self.broken)
        self.switched.append((list(services), dict(pods)))


class SteppingLog(MemoryLog):
    """A log that tells of each write before and after."""

    def __init__(self, medium: MemoryMedium, step: Step) -> None:
        super().__init__(medium)
        self._step = step

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        await self._step("before writing")
        await asyncio.sleep(WRITE_SECONDS)
        await super().write(rows, sequence)
        await self._step("after writing")


class SteppingCluster:
    """A client of the cluster that tells of each creation and deletion."""

    def __init__(self, cluster: Cluster, kernel: FakeKernel, step: Step) -> None:
        self._cluster, self._kernel, self._step = cluster, kernel, step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def create(self, obj: Any) -> Any:
        await self._step("before creating")
        made = await self._cluster.create(obj)
        await self._step("after creating")
        return made

    async def delete(self, kind: Any, name: str, uid: str = "") -> None:
        await self._step("before deleting")
        assert self._kernel.wanted is not None
        held = {str(cidr.network_address).replace(".", "-") for _, cidr in self._kernel.wanted.blocks}
        assert not any(name.endswith(f"-{each}") for each in held), "out of the kernel first"
        await self._cluster.delete(kind, name, uid=uid)
        await self._step("after deleting")


class World:
    """Everything but the daemon outlives it."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()  # type: ignore[abstract]
        self.clock = LoopClock(self.loop)
        self.cluster = Cluster(self.clock)
        self.kernel, self.table, self.medium = FakeKernel(), FakeTable(), MemoryMedium()
        self.config = NodeConfig("0a1b2c3d", NODE, EGRESS)
        self.boot_id = "first boot"
        self.failures: list[str] = []
        self.step: Step = go_on
        self.daemon: VpcDaemon
        self.cluster.put(NodeObject(metadata=ObjectMeta(name=NODE, uid="node-uid")))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self.loop.run_until_complete(work)
        finally:
            self.loop.close()

    async def start(self, *, follow: bool = True) -> VpcDaemon:
        """Start a daemon over what there is."""
        records = Records(SteppingLog(self.medium, self.step), self.failures.append)
        kept = await records.open()
        machine = Machine(
            node=FakeNode(self.kernel, self.step),
            services=self.table,
            translate=translate,
            node_addresses=lambda: [IPv4Address("192.0.2.7")],
            exists=lambda attachment: attachment.netns not in self.kernel.vanished,
            boot_id=self.boot_id,
            offload=at_once,
        )
        self.daemon = VpcDaemon(
            config=self.config,
            records=records,
            kept=kept,
            machine=machine,
            clock=self.clock,
            source=random.Random(1),
            failed=self.failures.append,
        )
        await self.daemon.start()
        if follow:
            self.daemon.follow(SteppingCluster(self.cluster, self.kernel, self.step))  # type: ignore[arg-type]
        return self.daemon

    async def ready(self, **options: Any) -> VpcDaemon:
        """A daemon that is ready."""
        daemon = await self.start(**options)
        await self.until(lambda: daemon.ready().ready)
        return daemon

    async def until(self, condition: Callable[[], Any], seconds: float = 120.0) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    async def attach(self, uid: str, vpc: str = "default", **values: Any) -> Allocation:
        """As the agent does: again while the daemon is not ready."""
        async with asyncio.timeout(60):
            while True:
                with suppress(NetworkProblem):
                    return await self.daemon.attach(uid, vpc, Attachment(netns=f"/run/netns/{uid}", **values))
                await asyncio.sleep(0.05)

    def new_life(self) -> Life:
        return Life("daemon")


async def at_once(work: Callable[[], T]) -> T:
    return work()


def translate(
    services: Any, slices: Any, vpc_ids: Mapping[str, int], node_name: str, service_cidr: IPv4Network
) -> list[ServicePort]:
    """Services by name only: what they mean is another's business."""
    backends = tuple(Backend(IPv4Address(e.addresses[0]), 80) for s in slices for e in s.endpoints)
    return [
        ServicePort(1, each.metadata.name, Protocol.TCP, 80, (IPv4Address(each.spec.cluster_ip),), backends)
        for each in services
    ]


def vpc(name: str = "default", id_: int = 1, cidr: str = "10.42.0.0/16", egress: str = EGRESS_MASQUERADE) -> VPC:
    """A VPC as its controller leaves it."""
    prefix = str(Ghost(CLUSTER, id_, IPv4Address(0)))
    return VPC(
        metadata=ObjectMeta(name=name),
        spec=VPCSpec(cidr=cidr, egress=egress),
        status=VPCStatus(phase="Active", vpc_id=id_, prefix=f"{prefix}/96", service_cidr="10.43.0.0/16"),
    )


def block(vpc_name: str, id_: int, cidr: str, node: str) -> VPCBlock:
    spec = VPCBlockSpec(vpc=vpc_name, vpc_id=id_, cidr=cidr, node_name=node)
    return VPCBlock(metadata=ObjectMeta(name=block_name(vpc_name, cidr)), spec=spec)


def service(name: str, cluster_ip: str = "10.43.0.50") -> Service:
    return Service(metadata=ObjectMeta(name=name, namespace="default"), spec=ServiceSpec(cluster_ip=cluster_ip))


def endpoints(name: str, *addresses: str) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(name=name, namespace="default"),
        address_type="IPv4",
        endpoints=[Endpoint(addresses=[each]) for each in addresses],
    )
