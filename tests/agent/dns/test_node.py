"""The node's DNS put together: it finds its address in the VPCs and answers there."""

import asyncio
import random
import socket
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import pytest
import uvloop

from k3py.agent.dns import node as node_module
from k3py.agent.dns.node import NodeDns
from k3py.agent.dns.server import IPV6_FREEBIND
from k3py.base.clock import SystemClock
from tests.agent.cluster import Cluster
from tests.agent.dns.world import says, service, source, vpc

HERE, NATIVE, POD = source(0, "10.43.0.10"), source(0, "10.43.0.10", native=True), source(1, "10.42.0.9")
WEB = "web.default.svc.cluster.local"
PORT = 5353
DEADLINE_SECONDS = 20


def play(folder: Path, story: Callable[[NodeDns, Cluster], Awaitable[None]]) -> None:
    async def run() -> None:
        cluster = Cluster(SystemClock())
        made = NodeDns(cluster, SystemClock(), random.Random(1), folder, folder / "resolv.conf", port=PORT)
        task = asyncio.get_running_loop().create_task(made.run())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await story(made, cluster)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert made.addresses == ()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "LOOK_SECONDS", 0.01)


def test_it_answers_where_the_vpcs_say(tmp_path: Path) -> None:
    async def story(made: NodeDns, cluster: Cluster) -> None:
        assert made.addresses == ()
        cluster.put(vpc("default", 1))
        cluster.put(service("web", "10.43.0.80"))
        while made.addresses != (HERE, NATIVE):
            await asyncio.sleep(0.01)
        subprocess.run(["ip", "-6", "address", "add", f"{HERE}/128", "dev", "lo", "nodad"], check=True)
        subprocess.run(["ip", "-6", "address", "add", f"{POD}/128", "dev", "lo", "nodad"], check=True)
        try:
            answer = None
            while answer is None or says(answer) == ["SERVFAIL"]:
                with suppress(dns.exception.Timeout, OSError):
                    query = dns.message.make_query(WEB, "A")
                    answer = await dns.asyncquery.udp(query, HERE, timeout=0.5, port=PORT, source=POD)
            assert says(answer) == [f"{WEB} A 10.43.0.80"]
            outside = dns.message.make_query("www.example.com", "A")
            answer = await dns.asyncquery.udp(outside, HERE, timeout=5, port=PORT, source=POD)
            assert says(answer) == ["SERVFAIL"]  # this node has no name server
        finally:
            for address in (HERE, POD):
                subprocess.run(["ip", "-6", "address", "delete", f"{address}/128", "dev", "lo"], check=False)

    play(tmp_path, story)


def test_a_port_that_is_taken_is_tried_until_it_is_free(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(made: NodeDns, cluster: Cluster) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            other.bind((HERE, PORT))
            cluster.put(vpc("default", 1))
            while not caplog.records:
                await asyncio.sleep(0.01)
            assert made.addresses == ()
        while not made.addresses:
            await asyncio.sleep(0.01)
        assert [each.getMessage().count("cannot serve DNS on") for each in caplog.records] == [1]

    play(tmp_path, story)
