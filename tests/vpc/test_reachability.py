"""Whether packets get somewhere, and the step that decides, in words."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from k3py.vpc.ports import NetworkProblem
from k3py.vpc.reachability import check, routes
from k3py.vpc.wanted import Backend, NodeConfig, PodNetwork, Protocol, ServicePort, VpcNetwork, Wanted

CONFIG = NodeConfig("0a1b2c3d", "n1", IPv4Network("100.64.0.0/18"))


def pod(uid: str, vpc: int, ipv4: str, outside: str | None = None) -> PodNetwork:
    way_out = IPv4Address(outside) if outside else None
    return PodNetwork(uid, vpc, IPv4Address(ipv4), f"/run/netns/{uid}", way_out, way_out)


WANTED = Wanted(
    cluster=7,
    service_cidr=IPv4Network("10.43.0.0/16"),
    vpcs={
        1: VpcNetwork(1, "default", IPv4Network("10.42.0.0/16")),
        2: VpcNetwork(2, "closed", IPv4Network("10.42.0.0/16"), masquerade=False),
    },
    blocks=frozenset({(1, IPv4Network("10.42.3.0/26")), (2, IPv4Network("10.42.3.0/26"))}),
    pods={
        "web": pod("web", 1, "10.42.3.5", "100.64.0.1"),
        "db": pod("db", 1, "10.42.3.6", "100.64.0.3"),
        "late": pod("late", 1, "10.42.3.7"),
        "vault": pod("vault", 2, "10.42.3.6"),
    },
)
READY = (Backend(IPv4Address("10.42.3.6"), 5432),)
SERVICES = [
    ServicePort(1, "shop/db", Protocol.TCP, 5432, (IPv4Address("10.43.0.50"),), READY),
    ServicePort(1, "shop/empty", Protocol.TCP, 80, (IPv4Address("10.43.0.51"),)),
    ServicePort(2, "bank/vault", Protocol.TCP, 80, (IPv4Address("10.43.0.52"),), READY),
]


@pytest.mark.parametrize(
    ("sender", "to", "reachable", "why"),
    [
        ("web", "10.42.3.5", True, "is the pod itself"),
        ("web", "127.0.0.1", True, "is the pod itself"),
        ("web", "224.0.0.5", False, "multicast or broadcast"),
        ("web", "255.255.255.255", False, "multicast or broadcast"),
        ("web", "0.1.2.3", False, "no destination"),
        ("web", "100.64.0.3", False, "lies in the egress range 100.64.0.0/18"),
        ("web", "10.42.3.6", True, "is pod db of this node, in the same VPC"),
        ("web", "db", True, "is pod db of this node, in the same VPC"),
        ("vault", "10.42.3.6", True, "is the pod itself"),
        ("web", "vault", False, 'in VPC "closed", which is not peered with "default"'),
        ("web", "10.42.3.60", False, "lies in block 10.42.3.0/26 of this node, and no pod has it"),
        ("web", "10.42.200.1", False, 'no block of VPC "default" known here has it'),
        ("web", "1.1.1.1", True, 'VPC "default" has a way out'),
        ("late", "1.1.1.1", False, "the pod has no address to leave"),
        ("vault", "1.1.1.1", False, 'VPC "closed" has no way out'),
        ("web", "10.43.0.10", True, "is the cluster's DNS"),
        ("vault", "10.43.0.1", True, "is the API"),
        ("web", "169.254.1.1", True, "is the node"),
        ("web", "10.43.0.50", True, "is service shop/db, which has ready endpoints"),
        ("web", "10.43.0.51", False, "no ready endpoint: connections are refused at once"),
        ("web", "10.43.0.52", False, 'no service of VPC "default" has it'),
        ("vault", "10.43.0.50", False, 'no service of VPC "closed" has it'),
    ],
)
def test_the_deciding_step_is_named(sender: str, to: str, reachable: bool, why: str) -> None:
    found = check(CONFIG, WANTED, SERVICES, sender, to)
    assert (found.reachable, why in found.why) == (reachable, True), found
    assert found.way[0].startswith(f"pod {sender}")


def test_the_way_lists_what_a_packet_passes() -> None:
    found = check(CONFIG, WANTED, SERVICES, "web", "1.1.1.1")
    assert found.way[1:] == ("route 0.0.0.0/0: Outside", "the pod leaves as 100.64.0.1", "the node masquerades it")
    found = check(CONFIG, WANTED, SERVICES, "web", "10.43.0.50")
    assert found.way[-1] == "TCP port 5432 leads to 10.42.3.6:5432"


@pytest.mark.parametrize(
    ("sender", "to", "reason"),
    [("nobody", "1.1.1.1", "NotFound"), ("web", "nobody", "NotFound"), ("web", "1.1.1", "BadRequest"),
     ("web", "", "BadRequest"), ("web", "fd6b::1", "BadRequest")],
)  # fmt: skip
def test_what_is_not_there_is_said(sender: str, to: str, reason: str) -> None:
    with pytest.raises(NetworkProblem) as refused:
        check(CONFIG, WANTED, SERVICES, sender, to)
    assert refused.value.reason == reason


def test_routes_are_those_of_the_programs() -> None:
    entries = routes(CONFIG, WANTED, WANTED.vpcs[1])
    by_destination = {each.destination: (each.kind, each.vpc) for each in entries}
    assert by_destination["10.42.0.0/16"] == ("Pods", "default")
    assert by_destination["10.43.0.10/32"] == ("System", "")
    assert by_destination["100.64.0.0/18"] == ("Denied", "")
    assert entries[-1].destination == "0.0.0.0/0"
    assert entries[-1].kind == "Outside"
    closed = routes(CONFIG, WANTED, WANTED.vpcs[2])
    assert closed[-1].kind == "Denied"
