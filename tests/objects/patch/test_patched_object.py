"""A patch from the bytes of a body to the object that it leaves, or to what is wrong with it."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k3py.model.errors import BadRequest, Invalid, Problem
from k3py.objects.options import FieldValidation, PatchType
from k3py.objects.patch.reading import DEPTH_MAX, read_patch
from k3py.objects.patch.result import patched_object
from tests.objects.world import kind_of

IGNORE, STRICT, WARN = FieldValidation.IGNORE, FieldValidation.STRICT, FieldValidation.WARN
JSON, MERGE, STRATEGIC = PatchType.JSON, PatchType.MERGE, PatchType.STRATEGIC
CONFIG, DEPLOYMENT = kind_of("ConfigMap"), kind_of("Deployment")
BEFORE = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x", "uid": "u"}, "data": {"b": "1", "a": "2"}}
SHOWN = '{"apiVersion":"v1","data":{"a":"2","b":"1"},"kind":"ConfigMap","metadata":{"name":"x","uid":"u"}%s}'


def patched(type_, body, validation=STRICT, kind=CONFIG, before=BEFORE):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return patched_object(kind, before, read_patch(type_, data, validation), validation)


def refused(type_, body, validation=STRICT, kind=CONFIG):
    with pytest.raises(Problem) as caught:
        patched(type_, body, validation, kind)
    return caught.value


BODIES = [
    (JSON, STRICT, b"{", "error decoding patch: unexpected end of JSON input"),
    (JSON, IGNORE, b"{", "unexpected end of JSON input"),
    (JSON, WARN, {},
     "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
    (JSON, IGNORE, {}, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
    (JSON, WARN, [5], "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
    (JSON, WARN, [{"op": 5}],
     "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"),
    (MERGE, STRICT, b"[]",
     "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
    (MERGE, STRICT, b"null", "Invalid JSON Patch"),
    (STRATEGIC, STRICT, b"[]", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    (STRATEGIC, STRICT, b'{"a":1', "unexpected end of JSON input"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "validation", "body", "said"), BODIES)
def test_bodies_that_are_no_patches(type_, validation, body, said):
    problem = refused(type_, body, validation)
    assert isinstance(problem, BadRequest)
    assert problem.message == said


@pytest.mark.parametrize("type_", [MERGE, STRATEGIC])
def test_the_deepest_patch(type_):
    def nested(levels):
        return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)

    assert patched(type_, nested(DEPTH_MAX), IGNORE)[0].metadata.name == "x"
    assert refused(type_, nested(DEPTH_MAX + 2)).message.endswith("exceeded max depth")
    assert refused(type_, b"[" * 100_000).message.endswith(("exceeded max depth", "JSON input"))


UNKNOWN = [
    (MERGE, b'{"y":2,"data":{"c":"1","c":"3"}}', ['duplicate field "data.c"', 'unknown field "y"'], {"c": "3"}),
    (STRATEGIC, b'{"y":2,"data":{"c":"1","c":"3"}}', ['duplicate field "data.c"', 'unknown field "y"'], {"c": "3"}),
    (
        JSON,
        b'[{"op":"add","path":"/z","path":"/z","value":1,"odd":2}]',
        ['json patch duplicate field "[0].path"', 'json patch unknown field "[0].odd"', 'unknown field "z"'],
        {},
    ),
]


@pytest.mark.parametrize(("type_", "body", "complaints", "data"), UNKNOWN)
def test_unknown_and_duplicate_fields(type_, body, complaints, data):
    obj, warnings = patched(type_, body, WARN)
    assert obj.data == {"a": "2", "b": "1"} | data
    assert warnings == complaints
    assert patched(type_, body, IGNORE)[1] == []
    problem = refused(type_, body)
    assert isinstance(problem, Invalid)
    assert problem.message.endswith(f": strict decoding error: {', '.join(complaints)}")


def test_what_is_shown_of_the_object_has_its_keys_sorted_where_the_patch_went():
    assert json.dumps(SHOWN % ',"y":{"d":1,"c":2}') in refused(JSON, [
        {"op": "add", "path": "/y", "value": {"d": 1, "c": 2}}, {"op": "add", "path": "/data/a", "value": "2"}
    ]).message  # fmt: skip
    untouched = SHOWN.replace('{"a":"2","b":"1"}', '{"b":"1","a":"2"}')
    assert json.dumps(untouched % ',"y":"\\u003c"') in refused(MERGE, {"y": "<"}).message
    assert (
        '"map[data:map[c:d] y:[1 <nil> true 1e+21]]"'
        in refused(STRATEGIC, {"y": [1, None, True, 1e21], "data": {"c": "d"}}).message
    )


def test_nothing_of_a_secret_is_shown():
    said = refused(MERGE, {"data": [1], "x": "hidden"}, kind=kind_of("Secret")).message
    assert "<contents redacted>" in said
    assert "hidden" not in said


KINDS = [
    ({"kind": "Pod"}, "converting (v1.Pod) to (core.ConfigMap): unknown conversion"),
    ({"kind": "Secret"}, "illegal base64 data at input byte 0"),
    ({"apiVersion": "v2"}, 'no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/'),
    ({"kind": 5},
     "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said"), KINDS)
def test_a_patch_does_not_make_another_kind(body, said):
    assert said in refused(MERGE, body).message
    if isinstance(body.get("kind", ""), str):
        obj = patched(STRATEGIC, body)[0]  # of a typed object: what it says of itself does not matter
        assert (obj.kind, obj.api_version) == ("ConfigMap", "v1")


def test_a_patch_may_take_away_what_the_object_says_of_its_kind():
    assert patched(MERGE, {"kind": None, "apiVersion": None})[0].kind == "ConfigMap"


def test_types_are_complained_about_in_each_decoders_words():
    said = "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
    assert refused(MERGE, {"data": {"a": 5}}).message.endswith(said)
    assert refused(STRATEGIC, {"data": {"a": 5}}).message == (
        ' "" is invalid: patch: Invalid value: "map[data:map[a:5]]": cannot convert int64 to string'
    )


FIELDS = ["spec", "template", "containers", "name", "image", "ports", "containerPort", "metadata", "finalizers", "x",
          "labels", "$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers",
          "$setElementOrder/finalizers", "$setElementOrder", "strategy", "volumes"]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.floats() | st.sampled_from(["a", "replace", "delete", "merge"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)
CONTAINERS = [{"name": "a", "image": "i", "ports": [{"containerPort": 80}]}, {"name": "b", "image": "j"}]
BIG = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
    "metadata": {"name": "x", "finalizers": ["a.b/c", "d.e/f"], "labels": {"x": "y"}},
    "spec": {"replicas": 1, "selector": {}, "template": {"spec": {"containers": CONTAINERS}}},
}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PatchType), st.sampled_from(FieldValidation), VALUES)
@example(STRATEGIC, WARN, {"metadata": {"$setElementOrder/finalizers": [{"a": 1}]}})
@example(STRATEGIC, WARN, {"spec": {"template": {"spec": {"containers": [None]}}}})
def test_any_patch_leaves_an_object_or_a_problem(type_, validation, body):
    within = {"spec": {"template": {"spec": body}}, "metadata": body}
    before = json.dumps(BIG)
    for each in (body, within):
        try:
            obj, _ = patched(type_, each, validation, DEPLOYMENT, BIG)
        except Problem:
            continue
        assert obj.kind == "Deployment"
    assert json.dumps(BIG) == before


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PatchType), st.sampled_from(FieldValidation), st.binary(max_size=60))
def test_any_bytes_are_a_patch_or_a_problem(type_, validation, data):
    try:
        patch = read_patch(type_, data, validation)
    except BadRequest:
        return
    assert patch.type is type_


def test_whole_numbers_are_whole_in_a_strategic_patch():
    before = {"metadata": {"name": "x"}, "spec": {"replicas": 1}}
    new, _ = patched(STRATEGIC, b'{"spec":{"replicas":3.0}}', kind=DEPLOYMENT, before=before)
    assert new.spec.replicas == 3
    for type_, number, why in (
        (STRATEGIC, "3.5", "cannot convert float64 to int32"),
        (MERGE, "3.0", "cannot unmarshal number 3.0 into Go struct field DeploymentSpec.spec.replicas of type int32"),
    ):
        with pytest.raises(Invalid) as caught:
            patched(type_, b'{"spec":{"replicas":%b}}' % number.encode(), kind=DEPLOYMENT, before=before)
        assert caught.value.message.endswith(why)
