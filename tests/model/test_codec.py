"""Typed objects from bytes and back, strict where Kubernetes is strict."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model import codec
from k3py.model.generated import apps_v1, core_v1
from k3py.model.kinds import KINDS


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_what_is_unset_is_left_out_as_go_leaves_it_out() -> None:
    pod = codec.decode(core_v1.Pod, _bytes({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}))
    assert codec.to_plain(pod) == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c", "resources": {}}]},
        "status": {},
    }


def test_null_counts_as_absent() -> None:
    body = {"metadata": {"name": "a", "labels": None, "creationTimestamp": None}, "spec": {"containers": None}}
    pod = codec.decode(core_v1.Pod, _bytes(body))
    assert (pod.metadata.labels, pod.spec.containers) == ({}, [])


def test_null_among_the_values_of_a_map_is_the_empty_value() -> None:
    assert codec.decode(core_v1.Secret, _bytes({"data": {"a": None}})).data == {"a": b""}
    assert codec.decode(core_v1.ConfigMap, _bytes({"data": {"a": None}})).data == {"a": ""}


def test_unknown_fields_are_refused_with_their_path() -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"imagee": "x"}]}}}}
    with pytest.raises(msgspec.ValidationError, match=r"imagee.*\$\.spec\.template\.spec\.containers\[0\]"):
        codec.decode(apps_v1.Deployment, _bytes(body))
    made, unknown = codec.convert(apps_v1.Deployment, body, lenient=True)
    assert unknown == ["spec.template.spec.containers[0].imagee"]
    assert made.spec.template.spec.containers[0].image == ""


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"nodeName": 1}},
        {"spec": {"containers": {}}},
        {"spec": {"hostNetwork": "yes"}},
        {"spec": {"terminationGracePeriodSeconds": 2**63}},
        {"spec": {"priority": 2**31}},
        {"metadata": {"labels": {"a": 1}}},
        [],
    ],
)
def test_wrong_types_are_refused(body: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        codec.decode(core_v1.Pod, _bytes(body))


def test_bytes_travel_as_base64() -> None:
    secret = codec.decode(core_v1.Secret, _bytes({"data": {"a": "AAH/"}}))
    assert secret.data == {"a": b"\x00\x01\xff"}
    assert codec.to_plain(secret)["data"] == {"a": "AAH/"}


@pytest.mark.parametrize("kind", list(KINDS), ids=lambda kind: kind.name)
def test_every_kind_survives_a_round_trip_empty(kind: Any) -> None:
    made = kind.type()
    again = codec.decode(kind.type, codec.encode(made))
    assert codec.encode(again) == codec.encode(made)
    assert codec.to_plain(made)["kind"] == kind.name
    assert codec.to_plain(made)["apiVersion"] == kind.api_version


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["metadata", "spec", "containers", "name", "labels", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(_json)
def test_no_json_fails_otherwise_than_clearly(value: Any) -> None:
    for lenient in (True, False):
        try:
            codec.convert(core_v1.Pod, value, lenient=lenient)
        except msgspec.ValidationError:
            continue
