"""Pods talk by address and by name, through services, with the host and with the API; real programs in the kernel."""

import json

import httpx
import pytest

from tests.e2e.cluster import Cluster, until
from tests.e2e.network import WEB_PORT, client, cluster_ip, ready, service, space_in, vpc, web


def fetch(cluster: Cluster, namespace: str, url: str, name: str = "client", code: int | None = 0) -> str:
    """What a pod gets from an address."""
    return cluster.kubectl("-n", namespace, "exec", name, "--", "timeout", "2", "wget", "-qO-", url, code=code)


def from_host(url: str) -> str:
    """What the host, which the test runs on, gets from an address; empty when nothing."""
    try:
        return httpx.get(url, trust_env=False, timeout=5).text
    except httpx.TransportError:
        return ""


@pytest.fixture
def two(shared_cluster: Cluster, namespace: str) -> Cluster:
    """Two web servers behind a service, and a client."""
    shared_cluster.apply(
        web(namespace, "one", "one"), web(namespace, "two", "two"), service(namespace), client(namespace)
    )
    ready(shared_cluster, namespace, "one", "two", "client")
    return shared_cluster


def both_answer(cluster: Cluster, namespace: str, url: str) -> None:
    """A service's backends are chosen by chance: both of them answer sooner or later."""
    heard: set[str] = set()

    def look() -> bool:
        heard.add(fetch(cluster, namespace, url, code=None).strip())
        return {"one", "two"} <= heard

    until(look, f"both answer at {url}, heard {heard}")


def test_pods_reach_each_other_by_address_service_and_name(two: Cluster, namespace: str) -> None:
    one, _ = ready(two, namespace, "one", "two")
    assert one.startswith("10.42.")
    assert fetch(two, namespace, f"http://{one}:{WEB_PORT}/") == "one\n"
    for host in (cluster_ip(two, namespace), "web", f"web.{namespace}", f"web.{namespace}.svc.cluster.local"):
        both_answer(two, namespace, f"http://{host}/")


def test_the_host_reaches_pods_and_services(two: Cluster, namespace: str) -> None:
    one, _ = ready(two, namespace, "one", "two")
    assert from_host(f"http://{one}:{WEB_PORT}/") == "one\n"
    answer = from_host(f"http://{cluster_ip(two, namespace)}/")
    assert answer in ("one\n", "two\n")


def test_a_service_without_endpoints_refuses_at_once(two: Cluster, namespace: str) -> None:
    two.apply(service(namespace, "nobody", selector={"app": "nobody"}))
    address = cluster_ip(two, namespace, "nobody")

    def refused() -> bool:
        tried = two.kubectl("-n", namespace, "exec", "client", "--", "wget", f"http://{address}/", code=1)
        return "refused" in tried.errors

    until(refused, "a refusal")


def test_endpoints_come_and_go(two: Cluster, namespace: str) -> None:
    two.kubectl("-n", namespace, "delete", "pod", "two", "--wait=true")
    address = cluster_ip(two, namespace)
    until(lambda: all(fetch(two, namespace, f"http://{address}/") == "one\n" for _ in range(10)), "only one answers")


def test_node_ports_and_host_ports(two: Cluster, namespace: str) -> None:
    two.apply(service(namespace, "open", type="NodePort"))
    made = two.get(f"/api/v1/namespaces/{namespace}/services/open")
    assert made is not None
    node_port = made["spec"]["ports"][0]["nodePort"]
    until(
        lambda: (
            two.run(["curl", "-sS", "-m", "5", f"http://127.0.0.1:{node_port}/"], code=None).strip() in ("one", "two")
        ),
        "the node port answers on the host",
    )


def test_a_client_in_a_pod_connects_and_authenticates(two: Cluster, namespace: str) -> None:
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    script = (
        f"cat {folder}/namespace; echo; ls {folder}; env | grep ^KUBERNETES_SERVICE | sort; cat /etc/resolv.conf;"
        f" nc -w 3 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null && echo connected"
    )
    said = two.kubectl("-n", namespace, "exec", "client", "--", "sh", "-c", script)
    assert said.splitlines()[0] == namespace
    assert {"ca.crt", "namespace", "token"} <= set(said.split())
    assert "KUBERNETES_SERVICE_HOST=10.43.0.1" in said
    assert "nameserver 10.43.0.10" in said
    assert "connected" in said


def test_names_of_the_cluster_and_their_types(two: Cluster, namespace: str) -> None:
    def look_up(name: str) -> str:
        return two.kubectl("-n", namespace, "exec", "client", "--", "nslookup", name, code=None)

    assert cluster_ip(two, namespace) in look_up(f"web.{namespace}.svc.cluster.local")
    assert "10.43.0.1" in look_up("kubernetes.default.svc.cluster.local")
    assert "NXDOMAIN" in look_up(f"nobody.{namespace}.svc.cluster.local")


def test_two_vpcs_on_one_range_never_meet(shared_cluster: Cluster, namespace: str) -> None:
    cluster, colours = shared_cluster, (f"red-{namespace[-4:]}", f"blue-{namespace[-4:]}")
    for colour in colours:
        cluster.apply(vpc(colour, colour))
        cluster.apply(space_in(colour, colour))
        cluster.apply(web(colour, "web", colour), service(colour), client(colour))
    try:
        addresses = {colour: ready(cluster, colour, "web", "client") for colour in colours}
        assert set(addresses[colours[0]]) == set(addresses[colours[1]]), "the same range gives the same addresses"
        for colour in colours:
            assert fetch(cluster, colour, f"http://{addresses[colour][0]}:{WEB_PORT}/") == f"{colour}\n"
            until(lambda: fetch(cluster, colour, "http://web/", code=None) == f"{colour}\n", "by name")  # noqa: B023
            other = colours[1 - colours.index(colour)]
            foreign = cluster_ip(cluster, other)
            assert fetch(cluster, colour, f"http://{foreign}/", code=None) == ""
            said = cluster.kubectl("-n", colour, "exec", "client", "--", "nslookup", f"web.{other}.svc.cluster.local.",
                                   code=None)  # fmt: skip
            assert "NXDOMAIN" in said
        shown = json.loads(cluster.kubectl("get", "vpcs", "-o", "json"))
        ids = {each["metadata"]["name"]: each["status"]["vpcID"] for each in shown["items"]}
        assert ids["default"] == 1
        assert len(set(ids.values())) == len(ids)
    finally:
        for colour in colours:
            cluster.kubectl("delete", "namespace", colour, code=None, seconds=60)
            cluster.kubectl("delete", "vpc", colour, code=None, seconds=60)
    until(lambda: cluster.get(f"/apis/vpc.k3py.io/v1/vpcs/{colours[0]}") is None, "the VPC is gone")
