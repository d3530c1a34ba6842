"""VPC: number, prefix, count; and the end, which waits for what is inside."""

from typing import Any

from k3py.controllers.vpc import VpcController
from k3py.controllers.vpc_ids import RELEASED_ANNOTATION, REST_SECONDS
from k3py.model.generated import core_v1, meta_v1
from k3py.model.vpc_v1 import FINALIZER, VPC, VPC_LABEL, VPCBlock, VPCBlockSpec, VPCSpec, VPCStatus
from tests.controllers.toy import Toy

Pod, Service = core_v1.Pod, core_v1.Service
SYSTEM = core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="kube-system", uid="0badcafe-0000-4000-8000-000000000000"))


def vpc(name: str, cidr: str = "10.0.0.0/24") -> VPC:
    return VPC(metadata=meta_v1.ObjectMeta(name=name, finalizers=[FINALIZER]), spec=VPCSpec(cidr=cidr))


def pod(name: str, vpc: str = "red", address: str = "10.0.0.5", phase: str = "Running", node: str = "n1") -> Pod:
    return Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace="a", labels={VPC_LABEL: vpc}),
        spec=core_v1.PodSpec(node_name=node),
        status=core_v1.PodStatus(phase=phase, pod_ip=address),
    )


def service(name: str, vpc: str = "red") -> Service:
    return Service(metadata=meta_v1.ObjectMeta(name=name, namespace="a", labels={VPC_LABEL: vpc}))


def block(name: str = "red-10-0-0-0", node: str = "n1", vpc: str = "red") -> VPCBlock:
    spec = VPCBlockSpec(vpc=vpc, vpc_id=2, cidr="10.0.0.0/26", node_name=node)
    return VPCBlock(metadata=meta_v1.ObjectMeta(name=name), spec=spec)


def node(name: str = "n1") -> core_v1.Node:
    return core_v1.Node(metadata=meta_v1.ObjectMeta(name=name))


def world(*objects: Any) -> Toy:
    toy = Toy(VpcController("10.43.0.0/16"))
    for each in (SYSTEM, vpc("default", "10.42.0.0/16"), *objects):
        toy.put(each)
    toy.settle()
    return toy


def status(toy: Toy, name: str = "red") -> VPCStatus:
    found: VPC = toy.get(VPC, "", name)
    return found.status


def test_each_gets_its_number_and_prefix() -> None:
    toy = world(vpc("red"), vpc("blue", "10.0.0.0/8"))
    assert status(toy, "default") == VPCStatus(
        phase="Active", vpc_id=1, prefix="fd6b:3370:1000:bad:cafe:1::/96", service_cidr="10.43.0.0/16", capacity=65_533
    )
    assert (status(toy).vpc_id, status(toy).prefix, status(toy).capacity) == (
        2, "fd6b:3370:1000:bad:cafe:2::/96", 253,
    )  # fmt: skip
    assert status(toy, "blue").vpc_id == 3
    written = len(toy.log)
    toy.settle(3_600)
    assert len(toy.log) == written


def test_a_number_on_its_way_is_not_given_again() -> None:
    toy = world()
    controller = toy.controllers[0]
    for name in ("red", "blue"):
        toy.put(vpc(name))
    toy.dirty.clear()
    from k3py.controllers.controller import Turn

    given = [controller.plan(("", name), toy.caches, Turn(toy.now))[0] for name in ("red", "blue", "red")]
    assert [each.object.status.vpc_id for each in given] == [2, 3, 2]


def test_nothing_is_given_before_the_cluster_has_its_id() -> None:
    toy = Toy(VpcController("10.43.0.0/16"))
    toy.put(vpc("default"))
    toy.settle()
    assert toy.log == []
    toy.put(SYSTEM)
    toy.settle()
    assert status(toy, "default").vpc_id == 1


def test_pods_with_an_address_are_counted_now_and_then() -> None:
    toy = world(vpc("red"))
    toy.settle(60)
    host = pod("host")
    host.spec.host_network = True
    for each in (pod("a"), pod("b", address=""), pod("c", vpc="blue"), pod("d", phase="Succeeded"), host):
        toy.put(each)
    toy.settle()
    assert status(toy).allocated == 1
    toy.put(pod("b", address="10.0.0.6"))
    toy.settle()
    assert status(toy).allocated == 1
    toy.settle(5)
    assert status(toy).allocated == 2


def test_a_finalizer_that_is_missing_comes_back() -> None:
    bare = vpc("red")
    bare.metadata.finalizers = []
    toy = world(bare)
    assert toy.get(VPC, "", "red").metadata.finalizers == [FINALIZER]
    assert status(toy).vpc_id == 2


def test_a_block_goes_when_its_node_and_pods_are_gone() -> None:
    toy = world(vpc("red"), node(), block(), pod("a"))
    toy.delete(core_v1.Node, "", "n1")
    toy.settle()
    assert len(toy.all(VPCBlock)) == 1
    toy.remove(toy.get(Pod, "a", "a"))
    toy.settle()
    assert toy.all(VPCBlock) == []
    assert toy.log[-1] == "delete VPCBlock red-10-0-0-0: node n1 is gone"


def test_the_end_waits_for_pods_services_and_blocks_and_says_so() -> None:
    toy = world(vpc("red"), node(), block(), *(pod(name) for name in "abcd"), service("s"))
    toy.delete(VPC, "", "red")
    toy.settle()
    (condition,) = status(toy).conditions
    assert (status(toy).phase, condition.type, condition.reason) == ("Terminating", "ContentRemaining", "PodsRemain")
    assert condition.message == ("waits for 4 pods (a/a, a/b, a/c, ...), 1 service (a/s), 1 address block of nodes")
    assert toy.events == [f"PodsRemain: Deletion {condition.message}"]
    for name in "abc":
        toy.remove(toy.get(Pod, "a", name))
    toy.put(pod("d", phase="Failed"))
    toy.settle(10)
    assert toy.all(VPCBlock) == []
    assert [each.reason for each in status(toy).conditions] == ["ServicesRemain"]
    toy.remove(toy.get(Service, "a", "s"))
    toy.settle()
    assert toy.get(VPC, "", "red") is None


def test_its_number_rests_also_for_a_new_leader() -> None:
    toy = world(vpc("red"))
    toy.delete(VPC, "", "red")
    toy.settle()
    assert toy.get(VPC, "", "red") is None
    kept = toy.get(VPC, "", "default").metadata.annotations
    assert kept[RELEASED_ANNOTATION] == f'{{"2":{int(toy.now)}}}'
    assert toy.log[-2].startswith("patch VPC default: number 2 rests")
    later = world(vpc("green"))
    later.put(toy.get(VPC, "", "default"))
    later.put(vpc("blue"))
    later.settle()
    assert status(later, "blue").vpc_id == 3
    toy.put(vpc("pink"))
    toy.settle()
    assert status(toy, "pink").vpc_id == 3
    toy.settle(REST_SECONDS)
    toy.put(vpc("white"))
    toy.settle()
    assert status(toy, "white").vpc_id == 2


def test_one_that_never_had_a_number_just_goes() -> None:
    toy = Toy(VpcController("10.43.0.0/16"))
    toy.put(vpc("red"))
    toy.delete(VPC, "", "red")
    toy.put(SYSTEM)
    toy.settle()
    assert toy.get(VPC, "", "red") is None
    assert toy.log == ["patch VPC red: nothing is left in it"]
