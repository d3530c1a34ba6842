"""What is known of types: every kind, and objects without a schema."""

from typing import Any

import pytest

from k3py.model.definitions import schemas
from k3py.objects.apply.comparing import compare
from k3py.objects.apply.fieldset import FieldSet
from k3py.objects.apply.merging import merge
from k3py.objects.apply.schema import Shape, schema_of, schemaless
from k3py.objects.apply.values import field_set


def test_every_definition_can_be_read() -> None:
    for name in schemas():
        assert schema_of(name).shape in Shape
    assert schema_of("io.k8s.api.core.v1.Pod") is schema_of("io.k8s.api.core.v1.Pod")
    with pytest.raises(KeyError):
        schema_of("io.k8s.api.core.v1.Nothing")


def test_markers_decide_what_is_one_value() -> None:
    pod = schema_of("io.k8s.api.core.v1.PodSpec").fields
    assert pod["nodeSelector"][1].atomic
    assert pod["tolerations"][1].atomic
    assert pod["containers"][1].keys == ("name",)
    ports = pod["containers"][1].element
    assert ports is not None
    assert ports.fields["ports"][1].defaults == {"containerPort": 0, "protocol": "TCP"}
    assert schema_of("io.k8s.api.core.v1.PersistentVolumeSpec").fields["claimRef"][1].atomic is False
    assert schema_of("io.k8s.api.core.v1.ObjectReference").atomic


def test_objects_without_a_schema_have_granular_maps_and_atomic_lists() -> None:
    node = schemaless()
    old: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}, "spec": {"map": {"x": 1}, "list": [1], "odd": [1]}}
    new: dict[str, Any] = {"metadata": {"finalizers": ["f"]}, "spec": {"map": {"y": 2}, "list": [2], "odd": {"z": 1}}}
    assert field_set(new, node) == {
        "f:metadata": {"f:finalizers": {'v:"f"': {}}},
        "f:spec": {".": {}, "f:map": {".": {}, "f:y": {}}, "f:list": {}, "f:odd": {".": {}, "f:z": {}}},
    }
    merged = merge(old, new, node)
    assert merged["spec"] == {"map": {"x": 1, "y": 2}, "list": [2], "odd": {"z": 1}}
    changed = FieldSet(compare(old, merged, node).changed)
    assert ("f:spec", "f:list") in changed
    assert ("f:spec", "f:map", "f:y") in changed
    assert ("f:spec", "f:map", "f:x") not in changed
