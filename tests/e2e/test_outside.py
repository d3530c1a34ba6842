"""Pods and the machines around the node: ports of the host, the way out, and the API as a program in a pod sees it."""

from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, Object, until
from tests.e2e.lan import NODE, OUTSIDE, Lan, Machine
from tests.e2e.network import client, ready, service

PORT = 7100
NAT64_OUTSIDE = f"64:ff9b::{OUTSIDE}"
ACCOUNT = "var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture(scope="module")
def neighbour(lan: Lan) -> tuple[Machine, str]:
    """A machine of the LAN, and its address."""
    return lan.plug()


def listening(namespace: str, host_port: int) -> Object:
    """A pod with a port of the host; what listens there is started by the test."""
    made = client(namespace, "open")
    made["metadata"]["labels"] = {"app": "open"}
    made["spec"]["containers"][0]["ports"] = [{"containerPort": PORT, "hostPort": host_port}]
    return made


def open_service(namespace: str, policy: str) -> Object:
    return service(
        namespace, policy.lower(), type="NodePort", externalTrafficPolicy=policy, selector={"app": "open"},
        ports=[{"port": PORT}],
    )  # fmt: skip


def node_port(cluster: Cluster, namespace: str, name: str) -> int:
    found = cluster.get(f"/api/v1/namespaces/{namespace}/services/{name}")
    assert found is not None
    return int(found["spec"]["ports"][0]["nodePort"])


def test_ports_of_the_host_show_who_comes(
    shared_cluster: Cluster, namespace: str, neighbour: tuple[Machine, str]
) -> None:
    cluster, (machine, address), host_port = shared_cluster, neighbour, shared_cluster.web_port + 2
    policies = ("Cluster", "Local")
    cluster.apply(listening(namespace, host_port), *(open_service(namespace, each) for each in policies))
    ready(cluster, namespace, "open")
    with cluster.machine(namespace, "open").talker("serve", PORT) as server:
        assert server.hears() == "ready"
        assert machine.asks("ask", NODE, host_port) == address
        for policy in policies:
            port = node_port(cluster, namespace, policy.lower())
            until(lambda: machine.asks("ask", NODE, port) == address, f"the client's address, {policy}")  # noqa: B023
    cluster.kubectl("-n", namespace, "delete", "pod", "open")
    for port in (host_port, node_port(cluster, namespace, "local")):
        until(lambda: "no answer" in machine.asks("ask", NODE, port), "the port is closed")  # noqa: B023


def test_the_way_out(shared_cluster: Cluster, namespace: str, lan: Lan) -> None:
    shared_cluster.apply(client(namespace))
    ready(shared_cluster, namespace, "client")
    visitor = shared_cluster.machine(namespace, "client")
    with lan.outside.talker("serve", PORT) as server:
        assert server.hears() == "ready"
        for address in (OUTSIDE, NAT64_OUTSIDE):
            assert visitor.asks("ask", address, PORT) == NODE, f"{address} takes the pod for its node"
            assert visitor.asks("ask_datagram", address, PORT) == NODE
    assert visitor.asks("ask", OUTSIDE, PORT) == "no answer: ConnectionRefusedError"


def test_the_official_client_in_a_pod(shared_cluster: Cluster, namespace: str) -> None:
    cluster = shared_cluster
    cluster.apply(client(namespace))
    ready(cluster, namespace, "client")
    machine = cluster.machine(namespace, "client")
    mounted = Path(f"/proc/{machine.pid}/root/{ACCOUNT}")
    assert machine.asks("in_cluster", mounted, "10.43.0.1", "443").splitlines() == [
        cluster.api.get("/version").json()["gitVersion"],
        " ".join(sorted(each["name"] for each in cluster.api.get("/apis").json()["groups"])),
        f"system:serviceaccount:{namespace}:default",
        "403",
    ]
