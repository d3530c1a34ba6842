"""Strategic merge patch: lists with keys, and the directives."""

import contextlib
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model.errors import BadRequest, Problem
from k3py.objects.patch.errors import PatchFailed, go_text
from k3py.objects.patch.strategic import strategic_merge

POD = "io.k8s.api.core.v1.PodSpec"
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
DEPLOYMENT = "io.k8s.api.apps.v1.DeploymentSpec"


def containers(*items):
    return {"containers": [{"name": name, **more} for name, more in items]}


def names(spec, field="containers"):
    return [item["name"] for item in spec[field]]


TWO = containers(("a", {"image": "1"}), ("b", {"image": "1", "args": ["x"]}))


def test_an_element_is_found_by_its_key_and_merged():
    merged = strategic_merge(TWO, containers(("b", {"image": "2"})), POD)
    assert merged == containers(("a", {"image": "1"}), ("b", {"image": "2", "args": ["x"]}))
    assert TWO["containers"][1]["image"] == "1"


def test_a_new_element_comes_first():
    assert names(strategic_merge(TWO, containers(("c", {"image": "1"})), POD)) == ["c", "a", "b"]


def test_lists_without_a_strategy_are_replaced():
    assert strategic_merge(TWO, containers(("b", {"args": ["y"]})), POD)["containers"][1]["args"] == ["y"]


def test_delete_an_element_and_one_that_is_not_there():
    patch = containers(("a", {"$patch": "delete"}), ("z", {"$patch": "delete"}))
    assert names(strategic_merge(TWO, patch, POD)) == ["b"]


def test_replace_a_list_or_a_map():
    patch = {"containers": [{"$patch": "replace"}, {"name": "n", "image": "9"}]}
    assert strategic_merge(TWO, patch, POD) == containers(("n", {"image": "9"}))
    before = {"nodeSelector": {"a": "b"}, "securityContext": {"runAsUser": 1}}
    patch = {"nodeSelector": {"$patch": "replace", "c": "d"}, "securityContext": {"$patch": "delete"}}
    assert strategic_merge(before, patch, POD) == {"nodeSelector": {"c": "d"}, "securityContext": {}}


def test_null_removes():
    assert strategic_merge({"nodeSelector": {"a": "b", "c": "d"}}, {"nodeSelector": {"a": None}}, POD) == {
        "nodeSelector": {"c": "d"}
    }
    assert strategic_merge(TWO, {"containers": None}, POD) == {}


def test_keys_to_retain():
    before = {"volumes": [{"name": "v", "emptyDir": {}}]}
    patch = {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/h"}}]}
    assert strategic_merge(before, patch, POD) == {"volumes": [{"name": "v", "hostPath": {"path": "/h"}}]}
    before = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}
    patch = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    assert strategic_merge(before, patch, DEPLOYMENT) == {"strategy": {"type": "Recreate"}}
    with pytest.raises(BadRequest, match="invalid patch format of retainKeys"):
        strategic_merge(before, {"strategy": {"$retainKeys": ["x"], "type": "Recreate"}}, DEPLOYMENT)


def test_an_order_that_the_patch_gives():
    order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}]}
    patch = {**order, **containers(("c", {"image": "1"}))}
    assert names(strategic_merge(TWO, patch, POD)) == ["b", "c", "a"]
    assert names(strategic_merge(TWO, order, POD)) == ["b", "a"]
    before = containers(("x", {}), ("a", {}), ("b", {}))
    assert names(strategic_merge(before, order, POD)) == ["x", "b", "a"]
    with pytest.raises(PatchFailed, match="doesn't match"):
        strategic_merge(TWO, {"$setElementOrder/containers": [{"name": "a"}], **containers(("c", {}))}, POD)


def test_primitives_are_a_set():
    before = {"finalizers": ["a/b", "c/d"]}
    assert sorted(strategic_merge(before, {"finalizers": ["e/f", "a/b"]}, META)["finalizers"]) == ["a/b", "c/d", "e/f"]
    patch = {"$deleteFromPrimitiveList/finalizers": ["a/b"]}
    assert strategic_merge(before, patch, META) == {"finalizers": ["c/d"]}
    patch = {
        "$deleteFromPrimitiveList/finalizers": ["a/b"],
        "$setElementOrder/finalizers": ["e/f", "c/d"],
        "finalizers": ["e/f"],
    }
    assert strategic_merge(before, patch, META) == {"finalizers": ["e/f", "c/d"]}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"containers": [{"image": "z"}]}, "map: map[image:z] does not contain declared merge key: name"),
        ({"containers": [{"name": "a", "$patch": "frob"}]}, "unknown patch type: frob in map: map[$patch:frob name:a]"),
        ({"containers": [{"name": "a", "$patch": "merge"}]}, "merging lists cannot yet be specified in the patch"),
        ({"nodeSelector": {"$patch": 5}}, "unknown patch type: %!s(int64=5) in map: map[$patch:5]"),
        ({"$setElementOrder/containers": 5}, "expected a []interface {}, but received a int64"),
        ({"$setElementOrder/nope": []}, 'unable to find api field in struct PodSpec for the json field "nope"'),
        (
            {"containers": ["a"]},
            "list element types are not identical: [[map[image:1 name:a] map[args:[x] image:1 name:b]] [a]]",
        ),
    ],
)
def test_directives_that_do_not_fit(patch, said):
    with pytest.raises(PatchFailed) as caught:
        strategic_merge({**TWO, "nodeSelector": {"a": "b"}}, patch, POD)
    assert caught.value.message == said
    assert "reason" not in caught.value.status()


def test_where_there_is_nothing_nulls_and_maps_with_directives_are_dropped():
    patch = {
        "affinity": {"x": None, "y": {"$patch": "delete"}, "z": 1},
        "dnsConfig": {"$patch": "replace", "a": 1},
        "volumes": [{"name": "a"}, {"name": "b", "$patch": "delete"}],
    }
    assert strategic_merge({}, patch, POD) == {"affinity": {"z": 1}, "volumes": [{"name": "a"}]}


def test_values_as_go_prints_them():
    assert go_text({"b": [1, "x", None], "a": True}) == "map[a:true b:[1 x <nil>]]"


KEYS = st.sampled_from(["name", "image", "containers", "volumes", "$patch", "$retainKeys", "finalizers", "nodeSelector",
                        "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers"])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.integers(0, 2) | st.sampled_from(["a", "replace", "delete", "name"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES))
def test_any_patch_applies_or_is_refused_and_changes_nothing_in_place(original, patch):
    kept = copy.deepcopy((original, patch))
    with contextlib.suppress(Problem):
        strategic_merge(original, patch, POD)
    assert (original, patch) == kept
