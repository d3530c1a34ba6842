"""What is said of fields of the wrong type."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model import codec
from k3py.model.generated.apps_v1 import Deployment
from k3py.model.generated.core_v1 import ConfigMap, Pod, Secret
from k3py.objects.go_types import mismatch
from k3py.objects.normalise import normalise


def container(**fields):
    return {"spec": {"containers": [fields]}}


WORDS = [
    (ConfigMap, {"data": [1]},
     "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string",
     "cannot restore map from slice"),
    (ConfigMap, {"data": {"a": 5}},
     "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
     "cannot convert int64 to string"),
    (ConfigMap, {"data": {"a": True}},
     "json: cannot unmarshal bool into Go struct field ConfigMap.data of type string", "unrecognized type: string"),
    (ConfigMap, {"metadata": 5},
     "json: cannot unmarshal number into Go struct field ConfigMap.metadata of type v1.ObjectMeta",
     "cannot restore struct from: int64"),
    (ConfigMap, {"immutable": "yes"},
     "json: cannot unmarshal string into Go struct field ConfigMap.immutable of type bool", "unrecognized type: bool"),
    (ConfigMap, {"kind": 5}, "json: cannot unmarshal number into Go struct field ConfigMap.kind of type string",
     "cannot convert int64 to string"),
    (Deployment, {"spec": {"replicas": "abc"}},
     "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
     "unrecognized type: int32"),
    (Deployment, {"spec": {"replicas": 1.5}},
     "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
     "cannot convert float64 to int32"),
    (Pod, {"spec": {"containers": {"a": "b"}}},
     "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
     "cannot restore slice from map"),
    (Pod, container(ports=[{"containerPort": 99999999999}]),
     "json: cannot unmarshal number 99999999999 into Go struct field"
     " ContainerPort.spec.containers.ports.containerPort of type int32", "cannot convert int64 to int32"),
    (Pod, container(livenessProbe={"httpGet": {"port": True}}),
     "json: cannot unmarshal bool into Go struct field"
     " HTTPGetAction.spec.containers.livenessProbe.httpGet.port of type int32",
     "json: cannot unmarshal bool into Go value of type int32"),
    (Pod, {"metadata": {"creationTimestamp": 5}},
     "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
     "json: cannot unmarshal number into Go value of type string"),
    (Secret, {"data": {"a": "$"}},
     "illegal base64 data at input byte 0", "error decoding from json: illegal base64 data at input byte 0"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "as_json", "as_unstructured"), WORDS)
def test_words(kind, value, as_json, as_unstructured):
    found = mismatch(kind, value)
    assert found is not None
    assert (found.as_json(), found.as_unstructured()) == (as_json, as_unstructured)


@pytest.mark.parametrize(
    ("text", "place"),
    [("$", 0), ("a", 0), ("ab$d", 2), ("abcd=", 4), ("ab=c", 2), ("abcde", 4), ("YQ==", None), ("YQ\n==", None)],
)
def test_base64(text, place):
    found = mismatch(Secret, {"data": {"a": text}})
    assert (found and found.as_json()) == (None if place is None else f"illegal base64 data at input byte {place}")


def test_types_that_read_themselves_complain_themselves():
    found = mismatch(Pod, {"metadata": {"creationTimestamp": "yesterday"}})
    assert found is not None
    assert found.as_json().startswith('parsing time "yesterday" as')
    found = mismatch(Pod, container(resources={"limits": {"cpu": True}}))
    assert found is not None
    assert found.as_json().startswith("quantities must match the regular expression")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["metadata", "name", "spec", "containers", "ports", "containerPort", "labels", "env", "value",
                         "resources", "limits", "cpu", "stdin", "args", "x", "livenessProbe", "httpGet", "port",
                         "ownerReferences", "controller", "creationTimestamp", "managedFields", "fieldsV1"]),
        inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "kind", "x"]), VALUES, max_size=3))
def test_a_mismatch_is_found_where_the_decoder_refuses(value):
    try:
        normalise(codec.convert(Pod, value, lenient=True)[0])
        refused = False
    except ValueError:
        refused = True
    found = mismatch(Pod, value)
    assert (found is not None) is refused
    if found is not None:
        assert found.as_json()
        assert found.as_unstructured()
