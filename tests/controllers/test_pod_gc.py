"""Pods that nobody else removes."""

from typing import Any

from k3py.controllers.pod_gc import PodGarbageController
from k3py.model.generated import core_v1, meta_v1
from tests.controllers.toy import Toy

Pod, Node = core_v1.Pod, core_v1.Node


def pod(toy: Toy, name: str, node: str = "", phase: str = "Running", **meta: Any) -> None:
    toy.put(
        Pod(
            metadata=meta_v1.ObjectMeta(name=name, namespace="default", **meta),
            spec=core_v1.PodSpec(node_name=node),
            status=core_v1.PodStatus(phase=phase),
        )
    )


def names(toy: Toy) -> set[str]:
    return {each.metadata.name for each in toy.all(Pod)}


def test_pods_of_a_node_that_is_gone_fail_and_go() -> None:
    toy = Toy(PodGarbageController())
    toy.put(Node(metadata=meta_v1.ObjectMeta(name="n1")))
    pod(toy, "a", "n1")
    pod(toy, "b", "n2")
    toy.settle(seconds=39)
    assert names(toy) == {"a", "b"}, "the node may only be late"
    toy.settle(seconds=2)
    assert names(toy) == {"a"}
    assert any("patch" not in line and "its node n2 is gone" in line for line in toy.log)


def test_a_node_that_appears_in_time_keeps_its_pods() -> None:
    toy = Toy(PodGarbageController())
    pod(toy, "a", "n1")
    toy.settle(seconds=30)
    toy.put(Node(metadata=meta_v1.ObjectMeta(name="n1")))
    toy.settle(seconds=60)
    assert names(toy) == {"a"}


def test_only_so_many_finished_pods_are_kept_the_oldest_go() -> None:
    toy = Toy(PodGarbageController(finished_max=2))
    for number, phase in enumerate(("Succeeded", "Failed", "Running", "Succeeded", "Failed")):
        pod(toy, f"p{number}", phase=phase, creation_timestamp=f"2026-01-01T00:00:0{number}Z")
    toy.settle()
    assert names(toy) == {"p2", "p3", "p4"}


def test_a_pod_deleted_before_it_had_a_node_goes() -> None:
    toy = Toy(PodGarbageController())
    pod(toy, "a", phase="Pending", deletion_timestamp="2026-01-01T00:00:00Z")
    pod(toy, "b", phase="Pending")
    toy.settle()
    assert names(toy) == {"b"}
