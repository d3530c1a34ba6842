"""Sets of paths and their form in ``fieldsV1``; everything against Python's own sets of paths."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.objects.apply.elements import BadFields, canonical, text
from k3py.objects.apply.fieldset import ANYTHING, DEPTH_MAX, FieldSet, excluding, including, leaves

_ELEMENTS = ("f:a", "f:b", "f:.", 'k:{"name":"c"}', 'k:{"a":1,"b":"x"}', 'v:"s"', "v:1", "v:true", "i:0", "i:10", "i:2")
_PATHS = st.lists(st.lists(st.sampled_from(_ELEMENTS), min_size=1, max_size=4).map(tuple), max_size=8).map(set)


@settings(max_examples=100)
@given(_PATHS, _PATHS)
def test_the_algebra_is_that_of_sets_of_paths(left: set[Any], right: set[Any]) -> None:
    one, two = FieldSet.of(*left), FieldSet.of(*right)
    assert set(one) == left
    assert set(one | two) == left | right
    assert set(one & two) == left & right
    assert set(one - two) == left - right
    assert (one >= two) == (left >= right)
    assert (one == two) == (left == right)
    assert all(path in one for path in left)
    assert not any(path in one for path in right - left)
    assert bool(one) == bool(left)


@settings(max_examples=100)
@given(_PATHS, _PATHS)
def test_excluding_takes_away_what_is_below_too(left: set[Any], right: set[Any]) -> None:
    found = set(FieldSet(excluding(FieldSet.of(*left).tree, FieldSet.of(*right).tree)))
    assert found == {path for path in left if not any(path[: len(each)] == each for each in right)}


@settings(max_examples=100)
@given(_PATHS)
def test_leaves_have_nothing_below_them(members: set[Any]) -> None:
    found = set(FieldSet(leaves(FieldSet.of(*members).tree)))
    assert found == {path for path in members if not any(o != path and o[: len(path)] == path for o in members)}


@settings(max_examples=100)
@given(_PATHS)
def test_a_set_comes_back_from_its_json(members: set[Any]) -> None:
    fields = FieldSet.of(*members)
    wire = json.loads(json.dumps(fields.encode()))
    assert FieldSet.parse(wire) == fields
    assert FieldSet.parse(wire).encode() == wire
    assert hash(FieldSet.parse(wire)) == hash(fields)


_ODD = st.sampled_from([*_ELEMENTS, ".", "x", "k:[]", "k:{", "v:", "i:x", "q:1"])
_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from([*_ELEMENTS, ".", "x", "k:[]", "k:{", "v:", "i:x", "q:1"]), inner, max_size=3
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(_JSON)
def test_other_json_is_refused_or_read_the_same_ever_after(value: Any) -> None:
    try:
        fields = FieldSet.parse(value)
    except BadFields:
        return
    assert FieldSet.parse(fields.encode()) == fields


@settings(max_examples=200)
@given(
    st.text(max_size=12)
    | st.sampled_from("fkvi").flatmap(lambda kind: st.text(max_size=8).map(lambda t: f"{kind}:{t}"))
)
def test_any_text_is_an_element_in_its_one_form_or_none(element: str) -> None:
    try:
        once = canonical(element)
    except BadFields:
        return
    assert canonical(once) == once
    assert text(once)


def test_keys_are_equal_however_they_are_written() -> None:
    loose = FieldSet.parse({'k:{ "b" : "x", "a":1 }': {".": {}, "f:a": {".": {}}}})
    assert loose.encode() == {'k:{"a":1,"b":"x"}': {".": {}, "f:a": {}}}


def test_keys_stand_in_kubernetes_order() -> None:
    fields = FieldSet.of(
        *[(element,) for element in ("i:10", "i:2", "v:2", "v:10", 'v:"a"', 'k:{"p":80}', 'k:{"p":9}', "f:z", "f:a")]
    )
    assert list(fields.encode()) == ["f:a", "f:z", 'k:{"p":9}', 'k:{"p":80}', "v:2", "v:10", 'v:"a"', "i:2", "i:10"]
    assert list(FieldSet.of(("f:a",), ("f:a", "f:b")).encode()["f:a"]) == [".", "f:b"]


@pytest.mark.parametrize(
    "bad",
    [
        [],
        "f:a",
        {"f:a": 1},
        {"f:a": None},
        {"a": {}},
        {"k:{}": {}},
        {"k:1": {}},
        {"v:": {}},
        {"i:-": {}},
        {".": {"f:a": {}}},
    ],
)  # fmt: skip
def test_what_is_no_set_is_refused(bad: Any) -> None:
    with pytest.raises(BadFields):
        FieldSet.parse(bad)


def test_a_set_nests_only_so_deeply() -> None:
    def nested(depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for _ in range(depth):
            result = {"f:a": result}
        return result

    assert FieldSet.parse(nested(DEPTH_MAX))
    with pytest.raises(BadFields, match="too deeply"):
        FieldSet.parse(nested(DEPTH_MAX + 1))


def test_including_keeps_the_way_to_what_is_wanted() -> None:
    key = 'k:{"name":"c"}'
    tree = FieldSet.of(
        ("f:spec",), ("f:spec", "f:containers", key), ("f:spec", "f:containers", key, "f:image"),
        ("f:spec", "f:containers", key, "f:resources", "f:limits"), ("f:spec", "f:nodeName"),
        ("f:metadata", "f:labels"),
    ).tree  # fmt: skip
    pattern = {"f:spec": {"f:containers": {ANYTHING: {"f:resources": None}}}}
    assert FieldSet(including(tree, pattern)) == FieldSet.of(
        ("f:spec",), ("f:spec", "f:containers", key), ("f:spec", "f:containers", key, "f:resources", "f:limits")
    )
    assert including(FieldSet.of(("f:metadata", "f:labels"), ("f:spec", "f:nodeName")).tree, pattern) == {}
