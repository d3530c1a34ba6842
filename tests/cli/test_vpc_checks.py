"""What is said of a node's pod network, as a table: one thing is wrong, and the one check that minds."""

from dataclasses import replace
from typing import Any

import pytest

from k3py.cli.checks import Level
from k3py.cli.vpc_checks import NAMED_MAX, NetworkFacts, examine_network
from k3py.model.vpc_socket import Pong, VpcEntry

PONG = Pong(ready=True, node="n1", in_contact=True, cluster=0xC1, service_cidr="10.43.0.0/16", mtu=1500)
VPC = VpcEntry(name="default", vpc_id=1, cidr="10.42.0.0/16", egress="Masquerade", phase="Active", pods=2)
GOOD = NetworkFacts(log="/var/log/vpc.log", pong=PONG, vpcs=[VPC], pods=["a/b", "node"], table="k3py-0123abcd")

WRONG: list[tuple[str, dict[str, Any], str, Level]] = [
    ("not ready", {"pong": Pong(ready=False, why="the node has no certificate")}, "VPC daemon", Level.FAIL),
    ("the server is away", {"pong": Pong(ready=True)}, "server", Level.WARN),
    ("no VPC is known", {"vpcs": []}, "VPCs", Level.WARN),
    ("a pod without programs", {"bare": ["a/b"]}, "programs", Level.FAIL),
    ("no rules", {"table_exists": False}, "rules", Level.FAIL),
    ("no nft", {"table_exists": None}, "rules", Level.WARN),
]


def test_a_good_network_passes_everything() -> None:
    assert {each.level for each in examine_network(GOOD)} == {Level.OK}


@pytest.mark.parametrize(("what", "facts", "name", "level"), WRONG)
def test_one_thing_is_wrong(what: str, facts: dict[str, Any], name: str, level: Level) -> None:
    results = {each.name: each for each in examine_network(replace(GOOD, **facts))}
    assert results[name].level is level, what
    assert results[name].remedy, "what is wrong comes with its remedy"


def test_without_the_daemon_there_is_one_check() -> None:
    results = examine_network(NetworkFacts(log="/var/log/vpc.log", unavailable="nobody listens"))
    assert [(each.name, each.level, each.said) for each in results] == [("VPC daemon", Level.FAIL, "nobody listens")]


def test_only_a_few_pods_are_named() -> None:
    names = [f"a/{number}" for number in range(NAMED_MAX + 1)]
    said = next(each.said for each in examine_network(replace(GOOD, bare=names)) if each.name == "programs")
    assert names[NAMED_MAX - 1] in said
    assert names[NAMED_MAX] not in said
