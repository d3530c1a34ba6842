"""All daemons of a node are killed, and nobody who talks notices."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address

import pytest

from tests.e2e.cluster import Cluster, until
from tests.e2e.lan import OUTSIDE, Lan, Machine, Talker
from tests.e2e.network import (
    WEB_PORT,
    allocations,
    client,
    cluster_ip,
    differences,
    differs_from,
    in_kernel,
    ready,
    service,
    web,
)

SPACE = "default"
DAEMONS = ("server", "agent", "vpc")
DNS = "10.43.0.10"
PINGS = 10_000
KILLS = 6
ECHO_PORT, TELLING_PORT = 7000, 7001
NAME = f"web.{SPACE}.svc.cluster.local"
# A name is known again within so long after its agent is.
BACK_SECONDS = 2.0


@pytest.fixture
def talking(lone_cluster: Cluster) -> Cluster:
    """A web server behind a service, and a client."""
    cluster = lone_cluster
    cluster.apply(web(SPACE, "one", "one"), service(SPACE), client(SPACE))
    ready(cluster, SPACE, "one", "client")
    return cluster


def resolved(machine: Machine, name: str = NAME) -> str:
    return machine.asks("resolve", DNS, name, "A")


@contextmanager
def traffic(cluster: Cluster, one: Machine, address: str, outside: Machine) -> Iterator[dict[str, Talker]]:
    """All ways that a pod and the host talk, each all the time."""
    visitor, cluster_address = cluster.machine(SPACE, "client"), cluster_ip(cluster, SPACE)
    places = [f"{address},{WEB_PORT}", f"{cluster_address},80"]
    with ExitStack() as undo:
        for server in (one.talker("echo", ECHO_PORT), outside.talker("serve", TELLING_PORT)):
            assert undo.enter_context(server).hears() == "ready"
        talkers = {
            "stream": undo.enter_context(visitor.talker("stream", address, ECHO_PORT)),
            "pod": undo.enter_context(visitor.talker("connect", *places, f"{OUTSIDE},{TELLING_PORT}")),
            "host": undo.enter_context(cluster.place.talker("connect", *places)),
            "pings": undo.enter_context(visitor.talker("ping", address, PINGS)),
        }
        for name, each in talkers.items():
            assert each.hears() == "ready", name
        yield talkers


def test_all_daemons_killed(talking: Cluster, lan: Lan) -> None:
    cluster, visitor = talking, talking.machine(SPACE, "client")
    (address,) = ready(cluster, SPACE, "one")
    until(lambda: cluster_ip(cluster, SPACE) in resolved(visitor), "the name is known")
    before, containers, given = in_kernel(cluster), cluster.containers(), allocations(cluster)
    assert len(before.programs) >= 4, "the look into the kernel sees programs"
    assert len(before.links) >= 3, "the look into the kernel sees links"
    with traffic(cluster, cluster.machine(SPACE, "one"), address, lan.outside) as talkers:
        cluster.kill9(*DAEMONS)
        assert talkers["pings"].hears() == f"{PINGS} sent, 0 lost"
        assert "no answer" in resolved(visitor), "what names are for lives in the agent"
        assert differences(before, in_kernel(cluster)) == ""
        cluster.up()
        until(lambda: cluster_ip(cluster, SPACE) in resolved(visitor), "names are answered again")
        assert talkers["stream"].ends().partition(",")[2].startswith(" 0 lost")
        for name in ("pod", "host"):
            said = talkers[name].ends()
            assert said.endswith(", 0 failed"), f"{name}: {said}"
            assert int(said.split()[0]) > 100, "there was traffic"
    until(differs_from(before, cluster), "the kernel is as it was")
    assert (cluster.containers(), allocations(cluster)) == (containers, given)
    assert in_kernel(cluster) == before
    (now,) = ready(cluster, SPACE, "one")
    assert now == address


def test_pods_start_and_end_as_long_as_the_vpc_daemon_dies(talking: Cluster) -> None:
    cluster = talking
    before, given = in_kernel(cluster), allocations(cluster)
    names = [f"pod-{number}" for number in range(30)]
    for name in names[:15]:
        cluster.apply(web(SPACE, name, name))
    for turn in range(KILLS):
        cluster.kill9("vpc")
        cluster.up()
        if turn == KILLS // 2:
            cluster.apply(*(web(SPACE, name, name) for name in names[15:]))
            cluster.kubectl("delete", "pod", *names[:8], "--wait=false")
    addresses = dict(zip(names[8:], ready(cluster, SPACE, *names[8:]), strict=True))
    assert len(set(addresses.values())) == len(addresses), "no address is given twice"
    visitor = cluster.machine(SPACE, "client")
    for name, address in addresses.items():
        assert visitor.asks("ask", address, WEB_PORT) == name
    cluster.kubectl("delete", "pod", *names[8:], "--wait=false")
    cluster.kill9("vpc")
    cluster.up()
    for name in names:
        cluster.until_gone(SPACE, name)
    until(lambda: allocations(cluster) == given, "all addresses are given back")
    until(differs_from(before, cluster), f"nothing is left: {differences(before, in_kernel(cluster))}")


def test_names_without_agent_and_without_server(talking: Cluster) -> None:
    cluster, visitor = talking, talking.machine(SPACE, "client")
    address = cluster_ip(cluster, SPACE)
    until(lambda: address in resolved(visitor), "the name is known")
    cluster.kill9("agent")
    assert "no answer" in resolved(visitor)
    cluster.up()
    until(lambda: address in resolved(visitor), "it is known again", BACK_SECONDS)
    kept = cluster.paths.agent_state / "dns.json"
    packed = base64.b64encode(IPv4Address(address).packed).decode()
    until(lambda: kept.exists() and packed in kept.read_text(), "names are kept for worse times")
    cluster.kill9("server", "agent")
    with cluster.daemon("agent", "--server", cluster.url, "--node-name", cluster.node):
        until(lambda: cluster.pid("agent"), "the agent runs")
        until(lambda: address in resolved(visitor), "it is known without a server", BACK_SECONDS)
        assert resolved(visitor, f"nobody.{SPACE}.svc.cluster.local") == "NXDOMAIN"
    cluster.up()
