"""Names as programs in pods ask for them: services, pods, the outside; and only what is of their VPC."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.cluster import Cluster, Object, until
from tests.e2e.lan import OUTSIDE, Lan, Machine
from tests.e2e.network import WEB_PORT, client, cluster_ip, ready, service, space_in, vpc, web
from tests.e2e.talker import ANSWERS_IN

DNS = "10.43.0.10"


@dataclass
class Town:
    """A namespace in a VPC of its own, whose names of the outside come from a server there."""

    cluster: Cluster
    name: str

    @property
    def visitor(self) -> Machine:
        return self.cluster.machine(self.name, "client")

    def full(self, name: str) -> str:
        return f"{name}.{self.name}.svc.cluster.local"

    def resolved(self, name: str, kind: str = "A") -> str:
        """Code and records."""
        return self.visitor.asks("resolve", DNS, name, kind)

    def becomes(self, name: str, kind: str, wanted: str) -> None:
        """Wait until a question is answered so."""
        last = [""]

        def look() -> bool:
            last[0] = self.resolved(name, kind)
            return last[0] == wanted

        try:
            until(look, "the answer")
        except AssertionError:
            raise AssertionError(f"{name} {kind}: {last[0]!r}, not {wanted!r}") from None


def peer(namespace: str, name: str) -> Object:
    """A web server with a name of its own below the headless service ``peers``, as those of a StatefulSet have."""
    made = web(namespace, name, name, group="peers")
    made["spec"] |= {"hostname": name, "subdomain": "peers"}
    return made


@pytest.fixture(scope="module")
def town(shared_cluster: Cluster, lan: Lan) -> Iterator[Town]:
    """Two web servers behind services of every kind, a client, and a name server outside."""
    cluster, name = shared_cluster, f"town-{shared_cluster.root.name[-4:]}"
    cluster.apply(vpc(name, name, cidr="10.52.0.0/16", dns={"nameservers": [OUTSIDE]}), space_in(name, name))
    cluster.apply(
        peer(name, "zero"), peer(name, "one"), client(name),
        service(name), service(name, "both", ipFamilyPolicy="PreferDualStack"),
        service(name, "peers", clusterIP="None", selector={"group": "peers"}),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "far", "namespace": name},
         "spec": {"type": "ExternalName", "externalName": "www.example.com"}},
    )  # fmt: skip
    try:
        with lan.outside.talker("names", OUTSIDE) as server:
            assert server.hears() == "ready"
            ready(cluster, name, "zero", "one", "client")
            yield Town(cluster, name)
    finally:
        for kind in ("namespace", "vpc"):
            cluster.kubectl("delete", kind, name, "--timeout=40s", seconds=60)


def test_services(town: Town) -> None:
    town.becomes(town.full("web"), "A", f"NOERROR {cluster_ip(town.cluster, town.name)}")
    assert town.resolved(town.full("web"), "AAAA") == "NOERROR", "it has no IPv6 address, but exists"
    assert town.resolved(town.full("nobody")) == "NXDOMAIN"
    assert town.resolved("kubernetes.default.svc.cluster.local") == "NOERROR 10.43.0.1"


def test_a_headless_service_and_its_pods(town: Town) -> None:
    zero, one = ready(town.cluster, town.name, "zero", "one")
    town.becomes(town.full("peers"), "A", f"NOERROR {' '.join(sorted([zero, one]))}")
    assert town.resolved(town.full("zero.peers")) == f"NOERROR {zero}"
    assert town.resolved(town.full("two.peers")) == "NXDOMAIN"
    targets = [town.full(f"{name}.peers") for name in ("zero", "one")]
    wanted = sorted(f"0 50 {WEB_PORT} {target}." for target in targets)
    town.becomes(town.full("_http._tcp.peers"), "SRV", f"NOERROR {' '.join(wanted)}")
    assert town.visitor.asks("ask", zero, WEB_PORT) == "zero"


def test_ports_by_name(town: Town) -> None:
    town.becomes(town.full("_http._tcp.web"), "SRV", f"NOERROR 0 100 80 {town.full('web')}.")
    backwards = ".".join(reversed(cluster_ip(town.cluster, town.name).split(".")))
    town.becomes(f"{backwards}.in-addr.arpa", "PTR", f"NOERROR {town.full('web')}.")


def test_a_service_of_both_families(town: Town) -> None:
    town.becomes(town.full("both"), "A", f"NOERROR {cluster_ip(town.cluster, town.name, 'both')}")
    until(lambda: ":" in town.resolved(town.full("both"), "AAAA"), "it has an IPv6 address")
    code, native = town.resolved(town.full("both"), "AAAA").split()
    assert code == "NOERROR"
    heard: set[str] = set()

    def both_heard() -> bool:
        heard.add(town.visitor.asks("ask", native, 80))
        return {"zero", "one"} <= heard

    until(both_heard, f"both answer over IPv6, heard {heard}")


def test_names_outside(town: Town) -> None:
    assert town.resolved("www.example.com") == f"NOERROR {ANSWERS_IN}"
    town.becomes(town.full("far"), "A", f"NOERROR {' '.join(sorted(['www.example.com.', ANSWERS_IN]))}")


def test_names_of_another_vpc(town: Town, namespace: str) -> None:
    town.cluster.apply(service(namespace), client(namespace))
    ready(town.cluster, namespace, "client")
    here, there = f"web.{namespace}.svc.cluster.local", town.full("web")
    neighbour = town.cluster.machine(namespace, "client")
    wanted = f"NOERROR {cluster_ip(town.cluster, namespace)}"
    until(lambda: neighbour.asks("resolve", DNS, here, "A") == wanted, "its own VPC knows it")
    assert town.resolved(here) == "NXDOMAIN"
    assert neighbour.asks("resolve", DNS, there, "A") == "NXDOMAIN"
