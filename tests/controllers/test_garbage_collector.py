"""Garbage collector: who goes with whom."""

from typing import Any

from k3py.controllers.garbage_collector import GarbageCollector
from k3py.model.generated import apps_v1, core_v1, meta_v1
from tests.controllers.toy import Toy

Map, Set, Deployment, Pod = core_v1.ConfigMap, apps_v1.ReplicaSet, apps_v1.Deployment, core_v1.Pod


def owner(value: Any, *, block: bool = True) -> meta_v1.OwnerReference:
    return meta_v1.OwnerReference(
        api_version=value.api_version,
        kind=value.kind,
        name=value.metadata.name,
        uid=value.metadata.uid,
        controller=True,
        block_owner_deletion=block,
    )


def meta(name: str, *owners: meta_v1.OwnerReference, space: str = "default") -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, namespace=space, owner_references=list(owners))


def family() -> Toy:
    """A Deployment, its ReplicaSet, two pods."""
    toy = Toy(GarbageCollector())
    top = toy.put(Deployment(metadata=meta("web")))
    middle = toy.put(Set(metadata=meta("web-1", owner(top))))
    for name in ("a", "b"):
        toy.put(Pod(metadata=meta(name, owner(middle))))
    toy.put(Map(metadata=meta("bystander")))
    toy.settle()
    assert toy.log == []
    return toy


def left(toy: Toy) -> set[str]:
    return {value.metadata.name for value in toy.objects.values()}


def test_in_the_background_the_owner_goes_first() -> None:
    toy = family()
    toy.delete(Deployment, "default", "web", "Background")
    assert "web" not in left(toy)
    toy.settle()
    assert left(toy) == {"bystander"}


def test_in_the_foreground_the_owner_goes_last() -> None:
    toy = family()
    order: list[str] = []
    remove = toy.remove
    toy.remove = lambda value: (order.append(value.metadata.name), remove(value))[1]  # type: ignore[method-assign]
    toy.delete(Deployment, "default", "web", "Foreground")
    assert "web" in left(toy)
    toy.settle()
    assert left(toy) == {"bystander"}
    assert order[-2:] == ["web-1", "web"]


def test_orphans_stay_and_forget_their_owner() -> None:
    toy = family()
    toy.delete(Deployment, "default", "web", "Orphan")
    toy.settle()
    assert left(toy) == {"web-1", "a", "b", "bystander"}
    assert toy.get(Set, "default", "web-1").metadata.owner_references == []


def test_an_owner_is_its_uid_not_its_name() -> None:
    toy = Toy(GarbageCollector())
    first = toy.put(Deployment(metadata=meta("web")))
    toy.put(Set(metadata=meta("old", owner(first))))
    toy.remove(toy.get(Deployment, "default", "web"))
    again = Deployment(metadata=meta("web"))
    again.metadata.uid = "another"
    toy.put(again)
    toy.settle()
    assert left(toy) == {"web"}, "the set of the first deployment is nobody's now"


def test_one_of_two_owners_is_enough() -> None:
    toy = Toy(GarbageCollector())
    one, two = toy.put(Map(metadata=meta("one"))), toy.put(Map(metadata=meta("two")))
    toy.put(Map(metadata=meta("child", owner(one), owner(two))))
    toy.delete(Map, "default", "one")
    toy.settle()
    assert [each.name for each in toy.get(Map, "default", "child").metadata.owner_references] == ["two"]
    toy.delete(Map, "default", "two")
    toy.settle()
    assert left(toy) == set()


def test_a_dependent_that_does_not_block_holds_nobody_back() -> None:
    toy = Toy(GarbageCollector())
    top = toy.put(Map(metadata=meta("top")))
    held = meta("child", owner(top, block=False))
    held.finalizers = ["example.com/hold"]
    toy.put(Map(metadata=held))
    toy.delete(Map, "default", "top", "Foreground")
    toy.settle()
    assert left(toy) == {"child"}


def test_owners_of_unknown_kinds_and_of_other_namespaces() -> None:
    toy = Toy(GarbageCollector())
    custom = meta_v1.OwnerReference(api_version="example.com/v1", kind="Thing", name="t", uid="t")
    toy.put(Map(metadata=meta("of-a-thing", custom)))
    far = toy.put(Map(metadata=meta("far", space="elsewhere")))
    toy.put(Map(metadata=meta("reaches-out", owner(far))))
    toy.settle()
    assert left(toy) == {"of-a-thing", "far"}, "what we cannot look up stays; a reference across namespaces is void"


def test_what_was_orphaned_while_nobody_looked_is_found_at_the_start() -> None:
    toy = Toy(GarbageCollector())
    gone = Deployment(metadata=meta("web"))
    gone.metadata.uid = "gone"
    toy.put(Set(metadata=meta("web-1", owner(gone))))
    toy.settle()
    assert left(toy) == set()
