"""Which object a write means."""

import pytest

from k3py.model.errors import BadRequest
from k3py.model.generated import core_v1, networking_v1
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.kinds import KINDS
from k3py.objects.identity import check_name, check_namespace, other_uid, place

CONFIG_MAP = KINDS.of(core_v1.ConfigMap)


def test_the_name_is_that_of_the_url():
    check_name("a", ObjectMeta(name="a"))
    with pytest.raises(BadRequest, match=r"\(a based on URL\) was undeterminable: name must be provided"):
        check_name("a", ObjectMeta())
    with pytest.raises(BadRequest, match=r"\(b\) does not match the name on the URL \(a\)"):
        check_name("a", ObjectMeta(name="b"))


def test_an_object_is_where_the_request_says():
    meta = ObjectMeta(name="a")
    place(CONFIG_MAP, "default", meta)
    assert meta.namespace == "default"
    with pytest.raises(BadRequest, match="does not match the namespace sent on the request"):
        check_namespace(CONFIG_MAP, "other", meta)
    place(KINDS.of(core_v1.Node), "", meta)
    assert meta.namespace == ""


def test_another_uid_is_told_with_the_place_in_the_store():
    for kind, namespace, key in (
        (core_v1.ConfigMap, "n", "/registry/configmaps/n/a"),
        (core_v1.Service, "n", "/registry/services/specs/n/a"),
        (core_v1.Node, "", "/registry/minions/a"),
        (networking_v1.Ingress, "n", "/registry/ingress/n/a"),
    ):
        said = other_uid(KINDS.of(kind), namespace, "a", "u", "")
        assert f"Key: {key}, ResourceVersion: 0" in str(said)
        assert str(said).endswith("UID in precondition: u, UID in object meta: ")
