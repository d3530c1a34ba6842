"""Namespace: everything goes, then the namespace."""

from k3py.controllers.namespace import NamespaceController
from k3py.controllers.service_account import ServiceAccountController
from k3py.model.generated import core_v1, meta_v1
from tests.controllers.toy import Toy

Namespace, ConfigMap, Pod = core_v1.Namespace, core_v1.ConfigMap, core_v1.Pod


def namespace() -> Namespace:
    return Namespace(
        metadata=meta_v1.ObjectMeta(name="shop"),
        spec=core_v1.NamespaceSpec(finalizers=["kubernetes"]),
        status=core_v1.NamespaceStatus(phase="Active"),
    )


def meta(name: str, space: str = "shop", **more: list[str]) -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, namespace=space, **more)  # type: ignore[arg-type]


def reasons(toy: Toy) -> dict[str, str]:
    found = toy.get(Namespace, "", "shop")
    return {each.type: each.reason for each in found.status.conditions if each.status == "True"}


def test_a_namespace_goes_after_its_contents() -> None:
    toy = Toy(NamespaceController())
    toy.put(namespace())
    toy.put(ConfigMap(metadata=meta("a")))
    toy.put(ConfigMap(metadata=meta("a", "other")))
    running = toy.put(Pod(metadata=meta("p"), spec=core_v1.PodSpec(node_name="n1")))
    toy.ready(running)
    toy.delete(Namespace, "", "shop")
    toy.settle()
    assert toy.get(ConfigMap, "shop", "a") is None
    assert toy.get(Namespace, "", "shop").status.phase == "Terminating"
    assert reasons(toy) == {"NamespaceContentRemaining": "SomeResourcesRemain"}
    remaining = [c.message for c in toy.get(Namespace, "", "shop").status.conditions if c.status == "True"]
    assert remaining == ["Some resources are remaining: configmaps. has 1 resource instances, pods. has 1 resource "
                         "instances"]  # fmt: skip
    toy.settle(agents=True)
    assert toy.all(Namespace) == []
    assert [each.metadata.namespace for each in toy.all(ConfigMap)] == ["other"]


def test_a_finalizer_in_it_holds_it_and_is_told() -> None:
    toy = Toy(NamespaceController())
    toy.put(namespace())
    toy.put(ConfigMap(metadata=meta("held", finalizers=["example.com/hold"])))
    toy.delete(Namespace, "", "shop")
    toy.settle()
    assert reasons(toy)["NamespaceFinalizersRemaining"] == "SomeFinalizersRemain" or toy.log
    toy.settle(seconds=60)
    assert reasons(toy)["NamespaceFinalizersRemaining"] == "SomeFinalizersRemain"
    toy.change(ConfigMap, "shop", "held", {"metadata": {"finalizers": None}})
    toy.settle(seconds=60)
    assert toy.all(Namespace) == []


def test_other_finalizers_of_the_namespace_are_not_ours() -> None:
    toy = Toy(NamespaceController())
    wanted = namespace()
    wanted.spec.finalizers.append("example.com/mine")
    toy.put(wanted)
    toy.delete(Namespace, "", "shop")
    toy.settle(seconds=60)
    assert toy.get(Namespace, "", "shop").spec.finalizers == ["example.com/mine"]


def test_a_living_namespace_is_left_alone() -> None:
    toy = Toy(NamespaceController())
    toy.put(namespace())
    toy.put(ConfigMap(metadata=meta("a")))
    toy.settle(seconds=60)
    assert toy.log == []


def test_each_namespace_has_the_default_account() -> None:
    toy = Toy(ServiceAccountController())
    toy.put(namespace())
    toy.settle()
    assert toy.get(core_v1.ServiceAccount, "shop", "default") is not None
    toy.remove(toy.get(core_v1.ServiceAccount, "shop", "default"))
    toy.settle()
    assert toy.get(core_v1.ServiceAccount, "shop", "default") is not None
    toy.delete(Namespace, "", "shop")
    toy.remove(toy.get(core_v1.ServiceAccount, "shop", "default"))
    toy.settle()
    assert toy.all(core_v1.ServiceAccount) == [], "not in a namespace that is going"
