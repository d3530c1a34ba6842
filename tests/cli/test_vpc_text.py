"""What is said of pods' packets, as tables of values."""

from typing import Any

import pytest

from k3py.cli.app import NOT_FOUND, Failure
from k3py.cli.vpc_kinds import vpc_object, waits_for
from k3py.cli.vpc_text import (
    counter_rows,
    drop_row,
    endpoint,
    find_uid,
    is_address,
    reachability_text,
    shown_drops,
    with_names,
)
from k3py.model.vpc_socket import Count, DropEvent, PodCounters, Reachability

SENT = Count(direction="FromPod", outcome="SENT_SHORT_CUT", packets=3, bytes=300, meaning="to a pod of this node")
NONE = Count(direction="FromPod", outcome="SENT_OUTSIDE", packets=0, bytes=0)
DENIED = Count(
    direction="FromPod", outcome="DROP_ROUTE_DENIED", packets=1, bytes=98, dropped=True, meaning="it may not"
)


def pod(namespace: str, name: str, uid: str, *counts: Count) -> PodCounters:
    return PodCounters(pod_uid=uid, namespace=namespace, name=name, vpc="default", ipv4="10.42.0.5", counts=counts)


PODS = [pod("red", "web", "u1"), pod("blue", "web", "u2"), pod("", "", "node")]


@pytest.mark.parametrize(
    ("word", "namespace", "uid"),
    [("web", "red", "u1"), ("web", "blue", "u2"), ("blue/web", "red", "u2"), ("node", "red", "node")],
)
def test_which_pod_is_meant(word: str, namespace: str, uid: str) -> None:
    assert find_uid(PODS, word, namespace) == uid


@pytest.mark.parametrize("word", ["db", "green/web", "u1", "/web", ""])
def test_which_pod_is_not_there(word: str) -> None:
    with pytest.raises(Failure, match="no network on this node") as caught:
        find_uid(PODS, word, "red")
    assert caught.value.exit_code == NOT_FOUND


def test_a_pod_may_be_called_node() -> None:
    named = [*PODS, pod("red", "node", "u3")]
    assert find_uid(named, "red/node", "default") == "u3"
    assert find_uid(named, "node", "default") == "node"


@pytest.mark.parametrize(("word", "is_one"), [("10.42.0.5", True), ("fd6b:3370::1", True), ("web", False), ("", False)])
def test_addresses(word: str, is_one: bool) -> None:
    assert is_address(word) is is_one


def test_counters_show_what_happened_drops_last() -> None:
    rows = counter_rows([pod("red", "web", "u1", DENIED, NONE, SENT), pod("", "", "node")])
    host = ["-", "node", "default", "10.42.0.5"]
    web = ["red", "web", "default", "10.42.0.5"]
    assert rows == [
        [*host, "-", "-", "0", "0", ""],
        [*web, "from pod", "SENT_SHORT_CUT", "3", "300", "to a pod of this node"],
        [*web, "from pod", "DROP_ROUTE_DENIED", "1", "98", "dropped: it may not"],
    ]


def test_a_drop_is_a_line() -> None:
    event = DropEvent(
        number=1, time=1_800_000_000.25, pod_uid="u1", direction="FromPod", outcome="DROP_ROUTE_DENIED",
        meaning="it may not", namespace="red", name="web", source="10.50.0.1", destination="100.64.0.1",
        protocol="TCP", source_port=4312, destination_port=80, length=74,
    )  # fmt: skip
    assert drop_row(event) == [
        "08:00:00.250", "red/web", "from pod", "TCP", "10.50.0.1:4312", "100.64.0.1:80", "74", "DROP_ROUTE_DENIED",
        "it may not",
    ]  # fmt: skip
    bare = DropEvent(number=1, time=0.0, pod_uid="u9", direction="ToPod", outcome="DROP_NOT_IP", meaning="no IP")
    assert drop_row(bare)[1:7] == ["u9", "to pod", "-", "-", "-", "0"]


def test_what_every_kernel_sends_is_shown_when_it_is_asked_for() -> None:
    def event(outcome: str, uid: str) -> DropEvent:
        return DropEvent(number=1, time=0.0, pod_uid=uid, direction="FromPod", outcome=outcome, meaning="")

    events = [event("DROP_MULTICAST", "u1"), event("DROP_NO_ROUTE", "u1"), event("DROP_NO_ROUTE", "u2")]
    assert shown_drops(events, (), chatter=True) == events
    assert shown_drops(events, (), chatter=False) == events[1:]
    assert shown_drops(events, {"u2"}, chatter=True) == events[2:]


@pytest.mark.parametrize(
    ("address", "port", "text"),
    [("10.0.0.1", 80, "10.0.0.1:80"), ("fd6b::1", 80, "[fd6b::1]:80"), ("fd6b::1", 0, "fd6b::1"), ("", 80, "-")],
)
def test_endpoints(address: str, port: int, text: str) -> None:
    assert endpoint(address, port) == text


def test_a_verdict_and_its_steps() -> None:
    found = Reachability(reachable=False, why="VPC blue is not peered", way=("from_pod of red/web", "no route"))
    assert reachability_text(found) == (
        "not reachable: VPC blue is not peered\n  1. from_pod of red/web\n  2. no route\n"
    )


def test_pods_are_called_by_their_names() -> None:
    found = Reachability(reachable=True, why="it is pod u2 of this node", way=("pod u1 (10.0.0.1)", "the node"))
    assert with_names(found, PODS) == Reachability(
        reachable=True, why="it is pod blue/web of this node", way=("pod red/web (10.0.0.1)", "the node")
    )


@pytest.mark.parametrize(
    ("namespaces", "everybody", "allowed"),
    [
        ([], False, None),
        ([], True, {}),
        (
            ["red", "dev"],
            False,
            {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["red", "dev"]}]},
        ),
    ],
)  # fmt: skip
def test_who_may_use_a_vpc(namespaces: list[str], everybody: bool, allowed: Any) -> None:
    made = vpc_object("red", "10.50.0.0/16", "None", namespaces, everybody=everybody)
    assert made["spec"] == {
        "cidr": "10.50.0.0/16", "egress": "None", **({} if allowed is None else {"allowedNamespaces": allowed}),
    }  # fmt: skip


def remaining(message: str, status: str = "True") -> dict[str, Any]:
    return {"type": "ContentRemaining", "status": status, "message": message}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"conditions": [remaining("waits for 2 pods: a, b")], "allocated": 2}, "waits for 2 pods: a, b"),
        ({"conditions": [remaining("old", "False")], "allocated": 1}, "waits for 1 pod"),
        ({"allocated": 2, "conditions": [{"type": "X", "message": "other"}]}, "waits for 2 pods"),
        ({}, "waits until nothing is left in it"),
    ],
)
def test_what_a_deletion_waits_for(status: dict[str, Any], said: str) -> None:
    assert waits_for({"status": status}) == said
