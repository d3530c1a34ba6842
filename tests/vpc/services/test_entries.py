"""Where services answer, and what outsiders reach."""

from ipaddress import IPv4Address

from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.services.entries import LOOPBACK, Frontend, Target, lost_backends, wanted_entries
from k3py.vpc.services.node_ports import node_port_rules
from k3py.vpc.wanted import Backend, PodNetwork, Protocol, ServicePort

VIP, EXTERNAL, NODE = (IPv4Address(each) for each in ("10.43.0.50", "192.0.2.80", "192.0.2.1"))
HERE, AWAY = (Backend(IPv4Address(each), 8080) for each in ("10.42.0.5", "10.42.9.5"))
OUTSIDE = IPv4Address("100.64.0.5")
PODS = {(1, HERE.ipv4): PodNetwork("uid", 1, HERE.ipv4, outside_ipv4=OUTSIDE)}


def made(**more: object) -> ServicePort:
    fields: dict[str, object] = {
        "vpc": 1, "name": "shop/web:http", "protocol": Protocol.TCP, "port": 80, "addresses": (VIP, EXTERNAL),
        "backends": (HERE, AWAY), "node_port": 30080,
    }  # fmt: skip
    return ServicePort(**{**fields, **more})  # type: ignore[arg-type]


def at(address: IPv4Address, port: int = 80) -> Frontend:
    return Frontend(1, address, port, Protocol.TCP)


def test_a_service_answers_at_each_of_its_addresses():
    target, native = Target((HERE, AWAY), False, 9), Target((HERE, AWAY), True, 9)
    assert wanted_entries([made(native=True, affinity_seconds=9)], [NODE]) == {
        at(VIP): native,
        at(EXTERNAL): target,
        at(NODE, 30080): target,
        at(LOOPBACK, 30080): target,
    }


def test_nobodys_external_address_takes_anothers_traffic():
    thief = made(name="evil", addresses=(IPv4Address("10.43.0.66"), VIP, NODE), backends=(), node_port=0)
    on_node_port = made(name="evil", addresses=(IPv4Address("10.43.0.66"), NODE), port=30080, backends=(), node_port=0)
    honest = wanted_entries([made()], [NODE])
    for each in (thief, on_node_port):
        together = wanted_entries([each, made()], [NODE])
        assert {frontend: together[frontend] for frontend in honest} == honest


def test_what_frontends_lose():
    before = {at(VIP): (HERE, AWAY), at(NODE): (HERE,), at(EXTERNAL): (AWAY,)}
    assert lost_backends(before, {at(VIP): (AWAY,), at(EXTERNAL): (AWAY, HERE)}) == {
        at(VIP): frozenset({HERE}),
        at(NODE): frozenset({HERE}),
    }


def test_outsiders_reach_pods_of_this_node():
    assert node_port_rules([made(affinity_seconds=9)], PODS) == [
        DnatRule(Protocol.TCP, 30080, ((OUTSIDE, 8080),), None, True),
        DnatRule(Protocol.TCP, 80, ((OUTSIDE, 8080),), EXTERNAL, True),
    ]
    assert node_port_rules([made(node_port=0, addresses=(VIP,))], PODS) == []


def test_without_a_pod_here_there_is_no_rule():
    assert node_port_rules([made(backends=(AWAY,))], PODS) == []
    assert node_port_rules([made(vpc=2)], PODS) == []
    assert node_port_rules([made()], {(1, HERE.ipv4): PodNetwork("uid", 1, HERE.ipv4)}) == []


def test_local_traffic_policy_for_outsiders():
    assert node_port_rules([made(external_local=True)], PODS) == []
    local = made(external_local=True, backends=(), local_backends=(HERE,), addresses=(VIP,))
    assert node_port_rules([local], PODS) == [DnatRule(Protocol.TCP, 30080, ((OUTSIDE, 8080),))]


def test_the_first_of_two_claims_wins():
    second = made(name="shop/zebra:http", backends=(Backend(HERE.ipv4, 9),), addresses=(VIP,))
    assert node_port_rules([made(addresses=(VIP,)), second], PODS) == [
        DnatRule(Protocol.TCP, 30080, ((OUTSIDE, 8080),))
    ]
