"""The ConfigMap by which pods know the API server."""

from k3py.controllers.actions import said
from k3py.controllers.root_ca import DESCRIPTION, KEY, NAME, TEXT, RootCaController, reconcile
from k3py.model.generated import core_v1, meta_v1
from tests.controllers.toy import Toy

CA = "-----BEGIN CERTIFICATE-----\n"
Namespace, ConfigMap = core_v1.Namespace, core_v1.ConfigMap


def shop(**more: str) -> Namespace:
    return Namespace(metadata=meta_v1.ObjectMeta(name="shop", **more))


def test_every_namespace_gets_one_and_keeps_it() -> None:
    toy = Toy(RootCaController(CA))
    toy.put(shop())
    toy.settle()
    made = toy.get(ConfigMap, "shop", NAME)
    assert made.data == {KEY: CA}
    assert made.metadata.annotations == {DESCRIPTION: TEXT}
    toy.delete(ConfigMap, "shop", NAME)
    toy.settle()
    assert toy.get(ConfigMap, "shop", NAME).data == {KEY: CA}, "it was deleted"
    toy.change(ConfigMap, "shop", NAME, {"data": {KEY: "another"}})
    toy.settle()
    assert toy.get(ConfigMap, "shop", NAME).data == {KEY: CA}, "it was changed"
    toy.change(ConfigMap, "shop", NAME, {"data": None})
    toy.settle()
    assert toy.get(ConfigMap, "shop", NAME).data == {KEY: CA}, "it was emptied"


def test_other_config_maps_are_nobodys_business() -> None:
    toy = Toy(RootCaController(CA))
    toy.put(shop())
    toy.settle()
    before = len(toy.log)
    toy.put(ConfigMap(metadata=meta_v1.ObjectMeta(name="other", namespace="shop"), data={KEY: "x"}))
    toy.settle()
    assert len(toy.log) == before


def test_a_namespace_that_goes_gets_none() -> None:
    going = shop(deletion_timestamp="2026-01-01T00:00:00Z")
    assert reconcile(going, None, CA) == []
    assert reconcile(going, ConfigMap(metadata=meta_v1.ObjectMeta(name=NAME, namespace="shop")), CA) == []
    assert [said(each) for each in reconcile(shop(), None, CA)] == [
        "create ConfigMap kube-root-ca.crt: namespace shop has no kube-root-ca.crt"
    ]
