"""``k3py vpc trace``, ``counters`` and ``doctor`` on a node with pods: what they say is what happens."""

import json
import subprocess

import pytest

from tests.e2e.cluster import BINARIES, FOREVER, SECONDS, Cluster, is_ready, pod, until

# Where clouds hand out a node's identity: no pod may reach it.
DENIED = "169.254.169.254"


@pytest.fixture
def pods(shared_cluster: Cluster, namespace: str) -> tuple[str, str]:
    """Two pods of VPC ``default`` that reach each other, as ``vpc trace`` calls them."""
    shared_cluster.apply(*(pod(namespace, name, FOREVER, hostNetwork=False) for name in ("a", "b")))
    for name in ("a", "b"):
        shared_cluster.until_pod(namespace, name, is_ready, "ready")
    return f"{namespace}/a", f"{namespace}/b"


def ping(cluster: Cluster, namespace: str, address: str, code: int) -> None:
    cluster.kubectl("-n", namespace, "exec", "a", "--", "ping", "-c", "1", "-W", "1", address, code=code)


def test_the_verdict_is_what_happens(shared_cluster: Cluster, namespace: str, pods: tuple[str, str]) -> None:
    made = shared_cluster.pod(namespace, "b")
    assert made is not None
    said = shared_cluster.k3py("vpc", "trace", *pods)
    assert said.startswith("reachable: ")
    assert pods[1] in said, "by its name"
    ping(shared_cluster, namespace, made["status"]["podIP"], code=0)
    assert shared_cluster.k3py("vpc", "trace", pods[0], DENIED, code=1).startswith("not reachable: ")
    ping(shared_cluster, namespace, DENIED, code=1)


def test_a_drop_is_shown_as_it_happens_and_counted(
    shared_cluster: Cluster, namespace: str, pods: tuple[str, str]
) -> None:
    command = [str(BINARIES / "k3py"), "vpc", "trace", pods[0], DENIED, "--follow", "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=shared_cluster.environment()) as following:
        try:
            assert following.stdout is not None
            assert not json.loads(following.stdout.readline()).get("reachable"), "the verdict comes first"
            ping(shared_cluster, namespace, DENIED, code=1)
            event = json.loads(following.stdout.readline())
        finally:
            following.kill()
    assert (event["name"], event["outcome"], event["protocol"]) == ("a", "DROP_ROUTE_DENIED", "ICMP")
    assert event["destination"] == DENIED
    (counted,) = json.loads(shared_cluster.k3py("vpc", "counters", "a", "-n", namespace, "-o", "json"))
    drops = {each["outcome"]: each["packets"] for each in counted["counts"] if each.get("dropped")}
    assert drops["DROP_ROUTE_DENIED"] == 1


def test_a_good_network_is_told_so(shared_cluster: Cluster, namespace: str, pods: tuple[str, str]) -> None:
    def results() -> dict[str, str]:
        said = shared_cluster.k3py("vpc", "doctor", "-o", "json", code=None)
        return {each["name"]: each["level"] for each in json.loads(said)}

    checked = ("VPC daemon", "server", "VPCs", "programs", "rules")
    until(lambda: all(results()[each] == "ok" for each in checked), "the network is well", SECONDS)
