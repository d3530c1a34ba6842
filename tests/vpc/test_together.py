"""Client, socket, daemon and a store on disk together, on the real loop; the daemon is exchanged under the client."""

import asyncio
import functools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from k3py.base.clock import SystemClock
from k3py.client.vpc import VpcClient, VpcRefused, VpcUnavailable
from k3py.model.generated.core_v1 import Node as NodeObject
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.vpc_socket import AttachPodRequest, DetachPodRequest
from k3py.vpc.answering import answer
from k3py.vpc.daemon import Machine, VpcDaemon
from k3py.vpc.host import attachment_exists, boot_id
from k3py.vpc.records import Records, log_in
from k3py.vpc.services.table import service_ports
from k3py.vpc.socket_server import SocketServer
from k3py.vpc.wanted import NodeConfig
from tests.agent.cluster import Cluster
from tests.vpc.world import EGRESS, FakeKernel, FakeNode, FakeTable, vpc


@asynccontextmanager
async def running(folder: Path, cluster: Cluster | None, kernel: FakeKernel) -> AsyncIterator[VpcDaemon]:
    """What the VPC process puts together, but for the kernel side."""
    records = Records(log_in(folder / "store"), pytest.fail)
    machine = Machine(
        node=FakeNode(kernel),
        services=FakeTable(),
        translate=service_ports,
        node_addresses=lambda: [IPv4Address("192.0.2.7")],
        exists=attachment_exists,
        boot_id=boot_id(),
        offload=asyncio.to_thread,
    )
    daemon = VpcDaemon(
        config=NodeConfig("0a1b2c3d", "n1", EGRESS),
        records=records,
        kept=await records.open(),
        machine=machine,
        clock=SystemClock(),
        source=random.Random(1),
        failed=pytest.fail,
    )
    server = SocketServer(folder / "vpc.sock", functools.partial(answer, daemon))
    await daemon.start()
    await server.start()
    if cluster is not None:
        daemon.follow(cluster)
    try:
        yield daemon
    finally:
        await server.stop()
        await daemon.stop()


async def attached(client: VpcClient, uid: str, netns: Path) -> Any:
    """As the agent asks: again while the daemon is not there or not ready."""
    while True:
        try:
            return await client.attach_pod(AttachPodRequest(pod_uid=uid, vpc="default", netns=str(netns)))
        except (VpcRefused, VpcUnavailable):
            await asyncio.sleep(0.01)


def test_a_pod_outlives_the_daemon_that_attached_it(tmp_path: Path) -> None:
    async def story() -> None:
        cluster, kernel = Cluster(SystemClock()), FakeKernel()
        cluster.put(NodeObject(metadata=ObjectMeta(name="n1")))
        cluster.put(vpc())
        async with VpcClient(tmp_path / "vpc.sock") as client:
            async with running(tmp_path, cluster, kernel):
                got = await attached(client, "p1", tmp_path)
            with pytest.raises(VpcUnavailable):
                await client.ping()
            async with running(tmp_path, None, kernel):
                while not (await client.ping()).ready:
                    await asyncio.sleep(0.01)
                assert await client.query("p1") == got
                assert (await attached(client, "p2", tmp_path)).ipv4 != got.ipv4
                await client.detach_pod(DetachPodRequest(pod_uid="p1"))
                assert kernel.pod_uids == {"p2"}
                assert (await client.list_vpcs())[0].pods == 1

    async def within() -> None:
        async with asyncio.timeout(30):
            await story()

    asyncio.run(within())
